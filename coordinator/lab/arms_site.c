/* One site's part of an experiment: overlays and scores. */
#include <string.h>

#include "agent/samples.h"
#include "base/mem.h"
#include "coordinator/lab/arms_internal.h"

an_lab_cut_opts an_arms_cut_opts(const an_experiment *e, const an_prep_conf *prep)
{
    return (an_lab_cut_opts){.context = an_prep_rows(prep),
                             .stride = e->stride,
                             .holdout = e->holdout,
                             .keep = 1,
                             .gaps = prep->chain != NULL};
}

static an_err overlay_for(const an_lab_cut *cut, const an_bundle *b, const an_hash *hash,
                          const an_calibrate_opts *opts, an_overlay *ret, an_note *why)
{
    const an_calibrate_data data = {.width = cut->data.width,
                                    .context = cut->data.context,
                                    .n_labels = cut->data.n_labels,
                                    .step = b->prep.conf.stride,
                                    .fit = cut->data.train,
                                    .holdout = cut->data.old};
    return an_calibrate(b, hash, &data, opts, AN_ARMS_NOW_MS, ret, NULL, why);
}

static an_err add_hash(an_hasher *hasher, const an_overlay *o, an_note *why)
{
    an_buf bytes;
    an_hash hash;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_overlay_encode(o, &bytes, why);
    if (err == AN_OK) {
        an_overlay_hash(&hash, bytes.data, bytes.len);
        an_hasher_add(hasher, hash.b, sizeof hash.b);
    }
    an_buf_done(&bytes);
    return err;
}

static an_err one_series(const an_arms_conf *conf, size_t site, size_t k, const an_lab_cut_opts *cutting,
                         const an_bundle *b, const an_hash *hash, const an_calibrate_opts *opts,
                         an_hasher *hasher, float *scores, an_note *why)
{
    an_lab_cut cut = {0};
    an_overlay o = {.n_local = 0};
    an_err err = an_lab_cut_new(conf->data, site, k, cutting, &cut, why);
    if (err == AN_OK)
        err = overlay_for(&cut, b, hash, opts, &o, why);
    if (err == AN_OK)
        err = add_hash(hasher, &o, why);
    if (err == AN_OK)
        err = an_lab_judge(b, &o, &conf->data->sites[site].series[k], conf->data->width, scores, why);
    an_overlay_done(&o);
    an_lab_cut_done(&cut);
    return err;
}

an_err an_arms_predict(const an_arms_conf *conf, size_t site, const an_bundle *b, const an_overlay *o,
                       float *ret, an_note *why)
{
    const an_lab_task *task = conf->experiment->task;
    return (task->predict ? task->predict : an_lab_task_outputs)(conf->data, site, b, o, ret, why);
}

an_err an_arms_calibrate_judge(const an_arms_conf *conf, size_t site, const an_lab_cut *cut,
                               const an_lab_cut_opts *cutting, const an_bundle *b, const an_hash *hash,
                               const an_calibrate_opts *opts, bool each_series, float *scores,
                               an_hash *ret_hash, an_note *why)
{
    const an_lab_site *s = &conf->data->sites[site];
    an_overlay o = {.n_local = 0};
    an_hasher hasher;
    an_err err = AN_OK;
    an_hasher_init(&hasher);
    an_hasher_add(&hasher, hash->b, sizeof hash->b);
    if (!each_series && (err = overlay_for(cut, b, hash, opts, &o, why)) == AN_OK)
        err = add_hash(&hasher, &o, why);
    if (!each_series && err == AN_OK)
        err = an_arms_predict(conf, site, b, &o, scores, why);
    for (size_t k = 0, at = 0; each_series && k < s->n_series && err == AN_OK; at += s->series[k++].n_test)
        err = one_series(conf, site, k, cutting, b, hash, opts, &hasher, scores + at, why);
    an_hasher_end(&hasher, ret_hash);
    an_overlay_done(&o);
    return err;
}

/* ---- the baseline ---- */

typedef struct plain {
    const an_arms_conf *conf;
    an_lab_exam *exams;
    an_bundle bundle;
    an_hash hash;
    an_err *errs;
    an_note *whys;
} plain;

static void plain_one(void *ctx, size_t job, size_t worker)
{
    plain *p = ctx;
    const an_experiment *e = p->conf->experiment;
    const an_lab_cut_opts cutting = an_arms_cut_opts(e, &p->bundle.prep.conf);
    an_calibrate_opts opts = an_calibrate_defaults();
    an_lab_cut cut = {0};
    an_hash ignored;
    (void)worker;
    opts.site_scaler = true;
    opts.holdout_min = e->holdout_min;
    opts.alarm_share_max = 0;
    an_err err = an_lab_cut_new(p->conf->data, p->exams[job].site, SIZE_MAX, &cutting, &cut, &p->whys[job]);
    if (err == AN_OK)
        err = an_arms_calibrate_judge(p->conf, p->exams[job].site, &cut, &cutting, &p->bundle, &p->hash,
                                      &opts, e->personal_series, p->exams[job].said, &ignored, &p->whys[job]);
    an_lab_cut_done(&cut);
    p->errs[job] = err;
}

an_err an_arms_plain_answer(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why)
{
    const an_arms_conf conf = {.experiment = e, .data = d, .n_threads = n_threads};
    plain p = {.conf = &conf, .exams = exams};
    an_workers *workers = NULL;
    an_lab_version_spec spec = {.name = "mahalanobis",
                                .detector = "mahalanobis",
                                .sensors = (const char *const *)d->names,
                                .n_sensors = d->width,
                                .threshold = e->threshold};
    an_prep_conf_init(&spec.prep);
    an_err err = an_lab_version_new(&spec, 0, &p.bundle, why);
    if (err == AN_OK)
        err = an_lab_version_hash(&p.bundle, &p.hash, why);
    if (err == AN_OK)
        err = an_workers_new(n_threads, &workers);
    p.errs = an_alloc(n, sizeof *p.errs);
    p.whys = an_alloc(n, sizeof *p.whys);
    if (err == AN_OK && (!p.errs || !p.whys))
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        an_workers_run(workers, n, plain_one, &p);
    for (size_t i = 0; i < n && err == AN_OK; i++)
        if ((err = p.errs[i]) != AN_OK && why)
            *why = p.whys[i];
    an_workers_free(workers);
    an_bundle_done(&p.bundle);
    an_free(p.errs);
    an_free(p.whys);
    return err;
}
