/* Release statements, delegations, revocations, candidates: one form each, one purpose for each signature,
 * and nothing beyond what the root has allowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "trust/release.h"

#define NOW INT64_C(1795282800000)
#define DAY INT64_C(86400000)

typedef struct pair {
    uint8_t public_key[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
} pair;

typedef struct ground {
    pair root_key, online, other;
    an_root root;
    an_release_ground g;
    an_delegation d;
    an_release r;
} ground;

static ground made;

static void fill(an_hash *h, uint8_t with)
{
    memset(h->b, with, sizeof h->b);
}

static ground *make(void)
{
    ground *t = &made;
    memset(t, 0, sizeof *t);
    an_sign_keypair(t->root_key.public_key, t->root_key.secret);
    an_sign_keypair(t->online.public_key, t->online.secret);
    an_sign_keypair(t->other.public_key, t->other.secret);
    memcpy(t->root.key, t->root_key.public_key, sizeof t->root.key);
    t->g = (an_release_ground){.root = &t->root, .online = t->online.public_key, .site = "plant-b"};
    t->d = (an_delegation){
        .number = 3, .models = "pump-*", .count = 5, .issued_ms = NOW, .expires_ms = NOW + DAY};
    memcpy(t->d.online, t->online.public_key, sizeof t->d.online);
    fill(&t->d.ancestor, 1);
    fill(&t->d.architecture, 2);
    fill(&t->d.preprocessing, 3);
    fill(&t->d.schema, 4);
    t->r = (an_release){
        .model = "pump-a", .sites = "*", .counter = 7, .issued_ms = NOW, .expires_ms = NOW + 9 * DAY};
    fill(&t->r.version, 5);
    return t;
}

static void sign(an_signed *ret, an_buf *text, const char *context, const pair *by)
{
    assert_int_equal(an_signed_set(ret, text->data, text->len, NULL, 0, NULL), AN_OK);
    assert_int_equal(an_signed_add(ret, context, by->public_key, by->secret), AN_OK);
    an_buf_done(text);
}

static void sign_release(an_signed *ret, const an_release *r, const char *context, const pair *by)
{
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_release_text(r, &text), AN_OK);
    sign(ret, &text, context, by);
}

static void sign_delegation(an_signed *ret, const an_delegation *d, const char *context, const pair *by)
{
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_delegation_text(d, &text), AN_OK);
    sign(ret, &text, context, by);
}

/* A delegated release of t->r under t->d, as an honest coordinator makes it. */
static void delegated(ground *t, an_signed *release, an_signed *delegation, uint64_t use)
{
    sign_delegation(delegation, &t->d, AN_DELEGATION_CONTEXT, &t->root_key);
    an_statement_hash(&t->r.delegation, delegation);
    t->r.use = use;
    sign_release(release, &t->r, AN_RELEASE_CONTEXT, &t->online);
}

static void judge(const ground *t, const an_signed *release, const an_signed *delegation, an_err want,
                  const char *said)
{
    an_release r;
    an_delegation d;
    an_note why = {{0}};
    assert_int_equal(an_release_judge(release, delegation, &t->g, &r, &d, &why), want);
    if (said && !strstr(why.text, said))
        fail_msg("said \"%s\", not \"%s\"", why.text, said);
}

/* ---- who signs ---- */

static void the_root_signs_and_nobody_else(void **state)
{
    (void)state;
    ground *t = make();
    an_signed s;
    sign_release(&s, &t->r, AN_RELEASE_CONTEXT, &t->root_key);
    judge(t, &s, NULL, AN_OK, NULL);
    sign_release(&s, &t->r, AN_RELEASE_CONTEXT, &t->online);
    judge(t, &s, NULL, AN_ERR_AUTH, "not signed by the release root");
    sign_release(&s, &t->r, AN_RELEASE_CONTEXT, &t->other);
    judge(t, &s, NULL, AN_ERR_AUTH, "not signed by the release root");
    s.n_signatures = 0;
    judge(t, &s, NULL, AN_ERR_AUTH, "not signed by the release root");
    sign_release(&s, &t->r, AN_RELEASE_CONTEXT, &t->root_key);
    memcpy(s.signatures[0].key, t->other.public_key, sizeof s.signatures[0].key);
    judge(t, &s, NULL, AN_ERR_AUTH, "not signed by the release root");
}

