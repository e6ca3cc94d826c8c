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
#include "models/bundle.h"
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

static an_api_answer ask(fixture *f, const char *method, const char *path, const char *body, const char *idem)
{
    const an_who admin = an_who_admin();
    return an_test_api_ask(f, &admin, method, path, body, idem);
}

static void expect(fixture *f, const char *method, const char *path, const char *body, unsigned status,
                   const char *says)
{
    const an_who admin = an_who_admin();
    an_test_api_expect(f, &admin, method, path, body, status, says);
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
    expect(f, "GET", "/nothing", "", 404, "no route");
    an_api_answer other = ask(f, "GET", "/other", "", "");
    assert_int_equal(other.status, 404);
    an_api_answer_done(&other);
    expect(f, "DELETE", "/sites", "", 405, "not possible");
    expect(f, "GET", "/tokens", "", 405, "not possible");
    expect(f, "POST", "/models", "{\"name\":", 400, "request body");
    expect(f, "POST", "/models", "[]", 400, "object");
    expect(f, "POST", "/models", "{}", 400, "name");
    expect(f, "POST", "/models", "{\"name\":\"m\",\"arch\":\"x\",\"colour\":1}", 400, "colour");
    expect(f, "POST", "/models", "{\"name\":\"m\",\"arch\":\"x\",\"sensors\":[]}", 400, "sensors");
    expect(f, "POST", "/models", "{\"name\":\"m\",\"arch\":\"x\",\"sensors\":[1]}", 400, "text");
    expect(f, "POST", "/tokens", "{\"valid_ms\":1}", 400, "valid_ms");
    expect(f, "POST", "/tokens", "{\"site\":\"../x\"}", 400, "not a site's name");
    expect(f, "POST", "/sites/plant-q/replace", "{}", 404, "no site plant-q");
    expect(f, "POST", "/campaigns", "{\"model\":\"m\"}", 404, "no model");
    expect(f, "POST", "/campaigns", "{\"model\":\"m\",\"kind\":\"x\"}", 400, "kind");
    expect(f, "GET", "/versions/12", "", 400, "digits");
    expect(f, "GET", "/rounds/x", "", 404, "no round");
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
    expect(f, "POST", "/models", STEPPED("stepped", "steps: [lag: {sensors: [b], rows: [1]}]"), 201,
           "\"name\":\"stepped\"");
    expect(f, "POST", "/models", STEPPED("other", "steps: [lag: {sensors: [c], rows: [1]}]"), 400,
           "\\\"c\\\"");
    expect(f, "POST", "/models", STEPPED("other", "steps: [leg: {rows: [1]}]"), 400, "leg");
    expect(f, "POST", "/models", STEPPED("other", "["), 400, "prep");
}

static an_bundle blank_of(fixture *f, const char *model, an_hash *ret_hash)
{
    an_buf bytes;
    an_bundle b = {.arch = NULL};
    const an_model_entry *m = an_state_model(an_hub_state(f->hub), model);
    assert_non_null(m);
    *ret_hash = m->blank;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    assert_int_equal(an_store_object_get(f->store, &m->blank, &bytes, NULL), AN_OK);
    assert_int_equal(an_bundle_decode(&b, bytes.data, bytes.len, NULL), AN_OK);
    an_buf_done(&bytes);
    return b;
}

