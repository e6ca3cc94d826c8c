/* Answers that read the whole journal are made in pieces: others are answered between two of them. */
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
#include "doors/sqlite.h"
#include "tests/support/api.h"

#define N 3000     /* records about plant-b */
#define REPORT 100 /* each so many is a report of what runs there */

typedef an_test_api fixture;

static void fill(fixture *f)
{
    static const char alarm[] =
        "{\"line\":\"l\",\"alarm\":1,\"raised_ms\":1,\"cleared_ms\":0,\"peak\":1,\"sensors\":[]}";
    static char reports[N / REPORT][200];
    an_record *records = an_alloc(N, sizeof *records);
    assert_non_null(records);
    for (size_t i = 0; i < N; i++) {
        const bool is_report = i % REPORT == 0;
        char *body = reports[i / REPORT];
        if (is_report)
            snprintf(body, sizeof reports[0],
                     "{\"model\":\"pumps\",\"line\":\"%s\",\"version\":\"%064zx\",\"state\":\"running\"}",
                     i % (2 * REPORT) ? "m" : "l", i + 1);
        records[i] = (an_record){.kind = is_report ? "site.report" : "alarm.summary",
                                 .subject = "plant-b",
                                 .actor = "site/plant-b",
                                 .time_ms = 1700000000000 + (int64_t)i,
                                 .body = is_report ? body : alarm};
        records[i].body_len = strlen(records[i].body);
    }
    for (size_t i = 0; i < N; i += 1000)
        assert_int_equal(an_store_append(f->store, records + i, 1000, NULL, NULL), AN_OK);
    an_free(records);
    an_test_api_again(f);
}

static int setup(void **state)
{
    char version[65];
    fixture *f = *state = an_alloc(1, sizeof *f);
    an_test_api_open(f);
    snprintf(version, sizeof version, "%064x", 7u);
    an_test_api_site(f, "plant-b", 9, version);
    fill(f);
    return 0;
}

static int teardown(void **state)
{
    an_test_api_close(*state);
    an_free(*state);
    return 0;
}

static an_api_request get(const char *path, const char *line)
{
    an_api_request req = {.method = "GET", .actor = "user/admin", .who = an_who_admin()};
    snprintf(req.path, sizeof req.path, "/api/v1%s", path);
    snprintf(req.line, sizeof req.line, "%s", line);
    return req;
}

static char *body_of(an_api_answer *a)
{
    char *body = a->body;
    assert_int_equal(a->status, 200);
    *a = (an_api_answer){0};
    return body;
}

static char *at_once(fixture *f, const char *path, const char *line)
{
    const an_api_request req = get(path, line);
    an_api_answer a = {0};
    assert_int_equal(an_api_handle(f->api, &req, 0, &a), AN_OK);
    return body_of(&a);
}

/* between: what others ask and do after each piece.  *ret_pieces: how many were not the last. */
static char *in_pieces(fixture *f, const char *path, const char *line, void (*between)(fixture *f),
                       size_t *ret_pieces)
{
    an_api_rest *rest = NULL;
    an_api_request req = get(path, line);
    an_api_answer a = {0};
    an_err err;
    req.rest = &rest;
    *ret_pieces = 0;
    while ((err = an_api_handle(f->api, &req, 0, &a)) == AN_ERR_AGAIN) {
        assert_non_null(rest);
        assert_null(a.body);
        ++*ret_pieces;
        if (between)
            between(f);
    }
    assert_int_equal(err, AN_OK);
    assert_null(rest);
    return body_of(&a);
}

static void others(fixture *f)
{
    const an_who admin = an_who_admin();
    an_test_api_expect(f, &admin, "GET", "/sites", "", 200, "plant-b");
    an_test_api_record(f, "site.approved", "plant-b", "user/admin", "{\"fingerprint\":\"f\"}");
}

