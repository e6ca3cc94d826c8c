#include "models/drift_bins.h"

#include <math.h>
#include <string.h>

#define WINDOW_USUAL 500
#define WINDOW_LEAST 50
#define WINDOW_MOST 1000000
#define REFERENCE_LEAST 50
#define COUNT_MOST 9e15 /* whole numbers are exact below it */

an_err an_drift_bins_init(double *s, const an_drift_conf *conf, const char *name, an_note *why)
{
    uint32_t window = conf->window > 0 ? conf->window : WINDOW_USUAL;
    if (window < WINDOW_LEAST || window > WINDOW_MOST)
        return an_fail(AN_ERR_INVAL, why, "%s: a comparison takes %d..%d values", name, WINDOW_LEAST,
                       WINDOW_MOST);
    s[AN_BINS_EDGES_N] = (double)conf->n_edges;
    s[AN_BINS_WINDOW] = (double)window;
    for (size_t i = 0; i < conf->n_edges; i++)
        s[AN_BINS_EDGE + i] = (double)conf->edges[i];
    for (size_t i = 0; i <= conf->n_edges; i++) {
        s[AN_BINS_REF + i] = (double)conf->counts[i];
        s[AN_BINS_REF_TOTAL] += (double)conf->counts[i];
    }
    if (s[AN_BINS_REF_TOTAL] < REFERENCE_LEAST || s[AN_BINS_REF_TOTAL] > COUNT_MOST)
        return an_fail(AN_ERR_INVAL, why, "%s: the reference needs %d values or more", name, REFERENCE_LEAST);
    return AN_OK;
}

bool an_drift_bins_add(double *s, double x)
{
    size_t n = (size_t)s[AN_BINS_EDGES_N], bin = 0;
    double narrow = (double)(float)x; /* as an_hist_bin sees it */
    while (bin < n && s[AN_BINS_EDGE + bin] <= narrow)
        bin++;
    s[AN_BINS_NOW + bin] += 1.0;
    s[AN_BINS_SEEN] += 1.0;
    return s[AN_BINS_SEEN] >= s[AN_BINS_WINDOW];
}

void an_drift_bins_restart(double *s)
{
    memset(s + AN_BINS_NOW, 0, AN_BINS_MAX * sizeof *s);
    s[AN_BINS_SEEN] = 0.0;
}

int an_drift_bins_sign(const double *s)
{
    double ref = 0.0, now = 0.0;
    for (size_t i = 0; i <= (size_t)s[AN_BINS_EDGES_N]; i++) {
        ref += (double)i * s[AN_BINS_REF + i] / s[AN_BINS_REF_TOTAL];
        now += (double)i * s[AN_BINS_NOW + i] / s[AN_BINS_SEEN];
    }
    return (now > ref) - (now < ref);
}

static bool is_count(double v, double most)
{
    return v >= 0.0 && v <= most && v == floor(v);
}

bool an_drift_bins_check(const double *s)
{
    double n = s[AN_BINS_EDGES_N], ref = 0.0, now = 0.0;
    if (!is_count(n, AN_BINS_MAX - 1) || n < 1.0 || !is_count(s[AN_BINS_WINDOW], WINDOW_MOST) ||
        s[AN_BINS_WINDOW] < WINDOW_LEAST)
        return false;
    for (size_t i = 0; i < AN_BINS_MAX; i++) {
        double r = s[AN_BINS_REF + i], c = s[AN_BINS_NOW + i];
        if (!is_count(r, COUNT_MOST) || !is_count(c, s[AN_BINS_WINDOW]) ||
            ((double)i > n && (r > 0.0 || c > 0.0)))
            return false;
        if (i > 0 && (double)i < n && s[AN_BINS_EDGE + i] < s[AN_BINS_EDGE + i - 1])
            return false;
        ref += r;
        now += c;
    }
    return ref == s[AN_BINS_REF_TOTAL] && ref >= REFERENCE_LEAST && now == s[AN_BINS_SEEN] &&
           now < s[AN_BINS_WINDOW];
}
