/* What each site has sent, as the journal has it: records and their bytes by kind. */
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api_internal.h"
#include "coordinator/records.h"

typedef struct entry {
    const char *site, *kind; /* the state's, and the table's */
    int64_t records, bytes, first_ms, last_ms;
} entry;

typedef struct ledger {
    an_api_call *c;
    entry *items;
    size_t n, cap;
} ledger;

/* An actor "site/NAME" that is known and may be seen; NULL: another. */
static const char *sender(const ledger *l, const an_record *r)
{
    if (strncmp(r->actor, "site/", 5) != 0)
        return NULL;
    const an_site *site = an_state_site(l->c->state, r->actor + 5);
    if (!site || !an_api_sees(l->c, site->name) || !an_api_wants(l->c->req->site, site->name))
        return NULL;
    return site->name;
}

static an_err take_sent(void *ctx, const an_record *r, bool *ret_taken, an_note *why)
{
    ledger *l = ctx;
    const char *site = sender(l, r);
    const an_record_kind *kind = an_record_kind_find(r->kind);
    size_t i = 0;
    (void)why;
    *ret_taken = false; /* they are added up */
    if (!site || !kind)
        return AN_OK;
    while (i < l->n && (l->items[i].site != site || l->items[i].kind != kind->name))
        i++;
    if (i == l->n) {
        if (!an_grow(&l->items, &l->cap, l->n + 1, sizeof *l->items))
            return AN_ERR_NOMEM;
        l->items[l->n++] = (entry){.site = site, .kind = kind->name, .last_ms = r->time_ms};
    }
    l->items[i].records++;
    l->items[i].bytes += (int64_t)r->body_len;
    l->items[i].first_ms = r->time_ms;
    return AN_OK;
}

an_err an_api_ledger(an_api_call *c, an_note *why)
{
    ledger l = {.c = c};
    an_api_scan scan = {.take = take_sent, .ctx = &l};
    an_store_filter f = {0};
    an_err err = an_api_scan_run(c, &scan, &f, AN_API_LIST_MAX, why);
    an_json *list = an_json_array();
    for (size_t i = 0; i < l.n; i++) {
        an_json *o = an_json_object();
        an_json_set_text(o, "site", l.items[i].site);
        an_json_set_text(o, "kind", l.items[i].kind);
        an_json_set_int(o, "records", l.items[i].records);
        an_json_set_int(o, "bytes", l.items[i].bytes);
        an_json_set_int(o, "first_ms", l.items[i].first_ms);
        an_json_set_int(o, "last_ms", l.items[i].last_ms);
        an_json_push(list, o);
    }
    an_json_set(c->answer, "ledger", list);
    an_free(l.items);
    return err;
}
