/* The messages of secure sums: from the sites into their rounds, and back what each exchange has led to. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

/* ---- plans ---- */

static uint32_t permille(double share)
{
    return (uint32_t)(share * 1000 + 0.5);
}

/* A sum is made by sites that the root has signed, with the keys that it has signed.  left_out: the first that it
 * has not. */
static void keep_signed(an_hub *hub, const an_roster *roster, an_plan *plan,
                        char left_out[static AN_NAME_MAX])
{
    uint32_t n = 0;
    left_out[0] = '\0';
    for (uint32_t i = 0; i < plan->n_cohort; i++) {
        const an_site *s = an_state_site(&hub->state, plan->cohort[i]);
        const an_roster_site *r = an_roster_find(roster, plan->cohort[i]);
        if (s && r && an_secret_equal(s->keys.sign_key, r->key, sizeof r->key))
            memmove(plan->cohort[n++], plan->cohort[i], AN_NAME_MAX);
        else if (!left_out[0])
            memcpy(left_out, plan->cohort[i], AN_NAME_MAX);
    }
    memset(plan->cohort[n], 0, (plan->n_cohort - n) * sizeof plan->cohort[0]);
    plan->n_cohort = n;
}

static bool all_fast(const an_hub *hub, const an_plan *plan)
{
    bool fast = true;
    for (uint32_t i = 0; i < plan->n_cohort && fast; i++) {
        const an_hub_live *live = an_hub_live_get((an_hub *)(uintptr_t)hub, plan->cohort[i]);
        fast = live && live->fast_aes;
    }
    return fast;
}

/* Said before anybody trains: what these bounds need of so many sites.  Sites of the roster that are away may
 * make up for what is missing now; what all of them together cannot have ends the campaign. */
static an_err check_graphs(const an_plan *plan, const an_roster *roster, an_note *why)
{
    static const an_hash none;
    an_err err = AN_OK;
    for (uint32_t g = 0; g < plan->secure.groups && err == AN_OK; g++) {
        an_cohort c;
        an_sum_graph graph;
        an_note inner = {{0}};
        err = an_cohort_of(plan, &none, roster, g, &c, &inner);
        if (err == AN_ERR_REFUSED)
            return an_fail(AN_ERR_AGAIN, why, "%.140s; more parties are wanted (andon site roster)",
                           inner.text);
        if (err == AN_OK) {
            err = an_cohort_graph(&c, &graph, &inner);
            an_cohort_done(&c);
        }
        if (err == AN_ERR_REFUSED && plan->n_cohort < roster->n)
            err = an_fail(AN_ERR_AGAIN, why,
                          "%.150s; connect more sites, or lower secure.colluders or secure.dropouts: andon "
                          "model policy %s",
                          inner.text, plan->model);
        else if (err != AN_OK && why)
            *why = inner;
    }
    return err;
}

/* What is missing of sites, and what helps. */
static an_err check_sites(const an_plan *plan, uint32_t here, const char *unsigned_site, an_note *why)
{
    const uint32_t wanted = plan->secure.groups * plan->min_cohort;
    if (plan->n_cohort >= wanted)
        return AN_OK;
    if (here > plan->n_cohort)
        return an_fail(AN_ERR_AGAIN, why,
                       "%u of the %u sites that are connected are in the signed roster, %u are needed; %s is "
                       "not: andon site roster --key FILE",
                       plan->n_cohort, here, wanted, unsigned_site);
    return an_fail(AN_ERR_AGAIN, why,
                   "%u groups of %u sites need %u, and %u are connected; connect more, or: andon model "
                   "policy %s secure.groups=1",
                   plan->secure.groups, plan->min_cohort, wanted, plan->n_cohort, plan->model);
}

