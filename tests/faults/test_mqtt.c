/* The source mqtt against a real broker: every message is a row, in order, whatever happens between; wrong payloads are
 * bad values; who is not trusted is not spoken to. */
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/show.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "doors/yaml.h"
#include "tests/support/folder.h"
#include "tests/support/live.h"
#include "tests/support/mqtt_broker.h"

static void say(const an_broker *b, const char *topic, const char *payload)
{
    an_publish(b->port, topic, payload, strlen(payload), false);
}

static bool has_rows(an_live *l, void *ctx)
{
    return l->rows >= *(const uint64_t *)ctx;
}

static void until_rows(an_live *l, uint64_t rows)
{
    an_live_until(l, has_rows, &rows, 15000);
}

static bool is_connected(an_live *l, void *ctx)
{
    return an_live_counter(l, "connects") >= *(const uint64_t *)ctx;
}

static void until_connected(an_live *l, uint64_t times)
{
    an_live_until(l, is_connected, &times, 15000);
}

static void each_message_is_a_row_in_order(void **state)
{
    (void)state;
    char yaml[512];
    an_broker b;
    an_live l;
    assert_true(an_broker_start(&b, ""));
    an_publish(b.port, "plant/a/heat", "20", 2, true);
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtt://127.0.0.1:%d', client: one, tags: [{name: heat, topic: plant/+/heat, unit: C, "
             "scale: 10},"
             "{name: flow, topic: plant/a/flow}]}",
             b.port);
    an_live_open(&l, "mqtt", yaml, NULL, NULL);
    an_live_until_tag(&l, 0, AN_VALUE_UNCERTAIN, 199); /* it was retained: of when is it? */
    assert_int_equal(l.quality[1], AN_VALUE_UNREACHED);
    uint64_t rows = l.rows;
    say(&b, "plant/a/flow", " 1.5\n");
    until_rows(&l, ++rows);
    assert_float_equal(l.value[1], 1.5, 0);
    say(&b, "plant/b/heat", "3");
    until_rows(&l, ++rows);
    assert_float_equal(l.value[0], 30, 0);
    assert_int_equal(l.quality[0], AN_VALUE_GOOD);
    static const char *const wrong[] = {"warm", "", "1,5", "nan", "{\"v\":1}", "1e999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(&b, "plant/a/flow", wrong[i]);
        until_rows(&l, ++rows);
        assert_int_equal(l.quality[1], AN_VALUE_BAD);
        assert_true(isnan(l.value[1]));
        assert_int_equal(l.quality[0], AN_VALUE_GOOD);
    }
    say(&b, "plant/a/flow", "on");
    until_rows(&l, ++rows);
    assert_float_equal(l.value[1], 1, 0);
    assert_int_equal(an_source_stats_get(l.src).bad, 6);
    assert_int_equal(an_live_counter(&l, "retained"), 1);
    an_live_close(&l);
    an_broker_done(&b);
}

static void one_message_has_many_tags_a_time_and_a_part(void **state)
{
    (void)state;
    char yaml[1024];
    an_broker b;
    an_live l;
    assert_true(an_broker_start(&b, ""));
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtt://127.0.0.1:%d', client: two, format: json, time: /t, part: /part, quality: /q, "
             "tags: ["
             "{name: a, topic: press, path: /s/a}, {name: b, topic: press, path: /s/list/1},"
             "{name: c, topic: press, path: '/x~1y', quality: /qc}]}",
             b.port);
    an_live_open(&l, "mqtt", yaml, NULL, NULL);
    until_connected(&l, 1);
    say(&b, "press",
        "{\"t\":1700000000.5,\"part\":\"A-7\",\"q\":192,\"qc\":\"uncertain\",\"s\":{\"a\":1.5,\"list\":[0,"
        "\"2.5\"]},"
        "\"x/y\":true}");
    an_live_until_tag(&l, 0, AN_VALUE_GOOD, 0);
    assert_float_equal(l.value[0], 1.5, 0);
    assert_float_equal(l.value[1], 2.5, 0);
    assert_float_equal(l.value[2], 1, 0);
    assert_int_equal(l.quality[2], AN_VALUE_UNCERTAIN);
    assert_int_equal(l.time_ms, 1700000000500);
    assert_string_equal(l.part, "A-7");
    uint64_t rows = l.rows;
    say(&b, "press", "{\"t\":\"2026-01-01T00:00:00Z\",\"q\":0,\"s\":{\"a\":{},\"list\":[1,2]},\"x/y\":null}");
    until_rows(&l, ++rows);
    for (size_t j = 0; j < 3; j++)
        assert_int_equal(l.quality[j], AN_VALUE_BAD);
    assert_string_equal(l.part, "");
    say(&b, "press", "[[[not json");
    until_rows(&l, ++rows);
    say(&b, "press", "{\"t\":1700000001000,\"s\":{\"a\":7,\"list\":[1,2]},\"x/y\":0}");
    until_rows(&l, ++rows);
    assert_int_equal(l.quality[0], AN_VALUE_GOOD);
    assert_int_equal(l.time_ms, 1700000001000);
    an_live_close(&l);
    an_broker_done(&b);
}

