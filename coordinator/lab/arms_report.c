/* What an experiment showed, as JSON and as tables. */
#include <math.h>
#include <stdio.h>

#include "coordinator/lab/arms.h"

/* Over the seeds; site SIZE_MAX: the arm's own figures. */
static an_lab_mean add_seeds(const an_arms_result *r, size_t arm, size_t site)
{
    an_lab_mean mean = {.n = {0}};
    for (size_t i = 0; i < r->n_seeds; i++)
        an_lab_mean_add(&mean,
                        site == SIZE_MAX ? &r->seeds[i].arms[arm].all : &r->seeds[i].arms[arm].sites[site]);
    return mean;
}

static an_lab_figures over_seeds(const an_arms_result *r, size_t arm, size_t site)
{
    const an_lab_mean mean = add_seeds(r, arm, site);
    return an_lab_mean_get(&mean);
}

static void set_hash(an_json *o, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, h);
    an_json_set_text(o, key, hex);
}

static an_json *site_json(const an_arms_conf *conf, size_t site, const an_lab_figures *f)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "site", conf->data->sites[site].name);
    an_lab_figures_json(o, f, conf->experiment->task->figures);
    return o;
}

/* Figures under a key of their own. */
static void put_figures(an_json *o, const char *key, const an_experiment *e, const an_lab_figures *f)
{
    an_json *inner = an_json_object();
    an_lab_figures_json(inner, f, e->task->figures);
    an_json_set(o, key, inner);
}

/* A part without faults has no AUROC, and a rate of false alarms. */
static bool was_judged(const an_lab_figures *f, const an_experiment *e)
{
    an_lab_figures copy = *f;
    for (const an_lab_figure *which = e->task->figures; *which != AN_LAB_FIGURES_N; which++)
        if (!isnan(*an_lab_figure_at(&copy, *which)))
            return true;
    return false;
}

/* Of each part that was judged the mean over n results: of an arm's seeds, or of one. */
static void put_parts(an_json *o, const an_arms_conf *conf, const an_arm_result *const *results, size_t n,
                      bool held)
{
    const an_lab_data *d = conf->data;
    an_json *parts = an_json_object();
    for (size_t k = 0; k < d->n_parts; k++) {
        an_lab_mean mean = {.n = {0}};
        for (size_t i = 0; i < n; i++)
            an_lab_mean_add(&mean, held ? &results[i]->valid_parts[k] : &results[i]->parts[k]);
        an_lab_figures f = an_lab_mean_get(&mean);
        if (was_judged(&f, conf->experiment))
            put_figures(parts, d->parts[k], conf->experiment, &f);
    }
    if (d->n_parts > 0)
        an_json_set(o, "parts", parts);
    else
        an_json_free(parts);
}

static bool holds_back(const an_lab_data *d)
{
    bool some = false;
    for (size_t i = 0; i < d->n_sites; i++)
        some = some || d->sites[i].hold.n > 0;
    return some;
}

static an_json *seed_json(const an_arms_conf *conf, const an_seed_result *r, size_t arm)
{
    const an_experiment *e = conf->experiment;
    const an_arm_result *a = &r->arms[arm];
    an_json *s = an_json_object();
    an_json_set_int(s, "seed", r->seed);
    an_lab_figures_json(s, &a->all, e->task->figures);
    put_parts(s, conf, &a, 1, false);
    if (holds_back(conf->data))
        put_figures(s, "validation", e, &a->valid);
    set_hash(s, "model_hash", &a->model);
    return s;
}

