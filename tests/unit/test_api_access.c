/* Who may ask what, driven from the table of routes: a new route is tested without a new test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/api.h"

typedef an_test_api fixture;

static int setup(void **state)
{
    *state = an_alloc(1, sizeof(fixture));
    an_test_api_open(*state);
    return 0;
}

static int teardown(void **state)
{
    an_test_api_close(*state);
    an_free(*state);
    return 0;
}

static void path_of(const an_api_route_info *r, const char *part, char ret[static 256])
{
    const char *open = strchr(r->pattern, '{'), *end = open ? strchr(r->pattern, '}') + 1 : NULL;
    snprintf(ret, 256, "/api/v1%.*s%s%s", open ? (int)(open - r->pattern) : 200, r->pattern, open ? part : "",
             open ? end : "");
}

static unsigned status_of(fixture *f, const an_who *who, const an_api_route_info *r, const char *part)
{
    char path[256];
    path_of(r, part, path);
    an_api_answer a = an_test_api_ask(f, who, r->method, path, "{}", "");
    const unsigned status = a.status;
    an_api_answer_done(&a);
    return status;
}

static void each_route_is_closed_below_its_role_and_open_from_it_on(void **state)
{
    fixture *f = *state;
    an_api_route_info r;
    size_t closed = 0;
    for (size_t i = 0; an_api_route_at(i, &r); i++) {
        for (int role = AN_ROLE_NONE; role <= AN_ROLE_ADMINISTRATOR; role++) {
            /* OWN: of oneself */
            const an_who who = an_test_who("mia", (an_role)role, "");
            const uint64_t before = an_hub_state(f->hub)->last_seq;
            const unsigned status = status_of(f, &who, &r, r.scope == AN_REACH_OWN ? "mia" : "12345");
            const bool refused = status == 403;
            if (refused != ((an_role)role < r.role))
                fail_msg("%s %s by a %s: %u", r.method, r.pattern, an_role_name((an_role)role), status);
            closed += refused;
            if (refused)
                assert_int_equal(an_hub_state(f->hub)->last_seq, before);
        }
        assert_true(r.role > AN_ROLE_NONE);
        assert_true(strcmp(r.method, "GET") == 0 || r.role > AN_ROLE_VIEWER || r.scope == AN_REACH_OWN);
    }
    assert_true(closed > 100);
}

static void who_has_some_sites_is_kept_to_them(void **state)
{
    fixture *f = *state;
    an_api_route_info r;
    const an_who who = an_test_who("mia", AN_ROLE_ADMINISTRATOR, "plant-a");
    for (size_t i = 0; an_api_route_at(i, &r); i++) {
        const unsigned own = status_of(f, &who, &r, r.scope == AN_REACH_OWN ? "mia" : "plant-a");
        const unsigned other = status_of(f, &who, &r, "plant-b");
        const bool closed = r.scope == AN_REACH_FLEET;
        if ((own == 403) != closed)
            fail_msg("%s %s of her own: %u", r.method, r.pattern, own);
        const bool part = r.scope == AN_REACH_SITE || r.scope == AN_REACH_OWN;
        if ((other == 403) != (closed || part))
            fail_msg("%s %s of another: %u", r.method, r.pattern, other);
        /* What has a site in its path is of scope SITE, or its function looks. */
        if (strncmp(r.pattern, "/sites/{", 8) == 0)
            assert_int_equal(r.scope, AN_REACH_SITE);
        if (strncmp(r.pattern, "/users", 6) == 0)
            assert_true(r.scope == AN_REACH_OWN || r.role == AN_ROLE_ADMINISTRATOR);
    }
}

static void a_path_that_climbs_is_no_route(void **state)
{
    fixture *f = *state;
    static const char *const parts[] = {"..",     ".",    "../../etc/passwd", "a/../b",
                                        "%2e%2e", "a\nb", "{name}",           "x y"};
    const an_who admin = an_who_admin();
    an_api_route_info r;
    for (size_t i = 0; an_api_route_at(i, &r); i++) {
        for (size_t k = 0; strchr(r.pattern, '{') && k < sizeof parts / sizeof *parts; k++) {
            const unsigned status = status_of(f, &admin, &r, parts[k]);
            if (status != 404 && status != 400 && status != 405)
                fail_msg("%s %s with %s: %u", r.method, r.pattern, parts[k], status);
        }
    }
}

