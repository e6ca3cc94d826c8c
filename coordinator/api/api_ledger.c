/* What each site has sent, as the journal has it: records and their bytes by kind. */
#include "coordinator/api/api_internal.h"
#include "coordinator/records.h"

static void add_kind(an_json *list, const char *site, const char *kind, const an_sent_kind *k)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "site", site);
    an_json_set_text(o, "kind", kind);
    an_json_set_int(o, "records", (int64_t)k->records);
    an_json_set_int(o, "bytes", (int64_t)k->bytes);
    an_json_set_int(o, "first_ms", k->first_ms);
    an_json_set_int(o, "last_ms", k->last_ms);
    an_json_push(list, o);
}

/* A piece is of so many sites. */
an_err an_api_ledger(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->sent.n, AN_OLDEST, 100, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const char *site = c->state->sites.items[i].name;
        if (!an_api_sees(c, site) || !an_api_wants(c->req->site, site))
            continue;
        for (size_t k = 0; k < AN_RECORD_KINDS; k++)
            if (c->state->sent.items[i].of[k].records > 0)
                add_kind(list, site, an_record_kind_at(k)->name, &c->state->sent.items[i].of[k]);
        l.left--;
    }
    an_json_set(c->answer, "ledger", list);
    an_api_list_close(c, &l);
    return AN_OK;
}
