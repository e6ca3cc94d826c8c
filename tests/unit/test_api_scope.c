/* Who has some sites alone reads of no other one: the name of another is in no answer at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/api.h"

typedef an_test_api fixture;

#define MODEL                                                                                                \
    "{\"name\":\"pumps\",\"arch\":\"model: ae\\ninput: {features: input, window: 1}\\nlayers:\\n  - dense: " \
    "{units: 2}\\n  - dense: {units: input, name: out}\\nloss: mse\\ntarget: "                               \
    "input\\n\",\"sensors\":[\"a\",\"b\"]}"

#define MADE "00000000000000000000000000000000000000000000000000000000000000aa"

/* A round that did not wait for plant-b, and the version that it made, which plant-b could not run. */
static void add_work(fixture *f, const char *base)
{
    char body[512];
    snprintf(body, sizeof body,
             "{\"id\":3,\"model\":\"pumps\",\"campaign\":1,\"kind\":1,\"plan\":\"" MADE "\",\"base\":\"%s\"}",
             base);
    an_test_api_record(f, "round.opened", "round/3", "coordinator", body);
    an_test_api_record(f, "round.ended", "round/3", "coordinator",
                       "{\"id\":3,\"committed\":true,\"updates\":1,\"bytes\":9,\"reason\":\"plant-b: late\","
                       "\"result\":\"" MADE "\",\"loss\":0.5,\"awaited\":\"plant-b\",\"owing\":[\"plant-b\"],"
                       "\"outliers\":[{\"site\":\"plant-b\",\"in\":false,\"reason\":\"far off\"}]}");
    snprintf(body, sizeof body,
             "{\"hash\":\"" MADE "\",\"parent\":\"%s\",\"round\":3,\"campaign\":1,\"size\":9}", base);
    an_test_api_record(f, "version.registered", "pumps", "coordinator", body);
    snprintf(body, sizeof body, "{\"alias\":\"candidate\",\"to\":\"%s\",\"reason\":\"plant-b drifts\"}",
             base);
    an_test_api_record(f, "alias.moved", "pumps", "coordinator", body);
    an_test_api_record(f, "version.quarantined", "pumps", "coordinator",
                       "{\"hash\":\"" MADE "\",\"reason\":\"plant-b: no memory\"}");
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    char body[1024], hex[AN_HASH_TEXT];
    const an_who admin = an_who_admin();
    an_test_api_open(f);
    an_test_api_expect(f, &admin, "POST", "/models", MODEL, 201, "pumps");
    const an_hash blank = an_hub_state(f->hub)->models.items[0].blank;
    an_hash_text(hex, &blank);
    an_test_api_site(f, "plant-a", 1, hex);
    an_test_api_site(f, "plant-b", 2, hex);
    an_test_api_record(f, "group.set", "both", "user/admin", "{\"sites\":[\"plant-a\",\"plant-b\"]}");
    an_test_api_record(f, "group.set", "theirs", "user/admin", "{\"sites\":[\"plant-b\"]}");
    snprintf(body, sizeof body,
             "{\"id\":1,\"kind\":\"training\",\"trigger\":\"plant-b "
             "drifts\",\"cause\":\"plant-b\",\"scope\":\"fleet\","
             "\"plan\":\"plant-b\",\"rounds\":1,\"waiting\":true,\"base\":\"%s\",\"sites\":[\"plant-b\"],"
             "\"evidence\":[{\"site\":\"plant-a\",\"line\":\"l\"},{\"site\":\"plant-b\",\"line\":\"l\"}]}",
             hex);
    an_test_api_record(f, "campaign.opened", "pumps", "coordinator", body);
    snprintf(body, sizeof body, "{\"version\":\"%s\",\"reason\":\"for plant-b\"}", hex);
    an_test_api_expect(f, &admin, "POST", "/models/pumps/promote", body, 200, "pumps");
    add_work(f, hex);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    an_test_api_close(*state);
    an_free(*state);
    return 0;
}

