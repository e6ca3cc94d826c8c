/* andon-lab federate: a whole federation in one process, on tables or simulated plants. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/progress.h"
#include "coordinator/lab/federation.h"
#include "coordinator/lab/files.h"
#include "coordinator/lab/judge.h"
#include "coordinator/lab/steps.h"

#define POLICY 9
#define VALUE 32

typedef struct work {
    an_lab *lab;
    an_buf arch;
    an_lab_files files;
    an_lab_data data;
    bool simulated;
    an_lab_cut *cuts;
    an_federation_site *sites;
    an_calibrate_opts calibrate;
    an_prep_conf prep; /* its chain is its own */
    char *steps;       /* the same as a text */
    an_federation_faults faults;
    const char *threshold;
    char values[POLICY][VALUE];
    const char *policy[POLICY][2];
    uint64_t seed;
    size_t threads;
    an_federation_result result;
} work;

/* Every table is a site, named after its file. */
static an_err sites_from_files(work *w, an_note *why)
{
    an_err err = an_lab_files_read(w->lab, 1, &w->files, why);
    if (err != AN_OK)
        return err;
    if (!(w->data.sites = an_alloc(w->files.n, sizeof *w->data.sites)))
        return AN_ERR_NOMEM;
    w->data.width = w->files.width;
    w->data.names = w->files.tables[0].names;
    for (size_t i = 0; i < w->files.n; i++) {
        an_lab_site *s = &w->data.sites[i];
        const char *slash = strrchr(w->files.names[i], '/');
        const char *name = slash ? slash + 1 : w->files.names[i];
        snprintf(s->name, sizeof s->name, "%.*s", (int)strcspn(name, "."), name);
        if (!an_name_ok(s->name))
            return an_fail(AN_ERR_INVAL, why, "%s: a site cannot be called \"%s\"", w->files.names[i],
                           s->name);
        if (!(s->series = an_alloc(1, sizeof *s->series)))
            return AN_ERR_NOMEM;
        s->n_series = 1;
        s->series->train = w->files.tables[i].rows;
        s->series->n_train = w->files.tables[i].n;
        w->data.n_sites++;
    }
    return AN_OK;
}

static an_err sites_from_simulator(work *w, const char *line, an_note *why)
{
    int64_t n = 0, rows = 0;
    an_sim_conf conf = {.seed = w->seed};
    an_err err = an_args_int(w->lab->args, "sites", 1, AN_COHORT_MAX, 4, &n, why);
    if (err == AN_OK)
        err = an_args_int(w->lab->args, "rows", 100, 1000000, 2000, &rows, why);
    if (err != AN_OK)
        return err;
    snprintf(conf.line, sizeof conf.line, "%s", line);
    w->simulated = true;
    return an_lab_data_simulate(&conf, (size_t)n, (size_t)rows, &w->data, why);
}

static an_err read_faults(work *w, an_note *why)
{
    int64_t shuffle = 0;
    const an_args *a = w->lab->args;
    w->faults = (an_federation_faults){.seed = w->seed, .delay_ms = 5000};
    an_err err = an_args_int(a, "shuffle", 0, INT64_C(1000000000), 0, &shuffle, why);
    w->faults.shuffle = (uint64_t)shuffle;
    if (err == AN_OK)
        err = an_args_num(a, "drop", 0, 0.5, 0, &w->faults.drop, why);
    if (err == AN_OK)
        err = an_args_num(a, "duplicate", 0, 1, 0, &w->faults.duplicate, why);
    return err == AN_OK ? an_args_num(a, "delay", 0, 1, 0, &w->faults.delay, why) : err;
}

static an_err read_options(work *w, an_note *why)
{
    static const char *const prep_keys[] = {"window", "stride", "smooth"};
    static const char *const keys[POLICY] = {"train.rounds",     "train.epochs",    "train.batch",
                                             "train.lr",         "server.momentum", "seed",
                                             "update.clip_norm", "min_cohort",      "privacy"};
    static const char *const usual[POLICY] = {"10", "1", "64", "0.001", "0", "1", "100", "1", "trusted"};
    const an_args *a = w->lab->args;
    an_err err = an_lab_seed(w->lab, 1, &w->seed, why);
    if (err == AN_OK)
        err = an_lab_threads(w->lab, &w->threads, why);
    an_prep_conf_init(&w->prep);
    for (size_t i = 0; i < sizeof prep_keys / sizeof *prep_keys && err == AN_OK; i++)
        if (an_args_has(a, prep_keys[i]))
            err = an_prep_conf_set(&w->prep, prep_keys[i], an_args_get(a, prep_keys[i]), why);
    static const char *const args[POLICY] = {"rounds", "epochs", "batch", "lr", "momentum"};
    for (size_t i = 0; i < POLICY; i++) {
        const char *given = args[i] ? an_args_get(a, args[i]) : NULL;
        snprintf(w->values[i], VALUE, "%.31s", given ? given : usual[i]);
        w->policy[i][0] = keys[i];
        w->policy[i][1] = w->values[i];
    }
    snprintf(w->values[5], VALUE, "%llu", (unsigned long long)w->seed);
    w->threshold = an_args_has(a, "threshold") ? an_args_get(a, "threshold") : "target_far:0.01";
    w->calibrate = an_calibrate_defaults();
    w->calibrate.site_scaler = !an_args_has(a, "fleet-scaler");
    w->calibrate.seed = w->seed;
    w->calibrate.cancel = w->lab->cancel;
    return err == AN_OK ? read_faults(w, why) : err;
}

