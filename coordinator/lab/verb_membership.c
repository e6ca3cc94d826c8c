/* andon-lab membership: can a model be asked which windows it was trained on?  With and without
 * differential privacy, on a site of an experiment's data. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/samples.h"
#include "base/mem.h"
#include "coordinator/lab/experiment.h"
#include "coordinator/lab/lab.h"
#include "coordinator/lab/membership.h"
#include "coordinator/lab/tasks.h"
#include "models/prep.h"

#define RUNS_MAX 8
#define PUBLIC 0.2 /* share of the rows that the scaler is made from; no member is among them */

typedef struct work {
    an_experiment e;
    an_lab_data data;
    an_prep prep;
    float *x, *test;
    uint8_t *labels;
    size_t n, n_test;
    an_membership_conf conf;
    double epsilons[RUNS_MAX];
    an_membership_result results[RUNS_MAX];
    size_t n_runs;
} work;

/* Windows of the rows, `stride` apart, as inputs of the model. */
static an_err cut(work *w, const float *rows, size_t n, size_t stride, float **ret, size_t *ret_n,
                  an_note *why)
{
    float *raw = NULL;
    const size_t context = w->e.window;
    an_err err = an_samples_cut(rows, n, w->data.width, context, stride, false, &raw, ret_n, why);
    if (err == AN_OK)
        err = an_samples_inputs(&w->prep, raw, *ret_n, context, ret, ret_n, NULL, why);
    an_free(raw);
    return err;
}

static an_err find_site(const work *w, const char *name, const an_lab_series **ret, an_note *why)
{
    for (size_t i = 0; i < w->data.n_sites; i++)
        if (!name || strcmp(w->data.sites[i].name, name) == 0) {
            *ret = &w->data.sites[i].series[0];
            return AN_OK;
        }
    return an_fail(AN_ERR_NOTFOUND, why, "no site %s", name ? name : "");
}

