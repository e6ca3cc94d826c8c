/* Records as Server-Sent Events: one page of them.  What makes pages a stream is runtime_events.c. */
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api_internal.h"

/* Bounds of what one page asks of the core. */
#define PAGE_RECORDS 1000
#define PAGE_BYTES ((size_t)1 << 20)
#define EVENT_BYTES ((size_t)8 << 20) /* a body of 1 MiB, escaped */

an_err an_api_record_event(const an_record *r, an_buf *out)
{
    an_json *o = an_api_record_json(r);
    char *text = an_json_print(o, 0);
    an_json_free(o);
    if (!text)
        return AN_ERR_NOMEM;
    an_buf_printf(out, "id: %llu\nevent: %s\ndata: ", (unsigned long long)r->seq, r->kind);
    an_buf_text(out, text);
    an_buf_text(out, "\n\n");
    an_free(text);
    return an_buf_err(out);
}

typedef struct page {
    const an_who *who;
    an_buf text;
    uint64_t last;
} page;

/* LIMIT ends the scan. */
static an_err add_event(void *ctx, const an_record *r, an_note *why)
{
    page *p = ctx;
    (void)why;
    if (p->text.len > PAGE_BYTES)
        return AN_ERR_LIMIT;
    an_err err = an_api_sees_record(p->who, r) ? an_api_record_event(r, &p->text) : AN_OK;
    if (err == AN_OK)
        p->last = r->seq;
    return err;
}

static an_err read_page(an_api_call *c, uint64_t after, an_note *why)
{
    const an_store_filter f = {.after_seq = after, .limit = PAGE_RECORDS};
    page p = {.who = &c->req->who, .last = after};
    an_buf_init(&p.text, PAGE_BYTES + EVENT_BYTES);
    an_err err = an_store_scan(an_hub_store(c->hub), &f, add_event, &p, why);
    if (err == AN_ERR_LIMIT && p.last > after)
        err = AN_OK;
    an_buf_u8(&p.text, 0);
    if (err == AN_OK)
        err = an_buf_err(&p.text);
    if (err != AN_OK) {
        an_buf_done(&p.text);
        return err;
    }
    c->text = (char *)p.text.data;
    c->type = "text/event-stream";
    c->last = p.last;
    return AN_OK;
}

an_err an_api_events(an_api_call *c, an_note *why)
{
    int64_t after;
    const uint64_t now = c->state->last_seq;
    an_err err = an_api_number("after", c->req->after, INT64_MAX, &after, why);
    if (err == AN_OK && (uint64_t)after > now)
        err = an_fail(AN_ERR_INVAL, why, "after = %.60s: the journal ends with %llu", c->req->after,
                      (unsigned long long)now);
    if (err != AN_OK)
        return err;
    return read_page(c, c->req->after[0] ? (uint64_t)after : now, why);
}
