/* payload.h - what the coordinates of a round's vector mean: one row of payloads.def and one
 * file per kind, with the site's encoder beside the decoder of the sum.
 *
 * Site:         an_payload_in in = {.train = {.delta = d, .weight = 812, .loss = 0.03}};
 *               err = an_payload_find(kind)->encode(vector, &facts, &in, &why);
 * Coordinator:  an_payload_out out = {.train = {.delta = room_for_n_params_doubles}};
 *               err = an_payload_find(kind)->decode(&out, &facts, sum, &why);
 *
 * The facts are the plan's numbers (and, for HISTOGRAM, the base version's number of bins);
 * vector and sum have facts->dim coordinates, which must equal dim(facts).
 *
 * Threads: pure functions, no allocation; call from anywhere. */
#ifndef AN_SUM_PAYLOAD_H
#define AN_SUM_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"
#include "sum/vector.h"

typedef struct an_payload_facts {
    uint32_t n_cohort;   /* sites that may take part, 1..AN_COHORT_MAX */
    uint32_t value_bits; /* TRAIN, HISTOGRAM */
    uint64_t seed;       /* TRAIN: of the plan */
    const char *site;    /* TRAIN: who encodes; may be NULL for decode */
    /* TRAIN */
    const an_tensor_scale *tensors; /* (n_tensors), model order */
    uint32_t n_tensors;
    double clip_norm;
    double weight_cap;
    bool equal; /* TRAIN: every site weighs weight_cap, and its counts and its loss are 0: nothing but the
                 * deltas tells of its data */
    /* MEAN, VARIANCE, HISTOGRAM */
    uint32_t n_features;
    uint32_t n_bins; /* HISTOGRAM: per feature, under- and overflow included */
    uint32_t n_sums; /* FIT: of the base version's detector */
    bool masked;     /* a vector at the door is masked: every number is a likely one */
} an_payload_facts;

/* TRAIN: deltas, new minus base, of all parameters in model order; local ones are not read. */
typedef struct an_train_in {
    const float *delta; /* (n_params) */
    double weight;      /* examples trained on, > 0; counts as at most weight_cap */
    double loss;        /* mean training loss at the end, for the record */
} an_train_in;

/* How long one site's TRAIN vector is, piece by piece; begins all zero. */
typedef struct an_train_norm {
    double squares; /* of the deltas, weighted as they are */
    double weight;  /* examples */
} an_train_norm;

typedef struct an_train_out {
    double *delta;      /* (n_params), in: room of the caller; sum(w d) / sum(w); 0 where local.
                         * NULL: totals only, for a caller that decodes the deltas in blocks */
    double weight;      /* sum of weights */
    double loss;        /* weighted mean */
    uint64_t sites;     /* vectors in the sum */
    uint64_t clipped;   /* sites whose delta was longer than clip_norm */
    uint64_t saturated; /* coordinates cut, over all sites */
} an_train_out;

/* MEAN: n[f] = finite values seen, sum[f] = their sum.
 * VARIANCE: sum[f] = sum of (x - mean[f])^2 about the agreed mean in the base version. */
typedef struct an_moments_in {
    const uint64_t *n; /* (n_features) */
    const double *sum; /* (n_features) */
} an_moments_in;

typedef struct an_moments_out {
    uint64_t *n; /* (n_features), room of the caller */
    double *sum; /* (n_features), room of the caller; mean = sum / n */
} an_moments_out;

/* HISTOGRAM: counts per feature and bin. */
typedef struct an_histogram_in {
    const uint32_t *counts; /* (n_features, n_bins); each at most 2^value_bits - 1 */
} an_histogram_in;

typedef struct an_histogram_out {
    uint64_t *counts; /* (n_features, n_bins), room of the caller */
} an_histogram_out;

/* FIT: sums over n windows that the base version's detector is made from (models/detector.h, n_sums). */
typedef struct an_fit_in {
    uint64_t n;
    const double *sums; /* (n_sums) */
} an_fit_in;

typedef struct an_fit_out {
    uint64_t n;
    double *sums; /* (n_sums), room of the caller */
} an_fit_out;

