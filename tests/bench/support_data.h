/* support_data.h - public data and versions made of it, for measurements of reasons and thresholds.
 *
 *     if (!bench_asd(&machines))        skip: the data is not there
 *     err = bench_version(&conf, rows, n, width, &version, &why);
 *
 * Threads: one. */
#ifndef AN_BENCH_SUPPORT_DATA_H
#define AN_BENCH_SUPPORT_DATA_H

#include <stdbool.h>

#include "models/data/table.h"
#include "models/prep.h"
#include "models/scorer.h"

#define BENCH_ASD_MACHINES 12
#define BENCH_ASD_WIDTH 19
#define BENCH_ASD_SEGMENTS 16

typedef struct bench_segment { /* of test rows, both ends within, and the sensors that it is about */
    size_t from, to, n_guilty;
    bool guilty[BENCH_ASD_WIDTH];
} bench_segment;

typedef struct bench_machine {
    an_table train, test;
    bool *anomalous; /* (test.n) */
    size_t n_segments;
    bench_segment segments[BENCH_ASD_SEGMENTS];
} bench_machine;

/* All of asd below $ANDON_DATA or ../shared/data.  Freed by bench_machines_free.  False: it is not there, or not so. */
bool bench_asd(bench_machine *machines);
void bench_machines_free(bench_machine *machines);

#define BENCH_TEP_WIDTH 52
/* A file of tep, e.g. "d00"; rows: an_free. */
bool bench_tep(const char *name, float **rows, size_t *n);

typedef struct bench_version_conf {
    const char *detector;
    uint32_t window;
    uint32_t smooth; /* 0: 1 */
    size_t epochs;
    uint64_t seed;
} bench_version_conf;

typedef struct bench_version {
    an_scorer *scorer;
    an_scorer_work *work;
    an_detector *detector; /* as in the scorer */
    an_windows fit;        /* of the rows it was made of */
} bench_version;

/* The detector, with a dense autoencoder if it needs a model, fitted to rows (n, width) alone. */
an_err bench_version_make(const bench_version_conf *conf, const float *rows, size_t n, size_t width,
                          bench_version *ret, an_note *why);
void bench_version_done(bench_version *v);

#endif
