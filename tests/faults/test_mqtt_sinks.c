/* The sinks mqtt and sparkplug against a real broker that is killed and comes back, with a host that looks on. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "doors/mqtt.h"
#include "msg/sparkplug.h"
#include "tests/support/mqtt_broker.h"
#include "tests/support/sinks.h"

#define SEEN_MAX 2000

typedef struct seen {
    char topic[AN_MQTT_TOPIC_MAX];
    uint8_t *payload;
    size_t len;
    uint64_t n; /* its place */
} seen;

typedef struct fixture {
    an_test_log t;
    an_broker b;
    an_mqtt *host;
    seen seen[SEEN_MAX];
    size_t n;
    char yaml[512];
    an_note why;
} fixture;

static void on_message(void *ctx, const an_mqtt_message *m)
{
    fixture *f = ctx;
    assert_true(f->n < SEEN_MAX);
    seen *s = &f->seen[f->n++];
    snprintf(s->topic, sizeof s->topic, "%.250s", m->topic);
    s->payload = an_alloc(m->len + 1, 1);
    memcpy(s->payload, m->payload, m->len);
    s->len = m->len;
}

static void host_connect(fixture *f)
{
    static const an_mqtt_events events = {.message = on_message};
    const an_mqtt_conf conf = {.host = "127.0.0.1", .port = f->b.port, .client = "host", .session_s = 600};
    bool session;
    if (!f->host)
        assert_int_equal(an_mqtt_new(&conf, &events, f, &f->host, &f->why), AN_OK);
    assert_int_equal(an_mqtt_connect(f->host, 10000, &session, &f->why), AN_OK);
    assert_int_equal(an_mqtt_subscribe(f->host, "spBv1.0/#", 1, &f->why), AN_OK);
    assert_int_equal(an_mqtt_subscribe(f->host, "fab/#", 1, &f->why), AN_OK);
}

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_log_open(&f->t, 0);
    assert_true(an_broker_start(&f->b, ""));
    host_connect(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_mqtt_free(f->host);
    for (size_t i = 0; i < f->n; i++)
        an_free(f->seen[i].payload);
    an_broker_done(&f->b);
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

/* Hears until the message is there; the first at or after *at, which becomes the place behind it. */
static const seen *hear(fixture *f, size_t *at, const char *topic)
{
    const int64_t until = an_test_mono_ms() + 60000;
    for (;;) {
        for (; *at < f->n; ++*at)
            if (strcmp(f->seen[*at].topic, topic) == 0)
                return &f->seen[(*at)++];
        if (an_test_mono_ms() > until)
            fail_msg("nothing was said on %s", topic);
        assert_int_equal(an_mqtt_turn(f->host, 50, &f->why), AN_OK);
    }
}

static an_sink *start(fixture *f, const char *more)
{
    snprintf(f->yaml, sizeof f->yaml,
             "{name: bus, broker: 'mqtt://127.0.0.1:%d', client: agent, retry_min: 0.02, retry_max: 0.1, "
             "timeout: 2, %s}",
             f->b.port, more);
    return an_test_sink_start(&f->t, f->yaml);
}

/* ---- plain ---- */

static uint64_t seq_of(const seen *s)
{
    an_json_doc *doc = NULL;
    const char *id = NULL;
    uint64_t seq = 0;
    assert_int_equal(an_json_parse((const char *)s->payload, s->len, "event", &doc, NULL), AN_OK);
    assert_int_equal(an_jval_text(an_json_root(doc), "id", &id, NULL), AN_OK);
    assert_int_equal(sscanf(id, "plant-a:%" SCNu64, &seq), 1);
    an_json_doc_free(doc);
    return seq;
}

static void hear_up_to(fixture *f, size_t *at, uint64_t *most, uint64_t to)
{
    while (*most < to) {
        const uint64_t seq = seq_of(hear(f, at, "fab/plant-a/line-1"));
        assert_true(seq <= *most + 1); /* a repeat, or the next one */
        *most = seq > *most ? seq : *most;
    }
}

static void events_come_in_order_whatever_becomes_of_the_broker(void **state)
{
    fixture *f = *state;
    size_t at = 0;
    uint64_t most = 0;
    an_sink *s = start(f, "type: mqtt, topic: 'fab/{{site}}/{{line}}'");
    an_test_log_raise(&f->t, 50);
    hear_up_to(f, &at, &most, 50);
    for (int i = 0; i < 2; i++) {
        an_test_sink_until(s, cursor, f->t.alarm);
        an_broker_kill(&f->b);
        an_test_log_raise(&f->t, 50);
        an_test_sink_until(s, retried, 3);
        assert_true(an_sink_stats_get(s).cursor < f->t.alarm);
        an_broker_resume(&f->b);
        an_mqtt_disconnect(f->host);
        host_connect(f);
        hear_up_to(f, &at, &most, f->t.alarm);
    }
    an_test_sink_until(s, cursor, 150);
    assert_int_equal(an_sink_stats_get(s).lost, 0);
    an_sink_stop(s);
}

/* ---- Sparkplug ---- */

static const an_spb_metric *metric(const an_spb *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->metrics[i].name, name) == 0)
            return &p->metrics[i];
    fail_msg("there is no metric %s", name);
    return NULL;
}

