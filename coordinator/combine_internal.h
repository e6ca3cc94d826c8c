/* combine_internal.h - what combine.c and combine_stats.c share.  See combine.h. */
#ifndef AN_COORDINATOR_COMBINE_INTERNAL_H
#define AN_COORDINATOR_COMBINE_INTERNAL_H

#include "coordinator/combine.h"
#include "models/bundle.h"

an_payload_facts an_combine_facts(const an_plan *plan, uint32_t n_features, uint32_t n_bins);

/* Change the bundle by the sum in acc.  Errors: PROTO, NUMERIC, NOMEM. */
an_err an_combine_moments(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why);
an_err an_combine_histogram(an_combine_job *job, an_bundle *b, const uint32_t *acc, an_note *why);

#endif
