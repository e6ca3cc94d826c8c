#include "coordinator/lab/detection.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "models/metrics_curve.h"

#define NAME 24 /* columns of a row's name */

static an_err points(const float *scores, const uint8_t *labels, size_t n, an_lab_detection *d)
{
    an_curve curve = {0};
    an_err err = an_curve_make(scores, labels, n, &curve);
    if (err != AN_OK)
        return err;
    d->n_rows = n;
    d->auroc = curve.auroc;
    d->auprc = curve.auprc;
    d->pauroc = an_curve_pauroc(&curve, AN_LAB_PAUROC_FAR);
    an_curve_done(&curve);
    d->confusion = an_confusion_at(scores, labels, n, 1);
    d->rates = an_rates_of(&d->confusion);
    return an_best_f1(scores, labels, n, &d->best_f1, &d->best_threshold);
}

an_err an_lab_detection_of(const an_lab_detection_opts *opts, const float *scores, const uint8_t *labels,
                           size_t n, an_lab_detection *ret)
{
    an_lab_detection d = {.points_only = opts->points_only};
    if (opts->points_only) {
        an_err err = points(scores, labels, n, &d);
        if (err == AN_OK)
            *ret = d;
        return err;
    }
    uint8_t *alarms = an_alloc(n, 1);
    if (!alarms)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        alarms[i] = scores[i] > 1;
    an_err err = points(scores, labels, n, &d);
    if (err == AN_OK)
        err = an_affiliation_of(alarms, labels, n, &d.affiliation);
    if (err == AN_OK)
        err = an_vus_of(scores, labels, n, opts->vus_window, &d.vus);
    if (err == AN_OK) {
        const an_delays delays = an_delays_of(alarms, labels, n);
        d.delay = delays.mean_delay;
        d.worst_delay = delays.worst_delay;
        d.events = an_events_of(alarms, labels, n);
        d.nab = an_nab_score(alarms, labels, n, opts->nab_window);
        d.pa_area = an_pa_area(alarms, labels, n);
        d.adjusted_f1 = an_pa_f1(alarms, labels, n, 0);
        *ret = d;
    }
    an_free(alarms);
    return err;
}

/* The mean over series of one figure, where it is defined. */
static double mean_of(const an_lab_detection *each, size_t n, size_t offset)
{
    double sum = 0, defined = 0;
    for (size_t i = 0; i < n; i++) {
        const double v = *(const double *)(const void *)((const char *)&each[i] + offset);
        sum += isnan(v) ? 0 : v;
        defined += !isnan(v);
    }
    return defined > 0 ? sum / defined : (double)NAN;
}

static void add_events(const an_lab_detection *each, size_t n, an_lab_detection *d)
{
    double sum = 0;
    d->worst_delay = (double)NAN;
    for (size_t i = 0; i < n; i++) {
        d->events.n_events += each[i].events.n_events;
        d->events.n_detected += each[i].events.n_detected;
        d->events.n_runs += each[i].events.n_runs;
        d->events.n_false_runs += each[i].events.n_false_runs;
        if (each[i].events.n_detected == 0)
            continue;
        sum += each[i].delay * (double)each[i].events.n_detected;
        if (!(d->worst_delay > each[i].worst_delay))
            d->worst_delay = each[i].worst_delay;
    }
    an_events_rates(&d->events);
    d->delay = d->events.n_detected ? sum / (double)d->events.n_detected : (double)NAN;
}

