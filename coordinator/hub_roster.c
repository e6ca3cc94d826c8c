/* The roster: which sites may be in a secure sum, by which keys, and who runs them, signed by the release
 * root.  A coordinator that is its own root signs a new one whenever sites come or go; else a person does,
 * on the machine that has the root key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

/* One that a former root has signed is to be signed again. */
const an_roster_entry *an_hub_roster_current(const an_hub *hub)
{
    const size_t n = hub->state.rosters.n;
    const an_roster_entry *last = n > 0 ? &hub->state.rosters.items[n - 1] : NULL;
    return last && last->root == an_hub_root(hub).number ? last : NULL;
}

int64_t an_hub_roster_expiry(const an_hub *hub)
{
    const an_roster_entry *e = an_hub_roster_current(hub);
    return e ? e->expires_ms : 0;
}

bool an_hub_roster_expires_soon(const an_hub *hub)
{
    const int64_t expires_ms = an_hub_roster_expiry(hub);
    return expires_ms != 0 && an_hub_now(hub) >= expires_ms - AN_ROSTER_WARN_MS;
}

bool an_hub_roster_waits(const an_hub *hub)
{
    bool any = false;
    for (size_t i = 0; i < hub->state.sites.n; i++)
        any = any || hub->state.sites.items[i].status == AN_SITE_APPROVED;
    return any && !an_hub_roster_current(hub);
}

an_err an_hub_roster_bytes(an_hub *hub, const an_hash *text, an_buf *ret, an_note *why)
{
    return an_store_object_get(hub->conf.store, text, ret, why);
}

an_err an_hub_roster_read(an_hub *hub, const an_hash *text, an_roster *ret, an_note *why)
{
    an_buf b;
    an_buf_init(&b, AN_ROSTER_TEXT_MAX);
    an_err err = an_hub_roster_bytes(hub, text, &b, why);
    if (err == AN_OK)
        err = an_roster_parse(b.data, b.len, ret, why);
    an_buf_done(&b);
    return err;
}

/* ---- what is to be signed ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const an_roster_site *)a)->name, ((const an_roster_site *)b)->name);
}

/* The approved sites.  n 0: there are none. */
static an_err propose(const an_hub *hub, an_roster *ret)
{
    const size_t n = hub->state.rosters.n;
    *ret = (an_roster){.counter = n > 0 ? hub->state.rosters.items[n - 1].counter + 1 : 1,
                       .issued_ms = an_hub_now(hub)};
    if (!(ret->sites = an_alloc(hub->state.sites.n + 1, sizeof *ret->sites)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < hub->state.sites.n && ret->n < AN_COHORT_MAX; i++) {
        const an_site *s = &hub->state.sites.items[i];
        if (s->status != AN_SITE_APPROVED)
            continue;
        an_roster_site *r = &ret->sites[ret->n++];
        snprintf(r->name, sizeof r->name, "%s", s->name);
        snprintf(r->party, sizeof r->party, "%s", s->party);
        /* What it goes over to: a root that is elsewhere signs once. */
        memcpy(r->key, s->rotates ? s->next.sign_key : s->keys.sign_key, sizeof r->key);
    }
    qsort(ret->sites, ret->n, sizeof *ret->sites, by_name);
    return AN_OK;
}

static bool same_sites(const an_roster *a, const an_roster *b)
{
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++)
        same = strcmp(a->sites[i].name, b->sites[i].name) == 0 &&
               strcmp(a->sites[i].party, b->sites[i].party) == 0 &&
               an_secret_equal(a->sites[i].key, b->sites[i].key, AN_SIGN_PUBLIC_BYTES);
    return same;
}

/* A root that was replaced since has not: sites that come now could not check it. */
static bool signed_by_root(an_hub *hub, const an_roster_entry *e)
{
    const an_root root = an_hub_root(hub);
    an_buf text;
    an_buf_init(&text, AN_ROSTER_TEXT_MAX);
    const bool good = an_store_object_get(hub->conf.store, &e->text, &text, NULL) == AN_OK &&
                      an_roster_check(text.data, text.len, e->signature, root.key, NULL) == AN_OK;
    an_buf_done(&text);
    return good;
}

an_err an_hub_roster_proposal(an_hub *hub, an_buf *ret, bool *ret_differs, an_note *why)
{
    const an_roster_entry *current = an_hub_roster_current(hub);
    an_roster wanted = {.n = 0}, signed_one = {.n = 0};
    an_err err = propose(hub, &wanted);
    if (err == AN_OK && wanted.n == 0)
        err = an_fail(AN_ERR_NOTFOUND, why, "no site is approved");
    if (err == AN_OK && current)
        err = an_hub_roster_read(hub, &current->text, &signed_one, why);
    if (err == AN_OK) {
        *ret_differs = !current || !same_sites(&wanted, &signed_one) || !signed_by_root(hub, current) ||
                       an_hub_roster_expires_soon(hub);
        err = an_roster_text(&wanted, ret, why);
    }
    an_roster_done(&wanted);
    an_roster_done(&signed_one);
    return err;
}

/* ---- what was signed ---- */

