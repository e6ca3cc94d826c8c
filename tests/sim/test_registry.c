/* What the central team can know afterwards: who reported what under which countersign. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/audit.h"
#include "coordinator/store/store_internal.h"
#include "doors/crypto.h"
#include "tests/support/objects.h"
#include "tests/support/releases.h"
#include "trust/parcel.h"

static int online_setup(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 3});
    return 0;
}

static int offline_setup(void **state)
{
    an_federation_setup_kind(state, &(an_federation_kind){.sites = 3, .offline = true});
    return 0;
}

#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, an_federation_teardown)

/* ---- countersigned reports ---- */

static an_msg report_of(const site *s, uint64_t id)
{
    an_msg m = {.type = AN_MSG_VERSION_REPORT, .msg_id = id};
    an_msg_version_report *r = &m.u.version_report;
    snprintf(r->model, sizeof r->model, "pump");
    snprintf(r->line, sizeof r->line, "%s", s->line.line);
    memset(r->version.b, 7, sizeof r->version.b);
    r->state = AN_VERSION_RUNNING;
    r->at_ms = now(s->w);
    return m;
}

static void countersign(an_msg *m, const char *name, const uint8_t *secret)
{
    uint8_t statement[AN_REPORT_STATEMENT_BYTES];
    an_report_statement(statement, name, &m->u.version_report);
    an_sign(m->u.version_report.signature, AN_REPORT_CONTEXT, statement, sizeof statement, secret);
}

static an_err say(world *w, const site *s, an_msg *m)
{
    m->epoch = an_hub_live_find(w->hub, s->name)->epoch;
    return an_hub_message(w->hub, s->name, m, NULL);
}

static void a_report_whose_countersign_does_not_hold_is_not_taken(void **state)
{
    world *w = *state;
    connect_all(w);
    const site *s = &w->sites[0], *other = &w->sites[1];
    const uint64_t before = an_hub_state(w->hub)->last_seq;
    an_msg m = report_of(s, 1000);
    assert_int_equal(say(w, s, &m), AN_ERR_AUTH); /* none at all */
    countersign(&m, s->name, other->sign_secret);
    assert_int_equal(say(w, s, &m), AN_ERR_AUTH);
    countersign(&m, other->name, s->sign_secret);
    assert_int_equal(say(w, s, &m), AN_ERR_AUTH);
    for (int spoil = 0; spoil < 7; spoil++) {
        m = report_of(s, 1000);
        countersign(&m, s->name, s->sign_secret);
        an_msg_version_report *r = &m.u.version_report;
        r->version.b[3] ^= spoil == 0;
        r->overlay.b[3] ^= spoil == 1;
        r->state = spoil == 2 ? AN_VERSION_REFUSED : r->state;
        r->at_ms += spoil == 3;
        r->line[0] = spoil == 4 ? 'x' : r->line[0];
        r->model[0] = spoil == 5 ? 'x' : r->model[0];
        r->reason[0] = spoil == 6 ? 'x' : r->reason[0];
        assert_int_equal(say(w, s, &m), AN_ERR_AUTH);
    }
    assert_int_equal(an_hub_state(w->hub)->last_seq, before);
    m = report_of(s, 1000);
    countersign(&m, s->name, s->sign_secret);
    assert_int_equal(say(w, s, &m), AN_OK);
    assert_int_equal(say(w, s, &m), AN_OK); /* said again: it counts once */
    assert_int_equal(an_hub_state(w->hub)->last_seq, before + 1);
}

/* ---- the audit ---- */

/* A journal as somebody has it who may write all of it: every record with its own chain. */
typedef struct forger {
    an_audit *audit;
    an_hash chain;
    const char *kind; /* the first of this kind is spoilt; NULL: none */
    const char *from, *to;
    bool done, keep_chain; /* the spoilt record keeps the chain that it had */
    an_buf lines;
} forger;

