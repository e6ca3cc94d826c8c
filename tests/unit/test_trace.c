/* The last rows of a line, as an alarm shows them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/trace.h"
#include "base/mem.h"
#include "doors/json.h"

static const char *const names[] = {"flow", "pressure", "speed"};
static const char *const units[] = {"m3/h", NULL, "1/min"};

static void the_last_rows_are_told_with_what_is_normal(void **state)
{
    (void)state;
    static const float near[] = {1, 2, 3, 4, 5, 6};
    static const size_t sensors[] = {2, 0};
    const an_trace_view v = {
        .sensors = sensors, .n = 2, .names = names, .units = units, .near = near, .near_rows = 2};
    an_json_doc *doc = NULL;
    double d = 0;
    int64_t n = 0;
    an_trace *t = an_trace_new(3);
    assert_true(an_trace_from(t) == INT64_MAX);
    an_trace_score(t, 1);
    for (int i = 0; i < AN_TRACE_ROWS + 10; i++) {
        const float row[] = {(float)i, NAN, (float)(2 * i)};
        an_trace_row(t, 1000 + i, row);
        if (i % 2 == 0)
            an_trace_score(t, (double)i);
    }
    assert_int_equal(an_trace_from(t), 1010);
    char *text = an_trace_text(t, &v);
    assert_int_equal(an_json_parse(text, strlen(text), "trace", &doc, NULL), AN_OK);
    const an_jval *o = an_json_root(doc);
    assert_int_equal(an_jval_count(an_jval_get(o, "time_ms")), AN_TRACE_ROWS);
    assert_int_equal(an_jval_int(an_jval_point(o, "/time_ms/0"), NULL, 0, 9999, &n, NULL), AN_OK);
    assert_int_equal(n, 1010);
    assert_int_equal(an_jval_num(an_jval_point(o, "/scores/0"), NULL, 0, 9999, &d, NULL), AN_OK);
    assert_float_equal(d, 10, 0);
    assert_int_equal(an_jval_kind(an_jval_point(o, "/scores/1")), AN_JKIND_NULL);
    assert_int_equal(an_jval_num(an_jval_point(o, "/sensors/0/values/0"), NULL, 0, 9999, &d, NULL), AN_OK);
    assert_float_equal(d, 20, 0);
    assert_int_equal(an_jval_num(an_jval_point(o, "/sensors/0/near/1"), NULL, 0, 9999, &d, NULL), AN_OK);
    assert_float_equal(d, 6, 0);
    assert_int_equal(an_jval_num(an_jval_point(o, "/sensors/1/near/0"), NULL, 0, 9999, &d, NULL), AN_OK);
    assert_float_equal(d, 1, 0);
    an_json_doc_free(doc);
    an_free(text);
    an_trace_free(t);
}

static void wide_lines_keep_fewer_rows(void **state)
{
    (void)state;
    static float row[4096];
    an_trace *t = an_trace_new(4096);
    for (int i = 0; i < AN_TRACE_ROWS; i++)
        an_trace_row(t, i, row);
    assert_in_range(an_trace_from(t), AN_TRACE_ROWS - 64, AN_TRACE_ROWS - 16);
    an_trace_free(t);
}

int main(void)
{
    an_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_rows_are_told_with_what_is_normal),
        cmocka_unit_test(wide_lines_keep_fewer_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
