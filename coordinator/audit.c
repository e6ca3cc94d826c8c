#include "coordinator/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/store/store_internal.h"
#include "doors/json.h"
#include "msg/msg.h"
#include "trust/release.h"

#define STORED_MS 60000 /* from signing a release to its record, at most */

typedef struct key_entry {
    char site[AN_NAME_MAX];
    uint8_t key[AN_KEY_BYTES], next[AN_KEY_BYTES];
} key_entry;

typedef struct grant {
    an_hash hash;
    an_signed statement;
    bool revoked;
} grant;

struct an_audit {
    an_audit_counts counts;
    an_root root;
    bool root_set;
    struct {
        key_entry *items;
        size_t n, cap;
    } keys;
    struct {
        grant *items;
        size_t n, cap;
    } grants;
};

an_err an_audit_new(an_audit **ret)
{
    *ret = an_alloc(1, sizeof **ret);
    return *ret ? AN_OK : AN_ERR_NOMEM;
}

void an_audit_free(an_audit *a)
{
    if (!a)
        return;
    an_free(a->keys.items);
    an_free(a->grants.items);
    an_free(a);
}

const an_audit_counts *an_audit_look(const an_audit *a)
{
    return &a->counts;
}

/* ---- bodies ---- */

static an_err text_of(const an_jval *o, const char *key, const char **ret, an_note *why)
{
    return an_jval_text(o, key, ret, why);
}

static an_err bytes_of(const an_jval *o, const char *key, uint8_t *ret, size_t len, an_note *why)
{
    const char *text;
    an_err err = text_of(o, key, &text, why);
    return err != AN_OK || an_unhex(ret, len, text)
               ? err
               : an_fail(AN_ERR_PROTO, why, "%s is not %zu bytes", key, len);
}

static an_err signed_of(const an_jval *o, an_signed *ret, an_note *why)
{
    const char *text;
    an_msg_signature signatures[AN_TRUST_SIGNATURES];
    const an_jval *list = an_jval_get(o, "signatures");
    const size_t n = list ? an_jval_count(list) : 0;
    an_err err = text_of(o, "statement", &text, why);
    if (err == AN_OK && n > AN_TRUST_SIGNATURES)
        err = an_fail(AN_ERR_PROTO, why, "more than %d signatures", AN_TRUST_SIGNATURES);
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        const an_jval *s = an_jval_at(list, i);
        if ((err = bytes_of(s, "key", signatures[i].key, AN_KEY_BYTES, why)) == AN_OK)
            err = bytes_of(s, "signature", signatures[i].signature, AN_SIG_BYTES, why);
    }
    return err == AN_OK ? an_signed_set(ret, text, strlen(text), signatures, (uint32_t)n, why) : err;
}

/* ---- sites ---- */

static key_entry *key_of(an_audit *a, const char *site)
{
    for (size_t i = 0; i < a->keys.n; i++)
        if (strcmp(a->keys.items[i].site, site) == 0)
            return &a->keys.items[i];
    return NULL;
}

static an_err on_requested(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    key_entry *e = key_of(a, r->subject);
    if (!e) {
        if (!an_grow(&a->keys.items, &a->keys.cap, a->keys.n + 1, sizeof *a->keys.items))
            return AN_ERR_NOMEM;
        e = &a->keys.items[a->keys.n++];
        memset(e, 0, sizeof *e);
        snprintf(e->site, sizeof e->site, "%s", r->subject);
    }
    return bytes_of(o, "sign_key", e->key, sizeof e->key, why);
}

static an_err on_keys(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    key_entry *e = key_of(a, r->subject);
    return e ? bytes_of(o, "sign_key", e->next, sizeof e->next, why)
             : an_fail(AN_ERR_PROTO, why, "no site of this name has asked to be admitted");
}

static an_err on_rotated(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    key_entry *e = key_of(a, r->subject);
    (void)o;
    if (!e)
        return an_fail(AN_ERR_PROTO, why, "no site of this name has asked to be admitted");
    memcpy(e->key, e->next, sizeof e->key);
    return AN_OK;
}

