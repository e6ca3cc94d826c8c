#include "coordinator/lab/forms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/calibrate.h"
#include "base/clock.h"
#include "base/mem.h"
#include "doors/zstd.h"
#include "models/scorer.h"

#define ROUNDS 15
#define ROUND_NS 2000000u
#define ZSTD_LEVEL 9

/* One side at work: a scorer, or where labels are learnt the model alone. */
typedef struct side {
    const an_lab_form *form;
    an_scorer *scorer;
    an_scorer_work *work;
    float *scores; /* (n_windows) in units of the threshold */
    an_model *model;
    an_ws *ws;
    an_quant_ws *quant_ws; /* instead of ws */
} side;

typedef struct judge {
    const an_lab_files *files;
    an_windows *windows; /* (files->n) of each table */
    uint8_t *labels;     /* (n_windows) */
    size_t n;
    side sides[2];
} judge;

static void judge_done(judge *j)
{
    for (int k = 0; k < 2; k++) {
        an_scorer_work_free(j->sides[k].work);
        an_scorer_free(j->sides[k].scorer);
        an_free(j->sides[k].scores);
        an_ws_free(j->sides[k].ws);
        an_quant_ws_free(j->sides[k].quant_ws);
        an_model_free(j->sides[k].model);
    }
    for (size_t i = 0; j->windows && i < j->files->n; i++)
        an_windows_done(&j->windows[i]);
    an_free(j->windows);
    an_free(j->labels);
}