static an_spb *read_spb(const seen *s)
{
    an_spb *p = NULL;
    assert_int_equal(an_spb_get(s->payload, s->len, &p, NULL), AN_OK);
    return p;
}

/* The node's birth; returns its bdSeq. */
static uint64_t hear_birth(fixture *f, size_t *at)
{
    an_spb *p = read_spb(hear(f, at, "spBv1.0/fab/NBIRTH/plant-a"));
    assert_true(p->has_seq);
    assert_int_equal(p->seq, 0);
    assert_int_equal(metric(p, "Node Control/Rebirth")->kind, AN_SPB_IS_BOOL);
    assert_int_equal(metric(p, "Node Control/Rebirth")->u.whole, 0);
    const uint64_t bdseq = metric(p, "bdSeq")->u.whole;
    an_spb_free(p);
    return bdseq;
}

static void hear_data(fixture *f, size_t *at, const char *kind, uint64_t seq, const char *id)
{
    char topic[64];
    snprintf(topic, sizeof topic, "spBv1.0/fab/%s/plant-a/line-1", kind);
    an_spb *p = read_spb(hear(f, at, topic));
    assert_int_equal(p->seq, seq);
    assert_int_equal(p->n, 10);
    const an_spb_metric *m = metric(p, "event/id");
    assert_int_equal(m->datatype, AN_SPB_STRING);
    assert_int_equal(m->null, id == NULL);
    if (id) {
        assert_string_equal(m->u.text, id);
        assert_int_equal(metric(p, "alarm/active")->u.whole, 1);
        assert_string_equal(metric(p, "part")->u.text, "LOT7-0042");
        assert_string_equal(metric(p, "alarm/severity")->u.text, "high");
    }
    an_spb_free(p);
}

static void hear_death(fixture *f, size_t *at, uint64_t bdseq)
{
    an_spb *p = read_spb(hear(f, at, "spBv1.0/fab/NDEATH/plant-a"));
    assert_false(p->has_seq);
    assert_int_equal(metric(p, "bdSeq")->u.whole, bdseq);
    an_spb_free(p);
}

static void ask_for_rebirth(fixture *f)
{
    an_spb_metric m = {.name = "Node Control/Rebirth",
                       .datatype = AN_SPB_BOOLEAN,
                       .kind = AN_SPB_IS_BOOL,
                       .u.whole = 1,
                       .quality = -1};
    const an_spb p = {.has_time = true, .time_ms = 1, .n = 1, .metrics = &m};
    an_buf b;
    int id;
    an_buf_init(&b, 256);
    assert_int_equal(an_spb_put(&p, &b), AN_OK);
    assert_int_equal(
        an_mqtt_publish(f->host, "spBv1.0/fab/NCMD/plant-a", b.data, b.len, 0, false, &id, &f->why), AN_OK);
    an_buf_done(&b);
}

static void a_node_is_born_speaks_is_born_again_and_dies(void **state)
{
    fixture *f = *state;
    size_t at = 0;
    an_sink *s = start(f, "type: sparkplug, group: fab");
    const uint64_t bdseq = hear_birth(f, &at);
    an_test_log_raise(&f->t, 2);
    hear_data(f, &at, "DBIRTH", 1, NULL);
    hear_data(f, &at, "DDATA", 2, "plant-a:1");
    hear_data(f, &at, "DDATA", 3, "plant-a:2");
    an_test_sink_until(s, cursor, 2);
    ask_for_rebirth(f);
    assert_int_equal(hear_birth(f, &at), bdseq);
    hear_data(f, &at, "DBIRTH", 1, "plant-a:2");
    an_test_log_raise(&f->t, 1);
    hear_data(f, &at, "DDATA", 2, "plant-a:3");
    an_test_sink_until(s, cursor, 3);
    an_sink_stop(s);
    hear_death(f, &at, bdseq);
    s = start(f, "type: sparkplug, group: fab"); /* another process: the number goes on */
    assert_int_equal(hear_birth(f, &at), (bdseq + 1) % 256);
    an_sink_stop(s);
}

