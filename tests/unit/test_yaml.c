/* The door to YAML: the tree, its bounds, and errors that say where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/yaml.h"

static const char good[] = "# a site\n"
                           "name: plant-b\n"
                           "epochs: 0\n"
                           "rate: 1.5e-3\n"
                           "live: true\n"
                           "note:\n"
                           "sensors:\n"
                           "  - \"p 1\"\n"
                           "  - p2\n"
                           "drift: {psi: 0.2, quorum: '3'}\n"
                           "text: |\n"
                           "  two\n"
                           "  lines\n";

static an_yaml *parse_good(void)
{
    an_yaml *doc = NULL;
    assert_int_equal(an_yaml_parse(good, sizeof good - 1, "site.yaml", &doc, NULL), AN_OK);
    return doc;
}

static void a_document_becomes_a_tree_in_the_order_of_the_file(void **state)
{
    (void)state;
    an_yaml *doc = parse_good();
    const an_node *top = an_yaml_root(doc);
    const char *text = NULL;
    double num = 0;
    bool live = false;
    assert_int_equal(an_node_kind(top), AN_YAML_MAP);
    assert_int_equal(an_node_count(top), 8);
    assert_string_equal(an_node_key(top, 0), "name");
    assert_string_equal(an_node_key(top, 7), "text");
    assert_null(an_node_key(top, 8));
    assert_int_equal(an_node_need_text(top, "name", &text, NULL), AN_OK);
    assert_string_equal(text, "plant-b");
    assert_int_equal(an_node_num(an_node_get(top, "rate"), 0, 1, &num, NULL), AN_OK);
    assert_true(num == 1.5e-3);
    assert_int_equal(an_node_bool(an_node_get(top, "live"), &live, NULL), AN_OK);
    assert_true(live);
    const an_node *list = an_node_get(top, "sensors");
    assert_int_equal(an_node_kind(list), AN_YAML_LIST);
    assert_int_equal(an_node_count(list), 2);
    assert_int_equal(an_node_text(an_node_at(list, 0), &text, NULL), AN_OK);
    assert_string_equal(text, "p 1");
    assert_null(an_node_at(list, 2));
    assert_int_equal(an_node_line(an_node_at(list, 0)), 8);
    assert_int_equal(an_node_column(an_node_at(list, 0)), 5);
    assert_int_equal(an_node_text(an_node_get(top, "text"), &text, NULL), AN_OK);
    assert_string_equal(text, "two\nlines\n");
    assert_true(an_node_is_null(an_node_get(top, "note")));
    assert_int_equal(an_node_line(an_node_get(top, "note")), 6);
    an_yaml_free(doc);
}

static void a_wrong_value_is_named_with_file_line_and_column(void **state)
{
    (void)state;
    an_yaml *doc = parse_good();
    const an_node *top = an_yaml_root(doc);
    const an_node *drift = an_node_get(top, "drift");
    const an_node *node = NULL;
    const char *text = NULL;
    int64_t v = 7;
    double num = 0;
    bool b = false;
    an_note why = {{0}};
    assert_int_equal(an_node_get_int(top, "epochs", 1, 1000, 5, &v, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:3:9: epochs = 0: must be 1..1000");
    assert_int_equal(v, 7);
    assert_int_equal(an_node_get_int(drift, "quorum", 1, 9, 5, &v, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:10:27: quorum = 3: must be 1..9");
    assert_int_equal(an_node_get_num(top, "name", 0, 1, 0, &num, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:2:7: name = plant-b: must be a number 0..1");
    assert_int_equal(an_node_get_bool(top, "epochs", true, &b, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:3:9: epochs = 0: must be true or false");
    assert_int_equal(an_node_need_text(top, "sensors", &text, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:8:3: sensors: must be a text");
    assert_int_equal(an_node_need_text(top, "nmae", &text, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:2:1: \"nmae\" is missing");
    assert_int_equal(an_node_need(top, "text", AN_YAML_LIST, &node, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:12:1: text = two?lines?: must be a list");
    assert_int_equal(an_node_fail(drift, &why, "psi over %d", 1), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:10:8: psi over 1");
    an_yaml_free(doc);
}

static void an_absent_key_gives_its_default(void **state)
{
    (void)state;
    an_yaml *doc = parse_good();
    const an_node *top = an_yaml_root(doc);
    const char *text = NULL;
    int64_t v = 0;
    double num = 0;
    bool b = false;
    assert_int_equal(an_node_get_int(top, "rounds", 1, 9, 5, &v, NULL), AN_OK);
    assert_int_equal(v, 5);
    assert_int_equal(an_node_get_num(top, "note", 0, 1, 0.5, &num, NULL), AN_OK);
    assert_true(num == 0.5);
    assert_int_equal(an_node_get_bool(top, "dry", true, &b, NULL), AN_OK);
    assert_true(b);
    assert_int_equal(an_node_get_text(top, "title", "none", &text, NULL), AN_OK);
    assert_string_equal(text, "none");
    assert_null(an_node_get(an_node_get(top, "absent"), "deeper"));
    assert_int_equal(an_node_text(NULL, &text, NULL), AN_ERR_INVAL);
    assert_int_equal(an_node_count(NULL), 0);
    assert_null(an_yaml_root(NULL));
    an_yaml_free(doc);
    an_yaml_free(NULL);
}

static void an_unknown_key_is_an_error_at_its_place(void **state)
{
    (void)state;
    static const char *const all[] = {"name",    "epochs", "rate", "live", "note",
                                      "sensors", "drift",  "text", NULL};
    static const char *const some[] = {"psi", NULL};
    an_yaml *doc = parse_good();
    const an_node *top = an_yaml_root(doc);
    an_note why = {{0}};
    assert_int_equal(an_node_only_keys(top, all, &why), AN_OK);
    assert_int_equal(an_node_only_keys(an_node_get(top, "drift"), some, &why), AN_ERR_INVAL);
    assert_string_equal(why.text, "site.yaml:10:19: unknown key \"quorum\"");
    assert_int_equal(an_node_only_keys(an_node_get(top, "live"), some, &why), AN_ERR_INVAL);
    an_yaml_free(doc);
}

static void what_is_refused_is_refused_at_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"a: [1,2\nb: 3", "f:3:1: flow sequence without a closing bracket"},
        {"a: &x 1", "f:1:5: anchors (&) are not supported"},
        {"a: *x", "f:1:5: aliases (*) are not supported"},
        {"b: 1\na: !!int 1", "f:2:4: tags (!) are not supported"},
        {"a: 1\nb: 2\na: 3\n", "f:3:1: key \"a\" is there twice"},
        {"x: {a: 1, b: 1, b: 1}", "f:1:17: key \"b\" is there twice"},
        {"? [a,b]\n: 1", "f:1:3: a key must be a text"},
        {": 1", "f:1:1: a key is empty"},
        {"a: \"x\\0y\"", "f:1:5: a text may not hold U+0000"},
        {"--- 1\n--- 2\n", "f:2:1: more than one document"},
        {"a: 'x", NULL},
        {"a: b: c", NULL},
        {"\ta: b", NULL},
        {"a:\n  b: 1\n c: 2\n", "f:3:2: invalid indentation in mapping"},
        {"a: 1\nb: \xc3\x28", "f:2:4: not UTF-8"},
        {"\xff\xfe"
         "a",
         "f:1:1: not UTF-8"},
    };
    size_t live = an_mem_live();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        an_yaml *doc = NULL;
        an_note why = {{0}};
        assert_int_equal(an_yaml_parse(wrong[i].text, strlen(wrong[i].text), "f", &doc, &why), AN_ERR_PROTO);
        assert_null(doc);
        if (wrong[i].why)
            assert_string_equal(why.text, wrong[i].why);
        assert_int_equal(strncmp(why.text, "f:", 2), 0);
    }
    assert_int_equal(an_mem_live(), live);
}

static an_err parse_repeated(const char *unit, size_t n, an_note *why)
{
    an_buf b;
    an_buf_init(&b, (size_t)2 << 20);
    for (size_t i = 0; i < n; i++)
        an_buf_text(&b, unit);
    an_yaml *doc = NULL;
    an_err err = an_yaml_parse((const char *)b.data, b.len, "big", &doc, why);
    an_yaml_free(doc);
    an_buf_done(&b);
    return err;
}

static void bytes_depth_and_nodes_are_bounded(void **state)
{
    (void)state;
    an_note why = {{0}};
    assert_int_equal(parse_repeated("#", ((size_t)1 << 20) + 1, &why), AN_ERR_LIMIT);
    assert_string_equal(why.text, "big: larger than 1 MiB");
    assert_int_equal(parse_repeated("[", 33, &why), AN_ERR_LIMIT);
    assert_string_equal(why.text, "big:1:33: nested too deep");
    assert_int_equal(parse_repeated("- ", 100000, &why), AN_ERR_LIMIT);
    assert_int_equal(parse_repeated("- x\n", AN_YAML_MAX_NODES - 1, &why), AN_OK);
    assert_int_equal(parse_repeated("- x\n", AN_YAML_MAX_NODES, &why), AN_ERR_LIMIT);
    assert_string_equal(why.text, "big:100000:3: too many nodes");
}

static void an_empty_document_is_an_empty_map(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "# nothing\n", "---\n"};
    for (size_t i = 0; i < 3; i++) {
        an_yaml *doc = NULL;
        assert_int_equal(an_yaml_parse(empty[i], strlen(empty[i]), "f", &doc, NULL), AN_OK);
        assert_int_equal(an_node_kind(an_yaml_root(doc)), AN_YAML_MAP);
        assert_int_equal(an_node_count(an_yaml_root(doc)), 0);
        assert_null(an_node_get(an_yaml_root(doc), "a"));
        an_yaml_free(doc);
    }
}

static void numbers_are_finite_decimal_and_whole_where_they_must_be(void **state)
{
    (void)state;
    static const char text[] = "[.inf, nan, 0x10, 1e999, 1.5, 12 3, '7', 9223372036854775808, -3]";
    an_yaml *doc = NULL;
    assert_int_equal(an_yaml_parse(text, sizeof text - 1, "f", &doc, NULL), AN_OK);
    const an_node *list = an_yaml_root(doc);
    int64_t v = 0;
    double d = 0;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(an_node_int(an_node_at(list, i), INT64_MIN, INT64_MAX, &v, NULL), AN_ERR_INVAL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(an_node_num(an_node_at(list, i), -1e300, 1e300, &d, NULL), AN_ERR_INVAL);
    assert_int_equal(an_node_int(an_node_at(list, 8), -5, 5, &v, NULL), AN_OK);
    assert_int_equal(v, -3);
    an_yaml_free(doc);
}

static void a_file_is_read_and_a_missing_one_is_said(void **state)
{
    (void)state;
    char path[] = "/tmp/an_yaml_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    an_yaml *doc = NULL;
    an_note why = {{0}};
    assert_int_equal(an_yaml_load(path, &doc, &why), AN_OK);
    assert_int_equal(an_node_count(an_yaml_root(doc)), 0);
    an_yaml_free(doc);
    assert_int_equal(an_file_write(path, good, sizeof good - 1, 0600, NULL), AN_OK);
    assert_int_equal(an_yaml_load(path, &doc, &why), AN_OK);
    assert_string_equal(an_node_file(an_yaml_root(doc)), path);
    an_yaml_free(doc);
    assert_int_equal(an_file_remove(path, NULL), AN_OK);
    assert_int_equal(an_yaml_load(path, &doc, &why), AN_ERR_NOTFOUND);
    assert_true(why.text[0] != '\0');
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live(), n = 0;
    an_err err;
    do {
        an_yaml *doc = NULL;
        an_mem_fail_after(n++);
        err = an_yaml_parse(good, sizeof good - 1, "f", &doc, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !doc));
        an_yaml_free(doc);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_becomes_a_tree_in_the_order_of_the_file),
        cmocka_unit_test(a_wrong_value_is_named_with_file_line_and_column),
        cmocka_unit_test(an_absent_key_gives_its_default),
        cmocka_unit_test(an_unknown_key_is_an_error_at_its_place),
        cmocka_unit_test(what_is_refused_is_refused_at_its_place),
        cmocka_unit_test(bytes_depth_and_nodes_are_bounded),
        cmocka_unit_test(an_empty_document_is_an_empty_map),
        cmocka_unit_test(numbers_are_finite_decimal_and_whole_where_they_must_be),
        cmocka_unit_test(a_file_is_read_and_a_missing_one_is_said),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
