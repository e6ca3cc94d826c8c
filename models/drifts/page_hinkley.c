/* Page (1954), Hinkley (1971): the sum of what exceeds the mean so far by more than a
 * tolerance; one sum for each direction.
 *
 *     S = max(0, alpha S + (z - mean - delta)),   drift if S >= lambda
 *
 * z is standardised by the reference, so that delta and lambda are in its standard deviations.
 */
#include <math.h>

#include "models/drift.h"

#define TOLERANCE 0.1
#define LIMIT 50.0
#define WARNING_PART 0.75
#define FORGET 0.9999
#define COUNT_LEAST 30
#define FAR_OUT 10.0

enum { S_MEAN, S_STD, S_LIMIT, S_COUNT, S_SEEN, S_UP, S_UP_RUN, S_DOWN, S_DOWN_RUN, S_END };

static an_err init(double *s, const an_drift_conf *conf, an_note *why)
{
    (void)why;
    s[S_MEAN] = conf->mean;
    s[S_STD] = conf->std;
    s[S_LIMIT] = conf->sensitivity > 0.0 ? conf->sensitivity : LIMIT;
    return AN_OK;
}

/* One direction; run counts the values since the sum last was 0. */
static void add(double *sum, double *run, double d)
{
    *sum = fmax(0.0, FORGET * *sum + d - TOLERANCE);
    *run = *sum > 0.0 ? *run + 1.0 : 0.0;
}

static an_drift_result update(double *s, double x)
{
    double z = fmin(fmax((x - s[S_MEAN]) / s[S_STD], -FAR_OUT), FAR_OUT);
    s[S_COUNT] += 1.0;
    s[S_SEEN] += (z - s[S_SEEN]) / s[S_COUNT];
    add(&s[S_UP], &s[S_UP_RUN], z - s[S_SEEN]);
    add(&s[S_DOWN], &s[S_DOWN_RUN], s[S_SEEN] - z);
    bool up = s[S_UP] >= s[S_DOWN];
    double sum = up ? s[S_UP] : s[S_DOWN];
    double run = up ? s[S_UP_RUN] : s[S_DOWN_RUN];
    an_drift_result r = {.statistic = sum, .limit = s[S_LIMIT]};
    if (s[S_COUNT] < COUNT_LEAST || sum < s[S_LIMIT] * WARNING_PART)
        return r;
    r.level = sum >= s[S_LIMIT] ? AN_DRIFT_DRIFT : AN_DRIFT_WARNING;
    r.sign = up ? 1 : -1;
    r.effect = sum / run + TOLERANCE;
    if (r.level == AN_DRIFT_DRIFT)
        for (int i = S_COUNT; i < S_END; i++)
            s[i] = 0.0;
    return r;
}

static bool check(const double *s)
{
    return s[S_STD] > 0.0 && s[S_LIMIT] > 0.0 && s[S_COUNT] >= 0.0 && s[S_COUNT] == floor(s[S_COUNT]) &&
           fabs(s[S_SEEN]) <= FAR_OUT && s[S_UP] >= 0.0 && s[S_DOWN] >= 0.0 && s[S_UP_RUN] >= 0.0 &&
           s[S_DOWN_RUN] >= 0.0 && s[S_UP_RUN] <= s[S_COUNT] && s[S_DOWN_RUN] <= s[S_COUNT] &&
           (s[S_UP] == 0.0 || s[S_UP_RUN] >= 1.0) && (s[S_DOWN] == 0.0 || s[S_DOWN_RUN] >= 1.0);
}

const an_drift_type an_drift_page_hinkley = {
    .name = "page_hinkley",
    .meaning = "sum of excesses over the mean so far, in both directions",
    .n_state = S_END,
    .init = init,
    .update = update,
    .check = check,
};
