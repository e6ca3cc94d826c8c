/* drift_bins.h - what psi and ks share: reference counts and the counts of the values since, in
 * the same bins, compared whenever `window` values are in. */
#ifndef AN_MODELS_DRIFT_BINS_H
#define AN_MODELS_DRIFT_BINS_H

#include "models/drift.h"

enum {
    AN_BINS_EDGES_N,   /* number of inner edges */
    AN_BINS_WINDOW,    /* values in one comparison */
    AN_BINS_SEEN,      /* values since the last one */
    AN_BINS_REF_TOTAL, /* reference values */
    AN_BINS_OPTION,    /* the test's own */
    AN_BINS_EDGE,
    AN_BINS_REF = AN_BINS_EDGE + AN_BINS_MAX,
    AN_BINS_NOW = AN_BINS_REF + AN_BINS_MAX,
    AN_BINS_STATE = AN_BINS_NOW + AN_BINS_MAX
};

an_err an_drift_bins_init(double *s, const an_drift_conf *conf, const char *name, an_note *why);
/* Counts x.  True: the window is full; compare, then call an_drift_bins_restart. */
bool an_drift_bins_add(double *s, double x);
void an_drift_bins_restart(double *s);
bool an_drift_bins_check(const double *s);
/* +1: the values lie in higher bins than the reference, on average; -1: in lower ones. */
int an_drift_bins_sign(const double *s);

#endif