static void a_signature_of_one_purpose_serves_no_other(void **state)
{
    (void)state;
    static const char *const contexts[] = {AN_DELEGATION_CONTEXT, AN_REVOCATION_CONTEXT, AN_CANDIDATE_CONTEXT,
                                           AN_ROOT_CONTEXT, "andon-roster-1"};
    ground *t = make();
    an_signed s;
    an_delegation d;
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
        sign_release(&s, &t->r, contexts[i], &t->root_key);
        judge(t, &s, NULL, AN_ERR_AUTH, NULL);
    }
    sign_delegation(&s, &t->d, AN_RELEASE_CONTEXT, &t->root_key);
    assert_int_equal(an_delegation_check(&s, &t->root, &d, NULL), AN_ERR_AUTH);
    judge(t, &s, NULL, AN_ERR_PROTO, "not a release statement");
}

static void a_release_is_for_the_sites_that_it_names(void **state)
{
    (void)state;
    ground *t = make();
    an_signed s;
    snprintf(t->r.sites, sizeof t->r.sites, "plant-a,plant-b,plant-c");
    sign_release(&s, &t->r, AN_RELEASE_CONTEXT, &t->root_key);
    judge(t, &s, NULL, AN_OK, NULL);
    t->g.site = "plant";
    judge(t, &s, NULL, AN_ERR_REFUSED, "for other sites");
    t->g.site = "plant-d";
    judge(t, &s, NULL, AN_ERR_REFUSED, "for other sites");
    t->g.site = NULL;
    judge(t, &s, NULL, AN_OK, NULL);
}

/* ---- delegations ---- */

static void the_online_key_signs_within_its_delegation(void **state)
{
    (void)state;
    ground *t = make();
    an_signed s, d;
    an_release r;
    an_delegation got;
    delegated(t, &s, &d, 5);
    assert_int_equal(an_release_judge(&s, &d, &t->g, &r, &got, NULL), AN_OK);
    assert_int_equal(got.number, 3);
    assert_true(an_release_expiry(&r, &got) == NOW + DAY);
    got.expires_ms = NOW + 100 * DAY;
    assert_true(an_release_expiry(&r, &got) == NOW + 9 * DAY);
}

static void beyond_its_delegation_nothing_is_signed(void **state)
{
    (void)state;
    ground *t = make();
    an_signed s, d, other;
    delegated(t, &s, &d, 6);
    judge(t, &s, &d, AN_ERR_REFUSED, "allows 5 statements, this is number 6");
    snprintf(t->r.model, sizeof t->r.model, "press");
    delegated(t, &s, &d, 1);
    judge(t, &s, &d, AN_ERR_REFUSED, "covers pump-*, not model press");
    t = make();
    delegated(t, &s, &d, 1);
    judge(t, &s, NULL, AN_ERR_AUTH, "did not come with it");
    t->d.count = 1000;
    sign_delegation(&other, &t->d, AN_DELEGATION_CONTEXT, &t->root_key);
    judge(t, &s, &other, AN_ERR_AUTH, "another delegation");
    sign_delegation(&other, &t->d, AN_DELEGATION_CONTEXT, &t->online);
    an_statement_hash(&t->r.delegation, &other);
    sign_release(&s, &t->r, AN_RELEASE_CONTEXT, &t->online);
    judge(t, &s, &other, AN_ERR_AUTH, "the delegation is not signed by the release root");
    t = make();
    delegated(t, &s, &d, 1);
    sign_release(&s, &t->r, AN_RELEASE_CONTEXT, &t->other);
    judge(t, &s, &d, AN_ERR_AUTH, "not signed by the key of its delegation");
    memcpy(t->d.online, t->other.public_key, sizeof t->d.online);
    delegated(t, &s, &d, 1);
    sign_release(&s, &t->r, AN_RELEASE_CONTEXT, &t->other);
    judge(t, &s, &d, AN_ERR_REFUSED, "another online key");
}

static void uses_and_delegations_only_rise(void **state)
{
    (void)state;
    ground *t = make();
    t->r.use = 4;
    assert_int_equal(an_delegation_next(&t->d, &t->r, 0, 0, NULL), AN_OK);
    assert_int_equal(an_delegation_next(&t->d, &t->r, 3, 3, NULL), AN_OK);
    assert_int_equal(an_delegation_next(&t->d, &t->r, 3, 4, NULL), AN_ERR_REFUSED);
    assert_int_equal(an_delegation_next(&t->d, &t->r, 3, 5, NULL), AN_ERR_REFUSED);
    assert_int_equal(an_delegation_next(&t->d, &t->r, 4, 1, NULL), AN_ERR_REFUSED);
    assert_int_equal(an_delegation_next(&t->d, &t->r, 2, 5, NULL), AN_OK);
}

