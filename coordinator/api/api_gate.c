/* What a campaign was opened for, and what the gate has said of a candidate, line by line: it is in the journal, and
 * nothing else needs it. */
#include <string.h>

#include "coordinator/api/api_internal.h"

typedef struct search {
    int64_t id;      /* of a campaign; 0: any */
    const char *hex; /* of the candidate; NULL: any */
    an_json *found;
} search;

static an_err look(void *ctx, const an_record *r, an_note *why)
{
    search *s = ctx;
    an_json_doc *doc = NULL;
    int64_t id = 0;
    const char *candidate = "";
    if (s->found)
        return AN_OK;
    an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, why);
    if (err != AN_OK)
        return err;
    const an_jval *o = an_json_root(doc);
    if (an_jval_int(o, "id", 0, INT64_MAX, &id, NULL) == AN_OK &&
        an_jval_get_text(o, "candidate", "", &candidate, NULL) == AN_OK && (!s->id || s->id == id) &&
        (!s->hex || strcmp(s->hex, candidate) == 0))
        s->found = an_json_copy(o);
    an_json_doc_free(doc);
    return AN_OK;
}

static an_err find(an_api_call *c, const char *kind, const char *model, search *s, const char *key,
                   an_note *why)
{
    const an_store_filter f = {.kind = kind, .subject = model, .newest_first = true};
    an_err err = an_store_scan(an_hub_store(c->hub), &f, look, s, why);
    if (s->found)
        an_json_set(c->answer, key, s->found);
    return err;
}

an_err an_api_opened_add(an_api_call *c, const char *model, uint64_t campaign, an_note *why)
{
    search s = {.id = (int64_t)campaign};
    return find(c, "campaign.opened", model, &s, "opened", why);
}

an_err an_api_gate_add(an_api_call *c, const char *model, uint64_t campaign, const an_hash *candidate,
                       an_note *why)
{
    char hex[AN_HASH_TEXT];
    search s = {.id = (int64_t)campaign};
    if (candidate) {
        an_hash_text(hex, candidate);
        s.hex = hex;
    }
    return find(c, "campaign.gated", model, &s, "gate", why);
}
