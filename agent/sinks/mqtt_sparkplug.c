/* sparkplug: an edge node of Sparkplug B 3.0, of which each line is a device.
 *
 *     connect   will NDEATH(bdSeq) | NBIRTH(bdSeq, Node Control/Rebirth), seq 0
 *     event     DBIRTH of its line, if it is not born yet | DDATA with the event's metrics
 *     NCMD      Node Control/Rebirth = true: NBIRTH and all DBIRTHs again
 *
 * Births and data have QoS 0, as the specification demands, which nobody acknowledges.  So a batch ends with a message of
 * QoS 1 on a topic of our own: a broker handles what comes over one connection in order, and its acknowledgement of
 * that says that it has the data before it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sink_event.h"
#include "agent/sinks/mqtt_link.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/yaml.h"
#include "msg/bounds.h"
#include "msg/sparkplug.h"

#define PAYLOAD_MAX (64u << 10)
#define REBIRTH "Node Control/Rebirth"
#define METRICS_MAX 12

typedef struct device {
    bool born;
    bool spoke; /* last is of use */
    char line[AN_NAME_MAX], id[AN_SINK_ID_MAX];
    an_alarm_record last; /* for births */
} device;

typedef struct spark_sink {
    mqtt_link link;
    const char *group, *node, *confirm;
    char death[AN_MQTT_TOPIC_MAX], birth[AN_MQTT_TOPIC_MAX], command[AN_MQTT_TOPIC_MAX];
    char confirm_topic[AN_MQTT_TOPIC_MAX], bdseq_path[AN_PATH_MAX];
    int64_t historical_ms;
    uint64_t bdseq, seq; /* 0..255 each */
    bool up;             /* it is born */
    bool rebirth;        /* somebody has asked for it */
    device *devices;     /* (n) */
    size_t n, cap;
} spark_sink;

