/* first_site.h - the first site of a test federation, as a malicious coordinator sees it: what goes to it is
 * caught and told again, changed, and its journal is read.
 *
 * Threads: one. */
#ifndef AN_TEST_FIRST_SITE_H
#define AN_TEST_FIRST_SITE_H

#include "msg/plan.h"
#include "tests/support/federation.h"

/* The next message of this type to the first site, decoded; it stays in the queue. */
an_msg *next_to_first(world *w, an_msg_type type);
/* Connects all, begins a campaign of secure sums and catches its first plan. */
an_msg *plan_to_first(world *w, an_plan **ret);
void push_plan(world *w, const an_msg *real, const an_plan *plan); /* the coordinator's plan, changed */

void expect_journal(const world *w, const char *reason); /* of the first site */

#endif
