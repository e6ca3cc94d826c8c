/* Scales: from rows, or from the sums that sites made of theirs. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/prep_internal.h"

/* A feature whose standard deviation is below this part of its mean's size is rounding noise.
 */
#define CONSTANT_RATIO 1e-6
#define CONSTANT_FLOOR 1e-12

/* Of several regimes, one of which there was nothing cannot be scaled, and is not scored. */
static bool was_seen(const double *variance, size_t features)
{
    for (size_t j = 0; j < features; j++)
        if (variance[j] >= 0.0 || isnan(variance[j]))
            return true;
    return false;
}

static an_err set_regime(an_prep *p, size_t regime, const double *mean, const double *variance, an_note *why)
{
    const bool never = p->regimes > 1 && !was_seen(variance, p->features);
    for (size_t j = 0; j < p->features; j++) {
        const size_t at = regime * p->features + j;
        const double std = sqrt(variance[j] > 0.0 ? variance[j] : 0.0);
        const bool constant = std <= CONSTANT_RATIO * fabs(mean[j]) || std <= CONSTANT_FLOOR;
        p->mean[at] = (float)mean[j];
        p->scale[at] = constant ? 1.0f : (float)std;
        p->constant[at] = never ? AN_PREP_NEVER : constant;
        if (!isfinite(mean[j]) || !isfinite(variance[j]) || !isfinite(p->mean[at]) ||
            !isfinite(p->scale[at]) || !(p->scale[at] > 0.0f))
            return an_fail(AN_ERR_NUMERIC, why, "the moments of feature %zu are not finite", j);
    }
    return AN_OK;
}

an_err an_prep_from_moments(an_prep *ret, const an_prep_conf *conf, const double *mean,
                            const double *variance, size_t width, an_note *why)
{
    an_prep p;
    an_err err = an_prep_conf_check(conf, width, why);
    if (err == AN_OK)
        err = an_prep_alloc(&p, conf, width);
    if (err != AN_OK)
        return err;
    for (size_t r = 0; err == AN_OK && r < p.regimes; r++)
        err = set_regime(&p, r, mean + r * p.features, variance + r * p.features, why);
    if (err == AN_OK)
        *ret = p;
    else
        an_prep_done(&p);
    return err;
}

an_err an_prep_blank(an_prep *ret, const an_prep_conf *conf, size_t width, an_note *why)
{
    an_prep p;
    an_err err = an_prep_conf_check(conf, width, why);
    if (err == AN_OK)
        err = an_prep_alloc(&p, conf, width);
    if (err != AN_OK)
        return err;
    for (size_t j = 0; j < an_prep_columns(&p); j++)
        p.scale[j] = 1.0f;
    *ret = p;
    return AN_OK;
}

static void add_row(const float *row, size_t features, const double *about, uint64_t *n, double *sum)
{
    for (size_t j = 0; j < features; j++) {
        if (!isfinite(row[j]))
            continue;
        const double v = about ? (double)row[j] - about[j] : (double)row[j];
        n[j]++;
        sum[j] += about ? v * v : v;
    }
}

an_err an_prep_sums(const an_prep_conf *conf, const float *rows, size_t n, size_t context, size_t width,
                    const double *about, uint64_t *ret_n, double *ret_sum)
{
    const size_t features = an_chain_features(conf->chain, width);
    const size_t columns = features * an_chain_regimes(conf->chain);
    an_chain_stream *s = NULL;
    an_err err = an_chain_stream_new(conf->chain, &s);
    if (err != AN_OK)
        return err;
    memset(ret_n, 0, columns * sizeof *ret_n);
    memset(ret_sum, 0, columns * sizeof *ret_sum);
    for (size_t i = 0; i < n * context; i++) {
        const float *row = NULL;
        size_t regime = 0;
        if (i % context == 0)
            an_chain_stream_reset(s);
        if (an_chain_push(s, rows + i * width, &row, &regime) != AN_CHAIN_ROW)
            continue;
        const size_t at = regime * features;
        add_row(row, features, about ? about + at : NULL, ret_n + at, ret_sum + at);
    }
    an_chain_stream_free(s);
    return AN_OK;
}

an_err an_prep_fit(an_prep *ret, const an_prep_conf *conf, const float *rows, size_t n, size_t context,
                   size_t width, an_note *why)
{
    an_err err = an_prep_conf_check(conf, width, why);
    if (err != AN_OK)
        return err;
    if (n == 0 || context == 0)
        return an_fail(AN_ERR_INVAL, why, "there are no rows to learn a scale from");
    const size_t columns = an_chain_features(conf->chain, width) * an_chain_regimes(conf->chain);
    uint64_t *seen = an_alloc(columns, sizeof *seen);
    double *mean = an_alloc(columns, sizeof *mean);
    double *variance = an_alloc(columns, sizeof *variance);
    err = seen && mean && variance ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_prep_sums(conf, rows, n, context, width, NULL, seen, mean);
    for (size_t j = 0; err == AN_OK && j < columns; j++)
        mean[j] = seen[j] ? mean[j] / (double)seen[j] : 0.0;
    if (err == AN_OK)
        err = an_prep_sums(conf, rows, n, context, width, mean, seen, variance);
    for (size_t j = 0; err == AN_OK && j < columns; j++)
        variance[j] = seen[j] ? variance[j] / (double)seen[j] : AN_PREP_UNSEEN;
    if (err == AN_OK)
        err = an_prep_from_moments(ret, conf, mean, variance, width, why);
    an_free(seen);
    an_free(mean);
    an_free(variance);
    return err;
}

/* ---- back to the unit of the sensor ---- */

double an_prep_scale_raw(const an_prep *p, size_t feature)
{
    double gain, offset, squares = 0.0, n = 0.0;
    if (!p->conf.chain)
        return (double)p->scale[feature];
    an_chain_conversion(p->conf.chain, an_chain_sensor(p->conf.chain, feature), &gain, &offset);
    for (size_t r = 0; r < p->regimes; r++) {
        const size_t at = r * p->features + feature;
        if (p->constant[at])
            continue;
        squares += (double)p->scale[at] * (double)p->scale[at];
        n += 1.0;
    }
    return n > 0.0 ? sqrt(squares / n) / fabs(gain) : 1.0 / fabs(gain);
}

void an_prep_reach_raw(const an_prep *p, size_t sensor, double deviations, float *ret_mean, float *ret_scale)
{
    double gain, offset, least = INFINITY, most = -INFINITY;
    *ret_mean = p->mean[sensor];
    *ret_scale = p->scale[sensor];
    if (!p->conf.chain)
        return;
    an_chain_conversion(p->conf.chain, sensor, &gain, &offset);
    for (size_t r = 0; r < p->regimes; r++) {
        const size_t at = r * p->features + sensor;
        if (p->constant[at] == AN_PREP_NEVER)
            continue;
        least = fmin(least, (double)p->mean[at] - deviations * (double)p->scale[at]);
        most = fmax(most, (double)p->mean[at] + deviations * (double)p->scale[at]);
    }
    if (!(least <= most))
        return;
    *ret_mean = (float)(((least + most) / 2 - offset) / gain);
    *ret_scale = (float)((most - least) / 2 / deviations / fabs(gain));
}