static const an_option options[] = {
    MQTT_LINK_OPTIONS,
    {"group", AN_OPTION_TEXT, 0, 0, NULL, "group id of Sparkplug"},
    {"node", AN_OPTION_TEXT, 0, 0, "", "edge node id; the site's name if not given"},
    {"historical", AN_OPTION_REAL, 0, 86400, "60",
     "seconds after which a late event is marked as historical"},
    {"confirm", AN_OPTION_TEXT, 0, 0, "",
     "topic of the messages that confirm a batch; andon/SITE/sparkplug if not given"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

/* ---- opening ---- */

static an_err make_topics(spark_sink *s, const char *site, an_note *why)
{
    if (!s->group[0] || strpbrk(s->group, "/+#") || strpbrk(s->node, "/+#") ||
        strlen(s->group) + strlen(s->node) > 110)
        return an_fail(AN_ERR_INVAL, why, "group, node: names without /, + and #");
    snprintf(s->death, sizeof s->death, "spBv1.0/%.110s/NDEATH/%.110s", s->group, s->node);
    snprintf(s->birth, sizeof s->birth, "spBv1.0/%.110s/NBIRTH/%.110s", s->group, s->node);
    snprintf(s->command, sizeof s->command, "spBv1.0/%.110s/NCMD/%.110s", s->group, s->node);
    snprintf(s->confirm_topic, sizeof s->confirm_topic, s->confirm[0] ? "%.200s" : "andon/%.200s/sparkplug",
             s->confirm[0] ? s->confirm : site);
    if (!an_mqtt_topic_ok(s->confirm_topic) || strncmp(s->confirm_topic, "spBv1.0/", 8) == 0)
        return an_fail(AN_ERR_INVAL, why, "confirm: a topic outside of spBv1.0");
    return AN_OK;
}

static an_err spark_open(void *state, const an_sink_site *site, const an_node *conf, an_note *why)
{
    spark_sink *s = state;
    const char *name = NULL;
    char file[AN_SINK_NAME_MAX + 24];
    an_err err;
    if ((err = mqtt_link_open(&s->link, options, conf, why)) != AN_OK ||
        (err = an_option_text(options, conf, "group", &s->group, why)) != AN_OK ||
        (err = an_option_text(options, conf, "node", &s->node, why)) != AN_OK ||
        (err = an_option_text(options, conf, "confirm", &s->confirm, why)) != AN_OK ||
        (err = an_option_ms(options, conf, "historical", &s->historical_ms, why)) != AN_OK ||
        (err = an_node_need_text(conf, "name", &name, why)) != AN_OK)
        return err;
    if (!s->node[0])
        s->node = site->site;
    snprintf(file, sizeof file, "sinks/%.48s.bdseq", name);
    err = an_path_join(s->bdseq_path, site->data, file);
    return err == AN_OK ? make_topics(s, site->site, why) : err;
}

static void spark_close(void *state)
{
    an_free(((spark_sink *)state)->devices);
}

/* A new number with each connection, over restarts too: a host knows by it which death belongs to which birth. */
static an_err next_bdseq(spark_sink *s, an_note *why)
{
    char text[8], dir[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, 16);
    s->bdseq = 0;
    if (an_file_read(&b, s->bdseq_path, NULL) == AN_OK && b.len > 0 && b.data[0] >= '0' && b.data[0] <= '9') {
        an_buf_u8(&b, 0);
        s->bdseq = an_buf_err(&b) == AN_OK ? (strtoul((const char *)b.data, NULL, 10) + 1) % 256 : 0;
    }
    an_buf_done(&b);
    snprintf(text, sizeof text, "%u\n", (unsigned)s->bdseq);
    snprintf(dir, sizeof dir, "%s", s->bdseq_path);
    *strrchr(dir, '/') = '\0';
    an_err err = an_dir_make(dir, why);
    return err == AN_OK ? an_file_write(s->bdseq_path, text, strlen(text), 0640, why) : err;
}

/* ---- payloads ---- */

static an_spb_metric metric(const char *name, uint32_t type, an_spb_kind kind, int64_t time_ms)
{
    return (an_spb_metric){
        .name = name, .datatype = type, .kind = kind, .has_time = true, .time_ms = time_ms, .quality = -1};
}

static an_spb_metric whole(const char *name, uint32_t type, uint64_t v, int64_t time_ms)
{
    an_spb_metric m = metric(name, type, AN_SPB_IS_INT, time_ms);
    m.u.whole = v;
    return m;
}

static an_spb_metric flag(const char *name, bool v, int64_t time_ms)
{
    an_spb_metric m = metric(name, AN_SPB_BOOLEAN, AN_SPB_IS_BOOL, time_ms);
    m.u.whole = v;
    return m;
}

static an_spb_metric text(const char *name, const char *v, int64_t time_ms)
{
    an_spb_metric m = metric(name, AN_SPB_STRING, AN_SPB_IS_TEXT, time_ms);
    m.u.text = v;
    return m;
}

static an_spb_metric real(const char *name, double v, int64_t time_ms)
{
    an_spb_metric m = metric(name, AN_SPB_DOUBLE, isfinite(v) ? AN_SPB_IS_REAL : AN_SPB_IS_NONE, time_ms);
    m.null = !isfinite(v);
    m.u.real = isfinite(v) ? v : 0;
    return m;
}

/* The metrics of a line: the same names at each birth and in all data. */
static size_t metrics_of(an_spb_metric ret[static METRICS_MAX], const device *d)
{
    const an_alarm_record *r = &d->last;
    /* Acknowledged or not, it is active; what is aside is shown to nobody. */
    const bool active =
        r->alarm != 0 && (r->standing == AN_STANDING_UNACKED || r->standing == AN_STANDING_ACKED);
    const int64_t t = r->time_ms;
    size_t n = 0;
    ret[n++] = text("event/id", d->id, t);
    ret[n++] = text("event/kind", an_logged_name(r->kind), t);
    ret[n++] = flag("alarm/active", active, t);
    ret[n++] = whole("alarm/number", AN_SPB_INT64, r->alarm, t);
    ret[n++] = text("alarm/state", an_standing_name(r->standing), t);
    ret[n++] = text("alarm/severity", an_severity_names[r->severity], t);
    ret[n++] = real("alarm/score", r->score, t);
    ret[n++] = text("alarm/sensor", r->n_top ? r->top[0].sensor : "", t);
    ret[n++] = text("alarm/reason", r->reason, t);
    ret[n++] = text("part", r->part, t);
    return n;
}

static an_err publish(spark_sink *s, const char *topic, an_spb_metric *metrics, size_t n, an_note *why)
{
    int id = 0;
    an_buf b;
    const an_spb p = {.has_time = true,
                      .time_ms = an_clock_system()->wall_ms(an_clock_system()),
                      .has_seq = true,
                      .seq = s->seq,
                      .n = n,
                      .metrics = metrics};
    an_buf_init(&b, PAYLOAD_MAX);
    an_err err = an_spb_put(&p, &b);
    if (err == AN_OK)
        err = an_mqtt_publish(s->link.m, topic, b.data, b.len, 0, false, &id, why);
    an_buf_done(&b);
    if (err == AN_OK)
        s->seq = (s->seq + 1) % 256;
    return err;
}

static an_err publish_device(spark_sink *s, const char *kind, device *d, bool historical, an_note *why)
{
    char topic[AN_MQTT_TOPIC_MAX + AN_NAME_MAX];
    an_spb_metric metrics[METRICS_MAX];
    const size_t n = metrics_of(metrics, d);
    for (size_t i = 0; i < n; i++) {
        metrics[i].historical = historical;
        metrics[i].null = metrics[i].null || !d->spoke;
        if (metrics[i].null)
            metrics[i].kind = AN_SPB_IS_NONE;
    }
    snprintf(topic, sizeof topic, "spBv1.0/%.110s/%s/%.110s/%s", s->group, kind, s->node, d->line);
    return publish(s, topic, metrics, n, why);
}

static an_err birth(spark_sink *s, an_note *why)
{
    const int64_t now = an_clock_system()->wall_ms(an_clock_system());
    an_spb_metric metrics[] = {whole("bdSeq", AN_SPB_INT64, s->bdseq, now), flag(REBIRTH, false, now)};
    s->seq = 0;
    s->rebirth = false;
    an_err err = publish(s, s->birth, metrics, 2, why);
    for (size_t i = 0; i < s->n && err == AN_OK; i++)
        if ((err = publish_device(s, "DBIRTH", &s->devices[i], false, why)) == AN_OK)
            s->devices[i].born = true;
    return err;
}

/* ---- the connection ---- */

static void on_command(void *ctx, const an_mqtt_message *m)
{
    spark_sink *s = ctx;
    an_spb *p = NULL;
    if (strcmp(m->topic, s->command) != 0 || an_spb_get(m->payload, m->len, &p, NULL) != AN_OK)
        return;
    for (size_t i = 0; i < p->n; i++)
        if (p->metrics[i].name && strcmp(p->metrics[i].name, REBIRTH) == 0 &&
            p->metrics[i].kind == AN_SPB_IS_BOOL && p->metrics[i].u.whole)
            s->rebirth = true;
    an_spb_free(p);
}

/* Has no seq: which birth it belongs to is said by bdSeq. */
static an_err put_death(const spark_sink *s, an_buf *ret)
{
    const int64_t now = an_clock_system()->wall_ms(an_clock_system());
    an_spb_metric metrics[] = {whole("bdSeq", AN_SPB_INT64, s->bdseq, now)};
    const an_spb death = {.has_time = true, .time_ms = now, .n = 1, .metrics = metrics};
    return an_spb_put(&death, ret);
}

static an_err spark_connect(void *state, an_note *why)
{
    spark_sink *s = state;
    an_buf b;
    an_buf_init(&b, 256);
    an_err err = next_bdseq(s, why);
    s->link.message = on_command;
    s->link.ctx = s;
    s->up = false;
    for (size_t i = 0; i < s->n; i++)
        s->devices[i].born = false;
    if (err == AN_OK)
        err = put_death(s, &b);
    if (err == AN_OK)
        err = mqtt_link_connect(&s->link, s->death, b.data, b.len, why);
    an_buf_done(&b);
    if (err == AN_OK)
        err = an_mqtt_subscribe(s->link.m, s->command, 1, why);
    if (err == AN_OK)
        err = birth(s, why);
    s->up = err == AN_OK;
    return err;
}

/* A good-bye keeps the broker from sending the will, so the node says itself that it is gone. */
static void spark_disconnect(void *state)
{
    spark_sink *s = state;
    size_t acked = 0;
    an_buf b;
    an_buf_init(&b, 256);
    if (s->up && put_death(s, &b) == AN_OK &&
        mqtt_link_publish(&s->link, s->death, b.data, b.len, false, NULL) == AN_OK &&
        mqtt_link_settle(&s->link, &acked, NULL) != AN_OK)
        acked = 0; /* the connection is gone: the broker sends the will */
    s->up = false;
    an_buf_done(&b);
    mqtt_link_disconnect(&s->link);
}

static device *device_of(spark_sink *s, const char *line)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->devices[i].line, line) == 0)
            return &s->devices[i];
    if (!an_grow(&s->devices, &s->cap, s->n + 1, sizeof *s->devices))
        return NULL;
    device *d = &s->devices[s->n++];
    *d = (device){.born = false};
    snprintf(d->line, sizeof d->line, "%s", line);
    return d;
}

