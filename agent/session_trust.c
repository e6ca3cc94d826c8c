/* Whom this site believes: the chain of release roots, revoked delegations, and what a release may be.
 *
 * The spool keeps the rotations themselves, not what they came to: at every start each is checked again
 * from the root that the site was enrolled with. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "doors/crypto.h"
#include "models/bundle_form.h"

#define ROOTS "trust/roots"
#define REVOKED "trust/revoked"
#define ROOTS_BYTES (256 * sizeof(an_signed))
#define LINEAGE_MAX 256 /* generations from a released version to its delegation's ancestor */

/* ---- what is kept ---- */

static void put_signed(an_buf *b, const an_signed *s)
{
    an_buf_u16(b, s->len);
    an_buf_put(b, s->text, s->len);
    an_buf_u8(b, s->n_signatures);
    for (size_t i = 0; i < s->n_signatures; i++) {
        an_buf_put(b, s->signatures[i].key, sizeof s->signatures[i].key);
        an_buf_put(b, s->signatures[i].signature, sizeof s->signatures[i].signature);
    }
}

static bool take_signed(an_reader *r, an_signed *ret)
{
    an_msg_signature signatures[AN_TRUST_SIGNATURES];
    const uint16_t len = an_read_u16(r);
    const uint8_t *text = an_read_bytes(r, len);
    const uint8_t n = an_read_u8(r);
    for (size_t i = 0; i < n && i < AN_TRUST_SIGNATURES && !r->failed; i++) {
        const uint8_t *key = an_read_bytes(r, sizeof signatures[i].key);
        const uint8_t *signature = an_read_bytes(r, sizeof signatures[i].signature);
        if (!key || !signature)
            return false;
        memcpy(signatures[i].key, key, sizeof signatures[i].key);
        memcpy(signatures[i].signature, signature, sizeof signatures[i].signature);
    }
    return !r->failed && n <= AN_TRUST_SIGNATURES &&
           an_signed_set(ret, text, len, signatures, n, NULL) == AN_OK;
}

