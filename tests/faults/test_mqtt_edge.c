/* The source mqtt as a Sparkplug host, against nodes in processes of their own and a real broker: nodes killed and
 * restarted, numbers left out, the broker gone, strangers' payloads. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
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
#include "base/rng.h"
#include "doors/mqtt.h"
#include "msg/sparkplug.h"
#include "tests/support/live.h"
#include "tests/support/mqtt_broker.h"

enum { WELL, ILL, NODES };
static const char *const names[NODES] = {"well", "ill"};

typedef struct edge_shared {
    atomic_uint count; /* the metric; goes on after a restart */
    atomic_uint bd_seq, births, asked;
    atomic_int leave_out; /* so many numbers */
} edge_shared;

/* ---- a node ---- */

typedef struct edge {
    an_mqtt *link;
    edge_shared *shared;
    char name[16];
    uint8_t seq;
    bool reborn;
} edge;

static int64_t now_ms(void)
{
    return an_clock_system()->wall_ms(an_clock_system());
}

static bool say(edge *e, const char *kind, an_spb_metric *m, size_t n, bool numbered)
{
    char topic[64];
    an_buf b;
    an_spb p = {
        .has_time = true, .time_ms = now_ms(), .n = n, .metrics = m, .has_seq = numbered, .seq = e->seq};
    an_buf_init(&b, 4096);
    if (an_spb_put(&p, &b) != AN_OK)
        exit(1);
    snprintf(topic, sizeof topic, "spBv1.0/G/%s/%s%s", kind, e->name, kind[0] == 'D' ? "/press" : "");
    const bool ok = an_mqtt_publish(e->link, topic, b.data, b.len, 0, false, NULL, NULL) == AN_OK;
    an_buf_done(&b);
    e->seq++;
    return ok;
}

static an_spb_metric bd_seq(edge *e)
{
    return (an_spb_metric){.name = "bdSeq",
                           .datatype = AN_SPB_INT64,
                           .kind = AN_SPB_IS_INT,
                           .u.whole = atomic_load(&e->shared->bd_seq) % 256,
                           .quality = -1};
}

static an_spb_metric counted(edge *e, bool named)
{
    return (an_spb_metric){.name = named ? "count" : NULL,
                           .has_alias = true,
                           .alias = 3,
                           .datatype = named ? AN_SPB_UINT32 : 0,
                           .kind = AN_SPB_IS_INT,
                           .u.whole = atomic_load(&e->shared->count),
                           .quality = -1};
}

static bool be_born(edge *e)
{
    an_spb_metric node[] = {bd_seq(e)}, device[] = {counted(e, true)};
    e->reborn = false;
    e->seq = 0;
    atomic_fetch_add(&e->shared->births, 1);
    return say(e, "NBIRTH", node, 1, true) && say(e, "DBIRTH", device, 1, true);
}

static void on_command(void *ctx, const an_mqtt_message *m)
{
    edge *e = ctx;
    an_spb *p = NULL;
    if (an_spb_get(m->payload, m->len, &p, NULL) != AN_OK)
        return;
    if (p->n == 1 && p->metrics[0].name && strcmp(p->metrics[0].name, "Node Control/Rebirth") == 0) {
        e->reborn = true;
        atomic_fetch_add(&e->shared->asked, 1);
    }
    an_spb_free(p);
}

static bool connect_edge(edge *e)
{
    char topic[64];
    bool session = false;
    an_buf b;
    atomic_fetch_add(&e->shared->bd_seq, 1);
    an_spb_metric m[] = {bd_seq(e)};
    const an_spb p = {.has_time = true, .time_ms = now_ms(), .n = 1, .metrics = m};
    an_buf_init(&b, 1024);
    snprintf(topic, sizeof topic, "spBv1.0/G/NDEATH/%s", e->name);
    bool ok = an_spb_put(&p, &b) == AN_OK &&
              an_mqtt_will(e->link, topic, b.data, b.len, 1, false, NULL) == AN_OK &&
              an_mqtt_connect(e->link, 2000, &session, NULL) == AN_OK;
    an_buf_done(&b);
    snprintf(topic, sizeof topic, "spBv1.0/G/NCMD/%s", e->name);
    return ok && an_mqtt_subscribe(e->link, topic, 1, NULL) == AN_OK && be_born(e);
}

