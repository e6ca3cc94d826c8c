/* Lists in pieces: every item once, whatever the size of a piece, and nothing of sites that are not one's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/api/api.h"
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

#define ARCH                                                                                                 \
    "model: ae\\ninput: {features: input, window: 1}\\nlayers:\\n  - dense: {units: 2}\\n  - "               \
    "dense: {units: input, name: out}\\nloss: mse\\ntarget: input\\n"

static void make_models(fixture *f, int n)
{
    const an_who admin = an_who_admin();
    char body[600];
    for (int i = 0; i < n; i++) {
        snprintf(body, sizeof body, "{\"name\":\"m%d\",\"arch\":\"" ARCH "\",\"sensors\":[\"a\",\"b\"]}", i);
        an_test_api_expect(f, &admin, "POST", "/models", body, 201, "\"name\"");
    }
}

#define DAY INT64_C(86400000)
#define NOON (INT64_C(20000) * DAY + DAY / 2) /* 2024-10-04 */

static void alarm_at(fixture *f, const char *site, const char *line, int64_t ms)
{
    char body[200], actor[80];
    snprintf(actor, sizeof actor, "site/%s", site);
    snprintf(body, sizeof body,
             "{\"line\":\"%s\",\"alarm\":1,\"raised_ms\":%lld,\"cleared_ms\":0,\"peak\":2.5,\"sensors\":[]}",
             line, (long long)ms);
    const an_record r = {.time_ms = ms,
                         .kind = "alarm.summary",
                         .subject = site,
                         .actor = actor,
                         .body = body,
                         .body_len = strlen(body)};
    assert_int_equal(an_store_append(f->store, &r, 1, NULL, NULL), AN_OK);
}

typedef struct query {
    const char *name, *value;
} query;

