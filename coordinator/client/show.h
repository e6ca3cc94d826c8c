/* show.h - tables that more than one verb prints.  Lists are the server's; see client.h.
 *
 * Threads: one thread. */
#ifndef AN_CLIENT_SHOW_H
#define AN_CLIENT_SHOW_H

#include "doors/json.h"

/* "12, 3+": to train on, and held back: what a campaign may wait for.  A site that has enough says no more. */
void an_cli_windows(char ret[static 32], const an_jval *line);
void an_cli_show_next(const an_jval *answer);  /* where older ones begin, if there are more */
void an_cli_show_copies(const an_jval *sites); /* a warning for each that runs twice */
void an_cli_show_campaigns(const an_jval *list);
void an_cli_show_rollouts(const an_jval *list);
void an_cli_show_plan(const an_jval *campaign, const an_jval *opened); /* who does what in it, and why */
void an_cli_show_gate(const an_jval *gate);                            /* NULL: nothing */
void an_cli_show_rounds(const an_jval *list);
void an_cli_show_members(const an_jval *round); /* of an open round */

void an_cli_show_facts(const an_jval *facts); /* of a version */

/* A warning if releases are not protected, and how many wait for a signature; nothing else. */
void an_cli_show_root(const an_jval *root);
void an_cli_show_roster_expiry(const an_jval *root); /* a warning if it is near */

#endif
