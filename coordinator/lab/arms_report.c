/* What an experiment showed, as JSON and as tables. */
#include <string.h>

#include "coordinator/lab/arms.h"

static const char *const baseline_names[AN_BASELINES] = {"always_on", "mahalanobis"};
static const char *const baseline_about[AN_BASELINES] = {
    "an alarm at every row", "Mahalanobis distance of single raw rows, same threshold policy"};

/* Mean over the seeds; site SIZE_MAX: the arm's own figures. */
static an_lab_figures over_seeds(const an_arms_result *r, size_t arm, size_t site)
{
    an_lab_mean mean = {.n = {0}};
    for (size_t i = 0; i < r->n_seeds; i++)
        an_lab_mean_add(&mean,
                        site == SIZE_MAX ? &r->seeds[i].arms[arm].all : &r->seeds[i].arms[arm].sites[site]);
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
    an_lab_figures_json(o, f);
    return o;
}

static an_json *arm_json(const an_arms_conf *conf, const an_arms_result *r, size_t arm)
{
    an_json *o = an_json_object(), *sites = an_json_array(), *seeds = an_json_array();
    const an_lab_figures all = over_seeds(r, arm, SIZE_MAX);
    an_lab_figures_json(o, &all);
    set_hash(o, "model_hash", &r->seeds[0].arms[arm].model);
    for (size_t i = 0; i < r->n_sites; i++) {
        const an_lab_figures f = over_seeds(r, arm, i);
        an_json_push(sites, site_json(conf, i, &f));
    }
    for (size_t i = 0; i < r->n_seeds; i++) {
        an_json *s = an_json_object();
        an_json_set_int(s, "seed", r->seeds[i].seed);
        an_lab_figures_json(s, &r->seeds[i].arms[arm].all);
        set_hash(s, "model_hash", &r->seeds[i].arms[arm].model);
        an_json_push(seeds, s);
    }
    an_json_set(o, "sites", sites);
    an_json_set(o, "seeds", seeds);
    return o;
}

static an_json *baselines_json(const an_arms_conf *conf, const an_arms_result *r)
{
    an_json *all = an_json_object();
    for (size_t b = 0; b < AN_BASELINES; b++) {
        an_json *o = an_json_object(), *sites = an_json_array();
        an_json_set_text(o, "about", baseline_about[b]);
        an_lab_figures_json(o, &r->baselines[b].all);
        for (size_t i = 0; i < r->n_sites; i++)
            an_json_push(sites, site_json(conf, i, &r->baselines[b].sites[i]));
        an_json_set(o, "sites", sites);
        an_json_set(all, baseline_names[b], o);
    }
    return all;
}

static an_json *federations_json(const an_arms_result *r)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < r->n_seeds; i++) {
        const an_seed_result *s = &r->seeds[i];
        an_json *o = an_json_object();
        an_json_set_int(o, "seed", s->seed);
        an_json_set_int(o, "rounds", (int64_t)s->n_rounds);
        an_json_set_num(o, "first_loss", s->first_loss);
        an_json_set_num(o, "last_loss", s->last_loss);
        an_json_set_int(o, "clipped", (int64_t)s->clipped);
        an_json_set_int(o, "saturated", (int64_t)s->saturated);
        an_json_set_int(o, "messages", (int64_t)s->messages);
        an_json_set_int(o, "update_bytes", (int64_t)s->update_bytes);
        an_json_set_int(o, "version_bytes", (int64_t)s->version_bytes);
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
        an_json_set_int(s, "series", (int64_t)d->sites[i].n_series);
        an_json_set_int(s, "train_rows", (int64_t)train);
        an_json_set_int(s, "test_rows", (int64_t)test);
        an_json_set_int(s, "anomalous_rows", (int64_t)faults);
        an_json_push(sites, s);
    }
    an_json_set(o, "sites", sites);
    return o;
}

