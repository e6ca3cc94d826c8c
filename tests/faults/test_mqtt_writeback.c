/* The write-back over MQTT against a real broker and a controller in a process of its own: nothing before two people have
 * enabled it; a broker that is away or does not answer; a controller that answers late, or never. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "doors/mqtt.h"
#include "doors/yaml.h"
#include "tests/support/mqtt_broker.h"
#include "tests/support/writeback.h"

typedef struct controller_shared {
    atomic_int ready, mute, delay_ms;
    atomic_int value;
    atomic_uint writes, beats, wills, backwards, strange;
    atomic_ullong sequence;
} controller_shared;

/* ---- the controller ---- */

typedef struct controller {
    controller_shared *shared;
    an_mqtt *link;
} controller;

static void answer(controller *c, const char *target, int64_t sequence)
{
    char text[128];
    const int delay = atomic_load(&c->shared->delay_ms);
    if (atomic_load(&c->shared->mute))
        return;
    if (delay > 0)
        poll(NULL, 0, delay);
    const int n =
        snprintf(text, sizeof text, "{\"target\":\"%s\",\"sequence\":%lld}", target, (long long)sequence);
    const an_err err = an_mqtt_publish(c->link, "plc/ack", text, (size_t)n, 1, false, NULL, NULL);
    (void)err; /* as a controller's link may fail */
}

/* As docs/OPERATIONS.md asks of a controller: what is not newer, or not valid any more, is passed over. */
static void on_write(controller *c, const an_jval *o)
{
    int64_t value = 0, sequence = 0, until = 0;
    const char *target = NULL;
    controller_shared *s = c->shared;
    if (an_jval_int(o, "value", 0, 65535, &value, NULL) ||
        an_jval_int(o, "sequence", 1, INT64_MAX, &sequence, NULL) ||
        an_jval_int(o, "until_ms", 1, INT64_MAX, &until, NULL) || an_jval_text(o, "target", &target, NULL)) {
        atomic_fetch_add(&s->strange, 1);
        return;
    }
    if ((unsigned long long)sequence <= atomic_load(&s->sequence) || an_test_wall_ms() > until) {
        atomic_fetch_add(&s->backwards, 1);
        return;
    }
    atomic_store(&s->sequence, (unsigned long long)sequence);
    atomic_store(&s->value, (int)value);
    atomic_fetch_add(&s->writes, 1);
    answer(c, target, sequence);
}

static bool has(const char *bytes, size_t len, const char *text)
{
    const size_t n = strlen(text);
    for (size_t i = 0; i + n <= len; i++)
        if (memcmp(bytes + i, text, n) == 0)
            return true;
    return false;
}

static void on_message(void *ctx, const an_mqtt_message *m)
{
    controller *c = ctx;
    an_json_doc *doc = NULL;
    int64_t beat = 0;
    if (has(m->payload, m->len, "advice") || has(m->payload, m->len, AN_WB_ADVISED))
        atomic_fetch_add(&c->shared->strange, 1);
    if (an_json_parse(m->payload, m->len, "message", &doc, NULL) != AN_OK || m->retained) {
        atomic_fetch_add(&c->shared->strange, 1);
    } else if (strcmp(m->topic, "plc/beat") != 0) {
        on_write(c, an_json_root(doc));
    } else if (an_jval_int(an_json_root(doc), "heartbeat", 0, INT64_MAX, &beat, NULL) == AN_OK) {
        atomic_fetch_add(beat > 0 ? &c->shared->beats : &c->shared->wills, 1);
    }
    an_json_doc_free(doc);
}

/* controller FILE PORT */
static int controller_main(int argc, char **argv)
{
    static const an_mqtt_events events = {.message = on_message};
    controller c = {.link = NULL};
    bool session = false;
    if (argc < 3)
        return 2;
    an_json_init();
    c.shared = an_shared_map(argv[1], sizeof *c.shared);
    const an_mqtt_conf conf = {
        .host = "127.0.0.1", .port = (int)strtol(argv[2], NULL, 10), .client = "controller"};
    for (;;) {
        if (an_mqtt_new(&conf, &events, &c, &c.link, NULL) != AN_OK)
            return 1;
        if (an_mqtt_connect(c.link, 1000, &session, NULL) == AN_OK &&
            an_mqtt_subscribe(c.link, "plc/verdict", 1, NULL) == AN_OK &&
            an_mqtt_subscribe(c.link, "plc/beat", 1, NULL) == AN_OK) {
            an_err err = an_mqtt_turn(c.link, 200, NULL);
            atomic_store(&c.shared->ready, 1);
            while (err == AN_OK)
                err = an_mqtt_turn(c.link, 20, NULL);
        }
        an_mqtt_free(c.link);
        poll(NULL, 0, 20);
    }
}

