/* The sink kafka against the mock cluster of librdkafka: order, errors of brokers, brokers that go and come. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "doors/kafka.h"
#include "tests/support/sinks.h"

#define PRODUCE 0 /* number of the request in Kafka's protocol */
#define TOPIC "alarms"

typedef struct fixture {
    an_test_log t;
    rd_kafka_t *owner; /* of the mock cluster */
    rd_kafka_mock_cluster_t *cluster;
    char yaml[512];
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    char text[200];
    an_test_log_open(&f->t, 0);
    f->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    assert_non_null(f->owner);
    f->cluster = rd_kafka_mock_cluster_new(f->owner, 3);
    assert_non_null(f->cluster);
    assert_int_equal(rd_kafka_mock_topic_create(f->cluster, TOPIC, 4, 3), RD_KAFKA_RESP_ERR_NO_ERROR);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    rd_kafka_mock_cluster_destroy(f->cluster);
    rd_kafka_destroy(f->owner);
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

static an_sink *start(fixture *f, const char *more)
{
    snprintf(f->yaml, sizeof f->yaml,
             "{name: bus, type: kafka, brokers: '%s', topic: " TOPIC
             ", security: plaintext, retry_min: 0.01, retry_max: 0.05%s}",
             rd_kafka_mock_cluster_bootstraps(f->cluster), more);
    return an_test_sink_start(&f->t, f->yaml);
}

static rd_kafka_t *consumer(fixture *f)
{
    char text[200];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(c, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(f->cluster),
                                       text, sizeof text),
                     RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(c, "group.id", "test", text, sizeof text), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, c, text, sizeof text);
    assert_non_null(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    for (int i = 0; i < 4; i++)
        rd_kafka_topic_partition_list_add(list, TOPIC, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(rk, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

static uint64_t seq_of(const rd_kafka_message_t *m)
{
    an_json_doc *doc = NULL;
    const char *id = NULL;
    uint64_t seq = 0;
    assert_int_equal(m->err, RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(m->key_len, 7);
    assert_memory_equal(m->key, "plant-a", 7);
    assert_int_equal(an_json_parse(m->payload, m->len, "event", &doc, NULL), AN_OK);
    assert_int_equal(an_jval_text(an_json_root(doc), "id", &id, NULL), AN_OK);
    assert_int_equal(sscanf(id, "plant-a:%" SCNu64, &seq), 1);
    an_json_doc_free(doc);
    return seq;
}

/* All from 1 to n, in one partition, in order; an event may come again, but none before one it follows.  Returns the
 * repeats. */
static uint64_t check_events(fixture *f, uint64_t n)
{
    rd_kafka_t *rk = consumer(f);
    uint64_t most = 0, repeats = 0;
    int partition = -1;
    const int64_t until = an_test_mono_ms() + 60000;
    while (most < n && an_test_mono_ms() < until) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        if (!m)
            continue;
        const uint64_t seq = seq_of(m);
        if (partition < 0)
            partition = m->partition;
        assert_int_equal(m->partition, partition);
        assert_true(seq <= most + 1);
        repeats += seq <= most;
        most = seq > most ? seq : most;
        rd_kafka_message_destroy(m);
    }
    assert_int_equal(most, n);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return repeats;
}

static void all_events_of_a_site_are_in_one_partition_in_order(void **state)
{
    fixture *f = *state;
    an_sink *s = start(f, "");
    an_test_log_raise(&f->t, 100);
    an_sink_wake(s);
    an_test_sink_until(s, cursor, 100);
    assert_int_equal(an_sink_stats_get(s).retried, 0);
    an_sink_stop(s);
    assert_int_equal(check_events(f, 100), 0);
}

static void errors_of_brokers_are_got_over(void **state)
{
    fixture *f = *state;
    rd_kafka_mock_push_request_errors(f->cluster, PRODUCE, 4, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT);
    an_sink *s = start(f, "");
    an_test_log_raise(&f->t, 40);
    an_test_sink_until(s, cursor, 40);
    an_sink_stop(s);
    check_events(f, 40);
}

static void waits_while_no_broker_is_there(void **state)
{
    fixture *f = *state;
    for (int i = 1; i <= 3; i++)
        rd_kafka_mock_broker_set_down(f->cluster, i);
    an_sink *s = start(f, ", timeout: 0.3");
    an_test_log_raise(&f->t, 40);
    an_test_sink_until(s, retried, 2);
    assert_int_equal(an_sink_stats_get(s).cursor, 0);
    assert_int_equal(an_sink_stats_get(s).sent, 0);
    assert_non_null(strstr(an_sink_stats_get(s).error, "kafka:"));
    for (int i = 1; i <= 3; i++)
        rd_kafka_mock_broker_set_up(f->cluster, i);
    an_test_sink_until(s, cursor, 40);
    an_sink_stop(s);
    check_events(f, 40);
}

static void an_event_that_brokers_find_too_large_is_set_aside(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX];
    rd_kafka_mock_push_request_errors(f->cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    an_sink *s = start(f, "");
    an_test_log_raise(&f->t, 1);
    an_test_sink_until(s, refused, 1);
    an_test_log_raise(&f->t, 1);
    an_test_sink_until(s, cursor, 2);
    assert_int_equal(an_sink_stats_get(s).sent, 1);
    an_sink_stop(s);
    assert_int_equal(an_path_join(path, f->t.dir, "sinks/bus.refused.jsonl"), AN_OK);
    assert_true(an_file_exists(path));
}

static void what_is_wrong_in_a_configuration_is_said(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *more, *says;
    } cases[] = {
        {"topic: 'a b'", "topic:"},
        {"topic: a, security: open", "security:"},
        {"topic: a, security: sasl_ssl, user: me", "needs user and password_file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_sink_conf c;
        an_note why = {{0}};
        snprintf(f->yaml, sizeof f->yaml, "{name: a, type: kafka, brokers: 'a:1', %s}", cases[i].more);
        an_test_sink_conf(&f->t, f->yaml, &c, &why);
        if (!strstr(why.text, cases[i].says))
            fail_msg("%s: %s", cases[i].more, why.text);
    }
}

/* What the library says of a wrong value may hold the value. */
static void a_password_is_in_no_error(void **state)
{
    (void)state;
    const an_kafka_conf conf = {.brokers = "127.0.0.1:1",
                                .security = "sasl_ssl",
                                .mechanism = "NONE SUCH",
                                .user = "me",
                                .password = "hush",
                                .timeout_ms = 100};
    an_kafka *k = NULL;
    an_note why = {{0}};
    assert_int_not_equal(an_kafka_open(&conf, &k, &why), AN_OK);
    assert_null(k);
    assert_true(why.text[0] != '\0');
    assert_null(strstr(why.text, "hush"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(all_events_of_a_site_are_in_one_partition_in_order),
        T(errors_of_brokers_are_got_over),
        T(waits_while_no_broker_is_there),
        T(an_event_that_brokers_find_too_large_is_set_aside),
        T(what_is_wrong_in_a_configuration_is_said),
        cmocka_unit_test(a_password_is_in_no_error),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