static an_err cut_sites(work *w, an_note *why)
{
    an_err read = an_lab_steps_read(w->lab, (const char *const *)w->data.names, w->data.width, &w->prep, why);
    if (read == AN_OK)
        read = an_lab_steps_text(&w->prep, (const char *const *)w->data.names, &w->steps);
    if (read != AN_OK)
        return read;
    const an_lab_cut_opts opts = {.context = an_prep_rows(&w->prep),
                                  .stride = w->prep.stride,
                                  .holdout = 0.2,
                                  .keep = 1,
                                  .gaps = w->prep.chain != NULL};
    w->cuts = an_alloc(w->data.n_sites, sizeof *w->cuts);
    w->sites = an_alloc(w->data.n_sites, sizeof *w->sites);
    if (!w->cuts || !w->sites)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < w->data.n_sites; i++) {
        an_err err = an_lab_cut_new(&w->data, i, SIZE_MAX, &opts, &w->cuts[i], why);
        if (err != AN_OK)
            return err;
        w->sites[i] = (an_federation_site){
            .name = w->data.sites[i].name, .data = &w->cuts[i].data, .calibrate = &w->calibrate};
    }
    return AN_OK;
}

static void on_progress(void *arg, size_t done, size_t all)
{
    an_progress *p = arg;
    p->total = all;
    an_progress_set(p, done);
}

static an_err federate(work *w, an_note *why)
{
    an_progress progress;
    const an_model_spec spec = {.name = "model",
                                .arch = (const char *)w->arch.data,
                                .sensors = (const char *const *)w->data.names,
                                .n_sensors = (uint32_t)w->data.width,
                                .window = w->prep.window,
                                .stride = w->prep.stride,
                                .smooth = w->prep.smooth,
                                .steps = w->steps,
                                .missing = w->prep.missing == AN_MISSING_SKIP ? "skip" : NULL,
                                .threshold = w->threshold,
                                .policy = (const char *const(*)[2])w->policy,
                                .n_policy = POLICY};
    an_progress_start(&progress, "federation", 0);
    const an_federation_conf conf = {.spec = &spec,
                                     .sites = w->sites,
                                     .n_sites = w->data.n_sites,
                                     .n_threads = w->threads,
                                     .faults = w->faults,
                                     .cancel = w->lab->cancel,
                                     .progress = on_progress,
                                     .progress_arg = &progress};
    an_err err = an_federation_run(&conf, &w->result, why);
    an_progress_end(&progress);
    return err;
}

static an_err report_json(work *w, const char *hex, an_note *why)
{
    const an_federation_result *r = &w->result;
    an_json *o = an_json_object(), *rounds = an_json_array(), *sites = an_json_array();
    an_json_set_text(o, "model_hash", hex);
    an_json_set_text(o, "reason", r->reason);
    for (size_t i = 0; i < r->n_rounds; i++) {
        an_json *j = an_json_object();
        an_json_set_int(j, "round", (int64_t)r->rounds[i].id);
        an_json_set_text(j, "kind", an_payload_kind_name(r->rounds[i].kind));
        an_json_set_bool(j, "committed", r->rounds[i].committed);
        an_json_set_int(j, "updates", r->rounds[i].updates);
        an_json_set_num(j, "loss", r->rounds[i].loss);
        an_json_set_int(j, "clipped", (int64_t)r->rounds[i].clipped);
        an_json_set_int(j, "saturated", (int64_t)r->rounds[i].saturated);
        an_json_push(rounds, j);
    }
    for (size_t i = 0; i < r->n_sites; i++) {
        an_json *j = an_json_object();
        an_json_set_text(j, "site", w->data.sites[i].name);
        an_json_set_bool(j, "live", r->live[i]);
        an_json_set_int(j, "windows", (int64_t)w->cuts[i].n_fit);
        an_json_set_num(j, "threshold", r->live[i] ? r->overlays[i].threshold : (double)NAN);
        an_json_push(sites, j);
    }
    an_json_set(o, "rounds", rounds);
    an_json_set(o, "sites", sites);
    an_json_set_int(o, "messages", (int64_t)r->messages);
    an_json_set_int(o, "message_bytes", (int64_t)r->message_bytes);
    an_json_set_int(o, "update_bytes", (int64_t)r->update_bytes);
    an_json_set_int(o, "version_bytes", (int64_t)r->version_bytes);
    an_json_set_int(o, "links_broken", (int64_t)r->dropped);
    an_json_set_int(o, "duplicated", (int64_t)r->duplicated);
    an_json_set_int(o, "delayed", (int64_t)r->delayed);
    return an_lab_print_json(w->lab, o, why);
}

