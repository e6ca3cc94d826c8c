/* delivery.h - how a plan wants an update to leave its site: what both ends give to sum/sealed.h.
 *
 *     if (an_delivery_is_sealed(plan)) {
 *         an_sealed_terms terms;
 *         an_delivery_terms(&terms, plan, &plan_hash, "plant-b");
 *         err = an_sealed_write(path, &terms, v, &hash, &size, &why);
 *     }
 *
 * Threads: plain functions. */
#ifndef AN_TRUST_DELIVERY_H
#define AN_TRUST_DELIVERY_H

#include "msg/plan.h"
#include "sum/sealed.h"

bool an_delivery_is_sealed(const an_plan *plan);

/* For a plan with a seal key. */
void an_delivery_terms(an_sealed_terms *ret, const an_plan *plan, const an_hash *plan_hash, const char *site);

/* Can an update file of this plan have that many bytes? */
bool an_delivery_size_ok(const an_plan *plan, uint64_t size);

/* The coordinator's secret key for updates, from the seed of its statement key, and the public one. */
void an_delivery_seal_keys(uint8_t ret_secret[static AN_AGREE_BYTES],
                           uint8_t ret_public[static AN_AGREE_BYTES],
                           const uint8_t sign_secret[static AN_SIGN_SECRET_BYTES]);

#endif
