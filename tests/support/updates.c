#include "tests/support/updates.h"

#include "trust/delivery.h"

an_err an_test_update_write(const char *path, const an_plan *plan, const an_update_header *h,
                            const uint32_t *v, an_hash *ret_hash, uint64_t *ret_size, an_note *why)
{
    an_sealed_terms terms;
    if (!an_delivery_is_sealed(plan)) {
        *ret_size = an_update_size(h->dim);
        return an_update_write(path, h, v, ret_hash, why);
    }
    an_delivery_terms(&terms, plan, &h->plan_hash, h->site);
    terms.header = *h;
    return an_sealed_write(path, &terms, v, ret_hash, ret_size, why);
}