/* The first layer, 2 x 2 and 2, is taken; the last one has another name. */
static void a_model_may_begin_with_what_another_has_learnt(void **state)
{
    fixture *f = *state;
    char body[1024], hex[AN_HASH_TEXT];
    an_hash hash, own;
    expect(f, "POST", "/models", MODEL("pumps"), 201, "pumps");
    an_bundle from = blank_of(f, "pumps", &hash);
    an_hash_text(hex, &hash);
#define BEGINS(name, arch)                                                                                   \
    snprintf(body, sizeof body,                                                                              \
             "{\"name\":\"" name                                                                             \
             "\",%s,\"sensors\":[\"a\",\"b\"],\"from\":\"%.12s\",\"policy\":{\"seed\":77}}",                 \
             "\"arch\":\"" arch "\"", hex)
    BEGINS(
        "fans",
        "model: ae\\ninput: {features: input, window: 1}\\nlayers: [dense: {units: 2}, relu, dense: {units: "
        "input, name: head}]\\nloss: mse\\ntarget: input\\n");
    expect(f, "POST", "/models", body, 201, "\"name\":\"fans\"");
    an_bundle b = blank_of(f, "fans", &own);
    assert_int_equal(b.n_weights, 12);
    assert_memory_equal(b.weights, from.weights, 6 * sizeof *b.weights);
    assert_memory_not_equal(b.weights + 6, from.weights + 6, 6 * sizeof *b.weights);
    assert_true(an_hash_is_zero(&b.parent)); /* it is nobody's next version */
    expect(f, "GET", "/journal", "", 200, "begins with what version ");
    BEGINS(
        "other",
        "model: ae\\ninput: {features: input, window: 1}\\nlayers: [dense: {units: 3}, dense: {units: input, "
        "name: head}]\\nloss: mse\\ntarget: input\\n");
    expect(f, "POST", "/models", body, 400, "no layer of version ");
    snprintf(body, sizeof body,
             "{\"name\":\"other\",\"detector\":\"pca\",\"sensors\":[\"a\",\"b\"],\"from\":\"%s\"}", hex);
    expect(f, "POST", "/models", body, 400, "without an architecture");
    hex[0] = hex[0] == '0' ? '1' : '0';
    BEGINS("other", ARCH);
    expect(f, "POST", "/models", body, 404, "no version");
    an_hash_text(hex, &hash);
    BEGINS("other",
           "model: ae\\ninput: {features: input, window: 1}\\nlayers: [dense: {units: 2, frozen: true}, "
           "dense: {units: input, name: head, local: true}]\\nloss: mse\\ntarget: input\\n");
    expect(f, "POST", "/models", body, 400, "nothing to train");
    BEGINS("other", ARCH);
    expect(f, "POST", "/models/pumps/policy", "{\"dp.unit\":\"record\"}", 200, "dp.unit");
    expect(f, "POST", "/models", body, 409, "a new account");
    expect(f, "POST", "/models/pumps/policy", "{\"dp.unit\":\"none\"}", 200, "dp.unit");
    char gone[AN_HASH_TEXT + 64];
    snprintf(gone, sizeof gone, "{\"hash\":\"%s\",\"reason\":\"it was poisoned\"}", hex);
    an_test_api_record(f, "version.quarantined", "pumps", "user/admin", gone);
    expect(f, "POST", "/models", body, 409, "it was poisoned");
    snprintf(body, sizeof body,
             "{\"name\":\"other\",\"arch\":\"" ARCH "\",\"sensors\":[\"a\",\"b\"],\"from\":\"\"}");
    expect(f, "POST", "/models", body, 400, "digits");
    an_bundle_done(&b);
    an_bundle_done(&from);
}