an_err an_hub_secure_plan(an_hub *hub, const an_policy *p, an_plan *plan, an_note *why)
{
    const an_roster_entry *current = an_hub_roster_current(hub);
    an_roster roster = {.n = 0};
    const uint32_t here = plan->n_cohort;
    char left_out[AN_NAME_MAX];
    if (!current)
        return an_fail(AN_ERR_AGAIN, why,
                       "the release root has signed no roster: andon site roster --key FILE");
    if (current->expires_ms != 0 && an_hub_now(hub) >= current->expires_ms)
        return an_fail(AN_ERR_AGAIN, why, "roster %llu has expired: andon site roster --key FILE",
                       (unsigned long long)current->counter);
    an_err err = an_hub_roster_read(hub, &current->text, &roster, why);
    if (err != AN_OK)
        return err;
    keep_signed(hub, &roster, plan, left_out);
    plan->min_cohort = (uint32_t)p->min_cohort;
    plan->secure = (an_plan_secure){.roster = current->text,
                                    .groups = (uint32_t)p->secure_groups,
                                    .colluders_permille = permille(p->secure_colluders),
                                    .dropouts_permille = permille(p->secure_dropouts),
                                    .security_bits = (uint32_t)p->secure_bits,
                                    .correctness_bits = (uint32_t)p->secure_correctness_bits,
                                    .exchange_ms = (uint64_t)p->exchange_ms};
    plan->secure.cipher = p->secure_cipher      ? (uint32_t)p->secure_cipher
                          : all_fast(hub, plan) ? AN_CIPHER_AES256CTR
                                                : AN_CIPHER_CHACHA20;
    err = check_sites(plan, here, left_out, why);
    if (err == AN_OK)
        err = check_graphs(plan, &roster, why);
    an_roster_done(&roster);
    return err;
}

#define MASKED_MAX 4096 /* a hash, two signatures and some complaints */

void an_hub_secure_send(an_hub *hub, const an_hub_round *r, size_t member, bool again)
{
    an_msg m = {.type = AN_MSG_SECURE};
    an_buf content;
    const char *site = r->round.members[member].site;
    if (hub->behind || (again && !an_hub_may_answer(hub, site))) /* what is not stored is not said */
        return;
    an_buf_init(&content, AN_SECURE_CONTENT_MAX);
    an_err err = an_round_secure_message(&r->round, member, &content);
    if (err == AN_OK) {
        m.u.secure = (an_msg_secure){.round = r->round.id,
                                     .plan_hash = r->round.plan_hash,
                                     .content = {.data = content.data, .len = content.len}};
        err = an_hub_send(hub, site, &m);
        (void)err; /* owed again at the site's next HELLO, or when it says its last message again */
        if (again)
            an_hub_answered(hub, site, content.len);
    } else if (err == AN_ERR_LIMIT || err == AN_ERR_NOMEM) {
        an_log(AN_LOG_ERROR, "secure_message_not_sent", "round=%llu site=%s err=%s",
               (unsigned long long)r->round.id, site, an_err_name(err));
    }
    an_buf_done(&content);
}

void an_hub_secure_next(an_hub *hub, const an_hub_round *r)
{
    an_log(AN_LOG_INFO, "round_exchanged", "round=%llu state=%s", (unsigned long long)r->round.id,
           an_round_state_name(r->round.state));
    for (size_t i = 0; i < r->round.n_members; i++)
        if (an_round_secure_is_in(&r->round, i))
            an_hub_secure_send(hub, r, i, false);
        else if (r->round.members[i].state == AN_MEMBER_LEFT_OUT)
            an_hub_round_leave(hub, r, i);
}

/* ---- what sites sign of their masked vectors: kept until the vector itself is here ---- */

static an_err keep_masked(an_hub_round *r, size_t member, const an_bytes *content, an_note *why)
{
    if (content->len > MASKED_MAX)
        return an_fail(AN_ERR_PROTO, why, "MASKED of %zu bytes", content->len);
    if (!r->masked && !(r->masked = an_alloc(r->round.n_members, sizeof *r->masked)))
        return AN_ERR_NOMEM;
    uint8_t *copy = an_alloc_raw(content->len, 1);
    if (!copy)
        return AN_ERR_NOMEM;
    memcpy(copy, content->data, content->len);
    an_free(r->masked[member].bytes);
    r->masked[member] = (an_hub_masked){.bytes = copy, .len = content->len};
    return AN_OK;
}

void an_hub_secure_forget(an_hub_round *r)
{
    for (size_t i = 0; r->masked && i < r->round.n_members; i++)
        an_free(r->masked[i].bytes);
    an_free(r->masked);
    r->masked = NULL;
}

/* Into the objects, so that the journal's record needs its hash only. */
an_err an_hub_secure_put(an_hub *hub, an_round_event *e, an_note *why)
{
    const bool small = e->len <= AN_OBJECT_SMALL;
    if (e->len == 0)
        return AN_OK;
    return (small ? an_store_object_put_row : an_store_object_put)(hub->conf.store, e->bytes, e->len,
                                                                   &e->message, why);
}

