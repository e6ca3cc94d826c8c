/* The verb init against an OPC UA server in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/support/init.h"
#include "tests/support/opcua_server.h"

static void variables_become_tags(void **state)
{
    (void)state;
    an_init_test t;
    an_ua s;
    an_note why = {{0}};
    char where[48];
    an_ua_init(&s);
    an_ua_start(&s, "");
    an_init_test_begin(&t);
    t.for_ms = 4000;
    snprintf(where, sizeof where, "opc.tcp://127.0.0.1:%s", s.port);
    if (an_init_test_run(&t, "opcua", where, "security=none", &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "node: \"nsu=" AN_UA_NAMESPACE ";s=Wave\""));
    assert_true(an_init_test_has(&t, "Line 4.Wave"));
    assert_true(an_init_test_has(&t, "#   Line 4.Count: a counter"));
    assert_true(an_init_test_has(&t, "#   Line 4.Fixed: constant: 77"));
    assert_false(an_init_test_has(&t, "Text"));
    assert_int_equal(an_init_test_rows(&t, 3), 1);
    an_ua_kill(&s);
    /* A server that is not there is said to be so. */
    assert_int_equal(an_file_remove(t.out, NULL), AN_OK);
    assert_int_equal(an_init_test_run(&t, "opcua", where, "security=none", &why), AN_ERR_IO);
    assert_false(an_file_exists(t.out));
    an_ua_done(&s);
    an_init_test_end(&t);
}

int main(int argc, char **argv)
{
    an_part_add("opcua", an_ua_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {cmocka_unit_test(variables_become_tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
