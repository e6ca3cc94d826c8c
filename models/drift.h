/* drift.h - does a stream of numbers (a sensor, a score) still look as it did?
 *
 *     an_drift_conf conf;
 *     an_drift_conf_init(&conf);
 *     conf.mean = 0.4; conf.std = 0.1;                    of the reference
 *     an_drift d;
 *     an_err err = an_drift_init(&d, "page_hinkley", &conf, &why);
 *     an_drift_result r = an_drift_update(&d, x);         for each value
 *     if (r.level == AN_DRIFT_DRIFT && r.sign > 0) ...    it went up
 *
 * After a drift the test starts again by itself (psi and ks: with the same reference).
 * Missing values (NAN) are passed over.
 *
 * The whole state is an array of doubles: an_drift_save writes it, an_drift_load reads and
 * checks it, and both machines go on with the same bits.
 *
 * Threads: an object belongs to one thread.  Recipe for a new row:
 * docs/recipes/add-a-drift-test.md. */
#ifndef AN_MODELS_DRIFT_H
#define AN_MODELS_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "models/histogram.h"

#define AN_DRIFT_STATE 512 /* doubles; the largest test's state fits */

typedef enum an_drift_level { AN_DRIFT_NONE, AN_DRIFT_WARNING, AN_DRIFT_DRIFT } an_drift_level;

typedef struct an_drift_result {
    an_drift_level level;
    int sign;         /* +1 up, -1 down, 0 unknown or none */
    double effect;    /* size: adwin, page_hinkley in reference std; psi the index; ks the distance */
    double statistic; /* what was compared ... */
    double limit;     /* ... with this */
} an_drift_result;

/* What a test starts from; each reads its part. */
typedef struct an_drift_conf {
    double mean, std;       /* adwin, page_hinkley: the reference; values become (x - mean) / std */
    double sensitivity;     /* 0: the test's usual one.  adwin delta, page_hinkley lambda, ks alpha */
    const float *edges;     /* psi, ks: (n_edges), copied */
    size_t n_edges;         /* < AN_BINS_MAX */
    const uint64_t *counts; /* psi, ks: (n_edges + 1) reference counts, copied */
    uint32_t window;        /* psi, ks: values in one comparison; 0: the usual 500 */
} an_drift_conf;

void an_drift_conf_init(an_drift_conf *conf);

typedef struct an_drift_type {
    const char *name;
    const char *meaning;
    size_t n_state; /* doubles, <= AN_DRIFT_STATE */
    bool needs_bins;
    an_err (*init)(double *s, const an_drift_conf *conf, an_note *why); /* s is zeroed */
    an_drift_result (*update)(double *s, double x);                     /* x is finite */
    bool (*check)(const double *s); /* is this a state this test could be in? all are finite */
} an_drift_type;

const an_drift_type *an_drift_find(const char *name); /* NULL: no such test */
const an_drift_type *an_drift_at(size_t i);           /* NULL past the end */

typedef struct an_drift {
    const an_drift_type *type;
    double s[AN_DRIFT_STATE];
} an_drift;

/* Errors: INVAL. */
an_err an_drift_init(an_drift *d, const char *name, const an_drift_conf *conf, an_note *why);
an_drift_result an_drift_update(an_drift *d, double x);

/* Of a fixed size for each test: name (16 bytes), then n_state float64. */
void an_drift_save(const an_drift *d, an_buf *out);
/* Errors: PROTO. */
an_err an_drift_load(an_drift *ret, const void *bytes, size_t len);

#endif
