/* The API without HTTP: routes, problems, idempotency, on a hub without sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/api/api.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"

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
    (void)ctx;
    an_combine_done(job);
    an_free(job);
    return AN_OK;
}

static void admit_nothing(void *ctx, const an_site *site, bool admitted)
{
    (void)ctx, (void)site, (void)admitted;
}

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_clock_fake clock;
    an_store *store;
    an_hub *hub;
    an_api *api;
    uint8_t keys[3][64];
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    char url[AN_PATH_MAX + 8];
    an_note why = {{0}};
    an_test_folder_make(f->dir);
    an_clock_fake_init(&f->clock, 1700000000000);
    snprintf(url, sizeof url, "sqlite:%s", f->dir);
    assert_int_equal(an_store_open(&(an_store_place){.url = url}, &f->clock.clock, &f->store, &why), AN_OK);
    an_sign_keypair(f->keys[0], f->keys[1]);
    an_hub_conf hub = {.store = f->store,
                       .clock = &f->clock.clock,
                       .io = {NULL, send_nothing, fetch_nothing, combine_nothing, admit_nothing},
                       .sign_secret = f->keys[1],
                       .sign_public = f->keys[0],
                       .lease_ms = 10000,
                       .instance = 7};
    assert_int_equal(an_hub_new(&hub, &f->hub, &why), AN_OK);
    an_api_conf api = {.hub = f->hub,
                       .clock = &f->clock.clock,
                       .link_public = f->keys[2],
                       .control = "tcp://127.0.0.1:1",
                       .bulk = "tcp://127.0.0.1:2",
                       .enrol = "tcp://127.0.0.1:3",
                       .instance = 7};
    assert_int_equal(an_api_new(&api, &f->api), AN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_api_free(f->api);
    an_hub_free(f->hub);
    an_store_close(f->store);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static an_api_answer ask(fixture *f, const char *method, const char *path, const char *body, const char *idem)
{
    an_api_request req = {.actor = "user/admin", .who = an_who_admin()};
    an_api_answer answer = {0};
    snprintf(req.method, sizeof req.method, "%s", method);
    snprintf(req.path, sizeof req.path, "%s", path);
    snprintf(req.idem, sizeof req.idem, "%s", idem);
    req.body = an_strdup(body);
    req.body_len = strlen(body);
    assert_int_equal(an_api_handle(f->api, &req, 0, &answer), AN_OK);
    assert_non_null(answer.body);
    an_free(req.body);
    return answer;
}

static void expect(fixture *f, const char *method, const char *path, const char *body, unsigned status,
                   const char *says)
{
    an_api_answer a = ask(f, method, path, body, "");
    if (a.status != status || !strstr(a.body, says))
        fail_msg("%s %s: %u %s, not %u with %s", method, path, a.status, a.body, status, says);
    assert_string_equal(a.type, status < 300 ? "application/json" : "application/problem+json");
    an_api_answer_done(&a);
}

static void a_pattern_takes_one_part_of_a_path(void **state)
{
    (void)state;
    char arg[AN_API_TEXT], path[400];
    assert_true(an_api_path_match("/sites", "/sites", arg));
    assert_string_equal(arg, "");
    assert_true(an_api_path_match("/sites/{name}/approve", "/sites/plant-a/approve", arg));
    assert_string_equal(arg, "plant-a");
    assert_true(an_api_path_match("/rounds/{id}", "/rounds/12", arg));
    assert_string_equal(arg, "12");
    assert_false(an_api_path_match("/rounds/{id}", "/rounds/", arg));
    assert_false(an_api_path_match("/rounds/{id}", "/rounds", arg));
    assert_false(an_api_path_match("/rounds/{id}", "/rounds/1/2", arg));
    assert_false(an_api_path_match("/sites", "/sites/", arg));
    assert_false(an_api_path_match("/sites/{name}/approve", "/sites/a/deny", arg));
    memset(path, 'x', sizeof path);
    memcpy(path, "/rounds/", 8);
    path[8 + AN_API_TEXT - 1] = '\0';
    assert_true(an_api_path_match("/rounds/{id}", path, arg));
    path[8 + AN_API_TEXT - 1] = 'x';
    path[8 + AN_API_TEXT] = '\0';
    assert_false(an_api_path_match("/rounds/{id}", path, arg));
}

static void every_route_answers_something_sensible(void **state)
{
    fixture *f = *state;
    an_api_route_info r;
    size_t n = 0;
    for (; an_api_route_at(n, &r); n++) {
        char path[256];
        const char *open = strchr(r.pattern, '{'), *end = open ? strchr(r.pattern, '}') + 1 : NULL;
        snprintf(path, sizeof path, "/api/v1%.*s%s%s", open ? (int)(open - r.pattern) : 200, r.pattern,
                 open ? "12345" : "", open ? end : "");
        an_api_answer a = ask(f, r.method, path, "{}", "");
        if (a.status >= 500 || a.status == 405)
            fail_msg("%s %s: %u %s", r.method, path, a.status, a.body);
        if (open)
            assert_true(a.status == 404 || a.status == 400);
        an_api_answer_done(&a);
        assert_true(strlen(r.meaning) > 5);
    }
    assert_true(n > 20);
}

static void what_is_wrong_is_said(void **state)
{
    fixture *f = *state;
    expect(f, "GET", "/api/v1/nothing", "", 404, "no route");
    expect(f, "GET", "/other", "", 404, "no route");
    expect(f, "DELETE", "/api/v1/sites", "", 405, "not possible");
    expect(f, "GET", "/api/v1/tokens", "", 405, "not possible");
    expect(f, "POST", "/api/v1/models", "{\"name\":", 400, "request body");
    expect(f, "POST", "/api/v1/models", "[]", 400, "object");
    expect(f, "POST", "/api/v1/models", "{}", 400, "name");
    expect(f, "POST", "/api/v1/models", "{\"name\":\"m\",\"arch\":\"x\",\"colour\":1}", 400, "colour");
    expect(f, "POST", "/api/v1/models", "{\"name\":\"m\",\"arch\":\"x\",\"sensors\":[]}", 400, "sensors");
    expect(f, "POST", "/api/v1/models", "{\"name\":\"m\",\"arch\":\"x\",\"sensors\":[1]}", 400, "text");
    expect(f, "POST", "/api/v1/tokens", "{\"valid_ms\":1}", 400, "valid_ms");
    expect(f, "POST", "/api/v1/tokens", "{\"site\":\"../x\"}", 400, "not a site's name");
    expect(f, "POST", "/api/v1/sites/plant-q/replace", "{}", 404, "no site plant-q");
    expect(f, "POST", "/api/v1/campaigns", "{\"model\":\"m\"}", 404, "no model");
    expect(f, "POST", "/api/v1/campaigns", "{\"model\":\"m\",\"kind\":\"x\"}", 400, "kind");
    expect(f, "GET", "/api/v1/versions/12", "", 400, "digits");
    expect(f, "GET", "/api/v1/rounds/x", "", 404, "no round");
}

#define ARCH                                                                                                 \
    "model: ae\\ninput: {features: input, window: 1}\\nlayers:\\n  - dense: {units: 2}\\n  - "               \
    "relu\\n"                                                                                                \
    "  - dense: {units: input, name: out}\\nloss: mse\\ntarget: input\\n"
#define MODEL(name)                                                                                          \
    "{\"name\":\"" name "\",\"arch\":\"" ARCH "\",\"sensors\":[\"a\",\"b\"],\"policy\":{\"train.rounds\":3}" \
    "}"

#define STEPPED(name, steps)                                                                                 \
    "{\"name\":\"" name "\",\"arch\":\"" ARCH "\",\"sensors\":[\"a\",\"b\"],\"steps\":\"" steps "\"}"

static void a_model_may_have_steps_that_its_rows_go_through(void **state)
{
    fixture *f = *state;
    expect(f, "POST", "/api/v1/models", STEPPED("stepped", "steps: [lag: {sensors: [b], rows: [1]}]"), 201,
           "\"name\":\"stepped\"");
    expect(f, "POST", "/api/v1/models", STEPPED("other", "steps: [lag: {sensors: [c], rows: [1]}]"), 400,
           "\\\"c\\\"");
    expect(f, "POST", "/api/v1/models", STEPPED("other", "steps: [leg: {rows: [1]}]"), 400, "leg");
    expect(f, "POST", "/api/v1/models", STEPPED("other", "["), 400, "prep");
}

static void a_model_is_made_once_and_its_policy_can_change(void **state)
{
    fixture *f = *state;
    expect(f, "POST", "/api/v1/models", MODEL("pumps"), 201, "\"name\":\"pumps\"");
    expect(f, "POST", "/api/v1/models", MODEL("pumps"), 409, "exists");
    expect(f, "GET", "/api/v1/models", "", 200, "pumps");
    expect(f, "GET", "/api/v1/models/pumps/policy", "", 200, "\"key\":\"train.rounds\",\"value\":3,");
    expect(f, "POST", "/api/v1/models/pumps/policy", "{\"train.rounds\":\"5\",\"drift.automatic\":true}", 200,
           "\"key\":\"train.rounds\",\"value\":5,");
    expect(f, "GET", "/api/v1/models/pumps", "", 200, "\"key\":\"drift.automatic\",\"value\":true,");
    expect(f, "POST", "/api/v1/models/pumps/policy", "{\"drift.hours\":\"at night\"}", 400, "drift.hours");
    expect(f, "GET", "/api/v1/models/pumps/drift", "", 200, "\"answer\":\"nothing\"");
    expect(f, "GET", "/api/v1/models/press/drift", "", 404, "no model press");
    expect(f, "POST", "/api/v1/models/pumps/policy", "{\"train.rounds\":0}", 400, "train.rounds");
    expect(f, "POST", "/api/v1/models/pumps/policy", "{}", 400, "give options");
    expect(f, "POST", "/api/v1/models/pumps/rollback", "{}", 400, "reason");
    expect(f, "GET", "/api/v1/models/pumps/drift", "", 200,
           "{\"trigger\":\"precision\",\"looks_at\":\"share of the judged alarms that were "
           "right\",\"on\":false");
    expect(f, "POST", "/api/v1/campaigns", "{\"model\":\"pumps\",\"kind\":\"overlay\"}", 400,
           "by lines that a trigger names");
    expect(f, "POST", "/api/v1/campaigns", "{\"model\":\"pumps\"}", 201,
           "waiting for sites: 0 of at least 3 are connected");
    expect(f, "GET", "/api/v1/campaigns/1", "", 200, "\"opened\":{\"id\":1,\"kind\":\"training\"");
    expect(f, "GET", "/api/v1/journal", "", 200, "model pumps created by user/admin");
    expect(f, "GET", "/api/v1/journal/verify", "", 200, "\"intact\":true");
}

static void the_same_key_does_the_same_thing_once(void **state)
{
    fixture *f = *state;
    an_api_answer first = ask(f, "POST", "/api/v1/models", MODEL("pumps"), "key-1");
    an_api_answer again = ask(f, "POST", "/api/v1/models", MODEL("pumps"), "key-1");
    an_api_answer other = ask(f, "POST", "/api/v1/models", MODEL("press"), "key-1");
    assert_int_equal(first.status, 201);
    assert_int_equal(again.status, 201);
    assert_string_equal(first.body, again.body);
    assert_int_equal(other.status, 409);
    assert_int_equal(an_hub_state(f->hub)->models.n, 1);
    an_api_answer_done(&first);
    an_api_answer_done(&again);
    an_api_answer_done(&other);
}

static void a_token_is_shown_once_and_its_key_never(void **state)
{
    fixture *f = *state;
    an_api_answer first = ask(f, "POST", "/api/v1/tokens", "{}", "key-2");
    an_api_answer again = ask(f, "POST", "/api/v1/tokens", "{}", "key-2");
    assert_int_equal(first.status, 201);
    assert_non_null(strstr(first.body, "andon1-"));
    assert_string_not_equal(first.body, again.body);
    expect(f, "GET", "/api/v1/journal", "", 200, "\"key\":null");
    an_api_answer_done(&first);
    an_api_answer_done(&again);
}

static void a_journal_without_news_is_waited_for(void **state)
{
    fixture *f = *state;
    an_api_request req = {
        .method = "GET", .path = "/api/v1/journal", .who = an_who_admin(), .after = "100", .wait_ms = "500"};
    an_api_answer answer = {0};
    assert_int_equal(an_api_handle(f->api, &req, 0, &answer), AN_ERR_AGAIN);
    assert_null(answer.body);
    assert_int_equal(an_api_handle(f->api, &req, 500, &answer), AN_OK);
    assert_non_null(strstr(answer.body, "\"records\":[]"));
    an_api_answer_done(&answer);
    snprintf(req.wait_ms, sizeof req.wait_ms, "99999999");
    assert_int_equal(an_api_handle(f->api, &req, 0, &answer), AN_OK);
    assert_int_equal(answer.status, 400);
    an_api_answer_done(&answer);
}

static void running_out_of_memory_is_survived(void **state)
{
    fixture *f = *state;
    unsigned status = 0;
    an_api_request req = {
        .method = "GET", .path = "/api/v1/status", .actor = "user/admin", .who = an_who_admin()};
    for (size_t n = 0; n < 500 && status != 200; n++) {
        an_api_answer answer = {0};
        an_mem_fail_after(n);
        assert_int_equal(an_api_handle(f->api, &req, 0, &answer), AN_OK);
        an_mem_fail_never();
        status = answer.status;
        assert_true(status == 200 || status == 503);
        an_api_answer_done(&answer);
    }
    assert_int_equal(status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_takes_one_part_of_a_path),
        cmocka_unit_test_setup_teardown(every_route_answers_something_sensible, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_model_may_have_steps_that_its_rows_go_through, setup, teardown),
        cmocka_unit_test_setup_teardown(a_model_is_made_once_and_its_policy_can_change, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_key_does_the_same_thing_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_is_shown_once_and_its_key_never, setup, teardown),
        cmocka_unit_test_setup_teardown(a_journal_without_news_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(running_out_of_memory_is_survived, setup, teardown),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
