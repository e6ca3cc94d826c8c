#include "msg/sparkplug.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "msg/arena.h"
#include "sparkplug.pb-c.h"

/* An empty metric is two bytes on the wire and some 200 in memory; one with an alias and a value is ten and more. */
#define MEMORY_LEAST ((size_t)64 << 10)
#define MEMORY_FACTOR 48

typedef Andon__Sparkplug__Payload wire_payload;
typedef Andon__Sparkplug__Metric wire_metric;
typedef Andon__Sparkplug__Properties wire_properties;
typedef Andon__Sparkplug__Property wire_property;

static void *arena_alloc(void *data, size_t len)
{
    return an_arena_get(data, len);
}

static void arena_free(void *data, void *p)
{
    (void)data; /* the arena goes as a whole */
    (void)p;
}

/* ---- reading ---- */

static void read_value(an_spb_metric *m, const wire_metric *w)
{
    m->null = w->has_is_null && w->is_null;
    if (m->null)
        return;
    switch (w->value_case) {
    case ANDON__SPARKPLUG__METRIC__VALUE_INT_VALUE:
        m->kind = AN_SPB_IS_INT;
        m->u.whole = w->int_value;
        break;
    case ANDON__SPARKPLUG__METRIC__VALUE_LONG_VALUE:
        m->kind = AN_SPB_IS_INT;
        m->u.whole = w->long_value;
        break;
    case ANDON__SPARKPLUG__METRIC__VALUE_FLOAT_VALUE:
        m->kind = AN_SPB_IS_REAL;
        m->u.real = (double)w->float_value;
        break;
    case ANDON__SPARKPLUG__METRIC__VALUE_DOUBLE_VALUE:
        m->kind = AN_SPB_IS_REAL;
        m->u.real = w->double_value;
        break;
    case ANDON__SPARKPLUG__METRIC__VALUE_BOOL_VALUE:
        m->kind = AN_SPB_IS_BOOL;
        m->u.whole = w->bool_value != 0;
        break;
    case ANDON__SPARKPLUG__METRIC__VALUE_TEXT_VALUE:
        m->kind = AN_SPB_IS_TEXT;
        m->u.text = w->text_value;
        break;
    default:
        break;
    }
}

static void read_properties(an_spb_metric *m, const wire_properties *p)
{
    for (size_t i = 0; p && i < p->n_keys && i < p->n_values; i++) {
        const wire_property *v = p->values[i];
        if (strcmp(p->keys[i], "engUnit") == 0 &&
            v->value_case == ANDON__SPARKPLUG__PROPERTY__VALUE_TEXT_VALUE)
            m->unit = v->text_value;
        else if (strcmp(p->keys[i], "Quality") == 0 &&
                 v->value_case == ANDON__SPARKPLUG__PROPERTY__VALUE_INT_VALUE && v->int_value <= 65535)
            m->quality = (int)v->int_value;
    }
}

static void read_metric(an_spb_metric *m, const wire_metric *w)
{
    *m = (an_spb_metric){.name = w->name,
                         .has_alias = w->has_alias,
                         .alias = w->alias,
                         .has_time = w->has_timestamp && w->timestamp <= INT64_MAX,
                         .datatype = w->has_datatype ? w->datatype : 0,
                         .historical = w->has_is_historical && w->is_historical,
                         .quality = -1};
    if (m->has_time)
        m->time_ms = (int64_t)w->timestamp;
    read_value(m, w);
    read_properties(m, w->properties);
}

