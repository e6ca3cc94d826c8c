/* The Host header: what it names, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/host.h"

static void names_addresses_and_ports_are_read(void **state)
{
    static const struct {
        const char *text, *name;
        uint16_t port;
        bool address;
    } good[] = {
        {"localhost", "localhost", 0, false},
        {"andon.plant:7700", "andon.plant", 7700, false},
        {"andon.plant.:7700", "andon.plant", 7700, false},
        {"Hall_3-a:", "Hall_3-a", 0, false},
        {"127.0.0.1:65535", "127.0.0.1", 65535, true},
        {"10.0.0.7", "10.0.0.7", 0, true},
        {"[::1]:7700", "::1", 7700, true},
        {"[fe80::1]", "fe80::1", 0, true},
        {"127.0.0.1.evil.example", "127.0.0.1.evil.example", 0, false},
        {"1.2.3", "1.2.3", 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        an_host h;
        if (!an_host_read(good[i].text, &h) || h.len != strlen(good[i].name) ||
            memcmp(h.name, good[i].name, h.len) != 0 || h.port != good[i].port ||
            h.address != good[i].address)
            fail_msg("%s", good[i].text);
    }
}

static void what_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"",    ":7700",         "a b",  "a:65536",  "a:x",         "a:80:80",
                                      "a@b", "localhost/",    "[::1", "[a]",      "[127.0.0.1]", "::1",
                                      "[]",  "a:99999999999", "a,b",  "[::1]x:1", "\xc3\xa4",    "a:-1"};
    char long_one[400];
    an_host h;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (an_host_read(bad[i], &h))
            fail_msg("%s", bad[i]);
    memset(long_one, 'a', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    assert_false(an_host_read(long_one, &h));
}

static void a_name_is_among_others_whole_and_in_any_case(void **state)
{
    an_host h;
    (void)state;
    assert_true(an_host_read("HALL-3.plant:80", &h));
    assert_true(an_host_among(&h, "andon.plant, hall-3.plant"));
    assert_true(an_host_among(&h, "hall-3.plant"));
    assert_true(an_host_among(&h, " ,hall-3.plant,"));
    assert_false(an_host_among(&h, "hall-3"));
    assert_false(an_host_among(&h, "hall-3.plant.x xhall-3.plant"));
    assert_false(an_host_among(&h, ""));
    assert_false(an_host_among(&h, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_addresses_and_ports_are_read),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(a_name_is_among_others_whole_and_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
