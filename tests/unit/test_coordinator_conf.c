/* The coordinator's options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/conf.h"
#include "doors/conf.h"
#include "tests/support/folder.h"

static void an_empty_configuration_is_a_good_one(void **state)
{
    (void)state;
    an_coordinator_conf c;
    assert_int_equal(an_coordinator_conf_init(&c), AN_OK);
    assert_int_equal(an_coordinator_conf_check(&c, NULL), AN_OK);
    assert_string_equal(c.control, "tcp://127.0.0.1:7701");
    assert_string_equal(c.bulk, "tcp://127.0.0.1:7702");
    assert_string_equal(c.enrol, "tcp://127.0.0.1:7703");
    assert_int_equal(c.http_port, 7700);
    assert_null(c.store_url);
    an_coordinator_conf_done(&c);
}

static void a_file_sets_what_it_names(void **state)
{
    (void)state;
    static const char text[] =
        "data: /var/lib/andon\nlisten: {control: \"tcp://0.0.0.0:9001\"}\n"
        "advertise: {control: \"tcp://c.example:9001\"}\nhttp: {port: 0}\nlease: 5s\nlog: "
        "warn\n";
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_note why = {{0}};
    an_coordinator_conf c;
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(path, dir, "c.yaml"), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0644, NULL), AN_OK);
    assert_int_equal(an_coordinator_conf_init(&c), AN_OK);
    an_err err = an_conf_load_yaml(an_coordinator_rows, an_coordinator_n_rows, &c, path, &why);
    if (err != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_coordinator_conf_check(&c, &why), AN_OK);
    assert_string_equal(c.data, "/var/lib/andon");
    assert_string_equal(c.control, "tcp://0.0.0.0:9001");
    assert_string_equal(c.advertise_control, "tcp://c.example:9001");
    assert_int_equal(c.http_port, 0);
    assert_int_equal(c.lease_ms, 5000);
    assert_int_equal(c.log_level, 2);
    an_coordinator_conf_done(&c);
    an_test_folder_remove(dir);
}

static void sites_are_never_told_an_address_that_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *says;
    } rows[] = {
        {"listen.control", "tcp://0.0.0.0:7701", "advertise.control"},
        {"listen.bulk", "tcp://*:7702", "advertise.bulk"},
        {"advertise.enrol", "tcp://0.0.0.0:1", "advertise.enrol"},
        {"listen.enrol", "ipc:///tmp/x", "listen.enrol"},
        {"advertise.bulk", "udp://c:1", "advertise.bulk"},
        {"coordinators", "tcp://a:1,b:2", "coordinators"},
        {"coordinators", "tcp://a:1,", "coordinators"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        an_coordinator_conf c;
        an_note why = {{0}};
        assert_int_equal(an_coordinator_conf_init(&c), AN_OK);
        assert_int_equal(an_opt_set(an_coordinator_rows, an_coordinator_n_rows, &c, rows[i].key,
                                    rows[i].value, "test", &why),
                         AN_OK);
        assert_int_equal(an_coordinator_conf_check(&c, &why), AN_ERR_INVAL);
        assert_non_null(strstr(why.text, rows[i].says));
        an_coordinator_conf_done(&c);
    }
}

static void all_coordinators_on_the_store_are_listed(void **state)
{
    (void)state;
    an_coordinator_conf c;
    an_msg_coordinator list[AN_COORDINATORS_MAX];
    uint32_t n = 9;
    char many[AN_COORDINATORS_MAX * 12 + 16] = "tcp://h:1";
    assert_int_equal(an_coordinator_conf_init(&c), AN_OK);
    assert_int_equal(an_coordinator_conf_list(&c, list, &n, NULL), AN_OK);
    assert_int_equal(n, 0);
    c.coordinators = "tcp://a:7701,tcp://b:7701";
    assert_int_equal(an_coordinator_conf_list(&c, list, &n, NULL), AN_OK);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].control, "tcp://a:7701");
    assert_string_equal(list[1].control, "tcp://b:7701");
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++)
        memcpy(many + strlen(many), ",tcp://h:1", 11);
    c.coordinators = many;
    assert_int_equal(an_coordinator_conf_list(&c, list, &n, NULL), AN_ERR_LIMIT);
    c.coordinators = NULL;
    an_coordinator_conf_done(&c);
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    size_t live = an_mem_live();
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; n < 100 && err != AN_OK; n++) {
        an_coordinator_conf c;
        an_mem_fail_after(n);
        err = an_coordinator_conf_init(&c);
        an_mem_fail_never();
        if (err == AN_OK)
            an_coordinator_conf_done(&c);
        else
            assert_int_equal(err, AN_ERR_NOMEM);
        assert_int_equal(an_mem_live(), live);
    }
    assert_int_equal(err, AN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_configuration_is_a_good_one),
        cmocka_unit_test(a_file_sets_what_it_names),
        cmocka_unit_test(sites_are_never_told_an_address_that_is_none),
        cmocka_unit_test(all_coordinators_on_the_store_are_listed),
        cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
