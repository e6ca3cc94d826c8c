/* payload_moments.h - the layout that MEAN and VARIANCE share.  Internal to proto/sum. */
#ifndef AN_SUM_PAYLOAD_MOMENTS_H
#define AN_SUM_PAYLOAD_MOMENTS_H

#include "sum/payload.h"

uint64_t an_moments_dim(const an_payload_facts *f);
an_err an_moments_encode(uint32_t *ret, const an_payload_facts *f, const an_moments_in *in, an_note *why);
an_err an_moments_check(const an_payload_facts *f, uint64_t dim, uint64_t at, const uint32_t *v, size_t n,
                        an_note *why);
an_err an_moments_decode(an_moments_out *out, const an_payload_facts *f, const uint32_t *sum, an_note *why);

#endif
