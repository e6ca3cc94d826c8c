/* What the local API says for the site's own page: how each line is, an alarm with its story and pictures, data, ledger,
 * versions.  From files as an agent leaves them, and from rings of scores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/exhibit.h"
#include "agent/spool.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "tests/support/local_api.h"
#include "tests/support/sinks.h"

typedef struct fixture {
    an_test_log t;
    an_recent *recent;
    an_local_line line;
    an_local_api_conf conf;
    const char *query[8]; /* key, value ... NULL */
    unsigned status;
    const char *type;
    char *body;
    size_t len;
    an_json_doc *doc; /* of the last answer; NULL: it is none of JSON */
} fixture;

static const char *query(void *ctx, const char *key)
{
    const fixture *f = ctx;
    for (size_t i = 0; f->query[i]; i += 2)
        if (strcmp(f->query[i], key) == 0)
            return f->query[i + 1];
    return NULL;
}

static void forget(fixture *f)
{
    an_json_doc_free(f->doc);
    an_free(f->body);
    f->doc = NULL;
    f->body = NULL;
}

static unsigned get(fixture *f, const char *path)
{
    an_http_reply reply = {.status = 0};
    const an_local_ask a = {
        .method = "GET", .path = path, .body = "", .user = "anna", .query = query, .ctx = f};
    forget(f);
    an_local_api_answer(&f->conf, &a, &reply);
    f->body = reply.body;
    f->len = reply.body_len;
    f->type = reply.type;
    if (strcmp(f->type, "application/json") == 0)
        assert_int_equal(an_json_parse(f->body, f->len, path, &f->doc, NULL), AN_OK);
    return f->status = reply.status;
}

static const an_jval *at(const fixture *f, const char *pointer)
{
    const an_jval *v = an_jval_point(an_json_root(f->doc), pointer);
    if (!v)
        fail_msg("%s is missing in %s", pointer, f->body);
    return v;
}

static const char *text_at(const fixture *f, const char *pointer)
{
    const char *text = NULL;
    if (an_jval_text(at(f, pointer), NULL, &text, NULL) != AN_OK)
        fail_msg("%s: no text in %s", pointer, f->body);
    return text;
}

static int64_t int_at(const fixture *f, const char *pointer)
{
    int64_t n = 0;
    if (an_jval_int(at(f, pointer), NULL, INT64_MIN, INT64_MAX, &n, NULL) != AN_OK)
        fail_msg("%s: no number in %s", pointer, f->body);
    return n;
}

static int64_t wall_ms(void)
{
    return an_clock_system()->wall_ms(an_clock_system());
}

/* As the agent writes it each second. */
static void put_status(fixture *f, int64_t time_ms, const char *state, bool runs)
{
    char path[AN_PATH_MAX], text[600];
    snprintf(text, sizeof text,
             "{\"site\":\"plant-a\",\"time_ms\":%lld,\"coordinator\":{\"connected\":false},\"lines\":[{"
             "\"line\":\"line-1\","
             "\"model\":\"pump\",\"state\":\"%s\",\"state_ms\":%lld,\"version\":%s,\"last_error\":\"\"}]}",
             (long long)time_ms, state, (long long)time_ms, runs ? "\"aa\"" : "null");
    assert_int_equal(an_path_join(path, f->t.dir, "status.json"), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0644, NULL), AN_OK);
}