static void set_query(an_api_request *req, const char *name, const char *value)
{
    bool known = false;
#define AN_API_ROW(key)                                                                                      \
    if (strcmp(name, #key) == 0) {                                                                           \
        snprintf(req->key, sizeof req->key, "%s", value);                                                    \
        known = true;                                                                                        \
    }
    AN_API_QUERY_LIST(AN_API_ROW)
#undef AN_API_ROW
    assert_true(known);
}

static an_json_doc *get(fixture *f, const an_who *who, const char *path, const query *q, unsigned status)
{
    an_api_request req = {.method = "GET", .who = *who};
    an_api_answer a = {0};
    an_json_doc *doc = NULL;
    snprintf(req.path, sizeof req.path, "/api/v1%s", path);
    snprintf(req.actor, sizeof req.actor, "user/%s", who->name);
    for (; q && q->name; q++)
        if (q->value)
            set_query(&req, q->name, q->value);
    assert_int_equal(an_api_handle(f->api, &req, 0, &a), AN_OK);
    if (a.status != status)
        fail_msg("%s: %u %s", path, a.status, a.body);
    assert_int_equal(an_json_parse(a.body, strlen(a.body), path, &doc, NULL), AN_OK);
    an_api_answer_done(&a);
    return doc;
}

/* All pieces of a list, its items' key put together. */
static void collect(fixture *f, const char *path, const char *key, const char *cursor, const char *limit,
                    const char *item, char *out, size_t cap)
{
    const an_who admin = an_who_admin();
    char at[32] = "";
    out[0] = '\0';
    for (int pieces = 0;; pieces++) {
        const query q[] = {{"limit", limit}, {cursor, at}, {NULL, NULL}};
        an_json_doc *doc = get(f, &admin, path, q, 200);
        const an_jval *list = an_jval_get(an_json_root(doc), key), *next;
        int64_t number = 0;
        assert_true(pieces < 30);
        for (size_t i = 0; i < an_jval_count(list); i++) {
            const an_jval *v = an_jval_get(an_jval_at(list, i), item);
            const char *text = NULL;
            const size_t len = strlen(out);
            if (an_jval_kind(v) == AN_JKIND_TEXT) {
                assert_int_equal(an_jval_text(v, NULL, &text, NULL), AN_OK);
                snprintf(out + len, cap - len, "%s ", text);
            } else {
                assert_int_equal(an_jval_get_int(an_jval_at(list, i), item, 0, INT64_MAX, 0, &number, NULL),
                                 AN_OK);
                snprintf(out + len, cap - len, "%lld ", (long long)number);
            }
        }
        next = an_jval_get(an_json_root(doc), "next");
        if (next)
            assert_int_equal(an_jval_get_int(an_json_root(doc), "next", 0, INT64_MAX, 0, &number, NULL),
                             AN_OK);
        an_json_doc_free(doc);
        if (!next)
            return;
        snprintf(at, sizeof at, "%lld", (long long)number);
    }
}

static void pieces_of_any_size_add_up(void **state)
{
    fixture *f = *state;
    char all[500], some[500], versions[700], pieces[700];
    make_models(f, 5);
    collect(f, "/models", "models", "after", "1000", "name", all, sizeof all);
    assert_string_equal(all, "m0 m1 m2 m3 m4 ");
    collect(f, "/versions", "versions", "before", "1000", "hash", versions, sizeof versions);
    assert_int_equal(strlen(versions), 5 * 65);
    static const char *const limits[] = {"1", "2", "3", "4", "5"};
    for (size_t i = 0; i < 5; i++) {
        collect(f, "/models", "models", "after", limits[i], "name", some, sizeof some);
        assert_string_equal(some, all);
        collect(f, "/versions", "versions", "before", limits[i], "hash", pieces, sizeof pieces);
        assert_string_equal(pieces, versions);
    }
    collect(f, "/models/m3/lineage", "nodes", "before", "1", "model", some, sizeof some);
    assert_string_equal(some, "m3 ");
}

static void records_come_newest_first_in_pieces(void **state)
{
    fixture *f = *state;
    char all[500], some[500];
    for (int i = 0; i < 7; i++)
        alarm_at(f, i % 2 ? "plant-a" : "plant-b", i < 4 ? "press" : "pump", NOON + i * DAY / 2);
    collect(f, "/alarms", "alarms", "before", "1000", "seq", all, sizeof all);
    assert_true(strlen(all) >= 14);
    collect(f, "/alarms", "alarms", "before", "2", "seq", some, sizeof some);
    assert_string_equal(some, all);

    const an_who admin = an_who_admin(), mia = an_test_who("mia", AN_ROLE_VIEWER, "plant-a");
    const query none[] = {{NULL, NULL}}, lines[] = {{"line", "press"}, {"site", "plant-b"}, {NULL, NULL}};
    char from[32], to[32];
    snprintf(from, sizeof from, "%lld", (long long)(NOON + DAY));
    snprintf(to, sizeof to, "%lld", (long long)(NOON + 2 * DAY));
    const query days[] = {{"since", from}, {"until", to}, {NULL, NULL}};
    const struct {
        const an_who *who;
        const query *q;
        size_t n;
    } cases[] = {{&admin, none, 7}, {&mia, none, 3}, {&admin, lines, 2}, {&admin, days, 3}, {&mia, lines, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_json_doc *doc = get(f, cases[i].who, "/alarms", cases[i].q, 200);
        assert_int_equal(an_jval_count(an_jval_get(an_json_root(doc), "alarms")), cases[i].n);
        an_json_doc_free(doc);
    }
    const query by[][3] = {{{"by", "site/"}, {NULL, NULL}},
                           {{"by", "site/plant-a"}, {NULL, NULL}},
                           {{"by", "user/"}, {NULL, NULL}}};
    static const size_t by_n[] = {7, 3, 0};
    for (size_t i = 0; i < 3; i++) {
        an_json_doc *doc = get(f, &admin, "/journal", by[i], 200);
        assert_int_equal(an_jval_count(an_jval_get(an_json_root(doc), "records")), by_n[i]);
        an_json_doc_free(doc);
    }
    const query newest[] = {{"newest", "true"}, {"limit", "2"}, {"kind", "alarm.summary"}, {NULL, NULL}};
    an_json_doc *doc = get(f, &admin, "/journal", newest, 200);
    assert_int_equal(an_jval_count(an_jval_get(an_json_root(doc), "records")), 2);
    assert_non_null(an_jval_get(an_json_root(doc), "next"));
    an_json_doc_free(doc);
}

static size_t n_of(fixture *f, const char *path, const char *key, const query *q)
{
    const an_who admin = an_who_admin();
    an_json_doc *doc = get(f, &admin, path, q, 200);
    const size_t n = an_jval_count(an_jval_get(an_json_root(doc), key));
    an_json_doc_free(doc);
    return n;
}

typedef struct sent {
    int64_t records, bytes;
} sent;

/* All pieces of the ledger added up. */
static sent sent_by(fixture *f, const char *site, const char *kind)
{
    const query q[] = {{"site", site}, {NULL, NULL}};
    const an_who admin = an_who_admin();
    sent all = {0, 0};
    an_json_doc *doc = get(f, &admin, "/ledger", q, 200);
    const an_jval *list = an_jval_get(an_json_root(doc), "ledger");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const char *of = "", *by = "";
        int64_t records = 0, bytes = 0;
        const an_jval *o = an_jval_at(list, i);
        assert_int_equal(an_jval_get_text(o, "kind", "", &of, NULL), AN_OK);
        assert_int_equal(an_jval_get_text(o, "site", "", &by, NULL), AN_OK);
        assert_int_equal(an_jval_get_int(o, "records", 1, 1000, 0, &records, NULL), AN_OK);
        assert_int_equal(an_jval_get_int(o, "bytes", 1, 1000000, 0, &bytes, NULL), AN_OK);
        assert_string_equal(by, site);
        if (strcmp(of, kind) == 0)
            all = (sent){all.records + records, all.bytes + bytes};
    }
    an_json_doc_free(doc);
    return all;
}

static void the_ledger_and_verdicts_are_what_the_journal_says(void **state)
{
    fixture *f = *state;
    char hex[AN_HASH_TEXT];
    make_models(f, 1);
    an_hash_text(hex, &an_hub_state(f->hub)->models.items[0].blank);
    an_test_api_site(f, "plant-a", 1, hex);
    an_test_api_site(f, "plant-b", 2, hex);
    an_test_api_record(f, "drift.alert", "plant-b", "site/plant-b", "{\"line\":\"l\",\"model\":\"m0\"}");
    static const char first[] =
        "{\"line\":\"l\",\"alarm\":1,\"raised_ms\":1,\"cleared_ms\":0,\"peak\":1,\"sensors\":[]}";
    const sent alarms = sent_by(f, "plant-a", "alarm.summary");
    assert_int_equal(alarms.records, 2);
    assert_int_equal(alarms.bytes, 2 * (sizeof first - 1)); /* a digit for a digit */
    assert_int_equal(sent_by(f, "plant-b", "drift.alert").records, 2);
    assert_int_equal(sent_by(f, "plant-a", "drift.alert").records, 1);
    assert_int_equal(sent_by(f, "plant-a", "site.approved").records, 0); /* by a person */

    const query pumps[] = {{"model", "pumps"}, {NULL, NULL}}, of_a[] = {{"site", "plant-a"}, {NULL, NULL}},
                other[] = {{"line", "x"}, {NULL, NULL}};
    assert_int_equal(n_of(f, "/verdicts", "verdicts", NULL), 2);
    assert_int_equal(n_of(f, "/verdicts", "verdicts", of_a), 1);
    assert_int_equal(n_of(f, "/verdicts", "verdicts", other), 0);
    assert_int_equal(n_of(f, "/drifts", "drifts", pumps), 2);
    assert_int_equal(n_of(f, "/drifts", "drifts", of_a), 1);
    assert_int_equal(n_of(f, "/alarms/counts", "counts", of_a), 1); /* raised and cleared is one */
    an_test_api_record(f, "alarm.summary", "plant-a", "site/plant-a", first);
    an_clock_fake_advance(&f->clock, DAY);
    an_test_api_record(f, "alarm.summary", "plant-a", "site/plant-a", first);
    char days[100];
    collect(f, "/alarms/counts", "counts", "before", "1", "alarms", days, sizeof days);
    assert_string_equal(days, "1 1 2 "); /* today plant-a's; the day before plant-b's and plant-a's */
    assert_int_equal(n_of(f, "/fleet", "fleet", of_a), 1);
}

static void rounds_of_one_campaign_are_those(void **state)
{
    fixture *f = *state;
    const query first[] = {{"campaign", "1"}, {NULL, NULL}}, second[] = {{"campaign", "2"}, {NULL, NULL}},
                none[] = {{"campaign", "9"}, {NULL, NULL}},
                other[] = {{"campaign", "1"}, {"model", "fans"}, {NULL, NULL}};
    for (int id = 3; id < 9; id++) {
        char body[400], subject[32];
        snprintf(subject, sizeof subject, "round/%d", id);
        snprintf(body, sizeof body,
                 "{\"id\":%d,\"model\":\"pumps\",\"campaign\":%d,\"kind\":1,\"plan\":\"%064d\",\"base\":\"%"
                 "064d\"}",
                 id, id < 5 ? 1 : 2, 1, 2);
        an_test_api_record(f, "round.opened", subject, "coordinator", body);
    }
    assert_int_equal(n_of(f, "/rounds", "rounds", NULL), 6);
    assert_int_equal(n_of(f, "/rounds", "rounds", first), 2);
    assert_int_equal(n_of(f, "/rounds", "rounds", second), 4);
    assert_int_equal(n_of(f, "/rounds", "rounds", none), 0);
    assert_int_equal(n_of(f, "/rounds", "rounds", other), 0);
}

static void a_wrong_cursor_is_refused(void **state)
{
    fixture *f = *state;
    const an_who admin = an_who_admin();
    static const struct {
        const char *path;
        query q[2];
    } cases[] = {
        {"/rounds", {{"before", "x"}}},   {"/rounds", {{"limit", "0"}}},    {"/rounds", {{"limit", "1001"}}},
        {"/rounds", {{"campaign", "x"}}}, {"/models", {{"after", "-1"}}},   {"/alarms", {{"since", "noon"}}},
        {"/ledger", {{"until", "-3"}}},   {"/journal", {{"before", "1x"}}}, {"/events", {{"after", "99999"}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        an_json_doc_free(get(f, &admin, cases[i].path, cases[i].q, 400));
    const query far[] = {{"before", "999999"}, {NULL, NULL}}, past[] = {{"after", "999999"}, {NULL, NULL}};
    an_json_doc_free(get(f, &admin, "/rounds", far, 200));
    an_json_doc_free(get(f, &admin, "/models", past, 200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_of_any_size_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(records_come_newest_first_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(the_ledger_and_verdicts_are_what_the_journal_says, setup, teardown),
        cmocka_unit_test_setup_teardown(rounds_of_one_campaign_are_those, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_cursor_is_refused, setup, teardown),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests_name("api_lists", tests, NULL, NULL);
}
