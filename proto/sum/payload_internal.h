/* payload_internal.h - what the payload kinds share.  Internal to proto/sum. */
#ifndef AN_SUM_PAYLOAD_INTERNAL_H
#define AN_SUM_PAYLOAD_INTERNAL_H

#include <stdbool.h>

#include "sum/limbs.h"
#include "sum/payload.h"

bool an_payload_cohort_ok(const an_payload_facts *f);
bool an_payload_bits_ok(const an_payload_facts *f); /* ... and n_cohort * 2^value_bits <= 2^31 */

/* One number in AN_LIMBS coordinates.  Errors: NUMERIC, LIMIT. */
an_err an_payload_put_double(uint32_t *ret, double v, const char *what, an_note *why);
an_err an_payload_put_count(uint32_t *ret, uint64_t n, const char *what, an_note *why);
/* Coordinate i of such a number as one site may have written it. */
bool an_payload_limb_ok(uint32_t i, uint32_t limb);  /* a double */
bool an_payload_count_ok(uint32_t i, uint32_t limb); /* a count */
/* Errors: PROTO. */
an_err an_payload_get_count(uint64_t *ret, const uint32_t *sum, const char *what, an_note *why);

#endif