static an_err restore_roots(an_session *s, an_note *why)
{
    an_buf b;
    an_signed link;
    an_root_link l;
    an_buf_init(&b, ROOTS_BYTES);
    an_err err = an_spool_value_get(s->spool, ROOTS, &b, why);
    an_reader r = an_reader_of(b.data, b.len);
    while (err == AN_OK && r.left > 0) {
        if (!take_signed(&r, &link))
            err = an_fail(AN_ERR_PROTO, why, "what the spool knows of the release root is damaged");
        else if ((err = an_root_link_parse(link.text, link.len, &l, why)) == AN_OK &&
                 l.number > s->root.number) /* others came before a new enrolment */
            err = an_root_follow(&s->root, &link, why);
    }
    an_buf_done(&b);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

static an_err restore_revoked(an_session *s, an_note *why)
{
    an_buf b;
    an_buf_init(&b, AN_REVOKED_MAX * sizeof(an_revoked));
    an_err err = an_spool_value_get(s->spool, REVOKED, &b, why);
    an_reader r = an_reader_of(b.data, b.len);
    while (err == AN_OK && r.left > 0 && s->n_revoked < AN_REVOKED_MAX) {
        const uint8_t *hash = an_read_bytes(&r, AN_HASH_BYTES);
        an_revoked *v = &s->revoked[s->n_revoked];
        v->expires_ms = (int64_t)an_read_u64(&r);
        if (r.failed)
            err = an_fail(AN_ERR_PROTO, why, "what the spool knows of revoked delegations is damaged");
        else
            memcpy(s->revoked[s->n_revoked++].delegation.b, hash, AN_HASH_BYTES);
    }
    an_buf_done(&b);
    return err == AN_ERR_NOTFOUND ? AN_OK : err;
}

an_err an_trust_restore(an_session *s, an_note *why)
{
    s->root.number = s->conf.root_number;
    memcpy(s->root.key, s->conf.root_key, sizeof s->root.key);
    an_err err = restore_roots(s, why);
    return err == AN_OK ? restore_revoked(s, why) : err;
}

/* ---- what the root says ---- */

void an_trust_journal(an_session *s, const an_line_state *line, const char *what)
{
    an_note why = {{0}};
    an_journal_row row = {.time_ms = s->conf.clock->wall_ms(s->conf.clock)};
    const char *model = line ? line->conf->model : s->lines[0].conf->model;
    if (line) { /* what runs: the journal is asked what ran when */
        memcpy(row.version, line->version.b, sizeof row.version);
        memcpy(row.overlay, line->overlay.b, sizeof row.overlay);
    }
    snprintf(row.model, sizeof row.model, "%s", line ? model : "");
    snprintf(row.what, sizeof row.what, "%.159s", what);
    if (an_journal_add(s->spool, &row, &why) != AN_OK)
        an_log(AN_LOG_ERROR, "journal_not_written", "what=\"%s\" why=\"%s\"", what, why.text);
}

static an_err keep_link(an_session *s, const an_signed *link, an_note *why)
{
    an_buf b;
    an_buf_init(&b, ROOTS_BYTES);
    an_err err = an_spool_value_get(s->spool, ROOTS, &b, why);
    if (err == AN_OK || err == AN_ERR_NOTFOUND) {
        put_signed(&b, link);
        err = an_buf_err(&b);
    }
    if (err == AN_OK)
        err = an_spool_value_set(s->spool, ROOTS, b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

/* Kept before it is believed: a site that forgot it would refuse what the new root signs. */
static an_err on_rotation(an_session *s, const an_signed *link, an_note *why)
{
    char what[160];
    an_root next = s->root;
    an_err err = an_root_follow(&next, link, why);
    if (err == AN_OK)
        err = keep_link(s, link, why);
    if (err != AN_OK)
        return err;
    s->root = next;
    an_roster_done(&s->roster); /* the new root signs who the sites are, and counts anew */
    s->roster_hash = (an_hash){{0}};
    an_follow_root_changed(s);
    snprintf(what, sizeof what, "the release root was rotated: number %llu", (unsigned long long)next.number);
    an_log(AN_LOG_INFO, "root_rotated", "number=%llu", (unsigned long long)next.number);
    an_trust_journal(s, NULL, what);
    return AN_OK;
}

static an_err keep_revoked(an_session *s, an_note *why)
{
    an_buf b;
    an_buf_init(&b, AN_REVOKED_MAX * sizeof(an_revoked));
    for (size_t i = 0; i < s->n_revoked; i++) {
        an_buf_put(&b, s->revoked[i].delegation.b, AN_HASH_BYTES);
        an_buf_u64(&b, (uint64_t)s->revoked[i].expires_ms);
    }
    an_err err = an_buf_err(&b);
    if (err == AN_OK)
        err = an_spool_value_set(s->spool, REVOKED, b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

static bool is_revoked(const an_session *s, const an_hash *delegation)
{
    for (size_t i = 0; i < s->n_revoked; i++)
        if (an_hash_equal(&s->revoked[i].delegation, delegation))
            return true;
    return false;
}

/* The one that ends soonest makes room: its expiry says the same as its revocation. */
static an_err on_revocation(an_session *s, const an_signed *statement, an_note *why)
{
    an_revocation r;
    an_err err = an_revocation_check(statement, &s->root, &r, why);
    if (err != AN_OK || is_revoked(s, &r.delegation))
        return err;
    size_t at = s->n_revoked < AN_REVOKED_MAX ? s->n_revoked : 0;
    for (size_t i = 1; s->n_revoked == AN_REVOKED_MAX && i < s->n_revoked; i++)
        if (s->revoked[i].expires_ms < s->revoked[at].expires_ms)
            at = i;
    s->revoked[at] = (an_revoked){.delegation = r.delegation, .expires_ms = r.expires_ms};
    s->n_revoked += at == s->n_revoked;
    an_log(AN_LOG_INFO, "delegation_revoked", "expires_ms=%lld", (long long)r.expires_ms);
    an_trust_journal(s, NULL, "a delegation of releases was revoked");
    return keep_revoked(s, why);
}

an_err an_trust_message(an_session *s, const an_msg *msg, an_note *why)
{
    static const char root[] = AN_ROOT_CONTEXT "\n";
    const an_msg_trust *t = &msg->u.trust;
    an_signed statement;
    an_note reason = {{0}};
    char what[160];
    an_err err = an_signed_set(&statement, t->statement.data, t->statement.len, t->signatures,
                               t->n_signatures, &reason);
    if (err == AN_OK) {
        const bool rotation =
            statement.len >= sizeof root - 1 && an_secret_equal(statement.text, root, sizeof root - 1);
        err = rotation ? on_rotation(s, &statement, &reason) : on_revocation(s, &statement, &reason);
    }
    if (err == AN_OK || err == AN_ERR_NOMEM || err == AN_ERR_IO)
        return err;
    an_log(AN_LOG_WARN, "statement_refused", "reason=\"%s\"", reason.text);
    snprintf(what, sizeof what, "refused: %.140s", reason.text);
    if (strcmp(s->trust_said.text, reason.text) != 0) /* once, however often it is sent */
        an_trust_journal(s, NULL, what);
    s->trust_said = reason;
    if (why)
        *why = reason;
    return err;
}

/* ---- releases ---- */

an_err an_trust_judge(const an_session *s, const an_msg_version *v, an_release *ret,
                      an_delegation *ret_delegation, an_note *why)
{
    an_signed release, delegation;
    const an_site_policy *policy = s->conf.policy;
    const an_release_ground ground = {
        .root = &s->root, .online = s->conf.coordinator_key, .site = s->conf.site};
    an_err err = an_site_policy_model(policy, v->model, why);
    if (err == AN_OK)
        err =
            an_signed_set(&release, v->statement.data, v->statement.len, v->signatures, v->n_signatures, why);
    if (err == AN_OK)
        err = an_signed_set(&delegation, v->delegation.data, v->delegation.len, v->delegation_signatures,
                            v->n_delegation_signatures, why);
    if (err == AN_OK)
        err = an_release_judge(&release, &delegation, &ground, ret, ret_delegation, why);
    if (err != AN_OK)
        return err;
    if (strcmp(ret->model, v->model) != 0 || ret->counter != v->counter ||
        !an_hash_equal(&ret->version, &v->version))
        return an_fail(AN_ERR_PROTO, why, "the message says other than its release statement");
    if (!policy->allow_online_root && an_secret_equal(s->root.key, s->conf.coordinator_key, AN_KEY_BYTES))
        return an_fail(AN_ERR_REFUSED, why,
                       "site policy: allow.online_root is no, and the coordinator signs releases by itself");
    if (ret->use == 0)
        return AN_OK;
    if (!policy->allow_delegation)
        return an_fail(AN_ERR_REFUSED, why, "site policy: allow.delegation is no");
    if (is_revoked(s, &ret->delegation))
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu was revoked",
                       (unsigned long long)ret_delegation->number);
    return AN_OK;
}

an_err an_trust_plan(const an_session *s, const an_msg_plan *m, const an_plan *plan, an_note *why)
{
    const an_hash *version = an_payload_judges(plan->kind) ? &plan->candidate : &plan->base;
    return an_candidate_signed(m->candidate, plan->model, version, s->conf.coordinator_key, why);
}

an_err an_trust_fresh(const an_session *s, const an_release *r, const an_delegation *d, an_note *why)
{
    const int64_t now = s->conf.clock->wall_ms(s->conf.clock);
    if (r->use && now >= d->expires_ms)
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu has expired", (unsigned long long)d->number);
    if (now >= r->expires_ms)
        return an_fail(AN_ERR_REFUSED, why,
                       "release %llu has expired; this site may be kept from newer versions",
                       (unsigned long long)r->counter);
    return AN_OK;
}

an_err an_trust_target(const an_session *s, const an_line_state *line, an_note *why)
{
    if (line->target_use > 0 && is_revoked(s, &line->target_delegation))
        return an_fail(AN_ERR_REFUSED, why, "delegation %llu was revoked",
                       (unsigned long long)line->target_grant.number);
    if (s->conf.clock->wall_ms(s->conf.clock) >= line->target_expires_ms)
        return an_fail(AN_ERR_REFUSED, why, "release %llu has expired before it was followed",
                       (unsigned long long)line->target_counter);
    return AN_OK;
}

static an_err read_version(an_session *s, const an_hash *version, uint64_t size, an_bundle *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_hash found;
    if (!an_session_want(s, version, size))
        return AN_ERR_AGAIN;
    an_err err = an_versions_path(s->versions, version, path);
    if (err == AN_OK)
        err = an_bundle_read(ret, &found, path, why);
    if (err == AN_OK && !an_hash_equal(&found, version)) {
        an_bundle_done(ret);
        err = an_fail(AN_ERR_PROTO, why, "the version's file is damaged");
    }
    return err;
}

static an_err check_form(const an_bundle *b, const an_line_state *line, const an_delegation *d, an_note *why)
{
    an_bundle_form form;
    if (strcmp(b->model, line->conf->model) != 0)
        return an_fail(AN_ERR_REFUSED, why, "the version is one of %s, not of %s", b->model,
                       line->conf->model);
    an_err err = an_bundle_form_of(b, &form);
    return err == AN_OK ? an_delegation_form(d, &form.architecture, &form.preprocessing, &form.schema, why)
                        : err;
}

/* Up from the version, parent by parent, to the ancestor or to one that was found to come from it. */
an_err an_trust_version(an_session *s, an_line_state *line, an_note *why)
{
    const an_delegation *d = &line->target_grant;
    an_hash at = line->target;
    an_err fresh = an_trust_target(s, line, why);
    if (fresh != AN_OK || line->target_use == 0)
        return fresh;
    for (size_t i = 0; i < LINEAGE_MAX; i++) {
        an_bundle b = {.arch = NULL};
        const bool last = an_hash_equal(&at, &d->ancestor) ||
                          (line->proven_number == d->number && an_hash_equal(&at, &line->proven));
        if (last && i > 0)
            break;
        an_err err = read_version(s, &at, i == 0 ? line->target_size : 0, &b, why);
        if (err == AN_OK && i == 0)
            err = check_form(&b, line, d, why);
        if (err == AN_OK)
            at = b.parent;
        an_bundle_done(&b);
        if (err != AN_OK || last)
            return err;
        if (an_hash_is_zero(&at) || i + 1 == LINEAGE_MAX)
            return an_fail(AN_ERR_REFUSED, why,
                           "the version does not come from the ancestor that delegation %llu "
                           "names",
                           (unsigned long long)d->number);
    }
    line->proven = line->target;
    line->proven_number = d->number;
    return AN_OK;
}

/* ---- candidates ---- */

/* Known to train with and to judge; nothing more follows from it. */
an_err an_trust_candidate(const an_session *s, const an_msg_version *v, an_note *why)
{
    an_signed statement;
    an_candidate c;
    an_err err =
        an_signed_set(&statement, v->statement.data, v->statement.len, v->signatures, v->n_signatures, why);
    if (err == AN_OK)
        err = an_candidate_check(&statement, s->conf.coordinator_key, &c, why);
    if (err == AN_OK && (strcmp(c.model, v->model) != 0 || !an_hash_equal(&c.version, &v->version)))
        err = an_fail(AN_ERR_PROTO, why, "the message says other than its candidate statement");
    return err;
}

/* ---- the freeze check of what runs ---- */

bool an_trust_is_stale(const an_session *s, const an_line_state *line)
{
    return line->expires_ms > 0 && !an_hash_is_zero(&line->version) &&
           s->conf.clock->wall_ms(s->conf.clock) >= line->expires_ms;
}

/* What runs goes on: a frozen site is better off with an old version than with none (TUF, 5.3.10). */
void an_trust_stale(an_session *s)
{
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        char what[160];
        if (line->stale_said || !an_trust_is_stale(s, line))
            continue;
        line->stale_said = true;
        snprintf(what, sizeof what, "release %llu has expired: this site may be kept from newer versions",
                 (unsigned long long)line->counter);
        an_log(AN_LOG_WARN, "release_expired", "line=%s release=%llu", line->conf->line,
               (unsigned long long)line->counter);
        an_trust_journal(s, line, what);
        an_follow_report(s, line, &line->version, &line->overlay, AN_VERSION_RUNNING, what);
    }
}

bool an_session_stale(const an_session *s, const char *name, int64_t *ret_since_ms)
{
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        const an_line_state *line = &s->lines[i];
        if (strcmp(line->conf->line, name) != 0 || !an_trust_is_stale(s, line))
            continue;
        *ret_since_ms = line->expires_ms;
        return true;
    }
    return false;
}

an_root an_session_root(const an_session *s)
{
    return s->root;
}
