/* prep.h - from sensor rows to model inputs: a chain of steps, fill, scale, clamp, smooth, window.
 *
 * The description travels in the bundle, so that every site prepares its rows in the same way.
 * The same code serves the stream and whole tables: both give the same bits.
 *
 *     an_prep_fit(&prep, &conf, rows, 1, n, width);       mean and std of normal rows
 *     an_prep_stream *s;
 *     an_prep_stream_new(&prep, &s);
 *     if (an_prep_push(s, row, window))                   a window is complete
 *         score(window);
 *
 * A row of `width` sensors goes through the chain (prep_chain.h), if there is one, and comes out as a row
 * of `features` in a regime, or not at all.  Then a missing value is filled; z = (x - mean) / scale of its
 * regime; z is clamped to +-clamp; z becomes the mean of the last `smooth` rows; the last `window` of
 * these are one model input, oldest first, (window, features) row-major; the next one comes `stride` rows
 * later.  After a row that is dropped, or in which nothing is scored, the window starts again.
 *
 * Threads: an_prep is immutable once made; a stream belongs to one thread. */
#ifndef AN_MODELS_PREP_H
#define AN_MODELS_PREP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "models/prep_chain.h"

#define AN_PREP_FEATURES_MAX 4096
#define AN_PREP_WINDOW_MAX 4096
#define AN_PREP_INPUT_MAX (1u << 20) /* window * features */
#define AN_PREP_SMOOTH_MAX 4096
#define AN_PREP_UNSEEN (-1.0) /* the variance of what had no value */

/* What to do with a missing value.  Add a row; enum and names follow. */
#define AN_MISSING_LIST(X)                                                                                   \
    X(HOLD, "hold") /* the sensor's last value; the mean if there was none; not behind a chain */            \
    X(MEAN, "mean") /* the training mean */                                                                  \
    X(SKIP, "skip") /* the row is dropped and the window starts again */

typedef enum an_missing {
#define AN_MISSING_ROW(name, text) AN_MISSING_##name,
    AN_MISSING_LIST(AN_MISSING_ROW)
#undef AN_MISSING_ROW
        AN_MISSING_N
} an_missing;

typedef struct an_prep_conf {
    uint32_t window; /* rows in a model input, >= 1 */
    uint32_t stride; /* rows between two model inputs, >= 1 */
    uint32_t smooth; /* rows in the causal mean; 1: none */
    float clamp;     /* in standard deviations; 0: none */
    an_missing missing;
    an_prep_chain *chain; /* NULL: none.  Borrowed, but in an an_prep its own */
} an_prep_conf;

void an_prep_conf_init(an_prep_conf *conf); /* window 1, stride 1, smooth 1, clamp 10, hold */
/* One key of a description: window, stride, smooth, clamp, missing.  Errors: INVAL. */
an_err an_prep_conf_set(an_prep_conf *conf, const char *key, const char *value, an_note *why);
/* Takes a chain for the conf, with which missing values that nobody has dealt with are the mean.  To hold a value
 * for ever would make what comes out depend on all rows since the beginning: that is the step hold. */
void an_prep_conf_chain(an_prep_conf *conf, an_prep_chain *chain);
an_err an_prep_conf_check(const an_prep_conf *conf, size_t width, an_note *why);
/* The canonical text, also valid YAML: "window: 16\nstride: 1\n...", without the chain's. */
void an_prep_conf_text(const an_prep_conf *conf, an_buf *out);

typedef struct an_prep {
    an_prep_conf conf;
    uint32_t width;    /* sensors in a row */
    uint32_t features; /* values in a row of the model's input: width, and more with a chain that has lags */
    uint32_t regimes;  /* 1, or those of the chain; each has its scale */
    float *mean;       /* (regimes, features) */
    float *scale;      /* (regimes, features), > 0; 1 for a constant feature */
    uint8_t *constant; /* (regimes, features), 1: did not vary in the rows it was fitted on; 2, for all of
                        * a regime if there are several: none of it was seen, and it is not scored */
} an_prep;

/* Mean and standard deviation (population) of the values that are not missing, in two passes of
 * float64.  rows: (n, context, width), n runs of rows that follow each other.  A feature without any
 * value is constant with mean 0.  Errors: INVAL, NOMEM. */
an_err an_prep_fit(an_prep *ret, const an_prep_conf *conf, const float *rows, size_t n, size_t context,
                   size_t width, an_note *why);

/* Counts and sums of what the scaler sees of such rows; about NULL: of the values, else of
 * (x - about)^2.  ret_n, ret_sum, about: (regimes, features).  Errors: NOMEM. */
an_err an_prep_sums(const an_prep_conf *conf, const float *rows, size_t n, size_t context, size_t width,
                    const double *about, uint64_t *ret_n, double *ret_sum);

/* The same from moments (regimes, features), e.g. those that sites summed; AN_PREP_UNSEEN where a variance
 * is of no value.  Errors: INVAL, NUMERIC, NOMEM. */
an_err an_prep_from_moments(an_prep *ret, const an_prep_conf *conf, const double *mean,
                            const double *variance, size_t width, an_note *why);
/* Mean 0 and scale 1 until there are better ones.  Errors: INVAL, NOMEM. */
an_err an_prep_blank(an_prep *ret, const an_prep_conf *conf, size_t width, an_note *why);
an_err an_prep_copy(an_prep *ret, const an_prep *from);
void an_prep_done(an_prep *p);
bool an_prep_equal(const an_prep *a, const an_prep *b);

static inline size_t an_prep_input(const an_prep *p)
{
    return (size_t)p->conf.window * p->features;
}
static inline size_t an_prep_columns(const an_prep *p) /* that have a scale of their own */
{
    return (size_t)p->regimes * p->features;
}

size_t an_prep_rows(const an_prep_conf *conf); /* raw rows that one model input depends on */
/* A feature's scale, over all regimes, in the unit that its sensor comes in. */
double an_prep_scale_raw(const an_prep *p, size_t feature);
/* Where a sensor's values lie, in that unit: mean +- deviations * scale holds those within so many deviations
 * of the mean of each regime. */
void an_prep_reach_raw(const an_prep *p, size_t sensor, double deviations, float *ret_mean, float *ret_scale);

typedef struct an_prep_stream an_prep_stream;

/* Borrows p, which must outlive the stream. */
an_err an_prep_stream_new(const an_prep *p, an_prep_stream **ret);
void an_prep_stream_free(an_prep_stream *s);
void an_prep_stream_reset(an_prep_stream *s); /* after a gap in time: the window starts again */

/* Takes one row (width).  True: ret_window (window * features) holds the next model input.
 * Never allocates. */
bool an_prep_push(an_prep_stream *s, const float *row, float *ret_window);

/* The newest row after filling and scaling (features), before smoothing; borrowed. */
const float *an_prep_last(const an_prep_stream *s);
size_t an_prep_regime(const an_prep_stream *s); /* of that row */
bool an_prep_rests(const an_prep_stream *s);    /* in the newest row of the chain nothing is scored */

/* All windows of a table without gaps. */
typedef struct an_windows {
    float *x;     /* (n, input) */
    size_t *last; /* (n) the table row at which the window ends */
    size_t n;
    size_t input; /* window * features */
} an_windows;
an_err an_prep_windows(const an_prep *p, const float *rows, size_t n, an_windows *ret);
void an_windows_done(an_windows *w);

#endif
