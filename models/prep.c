/* Rows into model inputs.  The stream keeps two rings: the scaled rows of the causal mean, and
 * the smoothed rows of the window.  The mean is added up anew for each row, oldest first, so
 * that its bits depend on those rows alone and not on how long the stream has run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/prep.h"

/* A feature whose standard deviation is below this part of its mean's size is rounding noise.
 */
#define CONSTANT_RATIO 1e-6
#define CONSTANT_FLOOR 1e-12

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

an_err an_prep_conf_check(const an_prep_conf *conf, size_t features, an_note *why)
{
    if (conf->window < 1 || conf->window > AN_PREP_WINDOW_MAX || conf->stride < 1 ||
        conf->stride > AN_PREP_WINDOW_MAX)
        return an_fail(AN_ERR_INVAL, why, "window and stride must be 1..%d rows", AN_PREP_WINDOW_MAX);
    if (conf->smooth < 1 || conf->smooth > AN_PREP_SMOOTH_MAX)
        return an_fail(AN_ERR_INVAL, why, "smooth must be 1..%d rows", AN_PREP_SMOOTH_MAX);
    if (!(conf->clamp >= 0.0f && conf->clamp <= 1e6f))
        return an_fail(AN_ERR_INVAL, why, "clamp must be 0..1000000 standard deviations");
    if ((int)conf->missing < 0 || conf->missing >= AN_MISSING_N)
        return an_fail(AN_ERR_INVAL, why, "unknown policy for missing values");
    if (features < 1 || features > AN_PREP_FEATURES_MAX || features * conf->window > AN_PREP_INPUT_MAX ||
        features * conf->smooth > AN_PREP_INPUT_MAX)
        return an_fail(AN_ERR_INVAL, why, "%zu features in windows of %u rows are too many", features,
                       conf->window);
    return AN_OK;
}

void an_prep_conf_text(const an_prep_conf *conf, an_buf *out)
{
    an_buf_printf(out, "window: %u\nstride: %u\nsmooth: %u\nclamp: %.9g\nmissing: %s\n", conf->window,
                  conf->stride, conf->smooth, (double)conf->clamp, missing_names[conf->missing]);
}

static an_err prep_alloc(an_prep *p, const an_prep_conf *conf, size_t width)
{
    *p = (an_prep){.conf = *conf, .features = (uint32_t)width};
    p->mean = an_alloc(width, sizeof *p->mean);
    p->scale = an_alloc(width, sizeof *p->scale);
    p->constant = an_alloc(width, sizeof *p->constant);
    if (p->mean && p->scale && p->constant)
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
    *p = (an_prep){0};
}

an_err an_prep_from_moments(an_prep *ret, const an_prep_conf *conf, const double *mean,
                            const double *variance, size_t width, an_note *why)
{
    an_prep p;
    an_err err = an_prep_conf_check(conf, width, why);
    if (err == AN_OK)
        err = prep_alloc(&p, conf, width);
    if (err != AN_OK)
        return err;
    for (size_t j = 0; j < width; j++) {
        double std = sqrt(variance[j] > 0.0 ? variance[j] : 0.0);
        bool constant = std <= CONSTANT_RATIO * fabs(mean[j]) || std <= CONSTANT_FLOOR;
        p.mean[j] = (float)mean[j];
        p.scale[j] = constant ? 1.0f : (float)std;
        p.constant[j] = constant;
        if (!isfinite(mean[j]) || !isfinite(variance[j]) || !isfinite(p.mean[j]) || !isfinite(p.scale[j])) {
            an_prep_done(&p);
            return an_fail(AN_ERR_NUMERIC, why, "the moments of feature %zu are not finite", j);
        }
    }
    *ret = p;
    return AN_OK;
}

static void column_moments(const float *rows, size_t n, size_t width, size_t j, double *ret_mean,
                           double *ret_var)
{
    double sum = 0.0, square = 0.0, seen = 0.0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(rows[i * width + j])) {
            sum += (double)rows[i * width + j];
            seen += 1.0;
        }
    double mean = seen > 0.0 ? sum / seen : 0.0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(rows[i * width + j])) {
            double d = (double)rows[i * width + j] - mean;
            square += d * d;
        }
    *ret_mean = mean;
    *ret_var = seen > 0.0 ? square / seen : 0.0;
}

an_err an_prep_fit(an_prep *ret, const an_prep_conf *conf, const float *rows, size_t n, size_t width,
                   an_note *why)
{
    an_err err = an_prep_conf_check(conf, width, why);
    if (err != AN_OK)
        return err;
    if (n == 0)
        return an_fail(AN_ERR_INVAL, why, "there are no rows to learn a scale from");
    double *mean = an_alloc(width, sizeof *mean);
    double *var = an_alloc(width, sizeof *var);
    if (mean && var) {
        for (size_t j = 0; j < width; j++)
            column_moments(rows, n, width, j, &mean[j], &var[j]);
        err = an_prep_from_moments(ret, conf, mean, var, width, why);
    } else {
        err = AN_ERR_NOMEM;
    }
    an_free(mean);
    an_free(var);
    return err;
}

an_err an_prep_copy(an_prep *ret, const an_prep *from)
{
    an_prep p;
    an_err err = prep_alloc(&p, &from->conf, from->features);
    if (err != AN_OK)
        return err;
    memcpy(p.mean, from->mean, from->features * sizeof *p.mean);
    memcpy(p.scale, from->scale, from->features * sizeof *p.scale);
    memcpy(p.constant, from->constant, from->features * sizeof *p.constant);
    *ret = p;
    return AN_OK;
}

bool an_prep_equal(const an_prep *a, const an_prep *b)
{
    return a->features == b->features && a->conf.window == b->conf.window &&
           a->conf.stride == b->conf.stride && a->conf.smooth == b->conf.smooth &&
           a->conf.clamp == b->conf.clamp && a->conf.missing == b->conf.missing &&
           memcmp(a->mean, b->mean, a->features * sizeof *a->mean) == 0 &&
           memcmp(a->scale, b->scale, a->features * sizeof *a->scale) == 0 &&
           memcmp(a->constant, b->constant, a->features * sizeof *a->constant) == 0;
}
