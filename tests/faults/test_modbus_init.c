/* The verb init against a Modbus slave in a process of its own: types are told from the values alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/support/init.h"
#include "tests/support/modbus_slave.h"

static void registers_become_tags(void **state)
{
    (void)state;
    an_init_test t;
    an_slave s;
    an_note why = {{0}};
    char where[32];
    an_slave_init(&s, "tcp", 0, 3);
    an_slave_start(&s);
    an_init_test_begin(&t);
    t.for_ms = 8000;
    snprintf(where, sizeof where, "127.0.0.1:%s", s.port);
    if (an_init_test_run(&t, "modbus", where, "unit=3", &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "unit: 3"));
    assert_true(an_init_test_has(&t, "table: holding, address: 30, type: float32, order: CDAB"));
    assert_true(an_init_test_has(&t, "table: holding, address: 32, type: int16"));
    assert_true(an_init_test_has(&t, "table: holding, address: 33, type: uint16"));
    assert_true(an_init_test_has(&t, "#   holding_1: a counter"));
    assert_true(an_init_test_has(&t, "#   coil_0: constant: 1"));
    assert_int_equal(an_init_test_rows(&t, 3), 3);
    an_slave_kill(&s);
    /* A device that is not there is said to be so. */
    assert_int_equal(an_file_remove(t.out, NULL), AN_OK);
    assert_int_equal(an_init_test_run(&t, "modbus", where, "unit=3", &why), AN_ERR_IO);
    assert_false(an_file_exists(t.out));
    an_slave_done(&s);
    an_init_test_end(&t);
}

int main(int argc, char **argv)
{
    an_part_add("slave", an_slave_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {cmocka_unit_test(registers_become_tags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
