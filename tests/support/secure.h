/* secure.h - a whole secure sum in one process: n sites, their coordinator, and who is lost when.
 *
 *     an_secure_world w;
 *     an_secure_world_init(&w, 10, 100, 300);
 *     w.lost[2] = 3;                                three are lost before they send MASKED
 *     err = an_secure_world_run(&w, &why);          the sum is w.acc, over those with w.is_in
 *     an_secure_world_done(&w);
 *
 * Threads: one. */
#ifndef AN_TESTS_SECURE_H
#define AN_TESTS_SECURE_H

#include "base/rng.h"
#include "sum/secure_site.h"
#include "sum/secure_sum.h"

#define AN_SECURE_WORLD_PHASES 5 /* KEYS SHARES MASKED SIGNED REVEAL */

typedef struct an_secure_world {
    an_secure_params p;
    an_secure_member members[AN_COHORT_MAX];
    uint8_t (*keys)[AN_SIGN_SECRET_BYTES]; /* (n) */
    an_secure_site **sites;                /* (n); NULL: lost */
    an_secure_sum *sum;
    uint32_t **masked; /* (n) vectors as they left, (dim); NULL: none */
    uint32_t *acc;     /* (dim) */
    uint32_t lost[AN_SECURE_WORLD_PHASES];
    bool is_restarting; /* every machine is saved, freed and restored after every step */
    an_workers *workers;
    an_rng rng;
} an_secure_world;

void an_secure_world_init(an_secure_world *w, uint32_t n, uint32_t colluders_permille,
                          uint32_t dropouts_permille);
an_err an_secure_world_begin(an_secure_world *w, an_note *why); /* makes the machines; run does it, too */
void an_secure_world_done(an_secure_world *w);

uint32_t an_secure_world_value(uint32_t site, uint32_t coordinate); /* of a site's vector, before masks */

/* From the site to the coordinator, and back.  Nothing for a lost site. */
an_err an_secure_world_send(an_secure_world *w, uint32_t site, an_note *why);
an_err an_secure_world_receive(an_secure_world *w, uint32_t site, an_note *why);
an_err an_secure_world_mask(an_secure_world *w, uint32_t site, an_note *why); /* and commits */
void an_secure_world_lose(an_secure_world *w, uint32_t site);
an_err an_secure_world_restart_site(an_secure_world *w, uint32_t site, an_note *why);
an_err an_secure_world_restart_sum(an_secure_world *w, an_note *why);

/* Phases first .. last: all send, the phase is closed, all receive.  Losses come before the sending. */
an_err an_secure_world_phases(an_secure_world *w, size_t first, size_t last, an_note *why);
an_err an_secure_world_finish(an_secure_world *w, an_note *why); /* rebuilds, sums, unmasks */
an_err an_secure_world_run(an_secure_world *w, an_note *why);

bool an_secure_world_is_right(const an_secure_world *w); /* acc is the plain sum of those in it */

#endif