static void a_body_that_is_none_changes_nothing(void **state)
{
    fixture *f = *state;
    static const char *const bodies[] = {"{",        "[]", "null", "{\"a\":1,\"a\":2}", "{\"reason\":7}x",
                                         "\xff\xfe", "1"};
    const an_who admin = an_who_admin();
    const uint64_t before = an_hub_state(f->hub)->last_seq;
    an_api_route_info r;
    for (size_t i = 0; an_api_route_at(i, &r); i++) {
        char path[256];
        path_of(&r, "12345", path);
        for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
            an_api_answer a = an_test_api_ask(f, &admin, r.method, path, bodies[k], "");
            if (a.status != 400)
                fail_msg("%s %s with %s: %u %s", r.method, r.pattern, bodies[k], a.status, a.body);
            an_api_answer_done(&a);
        }
    }
    assert_int_equal(an_hub_state(f->hub)->last_seq, before);
}

static void an_idempotency_key_is_its_user_s(void **state)
{
    fixture *f = *state;
    const an_who admin = an_who_admin(), mia = an_test_who("mia", AN_ROLE_VIEWER, ""),
                 tom = an_test_who("tom", AN_ROLE_ADMINISTRATOR, "");
    const char *body = "{\"name\":\"eva\",\"role\":\"viewer\"}";
    an_api_answer a = an_test_api_ask(f, &admin, "POST", "/api/v1/users", body, "key");
    assert_int_equal(a.status, 201);
    an_api_answer_done(&a);
    a = an_test_api_ask(f, &mia, "POST", "/api/v1/users", body, "key");
    assert_int_equal(a.status, 403);
    an_api_answer_done(&a);
    a = an_test_api_ask(f, &tom, "POST", "/api/v1/users", body, "key");
    assert_int_equal(a.status, 409);
    an_api_answer_done(&a);
}

/* ---- users ---- */

static void users_come_change_and_go(void **state)
{
    fixture *f = *state;
    const an_who admin = an_who_admin(), mia = an_test_who("mia", AN_ROLE_OPERATOR, "");
    an_test_api_expect(f, &admin, "POST", "/users",
                       "{\"name\":\"mia\",\"role\":\"operator\",\"sites\":[\"plant-a\"]}", 201,
                       "\"role\":\"operator\",\"sites\":[\"plant-a\"],\"password\":false");
    an_test_api_expect(f, &admin, "POST", "/users", "{\"name\":\"mia\",\"role\":\"viewer\"}", 409,
                       "there is a user");
    an_test_api_expect(f, &admin, "POST", "/users", "{\"name\":\"admin\",\"role\":\"viewer\"}", 400, "name");
    an_test_api_expect(f, &admin, "POST", "/users", "{\"name\":\"eva\",\"role\":\"boss\"}", 400,
                       "must be viewer");
    an_test_api_expect(f, &admin, "POST", "/users", "{\"name\":\"eva\",\"role\":\"viewer\",\"sites\":\"a\"}",
                       400, "sites");
    an_test_api_expect(f, &admin, "POST", "/users", "{\"name\":\"eva\",\"role\":\"viewer\",\"colour\":1}",
                       400, "colour");
    an_test_api_expect(f, &admin, "POST", "/users/mia", "{\"role\":\"engineer\",\"reason\":\"new work\"}",
                       200, "\"role\":\"engineer\",\"sites\":[\"plant-a\"]");
    an_test_api_expect(f, &mia, "POST", "/users/mia", "{\"role\":\"administrator\"}", 403, "administrator");
    an_test_api_expect(f, &mia, "POST", "/users/mia", "{\"sites\":[]}", 403, "administrator");
    an_test_api_expect(f, &mia, "POST", "/users/admin", "{}", 403, "another user");
    an_test_api_expect(f, &admin, "POST", "/users/eva", "{\"role\":\"viewer\"}", 404, "no user eva");
    an_test_api_expect(f, &admin, "POST", "/users/mia", "{}", 400, "give");
    an_test_api_again(f);
    an_test_api_expect(f, &admin, "GET", "/users", "", 200, "\"role\":\"engineer\",\"sites\":[\"plant-a\"]");
    an_test_api_expect(f, &admin, "POST", "/users/mia/remove", "{\"reason\":\"left\"}", 200, "mia");
    an_test_api_expect(f, &admin, "GET", "/users", "", 200, "\"users\":[]");
    an_test_api_expect(f, &admin, "GET", "/journal", "", 200,
                       "user mia removed by user/admin, engineer of plant-a before: left");
    an_test_api_expect(
        f, &admin, "GET", "/journal", "", 200,
        "user mia is engineer of sites plant-a, operator of plant-a before, said user/admin: new work");
}