static void spoil(const char *body, size_t len, const forger *f, an_buf *out)
{
    const char *at = strstr(body, f->from);
    assert_non_null(at);
    an_buf_put(out, body, (size_t)(at - body));
    an_buf_put(out, f->to, strlen(f->to));
    an_buf_put(out, at + strlen(f->from), len - (size_t)(at - body) - strlen(f->from));
    an_buf_u8(out, 0);
}

static an_err forge(void *ctx, const an_record *record, an_note *why)
{
    forger *f = ctx;
    an_record r = *record;
    an_buf body;
    an_buf_init(&body, AN_RECORD_BODY_MAX);
    if (f->kind && !f->done && strcmp(r.kind, f->kind) == 0 && strstr(r.body, f->from)) {
        spoil(r.body, r.body_len, f, &body);
        r.body = body.data;
        r.body_len = body.len - 1;
        f->done = true;
    }
    if (!(f->done && f->keep_chain))
        an_record_chain(&r.chain, &f->chain, &r);
    f->chain = r.chain;
    assert_int_equal(an_audit_line(&r, false, &f->lines), AN_OK);
    an_err err = an_audit_record(f->audit, &r, why);
    an_buf_done(&body);
    return err;
}

static an_err audit(world *w, forger *f, an_audit_counts *ret, an_note *why)
{
    assert_int_equal(an_audit_new(&f->audit), AN_OK);
    an_buf_init(&f->lines, (size_t)64 << 20);
    an_err err = an_store_scan(w->store, NULL, forge, f, why);
    *ret = *an_audit_look(f->audit);
    an_audit_free(f->audit);
    return err;
}

/* Releases of the root and of the online key, a rotation, reports of three sites. */
static void make_history(world *w)
{
    an_delegation d;
    an_signed signed_d, link;
    pair next;
    first_release(w);
    delegate(w, 5, 30 * DAY, &d, &signed_d);
    const an_hash version = production(w);
    assert_int_equal(an_hub_promote(w->hub, "user/admin", "pump", &version, "again", NULL), AN_OK);
    settle(w);
    an_sign_keypair(next.public_key, next.secret);
    rotate(w, &next, &link);
    sign_all(w);
    pass(w, 20000);
}

static void a_journal_is_checked_with_all_its_signatures(void **state)
{
    world *w = *state;
    make_history(w);
    forger f = {.kind = NULL};
    an_audit_counts n;
    an_note why = {{0}};
    if (audit(w, &f, &n, &why) != AN_OK)
        fail_msg("%s", why.text);
    uint64_t seq;
    an_hash head;
    assert_int_equal(an_store_head_get(w->store, &seq, &head, NULL), AN_OK);
    assert_true(n.records == seq && an_hash_equal(&n.chain, &head));
    assert_true(n.reports >= 6 && n.reports_plain == 0);
    assert_true(n.releases == 3 && n.delegations == 1 && n.rotations == 1);
    an_buf_done(&f.lines);
}

/* Whoever has the coordinator can write every record and every hash, but no key of a site or of the root. */
static void what_only_a_site_or_the_root_can_sign_is_missed_in_a_journal_that_is_written_anew(void **state)
{
    static const struct {
        const char *kind, *from, *to;
        an_err want;
    } cases[] = {
        {"site.report", "\"state\":\"running\"", "\"state\":\"refused\"", AN_ERR_AUTH},
        {"site.report", "\"line\":\"", "\"line\":\"x", AN_ERR_AUTH},
        {"site.report", "\"at_ms\":1", "\"at_ms\":2", AN_ERR_AUTH},
        {"release.signed", "counter 1\\n", "counter 9\\n", AN_ERR_AUTH},
        {"release.signed", "\"counter\":1", "\"counter\":2", AN_ERR_PROTO},
        {"delegation.signed", "count 5\\n", "count 9\\n", AN_ERR_AUTH},
        {"root.rotated", "number 1\\n", "number 2\\n", AN_ERR_PROTO},
        {"site.requested", "\"sign_key\":\"", "\"sign_key\":\"00\",\"x\":\"", AN_ERR_PROTO},
    };
    world *w = *state;
    make_history(w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        forger f = {.kind = cases[i].kind, .from = cases[i].from, .to = cases[i].to};
        an_audit_counts n;
        an_note why = {{0}};
        an_err err = audit(w, &f, &n, &why);
        if (err != cases[i].want)
            fail_msg("%s %s: %s (%s)", cases[i].kind, cases[i].from, an_err_name(err), why.text);
        assert_true(f.done);
        assert_non_null(strstr(why.text, cases[i].kind));
        an_buf_done(&f.lines);
    }
    forger f = {.kind = "model.created", .from = "blank", .to = "blink", .keep_chain = true};
    an_audit_counts n;
    assert_int_equal(audit(w, &f, &n, NULL), AN_ERR_PROTO); /* the chain alone */
    an_buf_done(&f.lines);
}

