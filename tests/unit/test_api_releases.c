/* Releases over the API: what waits, what was signed elsewhere, malformed bodies, damaged records, and memory
 * that runs out at any point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/api/api.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "tests/support/folder.h"
#include "trust/release.h"

typedef struct pair {
    uint8_t public_key[AN_SIGN_PUBLIC_BYTES], secret[AN_SIGN_SECRET_BYTES];
} pair;

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_clock_fake clock;
    an_store *store;
    an_hub *hub;
    an_api *api;
    pair online, root, next;
} fixture;

static an_err send_nothing(void *ctx, const char *site, const an_msg *msg)
{
    (void)ctx, (void)site, (void)msg;
    return AN_ERR_NOTFOUND;
}
static void fetch_nothing(void *ctx, const char *site, uint64_t round, const an_hash *update, uint64_t size)
{
    (void)ctx, (void)site, (void)round, (void)update, (void)size;
}
static an_err combine_nothing(void *ctx, an_combine_job *job)
{
    (void)ctx, (void)job;
    return AN_OK;
}
static void admit_nothing(void *ctx, const an_site *site, bool admitted)
{
    (void)ctx, (void)site, (void)admitted;
}

static an_err open_hub(fixture *f, const uint8_t *root, an_note *why)
{
    const an_hub_conf hub = {.store = f->store,
                             .clock = &f->clock.clock,
                             .io = {NULL, send_nothing, fetch_nothing, combine_nothing, admit_nothing},
                             .sign_secret = f->online.secret,
                             .sign_public = f->online.public_key,
                             .root_public = root,
                             .lease_ms = 10000,
                             .instance = 7};
    return an_hub_new(&hub, &f->hub, why);
}

static void open_all(fixture *f, const uint8_t *root)
{
    char url[AN_PATH_MAX + 8];
    an_note why = {{0}};
    snprintf(url, sizeof url, "sqlite:%s", f->dir);
    assert_int_equal(an_store_open(&(an_store_place){.url = url}, &f->clock.clock, &f->store, &why), AN_OK);
    if (open_hub(f, root, &why) != AN_OK)
        fail_msg("%s", why.text);
    const an_api_conf api = {.hub = f->hub,
                             .clock = &f->clock.clock,
                             .link_public = f->online.public_key,
                             .control = "tcp://127.0.0.1:1",
                             .bulk = "tcp://127.0.0.1:2",
                             .enrol = "tcp://127.0.0.1:3",
                             .instance = 7};
    assert_int_equal(an_api_new(&api, &f->api), AN_OK);
}

static void close_all(fixture *f)
{
    an_api_free(f->api);
    an_hub_free(f->hub);
    an_store_close(f->store);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    an_clock_fake_init(&f->clock, 1795282800000);
    an_sign_keypair(f->online.public_key, f->online.secret);
    an_sign_keypair(f->root.public_key, f->root.secret);
    an_sign_keypair(f->next.public_key, f->next.secret);
    open_all(f, f->root.public_key);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    close_all(f);
    an_test_folder_remove(f->dir);
    an_free(f);
    return an_mem_live() == 0 ? 0 : -1;
}

/* AN_OK: *ret is an answer. */
static an_err ask(fixture *f, const char *method, const char *path, char *body, an_api_answer *ret)
{
    an_api_request req = {
        .actor = "user/admin", .who = an_who_admin(), .body = body, .body_len = strlen(body)};
    snprintf(req.method, sizeof req.method, "%s", method);
    snprintf(req.path, sizeof req.path, "/api/v1%s", path);
    *ret = (an_api_answer){0};
    return an_api_handle(f->api, &req, 0, ret);
}

static void expect(fixture *f, const char *method, const char *path, const char *body, unsigned status,
                   const char *says)
{
    char copy[8192];
    an_api_answer a;
    snprintf(copy, sizeof copy, "%s", body);
    assert_int_equal(ask(f, method, path, copy, &a), AN_OK);
    if (a.status != status || !strstr(a.body, says))
        fail_msg("%s %s: %u %s, not %u with %s", method, path, a.status, a.body, status, says);
    an_api_answer_done(&a);
}

/* ---- what is sent ---- */

#define MODEL                                                                                                \
    "{\"name\":\"pumps\",\"arch\":\"model: ae\\ninput: {features: input, window: 1}\\nlayers:\\n  - dense: " \
    "{units: 2}\\n  - relu\\n  - dense: {units: input, name: out}\\nloss: mse\\ntarget: input\\n\","         \
    "\"sensors\":[\"a\",\"b\"]}"

