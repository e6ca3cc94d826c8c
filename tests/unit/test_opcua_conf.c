/* The mapping of a source opcua: what is refused, with which words, and what happens when memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/source.h"
#include "base/mem.h"
#include "doors/opcua.h"
#include "doors/yaml.h"

#define TAGS ", tags: [{name: a, node: 'ns=2;s=A'}]"
#define HERE "endpoint: 'opc.tcp://127.0.0.1:4840', security: none"
#define THERE "endpoint: 'opc.tcp://10.0.0.9', "
#define FILES "cert: c.pem, key: k.pem, trust: t.pem"

static an_err check(const char *yaml, an_note *why)
{
    an_yaml *doc = NULL;
    an_err err = an_yaml_parse(yaml, strlen(yaml), "conf", &doc, why);
    if (!err)
        err = an_source_check("opcua", an_yaml_root(doc), why);
    an_yaml_free(doc);
    return err;
}

static void what_is_right_is_taken(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{" HERE TAGS "}",
        "{" HERE ", tags: [{name: a, node: 'nsu=http://x/y;i=7', index: 3, scale: 2, unit: bar}, "
        "{name: b, node: 'ns=3;g=09087e75-8e5e-499b-954f-f2a9603db28a'}, {name: c, node: 'ns=1;b=AAE='}, "
        "{name: d, node: i=2258}, {name: e, node: 'ns=4;s=with;semicolon=and=\"more\"'}]}",
        "{" THERE "security: none, plain: true" TAGS "}",
        "{" THERE FILES ", user: u, password_file: p" TAGS "}",
        "{endpoint: 'opc.tcp://[::1]:4840/path', security: none, user: u, password_env: P" TAGS "}"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_note why = {{0}};
        if (check(cases[i], &why) != AN_OK)
            fail_msg("%s: %s", cases[i], why.text);
    }
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *why;
    } cases[] = {
        {"{security: none" TAGS "}", "endpoint"},
        {"{endpoint: 'http://x', security: none" TAGS "}", "opc.tcp://HOST"},
        {"{endpoint: 'opc.tcp://', security: none" TAGS "}", "opc.tcp://HOST"},
        {"{" THERE "security: none" TAGS "}", "plain: true"},
        {"{" THERE "security: none, plain: true, user: u, password_file: p" TAGS "}", "with security only"},
        {"{" THERE "security: Basic256" TAGS "}", "is none of"},
        {"{" THERE "cert: c.pem, key: k.pem" TAGS "}", "needs cert, key and trust"},
        {"{" HERE ", " FILES TAGS "}", "belong to a security"},
        {"{" HERE ", password_file: p" TAGS "}", "needs a user"},
        {"{" HERE ", user: u, password_file: p, password_env: P" TAGS "}", "either"},
        {"{" HERE "}", "tags"},
        {"{" HERE ", tags: []}", "tags"},
        {"{" HERE ", tags: [{name: a}]}", "node"},
        {"{" HERE ", tags: [{name: a, node: A}]}", "is none, as"},
        {"{" HERE ", tags: [{name: a, node: 'nsu=http://x'}]}", "is none, as"},
        {"{" HERE ", tags: [{name: a, node: 'nsu=http://x;ns=2;s=A'}]}", "is none, as"},
        {"{" HERE ", tags: [{name: a, node: 'ns=70000;s=A'}]}", "is none, as"},
        {"{" HERE ", tags: [{name: a, node: 'i=seven'}]}", "is none, as"},
        {"{" HERE ", tags: [{name: a, node: 'i=4294967296'}]}", "is none, as"},
        {"{" HERE ", tags: [{name: a, node: 'i=1', index: -2}]}", "index"},
        {"{" HERE ", tags: [{name: a, node: 'i=1', colour: red}]}", "colour"},
        {"{" HERE ", tags: [{name: a, node: 'i=1'}, {name: a, node: 'i=2'}]}", "a"},
        {"{" HERE ", sampling_ms: -1" TAGS "}", "sampling_ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_note why = {{0}};
        if (check(cases[i].yaml, &why) != AN_ERR_INVAL || !strstr(why.text, cases[i].why))
            fail_msg("%s: \"%s\" instead of \"%s\"", cases[i].yaml, why.text, cases[i].why);
    }
}

static void a_node_is_told_from_a_text(void **state)
{
    (void)state;
    char longest[AN_OPCUA_NODE_MAX + 1], host[16];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "s=", 2);
    longest[AN_OPCUA_NODE_MAX] = '\0';
    assert_false(an_opcua_node_ok(longest));
    longest[AN_OPCUA_NODE_MAX - 1] = '\0';
    assert_true(an_opcua_node_ok(longest));
    assert_false(an_opcua_node_ok(""));
    assert_false(an_opcua_node_ok("i=0")); /* stands for none */
    assert_false(an_opcua_node_ok("ns=1"));
    assert_true(an_opcua_host("opc.tcp://plant:4840/x", host, sizeof host));
    assert_string_equal(host, "plant");
    assert_false(an_opcua_host("opc.tcp://a-name-that-does-not-fit:4840", host, sizeof host));
}

static void a_lack_of_memory_is_said(void **state)
{
    (void)state;
    an_err err = AN_ERR_NOMEM;
    const size_t before = an_mem_live();
    for (size_t n = 0; err != AN_OK; n++) {
        an_mem_fail_after(n);
        err = check("{" HERE TAGS "}", NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), before);
        assert_true(n < 1000);
    }
}

static void nothing(void *ctx, int64_t at_ms, const an_opcua_value *values, size_t n, bool more)
{
    (void)ctx;
    (void)at_ms;
    (void)values;
    (void)n;
    (void)more;
}

static void a_door_opens_as_a_whole_or_not_at_all(void **state)
{
    (void)state;
    static const an_opcua_events events = {.values = nothing};
    static const an_opcua_item item = {.node = "i=1", .index = -1};
    const an_opcua_conf conf = {.url = "opc.tcp://127.0.0.1:1",
                                .user = "u",
                                .timeout_ms = 1000,
                                .session_ms = 1000,
                                .items = &item,
                                .n = 1,
                                .sampling_ms = 1,
                                .publishing_ms = 1,
                                .keepalive_ms = 1,
                                .queue = 1};
    const size_t before = an_mem_live();
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        an_opcua *o = NULL;
        bool resumed = false;
        an_mem_fail_after(n);
        err = an_opcua_new(&conf, &events, NULL, &o, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !o));
        if (!err) { /* nobody is there */
            an_note why = {{0}};
            assert_int_equal(an_opcua_connect(o, &resumed, &why), AN_ERR_IO);
            assert_non_null(strstr(why.text, "nobody answers"));
            assert_int_equal(an_opcua_turn(o, 0, NULL), AN_ERR_IO);
            assert_int_equal(an_opcua_subscribe(o, NULL), AN_ERR_IO);
            an_opcua_leave(o);
        }
        an_opcua_free(o);
        assert_int_equal(an_mem_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_taken),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_node_is_told_from_a_text),
        cmocka_unit_test(a_lack_of_memory_is_said),
        cmocka_unit_test(a_door_opens_as_a_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