/* edge FILE PORT NAME */
static int edge_main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    edge e = {.shared = an_shared_map(argv[1], sizeof *e.shared)};
    const an_mqtt_events events = {.message = on_command};
    const an_mqtt_conf conf = {
        .host = "127.0.0.1", .port = (int)strtol(argv[2], NULL, 10), .client = argv[3], .keepalive_s = 5};
    snprintf(e.name, sizeof e.name, "%s", argv[3]);
    if (an_mqtt_new(&conf, &events, &e, &e.link, NULL) != AN_OK)
        return 1;
    bool up = false;
    for (;;) {
        while (!up) {
            poll(NULL, 0, 50);
            up = connect_edge(&e);
        }
        atomic_fetch_add(&e.shared->count, 1);
        an_spb_metric m = counted(&e, false);
        up = say(&e, "DDATA", &m, 1, true);
        e.seq = (uint8_t)(e.seq + atomic_exchange(&e.shared->leave_out, 0));
        up = up && an_mqtt_turn(e.link, 10, NULL) == AN_OK;
        poll(NULL, 0, 10);
        if (up && e.reborn)
            up = be_born(&e);
    }
}

/* ---- the test ---- */

typedef struct world {
    an_broker broker;
    char port[16];
    struct {
        edge_shared *shared;
        char file[64];
        an_process process;
        float last;
        uint64_t values, missed;
    } nodes[NODES];
} world;

static void start_edge(world *w, size_t i)
{
    w->nodes[i].process = an_part_start("edge", w->nodes[i].file, w->port, names[i], NULL);
}

static void see(an_live *l, size_t row, void *ctx)
{
    world *w = ctx;
    for (size_t j = 0; j < NODES; j++) {
        const float v = l->batch.values[row * NODES + j];
        if (l->batch.quality[row * NODES + j] != AN_VALUE_GOOD || v == w->nodes[j].last)
            continue;
        if (!(v > w->nodes[j].last))
            fail_msg("%s: %g after %g", names[j], (double)v, (double)w->nodes[j].last);
        w->nodes[j].missed += w->nodes[j].values > 0 ? (uint64_t)(v - w->nodes[j].last) - 1 : 0;
        w->nodes[j].values++;
        w->nodes[j].last = v;
    }
}

static void strangers(const world *w, an_rng *rng)
{
    static const char *const kinds[] = {"NBIRTH", "NDATA", "NDEATH", "DBIRTH/x", "DDATA/x", "DDEATH/x"};
    uint8_t bytes[200];
    for (int i = 0; i < 20; i++) {
        char topic[64], kind[16];
        const size_t n = an_rng_u64(rng) % sizeof bytes;
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)an_rng_u64(rng);
        snprintf(kind, sizeof kind, "%s", kinds[an_rng_u64(rng) % 6]);
        char *device = strchr(kind, '/');
        if (device)
            *device = '\0';
        snprintf(topic, sizeof topic, "spBv1.0/G/%s/ill%s", kind, device ? "/press" : "");
        an_publish(w->broker.port, topic, bytes, n, false);
    }
}

