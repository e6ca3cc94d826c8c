/* updates.h - the update file that a plan wants, made by hand.
 *
 * Threads: plain functions. */
#ifndef AN_TEST_UPDATES_H
#define AN_TEST_UPDATES_H

#include "msg/plan.h"
#include "sum/vector.h"

/* v (plan->dim); h says what the header claims, whatever the plan is. */
an_err an_test_update_write(const char *path, const an_plan *plan, const an_update_header *h,
                            const uint32_t *v, an_hash *ret_hash, uint64_t *ret_size, an_note *why);

#endif
