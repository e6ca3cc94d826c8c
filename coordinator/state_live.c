/* What sites' live figures do to the state: of each line the last ones are kept. */
#include <string.h>

#include "coordinator/state_internal.h"

static uint64_t count(an_body *b, const char *key)
{
    const int64_t n = an_body_int(b, key, 0);
    if (b->err == AN_OK && n < 0)
        b->err = an_fail(AN_ERR_PROTO, b->why, "%s is below 0", key);
    return (uint64_t)n;
}

static an_live_verdict verdict_of(an_body *b)
{
    const char *name = an_body_text(b, "verdict", NULL);
    for (an_live_verdict v = AN_LIVE_WATCHING; v <= AN_LIVE_WORSENED; v++)
        if (b->err == AN_OK && strcmp(name, an_live_verdict_name(v)) == 0)
            return v;
    if (b->err == AN_OK)
        b->err = an_fail(AN_ERR_PROTO, b->why, "no such verdict");
    return AN_LIVE_WATCHING;
}

/* Of a site that has as many as are remembered, the one that was not heard of longest; NULL: there is room. */
static an_live_entry *oldest_of(an_state *st, const char *site)
{
    an_live_entry *oldest = NULL;
    size_t n = 0;
    for (size_t i = 0; i < st->lives.n; i++) {
        an_live_entry *e = &st->lives.items[i];
        if (strcmp(e->site, site) != 0)
            continue;
        n++;
        if (!oldest || e->seq < oldest->seq)
            oldest = e;
    }
    return n >= AN_REPORTED_MAX ? oldest : NULL;
}

void an_state_site_live(an_state *st, const an_record *r, an_body *b)
{
    an_live_entry e = {.time_ms = r->time_ms, .seq = r->seq};
    an_msg_live *f = &e.figures;
    an_body_name(b, e.site, r->subject);
    an_body_name(b, f->model, an_body_text(b, "model", NULL));
    an_body_name(b, f->line, an_body_text(b, "line", NULL));
    f->version = an_body_hash(b, "version", false);
    f->overlay = an_body_hash(b, "overlay", true);
    f->before = an_body_hash(b, "before", true);
    f->since_ms = an_body_int(b, "since_ms", 0);
    f->paired = an_body_bool(b, "paired");
#define GET(field) f->field = count(b, #field);
    AN_LIVE_COUNTS(GET)
#undef GET
#define GET(field, key) f->field = an_body_num(b, key);
    AN_LIVE_SCORES(GET)
#undef GET
    f->verdict = verdict_of(b);
    an_text_set(f->reason, sizeof f->reason, an_body_text(b, "reason", ""));
    an_live_entry *old = b->err == AN_OK ? an_state_live(st, e.site, f->line) : NULL;
    if (!old && b->err == AN_OK)
        old = oldest_of(st, e.site);
    if (!old)
        AN_BODY_APPEND(b, &st->lives, e);
    else if (an_body_ready(b))
        *old = e;
}

an_live_entry *an_state_live(an_state *st, const char *site, const char *line)
{
    for (size_t i = 0; i < st->lives.n; i++)
        if (strcmp(st->lives.items[i].site, site) == 0 && strcmp(st->lives.items[i].figures.line, line) == 0)
            return &st->lives.items[i];
    return NULL;
}