/* ---- trust ---- */

#define MAKE_CA(name)                                                                                        \
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " name ".key -out " name   \
    ".pem -subj /CN=" name " -days 2; "
#define MAKE_CERT(name, host, ca)                                                                            \
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " name ".key -out " name         \
    ".csr -subj /CN=" name "; printf 'subjectAltName=" host "' >" name ".ext; openssl x509 -req -in " name   \
    ".csr -CA " ca ".pem -CAkey " ca ".key -CAcreateserial -days 2 -extfile " name ".ext -out " name         \
    ".pem; "

static void refused(const char *yaml, const char *why)
{
    an_live l;
    an_live_open(&l, "mqtt", yaml, NULL, NULL);
    while (an_live_counter(&l, "failures") < 2)
        an_live_run(&l, NULL, NULL, 50);
    if (an_live_counter(&l, "connects") != 0 || l.quality[0] != AN_VALUE_UNREACHED)
        fail_msg("%s", why);
    an_live_close(&l);
}

static void who_is_not_trusted_is_not_spoken_to(void **state)
{
    (void)state;
    static const char tls[] = "cafile %s/ca.pem\ncertfile %s/here.pem\nkeyfile %s/here.key\n"
                              "require_certificate true\nallow_anonymous true";
    char dir[AN_PATH_MAX], yaml[4096];
    const char *tags = "client: t, retry_max_ms: 200, tags: [{name: a, topic: a}]";
    an_broker b;
    an_live l;
    an_test_folder_make(dir);
    an_test_shell(dir,
                  "set -e; " MAKE_CA("ca") MAKE_CA("other") MAKE_CERT("here", "IP:127.0.0.1", "ca")
                      MAKE_CERT("client", "DNS:client", "ca") MAKE_CERT("stranger", "DNS:client", "other"));
    assert_true(an_broker_start_in(&b, dir, tls));
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtts://127.0.0.1:%d', ca: %s/ca.pem, cert: %s/client.pem, key: %s/client.key, %s}",
             b.port, dir, dir, dir, tags);
    an_live_open(&l, "mqtt", yaml, NULL, NULL);
    until_connected(&l, 1);
    an_live_close(&l);
    snprintf(
        yaml, sizeof yaml,
        "{broker: 'mqtts://127.0.0.1:%d', ca: %s/other.pem, cert: %s/client.pem, key: %s/client.key, %s}",
        b.port, dir, dir, dir, tags);
    refused(yaml, "a broker that the wrong authority has certified");
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtts://127.0.0.1:%d', cert: %s/client.pem, key: %s/client.key, %s}", b.port, dir,
             dir, tags);
    refused(yaml, "a broker that no authority of the system has certified");
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtts://localhost:%d', ca: %s/ca.pem, cert: %s/client.pem, key: %s/client.key, %s}",
             b.port, dir, dir, dir, tags);
    refused(yaml, "a broker with another name than its certificate");
    snprintf(
        yaml, sizeof yaml,
        "{broker: 'mqtts://127.0.0.1:%d', ca: %s/ca.pem, cert: %s/stranger.pem, key: %s/stranger.key, %s}",
        b.port, dir, dir, dir, tags);
    refused(yaml, "a client that the broker does not know");
    an_broker_done(&b);
}