static void the_journal_holds_neither_a_password_s_text_nor_a_token_s(void **state)
{
    fixture *f = *state;
    char path[] = "/api/v1/users", verifier[AN_PASSWORD_TEXT] = "$argon2id$v=19$a-salt$a-tag";
    char body[] = "{\"name\":\"mia\",\"role\":\"viewer\",\"password\":\"correct horse battery\"}";
    const an_who admin = an_who_admin();
    an_api_request req = {
        .method = "POST", .actor = "user/admin", .who = admin, .body = body, .body_len = strlen(body)};
    an_api_answer a = {0};
    snprintf(req.path, sizeof req.path, "%s", path);
    snprintf(req.verifier, sizeof req.verifier, "%s", verifier);
    assert_int_equal(an_api_handle(f->api, &req, 0, &a), AN_OK);
    assert_int_equal(a.status, 201);
    an_api_answer_done(&a);
    a = an_test_api_ask(f, &admin, "POST", "/api/v1/users/mia/tokens", "{\"label\":\"grafana\"}", "");
    assert_int_equal(a.status, 201);
    const char *at = strstr(a.body, "andon_");
    assert_non_null(at);
    char text[64 + 7];
    snprintf(text, sizeof text, "%.70s", at);
    an_api_answer_done(&a);
    an_hash hash;
    char hex[AN_HASH_TEXT];
    an_hash_of(&hash, text, strlen(text));
    an_hash_text(hex, &hash);
    static const char *const paths[] = {"/api/v1/journal", "/api/v1/journal/export", "/api/v1/users",
                                        "/api/v1/users/mia/tokens"};
    for (size_t i = 0; i < 4; i++) {
        a = an_test_api_ask(f, &admin, "GET", paths[i], "", "");
        assert_int_equal(a.status, 200);
        if (strstr(a.body, "argon2") || strstr(a.body, "horse") || strstr(a.body, text))
            fail_msg("%s says %s", paths[i], a.body);
        if (i < 2)
            assert_non_null(strstr(a.body, hex)); /* what an auditor can match a found token with */
        an_api_answer_done(&a);
    }
    /* The text that checks the password is there, where only the coordinator reads. */
    an_buf b;
    an_buf_init(&b, AN_OBJECT_SMALL);
    const an_hash was = an_users_find(&an_hub_state(f->hub)->users, "mia")->verifier;
    assert_int_equal(an_store_object_get(f->store, &was, &b, NULL), AN_OK);
    assert_int_equal(b.len, strlen(verifier));
    /* ... and gone with her. */
    an_test_api_expect(f, &admin, "POST", "/users/mia/remove", "{}", 200, "mia");
    assert_int_equal(an_store_object_get(f->store, &was, &b, NULL), AN_ERR_NOTFOUND);
    an_buf_done(&b);
}