static void a_form_that_differs_is_named(void **state)
{
    (void)state;
    ground *t = make();
    const an_delegation *d = &t->d;
    an_hash bad;
    an_note why = {{0}};
    fill(&bad, 9);
    assert_int_equal(an_delegation_form(d, &d->architecture, &d->preprocessing, &d->schema, &why), AN_OK);
    assert_int_equal(an_delegation_form(d, &bad, &d->preprocessing, &d->schema, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "another architecture"));
    assert_int_equal(an_delegation_form(d, &d->architecture, &bad, &d->schema, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "another preprocessing"));
    assert_int_equal(an_delegation_form(d, &d->architecture, &d->preprocessing, &bad, &why), AN_ERR_REFUSED);
    assert_non_null(strstr(why.text, "another schema"));
}

static void families_are_beginnings_of_names(void **state)
{
    (void)state;
    ground *t = make();
    static const struct {
        const char *models, *model;
        bool covers;
    } rows[] = {{"pump", "pump", true},    {"pump", "pump-a", false}, {"pump-*", "pump-a", true},
                {"pump-*", "pump", false}, {"*", "anything", true},   {"pump*", "pump", true},
                {"pump-a", "pump", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(t->d.models, sizeof t->d.models, "%s", rows[i].models);
        assert_int_equal(an_delegation_covers_model(&t->d, rows[i].model), rows[i].covers);
    }
}

/* ---- the texts ---- */

typedef an_err parser(const void *text, size_t len, void *ret, an_note *why);

static an_err parse_release(const void *text, size_t len, void *ret, an_note *why)
{
    return an_release_parse(text, len, ret, why);
}
static an_err parse_delegation(const void *text, size_t len, void *ret, an_note *why)
{
    return an_delegation_parse(text, len, ret, why);
}
static an_err parse_revocation(const void *text, size_t len, void *ret, an_note *why)
{
    return an_revocation_parse(text, len, ret, why);
}
static an_err parse_candidate(const void *text, size_t len, void *ret, an_note *why)
{
    return an_candidate_parse(text, len, ret, why);
}

typedef union any {
    an_release release;
    an_delegation delegation;
    an_revocation revocation;
    an_candidate candidate;
} any;

static void write_all(const ground *t, an_buf text[static 4])
{
    const an_revocation revocation = {.delegation = t->r.version, .expires_ms = NOW, .issued_ms = NOW};
    an_candidate candidate = {.version = t->r.version};
    snprintf(candidate.model, sizeof candidate.model, "pump");
    for (size_t i = 0; i < 4; i++)
        an_buf_init(&text[i], AN_TRUST_TEXT_MAX);
    assert_int_equal(an_release_text(&t->r, &text[0]), AN_OK);
    assert_int_equal(an_delegation_text(&t->d, &text[1]), AN_OK);
    assert_int_equal(an_revocation_text(&revocation, &text[2]), AN_OK);
    assert_int_equal(an_candidate_text(&candidate, &text[3]), AN_OK);
}

static parser *const parsers[4] = {parse_release, parse_delegation, parse_revocation, parse_candidate};

static void every_text_has_one_form(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, '\n', ' ', 0xff, 'A', '-', '\r', '\t'};
    any out;
    an_buf text[4];
    write_all(make(), text);
    for (size_t k = 0; k < 4; k++) {
        an_buf *b = &text[k];
        assert_int_equal(parsers[k](b->data, b->len, &out, NULL), AN_OK);
        for (size_t other = 0; other < 4; other++)
            if (other != k)
                assert_int_equal(parsers[other](b->data, b->len, &out, NULL), AN_ERR_PROTO);
        for (size_t len = 0; len < b->len; len++)
            assert_int_equal(parsers[k](b->data, len, &out, NULL), AN_ERR_PROTO);
        for (size_t i = 0; i < b->len; i++) {
            const uint8_t was = b->data[i];
            for (size_t j = 0; j < sizeof bytes; j++) {
                b->data[i] = bytes[j];
                /* A name may change into another name; all else is a damaged text. */
                if (bytes[j] != was && bytes[j] != 'A' && bytes[j] != '-')
                    assert_int_equal(parsers[k](b->data, b->len, &out, NULL), AN_ERR_PROTO);
            }
            b->data[i] = was;
        }
        an_buf_u8(b, '\n');
        assert_int_equal(parsers[k](b->data, b->len, &out, NULL), AN_ERR_PROTO);
        an_buf_done(b);
    }
}