static an_err report(work *w, an_note *why)
{
    const an_federation_result *r = &w->result;
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &r->version);
    if (w->lab->json)
        return report_json(w, hex, why);
    FILE *out = w->lab->out;
    fprintf(out, "%6s  %-10s %-10s %8s  %10s  %s\n", "round", "kind", "end", "updates", "loss", "");
    for (size_t i = 0; i < r->n_rounds; i++) {
        const an_federation_round *x = &r->rounds[i];
        fprintf(out, "%6llu  %-10s %-10s %8u  ", (unsigned long long)x->id, an_payload_kind_name(x->kind),
                x->committed ? "COMMITTED" : "ABORTED", x->updates);
        if (x->kind == AN_PAYLOAD_TRAIN)
            fprintf(out, "%10.6f  %s\n", x->loss, x->committed ? "" : x->reason);
        else
            fprintf(out, "%10s  %s\n", "", x->committed ? "" : x->reason);
    }
    fprintf(out, "\n%-24s %8s  %10s\n", "site", "windows", "threshold");
    for (size_t i = 0; i < r->n_sites; i++)
        fprintf(out, "%-24s %8zu  %10.4g%s\n", w->data.sites[i].name, w->cuts[i].n_fit,
                r->live[i] ? r->overlays[i].threshold : 0.0, r->live[i] ? "" : "  does not run the version");
    fprintf(out, "\n%s\n%llu messages, %.1f MB of updates left the sites\nmodel %s\n", r->reason,
            (unsigned long long)r->messages, (double)r->update_bytes / 1e6, hex);
    return AN_OK;
}

static an_err read_arch(work *w, an_note *why)
{
    an_err err = an_file_read(&w->arch, w->lab->args->positionals[0], why);
    if (err == AN_OK) {
        an_buf_u8(&w->arch, 0);
        err = an_buf_err(&w->arch);
    }
    return err;
}

static void work_done(work *w)
{
    for (size_t i = 0; w->cuts && i < w->data.n_sites; i++)
        an_lab_cut_done(&w->cuts[i]);
    an_free(w->cuts);
    an_free(w->sites);
    if (w->simulated) {
        an_lab_data_done(&w->data);
    } else {
        for (size_t i = 0; w->data.sites && i < w->data.n_sites; i++)
            an_free(w->data.sites[i].series);
        an_free(w->data.sites);
    }
    an_chain_free(w->prep.chain);
    an_free(w->steps);
    an_federation_result_done(&w->result);
    an_lab_files_done(&w->files);
    an_buf_done(&w->arch);
}

static an_err run(an_lab *lab, an_note *why)
{
    work w = {.lab = lab};
    an_buf_init(&w.arch, 256 * 1024);
    const char *line = an_args_get(lab->args, "line"), *out = an_args_get(lab->args, "out");
    an_err err = AN_OK;
    if (!line == (lab->args->n_positionals < 2))
        err = an_fail(AN_ERR_INVAL, why,
                      "either tables, each of them a site, or --line NAME for simulated plants");
    if (err == AN_OK)
        err = read_options(&w, why);
    if (err == AN_OK)
        err = read_arch(&w, why);
    if (err == AN_OK)
        err = line ? sites_from_simulator(&w, line, why) : sites_from_files(&w, why);
    if (err == AN_OK)
        err = cut_sites(&w, why);
    if (err == AN_OK)
        err = federate(&w, why);
    if (err == AN_OK && out)
        err = an_bundle_write(&w.result.bundle, out, NULL, why);
    if (err == AN_OK)
        err = report(&w, why);
    work_done(&w);
    return err;
}

static const an_flag flags[] = {
    {"line", "NAME", "simulated plants of this line: pump or press"},
    {"sites", "N", "simulated plants (default 4)"},
    {"rows", "N", "of each simulated plant (default 2000)"},
    {"rounds", "N", "of training (default 10)"},
    {"epochs", "N", "passes at a site in a round (default 1)"},
    {"batch", "N", "windows in a step (default 64)"},
    {"lr", "X", "learning rate at the sites (default 0.001)"},
    {"momentum", "X", "of the server's optimiser (default 0)"},
    {"window", "N", "rows in a model input (default 1)"},
    {"stride", "N", "rows between two model inputs (default 1)"},
    {"smooth", "N", "rows in the causal mean (default 1: none)"},
    AN_LAB_FLAG_STEPS,
    {"fleet-scaler", NULL, "one scaler for all sites; else each has its own"},
    {"threshold", "POLICY", "as target_far:0.01 (default)"},
    {"shuffle", "SEED", "let messages arrive in another order"},
    {"drop", "X", "share of messages at which a link breaks"},
    {"duplicate", "X", "share of messages that come twice"},
    {"delay", "X", "share of messages that come late"},
    {"out", "FILE", "write the promoted version there"},
    AN_LAB_FLAGS_FILES,
    AN_LAB_FLAG_SEED,
    AN_LAB_FLAG_THREADS,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_federate = {
    .verb = {"federate", "ARCH [TABLE...]", 1, AN_ARGS_MAX_POSITIONALS, flags, sizeof flags / sizeof *flags,
             "run a whole federation in one process"},
    .run = run,
};