static void a_token_is_never_more_than_who_makes_it(void **state)
{
    fixture *f = *state;
    const an_who admin = an_who_admin();
    an_who mia = an_test_who("mia", AN_ROLE_ENGINEER, "");
    an_test_api_expect(f, &admin, "POST", "/users", "{\"name\":\"mia\",\"role\":\"engineer\"}", 201, "mia");
    an_test_api_expect(f, &mia, "POST", "/users/mia/tokens", "{\"label\":\"x\",\"role\":\"releaser\"}", 403,
                       "at most");
    an_test_api_expect(f, &admin, "POST", "/users/mia/tokens", "{\"label\":\"x\",\"role\":\"releaser\"}", 403,
                       "at most engineer");
    an_test_api_expect(f, &mia, "POST", "/users/mia/tokens", "{\"label\":\"x\",\"role\":\"viewer\"}", 201,
                       "andon_");
    an_test_api_expect(f, &mia, "POST", "/users/mia/tokens", "{\"label\":\"x y\"}", 400, "label");
    an_test_api_expect(f, &mia, "POST", "/users/mia/tokens", "{\"label\":\"x\",\"valid_ms\":1}", 400,
                       "valid_ms");
    mia.by_token = true;
    an_test_api_expect(f, &mia, "POST", "/users/mia/tokens", "{\"label\":\"y\"}", 403, "makes no tokens");
    an_test_api_expect(f, &mia, "POST", "/users/mia/tokens/revoke", "{\"id\":\"00\"}", 400, "id");
    an_test_api_expect(f, &mia, "POST", "/users/mia/tokens/revoke", "{\"id\":\"0000000000000000\"}", 404,
                       "no such token");
    char id[AN_USER_TOKEN_ID_TEXT], body[64];
    const an_user *u = an_users_find(&an_hub_state(f->hub)->users, "mia");
    an_hex(id, u->tokens[0].id, sizeof u->tokens[0].id);
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    an_test_api_expect(f, &mia, "POST", "/users/mia/tokens/revoke", body, 200, "\"tokens\":[]");
}

static void a_token_does_not_revoke_a_larger_one(void **state)
{
    fixture *f = *state;
    const an_who admin = an_who_admin();
    char id[AN_USER_TOKEN_ID_TEXT], body[64];
    an_test_api_expect(f, &admin, "POST", "/users", "{\"name\":\"mia\",\"role\":\"engineer\"}", 201, "mia");
    an_test_api_expect(f, &admin, "POST", "/users/mia/tokens", "{\"label\":\"x\",\"role\":\"operator\"}", 201,
                       "andon_");
    const an_user *u = an_users_find(&an_hub_state(f->hub)->users, "mia");
    an_hex(id, u->tokens[0].id, sizeof u->tokens[0].id);
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    an_who small = an_test_who("mia", AN_ROLE_VIEWER, ""), same = an_test_who("mia", AN_ROLE_OPERATOR, "");
    small.by_token = same.by_token = true;
    an_test_api_expect(f, &small, "POST", "/users/mia/tokens/revoke", body, 403, "smaller role");
    an_test_api_expect(f, &small, "GET", "/users/mia/tokens", "", 200, id);
    an_test_api_expect(f, &same, "POST", "/users/mia/tokens/revoke", body, 200, "\"tokens\":[]");
}

static uint32_t drawn = 2463534242;

static uint32_t draw(uint32_t n) /* xorshift, Marsaglia 2003 */
{
    drawn ^= drawn << 13;
    drawn ^= drawn >> 17;
    drawn ^= drawn << 5;
    return drawn % n;
}

/* Any one change of one of eight people. */
static void change_somebody(fixture *f)
{
    const an_who admin = an_who_admin();
    char path[96], body[160], id[AN_USER_TOKEN_ID_TEXT];
    const unsigned who = draw(8), role = AN_ROLE_VIEWER + draw(5);
    const an_user *u;
    snprintf(path, sizeof path, "/api/v1/users/user-%u", who);
    snprintf(body, sizeof body, "{\"role\":\"%s\",\"sites\":[\"plant-%u\"]}", an_role_name((an_role)role),
             draw(3));
    switch (draw(6)) {
    case 0:
        snprintf(path, sizeof path, "/api/v1/users");
        snprintf(body, sizeof body, "{\"name\":\"user-%u\",\"role\":\"%s\"}", who,
                 an_role_name((an_role)role));
        break;
    case 1:
        snprintf(path, sizeof path, "/api/v1/users/user-%u/remove", who);
        break;
    case 2:
    case 3:
        snprintf(path, sizeof path, "/api/v1/users/user-%u/tokens", who);
        snprintf(body, sizeof body, "{\"label\":\"l\",\"valid_ms\":%u}", 1000 + draw(100000));
        break;
    case 4:
        u = an_users_find(&an_hub_state(f->hub)->users, path + sizeof "/api/v1/users/" - 1);
        if (!u || u->n_tokens == 0)
            return;
        an_hex(id, u->tokens[draw(u->n_tokens)].id, sizeof u->tokens[0].id);
        snprintf(path, sizeof path, "/api/v1/users/user-%u/tokens/revoke", who);
        snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
        break;
    default:
        break;
    }
    an_api_answer a = an_test_api_ask(f, &admin, "POST", path, body, "");
    assert_true(a.status < 500);
    an_api_answer_done(&a);
    an_clock_fake_advance(&f->clock, draw(3000));
}