static an_json *arm_json(const an_arms_conf *conf, const an_arms_result *r, size_t arm)
{
    const an_experiment *e = conf->experiment;
    an_json *o = an_json_object(), *sites = an_json_array(), *seeds = an_json_array();
    const an_lab_mean mean = add_seeds(r, arm, SIZE_MAX);
    const an_lab_figures all = an_lab_mean_get(&mean), spread = an_lab_mean_spread(&mean);
    const an_arm_result *of_seeds[AN_LAB_SEEDS_MAX];
    an_lab_mean valid = {.n = {0}};
    for (size_t i = 0; i < r->n_seeds; i++) {
        of_seeds[i] = &r->seeds[i].arms[arm];
        an_lab_mean_add(&valid, &of_seeds[i]->valid);
    }
    an_lab_figures_json(o, &all, e->task->figures);
    if (r->n_seeds > 1)
        put_figures(o, "spread", e, &spread);
    put_parts(o, conf, of_seeds, r->n_seeds, false);
    const an_lab_figures held = an_lab_mean_get(&valid);
    if (holds_back(conf->data)) {
        an_json *v = an_json_object();
        an_lab_figures_json(v, &held, e->task->figures);
        put_parts(v, conf, of_seeds, r->n_seeds, true);
        an_json_set(o, "validation", v);
    }
    if (r->ensemble[arm].sites) {
        const an_arm_result *one = &r->ensemble[arm];
        an_json *ensemble = an_json_object();
        an_json_set_text(ensemble, "about", "the mean of the seeds' answers");
        an_lab_figures_json(ensemble, &one->all, e->task->figures);
        put_parts(ensemble, conf, &one, 1, false);
        if (holds_back(conf->data))
            put_figures(ensemble, "validation", e, &one->valid);
        an_json_set(o, "ensemble", ensemble);
    }
    set_hash(o, "model_hash", &r->seeds[0].arms[arm].model);
    for (size_t i = 0; i < r->n_sites; i++) {
        const an_lab_figures f = over_seeds(r, arm, i);
        an_json_push(sites, site_json(conf, i, &f));
    }
    for (size_t i = 0; i < r->n_seeds; i++)
        an_json_push(seeds, seed_json(conf, &r->seeds[i], arm));
    an_json_set(o, "sites", sites);
    an_json_set(o, "seeds", seeds);
    return o;
}

static an_json *baselines_json(const an_arms_conf *conf, const an_arms_result *r)
{
    const an_lab_task *task = conf->experiment->task;
    an_json *all = an_json_object();
    for (size_t b = 0; b < task->n_baselines; b++) {
        const an_arm_result *one = &r->baselines[b];
        if (!one->sites)
            continue;
        an_json *o = an_json_object(), *sites = an_json_array();
        an_json_set_text(o, "about", task->baselines[b].about);
        an_lab_figures_json(o, &one->all, task->figures);
        put_parts(o, conf, &one, 1, false);
        for (size_t i = 0; i < r->n_sites; i++)
            an_json_push(sites, site_json(conf, i, &one->sites[i]));
        an_json_set(o, "sites", sites);
        an_json_set(all, task->baselines[b].name, o);
    }
    return all;
}

static an_json *stream_json(const an_arms_conf *conf, const an_stream_result *s)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "part", conf->data->parts[s->part]);
    an_json_set_bool(o, "promoted", s->promoted);
    an_json_set_text(o, "gate", s->reason);
    an_json_set_int(o, "rounds", s->rounds);
    an_json_set_int(o, "bytes", (int64_t)s->bytes);
    an_json_set_int(o, "retrain_rounds", s->retrain_rounds);
    an_json_set_int(o, "retrain_bytes", (int64_t)s->retrain_bytes);
    return o;
}

static an_json *federations_json(const an_arms_conf *conf, const an_arms_result *r)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < r->n_seeds; i++) {
        const an_seed_result *s = &r->seeds[i];
        an_json *o = an_json_object(), *stream = an_json_array();
        an_json_set_int(o, "seed", s->seed);
        an_json_set_int(o, "rounds", (int64_t)s->n_rounds);
        an_json_set_num(o, "first_loss", s->first_loss);
        an_json_set_num(o, "last_loss", s->last_loss);
        an_json_set_int(o, "clipped", (int64_t)s->clipped);
        an_json_set_int(o, "saturated", (int64_t)s->saturated);
        an_json_set_int(o, "messages", (int64_t)s->messages);
        an_json_set_int(o, "update_bytes", (int64_t)s->update_bytes);
        an_json_set_int(o, "version_bytes", (int64_t)s->version_bytes);
        for (size_t k = 0; k < s->n_stream; k++)
            an_json_push(stream, stream_json(conf, &s->stream[k]));
        if (s->n_stream > 0)
            an_json_set(o, "stream", stream);
        else
            an_json_free(stream);
        an_json_push(list, o);
    }
    return list;
}