static void body_of(char out[static 8192], const an_signed *s)
{
    size_t at = (size_t)snprintf(out, 8192, "{\"statement\":\"");
    for (size_t i = 0; i < s->len; i++)
        at += (size_t)snprintf(out + at, 8192 - at, s->text[i] == '\n' ? "\\n" : "%c", s->text[i]);
    at += (size_t)snprintf(out + at, 8192 - at, "\",\"signatures\":[");
    for (size_t i = 0; i < s->n_signatures; i++) {
        char key[65], signature[129];
        an_hex(key, s->signatures[i].key, 32);
        an_hex(signature, s->signatures[i].signature, 64);
        at += (size_t)snprintf(out + at, 8192 - at, "%s{\"key\":\"%s\",\"signature\":\"%s\"}", i ? "," : "",
                               key, signature);
    }
    snprintf(out + at, 8192 - at, "]}");
}

static void seal(char out[static 8192], an_buf *text, const char *context, const pair *by, const pair *also)
{
    an_signed s;
    assert_int_equal(an_signed_set(&s, text->data, text->len, NULL, 0, NULL), AN_OK);
    assert_int_equal(an_signed_add(&s, context, by->public_key, by->secret), AN_OK);
    if (also)
        assert_int_equal(an_signed_add(&s, context, also->public_key, also->secret), AN_OK);
    an_buf_done(text);
    body_of(out, &s);
}

static void release_body(fixture *f, char out[static 8192], uint64_t id, const pair *by)
{
    an_release r;
    an_buf text;
    const an_release_wait w = *an_state_wait(an_hub_state(f->hub), id);
    assert_int_equal(an_hub_release_draft(f->hub, &w, &r, NULL), AN_OK);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_release_text(&r, &text), AN_OK);
    seal(out, &text, AN_RELEASE_CONTEXT, by, NULL);
}

static void delegation_body(fixture *f, char out[static 8192], const pair *by)
{
    an_delegation d;
    an_buf text;
    assert_int_equal(an_hub_delegation_draft(f->hub, "pumps", &d, NULL), AN_OK);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_delegation_text(&d, &text), AN_OK);
    seal(out, &text, AN_DELEGATION_CONTEXT, by, NULL);
}

static void revocation_body(fixture *f, char out[static 8192], const pair *by)
{
    const an_delegation_entry *e = &an_hub_state(f->hub)->delegations.items[0];
    const an_revocation r = {.delegation = e->hash, .expires_ms = e->d.expires_ms, .issued_ms = 1};
    an_buf text;
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_revocation_text(&r, &text), AN_OK);
    seal(out, &text, AN_REVOCATION_CONTEXT, by, NULL);
}

static void rotation_body(fixture *f, char out[static 8192], const pair *from, const pair *to)
{
    an_root_link l = {.number = an_hub_root(f->hub).number + 1, .issued_ms = 1};
    an_buf text;
    memcpy(l.from, from->public_key, sizeof l.from);
    memcpy(l.to, to->public_key, sizeof l.to);
    an_buf_init(&text, AN_TRUST_TEXT_MAX);
    assert_int_equal(an_root_link_text(&l, &text), AN_OK);
    seal(out, &text, AN_ROOT_CONTEXT, from, to);
}

/* The model's version without training is as good as any to be released. */
static void promote(fixture *f, char out[static 256])
{
    char hex[AN_HASH_TEXT];
    an_hash_text(hex, &an_state_model(an_hub_state(f->hub), "pumps")->blank);
    snprintf(out, 256, "{\"version\":\"%s\",\"reason\":\"a test\"}", hex);
}

static void commit(fixture *f, const char *kind, an_json *body)
{
    an_note why = {{0}};
    an_record_batch b = {.n = 0};
    an_batch_add(&b, kind, "pumps", "coordinator", NULL, body);
    if (an_hub_commit(f->hub, &b, &why) != AN_OK)
        fail_msg("%s", why.text);
}

/* As the gate does with a bad candidate, which here is the version without training. */
static void stop_a_campaign(fixture *f)
{
    an_json *opened = an_json_object(), *ended = an_json_object();
    const an_hash blank = an_state_model(an_hub_state(f->hub), "pumps")->blank;
    an_json_set_int(opened, "id", 7);
    an_json_set_text(opened, "kind", "training");
    an_json_set_text(opened, "trigger", "a test");
    an_json_set_int(opened, "rounds", 1);
    an_json_set_hash(opened, "base", &blank);
    commit(f, "campaign.opened", opened);
    an_json_set_int(ended, "id", 7);
    an_json_set_bool(ended, "promoted", false);
    an_json_set_text(ended, "reason", "possible fault, not drift");
    an_json_set_hash(ended, "version", &blank);
    commit(f, "campaign.ended", ended);
}