an_json *an_arms_json(const an_arms_conf *conf, const an_arms_result *r)
{
    const an_experiment *e = conf->experiment;
    an_json *o = an_json_object(), *arms = an_json_object(), *board = an_json_array();
    an_json_set_text(o, "experiment", e->name);
    an_json_set_text(o, "about", e->about);
    an_json_set_text(o, "figures", e->pooled_scores ? "over all rows together" : "mean over sites");
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
        if (an_arm_runs(e, a))
            an_json_set(arms, an_arm_name((an_arm)a), arm_json(conf, r, a));
    an_json_set(o, "arms", arms);
    an_json_set(o, "baselines", baselines_json(conf, r));
    an_json_set(o, "federations", federations_json(r));
    for (size_t i = 0; i < e->n_board; i++) {
        an_json *row = an_json_object();
        an_json_set_text(row, "name", e->board[i].name);
        an_json_set_num(row, "f1", e->board[i].f1);
        an_json_set_num(row, "far", e->board[i].far);
        an_json_set_num(row, "mar", e->board[i].mar);
        an_json_push(board, row);
    }
    an_json_set(o, "leaderboard", board);
    return o;
}

/* ---- tables ---- */

static void print_row(FILE *out, const char *name, const an_lab_figures *f)
{
    fprintf(out, "%-16s %6.3f  %7.3f  %6.3f  %6.1f  %6.1f  %7.1f\n", name, f->auroc, f->best_f1, f->f1,
            100 * f->far, 100 * f->mar, f->delay);
}

void an_arms_print(const an_arms_conf *conf, const an_arms_result *r, FILE *out)
{
    const an_experiment *e = conf->experiment;
    fprintf(out, "%s: %zu sites, %zu sensors, %zu seed%s; %s; threshold %s\n\n", e->name, conf->data->n_sites,
            conf->data->width, r->n_seeds, r->n_seeds == 1 ? "" : "s",
            e->pooled_scores ? "figures over all rows together" : "figures are means over sites",
            e->threshold);
    if (e->hostile_sites > 0)
        fprintf(out, "the first %zu sites are hostile\n\n", e->hostile_sites);
    fprintf(out, "%-16s %6s  %7s  %6s  %6s  %6s  %7s\n", "arm", "auroc", "best F1", "F1", "FAR %", "MAR %",
            "delay");
    for (size_t a = 0; a < AN_ARMS; a++) {
        if (!an_arm_runs(e, a))
            continue;
        const an_lab_figures f = over_seeds(r, a, SIZE_MAX);
        print_row(out, an_arm_name((an_arm)a), &f);
    }
    for (size_t b = 0; b < AN_BASELINES; b++)
        print_row(out, baseline_names[b], &r->baselines[b].all);
    for (size_t i = 0; i < e->n_board; i++)
        fprintf(out, "%-16s %6s  %7s  %6.3f  %6.1f  %6.1f\n", e->board[i].name, "", "", e->board[i].f1,
                100 * e->board[i].far, 100 * e->board[i].mar);
    fprintf(out, "\n%-16s %30s\n%-16s", "site", "auroc of each arm", "");
    for (size_t a = 0; a < AN_ARMS; a++)
        if (an_arm_runs(e, a))
            fprintf(out, " %12s", an_arm_name((an_arm)a));
    fputc('\n', out);
    for (size_t i = 0; i < r->n_sites; i++) {
        fprintf(out, "%-16s", conf->data->sites[i].name);
        for (size_t a = 0; a < AN_ARMS; a++)
            if (an_arm_runs(e, a))
                fprintf(out, " %12.3f", over_seeds(r, a, i).auroc);
        fputc('\n', out);
    }
    fprintf(out,
            "\nfederation: %zu rounds, %llu updates clipped, %llu coordinates saturated, %.1f "
            "MB left the sites\n",
            r->seeds[0].n_rounds, (unsigned long long)r->seeds[0].clipped,
            (unsigned long long)r->seeds[0].saturated, (double)r->seeds[0].update_bytes / 1e6);
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &r->seeds[0].arms[AN_ARM_FEDERATED].model);
    fprintf(out, "model %s\n", hex);
}
