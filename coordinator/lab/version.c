#include "coordinator/lab/version.h"

#include <stdio.h>
#include <string.h>

#include "agent/calibrate.h"
#include "base/mem.h"
#include "models/model.h"

static an_err wrong_window(size_t inputs, const an_lab_version_spec *spec, const an_bundle *b, an_note *why)
{
    char hint[48] = "";
    if (inputs % b->prep.features == 0)
        snprintf(hint, sizeof hint, "; one of %zu rows would fit", inputs / b->prep.features);
    return an_fail(AN_ERR_INVAL, why, "the model takes %zu values, a window of %u rows has %zu%s", inputs,
                   spec->prep.window, an_prep_input(&b->prep), hint);
}

static an_err first_weights(const an_lab_version_spec *spec, uint64_t seed, an_bundle *b, bool *ret_taught,
                            an_note *why)
{
    an_model *m = NULL;
    const char *file = spec->file ? spec->file : spec->name;
    an_err err =
        an_model_new(spec->arch, strlen(spec->arch), file, spec->images ? 0 : b->prep.features, &m, why);
    if (err != AN_OK)
        return err;
    b->n_weights = an_model_n_params(m);
    an_model_layout_hash(m, &b->layout);
    b->arch = an_strdup(an_model_text(m));
    b->weights = an_alloc(b->n_weights, sizeof *b->weights);
    if (!b->arch || !b->weights)
        err = AN_ERR_NOMEM;
    else if (an_model_n_inputs(m) != an_prep_input(&b->prep))
        err = wrong_window(an_model_n_inputs(m), spec, b, why);
    else
        an_model_init(m, seed, b->weights);
    *ret_taught = !an_model_is_autoencoder(m);
    an_model_free(m);
    return err;
}

an_err an_lab_version_new(const an_lab_version_spec *spec, uint64_t seed, an_bundle *ret, an_note *why)
{
    an_bundle b = {.threshold = 1};
    bool taught = false; /* what learns from labels has no detector */
    an_err err = an_threshold_check(spec->threshold, why);
    if (err != AN_OK || (err = an_schema_new(&b.schema, spec->sensors, NULL, (uint32_t)spec->n_sensors, 0,
                                             spec->prep.window, why)) != AN_OK)
        return err;
    snprintf(b.model, sizeof b.model, "%s", spec->name);
    snprintf(b.policy, sizeof b.policy, "%s", spec->threshold);
    if ((err = an_prep_blank(&b.prep, &spec->prep, spec->n_sensors, why)) != AN_OK)
        goto out;
    if (spec->arch)
        err = first_weights(spec, seed, &b, &taught, why);
    else if (!(b.arch = an_strdup("")))
        err = AN_ERR_NOMEM;
    if (err != AN_OK || taught)
        goto out;
    if ((err = an_detector_new(spec->detector ? spec->detector : "autoencoder", spec->prep.window,
                               b.prep.features, &b.detector, why)) != AN_OK)
        goto out;
    an_detector_blank(b.detector, seed);
out:
    if (err == AN_OK)
        *ret = b;
    else
        an_bundle_done(&b);
    return err;
}

an_err an_lab_version_train(an_bundle *b, const an_train_opts *opts, const float *x, size_t n,
                            const float *labels, an_train_stats *ret_stats, an_note *why)
{
    an_model *m = NULL;
    an_err err = an_bundle_model(b, &m, why);
    if (err != AN_OK)
        return err;
    if (an_model_is_autoencoder(m) || labels)
        err = an_train(m, b->weights, opts, x, an_model_is_autoencoder(m) ? NULL : labels, n, ret_stats, why);
    else
        err = an_fail(AN_ERR_UNSUPPORTED, why,
                      "the model learns from labels, which rows of normal operation lack");
    an_model_free(m);
    return err;
}

an_err an_lab_version_hash(const an_bundle *b, an_hash *ret, an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_bundle_encode(b, &bytes, why);
    if (err == AN_OK)
        an_bundle_hash(ret, bytes.data, bytes.len);
    an_buf_done(&bytes);
    return err;
}
