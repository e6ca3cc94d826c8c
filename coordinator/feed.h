/* feed.h - the journal's records as they come, for many who listen at once.
 *
 * Each record is made a text once, by the core, however many listen, and only while somebody does.  The latest are
 * kept; who is further behind asks for a page of the journal instead.
 *
 *     core        if (an_feed_wants(feed, last, &after))
 *                     for each record after it: an_feed_put(feed, record, text, len)
 *     listener    an_feed_listen(feed, &seq);
 *                 while ((err = an_feed_next(feed, seq, 1000, &event)) != AN_ERR_CANCELLED)
 *                     if (err == AN_OK) ... say event->text; seq = event->seq; an_event_drop(event);
 *                     if (err == AN_ERR_NOTFOUND) ... a page, which moves seq on
 *                 an_feed_leave(feed);
 *
 * Threads: wants, put and skip belong to the core, all else may be called from any. */
#ifndef AN_COORDINATOR_FEED_H
#define AN_COORDINATOR_FEED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "coordinator/store.h"

#define AN_FEED_EVENTS 1024
#define AN_FEED_BYTES ((size_t)4 << 20) /* of all texts together */

typedef struct an_feed an_feed;

/* Immutable. */
typedef struct an_event {
    atomic_uint holders;
    uint64_t seq;
    char kind[AN_RECORD_NAME_MAX + 1], subject[AN_RECORD_NAME_MAX + 1], actor[AN_RECORD_NAME_MAX + 1];
    size_t len;
    char text[];
} an_event;
void an_event_drop(an_event *e); /* NULL is fine */

an_err an_feed_new(an_feed **ret); /* Errors: NOMEM */
void an_feed_free(an_feed *f);     /* nobody listens any more; NULL is fine */
void an_feed_close(an_feed *f);    /* all listeners hear CANCELLED, now and later; NULL is fine */

/* The journal has come to last.  True: the records after *ret_after are to be put. */
bool an_feed_wants(an_feed *f, uint64_t last, uint64_t *ret_after);
void an_feed_put(an_feed *f, const an_record *r, const char *text, size_t len);
void an_feed_skip(an_feed *f, uint64_t last); /* they cannot be put: who listens reads a page */

void an_feed_listen(an_feed *f, uint64_t *ret_last);
void an_feed_leave(an_feed *f);
/* The event that follows after.  Errors: AGAIN none came in time, NOTFOUND it is not kept any more,
 * CANCELLED closed. */
an_err an_feed_next(an_feed *f, uint64_t after, int64_t wait_ms, an_event **ret);

#endif
