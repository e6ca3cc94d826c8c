/* control.h - the agent's control link, to whichever of its coordinators answers.
 *
 * A federation may have several coordinators on one store, of which one is active; all have one link key.  While
 * the site is not greeted it speaks to all that it knows at once, and the first whose WELCOME comes in keeps the
 * link; the sockets to the others are closed.  So a takeover costs the site no waiting in turn, and a coordinator
 * that is stopped, or cut off from the store, holds nobody: it says no WELCOME.
 *
 *     err = an_control_open(&conf, &c, &why);
 *     while (an_control_recv(c, &in, &from) == AN_OK) ...     a WELCOME: an_control_settle(c, from)
 *     if (an_control_greet(c)) ...                             while the session is not greeted: it says HELLO
 *     if (an_control_is_lost(c)) ...                           while it is: likewise
 *
 * HELLO goes over a connection that stands, once for each: libzmq takes a message for one that is about to break, too, and
 * a HELLO that is lost is said again only seconds later.
 *
 * Which coordinators there are is told by WELCOME and kept in coordinator.json (enrol.h).
 *
 * Threads: belongs to the link thread. */
#ifndef AN_AGENT_CONTROL_H
#define AN_AGENT_CONTROL_H

#include "agent/enrol.h"
#include "net/client.h"
#include "net/poll.h"

typedef struct an_control an_control;

typedef struct an_control_conf {
    an_net *net;
    an_coordinator *coordinator; /* borrowed; an_control_learn changes its list */
    const an_identity *id;       /* borrowed */
} an_control_conf;

/* Does not wait for a connection.  Errors: INVAL an endpoint, NOMEM, IO. */
an_err an_control_open(const an_control_conf *conf, an_control **ret, an_note *why);
void an_control_close(an_control *c);

/* To the coordinator that greeted; else (a HELLO) to those that have not heard one over the connection that they have
 * now, or, if there are none, to all.  Errors: AGAIN none is connected, LIMIT, NOMEM, IO. */
an_err an_control_send(an_control *c, const void *bytes, size_t len);
/* ret_from is good until settle or greet.  Errors: AGAIN nothing there; PROTO; IO. */
an_err an_control_recv(an_control *c, an_in *in, size_t *ret_from);

/* This one said WELCOME and is spoken to alone.  False: another one did before. */
bool an_control_settle(an_control *c, size_t from);
/* The session is over: all are asked.  True: one has connected that has not heard a HELLO, which is due now.
 * What cannot be opened is tried again at the next call. */
bool an_control_greet(an_control *c);
/* Has the connection to the coordinator that greeted been gone for a moment, or is it another one by now?  Then all
 * are asked: the session need not wait for the end of its lease, and says HELLO to whoever is there. */
bool an_control_is_lost(an_control *c);
/* When to look again (greet, is_lost), mono ms. */
int64_t an_control_deadline(const an_control *c);
/* Fresh sockets, since conf's identity has other keys.  On error the present ones stay. */
an_err an_control_relink(an_control *c, an_note *why);

/* The coordinators that WELCOME named; the one that is spoken to stays in any case.  True: the list has changed,
 * and is to be written. */
bool an_control_learn(an_control *c, const an_msg_welcome *w);

/* Adds what is to be waited for, AN_COORDINATORS_MAX at most. */
size_t an_control_wait(an_control *c, an_wait *items);

#endif