/* EVALUATE: how one model does on what the sites hold back.  In: one site; out: the sum. */
#define AN_EVAL_SIZES 8
#define AN_EVAL_MODES 16
typedef struct an_evaluation {
    uint64_t n; /* windows the loss is taken over */
    double loss_sum;
    uint64_t tp, fp, tn, fn;          /* on labelled and challenge data */
    uint64_t old_windows, old_alarms; /* holdout of normal windows from before the drift */
    uint64_t new_windows, new_alarms; /* ... and from after it */
    struct {
        uint64_t total, raised;
    } sizes[AN_EVAL_SIZES],    /* injected faults by size, smallest first */
        modes[AN_EVAL_MODES];  /* faults by kind */
    uint64_t non_finite;       /* windows without a finite score */
    uint64_t sites;            /* 1 at a site that judged this model, else 0 */
    uint64_t objections;       /* 1 at a site where what has changed looks like a declared failure mode, or
                               * where one, or a confirmed anomaly, would be raised far less often
                               * than by production: a sum over many sites would not show it */
    uint64_t gains;            /* 1 at a site that is clearly better off on its new data: less loss, or fewer
                               * false alarms */
#define AN_EVAL_GAIN_LOSS 0.05 /* share of the loss */
#define AN_EVAL_GAIN_ALARMS 0.01 /* of the windows */
#define AN_EVAL_LOST_MAX 0.34    /* share of a failure mode's cases that a site lets go */
} an_evaluation;

typedef struct an_evaluate_in {
    an_evaluation candidate;
    an_evaluation production; /* all zero if there is none */
} an_evaluate_in;
typedef struct an_evaluate_in an_evaluate_out;

/* SHADOW: two versions that have scored the same rows of a running line, each with the overlay it has there.  In:
 * one site; out: the sum.  Scores are divided by their threshold.
 *
 * Rows that follow each other are alike, so they are no independent evidence.  What is tested is therefore a count
 * of blocks of rows in which a version was over its threshold at least once, or of alarms. */
#define AN_SHADOW_SCORES 16  /* bins, two an octave; the middle edge is the threshold */
#define AN_SHADOW_LATENCY 32 /* bins, two an octave from 1 microsecond on */
typedef struct an_shadow_side {
    double score_sum;
    uint64_t rows, over;  /* with a score, and of these above the threshold */
    uint64_t blocks_over; /* with such a row */
    uint64_t alarms;      /* that its own alarm machine raised */
    uint64_t non_finite;  /* rows without a finite score */
    uint64_t scores[AN_SHADOW_SCORES];
    uint64_t latency[AN_SHADOW_LATENCY]; /* of scoring a row */
} an_shadow_side;

typedef struct an_shadow_counts {
    an_shadow_side candidate, production;
    uint64_t rows;             /* given to both */
    uint64_t blocks;           /* of rows */
    uint64_t both;             /* blocks in which both were over */
    uint64_t candidate_only;   /* ... the candidate alone */
    uint64_t production_only;  /* ... production alone */
    uint64_t candidate_failed; /* rows for which production has a finite score and the candidate none */
    uint64_t sites;            /* 1 at a site that scored */
    uint64_t worse;            /* 1 at a site whose own figures say that the candidate is worse there */
} an_shadow_counts;

size_t an_shadow_score_bin(double score); /* of a score / threshold; not finite: the last one */
size_t an_shadow_latency_bin(uint64_t ns);
/* The value below which this share of the rows is, read linearly in the logarithm within a bin; 0: no rows. */
double an_shadow_score_at(const an_shadow_side *s, double share);
double an_shadow_latency_at(const an_shadow_side *s, double share); /* microseconds */
/* Population stability index of the two versions' scores, by their bins with half a row in each. */
double an_shadow_psi(const an_shadow_side *a, const an_shadow_side *b);

typedef union an_payload_in {
    an_train_in train;
    an_moments_in mean, variance;
    an_histogram_in histogram;
    an_evaluate_in evaluate;
    an_shadow_counts shadow;
    an_fit_in fit;
} an_payload_in;

