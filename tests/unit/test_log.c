/* The log's other forms: JSON that every reader takes, whatever somebody outside has said, and journald's prefix. */
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/rng.h"
#include "doors/json.h"

static char out[4096];

/* The one line that an_log writes. */
#define LOGGED(level, ...)                                                                                   \
    do {                                                                                                     \
        char path[] = "/tmp/andon-test-XXXXXX";                                                              \
        const int file = mkstemp(path), kept = dup(STDERR_FILENO);                                           \
        assert_true(file >= 0 && kept >= 0 && dup2(file, STDERR_FILENO) >= 0);                               \
        an_log(level, "heard", __VA_ARGS__);                                                                 \
        assert_true(dup2(kept, STDERR_FILENO) >= 0);                                                         \
        const ssize_t n_bytes = pread(file, out, sizeof out - 1, 0);                                         \
        assert_true(n_bytes > 0);                                                                            \
        out[n_bytes] = '\0';                                                                                 \
        close(file);                                                                                         \
        close(kept);                                                                                         \
        unlink(path);                                                                                        \
    } while (0)

static void begin(an_log_format format, const char *site)
{
    an_log_init(AN_LOG_INFO, "andon-test");
    an_log_form(format, site);
}

static int end(void **state)
{
    (void)state;
    an_log_init(AN_LOG_OFF, "test");
    return 0;
}

/* What follows the time, which is not known beforehand. */
static const char *behind_time(void)
{
    assert_memory_equal(out, "{\"ts\":\"", 7);
    assert_memory_equal(out + 31, "\",", 2);
    return out + 33;
}

static void a_line_is_an_object_with_typed_values(void **state)
{
    (void)state;
    begin(AN_LOG_JSON, NULL);
    LOGGED(AN_LOG_WARN, "site=%s round=%" PRIu64 " loss=%.3g why=\"%s\" n=%zu id=%s", "plant-7", UINT64_C(12),
           0.25, "it is \"late\"", (size_t)3, "42");
    assert_string_equal(
        behind_time(),
        "\"level\":\"warn\",\"event\":\"heard\",\"component\":\"andon-test\",\"site\":\"plant-7\","
        "\"round\":12,\"loss\":0.25,\"why\":\"it is \\\"late\\\"\",\"n\":3,\"id\":\"42\"}\n");
}

static void the_site_is_said_once(void **state)
{
    (void)state;
    begin(AN_LOG_JSON, "plant-a");
    LOGGED(AN_LOG_INFO, "line=%s", "pump-1");
    assert_non_null(strstr(out, ",\"site\":\"plant-a\",\"line\":\"pump-1\"}\n"));
    LOGGED(AN_LOG_INFO, "line=%s site=%s", "pump-1", "plant-b");
    assert_non_null(strstr(out, "\"line\":\"pump-1\",\"site\":\"plant-b\"}\n"));
    assert_null(strstr(out, "plant-a"));
}

static void a_key_that_is_ours_stays_ours(void **state)
{
    (void)state;
    begin(AN_LOG_JSON, NULL);
    LOGGED(AN_LOG_INFO, "event=%s level=%d", "forged", 9);
    assert_non_null(strstr(out, "\"event\":\"heard\""));
    assert_non_null(strstr(out, ",\"event_\":\"forged\",\"level_\":9}\n"));
}

static void a_number_that_is_none_is_a_text(void **state)
{
    (void)state;
    begin(AN_LOG_JSON, NULL);
    LOGGED(AN_LOG_INFO, "a=%g b=%g c=%d d=%.2f", strtod("nan", NULL), strtod("-inf", NULL), -7, 1e3);
    assert_non_null(strstr(out, ",\"a\":\"nan\",\"b\":\"-inf\",\"c\":-7,\"d\":1000.00}\n"));
}

/* Whatever bytes come in: one line, one object, the keys that the source wrote, and no more. */
static void nothing_from_outside_makes_another_pair(void **state)
{
    (void)state;
    an_rng rng;
    char value[3000];
    an_rng_init(&rng, 48, 1);
    begin(AN_LOG_JSON, "plant-a");
    for (int round = 0; round < 300; round++) {
        const size_t len = an_rng_below(&rng, round % 10 == 0 ? sizeof value - 1 : 40);
        for (size_t i = 0; i < len; i++)
            value[i] = (char)(1 + an_rng_below(&rng, 255));
        value[len] = '\0';
        LOGGED(AN_LOG_INFO, "first=%s why=\"%s\" n=%d", "x", value, 3);
        const size_t all = strlen(out);
        assert_true(all <= 2048 && strchr(out, '\n') == out + all - 1);
        an_json_doc *doc = NULL;
        an_note why = {{0}};
        if (an_json_parse(out, all - 1, "line", &doc, &why) != AN_OK)
            fail_msg("%s: %s", why.text, out);
        const an_jval *root = an_json_root(doc);
        const char *first = NULL;
        assert_int_equal(an_jval_get_text(root, "first", NULL, &first, NULL), AN_OK);
        assert_string_equal(first, "x");
        assert_true(an_jval_count(root) <= 8); /* ts level event component site first why n */
        if (len < 40)
            assert_int_equal(an_jval_count(root), 8);
        an_json_doc_free(doc);
    }
}

static void the_journal_has_a_priority_and_no_time(void **state)
{
    (void)state;
    static const struct {
        an_log_level level;
        const char *line;
    } rows[] = {{AN_LOG_INFO, "<6>event=heard line=pump-1 n=1\n"},
                {AN_LOG_WARN, "<4>event=heard line=pump-1 n=1\n"},
                {AN_LOG_ERROR, "<3>event=heard line=pump-1 n=1\n"}};
    begin(AN_LOG_JOURNALD, "plant-a");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        LOGGED(rows[i].level, "line=%s n=%d", "pump-1", 1);
        assert_string_equal(out, rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_line_is_an_object_with_typed_values, end),
        cmocka_unit_test_teardown(the_site_is_said_once, end),
        cmocka_unit_test_teardown(a_key_that_is_ours_stays_ours, end),
        cmocka_unit_test_teardown(a_number_that_is_none_is_a_text, end),
        cmocka_unit_test_teardown(nothing_from_outside_makes_another_pair, end),
        cmocka_unit_test_teardown(the_journal_has_a_priority_and_no_time, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
