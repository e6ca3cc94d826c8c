/* Where a server is: what counts as this machine, and addresses of brokers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/server_address.h"

static void only_this_machine_is_here(void **state)
{
    (void)state;
    static const char *const here[] = {"localhost", "127.0.0.1", "127.9.8.7", "::1", "[::1]"};
    static const char *const elsewhere[] = {"127.0.0.1.example.com",
                                            "127.evil",
                                            "127.1",
                                            "128.0.0.1",
                                            "localhost.example.com",
                                            "broker",
                                            "",
                                            "::",
                                            "0.0.0.0",
                                            "10.0.0.7"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        if (!an_host_is_here(here[i]))
            fail_msg("%s", here[i]);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (an_host_is_here(elsewhere[i]))
            fail_msg("%s", elsewhere[i]);
}

static void addresses_of_brokers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
        bool tls;
    } good[] = {{"mqtts://broker.plant", "broker.plant", 8883, true},
                {"mqtt://broker.plant", "broker.plant", 1883, false},
                {"mqtts://10.0.0.7:9000", "10.0.0.7", 9000, true},
                {"mqtt://[fe80::1]:1884", "fe80::1", 1884, false},
                {"mqtts://[::1]", "::1", 8883, true}};
    static const char *const bad[] = {"",          "broker",     "http://broker",     "mqtt://",
                                      "mqtt://:1", "mqtt://b:0", "mqtt://b:65536",    "mqtt://b:1x",
                                      "mqtt://[]", "mqtt://b:",  "mqtts://u:p@broker"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        an_broker_address at;
        assert_int_equal(an_broker_address_read(good[i].text, &at, NULL), AN_OK);
        assert_string_equal(at.host, good[i].host);
        assert_int_equal(at.port, good[i].port);
        assert_int_equal(at.tls, good[i].tls);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        an_broker_address at;
        an_note why = {{0}};
        assert_int_equal(an_broker_address_read(bad[i], &at, &why), AN_ERR_INVAL);
        assert_non_null(strstr(why.text, "broker: "));
    }
    char text[400] = "mqtt://";
    memset(text + 7, 'h', 300);
    an_broker_address at;
    assert_int_equal(an_broker_address_read(text, &at, NULL), AN_ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_this_machine_is_here),
        cmocka_unit_test(addresses_of_brokers_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
