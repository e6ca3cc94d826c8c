/* Sites and enrolment. */
#include <string.h>

#include "coordinator/api/api_internal.h"
#include "doors/crypto.h"
#include "net/keys.h"

/* Of the line's sample pool, as the site says at each heartbeat; AN_WINDOWS_TOLD: so many or more. */
static void add_windows(an_json *o, const an_hub_live *live, const char *line)
{
    for (uint32_t i = 0; i < live->n_windows; i++) {
        if (strcmp(live->windows[i].line, line) != 0)
            continue;
        an_json_set_int(o, "windows", live->windows[i].train);
        an_json_set_int(o, "windows_held_back", live->windows[i].held_back);
    }
}

static void add_live(const an_api_call *c, an_json *o, const an_hub_live *live)
{
    an_json_set_bool(o, "connected", live && live->connected);
    if (!live)
        return;
    an_json_set_int(o, "seen_ms", live->seen_ms);
    an_json_set_bool(o, "copies", an_hub_has_copies(c->hub, live));
    an_json_set_text(o, "state", live->state);
    an_json_set_text(o, "agent", live->agent_version);
    an_json_set_int(o, "alarms", (int64_t)live->alarms);
    an_json_set_int(o, "queued_alarms", live->queued_alarms);
    an_json_set_int(o, "bytes_received", (int64_t)live->bytes_received);
    an_json *lines = an_json_array();
    for (uint32_t i = 0; i < live->n_lines; i++) {
        an_json *l = an_json_object();
        an_json_set_text(l, "line", live->lines[i].line);
        const an_model_entry *m = an_state_model(c->state, live->lines[i].model);
        an_json_set_text(l, "model", live->lines[i].model);
        an_json_set_bool(l, "model_known", m != NULL);
        an_json_set_bool(l, "fits", m && an_hash_equal(&live->lines[i].schema, &m->schema));
        an_api_set_hash(l, "version", &live->lines[i].version);
        an_api_set_hash(l, "overlay", &live->lines[i].overlay);
        add_windows(l, live, live->lines[i].line);
        an_json_push(lines, l);
    }
    an_json_set(o, "lines", lines);
}

an_json *an_api_site_json(const an_api_call *c, const an_site *s)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "name", s->name);
    an_json_set_text(o, "status", an_site_status_name(s->status));
    an_json_set_text(o, "fingerprint", s->keys.fingerprint);
    an_json_set_text(o, "party", s->party);
    an_json_set_int(o, "since_ms", s->since_ms);
    an_json_set_int(o, "keys_ms", s->keys_ms);
    if (s->rotates)
        an_json_set_text(o, "next_fingerprint", s->next.fingerprint);
    add_live(c, o, an_hub_live_find(c->hub, s->name));
    return o;
}

static an_err need_site(const an_api_call *c, an_site **ret, an_note *why)
{
    *ret = an_state_site(c->state, c->arg);
    return *ret ? AN_OK : an_fail(AN_ERR_NOTFOUND, why, "no site %.63s", c->arg);
}

static an_err answer_site(an_api_call *c, an_note *why)
{
    an_site *s;
    an_err err = need_site(c, &s, why);
    if (err == AN_OK)
        an_json_set(c->answer, "site", an_api_site_json(c, s));
    return err;
}

