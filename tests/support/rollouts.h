/* rollouts.h - a version on its way through a test's federation: who runs what, sites that find it bad.
 *
 *     ready(w, "1, all");
 *     const an_hash old = production(w), v = version_of(w, &old);
 *     promote(w, &v);
 *     assert_int_equal(n_running(w, &v), 1);
 *
 * Threads: one. */
#ifndef AN_TEST_ROLLOUTS_H
#define AN_TEST_ROLLOUTS_H

#include "tests/support/releases.h"

#define MODEL "pump"

void policy(world *w, const char *key, const char *value);
void ready(world *w, const char *stages); /* a version at every site, and stages for the next one */
void register_version(world *w, const an_hash *v, const an_hash *parent); /* that is in the store */
an_hash version_of(world *w, const an_hash *parent); /* a child that the coordinator has */
an_rollout *rollout(world *w);                       /* the last one; NULL */
void promote(world *w, const an_hash *version);
size_t n_running(const world *w, const an_hash *version);
site *one_that_runs(world *w, const an_hash *version, bool runs);
void assert_state(world *w, an_rollout_state state, uint32_t stage);
void assert_converged(world *w); /* what each site is to run is what it runs */
void come_back(world *w, site *s);
void go_away(world *w, site *s); /* as a power cut, and the coordinator knows */
void worsens(world *w, site *s); /* it goes back by itself */
/* For kind.run: no site can make an overlay of anything. */
an_err no_overlay(site *s, an_job *job, an_note *why);

#endif