an_err an_lab_detection_all(const float *scores, const uint8_t *labels, size_t n,
                            const an_lab_detection *each, size_t n_each, an_lab_detection *ret)
{
    an_lab_detection d = {.points_only = n_each > 0 && each[0].points_only};
    an_err err = points(scores, labels, n, &d);
    if (err == AN_OK && d.points_only)
        *ret = d;
    if (err != AN_OK || d.points_only)
        return err;
    add_events(each, n_each, &d);
    const struct {
        double *to;
        size_t offset;
    } means[] = {
        {&d.affiliation.precision, offsetof(an_lab_detection, affiliation.precision)},
        {&d.affiliation.recall, offsetof(an_lab_detection, affiliation.recall)},
        {&d.affiliation.f1, offsetof(an_lab_detection, affiliation.f1)},
        {&d.vus.roc, offsetof(an_lab_detection, vus.roc)},
        {&d.vus.pr, offsetof(an_lab_detection, vus.pr)},
        {&d.nab, offsetof(an_lab_detection, nab)},
        {&d.pa_area, offsetof(an_lab_detection, pa_area)},
        {&d.adjusted_f1, offsetof(an_lab_detection, adjusted_f1)},
    };
    for (size_t i = 0; i < sizeof means / sizeof *means; i++)
        *means[i].to = mean_of(each, n_each, means[i].offset);
    *ret = d;
    return AN_OK;
}

const char *an_lab_baseline_name(an_lab_baseline b)
{
    static const char *const names[AN_LAB_BASELINES] = {"random scores", "always an alarm",
                                                        "largest |z| > 3"};
    return names[b];
}

/* ---- as text ---- */

void an_lab_detection_print_head(FILE *out, const char *what)
{
    fprintf(out, "%-24s %6s %6s %8s %6s %6s %6s %6s %6s\n", what, "AUROC", "AUPRC", "best F1", "F1", "prec",
            "recall", "FAR %", "MAR %");
}

/* A dash where nothing is defined. */
static void put(FILE *out, int width, int digits, double v)
{
    if (isnan(v))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, " %*.*f", width, digits, v);
}

void an_lab_detection_print_row(FILE *out, const char *name, const an_lab_detection *d)
{
    const an_rates *r = &d->rates;
    const size_t len = strlen(name); /* the end of a path tells more than its begin */
    fprintf(out, "%s%-*s", len > NAME ? ".." : "", len > NAME ? NAME - 2 : NAME,
            len > NAME ? name + len - (NAME - 2) : name);
    put(out, 6, 3, d->auroc);
    put(out, 6, 3, d->auprc);
    put(out, 8, 3, d->best_f1);
    put(out, 6, 3, r->f1);
    put(out, 6, 3, r->precision);
    put(out, 6, 3, r->recall);
    put(out, 6, 1, 100 * r->far);
    put(out, 6, 1, 100 * r->mar);
    fputc('\n', out);
}

void an_lab_detection_print_matrix(FILE *out, const an_lab_detection *d, const char *unit)
{
    const an_confusion *c = &d->confusion;
    fprintf(out, "%-24s %10s %10s\n", "at the threshold", "alarm", "no alarm");
    fprintf(out, "  %-9s %-12s %10llu %10llu\n", "anomalous", unit, (unsigned long long)c->tp,
            (unsigned long long)c->fn);
    fprintf(out, "  %-6s %-15s %10llu %10llu\n", "normal", unit, (unsigned long long)c->fp,
            (unsigned long long)c->tn);
}