static void a_password_comes_from_a_file_or_the_environment(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX], yaml[2048], path[AN_PATH_MAX];
    an_broker b;
    an_live l;
    an_test_folder_make(dir);
    an_test_shell(dir,
                  "mosquitto_passwd -c -b users agent 'p w'; chmod 600 users; printf 'p w\\n' >right; printf "
                  "wrong >wrong; chmod 600 right wrong; printf x >open; chmod 644 open");
    assert_true(an_broker_start_in(&b, dir, "allow_anonymous false\npassword_file %s/users"));
    snprintf(path, sizeof path, "%.900s/right", dir);
    for (int env = 0; env < 2; env++) {
        snprintf(
            yaml, sizeof yaml,
            "{broker: 'mqtt://127.0.0.1:%d', client: p, user: agent, %s: %s, tags: [{name: a, topic: a}]}",
            b.port, env ? "password_env" : "password_file", env ? "AN_TEST_PASSWORD" : path);
        assert_int_equal(setenv("AN_TEST_PASSWORD", "p w", 1), 0);
        an_live_open(&l, "mqtt", yaml, NULL, NULL);
        until_connected(&l, 1);
        an_live_close(&l);
    }
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtt://127.0.0.1:%d', client: p, retry_max_ms: 200, user: agent, password_file: "
             "%.900s/wrong, "
             "tags: [{name: a, topic: a}]}",
             b.port, dir);
    refused(yaml, "a wrong password");
    an_yaml *open_doc = NULL;
    an_source *src = NULL;
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtt://127.0.0.1:1', client: p, user: agent, password_file: %.900s/open, tags: "
             "[{name: a, topic: a}]}",
             dir);
    assert_int_equal(an_yaml_parse(yaml, strlen(yaml), "y", &open_doc, NULL), AN_OK);
    assert_int_equal(an_source_open("mqtt", an_yaml_root(open_doc), an_clock_system(), &src, NULL),
                     AN_ERR_AUTH);
    an_yaml_free(open_doc);
    an_broker_done(&b);
    /* Not in the clear to another machine, and not in the configuration itself. */
    static const char *const never[] = {
        "{broker: 'mqtt://10.0.0.1', client: p, user: u, password_env: X, tags: [{name: a, topic: a}]}",
        "{broker: 'mqtts://10.0.0.1', client: p, user: u, password: secret, tags: [{name: a, topic: a}]}"};
    for (size_t i = 0; i < 2; i++) {
        an_yaml *doc = NULL;
        an_note why = {{0}};
        assert_int_equal(an_yaml_parse(never[i], strlen(never[i]), "y", &doc, NULL), AN_OK);
        assert_int_equal(an_source_check("mqtt", an_yaml_root(doc), &why), AN_ERR_INVAL);
        assert_null(strstr(why.text, "secret"));
        an_yaml_free(doc);
    }
}

/* ---- browsing ---- */

typedef struct heard {
    unsigned n;
    double heat;
} heard;

static void hear(void *ctx, const an_source_find *find)
{
    heard *h = ctx;
    h->n++;
    if (strcmp(find->tag, "press /s/heat") == 0)
        h->heat = find->value;
}

static void browsing_finds_what_is_said(void **state)
{
    (void)state;
    char text[256];
    heard h = {0};
    an_broker b;
    an_yaml *doc = NULL;
    assert_true(an_broker_start(&b, ""));
    static const char json[] = "{\"s\":{\"heat\":21.5,\"on\":true},\"id\":\"x\"}";
    an_publish(b.port, "press", json, strlen(json), true);
    an_publish(b.port, "pump/flow", "3", 1, true);
    snprintf(text, sizeof text, "{broker: 'mqtt://127.0.0.1:%d', client: b}", b.port);
    assert_int_equal(an_yaml_parse(text, strlen(text), "y", &doc, NULL), AN_OK);
    assert_int_equal(an_source_type_find("mqtt")->browse(an_yaml_root(doc), 500, hear, &h, NULL), AN_OK);
    assert_int_equal(h.n, 4);
    assert_float_equal(h.heat, 21.5, 0);
    an_broker_end(&b);
    assert_int_equal(an_source_type_find("mqtt")->browse(an_yaml_root(doc), 500, hear, &h, NULL), AN_ERR_IO);
    an_yaml_free(doc);
    an_broker_done(&b);
}

/* ---- faults ---- */

typedef struct counted {
    float last;
    uint64_t values, missed, again;
    bool
        forgotten; /* the broker was killed, or the agent left with answers under way: what was delivered may come again */
    uint64_t fault;
} counted;

static void see(an_live *l, size_t row, void *ctx)
{
    counted *c = ctx;
    const float v = l->batch.values[row];
    if (l->batch.quality[row] != AN_VALUE_GOOD || v == c->last)
        return;
    if (v < c->last && c->forgotten) {
        c->again++;
        return;
    }
    if (!(v > c->last))
        fail_msg("%g after %g, fault %d", (double)v, (double)c->last, (int)c->fault);
    c->missed += c->values > 0 ? (uint64_t)(v - c->last) - 1 : 0;
    c->values++;
    c->last = v;
}

