/* bundle.h - a version: one immutable file, named by the hash of all its bytes.
 *
 * It holds all that is needed to score: the schema of the stream, the preprocessing, the
 * architecture, the weights, the detector with its threshold, and the bin edges for drift.
 * Signatures stand beside it, never inside.
 *
 *     an_bundle b;
 *     an_err err = an_bundle_decode(&b, bytes, len, &why);
 *     an_bundle_hash(&hash, bytes, len);
 *     an_bundle_done(&b);
 *
 * Equal structs give equal bytes.  The decoder is strict: it accepts exactly what the encoder
 * writes, every count is bounded before it is used, and the rest is PROTO.
 *
 * Threads: pure functions; a decoded bundle may be read from anywhere. */
#ifndef AN_MODELS_BUNDLE_H
#define AN_MODELS_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "doors/crypto.h"
#include "models/detector.h"
#include "models/prep.h"
#include "models/threshold.h"

#define AN_BUNDLE_NAME_MAX 64    /* a model's name */
#define AN_BUNDLE_SENSOR_MAX 128 /* a sensor's name */
#define AN_BUNDLE_UNIT_MAX 32
#define AN_BUNDLE_ARCH_MAX (64u << 10)
#define AN_BUNDLE_WEIGHTS_MAX (1u << 28) /* parameters */
#define AN_BUNDLE_EXTRA_MAX (1u << 20)
#define AN_BUNDLE_BYTES_MAX ((size_t)5 << 28) /* all of it */

/* What a stream must look like.  Sensor order is part of it. */
typedef struct an_sensor {
    char name[AN_BUNDLE_SENSOR_MAX + 1];
    char unit[AN_BUNDLE_UNIT_MAX + 1]; /* "" unknown */
} an_sensor;

typedef struct an_schema {
    an_sensor *sensors; /* (n) */
    uint32_t n;
    double rate_hz; /* 0: not regular */
    uint32_t window;
} an_schema;

/* Names, units, order, rate and window; a version runs only on a stream with the same hash. */
void an_schema_hash(an_hash *ret, const an_schema *s);
/* AN_OK: the stream has all that is wanted.  INVAL: why names the first sensor that differs. */
an_err an_schema_match(const an_schema *want, const an_schema *have, an_note *why);
an_err an_schema_new(an_schema *ret, const char *const *names, const char *const *units, uint32_t n,
                     double rate_hz, uint32_t window, an_note *why); /* units may be NULL */
an_err an_schema_copy(an_schema *ret, const an_schema *from);
void an_schema_done(an_schema *s);

typedef struct an_bundle {
    char model[AN_BUNDLE_NAME_MAX + 1]; /* [a-z0-9._-]+ */
    an_hash parent;                     /* the version it was made from; zero: none */
    an_hash plan;                       /* the plan that made it; zero: made by hand */
    uint64_t round;                     /* 0: none */
    an_schema schema;
    char *arch;     /* canonical text, "" for none (a detector without model) */
    an_hash layout; /* of the parameters, as an_model_layout_hash says */
    an_prep prep;
    float *weights; /* (n_weights), all finite */
    size_t n_weights;
    an_detector *detector;          /* fitted */
    char policy[AN_THRESHOLD_TEXT]; /* threshold policy */
    double threshold;               /* default, for a site without its own */
    uint32_t n_edges;               /* per sensor; 0: no bins */
    float *edges;                   /* (sensors, n_edges), ascending per sensor */
    float *score_edges;             /* (n_edges) */
    uint8_t *extra;                 /* (extra_len) room for what comes later; opaque here */
    size_t extra_len;
} an_bundle;

/* Appends the file to *out (initialised with a max of up to AN_BUNDLE_BYTES_MAX).
 * Errors: INVAL the struct breaks a rule above, NUMERIC, LIMIT, NOMEM. */
an_err an_bundle_encode(const an_bundle *b, an_buf *out, an_note *why);

/* Errors: PROTO, NUMERIC a weight is not finite, UNSUPPORTED a later format, NOMEM.  On failure
 * *ret is left untouched. */
an_err an_bundle_decode(an_bundle *ret, const void *bytes, size_t len, an_note *why);
void an_bundle_done(an_bundle *b);
an_err an_bundle_copy(an_bundle *ret, const an_bundle *from);

void an_bundle_hash(an_hash *ret, const void *bytes, size_t len);

/* A file on disk; hash may be NULL.  Errors as decode, and NOTFOUND, IO, LIMIT. */
an_err an_bundle_read(an_bundle *ret, an_hash *ret_hash, const char *path, an_note *why);
an_err an_bundle_write(const an_bundle *b, const char *path, an_hash *ret_hash, an_note *why);

#endif