static an_err send_one(spark_sink *s, const an_sink_event *e, an_note *why)
{
    const int64_t late = an_clock_system()->wall_ms(an_clock_system()) - e->record->recorded_ms;
    device *d = device_of(s, e->record->line);
    an_err err = d ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK && !d->born && (err = publish_device(s, "DBIRTH", d, false, why)) == AN_OK)
        d->born = true;
    if (err != AN_OK)
        return err;
    d->last = *e->record;
    d->spoke = true;
    snprintf(d->id, sizeof d->id, "%s", e->id);
    return publish_device(s, "DDATA", d, late > s->historical_ms, why);
}

static an_err spark_send(void *state, const an_sink_event *events, size_t n, size_t *ret_taken, an_note *why)
{
    spark_sink *s = state;
    size_t confirmed = 0;
    an_err err = s->rebirth ? birth(s, why) : AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = send_one(s, &events[i], why);
    if (err == AN_OK)
        err = mqtt_link_publish(&s->link, s->confirm_topic, events[n - 1].id, strlen(events[n - 1].id), false,
                                why);
    if (err == AN_OK)
        err = mqtt_link_settle(&s->link, &confirmed, why);
    if (err == AN_OK)
        *ret_taken = n;
    return err == AN_ERR_REFUSED ? AN_ERR_IO : err;
}

static an_err spark_idle(void *state, int64_t *ret_wait_ms, an_note *why)
{
    spark_sink *s = state;
    an_err err = an_mqtt_turn(s->link.m, 0, why);
    if (err == AN_OK && s->rebirth)
        err = birth(s, why);
    if (*ret_wait_ms > 500)
        *ret_wait_ms = 500; /* who asks for a rebirth waits */
    return err == AN_ERR_REFUSED ? AN_ERR_IO : err;
}

const an_sink_type an_sink_type_sparkplug = {
    .name = "sparkplug",
    .meaning = "Sparkplug B 3.0: the site is an edge node, each line a device; at least once, `event/id` "
               "tells repeats",
    .options = options,
    .state_size = sizeof(spark_sink),
    .open = spark_open,
    .close = spark_close,
    .connect = spark_connect,
    .disconnect = spark_disconnect,
    .send = spark_send,
    .idle = spark_idle,
};