static void a_verification_lets_others_ask_and_the_journal_grow(void **state)
{
    fixture *f = *state;
    char says[64];
    size_t pieces;
    uint64_t before, after;
    assert_int_equal(an_store_head_get(f->store, &before, NULL, NULL), AN_OK);
    char *body = in_pieces(f, "/journal/verify", "", others, &pieces);
    assert_int_equal(an_store_head_get(f->store, &after, NULL, NULL), AN_OK);
    assert_true(pieces >= N / 512);
    assert_int_equal(after, before + pieces);
    assert_non_null(strstr(body, "\"intact\":true"));
    snprintf(says, sizeof says, "\"records\":%llu,", (unsigned long long)after);
    assert_non_null(strstr(body, says));
    snprintf(says, sizeof says, "\"reports_plain\":%d,", N / REPORT + 1);
    assert_non_null(strstr(body, says));
    an_free(body);
}

static void a_history_in_pieces_is_the_same_as_at_once(void **state)
{
    static const char *const lines[] = {"", "l", "m"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t pieces;
        char *whole = at_once(f, "/history/plant-b", lines[i]);
        char *body = in_pieces(f, "/history/plant-b", lines[i], others, &pieces);
        assert_true(pieces >= N / 512);
        assert_string_equal(body, whole);
        an_free(whole);
        an_free(body);
    }
    const an_api_request req = get("/history/plant-b", "n");
    an_api_answer a = {0};
    assert_int_equal(an_api_handle(f->api, &req, 0, &a), AN_OK);
    assert_int_equal(a.status, 404);
    assert_non_null(strstr(a.body, "its lines: l, m"));
    an_api_answer_done(&a);
}

static void an_answer_that_nobody_waits_for_leaves_nothing(void **state)
{
    static const char *const paths[] = {"/journal/verify", "/history/plant-b"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const size_t live = an_mem_live();
        an_api_rest *rest = NULL;
        an_api_request req = get(paths[i], "");
        an_api_answer a = {0};
        req.rest = &rest;
        assert_int_equal(an_api_handle(f->api, &req, 0, &a), AN_ERR_AGAIN);
        an_api_rest_free(rest);
        assert_int_equal(an_mem_live(), live);
    }
}

static void by_hand(fixture *f, const char *sql)
{
    char path[AN_PATH_MAX];
    an_db *db = NULL;
    assert_int_equal(an_path_join(path, f->dir, "journal.db"), AN_OK);
    assert_int_equal(an_db_open(path, &db, NULL), AN_OK);
    assert_int_equal(an_db_exec(db, sql, NULL), AN_OK);
    an_db_close(db);
}

static void what_a_hand_has_changed_is_found_in_a_later_piece(void **state)
{
    fixture *f = *state;
    size_t pieces;
    by_hand(f, "DROP TRIGGER records_stay; DROP TRIGGER records_remain;"
               "UPDATE records SET body = CAST('{}' AS BLOB) WHERE seq = 2000");
    char *body = in_pieces(f, "/journal/verify", "", NULL, &pieces);
    assert_true(pieces >= 3);
    assert_non_null(strstr(body, "\"intact\":false"));
    assert_non_null(strstr(body, "record 2000"));
    an_free(body);
}

static void a_journal_that_was_cut_off_is_found_at_its_end(void **state)
{
    fixture *f = *state;
    size_t pieces;
    by_hand(f, "DROP TRIGGER records_stay; DROP TRIGGER records_remain;"
               "DELETE FROM records WHERE seq > 2500");
    char *body = in_pieces(f, "/journal/verify", "", NULL, &pieces);
    assert_non_null(strstr(body, "\"intact\":false"));
    assert_non_null(strstr(body, "record 2501 and all up to"));
    an_free(body);
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_verification_lets_others_ask_and_the_journal_grow, setup, teardown),
        cmocka_unit_test_setup_teardown(a_history_in_pieces_is_the_same_as_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_nobody_waits_for_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_hand_has_changed_is_found_in_a_later_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(a_journal_that_was_cut_off_is_found_at_its_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