/* Both sides prepare rows alike: it is the weights that differ. */
static an_err take_windows(judge *j, const an_prep *prep, an_note *why)
{
    const an_lab_files *f = j->files;
    an_err err = AN_OK;
    if (!(j->windows = an_alloc(f->n, sizeof *j->windows)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < f->n && err == AN_OK; i++) {
        err = an_prep_windows(prep, f->tables[i].rows, f->tables[i].n, &j->windows[i]);
        j->n += j->windows[i].n;
    }
    if (err == AN_OK && j->n == 0)
        err = an_fail(AN_ERR_INVAL, why, "the tables hold no whole window of %u rows", prep->conf.window);
    if (err == AN_OK && !(j->labels = an_alloc(j->n, sizeof *j->labels)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0, at = 0; i < f->n && err == AN_OK; i++)
        for (size_t w = 0; w < j->windows[i].n; w++, at++)
            j->labels[at] = f->tables[i].labels && f->tables[i].labels[j->windows[i].last[w]] > 0.5f;
    return err;
}

static an_err score_side(judge *j, const an_lab_form *form, side *s, an_note *why)
{
    an_err err = an_scorer_new(form->bundle, NULL, &s->scorer, why);
    if (err == AN_OK && form->quant)
        err = an_scorer_use_quant(s->scorer, form->quant, why);
    if (err == AN_OK)
        err = an_scorer_work_new(s->scorer, 1, &s->work);
    if (err == AN_OK && !(s->scores = an_alloc(j->n, sizeof *s->scores)))
        err = AN_ERR_NOMEM;
    for (size_t i = 0, at = 0; i < j->files->n && err == AN_OK; i++)
        for (size_t w = 0; w < j->windows[i].n && err == AN_OK; w++, at++) {
            const an_windows *all = &j->windows[i];
            err = an_scorer_score(s->scorer, s->work, all->x + w * all->input, 1, &s->scores[at], NULL);
            s->scores[at] = (float)((double)s->scores[at] / an_scorer_threshold(s->scorer));
        }
    return err;
}

static an_err run_one(const side *s, const float *x)
{
    float score;
    if (s->scorer)
        return an_scorer_score(s->scorer, s->work, x, 1, &score, NULL);
    if (s->quant_ws)
        (void)an_quant_forward(s->form->quant, s->quant_ws, 1, x);
    else
        (void)an_model_forward(s->model, s->ws, s->form->bundle->weights, 1, x);
    return AN_OK;
}

/* Microseconds for a window; they go round some of x (n, input). */
static an_err time_side(const side *s, const float *x, size_t n, size_t input, double *ret)
{
    n = n < 64 ? n : 64;
    const uint64_t from = an_clock_ns();
    uint64_t passed = 0;
    size_t done = 0;
    an_err err = AN_OK;
    for (; passed < ROUND_NS && err == AN_OK; passed = an_clock_ns() - from)
        for (size_t i = 0; i < n && err == AN_OK; i++, done++)
            err = run_one(s, x + i * input);
    *ret = 1e-3 * (double)passed / (double)done;
    return err;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static an_err time_both(const judge *j, const float *x, size_t n, size_t input, an_lab_forms *c)
{
    double us[2][ROUNDS];
    an_err err = AN_OK;
    for (int i = 0; i < ROUNDS && err == AN_OK; i++)
        for (int k = 0; k < 2 && err == AN_OK; k++)
            err = time_side(&j->sides[k], x, n, input, &us[k][i]);
    for (int k = 0; k < 2 && err == AN_OK; k++) {
        qsort(us[k], ROUNDS, sizeof us[k][0], ascending);
        c->sides[k].us = us[k][ROUNDS / 2];
    }
    return err;
}

static an_err measure(const an_lab_form *form, an_lab_form_figures *f)
{
    an_buf plain, packed;
    an_buf_init(&plain, AN_BUNDLE_BYTES_MAX);
    an_buf_init(&packed, AN_BUNDLE_BYTES_MAX);
    f->n_params = form->bundle->n_weights;
    f->bytes = form->quant ? an_quant_n_bytes(form->quant) : f->n_params * sizeof(float);
    an_err err = AN_OK;
    if (form->quant)
        err = an_quant_encode(form->quant, &plain);
    for (size_t i = 0; !form->quant && i < f->n_params; i++)
        an_buf_f32(&plain, form->bundle->weights[i]);
    if (err == AN_OK)
        err = an_buf_err(&plain);
    if (err == AN_OK)
        err = an_zstd_pack(&packed, plain.data, plain.len, ZSTD_LEVEL);
    f->packed = packed.len;
    an_buf_done(&plain);
    an_buf_done(&packed);
    return err;
}

static void compare_scores(const judge *j, an_lab_forms *c)
{
    const float *a = j->sides[0].scores, *b = j->sides[1].scores;
    for (size_t i = 0; i < j->n; i++) {
        for (int k = 0; k < 2; k++) {
            c->sides[k].alarms += (double)(j->sides[k].scores[i] > 1.0f) / (double)j->n;
            c->sides[k].score += (double)j->sides[k].scores[i] / (double)j->n;
        }
        c->changed += (double)((a[i] > 1.0f) != (b[i] > 1.0f)) / (double)j->n;
        c->moved += fabs((double)b[i] - (double)a[i]) / (double)j->n;
        c->labelled = c->labelled || j->labels[i];
    }
}

an_err an_lab_forms_compare(const an_lab_files *files, const an_lab_form sides[2], an_lab_forms *ret,
                            an_note *why)
{
    judge j = {.files = files};
    an_lab_forms c = {.unit = an_lab_files_unit(files, "windows")};
    an_err err = take_windows(&j, &sides[0].bundle->prep, why);
    for (int k = 0; k < 2 && err == AN_OK; k++)
        if ((err = score_side(&j, &sides[k], &j.sides[k], why)) == AN_OK)
            err = measure(&sides[k], &c.sides[k]);
    if (err == AN_OK) {
        c.n_windows = j.n;
        compare_scores(&j, &c);
        const an_windows *some = j.windows; /* of the first table that has any */
        while (some->n == 0)
            some++;
        err = time_both(&j, some->x, some->n, some->input, &c);
    }
    for (int k = 0; k < 2 && err == AN_OK && c.labelled; k++)
        err = an_lab_figures_of(j.sides[k].scores, j.labels, j.n, &c.sides[k].judged);
    if (err == AN_OK)
        *ret = c;
    judge_done(&j);
    return err;
}

/* ---- models that learn from labels ---- */

static an_err open_taught(const an_lab_form *form, side *s, an_note *why)
{
    s->form = form;
    an_err err = an_bundle_model(form->bundle, &s->model, why);
    if (err == AN_OK)
        err = form->quant ? an_quant_ws_new(form->quant, 1, &s->quant_ws)
                          : an_ws_new(s->model, AN_WS_FORWARD, 1, &s->ws);
    return err;
}

an_err an_lab_forms_compare_taught(const an_lab_labelled *d, const an_lab_form sides[2], an_lab_forms *ret,
                                   an_note *why)
{
    judge j = {.n = d->n};
    an_lab_forms c = {
        .taught = true, .n_windows = d->n, .unit = d->unit, .sensors = sides[0].bundle->schema.sensors};
    an_err err = AN_OK;
    for (int k = 0; k < 2 && err == AN_OK; k++) {
        err = open_taught(&sides[k], &j.sides[k], why);
        if (err == AN_OK)
            err = an_lab_fitness_of(j.sides[k].model, sides[k].bundle->weights, sides[k].quant, d,
                                    &c.fitness[k], why);
        if (err == AN_OK)
            err = measure(&sides[k], &c.sides[k]);
    }
    if (err == AN_OK)
        err = time_both(&j, d->x, d->n, d->n_inputs, &c);
    if (err == AN_OK)
        *ret = c;
    else
        an_lab_forms_done(&c);
    judge_done(&j);
    return err;
}

void an_lab_forms_done(an_lab_forms *c)
{
    for (int k = 0; k < 2; k++)
        an_lab_fitness_done(&c->fitness[k]);
}

/* ---- the report ---- */

static void print_row(FILE *out, const char *name, double before, double after, const char *form, bool share)
{
    fprintf(out, "  %-22s", name);
    fprintf(out, form, before);
    fprintf(out, form, after);
    if (share && before > 0.0)
        fprintf(out, "%9.2f", after / before);
    fprintf(out, "\n");
}

/* The figures that matter most. */
static void print_fitness(FILE *out, const an_lab_fitness f[2])
{
    print_row(out, "loss", f[0].loss, f[1].loss, "%12.4g", false);
    if (f->goal == AN_LAB_CLASSES) {
        print_row(out, "accuracy", f[0].classes.accuracy, f[1].classes.accuracy, "%12.4f", false);
        print_row(out, "macro F1", f[0].classes.macro_f1, f[1].classes.macro_f1, "%12.4f", false);
    } else if (f->goal == AN_LAB_MASK) {
        print_row(out, "Dice", f[0].overlap.dice, f[1].overlap.dice, "%12.4f", false);
        print_row(out, "IoU", f[0].overlap.iou, f[1].overlap.iou, "%12.4f", false);
    } else {
        print_row(out, "MAE", f[0].fit.mae, f[1].fit.mae, "%12.4g", false);
        print_row(out, "RMSE", f[0].fit.rmse, f[1].fit.rmse, "%12.4g", false);
        print_row(out, "R2", f[0].fit.r2, f[1].fit.r2, "%12.4f", false);
    }
}

static void print_table(FILE *out, const an_lab_forms *c)
{
    const an_lab_form_figures *a = &c->sides[0], *b = &c->sides[1];
    fprintf(out, "  %-22s%12s%12s%9s\n", "", "before", "after", "share");
    print_row(out, "parameters", (double)a->n_params, (double)b->n_params, "%12.0f", true);
    print_row(out, "weights, bytes", (double)a->bytes, (double)b->bytes, "%12.0f", true);
    print_row(out, "compressed, bytes", (double)a->packed, (double)b->packed, "%12.0f", true);
    print_row(out, c->unit[0] == 'i' ? "an image, us" : "a window, us", a->us, b->us, "%12.2f", true);
    if (c->taught) {
        print_fitness(out, c->fitness);
        fprintf(out, "  %zu %s\n", c->n_windows, c->unit);
        return;
    }
    print_row(out, "score / threshold", a->score, b->score, "%12.4f", false);
    print_row(out, "alarms, %", 100 * a->alarms, 100 * b->alarms, "%12.2f", false);
    if (c->labelled) {
        print_row(out, "AUROC", a->judged.auroc, b->judged.auroc, "%12.4f", false);
        print_row(out, "best F1", a->judged.best_f1, b->judged.best_f1, "%12.4f", false);
        print_row(out, "F1", a->judged.f1, b->judged.f1, "%12.4f", false);
        print_row(out, "FAR, %", 100 * a->judged.far, 100 * b->judged.far, "%12.2f", false);
        print_row(out, "MAR, %", 100 * a->judged.mar, 100 * b->judged.mar, "%12.2f", false);
    }
    fprintf(out, "  %zu %s; a score moves by %.4f of the threshold, %.2f %% change their alarm\n",
            c->n_windows, c->unit, c->moved, 100 * c->changed);
}

static an_json *side_json(const an_lab_forms *c, int k)
{
    const an_lab_form_figures *f = &c->sides[k];
    an_json *o = an_json_object();
    an_json_set_int(o, "parameters", (int64_t)f->n_params);
    an_json_set_int(o, "bytes", (int64_t)f->bytes);
    an_json_set_int(o, "compressed_bytes", (int64_t)f->packed);
    an_json_set_num(o, "window_us", f->us);
    if (c->taught) {
        an_lab_fitness_json(&c->fitness[k], c->sensors, o);
        return o;
    }
    an_json_set_num(o, "score", f->score);
    an_json_set_num(o, "alarms", f->alarms);
    if (c->labelled)
        an_lab_figures_json(o, &f->judged, NULL);
    return o;
}

an_err an_lab_forms_report(an_lab *lab, const an_lab_forms *c, an_json *object, an_note *why)
{
    if (!lab->json) {
        an_json_free(object);
        print_table(lab->out, c);
        return AN_OK;
    }
    an_json_set_int(object, c->unit, (int64_t)c->n_windows);
    an_json_set(object, "before", side_json(c, 0));
    an_json_set(object, "after", side_json(c, 1));
    an_json_set_num(object, "size_share", (double)c->sides[1].bytes / (double)c->sides[0].bytes);
    an_json_set_num(object, "speed_up", c->sides[0].us / c->sides[1].us);
    if (!c->taught) {
        an_json_set_num(object, "score_moved", c->moved);
        an_json_set_num(object, "alarms_changed", c->changed);
    }
    return an_lab_print_json(lab, object, why);
}

/* ---- rows to learn from ---- */

an_err an_lab_forms_normal(const an_lab_files *files, size_t min_rows, an_lab_site *ret, an_note *why)
{
    an_lab_site s = {.width = files->width};
    size_t cap = 0;
    snprintf(s.name, sizeof s.name, "the tables");
    for (size_t k = 0; k < files->n; k++) {
        const an_table *t = &files->tables[k];
        for (size_t from = 0, to; from < t->n; from = to + 1) {
            for (to = from; to < t->n && !(t->labels && t->labels[to] > 0.5f);)
                to++;
            if (to - from < min_rows)
                continue;
            if (!an_grow(&s.series, &cap, s.n_series + 1, sizeof *s.series)) {
                an_free(s.series);
                return AN_ERR_NOMEM;
            }
            s.series[s.n_series++] =
                (an_lab_series){.train = t->rows + from * t->width, .n_train = to - from};
        }
    }
    if (s.n_series == 0)
        return an_fail(AN_ERR_INVAL, why, "no %zu rows in a row are without a label", min_rows);
    *ret = s;
    return AN_OK;
}