typedef union an_payload_out {
    an_train_out train;
    an_moments_out mean, variance;
    an_histogram_out histogram;
    an_evaluate_out evaluate;
    an_shadow_counts shadow;
    an_fit_out fit;
} an_payload_out;

typedef struct an_payload_type {
    const char *name; /* "train" */
    an_payload_kind kind;

    /* Coordinates of the vector; 0 if the facts are out of bounds. */
    uint64_t (*dim)(const an_payload_facts *f);

    /* Writes dim(f) coordinates.  Errors: INVAL facts or sizes, NUMERIC something not finite,
     * LIMIT a number too large for its place. */
    an_err (*encode)(uint32_t *ret, const an_payload_facts *f, const an_payload_in *in, an_note *why);

    /* Reads dim(f) coordinates of a sum into what the caller made room for.
     * Errors: INVAL facts, PROTO not a sum of well-formed vectors (no weight, negative counts).
     */
    an_err (*decode)(an_payload_out *out, const an_payload_facts *f, const uint32_t *sum, an_note *why);

    /* Could encode have written this for one site?  Looked at before a vector is taken into a sum,
     * where the site could no longer be named: whatever passes here cannot make decode of the sum
     * fail.  v: the n coordinates from `at` of a vector of dim; all of it if dim is at most
     * AN_PAYLOAD_PIECE.  n_features and n_bins are not needed.  Errors: INVAL facts, REFUSED. */
    an_err (*check)(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v, size_t n,
                    an_note *why);
} an_payload_type;

#define AN_PAYLOAD_PIECE 16384 /* coordinates */

/* The judge of one site's vector, given in pieces of at most AN_PAYLOAD_PIECE in order: each by the kind's check, and
 * in the end a TRAIN vector by its norm.  Set type, facts and dim; the rest begins all zero. */
typedef struct an_update_judge {
    const an_payload_type *type;
    const an_payload_facts *facts;
    uint64_t dim;
    an_train_norm norm;
    an_err verdict; /* the first that was not OK */
} an_update_judge;
void an_update_judge_piece(an_update_judge *j, uint64_t at, const uint32_t *v, size_t n, an_note *why);
an_err an_update_judge_end(an_update_judge *j, an_note *why); /* Errors: REFUSED, INVAL facts */

/* Reads the update file at path as an_fold_file does, and checks its coordinates by kind.
 * Errors: as an_fold_file; REFUSED the file is whole and the site's own, but no site may say
 * this. */
an_err an_update_admit(const char *path, const an_update_header *expected, const an_hash *expected_hash,
                       an_payload_kind kind, const an_payload_facts *f, an_note *why);
#define AN_UPDATE_SMALL_DIM 4096 /* coordinates */
/* The same for an update file of at most that many coordinates, whose bytes are in memory. */
an_err an_update_admit_bytes(const void *bytes, size_t len, const an_update_header *expected,
                             const an_hash *expected_hash, an_payload_kind kind, const an_payload_facts *f,
                             an_note *why);

const an_payload_type *an_payload_find(an_payload_kind kind); /* NULL: no such kind */
const an_payload_type *an_payload_at(size_t i);               /* the table in order; NULL past its end */

/* What a TRAIN vector, or a sum of some, says after its deltas; delta is not looked at.
 * Errors: INVAL facts, PROTO. */
an_err an_train_totals(an_train_out *ret, const an_payload_facts *f,
                       const uint32_t extra[static AN_TRAIN_EXTRA], an_note *why);

/* Adds the n coordinates from `at` of one site's vector. */
void an_train_norm_add(an_train_norm *norm, const an_payload_facts *f, uint64_t at, const uint32_t *v,
                       size_t n);
/* A site cuts its delta to clip_norm before it weighs and rounds it.  Errors: REFUSED it is longer than
 * that and rounding can make it. */
an_err an_train_norm_check(const an_train_norm *norm, const an_payload_facts *f, an_note *why);

uint64_t an_payload_n_params(const an_payload_facts *f); /* all tensors, local ones too */
uint64_t an_payload_n_shared(const an_payload_facts *f); /* without local ones */

#endif
