/* The calls to an MES: templates, escapes, lots, the idempotency key, and what answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/template.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/http_client.h"
#include "doors/json.h"
#include "tests/support/receiver.h"
#include "tests/support/sinks.h"

typedef struct fixture {
    an_test_log t;
    an_test_receiver r;
    char yaml[2 * AN_PATH_MAX];
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_log_open(&f->t, 0);
    an_test_receiver_start(&f->r, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_test_receiver_done(&f->r);
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

static an_sink *start(fixture *f, const char *path, const char *more)
{
    snprintf(f->yaml, sizeof f->yaml,
             "{name: mes, type: mes, url: 'http://127.0.0.1:%u%s', lot_separator: '-', retry_min: 0.01,"
             " retry_max: 0.02%s}",
             (unsigned)f->r.port, path, more);
    return an_test_sink_start(&f->t, f->yaml);
}

static an_alarm_record strange(void)
{
    return (an_alarm_record){.kind = AN_LOGGED_RAISED,
                             .line = "line-1",
                             .alarm = 1,
                             .rows = 1,
                             .severity = AN_SEVERITY_HIGH,
                             .recorded_ms = 1,
                             .part = "L/7 <a>-\"1\"",
                             .reason = "a \"b\" & \\ c"};
}

static void a_defect_names_its_part_and_lot_and_has_a_key(void **state)
{
    fixture *f = *state;
    an_json_doc *doc = NULL;
    const char *text = NULL;
    an_sink *s = start(f, "/lots/{{lot}}/defects", "");
    an_test_log_raise(&f->t, 1);
    an_test_sink_until(s, cursor, 1);
    an_sink_stop(s);
    an_test_receiver_stop(&f->r);
    const an_test_got *g = &f->r.got[0];
    assert_string_equal(g->method, "POST");
    assert_string_equal(g->path, "/lots/LOT7/defects");
    assert_string_equal(g->key, "plant-a:1");
    assert_string_equal(g->type, "application/json");
    assert_int_equal(an_json_parse(g->body, strlen(g->body), "body", &doc, NULL), AN_OK);
    const an_jval *o = an_json_root(doc);
    assert_int_equal(an_jval_text(o, "part", &text, NULL), AN_OK);
    assert_string_equal(text, "LOT7-0042");
    assert_int_equal(an_jval_text(o, "lot", &text, NULL), AN_OK);
    assert_string_equal(text, "LOT7");
    assert_int_equal(an_jval_text(an_jval_get(o, "record"), "reason", &text, NULL), AN_OK);
    assert_string_equal(text, "Flow is low.");
    an_json_doc_free(doc);
}

static void values_are_escaped_for_where_they_stand(void **state)
{
    fixture *f = *state;
    an_sink *s = start(f, "/q?lot={{lot}}", ", body: '{\"why\": \"{{reason}}\", \"part\": \"{{part}}\"}'");
    an_test_log_store(&f->t, strange());
    an_test_sink_until(s, cursor, 1);
    an_sink_stop(s);
    an_test_receiver_stop(&f->r);
    assert_string_equal(f->r.got[0].path, "/q");
    assert_string_equal(f->r.got[0].body,
                        "{\"why\": \"a \\\"b\\\" & \\\\ c\", \"part\": \"L/7 <a>-\\\"1\\\"\"}");
}

static void a_template_of_xml_is_escaped_as_xml(void **state)
{
    fixture *f = *state;
    an_sink *s = start(
        f, "/t", ", method: PUT, content_type: application/xml, body: '<t part=\"{{part}}\">{{reason}}</t>'");
    an_test_log_store(&f->t, strange());
    an_test_sink_until(s, cursor, 1);
    an_sink_stop(s);
    an_test_receiver_stop(&f->r);
    assert_string_equal(f->r.got[0].method, "PUT");
    assert_string_equal(f->r.got[0].body,
                        "<t part=\"L/7 &lt;a&gt;-&quot;1&quot;\">a &quot;b&quot; &amp; \\ c</t>");
}

static void what_belongs_to_no_part_is_passed_over(void **state)
{
    fixture *f = *state;
    an_alarm_record r = strange();
    an_sink *s = start(f, "/t", "");
    r.part[0] = '\0';
    an_test_log_store(&f->t, r);
    an_test_sink_until(s, passed, 1);
    an_test_sink_until(s, cursor, 1);
    assert_int_equal(an_sink_stats_get(s).sent, 0);
    an_sink_stop(s);
    s = start(f, "/t", ", parts_only: false, from: begin");
    an_sink_stop(s);
    assert_int_equal(an_test_receiver_count(&f->r), 0);
}

static void a_repeat_that_it_knows_is_as_good_as_taken(void **state)
{
    fixture *f = *state;
    an_test_receiver_script(&f->r, (const unsigned[]){503, 409, 404}, 3);
    an_sink *s = start(f, "/t", "");
    an_test_log_raise(&f->t, 3);
    an_test_sink_until(s, cursor, 3);
    const an_sink_stats st = an_sink_stats_get(s);
    assert_int_equal(st.sent, 2);
    assert_int_equal(st.refused, 1);
    assert_int_equal(st.retried, 1);
    an_sink_stop(s);
    an_test_receiver_stop(&f->r);
    assert_int_equal(f->r.n_got, 4);
    assert_string_equal(f->r.got[0].key, "plant-a:1");
    assert_string_equal(f->r.got[1].key, "plant-a:1");
    assert_string_equal(f->r.got[2].key, "plant-a:2");
    assert_string_equal(f->r.got[3].key, "plant-a:3");
}

static void what_is_wrong_with_a_template_is_said_at_once(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *more, *says;
    } cases[] = {
        {", body: '{{lots}}'", "{{lots}}: there is no such field"},
        {", body: '{\"a\": {{part}}}'", "body"},
        {", body: 'a {{part'", "a field is {{name}}"},
        {", method: GET", "method: POST or PUT"},
        {", key_header: 'a: b'", "key_header"},
        {", content_type: \"a\\nb\"", "content_type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_sink_conf c;
        an_note why = {{0}};
        snprintf(f->yaml, sizeof f->yaml, "{name: a, type: mes, url: 'https://mes/x'%s}", cases[i].more);
        an_test_sink_conf(&f->t, f->yaml, &c, &why);
        if (!strstr(why.text, cases[i].says))
            fail_msg("%s: %s", cases[i].more, why.text);
    }
}

static const char *one(void *ctx, const char *name, bool *ret_raw)
{
    *ret_raw = strcmp(name, "raw") == 0;
    return ctx;
}

static void a_template_is_bounded(void **state)
{
    char value[] = "a/\x01";
    an_buf b;
    (void)state;
    an_buf_init(&b, 16);
    assert_int_equal(an_template_fill(&b, "{{x}}|{{raw}}", AN_ESCAPE_URL, one, value, NULL), AN_OK);
    assert_int_equal(b.len, 11);
    assert_memory_equal(b.data, "a%2F%01|a/\x01", 11);
    assert_int_equal(an_template_fill(&b, "123456", AN_ESCAPE_URL, one, value, NULL), AN_ERR_LIMIT);
    an_buf_done(&b);
}

static void control_characters_do_no_harm(void **state)
{
    char value[] = "a\n\x01";
    static const struct {
        an_escape escape;
        const char *text;
    } cases[] = {{AN_ESCAPE_JSON, "a\\u000a\\u0001"},
                 {AN_ESCAPE_XML, "a\n?"},
                 {AN_ESCAPE_LINE, "a  "},
                 {AN_ESCAPE_URL, "a%0A%01"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_buf b;
        an_buf_init(&b, 64);
        assert_int_equal(an_template_fill(&b, "{{x}}", cases[i].escape, one, value, NULL), AN_OK);
        an_buf_u8(&b, 0);
        assert_string_equal((const char *)b.data, cases[i].text);
        an_buf_done(&b);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_defect_names_its_part_and_lot_and_has_a_key), T(values_are_escaped_for_where_they_stand),
        T(a_template_of_xml_is_escaped_as_xml),           T(what_belongs_to_no_part_is_passed_over),
        T(a_repeat_that_it_knows_is_as_good_as_taken),    T(what_is_wrong_with_a_template_is_said_at_once),
        cmocka_unit_test(a_template_is_bounded),          cmocka_unit_test(control_characters_do_no_harm),
    };
    if (an_crypto_init() != AN_OK || an_http_client_init() != AN_OK)
        return 1;
    an_json_init();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    an_http_client_done();
    return failed;
}
