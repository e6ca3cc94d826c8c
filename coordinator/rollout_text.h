/* rollout_text.h - the texts of a rollout's policy: stages and shares.
 *
 *     an_stage_spec specs[AN_STAGES_MAX];
 *     err = an_stages_parse("2, 25%, @group, all", specs, &n, &why);
 *     until = an_share_of(&specs[1].share, n_sites);
 *
 * Threads: plain data. */
#ifndef AN_COORDINATOR_ROLLOUT_TEXT_H
#define AN_COORDINATOR_ROLLOUT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"

/* "3": so many; "25%": a share. */
typedef struct an_share {
    bool percent;
    double value; /* a number, or 0..1 */
} an_share;

an_err an_share_parse(const char *text, an_share *ret, an_note *why); /* Errors: INVAL. */
/* Of so many things: rounded up, at least one and at most all of them; 0 of 0. */
uint32_t an_share_of(const an_share *s, uint32_t total);

typedef enum an_stage_kind {
    AN_STAGE_SHARE,    /* until so many of all sites have it */
    AN_STAGE_GROUP,    /* the sites of a group */
    AN_STAGE_DRIFTING, /* the sites whose drift the campaign answers */
    AN_STAGE_ALL,      /* whoever is left */
} an_stage_kind;

typedef struct an_stage_spec {
    an_stage_kind kind;
    an_share share;
    char group[AN_NAME_MAX];
    char text[AN_NAME_MAX + 2]; /* as it was written */
} an_stage_spec;

#define AN_STAGES_MAX 16
/* "2, 25%, @group, drifting, all".  The last is always "all": it is added where it was left out.
 * Errors: INVAL. */
an_err an_stages_parse(const char *text, an_stage_spec ret[static AN_STAGES_MAX], size_t *ret_n,
                       an_note *why);

#endif
