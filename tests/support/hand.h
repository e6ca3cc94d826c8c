/* hand.h - a site played by hand against a coordinator that runs (server.h): it enrols as "plant-a", is approved and says what
 * the test wants it to say.
 *
 *     hand h;
 *     hand_enrol(server, &h);
 *     hand_hello(&h);
 *     hand_done(&h);
 *
 * All fail the test.  Threads: belongs to one. */
#ifndef AN_TEST_HAND_H
#define AN_TEST_HAND_H

#include "net/client.h"
#include "net/keys.h"
#include "net/net.h"
#include "tests/support/server.h"

#define HAND_PATIENCE_MS 20000 /* for a loaded machine; nothing waits so long when all is well */

typedef struct hand {
    an_net *net;
    an_identity *id;
    an_token token;
    an_msg_enrol_reply reply; /* the last */
    an_client *control, *bulk;
    an_in in;
    uint64_t epoch, next_id;
    an_hash schema; /* of its line */
} hand;

void hand_enrol(const server *s, hand *h); /* connections to both doors, and no session yet */
void hand_hello(hand *h);                  /* one, with a line of the model "pumps" */
void hand_done(hand *h);

void hand_say(hand *h, an_client *to, an_msg *msg, const void *bytes, size_t len);
/* The next message of this type, the caller's; others are passed over.  NULL: none came in time. */
an_msg *hand_hear(hand *h, an_client *from, an_msg_type type, int64_t patience_ms);
an_msg *hand_must_hear(hand *h, an_client *from, an_msg_type type);

#endif