static an_json *data_json(const an_arms_conf *conf)
{
    const an_lab_data *d = conf->data;
    an_json *o = an_json_object(), *sites = an_json_array();
    an_json_set_int(o, "width", (int64_t)d->width);
    for (size_t i = 0; i < d->n_sites; i++) {
        an_json *s = an_json_object();
        size_t train = 0, test = 0, faults = 0;
        for (size_t k = 0; k < d->sites[i].n_series; k++) {
            const an_lab_series *series = &d->sites[i].series[k];
            train += series->n_train;
            test += series->n_test;
            for (size_t j = 0; j < series->n_test; j++)
                faults += series->labels[j];
        }
        an_json_set_text(s, "site", d->sites[i].name);
        if (d->n_labels > 0) {
            an_json_set_int(s, "train", (int64_t)d->sites[i].fit.n);
            an_json_set_int(s, "validation", (int64_t)d->sites[i].hold.n);
            an_json_set_int(s, "test", (int64_t)d->sites[i].test.n);
            an_json_push(sites, s);
            continue;
        }
        an_json_set_int(s, "series", (int64_t)d->sites[i].n_series);
        an_json_set_int(s, "train_rows", (int64_t)train);
        an_json_set_int(s, "test_rows", (int64_t)test);
        an_json_set_int(s, "anomalous_rows", (int64_t)faults);
        an_json_push(sites, s);
    }
    an_json_set(o, "sites", sites);
    return o;
}

static const char *over(const an_experiment *e)
{
    if (e->worst_part)
        return "of the part that does worst";
    if (!e->pooled_scores)
        return "mean over sites";
    return e->task->items ? "over all items together" : "over all rows together";
}

an_json *an_arms_json(const an_arms_conf *conf, const an_arms_result *r)
{
    const an_experiment *e = conf->experiment;
    an_json *o = an_json_object(), *arms = an_json_object(), *board = an_json_array();
    an_json_set_text(o, "experiment", e->name);
    an_json_set_text(o, "task", e->task->name);
    an_json_set_text(o, "about", e->about);
    an_json_set_text(o, "figures", over(e));
    if (!e->task->items)
        an_json_set_text(o, "threshold", e->threshold);
    if (e->n_policy > 0) {
        an_json *policy = an_json_object();
        for (size_t i = 0; i < e->n_policy; i++)
            an_json_set_text(policy, e->policy[i][0], e->policy[i][1]);
        an_json_set(o, "policy", policy);
    }
    an_json_set_int(o, "hostile_sites", (int64_t)e->hostile_sites);
    an_json_set(o, "data", data_json(conf));
    for (size_t a = 0; a < AN_ARMS; a++)
        if (an_arm_runs(conf, a))
            an_json_set(arms, an_arm_name((an_arm)a), arm_json(conf, r, a));
    an_json_set(o, "arms", arms);
    an_json_set(o, "baselines", baselines_json(conf, r));
    an_json_set(o, "federations", federations_json(conf, r));
    for (size_t i = 0; i < e->n_board; i++) {
        an_json *row = an_json_object();
        an_json_set_text(row, "name", e->board[i].name);
        if (e->board[i].part)
            an_json_set_text(row, "part", e->board[i].part);
        an_lab_figures_json(row, &e->board[i].figures, e->task->figures);
        an_json_push(board, row);
    }
    an_json_set(o, "leaderboard", board);
    return o;
}

/* ---- tables ---- */

static void print_head(FILE *out, const an_experiment *e, const char *what)
{
    fprintf(out, "%-16s", what);
    for (const an_lab_figure *w = e->task->figures; *w != AN_LAB_FIGURES_N; w++)
        fprintf(out, " %9s", an_lab_figure_name(*w));
    fputc('\n', out);
}

static void print_row(FILE *out, const an_experiment *e, const char *name, const an_lab_figures *f)
{
    an_lab_figures copy = *f;
    fprintf(out, "%-16s", name);
    for (const an_lab_figure *w = e->task->figures; *w != AN_LAB_FIGURES_N; w++) {
        const double v = *an_lab_figure_at(&copy, *w);
        if (isnan(v))
            fprintf(out, " %9s", "");
        else
            fprintf(out, " %9.3f", v);
    }
    fputc('\n', out);
}