static void add(fixture *f, int64_t now_ms, double score)
{
    an_recent_add(f->recent, now_ms, &(an_recent_row){.time_ms = 1000, .score = score});
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_log_open(&f->t, 0);
    f->recent = an_recent_new();
    f->line = (an_local_line){.name = "line-1", .recent = f->recent};
    f->conf = (an_local_api_conf){.dir = f->t.dir, .socket = "/nowhere", .lines = &f->line, .n_lines = 1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    forget(f);
    an_recent_free(f->recent);
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

static void a_line_is_normal_silent_learning_or_in_alarm(void **state)
{
    fixture *f = *state;
    const int64_t now = wall_ms();
    assert_int_equal(get(f, "/v1/board"), 404);
    put_status(f, now, "waiting for a version", false);
    assert_int_equal(get(f, "/v1/board"), 200);
    assert_string_equal(text_at(f, "/lines/0/state"), "waiting");
    put_status(f, now, "reading", true);
    add(f, now, 0.5);
    assert_int_equal(get(f, "/v1/board"), 200);
    assert_string_equal(text_at(f, "/lines/0/state"), "normal");
    assert_string_equal(text_at(f, "/lines/0/no_data"), "");
    assert_int_equal(int_at(f, "/lines/0/row_ms"), 1000);
    assert_int_equal(an_jval_kind(at(f, "/lines/0/last_alarm")), AN_JKIND_NULL);
    an_test_log_raise(&f->t, 2);
    assert_int_equal(get(f, "/v1/board"), 200);
    assert_string_equal(text_at(f, "/lines/0/state"), "alarm");
    assert_string_equal(text_at(f, "/lines/0/severity"), "high");
    assert_int_equal(int_at(f, "/lines/0/active"), 2);
    assert_int_equal(int_at(f, "/lines/0/unacknowledged"), 2);
    assert_int_equal(int_at(f, "/lines/0/last_alarm/alarm"), 2);
    assert_true(int_at(f, "/lines/0/since_ms") > 0);
    assert_int_equal(int_at(f, "/seq"), 2);
}

static void what_gives_no_rows_is_said(void **state)
{
    fixture *f = *state;
    const int64_t now = wall_ms();
    put_status(f, now, "failing", true);
    get(f, "/v1/board");
    assert_string_equal(text_at(f, "/lines/0/state"), "no data");
    assert_string_equal(text_at(f, "/lines/0/no_data"), "failing");
    put_status(f, now - 60000, "reading", true); /* the agent itself */
    get(f, "/v1/board");
    assert_string_equal(text_at(f, "/lines/0/no_data"), "stopped");
    put_status(f, now, "reading", true);
    for (int64_t i = 0; i < 20; i++)
        add(f, now - 40000 + i * 1000, 0.5);
    get(f, "/v1/board");
    assert_string_equal(text_at(f, "/lines/0/no_data"), "silent");
    /* A line that makes a part every half minute is not silent yet. */
    f->line.rate_hz = 1.0 / 30;
    get(f, "/v1/board");
    assert_string_equal(text_at(f, "/lines/0/no_data"), "");
    /* An alarm that is open stays one. */
    f->line.rate_hz = 0;
    an_test_log_raise(&f->t, 1);
    get(f, "/v1/board");
    assert_string_equal(text_at(f, "/lines/0/state"), "alarm");
    assert_string_equal(text_at(f, "/lines/0/no_data"), "silent");
}

static void scores_come_since_the_last_look(void **state)
{
    fixture *f = *state;
    const int64_t now = wall_ms() / 1000 * 1000;
    char since[24];
    put_status(f, now, "reading", true);
    for (int64_t i = 0; i < 5; i++)
        add(f, now - 4000 + i * 1000, (double)i);
    get(f, "/v1/board");
    assert_int_equal(an_jval_count(at(f, "/lines/0/points")), 5);
    assert_int_equal(int_at(f, "/lines/0/points/0/0"), now - 4000);
    snprintf(since, sizeof since, "%lld", (long long)(now - 1000));
    f->query[0] = "since", f->query[1] = since;
    get(f, "/v1/board");
    assert_int_equal(an_jval_count(at(f, "/lines/0/points")), 2);
    f->query[1] = "-1";
    assert_int_equal(get(f, "/v1/board"), 400);
    f->query[1] = "soon";
    assert_int_equal(get(f, "/v1/board"), 400);
}

static void an_alarm_has_its_story_and_its_pictures(void **state)
{
    fixture *f = *state;
    static const float image[4] = {0.1f, 0.2f, 0.3f, 0.4f}, map[4] = {0, 0.5f, 1, 9};
    const an_seen seen = {.height = 2, .width = 2, .channels = 1, .image = image, .map = map};
    static const char signal[] = "{\"time_ms\":[1],\"scores\":[1.5],\"sensors\":[]}";
    char *text = an_alloc(sizeof signal, 1);
    an_exhibits *x = NULL;
    an_note why = {{0}};
    an_test_log_raise(&f->t, 3);
    assert_int_equal(get(f, "/v1/alarms/line-1/2"), 200);
    assert_int_equal(int_at(f, "/alarm/alarm"), 2);
    assert_int_equal(an_jval_count(at(f, "/events")), 1);
    assert_int_equal(an_jval_count(at(f, "/similar")), 2);
    assert_int_equal(an_jval_count(at(f, "/pictures")), 0);
    assert_int_equal(an_jval_kind(at(f, "/signal")), AN_JKIND_NULL);
    assert_int_equal(get(f, "/v1/alarms/line-1/2/map.png"), 404);
    assert_int_equal(an_exhibits_open(f->t.dir, 1 << 20, &x, &why), AN_OK);
    an_exhibit *e = an_exhibit_new("line-1", 2, &seen, true);
    assert_int_equal(an_exhibits_keep(x, e, &why), AN_OK);
    an_exhibit_free(e);
    memcpy(text, signal, sizeof signal);
    e = an_exhibit_of_signal("line-1", 3, text);
    assert_int_equal(an_exhibits_keep(x, e, &why), AN_OK);
    an_exhibit_free(e);
    an_exhibits_close(x);
    assert_int_equal(get(f, "/v1/alarms/line-1/2"), 200);
    assert_string_equal(text_at(f, "/pictures/0"), "image");
    assert_string_equal(text_at(f, "/pictures/1"), "map");
    static const char *const pictures[] = {"map.png", "image.png", "overlay.png"};
    for (size_t i = 0; i < 3; i++) {
        char path[100];
        snprintf(path, sizeof path, "/v1/alarms/line-1/2/%s", pictures[i]);
        assert_int_equal(get(f, path), 200);
        assert_string_equal(f->type, "image/png");
        assert_true(f->len > 8);
        assert_memory_equal(f->body, "\x89PNG", 4);
    }
    assert_int_equal(get(f, "/v1/alarms/line-1/2/status.json"), 404);
    assert_int_equal(get(f, "/v1/alarms/../2/map.png"), 404);
    assert_int_equal(get(f, "/v1/alarms/line-1/0/map.png"), 400);
    assert_int_equal(get(f, "/v1/alarms/line-1/3"), 200);
    assert_int_equal(int_at(f, "/signal/time_ms/0"), 1);
}

static void data_that_is_bad_is_listed_newest_first(void **state)
{
    fixture *f = *state;
    an_test_log_raise(&f->t, 1);
    for (int i = 0; i < 3; i++) {
        an_alarm_record r = {.kind = AN_LOGGED_QUALITY, .time_ms = 5000 + i, .begins = i != 1, .n_top = 1};
        snprintf(r.line, sizeof r.line, "line-1");
        snprintf(r.fault, sizeof r.fault, "stuck");
        snprintf(r.top[0].sensor, sizeof r.top[0].sensor, "flow");
        an_test_log_store(&f->t, r);
    }
    assert_int_equal(get(f, "/v1/quality"), 400);
    f->query[0] = "line", f->query[1] = "line-1";
    assert_int_equal(get(f, "/v1/quality"), 200);
    assert_int_equal(an_jval_count(at(f, "/events")), 3);
    assert_int_equal(int_at(f, "/events/0/time_ms"), 5002);
    assert_string_equal(text_at(f, "/events/0/fault"), "stuck");
    f->query[2] = "last", f->query[3] = "1";
    get(f, "/v1/quality");
    assert_int_equal(an_jval_count(at(f, "/events")), 1);
    f->query[1] = "line-2";
    get(f, "/v1/quality");
    assert_int_equal(an_jval_count(at(f, "/events")), 0);
}

static void what_left_and_what_ran_come_newest_first(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX];
    an_spool *spool = NULL;
    an_note why = {{0}};
    assert_int_equal(get(f, "/v1/ledger"), 404);
    assert_int_equal(get(f, "/v1/versions"), 404);
    assert_int_equal(an_path_join(path, f->t.dir, "spool.db"), AN_OK);
    assert_int_equal(an_spool_open(path, &(an_spool_conf){.quota_bytes = 0}, &spool, &why), AN_OK);
    for (int i = 1; i <= 5; i++) {
        an_ledger_row row = {
            .time_ms = i == 5 ? wall_ms() : i, .bytes = (uint64_t)i, .kind = "fact", .words = "an alarm"};
        an_journal_row ran = {.time_ms = i, .model = "pump", .what = "promoted"};
        ran.version[0] = (uint8_t)i;
        assert_int_equal(an_ledger_add(spool, &row, &why), AN_OK);
        assert_int_equal(an_journal_add(spool, &ran, &why), AN_OK);
    }
    an_spool_close(spool);
    f->query[0] = "last", f->query[1] = "2";
    assert_int_equal(get(f, "/v1/ledger"), 200);
    assert_int_equal(an_jval_count(at(f, "/entries")), 2);
    assert_int_equal(int_at(f, "/entries/0/id"), 5);
    assert_int_equal(int_at(f, "/bytes"), 15);
    assert_int_equal(int_at(f, "/rows"), 5);
    assert_int_equal(int_at(f, "/day_bytes"), 5);
    f->query[2] = "before", f->query[3] = "4";
    get(f, "/v1/ledger");
    assert_int_equal(int_at(f, "/entries/0/id"), 3);
    f->query[3] = "1";
    get(f, "/v1/ledger");
    assert_int_equal(an_jval_count(at(f, "/entries")), 0);
    f->query[2] = NULL;
    assert_int_equal(get(f, "/v1/versions"), 200);
    assert_int_equal(an_jval_count(at(f, "/journal")), 2);
    assert_int_equal(int_at(f, "/journal/0/time_ms"), 5);
    assert_int_equal(strncmp(text_at(f, "/journal/0/version"), "05", 2), 0);
    f->query[1] = "1001";
    assert_int_equal(get(f, "/v1/ledger"), 400);
    assert_int_equal(get(f, "/v1/versions"), 400);
}

static void memory_that_ends_is_an_answer(void **state)
{
    fixture *f = *state;
    static const char *const paths[] = {"/v1/board", "/v1/alarms/line-1/1", "/v1/quality"};
    put_status(f, wall_ms(), "reading", true);
    an_test_log_raise(&f->t, 2);
    f->query[0] = "line", f->query[1] = "line-1";
    an_test_local_api_starve(&f->conf, paths, sizeof paths / sizeof *paths, query, f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    an_json_init();
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        T(a_line_is_normal_silent_learning_or_in_alarm),
        T(what_gives_no_rows_is_said),
        T(scores_come_since_the_last_look),
        T(an_alarm_has_its_story_and_its_pictures),
        T(data_that_is_bad_is_listed_newest_first),
        T(what_left_and_what_ran_come_newest_first),
        T(memory_that_ends_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
