/* The verb init against a real broker: values, JSON and Sparkplug are told apart by what is said there. */
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "doors/mqtt.h"
#include "msg/sparkplug.h"
#include "tests/support/init.h"
#include "tests/support/mqtt_broker.h"

static int64_t now_ms(void)
{
    return an_clock_system()->wall_ms(an_clock_system());
}

static void say(an_mqtt *m, const char *topic, const void *payload, size_t len)
{
    const an_err err = an_mqtt_publish(m, topic, payload, len, 0, false, NULL, NULL);
    (void)err; /* the broker may be on its way out */
}

static void say_text(an_mqtt *m, const char *topic, const char *text)
{
    say(m, topic, text, strlen(text));
}

static void say_json(an_mqtt *m, int i)
{
    char text[200];
    snprintf(
        text, sizeof text,
        "{\"ts\":%lld,\"part\":\"P%d\",\"force\":%.3f,\"mode\":\"auto\",\"in\":{\"heat\":%.2f,\"fixed\":3}}",
        (long long)now_ms(), i / 4, 5 + sin(i / 4.0), 20 + cos(i / 6.0));
    say_text(m, "plant/press", text);
    say_text(m, "plant/hello", "world");
}

/* Born anew with every eighth message, so that whoever comes hears of it. */
static void say_sparkplug(an_mqtt *m, int i)
{
    an_spb_metric all[] = {
        {.name = "Force/Actual", .datatype = AN_SPB_DOUBLE, .kind = AN_SPB_IS_REAL, .quality = -1},
        {.name = "Load", .datatype = AN_SPB_DOUBLE, .kind = AN_SPB_IS_REAL, .quality = -1, .unit = "%"},
    };
    all[0].u.real = 5 + sin(i / 4.0);
    all[1].u.real = 40 + cos(i / 4.0);
    an_spb p = {.has_time = true,
                .time_ms = now_ms(),
                .n = 2,
                .metrics = all,
                .has_seq = true,
                .seq = (uint64_t)i % 8};
    an_buf b;
    an_buf_init(&b, 4096);
    if (an_spb_put(&p, &b) != AN_OK)
        exit(1);
    say(m, i % 8 == 0 ? "spBv1.0/G/NBIRTH/press" : "spBv1.0/G/NDATA/press", b.data, b.len);
    an_buf_done(&b);
}

static void on_message(void *ctx, const an_mqtt_message *m)
{
    (void)ctx;
    (void)m;
}

/* talker PORT json|sparkplug */
static int talker_main(int argc, char **argv)
{
    static const an_mqtt_events events = {.message = on_message};
    an_mqtt *m = NULL;
    bool session = false;
    if (argc < 3)
        return 2;
    const an_mqtt_conf conf = {
        .host = "127.0.0.1", .port = (int)strtol(argv[1], NULL, 10), .client = "talker", .keepalive_s = 30};
    if (an_mqtt_new(&conf, &events, NULL, &m, NULL) != AN_OK ||
        an_mqtt_connect(m, 5000, &session, NULL) != AN_OK)
        return 1;
    for (int i = 0;; i++) {
        if (strcmp(argv[2], "json") == 0)
            say_json(m, i);
        else
            say_sparkplug(m, i);
        if (an_mqtt_turn(m, 0, NULL) != AN_OK)
            break;
        poll(NULL, 0, 50); /* twenty times a second */
    }
    an_mqtt_free(m);
    return 0;
}

static void init_of(an_init_test *t, int port, const char *what)
{
    char at[16], where[48];
    an_note why = {{0}};
    snprintf(at, sizeof at, "%d", port);
    snprintf(where, sizeof where, "mqtt://127.0.0.1:%d", port);
    an_process talker = an_part_start("talker", at, what, NULL);
    an_init_test_begin(t);
    t->for_ms = 5000;
    if (an_init_test_run(t, "mqtt", where, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_rows(t, 3) == 2);
    an_process_kill(&talker);
}

static an_broker broker;

static void json_is_found_with_its_time_and_part(void **state)
{
    (void)state;
    an_init_test t;
    init_of(&t, broker.port, "json");
    assert_true(an_init_test_has(&t, "format: json"));
    assert_true(an_init_test_has(&t, "time: /ts "));
    assert_true(an_init_test_has(&t, "part: /part "));
    assert_true(an_init_test_has(&t, "path: /in/heat"));
    assert_true(an_init_test_has(&t, "in/fixed: constant"));
    assert_true(an_init_test_has(&t, "client: \"andon-plant-a-"));
    an_init_test_end(&t);
}

static void sparkplug_is_found(void **state)
{
    (void)state;
    an_init_test t;
    init_of(&t, broker.port, "sparkplug");
    assert_true(an_init_test_has(&t, "format: sparkplug"));
    assert_true(an_init_test_has(&t, "node: G/press, metric: Force/Actual"));
    an_init_test_end(&t);
}

static void a_broker_that_is_silent_or_away_is_said_to_be(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    char where[48];
    snprintf(where, sizeof where, "mqtt://127.0.0.1:%d", broker.port);
    an_init_test_begin(&t);
    t.for_ms = 500;
    assert_int_equal(an_init_test_run(&t, "mqtt", where, NULL, &why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "nobody has said a number"));
    an_broker_kill(&broker);
    assert_int_not_equal(an_init_test_run(&t, "mqtt", where, NULL, &why), AN_OK);
    assert_false(an_file_exists(t.out));
    an_init_test_end(&t);
}

int main(int argc, char **argv)
{
    an_part_add("talker", talker_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    if (!an_broker_start(&broker, ""))
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_found_with_its_time_and_part),
        cmocka_unit_test(sparkplug_is_found),
        cmocka_unit_test(a_broker_that_is_silent_or_away_is_said_to_be),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    an_broker_done(&broker);
    return failed;
}
