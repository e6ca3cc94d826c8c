/* The door to JSON: building with one check at the end, and reading within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/buf.h"
#include "base/mem.h"
#include "doors/json.h"

static an_json *build(void)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "site", "plant \"b\"\n\x01");
    an_json_set_int(o, "rounds", -3);
    an_json_set_num(o, "auroc", 0.78);
    an_json_set_num(o, "lost", NAN);
    an_json_set_bool(o, "live", true);
    an_json_set_null(o, "alias");
    an_json *list = an_json_array();
    an_json_push(list, an_json_num(1.0));
    an_json_push_text(list, "x");
    an_json_push_int(list, INT64_MAX);
    an_json_push_num(list, 0.1 + 0.2);
    an_json_set(o, "list", list);
    an_json_set(o, "empty", an_json_object());
    return o;
}

static void what_was_built_is_printed_in_order_and_as_short_as_it_can_be(void **state)
{
    (void)state;
    an_json *o = build();
    assert_false(an_json_failed(o));
    char *text = an_json_print(o, 0);
    assert_string_equal(text,
                        "{\"site\":\"plant \\\"b\\\"\\n\\u0001\",\"rounds\":-3,\"auroc\":0.78,\"lost\":null,"
                        "\"live\":true,\"alias\":null,"
                        "\"list\":[1.0,\"x\",9223372036854775807,0.30000000000000004],\"empty\":{}}");
    an_free(text);
    an_json_set_int(o, "site", 1);
    an_json_set(o, "list", an_json_array());
    text = an_json_print(o, 2);
    assert_non_null(strstr(text, "{\n  \"site\": 1,\n  \"rounds\": -3,\n"));
    assert_non_null(strstr(text, "  \"list\": [],\n  \"empty\": {}\n}"));
    an_free(text);
    an_json_free(o);
}

static void what_is_printed_reads_back_the_same(void **state)
{
    (void)state;
    static const double values[] = {0, -0.0, 1e300, 5e-324, 1.0 / 3.0, 123456789.125, 2e16, 1e21};
    an_json *list = an_json_array();
    for (size_t i = 0; i < 8; i++)
        an_json_push_num(list, values[i]);
    char *text = an_json_print(list, 4);
    an_json_doc *doc = NULL;
    assert_int_equal(an_json_parse(text, strlen(text), "t", &doc, NULL), AN_OK);
    assert_int_equal(an_jval_count(an_json_root(doc)), 8);
    for (size_t i = 0; i < 8; i++) {
        double d = 1;
        assert_int_equal(an_jval_kind(an_jval_at(an_json_root(doc), i)), AN_JKIND_NUM);
        assert_int_equal(an_jval_num(an_jval_at(an_json_root(doc), i), NULL, -1e301, 1e301, &d, NULL), AN_OK);
        assert_true(d == values[i]);
    }
    an_json *copy = an_json_copy(an_json_root(doc));
    char *again = an_json_print(copy, 4);
    assert_string_equal(again, text);
    an_free(again);
    an_free(text);
    an_json_free(copy);
    an_json_free(list);
    an_json_doc_free(doc);
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    an_json *o = an_json_object();
    an_json_set_text(o, "na\xffme", "M\xfcnchen\xc3");
    an_json_set_text(o, "none", NULL);
    char *text = an_json_print(o, 0);
    assert_string_equal(text, "{\"na\xef\xbf\xbdme\":\"M\xef\xbf\xbdnchen\xef\xbf\xbd\",\"none\":null}");
    an_free(text);
    an_json_free(o);
}

static void a_failed_step_is_seen_at_the_end(void **state)
{
    (void)state;
    an_json *o = an_json_object();
    an_json_set(o, "child", NULL);
    assert_true(an_json_failed(o));
    assert_null(an_json_print(o, 0));
    an_json *list = an_json_array();
    an_json_push(list, o);
    assert_null(an_json_print(list, 0));
    an_json_free(list);
    an_json_set_text(NULL, "a", "b");
    an_json_push_int(NULL, 3);
    an_json_set(NULL, "a", an_json_array());
    assert_null(an_json_print(NULL, 0));
    an_json_free(NULL);
}

static void typed_reads_hold_their_bounds_and_say_the_key(void **state)
{
    (void)state;
    static const char text[] =
        "{\"n\": 7, \"x\": 0.5, \"t\": \"abc\", \"b\": false, \"z\": null, \"l\": [1, {}]}";
    static const char *const all[] = {"n", "x", "t", "b", "z", "l", NULL}, *const some[] = {"n", NULL};
    an_json_doc *doc = NULL;
    an_note why = {{0}};
    assert_int_equal(an_json_parse(text, sizeof text - 1, "t", &doc, &why), AN_OK);
    const an_jval *top = an_json_root(doc);
    const char *s = NULL;
    int64_t n = 0;
    double x = 0;
    bool b = true;
    assert_int_equal(an_jval_int(top, "n", 1, 9, &n, NULL), AN_OK);
    assert_int_equal(n, 7);
    assert_int_equal(an_jval_num(top, "n", 1, 9, &x, NULL), AN_OK);
    assert_true(x == 7.0);
    assert_int_equal(an_jval_bool(top, "b", &b, NULL), AN_OK);
    assert_false(b);
    assert_int_equal(an_jval_text(top, "t", &s, NULL), AN_OK);
    assert_string_equal(s, "abc");
    assert_int_equal(an_jval_get_int(top, "z", 1, 9, 4, &n, NULL), AN_OK);
    assert_int_equal(n, 4);
    assert_int_equal(an_jval_get_text(top, "absent", "d", &s, NULL), AN_OK);
    assert_string_equal(s, "d");
    assert_int_equal(an_jval_get_num(top, "x", 0, 1, 9, &x, NULL), AN_OK);
    assert_true(x == 0.5);
    assert_int_equal(an_jval_get_bool(top, "absent", true, &b, NULL), AN_OK);
    assert_true(b);
    assert_int_equal(an_jval_int(top, "n", 1, 6, &n, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "n = 7: must be an integer 1..6");
    assert_int_equal(an_jval_int(top, "x", 1, 6, &n, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "x = 0.5: must be an integer 1..6");
    assert_int_equal(an_jval_text(top, "absent", &s, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "absent is missing: must be a text");
    assert_int_equal(an_jval_bool(top, "t", &b, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "t: must be true or false");
    assert_int_equal(an_jval_num(NULL, NULL, 0, 1, &x, &why), AN_ERR_INVAL);
    assert_int_equal(an_jval_only_keys(top, all, &why), AN_OK);
    assert_int_equal(an_jval_only_keys(top, some, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "unknown key \"x\"");
    assert_int_equal(an_jval_kind(an_jval_at(an_jval_get(top, "l"), 1)), AN_JKIND_OBJECT);
    assert_int_equal(an_jval_kind(an_jval_at(an_jval_get(top, "l"), 2)), AN_JKIND_NONE);
    assert_int_equal(an_jval_kind(an_jval_get(top, "z")), AN_JKIND_NULL);
    an_json_doc_free(doc);
}

static void keys_come_in_the_order_of_the_text(void **state)
{
    (void)state;
    static const char text[] = "{\"z\":1,\"a\":2,\"m\":3}";
    an_json_doc *doc = NULL;
    assert_int_equal(an_json_parse(text, sizeof text - 1, "t", &doc, NULL), AN_OK);
    char order[4] = {0};
    size_t n = 0;
    const an_jval *top = an_json_root(doc);
    for (const char *key = an_jval_key_first(top); key; key = an_jval_key_next(top, key))
        order[n++] = key[0];
    assert_string_equal(order, "zam");
    assert_null(an_jval_key_first(NULL));
    an_json_doc_free(doc);
    an_json_doc_free(NULL);
}

static void strangers_texts_are_refused_with_their_place(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "1",
        "{",
        "{\"a\":1,\"a\":2}",
        "[1] x",
        "{\"a\":\"\\u0000\"}",
        "[1e999]",
        "[NaN]",
        "[99999999999999999999]",
        "[\"\xff\"]",
        "{\"a\" 1}",
        "[01]",
        "\"t\"",
    };
    size_t live = an_mem_live();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        an_json_doc *doc = NULL;
        an_note why = {{0}};
        assert_int_equal(an_json_parse(wrong[i], strlen(wrong[i]), "req", &doc, &why), AN_ERR_PROTO);
        assert_null(doc);
        assert_int_equal(strncmp(why.text, "req:1:", 6), 0);
    }
    assert_int_equal(an_mem_live(), live);
}

static an_err parse_repeated(const char *before, const char *unit, size_t n, const char *after)
{
    an_buf b;
    an_buf_init(&b, (size_t)2 << 20);
    an_buf_text(&b, before);
    for (size_t i = 0; i < n; i++)
        an_buf_text(&b, unit);
    an_buf_text(&b, after);
    an_json_doc *doc = NULL;
    an_err err = an_json_parse((const char *)b.data, b.len, "big", &doc, NULL);
    an_json_doc_free(doc);
    an_buf_done(&b);
    return err;
}

static void bytes_depth_and_values_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated("[\"", "x", (size_t)1 << 20, "\"]"), AN_ERR_LIMIT);
    assert_int_equal(parse_repeated("", "[", 33, ""), AN_ERR_LIMIT);
    assert_int_equal(parse_repeated("[\"\\\"", "[", 33, "\"]"), AN_OK);
    assert_int_equal(parse_repeated("[1", ",1", 100000, "]"), AN_OK);
    assert_int_equal(parse_repeated("[1", ",1", AN_JSON_MAX_VALUES, "]"), AN_ERR_LIMIT);
    an_json_doc *doc = NULL;
    assert_int_equal(an_json_parse_max("[1]", 3, 2, "t", &doc, NULL), AN_ERR_LIMIT);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    char *text;
    do {
        an_mem_fail_after(n++);
        an_json *o = build();
        text = an_json_print(o, 2);
        an_json_free(o);
        an_mem_fail_never();
        assert_int_equal(an_mem_live(), live + (text ? 1 : 0));
    } while (!text);
    assert_true(n > 20);
    an_err err;
    n = 0;
    do {
        an_json_doc *doc = NULL;
        an_mem_fail_after(n++);
        err = an_json_parse(text, strlen(text), "t", &doc, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !doc));
        an_json_doc_free(doc);
        assert_int_equal(an_mem_live(), live + 1);
    } while (err != AN_OK);
    assert_true(n > 10);
    an_free(text);
}

static double at(const an_json_doc *doc, const char *pointer)
{
    double v = -1;
    return an_jval_num(an_jval_point(an_json_root(doc), pointer), NULL, -1e9, 1e9, &v, NULL) == AN_OK ? v
                                                                                                      : -1;
}

static void pointers_lead_to_values(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":{\"b\":[1,{\"c\":2}]},\"x/y\":3,\"~\":4,\"\":5,\"0\":6}";
    an_json_doc *doc = NULL;
    assert_int_equal(an_json_parse(text, strlen(text), "t", &doc, NULL), AN_OK);
    assert_ptr_equal(an_jval_point(an_json_root(doc), ""), an_json_root(doc));
    assert_true(at(doc, "/a/b/0") == 1);
    assert_true(at(doc, "/a/b/1/c") == 2);
    assert_true(at(doc, "/x~1y") == 3);
    assert_true(at(doc, "/~0") == 4);
    assert_true(at(doc, "/") == 5);
    assert_true(at(doc, "/0") == 6);
    static const char *const nowhere[] = {
        "a",        "/a/b/2", "/a/b/01", "/a/b/-1", "/a/b/", "/a/b/99999999999999999999",
        "/a/b/0/x", "/~2",    "/~",      "/q",      "//",    "/a/b/1/c/d"};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
        assert_null(an_jval_point(an_json_root(doc), nowhere[i]));
    assert_null(an_jval_point(NULL, "/a"));
    an_json_doc_free(doc);
}

int main(void)
{
    an_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_built_is_printed_in_order_and_as_short_as_it_can_be),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(a_failed_step_is_seen_at_the_end),
        cmocka_unit_test(typed_reads_hold_their_bounds_and_say_the_key),
        cmocka_unit_test(keys_come_in_the_order_of_the_text),
        cmocka_unit_test(strangers_texts_are_refused_with_their_place),
        cmocka_unit_test(bytes_depth_and_values_are_bounded),
        cmocka_unit_test(pointers_lead_to_values),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
