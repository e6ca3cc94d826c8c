/* secure_sum_internal.h - the inside of the coordinator's machine: secure_sum.c gathers, secure_close.c ends
 * phases and writes to the sites, secure_unmask.c puts secrets together and takes masks off.
 *
 * Threads: as secure_sum.h. */
#ifndef AN_SUM_SECURE_SUM_INTERNAL_H
#define AN_SUM_SECURE_SUM_INTERNAL_H

#include "sum/secure_internal.h"
#include "sum/secure_sum.h"

#define AN_SECURE_PHASES 5
#define AN_SECURE_REVEAL_ENTRY (2u + 1u + AN_SHARE_BYTES)

/* A message in the log; len 0: none. */
typedef struct an_secure_piece {
    size_t at;
    uint32_t len;
} an_secure_piece;

/* Of the shares that one site has dealt. */
typedef struct an_secure_wrong {
    uint16_t n;
    uint16_t first; /* place of the first holder of one */
} an_secure_wrong;

struct an_secure_sum {
    an_secure_ground g;
    size_t phase;                             /* 0 KEYS .. 4 REVEAL */
    an_secure_piece *heard[AN_SECURE_PHASES]; /* each (n), by place in the cohort */
    an_buf log;  /* binding, then what was accepted: kind, site, length, bytes; the end of KEYS has k and t */
    an_buf list; /* the LIST message */
    an_secure_set sharers; /* places in the list */
    an_secure_set survivors;
    uint16_t *drawn;        /* (m, k) */
    an_hash *updates;       /* (m) */
    an_share *secrets;      /* (m): seed of a survivor, mask key of a dropout */
    an_secure_wrong *wrong; /* (m) by dealer, so that the workers that rebuild write apart */
    bool is_rebuilt;
};

const uint8_t *an_secure_heard(const an_secure_sum *s, size_t phase, uint32_t site); /* NULL: nothing */
/* Where the shares of the site at `place` that `holder` keeps lie: 1 .. k + 1, the own last; 0: none. */
uint8_t an_secure_x(const an_secure_sum *s, uint32_t place, uint32_t holder);
/* Whether the holder has said that it could not open the dealer's box. */
bool an_secure_complained(const an_secure_sum *s, uint32_t holder, uint32_t dealer);
/* Places that are in the round before the phase ends. */
const an_secure_set *an_secure_in(const an_secure_sum *s);
/* graph: k and t that were planned before, at a restart; NULL: to be planned, if the phase is KEYS. */
an_err an_secure_close_phase(an_secure_sum *s, const an_sum_graph *graph, an_note *why);

#endif