static void numbers_go_round_and_data_outlive_the_broker(void **state)
{
    fixture *f = *state;
    size_t at = 0;
    an_sink *s = start(f, "type: sparkplug, group: fab");
    const uint64_t bdseq = hear_birth(f, &at);
    an_test_log_raise(&f->t, 300);
    hear_data(f, &at, "DBIRTH", 1, NULL);
    for (uint64_t seq = 1; seq <= 300; seq++) {
        char id[32];
        snprintf(id, sizeof id, "plant-a:%" PRIu64, seq);
        hear_data(f, &at, "DDATA", (seq + 1) % 256, id);
    }
    an_test_sink_until(s, cursor, 300);
    an_broker_kill(&f->b);
    an_test_log_raise(&f->t, 1);
    an_test_sink_until(s, retried, 2);
    assert_int_equal(an_sink_stats_get(s).cursor, 300);
    an_broker_resume(&f->b);
    an_test_sink_until(s, cursor, 301);
    an_mqtt_disconnect(f->host);
    host_connect(f);
    ask_for_rebirth(f); /* it may have been born before the host was there */
    assert_int_not_equal(hear_birth(f, &at), bdseq);
    hear_data(f, &at, "DBIRTH", 1, "plant-a:301");
    an_sink_stop(s);
}

static void what_is_wrong_in_a_configuration_is_said(void **state)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"type: mqtt, broker: 'mqtts://bus.plant', client: a", ""},
        {"type: mqtt, broker: 'mqtt://[::1]:1884', client: a", ""},
        {"type: mqtt, broker: 'mqtt://bus.plant', client: a", "plain: true"},
        {"type: mqtt, broker: 'mqtt://bus.plant', client: a, plain: true", ""},
        {"type: mqtt, broker: 'bus.plant', client: a", "broker:"},
        {"type: mqtt, broker: 'mqtts://me:pass@bus', client: a", "broker:"},
        {"type: mqtt, broker: 'mqtts://bus:x', client: a", "port"},
        {"type: mqtt, broker: 'mqtts://bus', client: a, topic: 'a/{{part}}'", "no such field"},
        {"type: mqtt, broker: 'mqtts://bus', client: a, topic: 'a/#'", "none to publish to"},
        {"type: mqtt, broker: 'mqtts://bus', client: a, cert: x", "belong together"},
        {"type: mqtt, broker: 'mqtts://bus', client: ''", "client:"},
        {"type: mqtt, broker: 'mqtts://bus', client: a, protocol: '4'", "protocol:"},
        {"type: sparkplug, broker: 'mqtts://bus', client: a, group: g/h", "group, node"},
        {"type: sparkplug, broker: 'mqtts://bus', client: a, group: g, confirm: 'spBv1.0/x'", "confirm:"},
    };
    fixture f = {.n = 0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_sink_conf c;
        an_note why = {{0}};
        snprintf(f.yaml, sizeof f.yaml, "{name: a, %s}", cases[i].yaml);
        an_test_sink_conf(&f.t, f.yaml, &c, &why);
        if (cases[i].says[0] ? !strstr(why.text, cases[i].says) : why.text[0] != '\0')
            fail_msg("%s: %s", cases[i].yaml, why.text);
    }
    for (size_t i = 0; i < f.t.n_docs; i++)
        an_yaml_free(f.t.docs[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(int argc, char **argv)
{
    an_broker b;
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    an_json_init();
    if (an_crypto_init() != AN_OK)
        return 1;
    if (!an_broker_start(&b, "")) {
        print_message("skipped: mosquitto is not installed\n");
        return 77;
    }
    an_broker_done(&b);
    const struct CMUnitTest tests[] = {
        T(events_come_in_order_whatever_becomes_of_the_broker),
        T(a_node_is_born_speaks_is_born_again_and_dies),
        T(numbers_go_round_and_data_outlive_the_broker),
        cmocka_unit_test(what_is_wrong_in_a_configuration_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
