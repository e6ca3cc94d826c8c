/* The description of preprocessing, and what of it has memory. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/prep.h"
#include "models/prep_internal.h"

static const char *const missing_names[] = {
#define AN_MISSING_ROW(name, text) text,
    AN_MISSING_LIST(AN_MISSING_ROW)
#undef AN_MISSING_ROW
};

void an_prep_conf_init(an_prep_conf *conf)
{
    *conf = (an_prep_conf){.window = 1, .stride = 1, .smooth = 1, .clamp = 10.0f, .missing = AN_MISSING_HOLD};
}

static an_err set_count(const char *key, const char *value, uint32_t most, uint32_t *ret, an_note *why)
{
    unsigned long v = 0;
    for (const char *c = value; *c; c++) {
        if (*c < '0' || *c > '9' || v > most)
            return an_fail(AN_ERR_INVAL, why, "%s = %.40s: must be 1..%u", key, value, most);
        v = v * 10 + (unsigned long)(*c - '0');
    }
    if (v < 1 || v > most)
        return an_fail(AN_ERR_INVAL, why, "%s = %.40s: must be 1..%u", key, value, most);
    *ret = (uint32_t)v;
    return AN_OK;
}

an_err an_prep_conf_set(an_prep_conf *conf, const char *key, const char *value, an_note *why)
{
    if (strcmp(key, "window") == 0)
        return set_count(key, value, AN_PREP_WINDOW_MAX, &conf->window, why);
    if (strcmp(key, "stride") == 0)
        return set_count(key, value, AN_PREP_WINDOW_MAX, &conf->stride, why);
    if (strcmp(key, "smooth") == 0)
        return set_count(key, value, AN_PREP_SMOOTH_MAX, &conf->smooth, why);
    if (strcmp(key, "clamp") == 0) {
        char *end;
        float v = strtof(value, &end);
        if (*value == '\0' || *end != '\0' || !(v >= 0.0f && v <= 1e6f))
            return an_fail(AN_ERR_INVAL, why, "clamp = %.40s: must be 0..1000000 standard deviations", value);
        conf->clamp = v;
        return AN_OK;
    }
    if (strcmp(key, "missing") == 0) {
        for (int i = 0; i < AN_MISSING_N; i++)
            if (strcmp(value, missing_names[i]) == 0) {
                conf->missing = (an_missing)i;
                return AN_OK;
            }
        return an_fail(AN_ERR_INVAL, why, "missing = %.40s: must be hold, mean or skip", value);
    }
    return an_fail(AN_ERR_INVAL, why, "preprocessing has no key \"%.40s\"", key);
}

void an_prep_conf_chain(an_prep_conf *conf, an_prep_chain *chain)
{
    conf->chain = chain;
    if (chain && conf->missing == AN_MISSING_HOLD)
        conf->missing = AN_MISSING_MEAN;
}

an_err an_prep_conf_check(const an_prep_conf *conf, size_t width, an_note *why)
{
    const size_t features = an_chain_features(conf->chain, width);
    if (conf->window < 1 || conf->window > AN_PREP_WINDOW_MAX || conf->stride < 1 ||
        conf->stride > AN_PREP_WINDOW_MAX)
        return an_fail(AN_ERR_INVAL, why, "window and stride must be 1..%d rows", AN_PREP_WINDOW_MAX);
    if (conf->smooth < 1 || conf->smooth > AN_PREP_SMOOTH_MAX)
        return an_fail(AN_ERR_INVAL, why, "smooth must be 1..%d rows", AN_PREP_SMOOTH_MAX);
    if (!(conf->clamp >= 0.0f && conf->clamp <= 1e6f))
        return an_fail(AN_ERR_INVAL, why, "clamp must be 0..1000000 standard deviations");
    if ((int)conf->missing < 0 || conf->missing >= AN_MISSING_N)
        return an_fail(AN_ERR_INVAL, why, "unknown policy for missing values");
    if (conf->chain && conf->missing == AN_MISSING_HOLD)
        return an_fail(
            AN_ERR_INVAL, why,
            "with steps, missing must be mean or skip; a value is held by the step hold, with a limit");
    if (width < 1 || features > AN_PREP_FEATURES_MAX || features * conf->window > AN_PREP_INPUT_MAX ||
        features * conf->smooth > AN_PREP_INPUT_MAX)
        return an_fail(AN_ERR_INVAL, why, "%zu features in windows of %u rows are too many", features,
                       conf->window);
    if (conf->chain && an_prep_rows(conf) > AN_CHAIN_ROWS_MAX)
        return an_fail(AN_ERR_INVAL, why, "a window would be made of more than %d rows", AN_CHAIN_ROWS_MAX);
    return AN_OK;
}

size_t an_prep_rows(const an_prep_conf *conf)
{
    return an_chain_rows(conf->chain, (size_t)conf->window + conf->smooth - 1);
}

void an_prep_conf_text(const an_prep_conf *conf, an_buf *out)
{
    an_buf_printf(out, "window: %u\nstride: %u\nsmooth: %u\nclamp: %.9g\nmissing: %s\n", conf->window,
                  conf->stride, conf->smooth, (double)conf->clamp, missing_names[conf->missing]);
}

an_err an_prep_alloc(an_prep *p, const an_prep_conf *conf, size_t width)
{
    *p = (an_prep){.conf = *conf,
                   .width = (uint32_t)width,
                   .features = (uint32_t)an_chain_features(conf->chain, width),
                   .regimes = (uint32_t)an_chain_regimes(conf->chain)};
    p->conf.chain = NULL;
    const size_t n = an_prep_columns(p);
    an_err err = an_chain_copy(conf->chain, &p->conf.chain);
    p->mean = an_alloc(n, sizeof *p->mean);
    p->scale = an_alloc(n, sizeof *p->scale);
    p->constant = an_alloc(n, sizeof *p->constant);
    if (err == AN_OK && p->mean && p->scale && p->constant)
        return AN_OK;
    an_prep_done(p);
    return AN_ERR_NOMEM;
}

void an_prep_done(an_prep *p)
{
    if (!p)
        return;
    an_free(p->mean);
    an_free(p->scale);
    an_free(p->constant);
    an_chain_free(p->conf.chain);
    *p = (an_prep){0};
}

an_err an_prep_copy(an_prep *ret, const an_prep *from)
{
    an_prep p;
    an_err err = an_prep_alloc(&p, &from->conf, from->width);
    if (err != AN_OK)
        return err;
    const size_t n = an_prep_columns(from);
    memcpy(p.mean, from->mean, n * sizeof *p.mean);
    memcpy(p.scale, from->scale, n * sizeof *p.scale);
    memcpy(p.constant, from->constant, n * sizeof *p.constant);
    *ret = p;
    return AN_OK;
}

bool an_prep_equal(const an_prep *a, const an_prep *b)
{
    const size_t n = an_prep_columns(a);
    return a->width == b->width && a->features == b->features && a->regimes == b->regimes &&
           an_chain_equal(a->conf.chain, b->conf.chain) && a->conf.window == b->conf.window &&
           a->conf.stride == b->conf.stride && a->conf.smooth == b->conf.smooth &&
           a->conf.clamp == b->conf.clamp && a->conf.missing == b->conf.missing &&
           memcmp(a->mean, b->mean, n * sizeof *a->mean) == 0 &&
           memcmp(a->scale, b->scale, n * sizeof *a->scale) == 0 &&
           memcmp(a->constant, b->constant, n * sizeof *a->constant) == 0;
}
