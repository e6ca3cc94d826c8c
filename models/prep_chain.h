/* prep_chain.h - the steps that rows of sensors go through before they are scaled.
 *
 * A chain is a list of steps, one file of prep_steps/ and one row of prep_steps.def each.  What comes out
 * of a step is a function of the last rows that went in, `memory` of them, and of nothing else: so a row
 * that comes out of the chain depends on a known number of raw rows, and a stored window of that length gives
 * the bits that the live stream gave.  Until a step has had its memory no row comes out.
 *
 *     prep:
 *       steps:
 *         - convert: {sensors: [oil], from: degF, to: degC}
 *         - range: {sensors: [oil, speed], below: -20, above: 4000}
 *         - median: {rows: 5}
 *         - regime: {sensor: speed, edges: [50, 1000], names: [stopped, slow, fast], ignore: [stopped]}
 *
 *     err = an_chain_read(prep, names, 3, &chain, &why);
 *     err = an_chain_stream_new(chain, &stream);
 *     if (an_chain_push(stream, row, &out, &regime) == AN_CHAIN_ROW)
 *         use(out);                                     an_chain_features(chain, 3) values
 *
 * A value that is not finite is missing, and a missing value is NAN.  No sensors named means all.  A lag
 * step adds features behind those of the sensors; after it only a regime step may come, which is the last.
 *
 * Threads: a chain is immutable once made; a stream belongs to one thread.  A new step:
 * docs/recipes/add-a-prep-step.md. */
#ifndef AN_MODELS_PREP_CHAIN_H
#define AN_MODELS_PREP_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "doors/yaml.h"

#define AN_CHAIN_VERSION 1
#define AN_CHAIN_STEPS_MAX 32
#define AN_CHAIN_TEXT_MAX ((size_t)64 << 10)
#define AN_CHAIN_FLOATS_MAX ((size_t)1 << 20) /* remembered by a stream, all steps together */
#define AN_CHAIN_ROWS_MAX 65536               /* raw rows that one result may depend on */
#define AN_CHAIN_REGIMES_MAX 16
#define AN_CHAIN_NAME_MAX 32

typedef struct an_prep_chain an_prep_chain;

/* prep: a map with `steps`, which may have other keys beside it.  No steps: *ret is NULL.  names: (width), or NULL if
 * sensors are given by their numbers, as in a canonical text.
 * Errors: INVAL with file, line and column; UNSUPPORTED a later version; LIMIT, NOMEM. */
an_err an_chain_read(const an_node *prep, const char *const *names, size_t width, an_prep_chain **ret,
                     an_note *why);
/* The same from a text whose keys are `steps` and `version`.  Errors: also PROTO not YAML. */
an_err an_chain_parse(const char *text, size_t len, const char *const *names, size_t width,
                      an_prep_chain **ret, an_note *why);
/* Only if it is exactly what an_chain_canonical gives.  Errors: PROTO, UNSUPPORTED, NOMEM. */
an_err an_chain_restore(const char *text, size_t len, size_t width, an_prep_chain **ret, an_note *why);
an_err an_chain_copy(const an_prep_chain *from, an_prep_chain **ret); /* NULL gives NULL.  Errors: NOMEM */
void an_chain_free(an_prep_chain *c);

/* "version: 1\nsteps:\n  - ...", with sensors by number; borrowed; "" for NULL. */
const char *an_chain_canonical(const an_prep_chain *c);
/* The same for people, with the sensors' names. */
void an_chain_text(const an_prep_chain *c, const char *const *names, an_buf *out);
bool an_chain_equal(const an_prep_chain *a, const an_prep_chain *b);

/* Of what comes out.  All take NULL: no steps. */
size_t an_chain_features(const an_prep_chain *c, size_t width);
size_t an_chain_sensor(const an_prep_chain *c, size_t feature);          /* that a feature is made of */
size_t an_chain_regimes(const an_prep_chain *c);                         /* >= 1 */
const char *an_chain_regime_name(const an_prep_chain *c, size_t regime); /* "" if there is but one */
/* Raw rows that it takes until `rows` rows have come out, the last one with the last raw row; more than
 * AN_CHAIN_ROWS_MAX is told as AN_CHAIN_ROWS_MAX + 1. */
size_t an_chain_rows(const an_prep_chain *c, size_t rows);
size_t an_chain_rate(const an_prep_chain *c); /* raw rows for each that comes out */
/* Raw rows by which a row that comes out lies behind the newest one. */
size_t an_chain_delay(const an_prep_chain *c);
/* What a sensor's value is multiplied with and what is added, over all conversions. */
void an_chain_conversion(const an_prep_chain *c, size_t sensor, double *ret_gain, double *ret_offset);

/* ---- rows ---- */

typedef enum an_chain_out {
    AN_CHAIN_NONE, /* no row with this one */
    AN_CHAIN_ROW,
    AN_CHAIN_REST, /* a row in which nothing is scored: its regime is ignored, or unknown */
} an_chain_out;

typedef struct an_chain_stream an_chain_stream;

/* Borrows c, which may be NULL: rows come out as they went in.  Errors: NOMEM. */
an_err an_chain_stream_new(const an_prep_chain *c, an_chain_stream **ret);
void an_chain_stream_free(an_chain_stream *s);
void an_chain_stream_reset(an_chain_stream *s); /* as if no row had been seen */

/* Takes one row (width).  ROW: *ret (features) is valid until the next call.  Never allocates. */
an_chain_out an_chain_push(an_chain_stream *s, const float *row, const float **ret, size_t *ret_regime);

#endif
