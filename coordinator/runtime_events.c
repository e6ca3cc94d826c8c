/* A stream of the journal's records: pages until it has caught up, then what the feed has. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/runtime_internal.h"

#define EVENTS_PATH "/api/v1/events"
#define WAIT_MS 1000
#define STILL_MS 2000 /* between two looks whether they may still listen */

typedef struct listener {
    an_bridge *bridge;
    an_api_request req; /* who listens, and after what */
    uint64_t after;
    char *page;      /* being said: this, */
    an_event *event; /* or this */
    const char *at;  /* of which so many bytes are left */
    size_t left;
    int64_t spoke_ms, still_ms;
} listener;

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static void said(listener *l)
{
    an_free(l->page);
    an_event_drop(l->event);
    l->page = NULL;
    l->event = NULL;
    l->at = NULL;
}

static void say_page(listener *l, an_api_answer *page)
{
    l->after = page->last;
    l->page = page->body;
    l->at = l->page;
    l->left = strlen(l->page);
    page->body = NULL;
}

/* The core sees again whether they may listen.  False: they may not, or it does not answer; who comes again resumes. */
static bool ask_page(listener *l)
{
    an_http_job *job = an_alloc(1, sizeof *job);
    an_api_answer answer = {0};
    if (!job)
        return false;
    job->req = l->req;
    snprintf(job->req.after, sizeof job->req.after, "%llu", (unsigned long long)l->after);
    job->since_ms = mono();
    an_bridge_ask(l->bridge, job, &answer);
    const bool good = answer.body && answer.status == 200;
    if (good)
        say_page(l, &answer);
    an_api_answer_done(&answer);
    return good;
}

static void take_event(listener *l, an_event *e)
{
    const an_record r = {.seq = e->seq, .kind = e->kind, .subject = e->subject, .actor = e->actor};
    l->after = e->seq;
    if (!an_api_sees_record(&l->req.who, &r)) {
        an_event_drop(e);
        return;
    }
    l->event = e;
    l->at = e->text;
    l->left = e->len;
}

static long slice(listener *l, char *buf, size_t cap)
{
    const size_t n = l->left < cap ? l->left : cap;
    memcpy(buf, l->at, n);
    l->at += n;
    l->left -= n;
    l->spoke_ms = mono();
    return (long)n;
}

static long heartbeat(listener *l, char *buf, size_t cap)
{
    static const char comment[] = ":\n\n";
    said(l);
    l->at = comment;
    l->left = sizeof comment - 1;
    return slice(l, buf, cap);
}

/* Who was logged out, removed or changed is to hear no more: they come again as who they are now. */
static bool may_still(listener *l)
{
    if (mono() - l->still_ms < STILL_MS)
        return true;
    l->still_ms = mono();
    return an_bridge_still(l->bridge, &l->req.who);
}

static long on_next(void *ctx, char *buf, size_t cap)
{
    listener *l = ctx;
    an_event *e = NULL;
    if (!may_still(l))
        return -1;
    if (l->left > 0)
        return slice(l, buf, cap);
    said(l);
    const bool silent = mono() - l->spoke_ms >= an_bridge_heartbeat(l->bridge);
    switch (an_feed_next(an_bridge_feed(l->bridge), l->after, silent ? 0 : WAIT_MS, &e)) {
    case AN_OK:
        take_event(l, e);
        break;
    case AN_ERR_NOTFOUND:
        if (!ask_page(l))
            return -1;
        break;
    case AN_ERR_AGAIN:
        if (silent && !ask_page(l))
            return -1;
        break;
    default:
        return -1;
    }
    if (l->left > 0)
        return slice(l, buf, cap);
    return silent ? heartbeat(l, buf, cap) : 0;
}

static void on_done(void *ctx)
{
    listener *l = ctx;
    an_feed_leave(an_bridge_feed(l->bridge));
    said(l);
    an_free(l);
}

bool an_bridge_is_events(const an_api_request *req)
{
    return strcmp(req->method, "GET") == 0 && strcmp(req->path, EVENTS_PATH) == 0;
}

static bool resume(an_api_request *req, const char *last_id)
{
    if (!last_id)
        return true;
    return (size_t)snprintf(req->after, sizeof req->after, "%s", last_id) < sizeof req->after;
}

/* Takes the page. */
static an_err open_stream(an_bridge *b, const an_http_request *http, listener *l, an_api_answer *page,
                          an_http_reply *reply)
{
    uint64_t now;
    an_feed_listen(an_bridge_feed(b), &now);
    say_page(l, page);
    an_err err = an_http_reply_stream(http, reply, on_next, on_done, l);
    if (err != AN_OK) {
        on_done(l);
        return err;
    }
    reply->status = 200;
    reply->type = "text/event-stream";
    return an_http_reply_header(reply, "Cache-Control", "no-store");
}

void an_bridge_events(an_bridge *b, const an_http_request *http, an_http_job *job, an_api_answer *ret,
                      an_http_reply *reply)
{
    an_api_answer page = {0};
    listener *l = an_alloc(1, sizeof *l);
    if (!l || !resume(&job->req, an_http_header(http, "Last-Event-ID"))) {
        an_api_problem(l ? 400 : 503, l ? "Last-Event-ID is too long" : "out of memory", ret);
        an_http_job_free(job);
        an_free(l);
        return;
    }
    *l = (listener){.bridge = b, .req = job->req, .spoke_ms = mono(), .still_ms = mono()};
    l->req.body = NULL;
    l->req.body_len = 0;
    an_bridge_ask(b, job, &page);
    if (!page.body || page.status != 200) {
        *ret = page;
        an_free(l);
    } else if (open_stream(b, http, l, &page, reply) != AN_OK) {
        an_api_problem(503, "as many listen as may; try again", ret);
    }
}

/* ---- the core's part ---- */

typedef struct telling {
    an_feed *feed;
    an_buf text;
} telling;

static an_err tell(void *ctx, const an_record *r, an_note *why)
{
    telling *t = ctx;
    (void)why;
    an_buf_clear(&t->text);
    an_err err = an_api_record_event(r, &t->text);
    if (err == AN_OK)
        an_feed_put(t->feed, r, (const char *)t->text.data, t->text.len);
    return err;
}

void an_feed_journal(an_feed *f, an_store *store, uint64_t last)
{
    telling t = {.feed = f};
    an_store_filter filter = {0};
    if (!an_feed_wants(f, last, &filter.after_seq))
        return;
    an_buf_init(&t.text, (size_t)8 << 20);
    if (an_store_scan(store, &filter, tell, &t, NULL) != AN_OK)
        an_feed_skip(f, last);
    an_buf_done(&t.text);
}