bool an_hub_secure_named(const an_hub_round *r, const char *site, const an_hash *update)
{
    const size_t member = an_round_find(&r->round, site);
    if (!r->round.secure)
        return true;
    if (member == SIZE_MAX || r->round.state != AN_ROUND_COLLECTING ||
        !an_round_secure_is_in(&r->round, member) || !r->masked)
        return false;
    const an_hub_masked *m = &r->masked[member];
    return m->len >= AN_SECURE_HEAD_BYTES + AN_HASH_BYTES &&
           memcmp(m->bytes + AN_SECURE_HEAD_BYTES, update->b, AN_HASH_BYTES) == 0;
}

void an_hub_secure_ask(an_hub *hub, const an_hub_round *r, const char *site, const an_hash *update)
{
    an_msg m = {.type = AN_MSG_UPDATE_REQUEST};
    m.u.update_request = (an_msg_update_request){.round = r->round.id, .update = *update};
    an_err err = an_hub_send(hub, site, &m);
    (void)err; /* it offers again by itself, later */
}

void an_hub_secure_masked(const an_hub_round *r, an_round_event *e)
{
    const size_t member = an_round_find(&r->round, e->site);
    if (!r->round.secure || !r->masked || member == SIZE_MAX)
        return;
    e->bytes = r->masked[member].bytes;
    e->len = r->masked[member].len;
}

/* ---- what comes in ---- */

an_err an_hub_secure_take(an_hub *hub, const char *site, const an_msg *msg, an_note *why)
{
    const an_msg_secure *m = &msg->u.secure;
    an_hub_round *r = an_hub_round_find(hub, m->round);
    size_t member = r ? an_round_find(&r->round, site) : SIZE_MAX;
    if (!r) {
        an_hub_answer_held(hub, site, &(an_msg_held){.round = m->round});
        return AN_OK;
    }
    if (member == SIZE_MAX || !r->round.secure || !an_hash_equal(&m->plan_hash, &r->round.plan_hash))
        return an_fail(AN_ERR_PROTO, why, "site %s speaks of another plan for round %llu", site,
                       (unsigned long long)m->round);
    if (r->round.members[member].state == AN_MEMBER_LEFT_OUT) {
        an_hub_round_leave(hub, r, member);
        return AN_OK;
    }
    if (m->content.data[0] == AN_SECURE_MASKED && r->round.members[member].state == AN_MEMBER_DELIVERED) {
        if (r->round.state > AN_ROUND_COLLECTING)
            an_hub_secure_send(hub, r, member, true); /* what its vector led to may be lost */
        return AN_OK;
    }
    if (m->content.data[0] == AN_SECURE_MASKED)
        return keep_masked(r, member, &m->content, why);
    an_round_event e = {.type = AN_ROUND_EVENT_SECURE,
                        .now_ms = an_hub_now(hub),
                        .bytes = m->content.data,
                        .len = m->content.len};
    char actor[128];
    snprintf(e.site, sizeof e.site, "%s", site);
    snprintf(actor, sizeof actor, "site/%s", site);
    an_hub_round_event(hub, r, &e, actor);
    return AN_OK;
}

/* A site that breaks the rules of the sum is out of the round; one that is late is told what it missed. */
void an_hub_secure_answer(an_hub *hub, an_hub_round *r, const an_round_event *e, const an_round_actions *a)
{
    size_t member = an_round_find(&r->round, e->site);
    if (member == SIZE_MAX || !r->round.secure)
        return;
    if (a->err == AN_OK || a->err == AN_ERR_STATE) { /* said again, perhaps because the answer was lost */
        if (!a->changed && r->round.state < AN_ROUND_SUMMING && an_round_secure_is_in(&r->round, member))
            an_hub_secure_send(hub, r, member, true);
        return;
    }
    if (a->err == AN_ERR_NOTFOUND || a->err == AN_ERR_NOMEM)
        return;
    an_log(AN_LOG_WARN, "secure_message_refused", "round=%llu site=%s err=%s why=\"%s\"",
           (unsigned long long)r->round.id, e->site, an_err_name(a->err), a->why.text);
    an_round_event out = {.type = AN_ROUND_EVENT_REFUSE, .now_ms = an_hub_now(hub)};
    snprintf(out.site, sizeof out.site, "%s", e->site);
    an_text_set(out.reason, sizeof out.reason, a->why.text);
    an_hub_round_event(hub, r, &out, "coordinator");
}
