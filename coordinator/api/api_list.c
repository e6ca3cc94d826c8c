/* What all lists share: where they begin, how long they are, where the next piece begins. */
#include <string.h>

#include "base/opt.h"
#include "coordinator/api/api_internal.h"

an_err an_api_window_read(const an_api_call *c, an_api_window *ret, an_note *why)
{
    const an_api_request *q = c->req;
    an_api_window w = {0, INT64_MAX};
    if (q->since[0] && (!an_parse_int(q->since, &w.from_ms) || w.from_ms < 0))
        return an_fail(AN_ERR_INVAL, why, "since = %.60s: a time in milliseconds", q->since);
    if (q->until[0] && (!an_parse_int(q->until, &w.until_ms) || w.until_ms < w.from_ms))
        return an_fail(AN_ERR_INVAL, why, "until = %.60s: a time in milliseconds, not before since",
                       q->until);
    *ret = w;
    return AN_OK;
}

bool an_api_within(const an_api_window *w, int64_t ms)
{
    return ms >= w->from_ms && ms <= w->until_ms;
}

bool an_api_wants(const char *wanted, const char *value)
{
    return !wanted[0] || strcmp(wanted, value) == 0;
}

an_err an_api_list_open(const an_api_call *c, an_api_list *ret, size_t n, an_api_order order, int64_t dflt,
                        an_note *why)
{
    const bool newest = order == AN_NEWEST;
    const char *text = newest ? c->req->before : c->req->after;
    an_api_list l = {.n = n, .newest = newest, .whole = c->whole, .left = n, .at = newest ? n : 0};
    int64_t cursor;
    an_err err = c->whole ? AN_OK : an_api_window_read(c, &l.window, why);
    if (c->whole)
        l.window = (an_api_window){0, INT64_MAX};
    if (err == AN_OK && !c->whole &&
        (err = an_api_number(newest ? "before" : "after", text, INT64_MAX, &cursor, why)) == AN_OK &&
        (err = an_api_limit(c, dflt, AN_API_LIST_MAX, &l.left, why)) == AN_OK && text[0])
        l.at = newest ? (cursor > 0 ? (size_t)cursor - 1 : 0) : (size_t)cursor;
    l.at = l.at < n ? l.at : n;
    if (err == AN_OK)
        *ret = l;
    return err;
}

bool an_api_list_next(an_api_list *l, size_t *ret_i)
{
    if (l->left == 0 || (l->newest ? l->at == 0 : l->at == l->n))
        return false;
    *ret_i = l->newest ? --l->at : l->at++;
    return true;
}

/* The next cursor is a place in a list that only grows: what comes meanwhile moves nothing. */
void an_api_list_close(const an_api_call *c, const an_api_list *l)
{
    if (l->whole)
        return;
    if (l->newest && l->at > 0)
        an_json_set_int(c->answer, "next", (int64_t)l->at + 1);
    if (!l->newest && l->at < l->n)
        an_json_set_int(c->answer, "next", (int64_t)l->at);
}

/* ---- records of the journal, newest first ---- */

static an_err take(void *ctx, const an_record *r, an_note *why)
{
    an_api_scan *s = ctx;
    if (s->left == 0 || s->seen == AN_API_SEEN_MAX || r->time_ms < s->window.from_ms) {
        s->more = r->time_ms >= s->window.from_ms;
        return AN_ERR_LIMIT;
    }
    s->seen++;
    s->last = r->seq;
    if (r->time_ms > s->window.until_ms)
        return AN_OK;
    bool taken = false;
    an_err err = s->take(s->ctx, r, &taken, why);
    s->left -= taken;
    return err;
}

an_err an_api_scan_run(an_api_call *c, an_api_scan *s, an_store_filter *f, int64_t dflt, an_note *why)
{
    int64_t before;
    an_err err = an_api_window_read(c, &s->window, why);
    if (err == AN_OK)
        err = an_api_number("before", c->req->before, INT64_MAX, &before, why);
    if (err == AN_OK)
        err = an_api_limit(c, dflt, AN_API_LIST_MAX, &s->left, why);
    if (err != AN_OK)
        return err;
    f->newest_first = true;
    f->before_seq = (uint64_t)before;
    f->until_ms = s->window.until_ms < INT64_MAX ? s->window.until_ms : 0;
    s->last = 0;
    err = an_store_scan(an_hub_store(c->hub), f, take, s, why);
    if (err == AN_ERR_LIMIT)
        err = AN_OK;
    if (err == AN_OK && s->more)
        an_json_set_int(c->answer, "next", (int64_t)s->last);
    return err;
}