/* ---- fixture ---- */

static an_broker broker;
static controller_shared *plc;
static char plc_file[64];
static an_process plc_process;
static an_yaml *doc;

static void read_conf(an_wb_conf *conf, int port, const char *key_a, const char *key_b)
{
    char text[1600];
    an_note why = {{0}};
    const int n = snprintf(text, sizeof text,
                           "{type: mqtt, broker: \"mqtt://127.0.0.1:%d\", client: wb, heartbeat: plc/beat, "
                           "acknowledge: plc/ack, "
                           "timeout: 0.4, period: 0.05, dry_run: false, people: [{name: anna, key_file: "
                           "\"%.200s\"}, {name: ben, "
                           "key_file: \"%.200s\"}], targets: [{name: verdict, line: line-1, topic: "
                           "plc/verdict, min: 10, max: 12, "
                           "unknown: 10, good: 11, bad: 12, rate: 60, deadline: 2}]}",
                           port, key_a, key_b);
    if (an_yaml_parse(text, (size_t)n, "test", &doc, &why) != AN_OK ||
        an_wb_conf_read(an_yaml_root(doc), conf, NULL, NULL, &why) != AN_OK) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
}

/* writeback DIR PORT KEY KEY: one that can be killed. */
static int writeback_main(int argc, char **argv)
{
    an_wb_conf conf;
    an_wb *w = NULL;
    an_log_init(AN_LOG_OFF, "test");
    if (argc < 5 || an_crypto_init() != AN_OK)
        return 2;
    an_json_init();
    read_conf(&conf, (int)strtol(argv[2], NULL, 10), argv[3], argv[4]);
    if (an_wb_start(&conf, "plant-a", argv[1], &w, NULL) != AN_OK)
        return 1;
    for (;;)
        pause();
}

static int setup(void **state)
{
    char port[16];
    an_wb_test *f = an_wb_test_new();
    an_wb_test_people(f); /* makes the key files */
    read_conf(&f->conf, broker.port, f->keys[0], f->keys[1]);
    plc = an_shared_make(plc_file, sizeof *plc);
    atomic_store(&plc->value, -1);
    snprintf(port, sizeof port, "%d", broker.port);
    plc_process = an_part_start("controller", plc_file, port, NULL);
    while (!atomic_load(&plc->ready))
        poll(NULL, 0, 5);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    an_wb_test *f = *state;
    an_wb_stop(f->w);
    an_process_kill(&plc_process);
    munmap(plc, sizeof *plc);
    unlink(plc_file);
    an_yaml_free(doc);
    an_wb_test_free(f);
    return 0;
}

static void until_value(an_wb_test *f, int value)
{
    const int64_t until = an_test_mono_ms() + 30000;
    while (atomic_load(&plc->value) != value) {
        if (an_test_mono_ms() > until)
            fail_msg("the controller has %d, not %d", atomic_load(&plc->value), value);
        an_wb_test_tick(f);
    }
}

static void run_for(an_wb_test *f, int64_t ms)
{
    for (const int64_t until = an_test_mono_ms() + ms; an_test_mono_ms() < until;)
        an_wb_test_tick(f);
}

/* ---- tests ---- */

