/* Population stability index over fixed reference bins: sum of (now - ref) ln(now / ref), with
 * half a count added to each bin so that empty ones do not explode.
 *
 * Without drift its expectation is (B - 1)(1/n + 1/m) for n reference and m new values; the
 * limit is three times that, or 0.1 if that is more: the customary 0.1 alone fires on small
 * samples. */
#include <math.h>

#include "models/drift_bins.h"

#define LIMIT_LEAST 0.1
#define NOISE_TIMES 3.0
#define WARNING_PART (2.0 / 3.0)

static an_err init(double *s, const an_drift_conf *conf, an_note *why)
{
    return an_drift_bins_init(s, conf, "psi", why);
}

static an_drift_result update(double *s, double x)
{
    if (!an_drift_bins_add(s, x))
        return (an_drift_result){0};
    double used = 0.0, psi = 0.0;
    size_t n = (size_t)s[AN_BINS_EDGES_N];
    for (size_t i = 0; i <= n; i++)
        used += s[AN_BINS_REF + i] + s[AN_BINS_NOW + i] > 0.0;
    for (size_t i = 0; i <= n; i++) {
        double ref = s[AN_BINS_REF + i], now = s[AN_BINS_NOW + i];
        if (ref + now == 0.0)
            continue; /* equal edges leave bins that nothing can fall into */
        ref = (ref + 0.5) / (s[AN_BINS_REF_TOTAL] + 0.5 * used);
        now = (now + 0.5) / (s[AN_BINS_SEEN] + 0.5 * used);
        psi += (now - ref) * log(now / ref);
    }
    double noise = (used - 1.0) * (1.0 / s[AN_BINS_REF_TOTAL] + 1.0 / s[AN_BINS_SEEN]);
    an_drift_result r = {.effect = psi, .statistic = psi, .limit = fmax(LIMIT_LEAST, NOISE_TIMES * noise)};
    if (psi > r.limit * WARNING_PART) {
        r.level = psi > r.limit ? AN_DRIFT_DRIFT : AN_DRIFT_WARNING;
        r.sign = an_drift_bins_sign(s);
    }
    an_drift_bins_restart(s);
    return r;
}

const an_drift_type an_drift_psi = {
    .name = "psi",
    .meaning = "population stability index in the reference's bins",
    .n_state = AN_BINS_STATE,
    .needs_bins = true,
    .init = init,
    .update = update,
    .check = an_drift_bins_check,
};