static an_err check_signed(an_hub *hub, const void *text, size_t len,
                           const uint8_t signature[static AN_SIGN_BYTES], an_roster *ret, an_note *why)
{
    an_roster wanted = {.n = 0};
    const an_root root = an_hub_root(hub);
    an_err err = an_roster_check(text, len, signature, root.key, why);
    if (err == AN_OK)
        err = an_roster_parse(text, len, ret, why);
    if (err == AN_OK && ret->expires_ms != 0 && ret->expires_ms <= an_hub_now(hub))
        err = an_fail(AN_ERR_INVAL, why, "this roster has expired already");
    if (err == AN_OK)
        err = propose(hub, &wanted);
    if (err == AN_OK && ret->counter < wanted.counter)
        err = an_fail(AN_ERR_STATE, why, "a roster with this counter is signed already");
    if (err == AN_OK && !same_sites(ret, &wanted))
        err = an_fail(AN_ERR_STATE, why,
                      "sites have come or gone since this roster was written; sign the new one");
    an_roster_done(&wanted);
    return err;
}

an_err an_hub_roster_sign(an_hub *hub, const char *actor, const void *text, size_t len,
                          const uint8_t signature[static AN_SIGN_BYTES], an_note *why)
{
    an_roster r = {.n = 0};
    an_hash hash;
    char hex[2 * AN_SIGN_BYTES + 1];
    an_record_batch b = {.n = 0};
    an_err err = check_signed(hub, text, len, signature, &r, why);
    if (err == AN_OK)
        err = an_store_object_put(hub->conf.store, text, len, &hash, why);
    if (err != AN_OK)
        goto out;
    an_json *o = an_json_object();
    an_hex(hex, signature, AN_SIGN_BYTES);
    an_json_set_int(o, "counter", (int64_t)r.counter);
    an_json_set_hash(o, "text", &hash);
    an_json_set_text(o, "signature", hex);
    an_json_set_int(o, "sites", r.n);
    if (an_hub_roster_current(hub))
        an_json_set_int(o, "before", (int64_t)an_hub_roster_current(hub)->counter);
    if (r.expires_ms != 0)
        an_json_set_int(o, "expires_ms", r.expires_ms);
    an_json_set_int(o, "root", (int64_t)an_hub_root(hub).number);
    an_batch_add(&b, "roster.signed", "roster", actor, NULL, o);
    if ((err = an_hub_commit(hub, &b, why)) != AN_OK)
        goto out;
    an_log(AN_LOG_INFO, "roster_signed", "counter=%llu sites=%u by=%s", (unsigned long long)r.counter, r.n,
           actor);
    an_hub_roster_send(hub, NULL);
    an_hub_drive(hub);
out:
    an_roster_done(&r);
    return err;
}

void an_hub_roster_refresh(an_hub *hub)
{
    an_note why = {{0}};
    an_buf text;
    bool differs = false;
    uint8_t signature[AN_SIGN_BYTES];
    if (!an_hub_root_is_online(hub))
        return;
    an_buf_init(&text, AN_ROSTER_TEXT_MAX);
    an_err err = an_hub_roster_proposal(hub, &text, &differs, &why);
    if (err == AN_OK && differs) {
        an_roster_sign(signature, text.data, text.len, hub->conf.sign_secret);
        err = an_hub_roster_sign(hub, "coordinator", text.data, text.len, signature, &why);
    }
    if (err != AN_OK && err != AN_ERR_NOTFOUND)
        an_log(AN_LOG_ERROR, "roster_not_signed", "err=%s why=\"%s\"", an_err_name(err), why.text);
    an_buf_done(&text);
}

/* ---- to the sites ---- */

void an_hub_roster_send(an_hub *hub, const char *only_site)
{
    const an_roster_entry *current = an_hub_roster_current(hub);
    an_buf text;
    if (!current || (only_site && !an_hub_may_answer(hub, only_site)))
        return;
    an_buf_init(&text, AN_ROSTER_TEXT_MAX);
    an_err err = an_store_object_get(hub->conf.store, &current->text, &text, NULL);
    if (only_site)
        an_hub_answered(hub, only_site, text.len);
    an_msg m = {.type = AN_MSG_ROSTER};
    m.u.roster.text = (an_bytes){.data = text.data, .len = text.len};
    memcpy(m.u.roster.signature, current->signature, sizeof m.u.roster.signature);
    for (size_t i = 0; err == AN_OK && i < hub->live.n; i++) {
        if (only_site && strcmp(hub->live.items[i].site, only_site) != 0)
            continue;
        an_err sent = an_hub_send(hub, hub->live.items[i].site, &m);
        (void)sent; /* told again at its next HELLO */
    }
    an_buf_done(&text);
}

/* ---- parties ---- */

an_err an_hub_site_party(an_hub *hub, const char *actor, const char *name, const char *party, an_note *why)
{
    const an_site *site = an_state_site(&hub->state, name);
    if (!site || site->status != AN_SITE_APPROVED)
        return an_fail(AN_ERR_NOTFOUND, why, "no approved site %.63s", name);
    if (!an_name_ok(party))
        return an_fail(AN_ERR_INVAL, why, "a party has a name of letters, digits, '.', '_' and '-'");
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_text(o, "party", party);
    an_json_set_text(o, "before", site->party);
    an_batch_add(&b, "site.party", name, actor, NULL, o);
    an_err err = an_hub_commit(hub, &b, why);
    if (err == AN_OK)
        an_hub_roster_refresh(hub);
    return err;
}
