/* What is said at a broker: each topic, path in a JSON payload, or metric of a Sparkplug birth that comes in the time,
 * once. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/sources/mqtt_internal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/opt.h"
#include "doors/json.h"
#include "msg/sparkplug.h"

#define FINDS_MAX 4096
#define DEPTH_MAX 8
#define NAME_MAX_BYTES 600

typedef struct browser {
    mqtt_state *s;
    an_source_seen say;
    void *ctx;
    uint64_t seen[FINDS_MAX]; /* hashes of what was said */
    size_t n;
} browser;

static bool is_new(browser *b, const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    for (size_t i = 0; i < b->n; i++)
        if (b->seen[i] == h)
            return false;
    if (b->n == FINDS_MAX)
        return false;
    b->seen[b->n++] = h;
    return true;
}

static void tell(browser *b, char *name, const char *unit, const char *kind, double value, int64_t time_ms)
{
    for (char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = '?';
    if (!is_new(b, name))
        return;
    const an_source_find find = {.tag = name, .unit = unit, .kind = kind, .value = value, .time_ms = time_ms};
    b->say(b->ctx, &find);
}

/* ---- JSON ---- */

static void walk(browser *b, const char *topic, char *path, size_t len, const an_jval *v, int64_t now,
                 unsigned depth)
{
    static const char *const kinds[] = {"", "null", "boolean", "whole number", "number", "text", "", ""};
    char name[NAME_MAX_BYTES];
    double value = NAN;
    bool flag = false;
    if (an_jval_kind(v) == AN_JKIND_OBJECT && depth < DEPTH_MAX) {
        for (const char *key = an_jval_key_first(v); key; key = an_jval_key_next(v, key)) {
            if (len + strlen(key) + 2 >= MQTT_PATH_MAX || strpbrk(key, "~/"))
                continue;
            snprintf(path + len, MQTT_PATH_MAX - len, "/%s", key);
            walk(b, topic, path, len + 1 + strlen(key), an_jval_get(v, key), now, depth + 1);
        }
        path[len] = '\0';
        return;
    }
    if (an_jval_kind(v) == AN_JKIND_OBJECT || an_jval_kind(v) == AN_JKIND_ARRAY)
        return;
    if (an_jval_bool(v, NULL, &flag, NULL) == AN_OK)
        value = flag;
    else if (an_jval_num(v, NULL, -1e300, 1e300, &value, NULL) != AN_OK)
        value = NAN;
    snprintf(name, sizeof name, "%s %s", topic, path);
    tell(b, name, "", kinds[an_jval_kind(v)], value, now);
}

static void on_plain(browser *b, const an_mqtt_message *m, int64_t now)
{
    char name[NAME_MAX_BYTES], path[MQTT_PATH_MAX] = "", text[64];
    an_json_doc *doc = NULL;
    double value = NAN;
    if (an_json_parse(m->payload, m->len, "payload", &doc, NULL) == AN_OK) {
        walk(b, m->topic, path, 0, an_json_root(doc), now, 0);
        an_json_doc_free(doc);
        return;
    }
    snprintf(name, sizeof name, "%s", m->topic);
    snprintf(text, sizeof text, "%.*s", m->len < sizeof text ? (int)m->len : 0, (const char *)m->payload);
    const bool number = an_parse_num(text, &value);
    tell(b, name, "", number ? "number" : "text or bytes", number ? value : NAN, now);
}

/* ---- Sparkplug ---- */

static void ask_rebirth(browser *b, const char *node)
{
    const char *slash = strchr(node, '/');
    char name[NAME_MAX_BYTES], topic[SPB_TOPIC_MAX];
    an_buf payload;
    an_buf_init(&payload, 1024);
    snprintf(name, sizeof name, "rebirth %s", node);
    snprintf(topic, sizeof topic, "spBv1.0/%.*s/NCMD/%s", (int)(slash - node), node, slash + 1);
    if (b->s->rebirth && is_new(b, name) &&
        spb_rebirth_put(&payload, b->s->conf.clock->wall_ms(b->s->conf.clock)) == AN_OK) {
        const an_err err =
            an_mqtt_publish(b->s->link, topic, payload.data, payload.len, 0, false, NULL, NULL);
        (void)err; /* then it is not born in this time */
    }
    an_buf_done(&payload);
}

static void on_sparkplug(browser *b, const an_mqtt_message *m, int64_t now)
{
    static const char *const types[] = {"?",      "int8",    "int16",  "int32",  "int64",
                                        "uint8",  "uint16",  "uint32", "uint64", "float",
                                        "double", "boolean", "string", "time",   "text"};
    char node[SPB_NAME_MAX], kind[8], device[SPB_NAME_MAX], name[NAME_MAX_BYTES];
    an_spb *p = NULL;
    if (!spb_topic_read(m->topic, node, kind, device) || an_spb_get(m->payload, m->len, &p, NULL) != AN_OK)
        return;
    if (strcmp(kind + 1, "BIRTH") != 0) {
        if (strcmp(kind + 1, "DATA") == 0)
            ask_rebirth(b, node);
        an_spb_free(p);
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        const an_spb_metric *x = &p->metrics[i];
        if (!x->name)
            continue;
        snprintf(name, sizeof name, "%s%s%s %.191s", node, device[0] ? "/" : "", device, x->name);
        tell(b, name, x->unit ? x->unit : "",
             x->datatype < sizeof types / sizeof *types ? types[x->datatype] : "of a kind that is not read",
             x->null ? NAN : an_spb_number(x, 0), x->has_time ? x->time_ms : now);
    }
    an_spb_free(p);
}

static void on_message(void *ctx, const an_mqtt_message *m)
{
    browser *b = ctx;
    const int64_t now = b->s->conf.clock->wall_ms(b->s->conf.clock);
    if (b->s->format == MQTT_SPARKPLUG)
        on_sparkplug(b, m, now);
    else
        on_plain(b, m, now);
}

an_err mqtt_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why)
{
    static const an_mqtt_events events = {.message = on_message};
    const an_clock *clock = an_clock_system();
    const int64_t end = clock->mono_ms(clock) + for_ms;
    mqtt_state s = {.n = 0};
    browser *b = an_alloc(1, sizeof *b);
    char client[MQTT_CLIENT_MAX];
    bool session = false;
    an_err err = b ? mqtt_conf_read(&s, conf, true, why) : AN_ERR_NOMEM;
    if (err)
        goto out;
    *b = (browser){.s = &s, .say = say, .ctx = ctx};
    s.session_s = 0;
    mqtt_client_make(client);
    err = mqtt_link_new(&s, client, &events, b, why);
    if (!err)
        err = an_mqtt_connect(s.link, s.timeout_ms, &session, why);
    for (size_t i = 0; i < s.n_topics && !err; i++)
        err = an_mqtt_subscribe(s.link, s.topics[i], 0, why);
    while (!err && clock->mono_ms(clock) < end)
        err = an_mqtt_turn(s.link, 100, why);
out:
    mqtt_conf_done(&s);
    an_free(b);
    return err;
}