an_err an_spb_get(const void *bytes, size_t len, an_spb **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_arena *arena = NULL;
    an_spb *p = NULL;
    if (len > AN_SPB_BYTES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "a payload of %zu bytes", len);
    p = an_alloc(1, sizeof *p);
    arena = an_alloc(1, sizeof *arena);
    if (!p || !arena || !an_arena_init(arena, MEMORY_LEAST + len * MEMORY_FACTOR))
        goto out;
    p->memory = arena;
    ProtobufCAllocator from_arena = {.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
    const wire_payload *w = andon__sparkplug__payload__unpack(&from_arena, len, bytes);
    err = AN_ERR_PROTO;
    if (!w) {
        an_note_set(why, arena->full ? "a payload that asks for too much memory" : "no Sparkplug payload");
        goto out;
    }
    err = AN_ERR_NOMEM;
    p->metrics = an_alloc(w->n_metrics ? w->n_metrics : 1, sizeof *p->metrics);
    if (!p->metrics)
        goto out;
    p->n = w->n_metrics;
    for (size_t i = 0; i < p->n; i++)
        read_metric(&p->metrics[i], w->metrics[i]);
    p->has_time = w->has_timestamp && w->timestamp <= INT64_MAX;
    p->time_ms = p->has_time ? (int64_t)w->timestamp : 0;
    p->has_seq = w->has_seq;
    p->seq = w->seq;
    err = AN_OK;
out:
    if (err == AN_OK) {
        *ret = p;
        return AN_OK;
    }
    if (!p || !p->memory)
        an_free(arena);
    an_spb_free(p);
    return err;
}

void an_spb_free(an_spb *p)
{
    if (!p)
        return;
    if (p->memory) {
        an_arena_done(p->memory);
        an_free(p->memory);
    }
    an_free(p->metrics);
    an_free(p);
}

/* ---- writing ---- */

static void write_value(wire_metric *w, const an_spb_metric *m)
{
    const bool wide = m->datatype == AN_SPB_INT64 || m->datatype == AN_SPB_UINT64 ||
                      m->datatype == AN_SPB_DATETIME || m->u.whole > UINT32_MAX;
    switch (m->kind) {
    case AN_SPB_IS_NONE:
        return;
    case AN_SPB_IS_INT:
        w->value_case =
            wide ? ANDON__SPARKPLUG__METRIC__VALUE_LONG_VALUE : ANDON__SPARKPLUG__METRIC__VALUE_INT_VALUE;
        if (wide)
            w->long_value = m->u.whole;
        else
            w->int_value = (uint32_t)m->u.whole;
        return;
    case AN_SPB_IS_REAL:
        w->value_case = m->datatype == AN_SPB_FLOAT ? ANDON__SPARKPLUG__METRIC__VALUE_FLOAT_VALUE
                                                    : ANDON__SPARKPLUG__METRIC__VALUE_DOUBLE_VALUE;
        if (m->datatype == AN_SPB_FLOAT)
            w->float_value = (float)m->u.real;
        else
            w->double_value = m->u.real;
        return;
    case AN_SPB_IS_BOOL:
        w->value_case = ANDON__SPARKPLUG__METRIC__VALUE_BOOL_VALUE;
        w->bool_value = m->u.whole != 0;
        return;
    case AN_SPB_IS_TEXT:
        w->value_case = ANDON__SPARKPLUG__METRIC__VALUE_TEXT_VALUE;
        w->text_value = (char *)(uintptr_t)m->u.text; /* only read */
    }
}

/* What one metric is made of on the wire. */
typedef struct written {
    wire_metric metric;
    wire_properties properties;
    wire_property values[2], *value_list[2];
    char *keys[2];
} written;

static void write_properties(written *x, const an_spb_metric *m)
{
    static char unit_key[] = "engUnit", quality_key[] = "Quality";
    wire_properties *p = &x->properties;
    andon__sparkplug__properties__init(p);
    p->keys = x->keys;
    p->values = x->value_list;
    for (size_t i = 0; i < 2; i++) {
        andon__sparkplug__property__init(&x->values[i]);
        x->value_list[i] = &x->values[i];
    }
    if (m->unit) {
        wire_property *v = &x->values[p->n_keys];
        x->keys[p->n_keys++] = unit_key;
        v->has_type = true;
        v->type = AN_SPB_STRING;
        v->value_case = ANDON__SPARKPLUG__PROPERTY__VALUE_TEXT_VALUE;
        v->text_value = (char *)(uintptr_t)m->unit;
    }
    if (m->quality >= 0) {
        wire_property *v = &x->values[p->n_keys];
        x->keys[p->n_keys++] = quality_key;
        v->has_type = true;
        v->type = AN_SPB_INT32;
        v->value_case = ANDON__SPARKPLUG__PROPERTY__VALUE_INT_VALUE;
        v->int_value = (uint32_t)m->quality;
    }
    p->n_values = p->n_keys;
    if (p->n_keys > 0)
        x->metric.properties = p;
}

static void write_metric(written *x, const an_spb_metric *m)
{
    wire_metric *w = &x->metric;
    andon__sparkplug__metric__init(w);
    w->name = (char *)(uintptr_t)m->name;
    w->has_alias = m->has_alias;
    w->alias = m->alias;
    w->has_timestamp = m->has_time;
    w->timestamp = (uint64_t)m->time_ms;
    w->has_datatype = m->datatype != 0;
    w->datatype = m->datatype;
    w->has_is_historical = w->is_historical = m->historical;
    w->has_is_null = w->is_null = m->null;
    if (!m->null)
        write_value(w, m);
    write_properties(x, m);
}

an_err an_spb_put(const an_spb *p, an_buf *ret)
{
    an_err err = AN_ERR_NOMEM;
    wire_payload w;
    uint8_t *packed = NULL;
    written *all = an_alloc(p->n + 1, sizeof *all);
    wire_metric **list = an_alloc(p->n + 1, sizeof *list);
    if (!all || !list)
        goto out;
    andon__sparkplug__payload__init(&w);
    w.has_timestamp = p->has_time;
    w.timestamp = (uint64_t)p->time_ms;
    w.has_seq = p->has_seq;
    w.seq = p->seq;
    for (size_t i = 0; i < p->n; i++) {
        write_metric(&all[i], &p->metrics[i]);
        list[i] = &all[i].metric;
    }
    w.n_metrics = p->n;
    w.metrics = list;
    const size_t len = andon__sparkplug__payload__get_packed_size(&w);
    packed = an_alloc(len + 1, 1);
    if (!packed)
        goto out;
    andon__sparkplug__payload__pack(&w, packed);
    an_buf_put(ret, packed, len);
    err = an_buf_err(ret);
out:
    an_free(packed);
    an_free(list);
    an_free(all);
    return err;
}

/* ---- what a metric comes to ---- */

double an_spb_number(const an_spb_metric *m, uint32_t datatype)
{
    const uint64_t u = m->u.whole;
    const uint32_t type = m->datatype ? m->datatype : datatype;
    if (m->kind == AN_SPB_IS_REAL)
        return isfinite(m->u.real) ? m->u.real : NAN;
    if (m->kind == AN_SPB_IS_BOOL)
        return (double)u;
    if (m->kind != AN_SPB_IS_INT)
        return NAN;
    switch (type) {
    case AN_SPB_INT8:
        return (int8_t)u;
    case AN_SPB_INT16:
        return (int16_t)u;
    case AN_SPB_INT32:
        return (int32_t)(uint32_t)u;
    case AN_SPB_INT64:
        return (double)(int64_t)u;
    case AN_SPB_FLOAT:
    case AN_SPB_DOUBLE:
    case AN_SPB_STRING:
    case AN_SPB_TEXT:
        return NAN; /* said to be one thing, sent as another */
    default:
        return (double)u;
    }
}