static void nothing_is_published_before_two_people_have_enabled_it(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb_test_ask(f, 0);
    an_wb_test_ask(f, 0);
    run_for(f, 300);
    assert_int_equal(atomic_load(&plc->writes) + atomic_load(&plc->beats), 0);
    an_wb_test_ask(f, 1);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    until_value(f, 11);
    an_test_log_raise(&f->t, 1);
    an_wb_test_until_verdict(f, AN_WB_BAD);
    until_value(f, 12);
    f->silent = true; /* the agent hangs */
    an_wb_test_until_verdict(f, AN_WB_UNKNOWN);
    until_value(f, 10);
    AN_WB_UNTIL(f, writes, an_wb_test_journal(f, "write")); /* the answer to the last is here, too */
    const an_wb_stats s = an_wb_stats_get(f->w);
    an_wb_stop(f->w);
    f->w = NULL;
    assert_int_equal(s.failed, 0);
    assert_int_equal(an_wb_test_journal(f, "write"), s.writes);
    assert_true(an_wb_test_said(f, "\"topic\":\"plc/verdict\"") >= 3);
    assert_int_equal(an_wb_test_said(f, "\"enabled_by\":\"anna\""), s.writes);
    assert_int_equal(atomic_load(&plc->strange) + atomic_load(&plc->backwards), 0);
    /* Again: not enabled, and who comes later hears nothing old. */
    const unsigned writes = atomic_load(&plc->writes);
    an_wb_test_start(f);
    run_for(f, 300);
    assert_int_equal(atomic_load(&plc->writes), writes);
}

/* Advice is for people: messages are as without it (has, above). */
static void advice_is_never_sent(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_advise(f);
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    until_value(f, 11);
    an_test_log_raise(&f->t, 1);
    an_wb_test_until_verdict(f, AN_WB_BAD);
    until_value(f, 12);
    assert_true(atomic_load(&plc->writes) >= 2);
    assert_int_equal(atomic_load(&plc->strange) + atomic_load(&plc->backwards), 0);
    assert_int_equal(an_wb_test_said(f, "advice") + an_wb_test_said(f, AN_WB_ADVISED), 0);
}

static void a_broker_that_was_away_passes_on_what_is_true_then(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    an_broker_kill(&broker);
    AN_WB_UNTIL(f, failed, 2);
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    an_test_log_raise(&f->t, 1);
    AN_WB_UNTIL(f, failed, 4);
    assert_int_equal(an_wb_stats_get(f->w).beats, beats);
    an_broker_resume(&broker);
    an_wb_test_until_verdict(f, AN_WB_BAD);
    until_value(f, 12);
    assert_int_equal(atomic_load(&plc->strange), 0);
}

static void a_broker_that_hangs_makes_the_heartbeat_stop(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    an_process_signal(&broker.process, SIGSTOP);
    AN_WB_UNTIL(f, failed, 2);
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    an_test_log_raise(&f->t, 1);
    AN_WB_UNTIL(f, failed, 3);
    assert_int_equal(an_wb_stats_get(f->w).beats, beats);
    an_process_signal(&broker.process, SIGCONT);
    an_wb_test_until_verdict(
        f, AN_WB_BAD); /* whatever it passes on late, the controller ends with what is true */
    until_value(f, 12);
    run_for(f, 300);
    assert_int_equal(atomic_load(&plc->value), 12);
}

static void an_answer_that_is_late_is_none(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    atomic_store(&plc->delay_ms, 600); /* the time is 400 */
    an_wb_test_ask(f, 0);
    an_wb_test_ask(f, 1);
    AN_WB_UNTIL(f, failed, 3);
    assert_int_equal(an_wb_stats_get(f->w).writes,
                     0); /* no answer to an earlier write was taken for that to a later one */
    assert_int_equal(an_wb_stats_get(f->w).beats, 0);
    assert_true(atomic_load(&plc->writes) >= 1);
    atomic_store(&plc->delay_ms, 0);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    until_value(f, 11);
    atomic_store(&plc->mute, 1);
    an_test_log_raise(&f->t, 1);
    const uint64_t failed = an_wb_stats_get(f->w).failed;
    AN_WB_UNTIL(f, failed, failed + 2);
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    AN_WB_UNTIL(f, failed, failed + 3);
    assert_int_equal(an_wb_stats_get(f->w).beats, beats);
    atomic_store(&plc->mute, 0);
    an_wb_test_until_verdict(f, AN_WB_BAD);
    until_value(f, 12);
}