/* Is the broker itself harmed?  Then the node that is well suffers, too. */
static bool harm(world *w, an_live *l, an_rng *rng, uint64_t which)
{
    const float before = w->nodes[ILL].last;
    const unsigned births = atomic_load(&w->nodes[ILL].shared->births);
    bool all = false;
    switch (which % 4) {
    case 0: /* its will says it */
        an_process_kill(&w->nodes[ILL].process);
        an_live_until_tag(l, ILL, AN_VALUE_UNREACHED, 0);
        start_edge(w, ILL);
        break;
    case 1: /* it is asked to be born again, unless it was so just now */
        atomic_store(&w->nodes[ILL].shared->leave_out, 3);
        while (atomic_load(&w->nodes[ILL].shared->births) == births) {
            an_live_run(l, NULL, NULL, 100);
            atomic_store(&w->nodes[ILL].shared->leave_out, 3);
        }
        break;
    case 2:
        strangers(w, rng);
        break;
    default:
        all = true;
        an_broker_end(&w->broker);
        an_live_until_tag(l, WELL, AN_VALUE_UNREACHED, 0);
        an_broker_resume(&w->broker);
    }
    an_live_until_tag(l, ILL, AN_VALUE_GOOD, before);
    an_live_until_tag(l, WELL, AN_VALUE_GOOD, w->nodes[WELL].last);
    return all;
}

static void nodes_come_back_whatever_fails(void **state)
{
    (void)state;
    const an_clock *clock = an_clock_system();
    static world w;
    an_live l;
    an_rng rng;
    char yaml[512];
    an_rng_init(&rng, 9, 0);
    assert_true(an_broker_start(&w.broker, ""));
    snprintf(w.port, sizeof w.port, "%d", w.broker.port);
    snprintf(yaml, sizeof yaml,
             "{broker: 'mqtt://127.0.0.1:%s', client: host, format: sparkplug, host: h, retry_max_ms: 1000, "
             "tags: ["
             "{name: well, node: G/well, device: press, metric: count},"
             "{name: ill, node: G/ill, device: press, metric: count}]}",
             w.port);
    for (size_t i = 0; i < NODES; i++) { /* both are there before the host is */
        w.nodes[i].shared = an_shared_make(w.nodes[i].file, sizeof *w.nodes[i].shared);
        start_edge(&w, i);
        while (atomic_load(&w.nodes[i].shared->count) < 20)
            poll(NULL, 0, 10);
    }
    an_live_open(&l, "mqtt", yaml, see, &w);
    for (size_t i = 0; i < NODES; i++)
        an_live_until_tag(&l, i, AN_VALUE_GOOD, 30);
    assert_true(atomic_load(&w.nodes[WELL].shared->asked) >= 1);
    const int64_t end = clock->mono_ms(clock) + 1000 * an_fault_seconds(15);
    uint64_t faults = 0, of_broker = 0, missed = w.nodes[WELL].missed;
    for (uint64_t i = 0; clock->mono_ms(clock) < end; i++, faults++) {
        const uint64_t before = w.nodes[WELL].missed;
        if (harm(&w, &l, &rng, i < 4 ? i : an_rng_u64(&rng))) {
            of_broker++;
            missed +=
                w.nodes[WELL].missed - before; /* QoS 0: what is said while the broker is away is gone */
        }
        an_live_run(&l, NULL, NULL, 200);
    }
    an_live_print_counters(&l);
    for (size_t i = 0; i < NODES; i++)
        print_message("%s: %llu values, %llu missed, %u births\n", names[i],
                      (unsigned long long)w.nodes[i].values, (unsigned long long)w.nodes[i].missed,
                      atomic_load(&w.nodes[i].shared->births));
    print_message("%llu faults, %llu of them of the broker\n", (unsigned long long)faults,
                  (unsigned long long)of_broker);
    assert_int_equal(w.nodes[WELL].missed, missed);
    assert_true(an_live_counter(&l, "deaths") >= 1);
    assert_true(an_live_counter(&l, "seq_gaps") >= 1);
    assert_true(an_live_counter(&l, "rebirths") >= 1);
    an_live_close(&l);
    for (size_t i = 0; i < NODES; i++) {
        an_process_kill(&w.nodes[i].process);
        munmap(w.nodes[i].shared, sizeof *w.nodes[i].shared);
        unlink(w.nodes[i].file);
    }
    an_broker_done(&w.broker);
}

int main(int argc, char **argv)
{
    an_broker b;
    an_part_add("edge", edge_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    if (!an_broker_start(&b, ""))
        return 77;
    an_broker_done(&b);
    const struct CMUnitTest tests[] = {cmocka_unit_test(nodes_come_back_whatever_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