static an_err take_all(const an_buf *lines, size_t skip, an_audit_counts *ret, an_note *why)
{
    an_audit *a = NULL;
    an_err err = an_audit_new(&a);
    const char *at = (const char *)lines->data, *end = at + lines->len;
    for (size_t i = 1; err == AN_OK && at < end; i++) {
        const size_t len = strcspn(at, "\n");
        if (i != skip)
            err = an_audit_take(a, at, len, why);
        at += len + 1;
    }
    *ret = *an_audit_look(a);
    an_audit_free(a);
    return err;
}

static void an_export_is_checked_without_the_coordinator(void **state)
{
    world *w = *state;
    make_history(w);
    forger f = {.kind = NULL};
    an_audit_counts n, again;
    an_note why = {{0}};
    assert_int_equal(audit(w, &f, &n, &why), AN_OK);
    an_buf_u8(&f.lines, 0);
    f.lines.len--;
    if (take_all(&f.lines, 0, &again, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_memory_equal(&n, &again, sizeof n);
    assert_int_equal(take_all(&f.lines, 5, &again, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "record 5 is missing"));
    an_buf_done(&f.lines);
}

/* Takes the record as a line of an export, with its place in a chain that is written anew. */
static an_err take_next(an_audit *a, an_record r, bool withheld, an_note *why)
{
    an_buf line;
    const an_audit_counts *n = an_audit_look(a);
    r.seq = n->records + 1;
    an_record_chain(&r.chain, &n->chain, &r);
    an_buf_init(&line, AN_AUDIT_LINE_MAX);
    assert_int_equal(an_audit_line(&r, withheld, &line), AN_OK);
    an_buf_u8(&line, 0);
    if (withheld)
        assert_null(strstr((const char *)line.data, "a secret"));
    an_err err = an_audit_take(a, (const char *)line.data, line.len - 2, why);
    an_buf_done(&line);
    return err;
}

static void only_a_token_may_be_without_its_body(void **state)
{
    (void)state;
    an_audit *a = NULL;
    an_note why = {{0}};
    const an_record token = {
        .kind = "site.token", .subject = "ab", .actor = "user/admin", .body = "a secret", .body_len = 8};
    const an_record moved = {.kind = "alias.moved", .subject = "pump", .actor = "user/admin"};
    assert_int_equal(an_audit_new(&a), AN_OK);
    assert_int_equal(take_next(a, token, true, &why), AN_OK);
    assert_int_equal(an_audit_look(a)->withheld, 1);
    assert_int_equal(take_next(a, moved, true, &why), AN_ERR_PROTO);
    static const char *const rubbish[] = {"", "{}", "[]", "{\"seq\":2}", "x"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(an_audit_take(a, rubbish[i], strlen(rubbish[i]), NULL), AN_ERR_PROTO);
    an_audit_free(a);
}

static void behind_a_record_without_its_body_a_forged_chain_is_not_the_true_one(void **state)
{
    (void)state;
    an_audit *a = NULL;
    an_note why = {{0}};
    an_hash zero = {{0}}, chain;
    an_buf line;
    an_record first = {.seq = 1,
                       .kind = "model.created",
                       .subject = "pump",
                       .actor = "user/admin",
                       .body = "{}",
                       .body_len = 2};
    an_record token = {.seq = 2,
                       .kind = "site.token",
                       .subject = "ab",
                       .actor = "user/admin",
                       .body = "a secret",
                       .body_len = 8};
    an_record_chain(&chain, &zero, &first);
    an_record_chain(&token.chain, &chain, &token);
    assert_int_equal(an_audit_new(&a), AN_OK);
    first.actor = "user/other";
    assert_int_equal(take_next(a, first, false, &why), AN_OK);
    an_buf_init(&line, AN_AUDIT_LINE_MAX);
    assert_int_equal(an_audit_line(&token, true, &line), AN_OK);
    assert_int_equal(an_audit_take(a, (const char *)line.data, line.len - 1, &why), AN_ERR_PROTO);
    assert_non_null(strstr(why.text, "it is not what was written"));
    an_buf_done(&line);
    an_audit_free(a);
}

/* A journal whose last delegated release comes once more at its end. */
typedef struct repeat {
    an_audit *audit;
    an_record record; /* kind NULL: none yet */
    char body[4 * AN_TRUST_TEXT_MAX], subject[AN_NAME_MAX];
} repeat;

static an_err keep_delegated(void *ctx, const an_record *r, an_note *why)
{
    repeat *p = ctx;
    if (strcmp(r->kind, "release.signed") == 0 && strstr(r->body, "\"delegation\":1")) {
        assert_true(r->body_len < sizeof p->body);
        p->record = *r;
        memcpy(p->body, r->body, r->body_len + 1);
        snprintf(p->subject, sizeof p->subject, "%s", r->subject);
        p->record.body = p->body;
        p->record.subject = p->subject;
        p->record.kind = "release.signed";
        p->record.actor = "coordinator";
        p->record.idem = NULL;
    }
    return an_audit_record(p->audit, r, why);
}

static an_err said_again(world *w, int64_t later_ms, an_note *why)
{
    repeat *p = an_alloc(1, sizeof *p);
    assert_int_equal(an_audit_new(&p->audit), AN_OK);
    if (an_store_scan(w->store, NULL, keep_delegated, p, why) != AN_OK)
        fail_msg("%s", why->text);
    assert_non_null(p->record.kind);
    p->record.time_ms += later_ms;
    an_err err = take_next(p->audit, p->record, false, why);
    an_audit_free(p->audit);
    an_free(p);
    return err;
}

static void a_delegation_that_has_ended_allows_no_release(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed signed_d, revoked;
    an_note why = {{0}};
    an_buf text;
    first_release(w);
    delegate(w, 5, 30 * DAY, &d, &signed_d);
    const an_hash version = production(w);
    assert_int_equal(an_hub_promote(w->hub, "user/admin", "pump", &version, "again", NULL), AN_OK);
    settle(w);
    assert_int_equal(said_again(w, 29 * DAY, &why), AN_OK);
    assert_int_equal(said_again(w, 31 * DAY, &why), AN_ERR_AUTH);
    assert_non_null(strstr(why.text, "expired"));
    an_revocation r = {.expires_ms = d.expires_ms, .issued_ms = now(w)};
    an_statement_hash(&r.delegation, &signed_d);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_revocation_text(&r, &text), AN_OK);
    seal(&revoked, &text, AN_REVOCATION_CONTEXT, w->root_public, w->root_secret);
    assert_int_equal(an_hub_delegation_revoke(w->hub, "user/admin", &revoked, NULL), AN_OK);
    assert_int_equal(said_again(w, 0, &why), AN_ERR_AUTH);
    assert_non_null(strstr(why.text, "revoked before"));
}

/* ---- bundles that nobody needs ---- */

static size_t n_bundles(world *w, bool *ret_all_there)
{
    size_t n = 0;
    const an_state *st = an_hub_state(w->hub);
    *ret_all_there = true;
    for (size_t i = 0; i < st->versions.n; i++) {
        const an_version *v = &st->versions.items[i];
        const bool there = an_test_store_has(w->store, &v->hash);
        n += there;
        *ret_all_there = *ret_all_there && there == !v->pruned;
    }
    return n;
}

static void bundles_go_when_nobody_needs_them_and_a_rollback_finds_its_own(void **state)
{
    static const char *const policy[][2] = {{"keep.versions", "1"}, {"keep.rounds", "0"}};
    world *w = *state;
    bool whole;
    connect_all(w);
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 2, NULL), AN_OK);
    an_hash first = {{0}};
    for (int i = 0; i < 3; i++) {
        const uint64_t id = campaign(w, i == 0 ? AN_CAMPAIGN_TRAINING : AN_CAMPAIGN_INCREMENTAL);
        for (int k = 0; k < 60 && !an_campaign_is_over(an_state_campaign(an_hub_state(w->hub), id)); k++)
            pass(w, 10000);
        if (i == 0)
            first = production(w);
    }
    const an_hash last = production(w);
    const size_t n = an_hub_state(w->hub)->versions.n;
    pass(w, 120000);
    const size_t left = n_bundles(w, &whole);
    assert_true(whole && left < n && left >= 3);
    assert_true(an_test_store_has(w->store, &last));
    const an_version *gone = NULL;
    for (size_t i = 0; i < n && !gone; i++)
        if (an_hub_state(w->hub)->versions.items[i].pruned)
            gone = &an_hub_state(w->hub)->versions.items[i];
    const an_hash hash = gone->hash;
    assert_int_equal(an_hub_promote(w->hub, "user/admin", "pump", &hash, "", NULL), AN_ERR_STATE);
    kill_hub(w);
    start_hub(w);
    connect_all(w);
    pass(w, 20000); /* the last removal may have been lost with the crash: it is made up for */
    assert_int_equal(n_bundles(w, &whole), left);
    assert_true(whole);
    if (!an_hash_equal(&first, &last)) { /* there is a former production */
        assert_int_equal(an_hub_rollback(w->hub, "user/admin", "pump", "test", NULL), AN_OK);
        pass(w, 30000);
        for (size_t i = 0; i < w->n; i++) {
            const an_hash now_runs = production(w);
            assert_true(an_hash_equal(&w->sites[i].runs, &now_runs));
        }
    }
}

