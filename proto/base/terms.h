/* terms.h - the few plain types and numbers that the messages and the sum primitive both speak
 * of.  Neither may include the other; both may include this.
 *
 * Threads: data only. */
#ifndef AN_BASE_TERMS_H
#define AN_BASE_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A BLAKE2b-256 hash; doors/crypto.h computes and compares it.  All zero stands for "none". */
#define AN_HASH_BYTES 32
#define AN_HASH_TEXT (2 * AN_HASH_BYTES + 1)
typedef struct an_hash {
    uint8_t b[AN_HASH_BYTES];
} an_hash;

/* What the vector of a round means.  The numbers are on the wire: rows are appended only.
 * X(name, number) */
#define AN_PAYLOAD_LIST(X)                                                                                   \
    X(TRAIN, 1)                                                                                              \
    X(MEAN, 2)                                                                                               \
    X(VARIANCE, 3)                                                                                           \
    X(HISTOGRAM, 4)                                                                                          \
    X(EVALUATE, 5)                                                                                           \
    X(SHADOW, 6)                                                                                             \
    X(FIT, 7)
typedef enum an_payload_kind {
#define AN_PAYLOAD_ROW(name, number) AN_PAYLOAD_##name = number,
    AN_PAYLOAD_LIST(AN_PAYLOAD_ROW)
#undef AN_PAYLOAD_ROW
} an_payload_kind;
#define AN_PAYLOAD_KIND_MAX 7

/* One tensor of a model in model order, as the plan describes it. */
typedef struct an_tensor_scale {
    uint32_t n;       /* numbers in it, > 0 */
    int32_t unit_exp; /* one step of a coordinate is 2^unit_exp; -100..100 */
    bool local;       /* stays at the site, or as it is: takes no coordinates */
} an_tensor_scale;

#define AN_NAME_MAX 64 /* names of sites, models, lines: 63 bytes and the terminator */
#define AN_TENSORS_MAX 1024
#define AN_COHORT_MAX 1000
#define AN_DIM_MAX (UINT32_C(1) << 27) /* coordinates of a vector: 512 MiB */
#define AN_VALUE_BITS_MAX 30
#define AN_UNIT_EXP_MAX 100

/* Coordinates of each payload kind (drawn in docs/PROTOCOL.md); sum/payload.h asserts them. */
#define AN_LIMBS 8                      /* coordinates of one 128-bit number */
#define AN_TRAIN_EXTRA (4 + AN_LIMBS)   /* after the deltas: weight, sites, clipped, saturated, loss */
#define AN_MOMENT_COORDS (2 * AN_LIMBS) /* per feature: n, sum */
#define AN_EVALUATE_NUMBERS 62          /* per model judged */
#define AN_EVALUATE_DIM (2 * AN_EVALUATE_NUMBERS * AN_LIMBS)
#define AN_SHADOW_NUMBERS 54 /* per version scored */
#define AN_SHADOW_PAIRED 8   /* ... and of both together */
#define AN_SHADOW_DIM ((2 * AN_SHADOW_NUMBERS + AN_SHADOW_PAIRED) * AN_LIMBS)

#endif