an_err an_api_sites(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->sites.n, AN_OLDEST, 1000, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_site *site = &c->state->sites.items[i];
        if (!an_api_sees(c, site->name) || !an_api_wants(c->req->state, an_site_status_name(site->status)))
            continue;
        an_json_push(list, an_api_site_json(c, site));
        l.left--;
    }
    an_json_set(c->answer, "sites", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

an_err an_api_site(an_api_call *c, an_note *why)
{
    return answer_site(c, why);
}

an_err an_api_site_approve(an_api_call *c, an_note *why)
{
    an_site *s;
    const char *fingerprint, *reason;
    an_err err;
    if ((err = need_site(c, &s, why)) != AN_OK || (err = an_api_reason(c, &reason, why)) != AN_OK ||
        (err = an_jval_get_text(c->body, "fingerprint", "", &fingerprint, why)) != AN_OK)
        return err;
    if (fingerprint[0] && strcmp(fingerprint, s->keys.fingerprint) != 0)
        return an_fail(AN_ERR_REFUSED, why,
                       "site %s has the fingerprint %s, not the one given: do not approve it", s->name,
                       s->keys.fingerprint);
    err = an_hub_site_decide(c->hub, c->actor, c->arg, true, reason, why);
    return err == AN_OK ? answer_site(c, why) : err;
}

an_err an_api_site_party(an_api_call *c, an_note *why)
{
    const char *party;
    an_err err = an_jval_text(c->body, "party", &party, why);
    if (err == AN_OK)
        err = an_hub_site_party(c->hub, c->actor, c->arg, party, why);
    return err == AN_OK ? answer_site(c, why) : err;
}

an_err an_api_site_deny(an_api_call *c, an_note *why)
{
    const char *reason;
    an_err err = an_api_reason(c, &reason, why);
    if (err == AN_OK)
        err = an_hub_site_decide(c->hub, c->actor, c->arg, false, reason, why);
    return err == AN_OK ? answer_site(c, why) : err;
}

an_err an_api_site_revoke(an_api_call *c, an_note *why)
{
    const char *reason;
    an_err err = an_api_reason(c, &reason, why);
    if (err == AN_OK)
        err = an_hub_site_revoke(c->hub, c->actor, c->arg, reason, why);
    return err == AN_OK ? answer_site(c, why) : err;
}

/* A token's text, from the id and the secret that the hub gave; wiped with the token. */
static an_err answer_token(an_api_call *c, an_token *token, int64_t valid_ms)
{
    char text[AN_TOKEN_TEXT] = "", id[2 * AN_TOKEN_ID_BYTES + 1];
    memcpy(token->link_key, c->conf->link_public, sizeof token->link_key);
    const an_root root = an_hub_root(c->hub);
    an_root_fingerprint(&token->root, root.key);
    an_text_set(token->endpoint, sizeof token->endpoint, c->conf->enrol);
    an_err err = an_token_text(text, token);
    if (err == AN_OK) {
        an_hex(id, token->id, sizeof token->id);
        an_json_set_text(c->answer, "token", text);
        an_json_set_text(c->answer, "token_id", id);
        an_json_set_int(c->answer, "valid_ms", valid_ms);
        an_json_set_text(c->answer, "endpoint", token->endpoint);
        c->status = 201;
        c->secret = true;
    }
    an_wipe(text, sizeof text);
    return err;
}

static an_err need_valid(an_api_call *c, int64_t *ret_ms, an_note *why)
{
    return an_jval_get_int(c->body, "valid_ms", 1000, INT64_C(30) * 86400000, 3600000, ret_ms, why);
}

an_err an_api_token(an_api_call *c, an_note *why)
{
    int64_t valid_ms;
    const char *site;
    an_token token = {.endpoint = ""};
    an_err err = need_valid(c, &valid_ms, why);
    if (err == AN_OK)
        err = an_jval_get_text(c->body, "site", "", &site, why);
    if (err == AN_OK)
        err = an_hub_token(c->hub, c->actor, site, valid_ms, token.id, token.secret, why);
    if (err == AN_OK)
        err = answer_token(c, &token, valid_ms);
    an_token_done(&token);
    return err;
}

an_err an_api_site_replace(an_api_call *c, an_note *why)
{
    int64_t valid_ms;
    const char *reason;
    an_token token = {.endpoint = ""};
    an_err err = need_valid(c, &valid_ms, why);
    if (err == AN_OK)
        err = an_api_reason(c, &reason, why);
    if (err == AN_OK)
        err = an_hub_site_replace(c->hub, c->actor, c->arg, reason, valid_ms, token.id, token.secret, why);
    if (err == AN_OK)
        err = answer_token(c, &token, valid_ms);
    an_token_done(&token);
    return err;
}