static void print_parts(const an_arms_conf *conf, const an_arms_result *r, FILE *out)
{
    const an_experiment *e = conf->experiment;
    const an_lab_data *d = conf->data;
    const an_lab_figure first = e->task->figures[0];
    if (d->n_parts == 0)
        return;
    fprintf(out, "\n%-16s %s of each arm\n%-16s", "part", an_lab_figure_name(first), "");
    for (size_t a = 0; a < AN_ARMS; a++)
        if (an_arm_runs(conf, a))
            fprintf(out, " %12s", an_arm_name((an_arm)a));
    fputc('\n', out);
    for (size_t k = 0; k < d->n_parts; k++) {
        an_lab_figures any = r->seeds[0].arms[AN_ARM_FEDERATED].parts[k];
        if (isnan(*an_lab_figure_at(&any, first)))
            continue;
        fprintf(out, "%-16s", d->parts[k]);
        for (size_t a = 0; a < AN_ARMS; a++) {
            an_lab_mean mean = {.n = {0}};
            for (size_t i = 0; i < r->n_seeds && an_arm_runs(conf, a); i++)
                an_lab_mean_add(&mean, &r->seeds[i].arms[a].parts[k]);
            an_lab_figures f = an_lab_mean_get(&mean);
            if (an_arm_runs(conf, a))
                fprintf(out, " %12.3f", *an_lab_figure_at(&f, first));
        }
        fputc('\n', out);
    }
}

static void print_sites(const an_arms_conf *conf, const an_arms_result *r, FILE *out)
{
    const an_experiment *e = conf->experiment;
    const an_lab_figure first = e->task->figures[0];
    fprintf(out, "\n%-16s %s of each arm\n%-16s", "site", an_lab_figure_name(first), "");
    for (size_t a = 0; a < AN_ARMS; a++)
        if (an_arm_runs(conf, a))
            fprintf(out, " %12s", an_arm_name((an_arm)a));
    fputc('\n', out);
    for (size_t i = 0; i < r->n_sites; i++) {
        fprintf(out, "%-16s", conf->data->sites[i].name);
        for (size_t a = 0; a < AN_ARMS; a++) {
            if (!an_arm_runs(conf, a))
                continue;
            an_lab_figures f = over_seeds(r, a, i);
            fprintf(out, " %12.3f", *an_lab_figure_at(&f, first));
        }
        fputc('\n', out);
    }
}

static void print_arms(const an_arms_conf *conf, const an_arms_result *r, FILE *out)
{
    const an_experiment *e = conf->experiment;
    print_head(out, e, "arm");
    for (size_t a = 0; a < AN_ARMS; a++) {
        if (!an_arm_runs(conf, a))
            continue;
        const an_lab_figures f = over_seeds(r, a, SIZE_MAX);
        print_row(out, e, an_arm_name((an_arm)a), &f);
    }
    for (size_t a = 0; a < AN_ARMS; a++) {
        char name[32];
        snprintf(name, sizeof name, "%.12s, all", an_arm_name((an_arm)a));
        if (r->ensemble[a].sites)
            print_row(out, e, name, &r->ensemble[a].all);
    }
    for (size_t b = 0; b < e->task->n_baselines; b++)
        if (r->baselines[b].sites)
            print_row(out, e, e->task->baselines[b].name, &r->baselines[b].all);
    for (size_t i = 0; i < e->n_board; i++) {
        char name[64];
        const an_lab_board_row *row = &e->board[i];
        snprintf(name, sizeof name, "%.40s%s%.20s", row->name, row->part ? " " : "",
                 row->part ? row->part : "");
        print_row(out, e, name, &row->figures);
    }
}

void an_arms_print(const an_arms_conf *conf, const an_arms_result *r, FILE *out)
{
    const an_experiment *e = conf->experiment;
    fprintf(out, "%s: %zu sites, %zu sensors, %zu seed%s; figures %s%s%s\n\n", e->name, conf->data->n_sites,
            conf->data->width, r->n_seeds, r->n_seeds == 1 ? "" : "s", over(e),
            e->task->items ? "" : "; threshold ", e->task->items ? "" : e->threshold);
    if (e->hostile_sites > 0)
        fprintf(out, "the first %zu sites are hostile\n\n", e->hostile_sites);
    print_arms(conf, r, out);
    print_parts(conf, r, out);
    print_sites(conf, r, out);
    fprintf(out,
            "\nfederation: %zu rounds, %llu updates clipped, %llu coordinates saturated, %.1f "
            "MB left the sites\n",
            r->seeds[0].n_rounds, (unsigned long long)r->seeds[0].clipped,
            (unsigned long long)r->seeds[0].saturated, (double)r->seeds[0].update_bytes / 1e6);
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &r->seeds[0].arms[AN_ARM_FEDERATED].model);
    fprintf(out, "model %s\n", hex);
}