static void what_a_campaign_has_stopped_is_released_with_a_reason_only(void **state)
{
    fixture *f = *state;
    char hex[AN_HASH_TEXT], asked[256];
    expect(f, "POST", "/models", MODEL, 201, "pumps");
    an_hash_text(hex, &an_state_model(an_hub_state(f->hub), "pumps")->blank);
    stop_a_campaign(f);
    snprintf(asked, sizeof asked, "{\"version\":\"%s\"}", hex);
    expect(f, "POST", "/models/pumps/promote", asked, 409, "possible fault, not drift");
    snprintf(asked, sizeof asked, "{\"version\":\"%s\",\"at_once\":true}", hex);
    expect(f, "POST", "/models/pumps/promote", asked, 409, "say why");
    promote(f, asked);
    expect(f, "POST", "/models/pumps/promote", asked, 202, "\"waiting\":1");
}

/* ---- the flow ---- */

static void a_release_is_asked_for_signed_delegated_and_the_root_replaced(void **state)
{
    fixture *f = *state;
    char body[8192], asked[256];
    expect(f, "POST", "/models", MODEL, 201, "pumps");
    promote(f, asked);
    expect(f, "POST", "/models/pumps/promote", asked, 202, "\"waiting\":1");
    expect(f, "POST", "/models/pumps/promote", asked, 202, "\"waiting\":1"); /* once is enough */
    expect(f, "GET", "/releases", "", 200, "no delegation covers the model");
    expect(f, "GET", "/status", "", 200, "\"protected\":true,\"waiting\":1");
    expect(f, "GET", "/models/pumps/delegation", "", 409, "no production version");
    release_body(f, body, 1, &f->online);
    expect(f, "POST", "/releases/1/sign", body, 403, "not signed by the release root");
    expect(f, "POST", "/releases/1/sign", "{}", 400, "statement");
    expect(f, "POST", "/releases/1/sign", "{\"statement\":3}", 400, "statement");
    expect(f, "POST", "/releases/1/sign", "{\"statement\":\"andon-release-2\\n\"}", 400,
           "not a release statement");
    expect(f, "POST", "/releases/1/sign", "{\"statement\":\"x\",\"signatures\":[{\"key\":\"00\"}]}", 400,
           "key");
    expect(f, "POST", "/releases/1/sign", "{\"statement\":\"x\",\"signatures\":[1,2,3]}", 400, "more than 2");
    release_body(f, body, 1, &f->root);
    expect(f, "POST", "/releases/1/sign", body, 200, "\"counter\":1");
    expect(f, "POST", "/releases/1/sign", body, 409, "waits no more");
    expect(f, "POST", "/releases/2/sign", body, 404, "no release 2");
    delegation_body(f, body, &f->next);
    expect(f, "POST", "/delegations", body, 403, "not signed by the release root");
    delegation_body(f, body, &f->root);
    expect(f, "POST", "/delegations", body, 201, "\"state\":\"holds\"");
    expect(f, "POST", "/delegations", body, 409, "the next delegation is number 2");
    expect(f, "POST", "/models/pumps/promote", asked, 200, "\"production\"");
    expect(f, "GET", "/releases", "", 200, "\"delegation\":1,\"use\":1");
    revocation_body(f, body, &f->root);
    expect(f, "POST", "/delegations/revoke", body, 200, "\"state\":\"revoked\"");
    expect(f, "POST", "/delegations/revoke", body, 409, "revoked already");
    expect(f, "POST", "/models/pumps/promote", asked, 202, "\"waiting\":2");
    expect(f, "POST", "/releases/2/drop", "{}", 400, "reason");
    expect(f, "POST", "/releases/2/drop", "{\"reason\":\"a test\"}", 200, "\"dropped\":2");
    rotation_body(f, body, &f->next, &f->root);
    expect(f, "POST", "/root/rotate", body, 403, "another key than the one known here");
    rotation_body(f, body, &f->root, &f->next);
    expect(f, "POST", "/root/rotate", body, 200, "\"number\":1");
    expect(f, "GET", "/releases", "", 200, "the release root was rotated");
    close_all(f); /* the journal knows it all, and the configuration may name the first root still */
    open_all(f, f->root.public_key);
    expect(f, "GET", "/releases", "", 200, "\"number\":1");
    release_body(f, body, 3, &f->root);
    expect(f, "POST", "/releases/3/sign", body, 403, "not signed by the release root");
    release_body(f, body, 3, &f->next);
    expect(f, "POST", "/releases/3/sign", body, 200, "\"counter\":3");
}