typedef struct soak {
    an_broker broker;
    an_publisher publisher;
    an_process relay;
    char relay_port[16], broker_port[16];
    an_live lives[2]; /* 5 and 3.1.1 */
    counted counts[2];
} soak;

static void open_live(soak *s, size_t i)
{
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtt://127.0.0.1:%s', client: soak-%zu, protocol: '%s', retry_max_ms: 1000, tags: "
             "[{name: n, "
             "topic: n}]}",
             s->relay_port, i, i ? "3.1.1" : "5");
    an_live_open(&s->lives[i], "mqtt", yaml, see, &s->counts[i]);
}

/* Both have all that the broker had when this was called. */
static void catch_up(soak *s)
{
    const unsigned sent = atomic_load(&s->publisher.shared->sent);
    for (size_t i = 0; i < 2; i++)
        an_live_until_tag(&s->lives[i], 0, AN_VALUE_GOOD, (float)sent - 0.5f);
}

/* What it had delivered and forgets may come again, before what is new: when a new value is here, that is over. */
static void kill_broker(soak *s)
{
    uint64_t connects[2];
    for (size_t i = 0; i < 2; i++)
        connects[i] = an_live_counter(&s->lives[i], "connects");
    an_broker_kill(&s->broker);
    an_broker_resume(&s->broker);
    for (size_t i = 0; i < 2; i++)
        until_connected(&s->lives[i], connects[i] + 1);
    const unsigned sent = atomic_load(&s->publisher.shared->sent);
    for (size_t i = 0; i < 2; i++)
        an_live_until_tag(&s->lives[i], 0, AN_VALUE_GOOD, (float)sent + 0.5f);
}

static void harm(soak *s, uint64_t which)
{
    for (size_t i = 0; i < 2; i++) {
        s->counts[i].fault = which % 5;
        s->counts[i].forgotten = which % 5 == 2 || which % 5 == 4;
    }
    switch (which % 5) {
    case 0:
        an_process_kill(&s->relay);
        an_live_until_tag(&s->lives[0], 0, AN_VALUE_UNREACHED, 0);
        s->relay = an_part_start("relay", s->relay_port, s->broker_port, NULL);
        break;
    case 1:
        an_broker_end(&s->broker);
        an_live_until_tag(&s->lives[1], 0, AN_VALUE_UNREACHED, 0);
        an_broker_resume(&s->broker);
        break;
    case 2:
        kill_broker(s);
        break;
    case 3: /* it says nothing for a while */
        an_process_signal(&s->broker.process, SIGSTOP);
        an_live_run(&s->lives[0], NULL, NULL, 1000);
        an_process_signal(&s->broker.process, SIGCONT);
        break;
    default: /* the agent is away */
        an_publisher_pause(&s->publisher);
        catch_up(s);
        for (size_t i = 0; i < 2; i++)
            an_live_close(&s->lives[i]);
        const unsigned sent = atomic_load(&s->publisher.shared->sent);
        an_publisher_go_on(&s->publisher);
        while (atomic_load(&s->publisher.shared->sent) < sent + 50)
            poll(NULL, 0, 10);
        for (size_t i = 0; i < 2; i++)
            open_live(s, i);
    }
}

static void no_value_is_lost_or_out_of_order_whatever_fails(void **state)
{
    (void)state;
    const an_clock *clock = an_clock_system();
    static soak s;
    an_rng rng;
    an_rng_init(&rng, 5, 0);
    memset(&s, 0, sizeof s);
    assert_true(an_broker_start(&s.broker, ""));
    snprintf(s.relay_port, sizeof s.relay_port, "%d", an_free_port());
    snprintf(s.broker_port, sizeof s.broker_port, "%d", s.broker.port);
    s.relay = an_part_start("relay", s.relay_port, s.broker_port, NULL);
    for (size_t i = 0; i < 2; i++) {
        open_live(&s, i);
        until_connected(&s.lives[i], 1);
    }
    an_live_run(&s.lives[0], NULL, NULL, 300); /* the subscriptions are there */
    an_publisher_start(&s.publisher, s.broker.port, "n", 200);
    for (size_t i = 0; i < 2; i++)
        an_live_until_tag(&s.lives[i], 0, AN_VALUE_GOOD, 20);
    const int64_t end = clock->mono_ms(clock) + 1000 * an_fault_seconds(15);
    uint64_t faults = 0, slowest = 0;
    for (uint64_t i = 0; clock->mono_ms(clock) < end; i++, faults++) {
        harm(&s, i < 5 ? i : an_rng_u64(&rng));
        const int64_t begin = clock->mono_ms(clock);
        catch_up(&s);
        const uint64_t took = (uint64_t)(clock->mono_ms(clock) - begin);
        slowest = took > slowest ? took : slowest;
        for (size_t j = 0; j < 2; j++)
            an_live_run(&s.lives[j], NULL, NULL, 200);
    }
    for (size_t i = 0; i < 2; i++) {
        an_live_print_counters(&s.lives[i]);
        print_message("%s: %llu values, %llu missed, %llu again\n", i ? "3.1.1" : "5",
                      (unsigned long long)s.counts[i].values, (unsigned long long)s.counts[i].missed,
                      (unsigned long long)s.counts[i].again);
    }
    print_message("%llu faults, caught up after %llu ms at most\n", (unsigned long long)faults,
                  (unsigned long long)slowest);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(s.counts[i].missed, 0);
        an_live_close(&s.lives[i]);
    }
    assert_true(slowest < 10000);
    an_publisher_done(&s.publisher);
    an_process_kill(&s.relay);
    an_broker_done(&s.broker);
}