static void one_person_ends_it_and_no_heartbeat_follows(void **state)
{
    an_wb_test *f = *state;
    an_wb_test_start(f);
    an_wb_test_enable(f);
    an_wb_test_until_verdict(f, AN_WB_GOOD);
    assert_int_equal(an_wb_leave(f->t.dir, "plant-a", "carl", NULL, an_test_wall_ms(), &f->why), AN_OK);
    while (an_wb_stats_get(f->w).enabled)
        an_wb_test_tick(f);
    const unsigned beats = atomic_load(&plc->beats), writes = atomic_load(&plc->writes);
    an_test_log_raise(&f->t, 1);
    run_for(f, 300);
    assert_true(atomic_load(&plc->beats) <= beats + 1); /* one may have been on its way */
    assert_int_equal(atomic_load(&plc->writes), writes);
    assert_int_equal(an_wb_test_journal(f, "ended by a person"), 1);
    assert_int_equal(atomic_load(&plc->wills), 0); /* it has said good-bye */
}

static void of_one_that_is_killed_the_broker_says_so(void **state)
{
    an_wb_test *f = *state;
    char port[16];
    snprintf(port, sizeof port, "%d", broker.port);
    an_process p = an_part_start("writeback", f->t.dir, port, f->keys[0], f->keys[1], NULL);
    an_wb_test_until_said(f, "started, not enabled");
    an_wb_test_ask(f, 0);
    an_wb_test_ask(f, 1);
    until_value(f, 11);
    while (atomic_load(&plc->beats) < 2)
        an_wb_test_tick(f);
    assert_int_equal(atomic_load(&plc->wills), 0);
    an_process_kill(&p);
    const int64_t until = an_test_mono_ms() + 20000;
    while (atomic_load(&plc->wills) == 0 && an_test_mono_ms() < until)
        an_wb_test_tick(f);
    assert_int_equal(atomic_load(&plc->wills), 1);
}

static void a_dry_run_says_and_does_not(void **state)
{
    an_wb_test *f = *state;
    f->conf.dry_run = true;
    an_wb_test_start(f);
    an_wb_test_until_said(f, "\"value\":11,\"verdict\":\"good\"");
    an_test_log_raise(&f->t, 1);
    an_wb_test_until_said(f, "\"value\":12,\"verdict\":\"bad\"");
    assert_int_equal(an_wb_test_journal(f, "write"), 0);
    assert_int_equal(atomic_load(&plc->writes) + atomic_load(&plc->beats), 0);
}

static void refused(const char *from, const char *to)
{
    static const char right[] = "{type: mqtt, broker: \"mqtt://127.0.0.1\", client: wb, heartbeat: b, "
                                "acknowledge: a, people: [{name: anna, "
                                "key_file: k1}, {name: ben, key_file: k2}], targets: [{name: v, line: l, "
                                "topic: t, max: 2, unknown: 0, good: 1, "
                                "bad: 2}]}";
    char text[sizeof right + 100];
    an_wb_conf conf;
    an_note why = {{0}};
    an_yaml *d = NULL;
    const char *at = strstr(right, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - right), right, to, at + strlen(from));
    assert_int_equal(an_yaml_parse(text, strlen(text), "test", &d, &why), AN_OK);
    assert_int_equal(an_wb_conf_read(an_yaml_root(d), &conf, NULL, NULL, &why), AN_ERR_INVAL);
    assert_false(conf.there);
    an_yaml_free(d);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    refused("topic: t", "topic: b"); /* the heartbeat's */
    refused("topic: t", "topic: \"t/#\"");
    refused("topic: t", "address: 3");           /* of Modbus */
    refused("acknowledge: a", "acknowledge: b"); /* the heartbeat's */
    refused("unknown: 0", "unknown: 1");         /* looks like good */
    refused("type: mqtt", "type: opcua");
    refused("heartbeat: b, ", "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(int argc, char **argv)
{
    an_part_add("controller", controller_main);
    an_part_add("writeback", writeback_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    an_json_init();
    if (an_crypto_init() != AN_OK)
        return 1;
    if (!an_broker_start(&broker, ""))
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_refused),
        T(nothing_is_published_before_two_people_have_enabled_it),
        T(advice_is_never_sent),
        T(a_broker_that_was_away_passes_on_what_is_true_then),
        T(a_broker_that_hangs_makes_the_heartbeat_stop),
        T(an_answer_that_is_late_is_none),
        T(one_person_ends_it_and_no_heartbeat_follows),
        T(of_one_that_is_killed_the_broker_says_so),
        T(a_dry_run_says_and_does_not),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    an_broker_done(&broker);
    return failed;
}
