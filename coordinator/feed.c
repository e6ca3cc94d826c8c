/* A ring of the latest events: first .. last, without gaps.
 *
 *     seq:   first                                    last
 *            [e] [e] [e] [e] [e] [e] [e] [e] [e] [e] [e]
 *                        ^ a listener at after = first + 2 takes this one next */
#include "coordinator/feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

struct an_feed {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t grew;
    an_event *events[AN_FEED_EVENTS]; /* of seq at seq % AN_FEED_EVENTS */
    uint64_t first, last;             /* first is last + 1: none is kept */
    size_t bytes, listeners;
    bool closed;
};

void an_event_drop(an_event *e)
{
    if (e && atomic_fetch_sub(&e->holders, 1) == 1)
        an_free(e);
}

an_err an_feed_new(an_feed **ret)
{
    an_feed *f = an_alloc(1, sizeof *f);
    if (!f)
        return AN_ERR_NOMEM;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->grew, &attr);
    pthread_condattr_destroy(&attr);
    f->first = 1;
    *ret = f;
    return AN_OK;
}

static void drop_first(an_feed *f)
{
    an_event **at = &f->events[f->first++ % AN_FEED_EVENTS];
    f->bytes -= (*at)->len;
    an_event_drop(*at);
    *at = NULL;
}

static void forget(an_feed *f)
{
    while (f->first <= f->last)
        drop_first(f);
}

void an_feed_free(an_feed *f)
{
    if (!f)
        return;
    forget(f);
    pthread_cond_destroy(&f->grew);
    pthread_mutex_destroy(&f->lock);
    an_free(f);
}

void an_feed_close(an_feed *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->closed = true;
    pthread_cond_broadcast(&f->grew);
    pthread_mutex_unlock(&f->lock);
}

/* ---- the core ---- */

static void skip_to(an_feed *f, uint64_t last)
{
    forget(f);
    f->last = last;
    f->first = last + 1;
    pthread_cond_broadcast(&f->grew);
}

bool an_feed_wants(an_feed *f, uint64_t last, uint64_t *ret_after)
{
    pthread_mutex_lock(&f->lock);
    const bool grown = last > f->last;
    const bool wanted = grown && f->listeners > 0 && last - f->last <= AN_FEED_EVENTS;
    *ret_after = f->last;
    if (grown && !wanted)
        skip_to(f, last);
    pthread_mutex_unlock(&f->lock);
    return wanted;
}

void an_feed_skip(an_feed *f, uint64_t last)
{
    pthread_mutex_lock(&f->lock);
    skip_to(f, last);
    pthread_mutex_unlock(&f->lock);
}

static an_event *make_event(const an_record *r, const char *text, size_t len)
{
    an_event *e = an_alloc(sizeof *e + len, 1);
    if (!e)
        return NULL;
    atomic_init(&e->holders, 1);
    e->seq = r->seq;
    snprintf(e->kind, sizeof e->kind, "%s", r->kind);
    snprintf(e->subject, sizeof e->subject, "%s", r->subject);
    snprintf(e->actor, sizeof e->actor, "%s", r->actor);
    e->len = len;
    memcpy(e->text, text, len);
    return e;
}

void an_feed_put(an_feed *f, const an_record *r, const char *text, size_t len)
{
    an_event *e = make_event(r, text, len);
    pthread_mutex_lock(&f->lock);
    if (!e || r->seq != f->last + 1) {
        skip_to(f, r->seq);
        an_event_drop(e);
    } else {
        while (f->first <= f->last &&
               (f->last - f->first + 1 == AN_FEED_EVENTS || f->bytes + len > AN_FEED_BYTES))
            drop_first(f);
        f->events[r->seq % AN_FEED_EVENTS] = e;
        f->bytes += len;
        f->last = r->seq;
        pthread_cond_broadcast(&f->grew);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- listeners ---- */

void an_feed_listen(an_feed *f, uint64_t *ret_last)
{
    pthread_mutex_lock(&f->lock);
    f->listeners++;
    *ret_last = f->last;
    pthread_mutex_unlock(&f->lock);
}

void an_feed_leave(an_feed *f)
{
    pthread_mutex_lock(&f->lock);
    f->listeners--;
    pthread_mutex_unlock(&f->lock);
}

an_err an_feed_next(an_feed *f, uint64_t after, int64_t wait_ms, an_event **ret)
{
    const struct timespec until = an_clock_after(wait_ms);
    an_err err = AN_OK;
    pthread_mutex_lock(&f->lock);
    while (!f->closed && f->last <= after && err == AN_OK)
        if (pthread_cond_timedwait(&f->grew, &f->lock, &until) == ETIMEDOUT)
            err = AN_ERR_AGAIN;
    if (f->closed) {
        err = AN_ERR_CANCELLED;
    } else if (f->last > after && after + 1 < f->first) {
        err = AN_ERR_NOTFOUND;
    } else if (f->last > after) {
        *ret = f->events[(after + 1) % AN_FEED_EVENTS];
        atomic_fetch_add(&(*ret)->holders, 1);
        err = AN_OK;
    }
    pthread_mutex_unlock(&f->lock);
    return err;
}
