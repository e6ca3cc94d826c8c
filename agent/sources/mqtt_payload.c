/* Payloads that are a number, or JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/sources/mqtt_internal.h"
#include "base/opt.h"
#include "doors/json.h"
#include "models/data/opc_quality.h"
#include "models/data/table.h"

#define TEXT_MAX 64

void mqtt_count(mqtt_state *s, int which)
{
    atomic_fetch_add_explicit(&s->counters[which], 1, memory_order_relaxed);
}

void mqtt_bad(mqtt_state *s, const char *what)
{
    mqtt_count(s, MQTT_BAD);
    atomic_store(&s->bad_last, what);
}

/* ---- texts ---- */

static double number_of(const char *text)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"true", 1}, {"false", 0}, {"on", 1}, {"off", 0}};
    double value = NAN;
    if (an_parse_num(text, &value))
        return value;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i].word) == 0)
            return words[i].value;
    return NAN;
}

/* Without blanks at its ends.  False: longer than any number. */
static bool trim(const char *from, size_t len, char out[static TEXT_MAX])
{
    while (len > 0 && strchr(" \t\r\n", from[len - 1]) && from[len - 1])
        len--;
    while (len > 0 && strchr(" \t\r\n", *from) && *from) {
        from++;
        len--;
    }
    if (len >= TEXT_MAX || memchr(from, 0, len))
        return false;
    snprintf(out, TEXT_MAX, "%.*s", (int)len, from);
    return true;
}

/* ---- JSON ---- */

static double value_of(const an_jval *v)
{
    double number = NAN;
    bool flag = false;
    const char *text = NULL;
    char plain[TEXT_MAX];
    switch (an_jval_kind(v)) {
    case AN_JKIND_INT:
    case AN_JKIND_NUM:
        return an_jval_num(v, NULL, -1e300, 1e300, &number, NULL) == AN_OK ? number : NAN;
    case AN_JKIND_BOOL:
        return an_jval_bool(v, NULL, &flag, NULL) == AN_OK ? (double)flag : NAN;
    case AN_JKIND_TEXT:
        return an_jval_text(v, NULL, &text, NULL) == AN_OK && trim(text, strlen(text), plain)
                   ? number_of(plain)
                   : NAN;
    default:
        return NAN;
    }
}

/* Seconds, milliseconds, microseconds or nanoseconds since 1970, whichever lies in this age; or a text. */
static bool time_from(const an_jval *v, int64_t *ret)
{
    double t = 0;
    const char *text = NULL;
    int64_t ms = 0;
    if (an_jval_text(v, NULL, &text, NULL) == AN_OK) {
        if (!an_time_parse(text, strlen(text), &ms))
            return false;
    } else if (an_jval_num(v, NULL, 0, 1e19, &t, NULL) == AN_OK) {
        ms = (int64_t)(t < 1e11 ? t * 1e3 : t < 1e14 ? t : t < 1e17 ? t / 1e3 : t / 1e6);
    } else {
        return false;
    }
    if (ms < 0 || ms >= MQTT_TIME_MAX)
        return false;
    *ret = ms;
    return true;
}

static an_value_quality quality_from(const an_jval *v)
{
    const char *text = NULL;
    int64_t n = 0;
    bool flag = false;
    if (an_jval_kind(v) == AN_JKIND_NONE || an_jval_kind(v) == AN_JKIND_NULL)
        return AN_VALUE_GOOD;
    if (an_jval_bool(v, NULL, &flag, NULL) == AN_OK)
        return flag ? AN_VALUE_GOOD : AN_VALUE_BAD;
    if (an_jval_int(v, NULL, 0, UINT32_MAX, &n, NULL) == AN_OK)
        return (an_value_quality)an_opc_quality_of((uint32_t)n);
    if (an_jval_text(v, NULL, &text, NULL) == AN_OK)
        return (an_value_quality)an_opc_quality(text, strlen(text));
    return AN_VALUE_BAD;
}

/* ---- messages ---- */

typedef struct reading {
    const an_jval *root; /* NULL: not JSON */
    double value;        /* of format value */
    int64_t time_ms;
    bool timed;
} reading;

static void put(mqtt_state *s, size_t i, const an_mqtt_message *m, const reading *r)
{
    const mqtt_tag *t = &s->what[i];
    const bool json = s->format == MQTT_JSON;
    const double value = json ? value_of(an_jval_point(r->root, t->path)) : r->value;
    const char *quality_path = t->quality[0] ? t->quality : s->quality_path;
    an_value_quality quality = AN_VALUE_GOOD;
    if (json && quality_path[0])
        quality = quality_from(an_jval_point(r->root, quality_path));
    if (isnan(value)) {
        mqtt_bad(s, !json     ? "a payload that is not a number"
                    : r->root ? "a value that is not a number"
                              : "not JSON");
        quality = AN_VALUE_BAD;
    }
    /* Of when it is nobody says. */
    if (quality == AN_VALUE_GOOD && m->retained && !r->timed && s->retained == MQTT_RETAINED_UNCERTAIN)
        quality = AN_VALUE_UNCERTAIN;
    an_tags_put(s->tags, 0, (uint32_t)i, r->time_ms, value, quality);
}

void mqtt_take_payload(mqtt_state *s, const an_mqtt_message *m)
{
    reading r = {.value = NAN, .time_ms = s->conf.clock->wall_ms(s->conf.clock)};
    an_json_doc *doc = NULL;
    char text[TEXT_MAX];
    const char *part = NULL;
    bool some = false;
    if (s->format == MQTT_VALUE) {
        if (trim(m->payload, m->len, text))
            r.value = number_of(text);
    } else if (an_json_parse(m->payload, m->len, "payload", &doc, NULL) == AN_OK) {
        r.root = an_json_root(doc);
        r.timed = s->time_path[0] && time_from(an_jval_point(r.root, s->time_path), &r.time_ms);
        if (s->time_path[0] && !r.timed)
            mqtt_bad(s, "no time where one should be");
    }
    for (size_t i = 0; i < s->n; i++)
        if (an_mqtt_matches(s->what[i].topic, m->topic)) {
            put(s, i, m, &r);
            some = true;
        }
    if (some && s->part_path[0] &&
        an_jval_text(an_jval_point(r.root, s->part_path), NULL, &part, NULL) == AN_OK)
        an_tags_part(s->tags, 0, part);
    if (some)
        an_tags_flush(s->tags, 0, r.time_ms);
    else
        mqtt_count(s, MQTT_UNMATCHED);
    an_json_doc_free(doc);
}
