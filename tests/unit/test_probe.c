/* What the agent answers from outside: alive, ready, and the page of the last second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/meters.h"
#include "agent/probe.h"
#include "base/mem.h"

static const char *ask(an_probe *p, const char *method, const char *path, unsigned *ret)
{
    static char text[4096];
    an_http_reply reply = {.status = 0};
    text[0] = '\0';
    if (!an_probe_answer(p, method, path, &reply))
        reply.status = 0;
    const char *body = reply.body ? reply.body : reply.fixed;
    if (body)
        snprintf(text, sizeof text, "%.*s", (int)reply.body_len, body);
    an_free(reply.body);
    *ret = reply.status;
    return text;
}

#define ANSWERS(p, path, want, said)                                                                         \
    do {                                                                                                     \
        unsigned status = 0;                                                                                 \
        assert_string_equal(ask(p, "GET", path, &status), said);                                             \
        assert_int_equal(status, want);                                                                      \
    } while (0)

static void tell(an_probe *p, const char *unready, const char *page)
{
    an_buf b;
    an_buf_init(&b, AN_METER_PAGE_MAX);
    an_buf_text(&b, page);
    an_probe_tell(p, unready, &b);
    assert_int_equal(b.len, 0);
    an_buf_done(&b);
}

static void ready_is_what_the_link_thread_said_last(void **state)
{
    (void)state;
    an_probe *p = NULL;
    assert_int_equal(an_probe_new(60000, &p), AN_OK);
    ANSWERS(p, "/healthz", 200, "ok");
    ANSWERS(p, "/readyz", 503, "starting");
    an_probe_turned(p);
    tell(p, NULL, "x 1\n");
    ANSWERS(p, "/readyz", 200, "ok");
    tell(p, "source", "x 1\n");
    ANSWERS(p, "/readyz", 503, "source");
    ANSWERS(p, "/healthz", 200, "ok");
    an_probe_free(p);
}

static void a_loop_that_hangs_is_not_alive(void **state)
{
    (void)state;
    an_probe *p = NULL;
    assert_int_equal(an_probe_new(0, &p), AN_OK); /* every loop is too slow for it */
    tell(p, NULL, "");
    an_probe_turned(p);
    ANSWERS(p, "/healthz", 503, "stalled");
    ANSWERS(p, "/readyz", 503, "stalled");
    an_probe_free(p);
}

static void the_page_is_that_of_the_last_second(void **state)
{
    (void)state;
    unsigned status = 0;
    an_probe *p = NULL;
    assert_int_equal(an_probe_new(60000, &p), AN_OK);
    tell(p, NULL, "andon_line_rows_total{line=\"a\"} 1\n");
    tell(p, NULL, "andon_line_rows_total{line=\"a\"} 2\n");
    const char *page = ask(p, "GET", "/metrics", &status);
    assert_int_equal(status, 200);
    assert_non_null(strstr(page, "\nandon_agent_turn_age_seconds 0\n"));
    assert_non_null(strstr(page, "\nandon_line_rows_total{line=\"a\"} 2\n"));
    assert_null(strstr(page, "} 1\n"));
    an_probe_free(p);
}

static void nothing_else_is_answered(void **state)
{
    (void)state;
    unsigned status = 0;
    an_probe *p = NULL;
    assert_int_equal(an_probe_new(60000, &p), AN_OK);
    ask(p, "GET", "/v1/status", &status);
    assert_int_equal(status, 0);
    ask(p, "GET", "/metrics/", &status);
    assert_int_equal(status, 0);
    ask(p, "POST", "/metrics", &status);
    assert_int_equal(status, 405);
    an_probe_free(p);
}

static void every_row_is_named_as_its_type_asks(void **state)
{
    (void)state;
    for (size_t i = 0; i < AN_AGENT_METERS; i++) {
        const an_meter *m = &an_agent_meters[i];
        const size_t len = strlen(m->name);
        const bool total = len > 6 && strcmp(m->name + len - 6, "_total") == 0;
        if (total != (m->type == AN_METER_COUNTER))
            fail_msg("%s", m->name);
        for (size_t k = 0; k < AN_METER_LABELS && m->labels[k]; k++) /* of which there are few */
            if (strstr(m->labels[k], "sensor") || strstr(m->labels[k], "part") == m->labels[k])
                assert_string_equal(m->name, "andon_pool_windows");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(m->name, an_agent_meters[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_is_what_the_link_thread_said_last),
        cmocka_unit_test(a_loop_that_hangs_is_not_alive),
        cmocka_unit_test(the_page_is_that_of_the_last_second),
        cmocka_unit_test(nothing_else_is_answered),
        cmocka_unit_test(every_row_is_named_as_its_type_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