/* ---- the verb probe ---- */

typedef struct look {
    FILE *file;
    char text[4096];
} look;

static an_err probe(look *k, const char *yaml, bool browse, int64_t for_ms)
{
    char path[64] = "/tmp/andon-probe-XXXXXX";
    const an_show_source_opts opts = {.for_ms = for_ms, .browse = browse};
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
    close(fd);
    memset(k, 0, sizeof *k);
    k->file = fmemopen(k->text, sizeof k->text, "w");
    assert_non_null(k->file);
    const an_err err = an_show_source(path, &opts, k->file, NULL);
    fclose(k->file);
    unlink(path);
    return err;
}

static void a_probe_shows_values_and_takes_nothing_from_the_agent(void **state)
{
    (void)state;
    char yaml[512], browse[256];
    look k;
    an_broker b;
    an_live l;
    an_publisher p;
    counted c = {0};
    assert_true(an_broker_start(&b, ""));
    snprintf(
        yaml, sizeof yaml,
        "{type: mqtt, broker: 'mqtt://127.0.0.1:%d', client: same, tags: [{name: n, topic: n, unit: mm}]}",
        b.port);
    snprintf(browse, sizeof browse, "{type: mqtt, broker: 'mqtt://127.0.0.1:%d', client: same}", b.port);
    an_live_open(&l, "mqtt", yaml, see, &c);
    until_connected(&l, 1);
    an_live_run(&l, NULL, NULL, 200);
    an_publisher_start(&p, b.port, "n", 50);
    an_live_until_tag(&l, 0, AN_VALUE_GOOD, 5);
    assert_int_equal(probe(&k, yaml, false, 800), AN_OK);
    assert_non_null(strstr(k.text, "mm"));
    assert_non_null(strstr(k.text, "good"));
    assert_non_null(strstr(k.text, ": reached"));
    assert_non_null(strstr(k.text, "messages "));
    assert_int_equal(probe(&k, browse, true, 500), AN_OK);
    assert_non_null(strstr(k.text, "1 found"));
    an_publisher_pause(&p);
    an_live_until_tag(&l, 0, AN_VALUE_GOOD, (float)atomic_load(&p.shared->sent) - 0.5f);
    assert_int_equal(an_live_counter(&l, "connects"), 1);
    assert_int_equal(c.missed, 0);
    an_live_close(&l);
    an_publisher_done(&p);
    an_broker_done(&b);
    assert_int_equal(probe(&k, yaml, false, 300), AN_ERR_IO);
    assert_non_null(strstr(k.text, "not reached"));
    assert_int_equal(probe(&k, "{type: sim, line: pump}", true, 300), AN_ERR_UNSUPPORTED);
}

int main(int argc, char **argv)
{
    an_broker b;
    an_part_add("publisher", an_publisher_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    if (an_crypto_init() != AN_OK)
        return 1;
    if (!an_broker_start(&b, ""))
        return 77;
    an_broker_done(&b);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_is_a_row_in_order),
        cmocka_unit_test(one_message_has_many_tags_a_time_and_a_part),
        cmocka_unit_test(who_is_not_trusted_is_not_spoken_to),
        cmocka_unit_test(a_password_comes_from_a_file_or_the_environment),
        cmocka_unit_test(browsing_finds_what_is_said),
        cmocka_unit_test(no_value_is_lost_or_out_of_order_whatever_fails),
        cmocka_unit_test(
            a_probe_shows_values_and_takes_nothing_from_the_agent), /* last: it only looks from then on */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
