/* andon-lab experiment: a described experiment on a folder of data. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/arms.h"
#include "coordinator/lab/lab.h"
#include "coordinator/lab/tradeoff.h"

static an_err write_out(const char *path, const an_json *o, an_note *why)
{
    char *text = an_json_print(o, 2);
    if (!text)
        return AN_ERR_NOMEM;
    an_err err = an_file_write(path, text, strlen(text), 0644, why);
    an_free(text);
    return err;
}

static an_err report(an_lab *lab, const an_arms_conf *conf, const an_arms_result *r, const an_lab_tradeoff *t,
                     an_note *why)
{
    an_err err = AN_OK;
    const char *path = an_args_get(lab->args, "out");
    an_json *o = an_arms_json(conf, r);
    an_lab_tradeoff_json(conf, t, o);
    if (path)
        err = write_out(path, o, why);
    if (err == AN_OK && lab->json)
        return an_lab_print_json(lab, o, why);
    an_json_free(o);
    if (err != AN_OK)
        return err;
    an_arms_print(conf, r, lab->out);
    an_lab_tradeoff_print(conf, t, lab->out);
    return AN_OK;
}

/* What the command line says over the file.  texts: the keys, cut from their values; the caller's. */
static an_err add_options(const an_args *a, an_experiment *e, char texts[AN_LAB_POLICY_MAX][128],
                          an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; err == AN_OK && an_args_at(a, "policy", i); i++) {
        const char *pair = an_args_at(a, "policy", i), *equals = strchr(pair, '=');
        if (!equals || strlen(pair) >= sizeof *texts || i == AN_LAB_POLICY_MAX)
            return an_fail(AN_ERR_INVAL, why, "--policy %.80s: must be KEY=VALUE, %d times at most", pair,
                           AN_LAB_POLICY_MAX);
        memcpy(texts[i], pair, strlen(pair) + 1);
        texts[i][equals - pair] = '\0';
        err = an_experiment_policy(e, texts[i], texts[i] + (equals - pair) + 1, why);
    }
    if (err != AN_OK || !an_args_has(a, "hostile"))
        return err;
    int64_t sites = 0;
    double by = 1;
    if ((err = an_args_int(a, "hostile-sites", 0, 1000, 1, &sites, why)) != AN_OK ||
        (err = an_args_num(a, "hostile-by", 0, 1e6, 1, &by, why)) != AN_OK)
        return err;
    return an_experiment_hostile(e, (size_t)sites, an_args_get(a, "hostile"), by, why);
}

static an_err run(an_lab *lab, an_note *why)
{
    an_experiment e = {.doc = NULL};
    an_lab_data data = {0};
    an_arms_result result = {0};
    an_lab_tradeoff tradeoff;
    uint64_t seed = 0;
    size_t threads = 1;
    char texts[AN_LAB_POLICY_MAX][128];
    const char *dir = an_args_get(lab->args, "data");
    if (!dir)
        return an_fail(AN_ERR_INVAL, why, "--data DIR is missing: the folder with the sites");
    an_err err = an_lab_threads(lab, &threads, why);
    if (err == AN_OK)
        err = an_lab_seed(lab, 0, &seed, why);
    if (err == AN_OK)
        err = an_experiment_load(lab->args->positionals[0], &e, why);
    if (err == AN_OK)
        err = add_options(lab->args, &e, texts, why);
    if (err == AN_OK && an_args_has(lab->args, "plots"))
        err = an_dir_make(an_args_get(lab->args, "plots"), why);
    if (err == AN_OK)
        err = e.task->read(&e, dir, &data, why);
    if (err == AN_OK) {
        const int64_t given = (int64_t)seed;
        const bool one = an_args_has(lab->args, "seed");
        const an_arms_conf conf = {.experiment = &e,
                                   .data = &data,
                                   .n_threads = threads,
                                   .cancel = lab->cancel,
                                   .plots = an_args_get(lab->args, "plots"),
                                   .keep = an_args_get(lab->args, "keep")};
        const int64_t *seeds = one ? &given : e.seeds;
        const size_t n_seeds = one ? 1 : e.n_seeds;
        err = an_arms_run(&conf, seeds, n_seeds, &result, why);
        if (err == AN_OK)
            err = an_lab_tradeoff_run(&conf, seeds, n_seeds, &tradeoff, why);
        if (err == AN_OK && conf.plots)
            err = an_lab_tradeoff_plot(&conf, &tradeoff, conf.plots, why);
        if (err == AN_OK)
            err = report(lab, &conf, &result, &tradeoff, why);
    }
    an_arms_result_done(&result);
    an_lab_data_done(&data);
    an_experiment_done(&e);
    return err;
}

static const an_flag flags[] = {
    {"data", "DIR", "folder with a folder for each site"},
    {"out", "FILE", "also write the JSON object there"},
    {"plots", "DIR", "write pictures of the federated arm there, as SVG"},
    {"keep", "DIR", "keep there what each seed answered; a run that was interrupted goes on behind it"},
    {"policy", "KEY=VALUE", "a row of the model's policy, as rule=median; may be repeated"},
    {"hostile", "ATTACK", "some sites send this: sign_flip, scale, noise or nan"},
    {"hostile-sites", "N", "the first so many of them by name (default 1)"},
    {"hostile-by", "X", "times their delta (default 1)"},
    AN_LAB_FLAG_SEED,
    AN_LAB_FLAG_THREADS,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_experiment = {
    .verb = {"experiment", "FILE", 1, 1, flags, sizeof flags / sizeof *flags,
             "carry out a described experiment: local, pooled, federated, personalised"},
    .run = run,
};
