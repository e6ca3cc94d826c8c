/* What sites' counts do to the state: of each line the last ones are kept, and where a campaign has left off. */
#include <string.h>

#include "coordinator/state_internal.h"

static uint64_t count(an_body *b, const char *key)
{
    const int64_t n = an_body_int(b, key, 0);
    if (b->err == AN_OK && (n < 0 || (uint64_t)n > AN_COUNTS_MAX))
        b->err = an_fail(AN_ERR_PROTO, b->why, "%s is no count", key);
    return (uint64_t)n;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t an_counts_rows(const an_counts_entry *e)
{
    return less(e->carried + (e->figures.rows - e->base.rows), AN_COUNTS_MAX);
}

/* The line's own entry; else, when its site has as many as are remembered, the one that was not heard of longest. */
static an_counts_entry *entry_of(an_state *st, const char *site, const an_msg_counts *f)
{
    an_counts_entry *oldest = NULL;
    size_t n = 0;
    for (size_t i = 0; i < st->counts.n; i++) {
        an_counts_entry *e = &st->counts.items[i];
        if (strcmp(e->site, site) != 0)
            continue;
        if (strcmp(e->figures.line, f->line) == 0 && strcmp(e->figures.model, f->model) == 0)
            return e;
        n++;
        if (!oldest || e->time_ms < oldest->time_ms)
            oldest = e;
    }
    return n >= AN_REPORTED_MAX ? oldest : NULL;
}

/* A tally is known by its version and its beginning.  What has become less than it was when the last campaign was
 * opened (a verdict was changed, or a site does not tell the truth) begins at what it is now. */
static void take(an_counts_entry *e, const an_counts_entry *now)
{
    const an_msg_counts *was = &e->figures, *is = &now->figures;
    const bool same_line = strcmp(was->line, is->line) == 0 && strcmp(was->model, is->model) == 0;
    const bool same =
        same_line && an_hash_equal(&was->version, &is->version) && was->since_ms == is->since_ms;
    if (!same_line) {
        *e = *now;
        return;
    }
    if (!same) {
        e->carried = an_counts_rows(e);
        e->base = (an_msg_counts){.rows = 0};
    }
    e->figures = *is;
    e->time_ms = now->time_ms;
#define LOWER(field) e->base.field = less(e->base.field, is->field);
    AN_COUNTS(LOWER)
#undef LOWER
}

void an_state_site_counts(an_state *st, const an_record *r, an_body *b)
{
    an_counts_entry e = {.time_ms = r->time_ms};
    an_msg_counts *f = &e.figures;
    an_body_name(b, e.site, r->subject);
    an_body_name(b, f->model, an_body_text(b, "model", NULL));
    an_body_name(b, f->line, an_body_text(b, "line", NULL));
    f->version = an_body_hash(b, "version", false);
    f->since_ms = an_body_int(b, "since_ms", 0);
#define GET(field) f->field = count(b, #field);
    AN_COUNTS(GET)
#undef GET
    an_counts_entry *old = b->err == AN_OK ? entry_of(st, e.site, f) : NULL;
    if (!old)
        AN_BODY_APPEND(b, &st->counts, e);
    else if (an_body_ready(b))
        take(old, &e);
}

void an_state_counts_answered(an_state *st, const an_campaign *c)
{
    for (size_t i = 0; i < st->counts.n; i++) {
        an_counts_entry *e = &st->counts.items[i];
        if (strcmp(e->figures.model, c->model) != 0 ||
            !an_state_campaign_is_for(st, c, e->site, e->figures.line))
            continue;
        const uint64_t rows = e->base.rows;
        e->base = e->figures;
        if (c->kind == AN_CAMPAIGN_OVERLAY)
            e->base.rows = rows;
        else
            e->carried = 0;
    }
}
