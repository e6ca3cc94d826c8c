/* late.h - asynchronous rounds in a federation of tests: a site that goes away with its update, and what has become of
 * all updates in the end.
 *
 * Threads: one. */
#ifndef AN_TEST_LATE_H
#define AN_TEST_LATE_H

#include "tests/support/federation.h"

/* Trusted mode, two sites make a round, a gate that lets all pass. */
void choose(world *w, const char *staleness, const char *encoding, const char *rounds);
void walk(world *w); /* one event, or a second */
const an_campaign *campaign_now(world *w, uint64_t id);
const an_round_entry *training(world *w); /* the newest round, if it trains; NULL */
/* The site has trained for the round, and its link goes before anybody has heard of it.  Returns the round. */
uint64_t go_away_with_an_update(world *w, site *s);
void until_committed(world *w, uint64_t id, uint32_t rounds); /* so many more of the campaign */
void site_returns(site *s);
bool is_over(world *w, uint64_t round);
/* What the site trains is not ready yet: it is when its round is over and not before, or never.  True: a job of its waits
 * in the queue again. */
bool postpone(world *w, const site *s, bool forever);

/* Of all rounds. */
typedef struct updates {
    struct {
        uint64_t round, trained_in;
        uint32_t staleness;
        char site[AN_NAME_MAX];
        an_hash hash;
    } items[200];
    size_t n, late;
} updates;

/* All is over: production at every site, each update once, each round the same when computed again, nothing held. */
updates look_back(world *w, uint64_t id);

#endif