/* Windows do not overlap: each row is in one record. */
static an_err read_data(work *w, const an_lab *lab, an_note *why)
{
    const an_lab_series *s = NULL;
    an_prep_conf conf;
    const char *dir = an_args_get(lab->args, "data");
    if (!dir)
        return an_fail(AN_ERR_INVAL, why, "--data DIR is missing: the folder with the sites");
    an_err err = an_experiment_load(lab->args->positionals[0], &w->e, why);
    if (err == AN_OK && an_node_get(w->e.prep, "steps"))
        err = an_fail(AN_ERR_UNSUPPORTED, why, "records that go through steps are more than their window");
    if (err == AN_OK && w->e.task->items)
        err = an_fail(AN_ERR_UNSUPPORTED, why, "task %s: membership is asked of models that detect",
                      w->e.task->name);
    if (err == AN_OK)
        err = an_lab_data_read(&w->e.layout, dir, &w->data, why);
    if (err == AN_OK)
        err = find_site(w, an_args_get(lab->args, "site"), &s, why);
    if (err != AN_OK)
        return err;
    const size_t public = (size_t)(PUBLIC * (double)s->n_train);
    an_prep_conf_init(&conf);
    conf.window = w->e.window;
    if ((err = an_prep_fit(&w->prep, &conf, s->train, 1, public, w->data.width, why)) != AN_OK)
        return err;
    err = cut(w, s->train + public * w->data.width, s->n_train - public, w->e.window, &w->x, &w->n, why);
    if (err == AN_OK && s->n_test > 0)
        err = cut(w, s->test, s->n_test, 1, &w->test, &w->n_test, why);
    if (err != AN_OK || w->n_test == 0)
        return err;
    if (!(w->labels = an_alloc(w->n_test, 1)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < w->n_test; i++)
        w->labels[i] = s->labels[i + w->e.window - 1];
    return AN_OK;
}

static an_err read_epsilons(work *w, const char *text, an_note *why)
{
    w->epsilons[w->n_runs++] = 0;
    for (const char *at = text; at && *at;) {
        char *end = NULL;
        const double v = strtod(at, &end);
        if (end == at || !(v > 0 && v <= 1000) || (*end && *end != ',') || w->n_runs == RUNS_MAX)
            return an_fail(AN_ERR_INVAL, why, "--epsilon %.60s: at most %d numbers, as 8,1", text,
                           RUNS_MAX - 1);
        w->epsilons[w->n_runs++] = v;
        at = *end ? end + 1 : end;
    }
    return AN_OK;
}

static an_err read_options(work *w, const an_lab *lab, an_note *why)
{
    const an_args *a = lab->args;
    an_membership_conf *c = &w->conf;
    int64_t models = 0, epochs = 0, batch = 0;
    const char *epsilon = an_args_get(a, "epsilon");
    an_err err = read_epsilons(w, epsilon ? epsilon : "8,1", why);
    if (err == AN_OK)
        err = an_args_int(a, "models", 4, 256, 16, &models, why);
    if (err == AN_OK)
        err = an_args_int(a, "epochs", 1, 10000, 100, &epochs, why);
    if (err == AN_OK)
        err = an_args_int(a, "batch", 1, 65536, 64, &batch, why);
    if (err == AN_OK)
        err = an_args_num(a, "lr", 1e-9, 10, 0.001, &c->lr, why);
    if (err == AN_OK)
        err = an_args_num(a, "rate", 1e-4, 1, 0.1, &c->rate, why);
    if (err == AN_OK)
        err = an_args_num(a, "clip", 1e-9, 1e6, 0.1, &c->clip, why);
    if (err == AN_OK)
        err = an_args_num(a, "delta", 1e-12, 0.1, 1e-4, &c->delta, why);
    if (err == AN_OK)
        err = an_lab_seed(lab, 1, &c->seed, why);
    if (err == AN_OK)
        err = an_lab_threads(lab, &c->n_threads, why);
    c->models = (size_t)models;
    c->epochs = (size_t)epochs;
    c->batch = (size_t)batch;
    return err;
}

static void print_table(const work *w, FILE *out)
{
    fprintf(out, "%zu windows, half of them members of each of %zu models, %zu epochs\n\n", w->n,
            w->conf.models, w->conf.epochs);
    fprintf(out,
            "epsilon  noise  clipped  member loss  other loss  threshold adv.  shadow adv.  shadow AUROC  "
            "TPR at FPR 1%%  bound  AUROC of faults\n");
    for (size_t i = 0; i < w->n_runs; i++) {
        const an_membership_result *r = &w->results[i];
        char epsilon[32];
        snprintf(epsilon, sizeof epsilon, w->epsilons[i] > 0 ? "%g" : "none", w->epsilons[i]);
        fprintf(out, "%7s  %5.2f  %7.2f  %11.4f  %10.4f  %14.3f  %11.3f  %12.3f  %13.3f  %5.3f  %15.3f\n",
                epsilon, r->noise, r->rows_clipped, r->member_loss, r->other_loss, r->threshold_advantage,
                r->shadow_advantage, r->shadow_auroc, r->shadow_tpr_1, r->bound, r->auroc);
    }
}

static an_json *json_of(const work *w)
{
    an_json *o = an_json_object(), *list = an_json_array();
    an_json_set_int(o, "windows", (int64_t)w->n);
    an_json_set_int(o, "models", (int64_t)w->conf.models);
    an_json_set_int(o, "epochs", (int64_t)w->conf.epochs);
    an_json_set_num(o, "delta", w->conf.delta);
    an_json_set_text(o, "unit", "record");
    for (size_t i = 0; i < w->n_runs; i++) {
        const an_membership_result *r = &w->results[i];
        const struct {
            const char *key;
            double value;
        } figures[] = {{"epsilon", w->epsilons[i]},
                       {"noise", r->noise},
                       {"rows_clipped", r->rows_clipped},
                       {"member_loss", r->member_loss},
                       {"other_loss", r->other_loss},
                       {"threshold_advantage", r->threshold_advantage},
                       {"shadow_advantage", r->shadow_advantage},
                       {"shadow_auroc", r->shadow_auroc},
                       {"shadow_tpr_at_fpr_0.01", r->shadow_tpr_1},
                       {"bound", r->bound},
                       {"auroc", r->auroc}};
        an_json *q = an_json_object();
        for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
            an_json_set_num(q, figures[k].key, figures[k].value);
        an_json_push(list, q);
    }
    an_json_set(o, "runs", list);
    return o;
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.n = 0};
    an_err err = read_options(&w, lab, why);
    if (err == AN_OK)
        err = read_data(&w, lab, why);
    w.conf.arch = w.e.arch;
    w.conf.width = w.data.width;
    w.conf.x = w.x;
    w.conf.n = w.n;
    w.conf.test = w.test;
    w.conf.labels = w.labels;
    w.conf.n_test = w.n_test;
    w.conf.cancel = lab->cancel;
    for (size_t i = 0; i < w.n_runs && err == AN_OK; i++) {
        w.conf.epsilon = w.epsilons[i];
        err = an_membership_run(&w.conf, &w.results[i], why);
    }
    if (err == AN_OK && lab->json)
        err = an_lab_print_json(lab, json_of(&w), why);
    else if (err == AN_OK)
        print_table(&w, lab->out);
    an_free(w.x);
    an_free(w.test);
    an_free(w.labels);
    an_prep_done(&w.prep);
    an_lab_data_done(&w.data);
    an_experiment_done(&w.e);
    return err;
}

static const an_flag flags[] = {
    {"data", "DIR", "folder with a folder for each site"},
    {"site", "NAME", "whose windows (default the first site)"},
    {"epsilon", "E,E", "with privacy of records at these, after a run without (default 8,1)"},
    {"delta", "D", "... at this delta (default 0.0001)"},
    {"rate", "Q", "share of the windows in a private step (default 0.1)"},
    {"clip", "C", "longest gradient of a window in a private step (default 0.1)"},
    {"models", "N", "how many are trained (default 16)"},
    {"epochs", "N", "passes over the windows (default 100)"},
    {"batch", "N", "windows in a step without privacy (default 64)"},
    {"lr", "R", "learning rate (default 0.001)"},
    AN_LAB_FLAG_SEED,
    AN_LAB_FLAG_THREADS,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_membership = {
    .verb = {"membership", "FILE", 1, 1, flags, sizeof flags / sizeof *flags,
             "how well a model tells which windows it was trained on, with and without privacy"},
    .run = run,
};