static an_err report_of(const an_jval *o, an_msg_version_report *ret, an_note *why)
{
    const char *text;
    an_err err;
    *ret = (an_msg_version_report){.state = AN_VERSION_FETCHING};
    if ((err = text_of(o, "model", &text, why)) != AN_OK)
        return err;
    snprintf(ret->model, sizeof ret->model, "%s", text);
    if ((err = text_of(o, "line", &text, why)) != AN_OK)
        return err;
    snprintf(ret->line, sizeof ret->line, "%s", text);
    if (an_jval_get(o, "version") &&
        (err = bytes_of(o, "version", ret->version.b, sizeof ret->version.b, why)) != AN_OK)
        return err;
    if (an_jval_get(o, "overlay") &&
        (err = bytes_of(o, "overlay", ret->overlay.b, sizeof ret->overlay.b, why)) != AN_OK)
        return err;
    if ((err = text_of(o, "state", &text, why)) != AN_OK)
        return err;
    while (ret->state <= AN_VERSION_ROLLED_BACK && strcmp(an_version_state_name(ret->state), text) != 0)
        ret->state = (an_version_state)(ret->state + 1);
    if ((err = an_jval_get_text(o, "reason", "", &text, why)) != AN_OK)
        return err;
    snprintf(ret->reason, sizeof ret->reason, "%s", text);
    if ((err = an_jval_get_int(o, "at_ms", 0, INT64_MAX, 0, &ret->at_ms, why)) != AN_OK)
        return err;
    return bytes_of(o, "signature", ret->signature, sizeof ret->signature, why);
}

static an_err on_report(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    an_msg_version_report report;
    uint8_t statement[AN_REPORT_STATEMENT_BYTES];
    const key_entry *e = key_of(a, r->subject);
    if (!an_jval_get(o, "signature")) {
        a->counts.reports_plain++;
        return AN_OK;
    }
    an_err err = report_of(o, &report, why);
    if (err != AN_OK)
        return err;
    an_report_statement(statement, r->subject, &report);
    if (!e ||
        an_sign_check(report.signature, AN_REPORT_CONTEXT, statement, sizeof statement, e->key) != AN_OK)
        return an_fail(AN_ERR_AUTH, why, "it is not countersigned by site %.63s", r->subject);
    a->counts.reports++;
    return AN_OK;
}

/* ---- the release root ---- */

static an_err on_root(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    (void)r;
    if (a->root_set)
        return an_fail(AN_ERR_PROTO, why, "there is a release root already");
    a->root_set = true;
    return bytes_of(o, "key", a->root.key, sizeof a->root.key, why);
}

static an_err on_rotation(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    (void)r;
    an_signed link;
    an_err err = signed_of(o, &link, why);
    if (err == AN_OK)
        err = an_root_follow(&a->root, &link, why);
    a->counts.rotations += err == AN_OK;
    return err;
}

static grant *grant_of(const an_audit *a, const an_hash *hash)
{
    for (size_t i = a->grants.n; i-- > 0;)
        if (an_hash_equal(&a->grants.items[i].hash, hash))
            return &a->grants.items[i];
    return NULL;
}

static an_err on_delegation(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    (void)r;
    grant g = {.revoked = false};
    an_delegation d;
    an_err err = signed_of(o, &g.statement, why);
    if (err == AN_OK)
        err = an_delegation_check(&g.statement, &a->root, &d, why);
    if (err == AN_OK && !an_grow(&a->grants.items, &a->grants.cap, a->grants.n + 1, sizeof g))
        err = AN_ERR_NOMEM;
    if (err != AN_OK)
        return err;
    an_statement_hash(&g.hash, &g.statement);
    a->grants.items[a->grants.n++] = g;
    a->counts.delegations++;
    return AN_OK;
}

static an_err on_revocation(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    (void)r;
    an_signed s;
    an_revocation v;
    an_err err = signed_of(o, &s, why);
    if (err == AN_OK)
        err = an_revocation_check(&s, &a->root, &v, why);
    grant *g = err == AN_OK ? grant_of(a, &v.delegation) : NULL;
    if (g)
        g->revoked = true;
    a->counts.revocations += err == AN_OK;
    return err;
}

/* What a revocation or an expiry took away, a coordinator that goes on signing has not. */
static an_err check_held(const grant *g, const an_release *said, const an_delegation *d, const an_record *r,
                         an_note *why)
{
    if (g && g->revoked)
        return an_fail(AN_ERR_AUTH, why, "delegation %llu was revoked before", (unsigned long long)d->number);
    if (said->issued_ms >= an_release_expiry(said, d) || r->time_ms >= an_release_expiry(said, d) + STORED_MS)
        return an_fail(AN_ERR_AUTH, why, "what allowed it had expired");
    return AN_OK;
}

