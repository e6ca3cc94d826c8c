/* ADWIN (Bifet and Gavalda 2007): a window that grows while it looks stationary and drops its
 * old end when two halves of it differ.  It is kept as an exponential histogram: row r holds up
 * to M buckets of 2^r values each; one too many, and its two oldest become one of row r + 1.
 *
 *     row 2 [4][4]   row 1 [2][2][2]   row 0 [1][1]      oldest ... newest
 *
 * Every boundary between buckets is tried as a cut, the newest included:
 *     d' = ln(2 ln W / delta), 1/m = 1/(n0-4) + 1/(n1-4),
 *     eps = sqrt(2/m var d') + 2/3 d'/m,  a cut if |mean0 - mean1| > eps.
 * What is left after a cut is the new window, so that the test goes on with what it knows.
 *
 * Values are standardised first: sums of squares lose their digits with large offsets. */
#include <math.h>
#include <string.h>

#include "models/drift.h"

#define ROWS 24
#define BUCKETS 5
#define SLOTS (BUCKETS + 1)
#define CLOCK 32
#define WIDTH_LEAST 10
#define SIDE_LEAST 5
#define FAR_OUT 10.0 /* standard deviations at which a value is cut off */

enum {
    S_MEAN,
    S_STD,
    S_DELTA,
    S_TICK,
    S_WIDTH,
    S_TOTAL,
    S_VAR,
    S_FILL,
    S_BUCKET = S_FILL + ROWS,
    S_END = S_BUCKET + ROWS * SLOTS * 2
};
_Static_assert((int)S_END <= AN_DRIFT_STATE, "the state fits");

static double *bucket(double *s, size_t row, size_t i)
{
    return s + S_BUCKET + (row * SLOTS + i) * 2; /* {total, sum of squared deviations} */
}

static double bucket_n(size_t row)
{
    return (double)(UINT64_C(1) << row);
}

static an_err init(double *s, const an_drift_conf *conf, an_note *why)
{
    s[S_MEAN] = conf->mean;
    s[S_STD] = conf->std;
    s[S_DELTA] = conf->sensitivity > 0.0 ? conf->sensitivity : 0.002;
    if (s[S_DELTA] >= 1.0)
        return an_fail(AN_ERR_INVAL, why, "adwin: delta must be below 1");
    return AN_OK;
}

/* {n, total, var} of a and b together; n0 + n1 > 0. */
static void join(double *n0, double *total0, double *var0, double n1, double total1, double var1)
{
    if (*n0 > 0.0) {
        double d = *total0 / *n0 - total1 / n1;
        *var0 += var1 + *n0 * n1 * d * d / (*n0 + n1);
    } else {
        *var0 = var1;
    }
    *n0 += n1;
    *total0 += total1;
}

static void drop_first(double *s, size_t row, size_t n)
{
    size_t fill = (size_t)s[S_FILL + row];
    memmove(bucket(s, row, 0), bucket(s, row, n), (fill - n) * 2 * sizeof *s);
    memset(bucket(s, row, fill - n), 0, n * 2 * sizeof *s);
    s[S_FILL + row] -= (double)n;
}

static void recount(double *s)
{
    double n = 0.0, total = 0.0, var = 0.0;
    for (size_t row = ROWS; row-- > 0;)
        for (size_t i = 0; i < (size_t)s[S_FILL + row]; i++)
            join(&n, &total, &var, bucket_n(row), bucket(s, row, i)[0], bucket(s, row, i)[1]);
    s[S_WIDTH] = n;
    s[S_TOTAL] = total;
    s[S_VAR] = var;
}

static void insert(double *s, double z)
{
    join(&s[S_WIDTH], &s[S_TOTAL], &s[S_VAR], 1.0, z, 0.0);
    double *b = bucket(s, 0, (size_t)s[S_FILL]);
    b[0] = z;
    b[1] = 0.0;
    s[S_FILL] += 1.0;
    for (size_t row = 0; row < ROWS && s[S_FILL + row] > BUCKETS; row++) {
        if (row == ROWS - 1) { /* the window is full: forget its oldest end */
            drop_first(s, row, 1);
            recount(s);
            break;
        }
        double n = bucket_n(row), total = bucket(s, row, 0)[0], var = bucket(s, row, 0)[1];
        join(&n, &total, &var, bucket_n(row), bucket(s, row, 1)[0], bucket(s, row, 1)[1]);
        drop_first(s, row, 2);
        double *up = bucket(s, row + 1, (size_t)s[S_FILL + row + 1]);
        up[0] = total;
        up[1] = var;
        s[S_FILL + row + 1] += 1.0;
    }
}