/* What stands for the {part} of a pattern here. */
static const char *part_of(fixture *f, const char *pattern, char hex[static AN_HASH_TEXT])
{
    static const char *const parts[][2] = {{"/models/", "pumps"},
                                           {"/campaigns/", "1"},
                                           {"/rollouts/", "2"},
                                           {"/users/", "mia"},
                                           {"/sites/", "plant-a"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strncmp(pattern, parts[i][0], strlen(parts[i][0])) == 0)
            return parts[i][1];
    an_hash_text(hex, &an_hub_state(f->hub)->models.items[0].blank);
    return strncmp(pattern, "/versions/", 10) == 0 ? hex : "plant-a";
}

static void each_answer_leaves_out_other_sites(void **state)
{
    fixture *f = *state;
    const an_who mia = an_test_who("mia", AN_ROLE_ADMINISTRATOR, "plant-a"), admin = an_who_admin();
    an_api_route_info r;
    size_t hers = 0, theirs = 0, asked = 0;
    for (size_t i = 0; an_api_route_at(i, &r); i++) {
        char path[256], hex[AN_HASH_TEXT];
        const char *open = strchr(r.pattern, '{');
        if (strcmp(r.method, "GET") != 0)
            continue;
        snprintf(path, sizeof path, "/api/v1%.*s%s%s", open ? (int)(open - r.pattern) : 200, r.pattern,
                 open ? part_of(f, r.pattern, hex) : "", open ? strchr(open, '}') + 1 : "");
        an_api_answer a = an_test_api_ask(f, &mia, "GET", path, "", "");
        if (strstr(a.body, "plant-b") || strstr(a.body, "theirs"))
            fail_msg("%s says %s", path, a.body);
        hers += a.status == 200 && strstr(a.body, "plant-a") != NULL;
        asked += a.status == 200;
        an_api_answer_done(&a);
        a = an_test_api_ask(f, &admin, "GET", path, "", "");
        theirs += a.status == 200 && strstr(a.body, "plant-b") != NULL;
        an_api_answer_done(&a);
    }
    /* There was something to leave out. */
    print_message("%zu answers, %zu with her site, %zu with the other for who sees all\n", asked, hers,
                  theirs);
    assert_true(asked > 25 && hers >= 10 && theirs >= 15);
    an_test_api_expect(f, &mia, "GET", "/history/plant-b", "", 404, "no site");
    an_test_api_expect(f, &mia, "GET", "/history/pumps", "", 200, "moves");
}

static void what_somebody_asks_for_by_name_is_left_out_too(void **state)
{
    fixture *f = *state;
    const an_who mia = an_test_who("mia", AN_ROLE_VIEWER, "plant-a");
    static const char *const paths[] = {"/api/v1/alarms",       "/api/v1/drifts", "/api/v1/fleet",
                                        "/api/v1/verdicts",     "/api/v1/ledger", "/api/v1/journal",
                                        "/api/v1/alarms/counts"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        an_api_request req = {
            .method = "GET", .actor = "user/mia", .who = mia, .site = "plant-b", .subject = "plant-b"};
        an_api_answer a = {0};
        snprintf(req.path, sizeof req.path, "%s", paths[i]);
        assert_int_equal(an_api_handle(f->api, &req, 0, &a), AN_OK);
        if (strstr(a.body, "plant-b"))
            fail_msg("%s says %s", paths[i], a.body);
        an_api_answer_done(&a);
    }
}

/* What it was made for and why it is held back are texts in which any site may be named. */
static void why_a_version_was_made_and_held_back_names_no_other_site(void **state)
{
    fixture *f = *state;
    const an_who mia = an_test_who("mia", AN_ROLE_ADMINISTRATOR, "plant-a"), admin = an_who_admin();
    static const char *const paths[] = {"/versions/" MADE, "/versions/" MADE "/card", "/versions",
                                        "/history/pumps",  "/models/pumps/lineage",   "/rounds/3"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[256];
        snprintf(path, sizeof path, "/api/v1%s", paths[i]);
        an_api_answer a = an_test_api_ask(f, &mia, "GET", path, "", "");
        if (a.status != 200 || strstr(a.body, "plant-b"))
            fail_msg("%s: %u %s", path, a.status, a.body);
        an_api_answer_done(&a);
        an_test_api_expect(f, &admin, "GET", paths[i], "", 200, "plant-b");
    }
    an_test_api_expect(f, &mia, "GET", "/versions/" MADE "/card", "", 200,
                       "a reason that is for who sees all");
    an_test_api_expect(f, &mia, "GET", "/rounds/3", "", 200, "\"loss\":0.5");
}

/* A site says that an alarm was raised, and later that it is over. */
static void an_alarm_counts_once(void **state)
{
    fixture *f = *state;
    const an_who mia = an_test_who("mia", AN_ROLE_VIEWER, "plant-a");
    an_test_api_expect(f, &mia, "GET", "/alarms/counts", "", 200, "\"site\":\"plant-a\",\"alarms\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_answer_leaves_out_other_sites, setup, teardown),
        cmocka_unit_test_setup_teardown(what_somebody_asks_for_by_name_is_left_out_too, setup, teardown),
        cmocka_unit_test_setup_teardown(why_a_version_was_made_and_held_back_names_no_other_site, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_alarm_counts_once, setup, teardown),
    };
    an_log_init(AN_LOG_OFF, "test_api_scope");
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