static char *all_of(fixture *f, const char *path)
{
    const an_who admin = an_who_admin();
    an_api_answer a = an_test_api_ask(f, &admin, "GET", path, "", "");
    char *text = an_strdup(a.body);
    an_api_answer_done(&a);
    return text;
}

static void after_a_restart_everybody_is_who_they_were(void **state)
{
    fixture *f = *state;
    for (int life = 0; life < 5; life++) {
        char *before[9], *after;
        for (int i = 0; i < 80; i++)
            change_somebody(f);
        for (unsigned i = 0; i < 9; i++) {
            char path[64] = "/api/v1/users";
            if (i > 0)
                snprintf(path, sizeof path, "/api/v1/users/user-%u/tokens", i - 1);
            before[i] = all_of(f, path);
        }
        an_test_api_again(f);
        for (unsigned i = 0; i < 9; i++) {
            char path[64] = "/api/v1/users";
            if (i > 0)
                snprintf(path, sizeof path, "/api/v1/users/user-%u/tokens", i - 1);
            after = all_of(f, path);
            assert_string_equal(after, before[i]);
            an_free(after);
            an_free(before[i]);
        }
    }
    assert_true(an_hub_state(f->hub)->users.n > 0);
}

/* Whatever fails, an answer comes, and what was not answered 2xx was not done. */
static void memory_may_run_out_at_any_point(void **state)
{
    fixture *f = *state;
    static const char *const asks[][2] = {
        {"/api/v1/users", "{\"name\":\"mia\",\"role\":\"engineer\",\"sites\":[\"a\"]}"},
        {"/api/v1/users/mia", "{\"role\":\"viewer\",\"sites\":[]}"},
        {"/api/v1/users/mia/tokens", "{\"label\":\"x\"}"},
        {"/api/v1/users/mia/remove", "{}"},
    };
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        char body[128];
        unsigned status = 0;
        an_api_request req = {.method = "POST", .actor = "user/admin", .who = an_who_admin(), .body = body};
        snprintf(req.path, sizeof req.path, "%s", asks[i][0]);
        for (size_t n = 0; n < 2000 && (status < 200 || status > 299); n++) {
            an_api_answer a = {0};
            snprintf(body, sizeof body, "%s", asks[i][1]);
            req.body_len = strlen(body);
            const uint64_t before = an_hub_state(f->hub)->last_seq;
            an_mem_fail_after(n);
            assert_int_equal(an_api_handle(f->api, &req, 0, &a), AN_OK);
            an_mem_fail_never();
            status = a.status;
            an_api_answer_done(&a);
            if (an_hub_state(f->hub)->last_seq != before)
                break; /* it is done, even if only the answer had no room */
        }
        assert_true(status > 0);
    }
    assert_int_equal(an_hub_state(f->hub)->users.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_route_is_closed_below_its_role_and_open_from_it_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_has_some_sites_is_kept_to_them, setup, teardown),
        cmocka_unit_test_setup_teardown(a_path_that_climbs_is_no_route, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_that_is_none_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_idempotency_key_is_its_user_s, setup, teardown),
        cmocka_unit_test_setup_teardown(users_come_change_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(the_journal_holds_neither_a_password_s_text_nor_a_token_s, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_token_is_never_more_than_who_makes_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_does_not_revoke_a_larger_one, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_restart_everybody_is_who_they_were, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_may_run_out_at_any_point, setup, teardown),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
