/* What the registry remembers: which versions lines have reported, where aliases were, which bundles are gone. */
#include <stdio.h>
#include <string.h>

#include "coordinator/state_internal.h"
#include "doors/crypto.h"

void an_state_version_pruned(an_state *st, const an_record *r, an_body *b)
{
    (void)r;
    const an_hash hash = an_body_hash(b, "hash", false);
    an_version *v = b->err == AN_OK ? an_state_version(st, &hash) : NULL;
    an_body_known(b, v, "version");
    if (an_body_ready(b))
        v->pruned = true;
}

/* The line's own entry; else, when its site has as many as are remembered, the one that was not heard of longest. */
static an_reported_entry *entry_of(an_state *st, const char *site, const char *line)
{
    an_reported_entry *oldest = NULL;
    size_t n = 0;
    for (size_t i = 0; i < st->reported.n; i++) {
        an_reported_entry *e = &st->reported.items[i];
        if (strcmp(e->site, site) != 0)
            continue;
        if (strcmp(e->line, line) == 0)
            return e;
        n++;
        if (!oldest || e->time_ms < oldest->time_ms)
            oldest = e;
    }
    return n >= AN_REPORTED_MAX ? oldest : NULL;
}

static void note_report(an_state *st, const an_record *r, an_body *b)
{
    an_reported_entry now = {.version = an_body_hash(b, "version", true), .time_ms = r->time_ms};
    const char *state = an_body_text(b, "state", "");
    an_body_name(b, now.site, r->subject);
    an_body_name(b, now.line, an_body_text(b, "line", NULL));
    const bool left = strcmp(state, an_version_state_name(AN_VERSION_REFUSED)) == 0 ||
                      strcmp(state, an_version_state_name(AN_VERSION_ROLLED_BACK)) == 0;
    if (b->err != AN_OK || left || an_hash_is_zero(&now.version))
        return;
    an_reported_entry *e = entry_of(st, now.site, now.line);
    if (!e) {
        AN_BODY_APPEND(b, &st->reported, now);
    } else if (an_body_ready(b)) {
        const bool same_line = strcmp(e->line, now.line) == 0;
        now.before = !same_line                                 ? (an_hash){{0}}
                     : an_hash_equal(&e->version, &now.version) ? e->before
                                                                : e->version;
        *e = now;
    }
}

static void note_move(an_state *st, const an_record *r, an_body *b)
{
    an_move_entry m = {.to = an_body_hash(b, "to", true), .time_ms = r->time_ms, .alias = AN_ALIAS_CANDIDATE};
    const char *alias = an_body_text(b, "alias", "");
    an_body_name(b, m.model, r->subject);
    while (m.alias <= AN_ALIAS_PRODUCTION && strcmp(an_alias_name(m.alias), alias) != 0)
        m.alias = (an_alias)(m.alias + 1);
    AN_BODY_APPEND(b, &st->moves, m);
}

void an_state_registry_note(an_state *st, const an_record *r, an_body *b)
{
    const bool report = strcmp(r->kind, "site.report") == 0;
    an_json_doc *doc = NULL;
    if (!report && strcmp(r->kind, "alias.moved") != 0)
        return;
    b->err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, b->why);
    if (b->err != AN_OK)
        return;
    b->o = an_json_root(doc);
    if (report)
        note_report(st, r, b);
    else
        note_move(st, r, b);
    an_json_doc_free(doc);
}