static void a_root_that_no_site_could_know_of_is_adopted_and_another_refused(void **state)
{
    fixture *f = *state;
    an_note why = {{0}};
    char body[8192];
    an_hub_free(f->hub);
    assert_int_equal(open_hub(f, f->next.public_key, NULL), AN_OK); /* no site is there yet */
    assert_memory_equal(an_hub_root(f->hub).key, f->next.public_key, 32);
    rotation_body(f, body, &f->next, &f->root);
    an_api_free(f->api);
    close_all(&(fixture){.hub = f->hub, .store = f->store});
    open_all(f, f->next.public_key);
    expect(f, "POST", "/root/rotate", body, 200, "\"number\":1");
    an_hub_free(f->hub);
    f->hub = NULL;
    assert_int_equal(open_hub(f, f->online.public_key, &why), AN_ERR_STATE);
    assert_non_null(strstr(why.text, "rotate-root"));
    assert_int_equal(open_hub(f, NULL, NULL), AN_OK); /* the journal knows */
    assert_memory_equal(an_hub_root(f->hub).key, f->root.public_key, 32);
}

/* ---- memory ---- */

/* Until it succeeds, each time with one allocation more; a tick takes up what was stored and not applied. */
static void sweep(fixture *f, const char *path, const char *body, unsigned status)
{
    char copy[8192];
    an_api_answer a;
    for (size_t n = 0;; n++) {
        snprintf(copy, sizeof copy, "%s", body);
        const size_t live = an_mem_live();
        an_mem_fail_after(n);
        const an_err err = ask(f, "POST", path, copy, &a);
        an_mem_fail_never();
        const unsigned got = err == AN_OK ? a.status : 0;
        an_api_answer_done(&a);
        if (got == status)
            return;
        if (err == AN_OK && got != 503 && got != 409) /* 409: it was stored, and only the answer failed */
            fail_msg("%s: %u after %zu allocations", path, got, n);
        if (got == 409)
            return;
        assert_true(n < 3000);
        assert_true(an_mem_live() <= live + 64);
        an_hub_tick(f->hub);
    }
}

static void memory_may_run_out_at_any_point(void **state)
{
    fixture *f = *state;
    char body[8192], asked[256];
    const an_state *st = an_hub_state(f->hub);
    expect(f, "POST", "/models", MODEL, 201, "pumps");
    promote(f, asked);
    sweep(f, "/models/pumps/promote", asked, 202);
    assert_int_equal(st->waits.n, 1);
    release_body(f, body, 1, &f->root);
    sweep(f, "/releases/1/sign", body, 200);
    assert_int_equal(st->models.items[0].counter, 1);
    assert_false(st->waits.items[0].open);
    delegation_body(f, body, &f->root);
    sweep(f, "/delegations", body, 201);
    assert_int_equal(st->delegations.n, 1);
    revocation_body(f, body, &f->root);
    sweep(f, "/delegations/revoke", body, 200);
    assert_true(st->delegations.items[0].revocation.len > 0);
    rotation_body(f, body, &f->root, &f->next);
    sweep(f, "/root/rotate", body, 200);
    assert_int_equal(an_hub_root(f->hub).number, 1);
    assert_int_equal(st->links.n, 1);
}

/* ---- records ---- */

static void damaged_records_are_refused_and_change_nothing(void **state)
{
    fixture *f = *state;
    an_state *st = an_hub_state(f->hub);
    expect(f, "POST", "/models", MODEL, 201, "pumps");
    static const struct {
        const char *kind, *body;
    } rows[] = {
        {"root.set", "{}"},
        {"root.set", "{\"key\":\"00\"}"},
        {"root.rotated", "{\"statement\":\"andon-root-1\\n\",\"signatures\":[]}"},
        {"root.rotated", "{\"signatures\":[]}"},
        {"release.wanted", "{\"id\":0,\"version\":\"00\"}"},
        {"release.wanted", "{\"id\":1}"},
        {"release.dropped", "{\"id\":7}"},
        {"release.signed", "{\"statement\":\"andon-release-2\\n\"}"},
        {"release.signed", "{\"statement\":\"\",\"signatures\":{}}"},
        {"delegation.signed", "{\"statement\":\"andon-delegation-1\\n\"}"},
        {"delegation.revoked", "{\"statement\":\"andon-revocation-1\\n\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const an_root root = st->root;
        const an_record r = {.kind = rows[i].kind,
                             .subject = "pumps",
                             .actor = "user/admin",
                             .body = rows[i].body,
                             .body_len = strlen(rows[i].body)};
        assert_int_equal(an_state_check(st, &r, 0, NULL), AN_ERR_PROTO);
        assert_int_equal(an_state_apply(st, &r, NULL), AN_ERR_PROTO);
        assert_memory_equal(&root, &st->root, sizeof root);
        assert_int_equal(st->waits.n + st->delegations.n + st->links.n, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_release_is_asked_for_signed_delegated_and_the_root_replaced),
        TEST(what_a_campaign_has_stopped_is_released_with_a_reason_only),
        TEST(a_root_that_no_site_could_know_of_is_adopted_and_another_refused),
        TEST(memory_may_run_out_at_any_point),
        TEST(damaged_records_are_refused_and_change_nothing),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    an_log_init(AN_LOG_OFF, "test_api_releases");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