/* ---- a release on a stick ---- */

typedef struct stick {
    an_buf head;
    char dir[AN_PATH_MAX];
    const char *site; /* or group; NULL: production is packed */
} stick;

/* As andon version export and andon-agent import bring it: the head, and bundles in files. */
static void take_along(world *w, stick *s)
{
    an_note why = {{0}};
    an_parcel *p = NULL;
    an_buf_init(&s->head, AN_PARCEL_HEAD_MAX);
    if (an_hub_parcel(w->hub, "pump", s->site ? s->site : "", "# A card\n", &s->head, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_parcel_decode(s->head.data, s->head.len, w->sign_public, &p, NULL), AN_OK);
    assert_int_equal(an_path_join(s->dir, w->dir, "stick"), AN_OK);
    assert_int_equal(an_dir_make(s->dir, NULL), AN_OK);
    for (size_t i = 0; i < p->n_bundles; i++) {
        char from[AN_PATH_MAX], to[AN_PATH_MAX], name[AN_HASH_TEXT];
        an_buf bytes;
        an_hash_text(name, &p->bundles[i].hash);
        an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
        assert_int_equal(an_store_object_path(w->store, &p->bundles[i].hash, from), AN_OK);
        assert_int_equal(an_file_read(&bytes, from, NULL), AN_OK);
        assert_int_equal(bytes.len, p->bundles[i].size);
        assert_int_equal(an_path_join(to, s->dir, name), AN_OK);
        assert_int_equal(an_file_write(to, bytes.data, bytes.len, 0644, NULL), AN_OK);
        an_buf_done(&bytes);
    }
    an_parcel_free(p);
}

static an_err bring(site *s, const stick *from, an_note *why)
{
    an_err err = an_session_import(s->session, from->head.data, from->head.len, from->dir, why);
    settle(s->w);
    return err;
}

/* A version that only the others have heard of, under a delegation: the site must see where it comes from. */
static void a_site_that_is_cut_off_follows_what_comes_on_a_stick(void **state)
{
    world *w = *state;
    an_delegation d;
    an_signed signed_d, link;
    pair next;
    stick old = {.dir = ""}, new = {.dir = ""};
    an_note why = {{0}};
    site *away = &w->sites[2];
    first_release(w);
    const an_hash first = production(w);
    take_along(w, &old);
    away->cut = true;
    an_session_lost(away->session);
    an_sign_keypair(next.public_key, next.secret);
    rotate(w, &next, &link);
    sign_all(w);
    delegate(w, 5, 30 * DAY, &d, &signed_d);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    for (int i = 0; i < 60 && !an_campaign_is_over(an_state_campaign(an_hub_state(w->hub), id)); i++)
        pass(w, 10000);
    an_hash second = production(w);
    if (an_hash_equal(&first,
                      &second)) { /* the blank one comes before the ancestor: make a child of production */
        const an_hash blank = an_state_model(an_hub_state(w->hub), "pump")->blank;
        assert_int_equal(an_hub_promote(w->hub, "user/admin", "pump", &blank, "test", &why), AN_OK);
        sign_all(w);
        second = production(w);
    }
    assert_true(an_hash_equal(&away->runs, &first));
    take_along(w, &new);
    if (bring(away, &new, &why) != AN_OK)
        fail_msg("%s", why.text);
    pass(w, 20000);
    assert_true(an_hash_equal(&away->runs, &second));
    assert_true(journal_says(away, "came as a file"));
    assert_int_equal(an_session_root(away->session).number, 1);
    assert_int_equal(bring(away, &new, &why), AN_ERR_EXISTS); /* again: nothing is to be done */
    const an_err err = bring(away, &old, &why);
    assert_true(err == AN_ERR_REFUSED || err == AN_ERR_AUTH); /* of the older root, with an older counter */
    assert_true(journal_says(away, "a file was refused"));
    assert_true(an_hash_equal(&away->runs, &second));
    an_buf_done(&old.head);
    an_buf_done(&new.head);
}

static void what_a_stick_may_not_bring_is_refused_with_a_reason(void **state)
{
    world *w = *state;
    stick s = {.dir = ""};
    an_note why = {{0}};
    first_release(w);
    take_along(w, &s);
    site *at = &w->sites[0];
    s.head.data[s.head.len - 1] ^= 1;
    assert_int_equal(bring(at, &s, &why), AN_ERR_AUTH);
    s.head.data[s.head.len - 1] ^= 1;
    assert_int_equal(an_session_import(at->session, s.head.data, 100, s.dir, &why), AN_ERR_PROTO);
    assert_int_equal(bring(at, &s, &why), AN_ERR_EXISTS);
    assert_non_null(strstr(why.text, "runs here already"));
    an_clock_fake_advance(&w->clock, 2 * YEAR);
    assert_int_equal(bring(at, &s, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "expired"));
    an_buf_done(&s.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(offline_setup, a_site_that_is_cut_off_follows_what_comes_on_a_stick),
        WITH(offline_setup, what_a_stick_may_not_bring_is_refused_with_a_reason),
        WITH(online_setup, bundles_go_when_nobody_needs_them_and_a_rollback_finds_its_own),
        WITH(offline_setup, a_journal_is_checked_with_all_its_signatures),
        WITH(offline_setup,
             what_only_a_site_or_the_root_can_sign_is_missed_in_a_journal_that_is_written_anew),
        WITH(offline_setup, an_export_is_checked_without_the_coordinator),
        cmocka_unit_test(only_a_token_may_be_without_its_body),
        cmocka_unit_test(behind_a_record_without_its_body_a_forged_chain_is_not_the_true_one),
        WITH(offline_setup, a_delegation_that_has_ended_allows_no_release),
        WITH(online_setup, a_report_whose_countersign_does_not_hold_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
