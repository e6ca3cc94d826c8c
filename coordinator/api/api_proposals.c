/* Two people: what one has asked for is kept until another one confirms it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api_internal.h"
#include "doors/crypto.h"

#define BASIS 160

static an_err basis_of_model(an_api_call *c, const char *name, char ret[static BASIS], an_note *why)
{
    char hex[AN_HASH_TEXT];
    const an_model_entry *m = an_state_model(c->state, name);
    const an_rollout *r = an_state_rollout_open(c->state, name);
    if (!m)
        return an_fail(AN_ERR_NOTFOUND, why, "no model %.63s", name);
    an_hash_text(hex, &m->alias[AN_ALIAS_PRODUCTION - 1]);
    snprintf(ret, BASIS, "production %s, rollout %llu", hex, r ? (unsigned long long)r->id : 0ULL);
    return AN_OK;
}

static an_err basis_of_campaign(an_api_call *c, uint64_t id, char ret[static BASIS], an_note *why)
{
    char hex[AN_HASH_TEXT];
    const an_campaign *k = an_state_campaign(c->state, id);
    if (!k)
        return an_fail(AN_ERR_NOTFOUND, why, "no campaign %llu", (unsigned long long)id);
    an_hash_text(hex, &k->head);
    snprintf(ret, BASIS, "campaign %s, candidate %s", an_campaign_state_name(k->state), hex);
    return AN_OK;
}

/* An abort is one whatever stage has come meanwhile; a stage that is approved is that one alone. */
static an_err basis_of_rollout(an_api_call *c, uint64_t id, bool stage, char ret[static BASIS], an_note *why)
{
    const an_rollout *r = an_state_rollout(c->state, id);
    if (!r)
        return an_fail(AN_ERR_NOTFOUND, why, "no rollout %llu", (unsigned long long)id);
    if (stage)
        snprintf(ret, BASIS, "rollout %s, stage %u", an_rollout_state_name(r->state), r->stage + 1);
    else
        snprintf(ret, BASIS, "rollout %s", an_rollout_is_over(r) ? "over" : "open");
    return AN_OK;
}

/* How what the path is about is now. */
static an_err basis_of(an_api_call *c, const char *pattern, const char *arg, char ret[static BASIS],
                       an_note *why)
{
    an_api_call of = *c;
    uint64_t id = 0;
    of.arg = arg;
    if (strncmp(pattern, "/models/", 8) == 0)
        return basis_of_model(c, arg, ret, why);
    const bool campaign = strncmp(pattern, "/campaigns/", 11) == 0;
    an_err err = an_api_id(&of, campaign ? "campaign" : "rollout", &id, why);
    if (err != AN_OK)
        return err;
    return campaign ? basis_of_campaign(c, id, ret, why)
                    : basis_of_rollout(c, id, strstr(pattern, "/approve") != NULL, ret, why);
}

static an_json *proposal_json(const an_proposal *p)
{
    an_json_doc *doc = NULL;
    an_json *o = an_json_object();
    an_json_set_int(o, "id", (int64_t)p->id);
    an_json_set_text(o, "by", p->by);
    an_json_set_text(o, "path", p->path);
    if (an_json_parse(p->body, strlen(p->body), "proposal", &doc, NULL) == AN_OK)
        an_json_set(o, "body", an_json_copy(an_json_root(doc)));
    an_json_set_text(o, "basis", p->basis);
    an_json_set_text(o, "reason", p->reason);
    an_json_set_int(o, "made_ms", p->made_ms);
    an_json_set_int(o, "expires_ms", p->expires_ms);
    an_json_doc_free(doc);
    return o;
}

an_err an_api_propose(an_api_call *c, const char *pattern, an_note *why)
{
    char basis[BASIS];
    const char *reason;
    uint64_t id;
    an_err err = basis_of(c, pattern, c->arg, basis, why);
    if (err == AN_OK)
        err = an_api_reason(c, &reason, why);
    if (err != AN_OK)
        return err;
    an_json *copy = an_json_copy(c->body);
    char *body = an_json_print(copy, 0);
    an_json_free(copy);
    err = body ? an_hub_propose(c->hub, c->actor, c->req->path, body, basis, reason, &id, why) : AN_ERR_NOMEM;
    an_free(body);
    if (err != AN_OK)
        return err;
    c->status = 202;
    an_json_set(c->answer, "proposal", proposal_json(an_state_proposal(c->state, id)));
    return AN_OK;
}

an_err an_api_proposals(an_api_call *c, an_note *why)
{
    (void)why;
    an_json *list = an_json_array();
    for (size_t i = 0; i < c->state->proposals.n; i++)
        if (c->state->proposals.items[i].expires_ms > an_api_now(c))
            an_json_push(list, proposal_json(&c->state->proposals.items[i]));
    an_json_set(c->answer, "proposals", list);
    return AN_OK;
}

static an_err need_proposal(an_api_call *c, an_proposal *ret, an_note *why)
{
    uint64_t id;
    an_err err = an_api_id(c, "proposal", &id, why);
    const an_proposal *p = err == AN_OK ? an_state_proposal(c->state, id) : NULL;
    if (err == AN_OK && (!p || p->expires_ms <= an_api_now(c)))
        err = an_fail(AN_ERR_NOTFOUND, why, "no proposal %.20s is open", c->arg);
    if (err == AN_OK)
        *ret = *p;
    return err;
}

static an_err check_basis(an_api_call *c, const an_proposal *p, an_note *why)
{
    char basis[BASIS] = "", arg[AN_API_TEXT] = "";
    an_api_route_info r = {.pattern = ""};
    an_err err = an_api_route_at(an_api_route_find("POST", p->path), &r) &&
                         an_api_path_match(r.pattern, p->path + sizeof "/api/v1" - 1, arg)
                     ? basis_of(c, r.pattern, arg, basis, why)
                     : AN_ERR_STATE;
    if (err == AN_OK && strcmp(basis, p->basis) != 0)
        err = an_fail(AN_ERR_STATE, why,
                      "it was proposed of: %s; now it is: %s. Drop it, and propose it anew", p->basis, basis);
    return err;
}

/* Done first, then ended: what could not be done stays open, and what was done is seen by its basis. */
an_err an_api_proposal_confirm(an_api_call *c, an_note *why)
{
    an_proposal p;
    an_err err = need_proposal(c, &p, why);
    if (err == AN_OK)
        err = an_api_again(c, p.path, p.body, false, why);
    if (err == AN_OK && strcmp(p.by, c->actor) == 0)
        err = an_fail(AN_ERR_AUTH, why, "%s has proposed it: somebody else has to confirm it", p.by);
    if (err == AN_OK)
        err = check_basis(c, &p, why);
    if (err == AN_OK)
        err = an_api_again(c, p.path, p.body, true, why);
    if (err == AN_OK)
        err = an_hub_proposal_end(c->hub, c->actor, p.id, "confirmed", p.reason, why);
    if (err == AN_OK)
        an_json_set(c->answer, "proposal", proposal_json(&p));
    return err;
}

an_err an_api_proposal_drop(an_api_call *c, an_note *why)
{
    an_proposal p;
    const char *reason;
    an_err err = need_proposal(c, &p, why);
    if (err == AN_OK)
        err = an_api_again(c, p.path, p.body, false, why);
    if (err == AN_OK)
        err = an_api_reason(c, &reason, why);
    if (err == AN_OK)
        err = an_hub_proposal_end(c->hub, c->actor, p.id, "dropped", reason, why);
    if (err == AN_OK)
        an_json_set(c->answer, "proposal", proposal_json(&p));
    return err;
}