static double epsilon(const double *s, double delta, double n0, double n1)
{
    double w = s[S_WIDTH];
    double d = log(2.0 * log(w) / delta);
    double m = 1.0 / (n0 - SIDE_LEAST + 1.0) + 1.0 / (n1 - SIDE_LEAST + 1.0);
    return sqrt(2.0 * m * (s[S_VAR] / w) * d) + 2.0 / 3.0 * d * m;
}

/* The cut that is furthest beyond its limit, as a result; NONE if there is none. */
static an_drift_result best_cut(double *s)
{
    an_drift_result best = {0};
    double n0 = 0.0, total0 = 0.0, excess = 0.0;
    for (size_t row = ROWS; row-- > 0;)
        for (size_t i = 0; i < (size_t)s[S_FILL + row]; i++) {
            n0 += bucket_n(row);
            total0 += bucket(s, row, i)[0];
            double n1 = s[S_WIDTH] - n0;
            if (n0 < SIDE_LEAST || n1 < SIDE_LEAST)
                continue;
            double diff = (s[S_TOTAL] - total0) / n1 - total0 / n0;
            double limit = epsilon(s, s[S_DELTA], n0, n1);
            double by = fabs(diff) / limit;
            if (by <= excess)
                continue;
            excess = by;
            double delta_warn = fmin(10.0 * s[S_DELTA], 0.5);
            bool warn = fabs(diff) > epsilon(s, delta_warn, n0, n1);
            best = (an_drift_result){.level = by > 1.0 ? AN_DRIFT_DRIFT
                                              : warn   ? AN_DRIFT_WARNING
                                                       : AN_DRIFT_NONE,
                                     .sign = diff > 0.0 ? 1 : -1,
                                     .effect = fabs(diff),
                                     .statistic = fabs(diff),
                                     .limit = limit};
        }
    if (best.level == AN_DRIFT_NONE)
        best.sign = 0;
    return best;
}

static an_drift_result update(double *s, double x)
{
    double z = (x - s[S_MEAN]) / s[S_STD];
    insert(s, fmin(fmax(z, -FAR_OUT), FAR_OUT));
    s[S_TICK] = fmod(s[S_TICK] + 1.0, CLOCK);
    if (s[S_TICK] > 0.0 || s[S_WIDTH] <= WIDTH_LEAST)
        return (an_drift_result){0};
    an_drift_result first = best_cut(s), now = first;
    while (now.level == AN_DRIFT_DRIFT && s[S_WIDTH] > WIDTH_LEAST) {
        size_t row = ROWS - 1;
        while (s[S_FILL + row] < 1.0)
            row--;
        drop_first(s, row, 1);
        recount(s);
        now = best_cut(s);
    }
    return first;
}

static bool check(const double *s)
{
    double n = 0.0;
    for (size_t row = 0; row < ROWS; row++) {
        double fill = s[S_FILL + row];
        if (!(fill >= 0.0 && fill <= BUCKETS) || fill != floor(fill))
            return false;
        n += fill * bucket_n(row);
        for (size_t i = 0; i < SLOTS; i++) {
            const double *b = s + S_BUCKET + (row * SLOTS + i) * 2;
            if (fabs(b[0]) > FAR_OUT * bucket_n(row) * 1.001 || b[1] < 0.0)
                return false;
        }
    }
    return s[S_STD] > 0.0 && s[S_DELTA] > 0.0 && s[S_DELTA] < 1.0 && s[S_TICK] >= 0.0 && s[S_TICK] < CLOCK &&
           s[S_WIDTH] == n && s[S_VAR] >= 0.0;
}

const an_drift_type an_drift_adwin = {
    .name = "adwin",
    .meaning = "adaptive window: does its old end differ from its new one in the mean?",
    .n_state = S_END,
    .init = init,
    .update = update,
    .check = check,
};