static void values_out_of_bounds_are_refused(void **state)
{
    (void)state;
    ground *t = make();
    an_buf b;
    any out;
    an_release bad[8];
    an_delegation wrong[7];
    for (size_t i = 0; i < 8; i++)
        bad[i] = t->r;
    bad[0].counter = 0;
    memset(&bad[1].version, 0, sizeof bad[1].version);
    bad[2].expires_ms = bad[2].issued_ms;
    bad[3].use = 1;              /* without a delegation */
    fill(&bad[4].delegation, 1); /* without a use */
    snprintf(bad[5].sites, sizeof bad[5].sites, "plant-a,,plant-b");
    snprintf(bad[6].sites, sizeof bad[6].sites, "plant-a,");
    snprintf(bad[7].model, sizeof bad[7].model, "../pump");
    for (size_t i = 0; i < 8; i++) {
        an_buf_init(&b, AN_TRUST_TEXT_MAX);
        assert_int_equal(an_release_text(&bad[i], &b), AN_OK);
        assert_int_equal(an_release_parse(b.data, b.len, &out.release, NULL), AN_ERR_PROTO);
        an_buf_done(&b);
    }
    for (size_t i = 0; i < 7; i++)
        wrong[i] = t->d;
    wrong[0].number = 0;
    wrong[1].count = 0;
    wrong[2].count = AN_DELEGATION_COUNT_MAX + 1;
    wrong[3].expires_ms = wrong[3].issued_ms - 1;
    snprintf(wrong[4].models, sizeof wrong[4].models, "pu*mp");
    snprintf(wrong[5].models, sizeof wrong[5].models, "**");
    memset(&wrong[6].ancestor, 0, sizeof wrong[6].ancestor);
    for (size_t i = 0; i < 7; i++) {
        an_buf_init(&b, AN_TRUST_TEXT_MAX);
        assert_int_equal(an_delegation_text(&wrong[i], &b), AN_OK);
        assert_int_equal(an_delegation_parse(b.data, b.len, &out.delegation, NULL), AN_ERR_PROTO);
        an_buf_done(&b);
    }
}

static void candidates_and_revocations_are_signed_by_their_key_alone(void **state)
{
    (void)state;
    ground *t = make();
    an_candidate c;
    an_revocation r;
    an_buf text[4];
    an_signed s;
    write_all(t, text);
    sign(&s, &text[3], AN_CANDIDATE_CONTEXT, &t->online);
    assert_int_equal(an_candidate_check(&s, t->online.public_key, &c, NULL), AN_OK);
    assert_int_equal(an_candidate_check(&s, t->root_key.public_key, &c, NULL), AN_ERR_AUTH);
    sign(&s, &text[2], AN_REVOCATION_CONTEXT, &t->root_key);
    assert_int_equal(an_revocation_check(&s, &t->root, &r, NULL), AN_OK);
    memcpy(t->root.key, t->online.public_key, sizeof t->root.key);
    assert_int_equal(an_revocation_check(&s, &t->root, &r, NULL), AN_ERR_AUTH);
    an_buf_done(&text[0]);
    an_buf_done(&text[1]);
}

static void judging_survives_every_failed_allocation(void **state)
{
    (void)state;
    ground *t = make();
    an_signed s, d;
    an_release r;
    an_delegation got;
    delegated(t, &s, &d, 1);
    an_err err = AN_ERR_NOMEM;
    size_t n = 0;
    for (; err != AN_OK; n++) {
        assert_true(n < 50);
        an_mem_fail_after(n);
        err = an_release_judge(&s, &d, &t->g, &r, &got, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), 0);
    }
    assert_true(n > 1);
}

static void too_long_a_statement_is_no_statement(void **state)
{
    (void)state;
    static const uint8_t bytes[AN_TRUST_TEXT_MAX + 1];
    an_msg_signature signatures[3] = {{.key = {1}}};
    an_signed s;
    assert_int_equal(an_signed_set(&s, bytes, sizeof bytes, NULL, 0, NULL), AN_ERR_LIMIT);
    assert_int_equal(an_signed_set(&s, bytes, 1, signatures, 3, NULL), AN_ERR_LIMIT);
    assert_int_equal(an_signed_set(&s, bytes, sizeof bytes - 1, signatures, 2, NULL), AN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_signs_and_nobody_else),
        cmocka_unit_test(a_signature_of_one_purpose_serves_no_other),
        cmocka_unit_test(a_release_is_for_the_sites_that_it_names),
        cmocka_unit_test(the_online_key_signs_within_its_delegation),
        cmocka_unit_test(beyond_its_delegation_nothing_is_signed),
        cmocka_unit_test(uses_and_delegations_only_rise),
        cmocka_unit_test(a_form_that_differs_is_named),
        cmocka_unit_test(families_are_beginnings_of_names),
        cmocka_unit_test(every_text_has_one_form),
        cmocka_unit_test(values_out_of_bounds_are_refused),
        cmocka_unit_test(candidates_and_revocations_are_signed_by_their_key_alone),
        cmocka_unit_test(judging_survives_every_failed_allocation),
        cmocka_unit_test(too_long_a_statement_is_no_statement),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
