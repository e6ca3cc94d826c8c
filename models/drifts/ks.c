/* Kolmogorov-Smirnov distance in the reference's bins: the largest difference of the two
 * cumulated shares.  Binning can only make it smaller, so the level alpha is kept:
 *
 *     limit = sqrt(ln(2 / alpha) / (2 Ne)),  Ne = n m / (n + m)
 *
 * A distance below 0.1 is never called a drift, however sure: with enough values everything is.
 */
#include <math.h>

#include "models/drift_bins.h"

#define ALPHA 1e-4
#define ALPHA_WARNING 1e-2
#define EFFECT_LEAST 0.1
#define EFFECT_WARNING 0.05

static an_err init(double *s, const an_drift_conf *conf, an_note *why)
{
    an_err err = an_drift_bins_init(s, conf, "ks", why);
    s[AN_BINS_OPTION] = conf->sensitivity > 0.0 ? conf->sensitivity : ALPHA;
    if (err == AN_OK && s[AN_BINS_OPTION] >= 1.0)
        return an_fail(AN_ERR_INVAL, why, "ks: alpha must be below 1");
    return err;
}

static double limit_of(const double *s, double alpha, double least)
{
    double n = s[AN_BINS_REF_TOTAL], m = s[AN_BINS_SEEN];
    return fmax(least, sqrt(log(2.0 / alpha) / (2.0 * n * m / (n + m))));
}

static an_drift_result update(double *s, double x)
{
    if (!an_drift_bins_add(s, x))
        return (an_drift_result){0};
    double ref = 0.0, now = 0.0, most = 0.0;
    for (size_t i = 0; i <= (size_t)s[AN_BINS_EDGES_N]; i++) {
        ref += s[AN_BINS_REF + i] / s[AN_BINS_REF_TOTAL];
        now += s[AN_BINS_NOW + i] / s[AN_BINS_SEEN];
        if (fabs(ref - now) > fabs(most))
            most = ref - now; /* above 0: the new values are larger */
    }
    double alpha = s[AN_BINS_OPTION];
    double warn =
        fmin(limit_of(s, fmax(alpha, ALPHA_WARNING), EFFECT_WARNING), limit_of(s, alpha, EFFECT_LEAST));
    an_drift_result r = {
        .effect = fabs(most), .statistic = fabs(most), .limit = limit_of(s, alpha, EFFECT_LEAST)};
    if (fabs(most) > warn) {
        r.level = fabs(most) > r.limit ? AN_DRIFT_DRIFT : AN_DRIFT_WARNING;
        r.sign = most > 0.0 ? 1 : -1;
    }
    an_drift_bins_restart(s);
    return r;
}

static bool check(const double *s)
{
    return an_drift_bins_check(s) && s[AN_BINS_OPTION] > 0.0 && s[AN_BINS_OPTION] < 1.0;
}

const an_drift_type an_drift_ks = {
    .name = "ks",
    .meaning = "Kolmogorov-Smirnov distance in the reference's bins",
    .n_state = AN_BINS_STATE,
    .needs_bins = true,
    .init = init,
    .update = update,
    .check = check,
};