static an_err on_release(an_audit *a, const an_record *r, const an_jval *o, an_note *why)
{
    an_signed s;
    an_release said;
    an_delegation d = {.number = 0};
    an_hash version;
    int64_t counter;
    an_err err;
    if ((err = signed_of(o, &s, why)) != AN_OK ||
        (err = an_release_parse(s.text, s.len, &said, why)) != AN_OK ||
        (err = bytes_of(o, "version", version.b, sizeof version.b, why)) != AN_OK ||
        (err = an_jval_int(o, "counter", 1, INT64_MAX, &counter, why)) != AN_OK)
        return err;
    const grant *g = an_hash_is_zero(&said.delegation) ? NULL : grant_of(a, &said.delegation);
    if (g && (err = an_delegation_parse(g->statement.text, g->statement.len, &d, why)) != AN_OK)
        return err;
    const an_release_ground ground = {.root = &a->root, .online = d.online};
    if ((err = an_release_judge(&s, g ? &g->statement : NULL, &ground, &said, &d, why)) != AN_OK ||
        (err = check_held(g, &said, &d, r, why)) != AN_OK)
        return err;
    if (strcmp(said.model, r->subject) != 0 || !an_hash_equal(&said.version, &version) ||
        said.counter != (uint64_t)counter)
        return an_fail(AN_ERR_PROTO, why, "it says other than its release statement");
    a->counts.releases++;
    return AN_OK;
}

/* ---- records ---- */

static const struct {
    const char *kind;
    an_err (*check)(an_audit *a, const an_record *r, const an_jval *o, an_note *why);
} checks[] = {
    {"site.requested", on_requested},
    {"site.keys", on_keys},
    {"site.rotated", on_rotated},
    {"site.report", on_report},
    {"root.set", on_root},
    {"root.rotated", on_rotation},
    {"delegation.signed", on_delegation},
    {"delegation.revoked", on_revocation},
    {"release.signed", on_release},
};

static an_err bad(const an_record *r, an_err err, const char *what, an_note *why)
{
    return an_fail(err, why, "journal: record %llu (%.60s): %s", (unsigned long long)r->seq, r->kind, what);
}

static an_err check_body(an_audit *a, const an_record *r, an_note *why)
{
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        an_json_doc *doc = NULL;
        an_note inner = {{0}};
        if (strcmp(checks[i].kind, r->kind) != 0)
            continue;
        an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, &inner);
        if (err == AN_OK)
            err = checks[i].check(a, r, an_json_root(doc), &inner);
        an_json_doc_free(doc);
        if (err == AN_OK || err == AN_ERR_NOMEM)
            return err;
        return bad(r, err == AN_ERR_AUTH ? err : AN_ERR_PROTO, inner.text[0] ? inner.text : an_err_text(err),
                   why);
    }
    return AN_OK;
}

/* body: of one that is withheld; NULL: it is there */
static an_err link_on(an_audit *a, const an_record *r, const an_hash *body, an_note *why)
{
    an_hash chain;
    if (r->seq != a->counts.records + 1)
        return an_fail(AN_ERR_PROTO, why, "journal: record %llu is missing",
                       (unsigned long long)(a->counts.records + 1));
    if (body)
        an_record_chain_of(&chain, &a->counts.chain, r, body);
    else
        an_record_chain(&chain, &a->counts.chain, r);
    if (!an_hash_equal(&chain, &r->chain))
        return bad(r, AN_ERR_PROTO, "it is not what was written", why);
    a->counts.records++;
    a->counts.chain = chain;
    a->counts.withheld += body != NULL;
    return AN_OK;
}

an_err an_audit_record(an_audit *a, const an_record *r, an_note *why)
{
    an_err err = link_on(a, r, NULL, why);
    return err == AN_OK ? check_body(a, r, why) : err;
}

an_err an_audit_withheld(an_audit *a, const an_record *r, const an_hash *body, an_note *why)
{
    if (strcmp(r->kind, "site.token") != 0) /* the only secret that a journal holds */
        return bad(r, AN_ERR_PROTO, "its body is left out", why);
    return link_on(a, r, body, why);
}