static void a_model_is_made_once_and_its_policy_can_change(void **state)
{
    fixture *f = *state;
    expect(f, "POST", "/models", MODEL("pumps"), 201, "\"name\":\"pumps\"");
    expect(f, "POST", "/models", MODEL("pumps"), 409, "exists");
    expect(f, "GET", "/models", "", 200, "pumps");
    expect(f, "GET", "/models/pumps/policy", "", 200, "\"key\":\"train.rounds\",\"value\":3,");
    expect(f, "POST", "/models/pumps/policy", "{\"train.rounds\":\"5\",\"drift.automatic\":true}", 200,
           "\"key\":\"train.rounds\",\"value\":5,");
    expect(f, "GET", "/models/pumps", "", 200, "\"key\":\"drift.automatic\",\"value\":true,");
    expect(f, "POST", "/models/pumps/policy", "{\"drift.hours\":\"at night\"}", 400, "drift.hours");
    expect(f, "GET", "/models/pumps/drift", "", 200, "\"answer\":\"nothing\"");
    expect(f, "GET", "/models/press/drift", "", 404, "no model press");
    expect(f, "POST", "/models/pumps/policy", "{\"train.rounds\":0}", 400, "train.rounds");
    expect(f, "POST", "/models/pumps/policy", "{}", 400, "give options");
    expect(f, "POST", "/models/pumps/rollback", "{}", 400, "reason");
    expect(f, "GET", "/models/pumps/drift", "", 200,
           "{\"trigger\":\"precision\",\"looks_at\":\"share of the judged alarms that were "
           "right\",\"on\":false");
    expect(f, "POST", "/campaigns", "{\"model\":\"pumps\",\"kind\":\"overlay\"}", 400,
           "by lines that a trigger names");
    expect(f, "POST", "/campaigns", "{\"model\":\"pumps\"}", 201,
           "waiting for sites: 0 of at least 3 are connected");
    expect(f, "GET", "/campaigns/1", "", 200, "\"opened\":{\"id\":1,\"kind\":\"training\"");
    expect(f, "GET", "/journal", "", 200, "model pumps created by user/admin");
    expect(f, "GET", "/journal/verify", "", 200, "\"intact\":true");
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

/* Whoever reads does nothing that could be done twice; whoever else has chosen the key did something else. */
static void a_key_is_one_persons_and_of_changes_alone(void **state)
{
    fixture *f = *state;
    const an_who mia = an_test_who("mia", AN_ROLE_ADMINISTRATOR, "");
    an_api_answer a = ask(f, "POST", "/api/v1/models", MODEL("pumps"), "k1");
    assert_int_equal(a.status, 201);
    an_api_answer_done(&a);
    a = ask(f, "GET", "/api/v1/models", "", "k1");
    assert_int_equal(a.status, 200);
    an_api_answer_done(&a);
    a = an_test_api_ask(f, &mia, "POST", "/api/v1/models", MODEL("presses"), "k1");
    assert_int_equal(a.status, 201);
    an_api_answer_done(&a);
}

static void a_key_is_known_after_a_restart(void **state)
{
    fixture *f = *state;
    const an_who mia = an_test_who("mia", AN_ROLE_ADMINISTRATOR, "");
    const size_t before = an_hub_state(f->hub)->tokens.n;
    static const unsigned expected[] = {201, 409, 409};
    for (size_t i = 0; i < 3; i++) { /* the second: its answer holds a secret and is not remembered */
        if (i == 2)
            an_test_api_again(f);
        an_api_answer a = ask(f, "POST", "/api/v1/tokens", "{}", "k1");
        if (a.status != expected[i])
            fail_msg("%zu: %u %s", i, a.status, a.body);
        assert_true(i == 0 || strstr(a.body, "done before"));
        an_api_answer_done(&a);
    }
    assert_int_equal(an_hub_state(f->hub)->tokens.n, before + 1);
    an_api_answer a = an_test_api_ask(f, &mia, "POST", "/api/v1/tokens", "{}", "k1");
    assert_int_equal(a.status, 201);
    an_api_answer_done(&a);
    a = ask(f, "POST", "/api/v1/tokens", "{}", "k2");
    assert_int_equal(a.status, 201);
    an_api_answer_done(&a);
}

static void a_token_is_shown_once_and_its_key_never(void **state)
{
    fixture *f = *state;
    an_api_answer first = ask(f, "POST", "/api/v1/tokens", "{}", "key-2");
    an_api_answer again = ask(f, "POST", "/api/v1/tokens", "{}", "key-2");
    assert_int_equal(first.status, 201);
    assert_non_null(strstr(first.body, "andon1-"));
    assert_string_not_equal(first.body, again.body);
    expect(f, "GET", "/journal", "", 200, "\"key\":null");
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
        cmocka_unit_test_setup_teardown(a_model_may_begin_with_what_another_has_learnt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_model_may_have_steps_that_its_rows_go_through, setup, teardown),
        cmocka_unit_test_setup_teardown(a_model_is_made_once_and_its_policy_can_change, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_key_does_the_same_thing_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_one_persons_and_of_changes_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_known_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_is_shown_once_and_its_key_never, setup, teardown),
        cmocka_unit_test_setup_teardown(a_journal_without_news_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(running_out_of_memory_is_survived, setup, teardown),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