void an_lab_detection_print_ranges(FILE *out, const an_lab_detection *d, const an_lab_detection_opts *opts,
                                   double random_adjusted_f1)
{
    const an_event_figures *e = &d->events;
    if (e->n_events == 0) {
        fprintf(out, "%-24s none is labelled, so only false alarms can be told\n", "events");
        return;
    }
    const double runs = 1000 * (double)e->n_runs / (double)d->n_rows;
    fprintf(out, "%-24s %zu of %zu found, %zu alarm runs of which %zu false; F1", "events", e->n_detected,
            e->n_events, e->n_runs, e->n_false_runs);
    put(out, 0, 3, e->f1);
    fprintf(out, "\n%-24s mean", "delay, rows");
    put(out, 0, 1, d->delay);
    fprintf(out, ", worst");
    put(out, 0, 0, d->worst_delay);
    fprintf(out, "; %.2f alarm runs per 1000 rows\n", runs);
    fprintf(out, "%-24s precision", "affiliation");
    put(out, 0, 3, d->affiliation.precision);
    fprintf(out, ", recall");
    put(out, 0, 3, d->affiliation.recall);
    fprintf(out, ", F1");
    put(out, 0, 3, d->affiliation.f1);
    fprintf(out, "\n%-24s", "AUROC where FAR < 10 %");
    put(out, 0, 3, d->pauroc);
    fprintf(out, ", standardised: chance is 0.5");
    fprintf(out, "\n%-24s ROC", "volume under surface");
    put(out, 0, 3, d->vus.roc);
    fprintf(out, ", PR");
    put(out, 0, 3, d->vus.pr);
    fprintf(out, ", labels fading over up to %zu rows\n%-24s", opts->vus_window, "NAB score");
    put(out, 0, 1, d->nab);
    fprintf(out, " of 100\n%-24s", "PA%K F1, mean over K");
    put(out, 0, 3, d->pa_area);
    fprintf(out, "\n%-24s", "point-adjusted F1");
    put(out, 0, 3, d->adjusted_f1);
    fprintf(out, ", not a result: as many alarms at random reach");
    put(out, 0, 3, random_adjusted_f1);
    fputc('\n', out);
}

/* ---- as JSON ---- */

static void ranges_json(an_json *object, const an_lab_detection *d)
{
    an_json *events = an_json_object(), *affiliation = an_json_object(), *vus = an_json_object();
    const an_event_figures *e = &d->events;
    an_json_set_num(object, "delay", d->delay);
    an_json_set_num(object, "worst_delay", d->worst_delay);
    an_json_set_num(object, "detected", e->recall);
    an_json_set_int(events, "events", (int64_t)e->n_events);
    an_json_set_int(events, "found", (int64_t)e->n_detected);
    an_json_set_int(events, "alarm_runs", (int64_t)e->n_runs);
    an_json_set_int(events, "false_alarm_runs", (int64_t)e->n_false_runs);
    an_json_set_num(events, "precision", e->precision);
    an_json_set_num(events, "recall", e->recall);
    an_json_set_num(events, "f1", e->f1);
    an_json_set(object, "events", events);
    an_json_set_num(affiliation, "precision", d->affiliation.precision);
    an_json_set_num(affiliation, "recall", d->affiliation.recall);
    an_json_set_num(affiliation, "f1", d->affiliation.f1);
    an_json_set(object, "affiliation", affiliation);
    an_json_set_num(vus, "roc", d->vus.roc);
    an_json_set_num(vus, "pr", d->vus.pr);
    an_json_set(object, "vus", vus);
    an_json_set_num(object, "nab", d->nab);
    an_json_set_num(object, "pa_k_f1", d->pa_area);
    an_json_set_num(object, "point_adjusted_f1_not_a_result", d->adjusted_f1);
}

void an_lab_detection_json(an_json *object, const an_lab_detection *d)
{
    const an_confusion *c = &d->confusion;
    an_json *counts = an_json_object();
    an_json_set_int(object, d->points_only ? "images" : "rows", (int64_t)d->n_rows);
    an_json_set_num(object, "auroc", d->auroc);
    an_json_set_num(object, "auprc", d->auprc);
    an_json_set_num(object, "pauroc", d->pauroc);
    an_json_set_num(object, "best_f1", d->best_f1);
    an_json_set_num(object, "f1", d->rates.f1);
    an_json_set_num(object, "precision", d->rates.precision);
    an_json_set_num(object, "recall", d->rates.recall);
    an_json_set_num(object, "far", d->rates.far);
    an_json_set_num(object, "mar", d->rates.mar);
    an_json_set_int(counts, "tp", (int64_t)c->tp);
    an_json_set_int(counts, "fp", (int64_t)c->fp);
    an_json_set_int(counts, "tn", (int64_t)c->tn);
    an_json_set_int(counts, "fn", (int64_t)c->fn);
    an_json_set(object, "confusion", counts);
    if (!d->points_only)
        ranges_json(object, d);
}
