#include "agent/source.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/yaml.h"

#define AN_SOURCE(name) extern const an_source_type an_source_type_##name;
#include "agent/sources.def"
#undef AN_SOURCE
static const an_source_type *const types[] = {
#define AN_SOURCE(name) &an_source_type_##name,
#include "agent/sources.def"
#undef AN_SOURCE
};

#define CATCH_UP_S 2.0
#define ROWS_MAX INT64_C(1000000000000000)

/* Understood for every source; read here or by the agent. */
static const an_source_option common[] = {
    {"type", AN_OPTION_TEXT, 0, 0, NULL, "kind of source"},
    {"name", AN_OPTION_TEXT, 0, 0, "", "what people call it"},
    {"speed", AN_OPTION_REAL, 0, 1e6, "0", "rows per second; 0: as fast as they come"},
    {"skew", AN_OPTION_REAL, 0, 86400, "10",
     "seconds that a live source's time may be from this clock; 0: any"},
    {"speed_from", AN_OPTION_INT, 0, 1e15, "0", "rows that come as fast as they can before"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

struct an_source {
    const an_source_type *type;
    void *state;
    bool opened;
    const an_clock *clock;
    double speed;
    int64_t speed_from;
    int64_t skew_ms;
    int64_t begun_ms; /* monotonic; pace is counted from here */
    uint64_t begun_rows;
    bool begun;
    an_source_stats stats;
};

an_err an_batch_init(an_batch *b, size_t width, size_t cap)
{
    *b = (an_batch){.width = width, .cap = cap};
    if (width == 0 || cap == 0 || width > AN_SOURCE_WIDTH_MAX || cap > SIZE_MAX / width)
        return AN_ERR_INVAL;
    b->values = an_alloc(cap * width, sizeof *b->values);
    b->time_ms = an_alloc(cap, sizeof *b->time_ms);
    b->row = an_alloc(cap, sizeof *b->row);
    b->flags = an_alloc(cap, sizeof *b->flags);
    b->label = an_alloc(cap, sizeof *b->label);
    b->quality = an_alloc(cap * width, sizeof *b->quality);
    b->part = an_alloc(cap, sizeof *b->part);
    b->image = an_alloc(cap, sizeof *b->image);
    if (b->values && b->time_ms && b->row && b->flags && b->label && b->quality && b->part && b->image)
        return AN_OK;
    an_batch_done(b);
    return AN_ERR_NOMEM;
}

void an_batch_done(an_batch *b)
{
    if (!b)
        return;
    an_free(b->values);
    an_free(b->time_ms);
    an_free(b->row);
    an_free(b->flags);
    an_free(b->label);
    an_free(b->quality);
    an_free(b->part);
    an_free(b->image);
    *b = (an_batch){0};
}

const an_source_type *an_source_type_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

const an_source_type *an_source_type_find(const char *name)
{
    for (size_t i = 0; an_source_type_at(i); i++)
        if (name && strcmp(an_source_type_at(i)->name, name) == 0)
            return an_source_type_at(i);
    return NULL;
}

an_err an_source_unknown(const char *name, an_note *why)
{
    char known[160] = "";
    size_t at = 0;
    for (size_t i = 0; an_source_type_at(i) && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
                               an_source_type_at(i)->name);
    return an_fail(AN_ERR_NOTFOUND, why, "no source of type \"%.60s\"; this agent has %s", name ? name : "",
                   known);
}

const an_source_option *an_source_common_get(void)
{
    return common;
}

static an_err check_options(const an_source_type *type, const an_node *conf, an_note *why)
{
    char what[64];
    snprintf(what, sizeof what, "source \"%s\"", type->name);
    return an_options_check(what, type->options, common, conf, why);
}

an_err an_source_check(const char *type_name, const an_node *conf, an_note *why)
{
    const an_source_type *type = an_source_type_find(type_name);
    if (!type)
        return an_source_unknown(type_name, why);
    const an_err err = check_options(type, conf, why);
    return err == AN_OK && type->check ? type->check(conf, why) : err;
}

an_err an_source_open(const char *type_name, const an_node *conf, const an_clock *clock, an_source **ret,
                      an_note *why)
{
    an_err err;
    an_source *s = NULL;
    const an_source_type *type = an_source_type_find(type_name);
    if (!type)
        return an_source_unknown(type_name, why);
    if ((err = check_options(type, conf, why)))
        goto out;
    err = AN_ERR_NOMEM;
    s = an_alloc(1, sizeof *s);
    if (!s || !(s->state = an_alloc(1, type->state_size)))
        goto out;
    s->type = type;
    s->clock = clock;
    s->stats.bad_last = "";
    double skew_s = 0;
    if ((err = an_node_get_num(conf, "speed", 0, 1e6, 0, &s->speed, why)) ||
        (err = an_node_get_num(conf, "skew", 0, 86400, 10, &skew_s, why)) ||
        (err = an_node_get_int(conf, "speed_from", 0, ROWS_MAX, 0, &s->speed_from, why)))
        goto out;
    s->skew_ms = (int64_t)(skew_s * 1000);
    s->opened = true;
    if ((err = type->open(s->state, conf, why)))
        goto out;
    *ret = s;
    s = NULL;
out:
    an_source_close(s);
    return err;
}

an_err an_source_of(const an_source_type *type, const void *state, const an_clock *clock, an_source **ret)
{
    an_source *s = an_alloc(1, sizeof *s);
    if (!s || !(s->state = an_alloc(1, type->state_size))) {
        an_free(s);
        return AN_ERR_NOMEM;
    }
    memcpy(s->state, state, type->state_size);
    s->type = type;
    s->clock = clock;
    s->stats.bad_last = "";
    s->opened = true;
    *ret = s;
    return AN_OK;
}

void an_source_close(an_source *s)
{
    if (!s)
        return;
    if (s->opened)
        s->type->close(s->state);
    an_free(s->state);
    an_free(s);
}

const an_source_type *an_source_type_get(const an_source *s)
{
    return s->type;
}

size_t an_source_width(const an_source *s)
{
    return s->type->width(s->state);
}

const char *an_source_sensor(const an_source *s, size_t i)
{
    return s->type->sensor(s->state, i);
}

const char *an_source_unit(const an_source *s, size_t i)
{
    return s->type->unit(s->state, i);
}

an_source_frame an_source_frame_get(const an_source *s)
{
    return s->type->frame ? s->type->frame(s->state) : (an_source_frame){0};
}

/* Rows that the pace allows now; 0 sets the wait. */
static size_t allowance(an_source *s, size_t cap, int64_t *ret_wait_ms)
{
    if (s->speed <= 0 || s->stats.rows < (uint64_t)s->speed_from)
        return cap;
    int64_t now = s->clock->mono_ms(s->clock);
    if (!s->begun) {
        s->begun = true;
        s->begun_ms = now;
        s->begun_rows = s->stats.rows;
    }
    double due = 1 + (double)(now - s->begun_ms) * s->speed / 1000.0;
    double given = (double)(s->stats.rows - s->begun_rows);
    if (due - given > 1 + s->speed * CATCH_UP_S) { /* nobody asked for a while: that time is gone */
        s->begun_ms = now;
        s->begun_rows = s->stats.rows;
        due = 1;
        given = 0;
    }
    if (due - given >= 1)
        return due - given < (double)cap ? (size_t)(due - given) : cap;
    *ret_wait_ms = 1 + (int64_t)((given + 1 - due) * 1000.0 / s->speed);
    return 0;
}

/* What can be said of rows of any source. */
static void look_over(an_source *s, an_batch *b)
{
    const int64_t now = s->type->live && s->skew_ms > 0 ? s->clock->wall_ms(s->clock) : 0;
    for (size_t i = 0; i < b->n; i++) {
        const float *row = b->values + i * b->width;
        for (size_t j = 0; j < b->width; j++)
            if (row[j] != row[j])
                b->flags[i] |= AN_ROW_HAS_GAP;
        if (now != 0 && (b->time_ms[i] < now - s->skew_ms || b->time_ms[i] > now + s->skew_ms)) {
            b->flags[i] |= AN_ROW_SKEWED;
            s->stats.skewed++;
        }
        s->stats.backwards += s->stats.rows > 0 && b->time_ms[i] < s->stats.last_time_ms;
        s->stats.last_time_ms = b->time_ms[i];
        s->stats.rows++;
    }
}

an_err an_source_next(an_source *s, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    assert(ret->width == an_source_width(s));
    const size_t cap = ret->cap;
    ret->n = 0;
    *ret_wait_ms = 0;
    size_t allowed = allowance(s, cap, ret_wait_ms);
    if (allowed == 0)
        return AN_ERR_AGAIN;
    ret->cap = allowed;
    memset(ret->quality, AN_VALUE_GOOD, allowed * ret->width);
    for (size_t i = 0; i < allowed; i++)
        ret->part[i][0] = '\0';
    an_err err = s->type->next(s->state, ret, ret_wait_ms, why);
    ret->cap = cap;
    if (s->type->bad)
        s->stats.bad = s->type->bad(s->state, &s->stats.bad_last);
    if (err) {
        ret->n = 0;
        return err;
    }
    look_over(s, ret);
    return AN_OK;
}

#define POSITION_VERSION 1

an_err an_source_save(const an_source *s, an_buf *ret)
{
    const size_t len = strlen(s->type->name);
    an_buf_u8(ret, POSITION_VERSION);
    an_buf_u8(ret, (uint8_t)len);
    an_buf_put(ret, s->type->name, len);
    an_err err = s->type->save(s->state, ret);
    return err ? err : an_buf_err(ret);
}

an_err an_source_position_is(const an_source_type *type, an_reader *in, an_note *why)
{
    const size_t want = strlen(type->name);
    uint8_t version = an_read_u8(in);
    uint8_t len = an_read_u8(in);
    const uint8_t *name = an_read_bytes(in, len);
    if (version != POSITION_VERSION || !name || len != want || memcmp(name, type->name, want) != 0)
        return an_fail(AN_ERR_PROTO, why, "not a saved position of a source \"%s\"", type->name);
    return AN_OK;
}

an_err an_source_restore(an_source *s, an_reader *in, an_note *why)
{
    const an_err err = an_source_position_is(s->type, in, why);
    return err == AN_OK ? s->type->restore(s->state, in, why) : err;
}

an_source_stats an_source_stats_get(const an_source *s)
{
    an_source_stats stats = s->stats;
    if (s->type->counters)
        stats.n_counters = s->type->counters(s->state, stats.counters);
    return stats;
}

bool an_source_is_paced(const an_source *s)
{
    return s->type->live || s->speed > 0 || (s->type->paced && s->type->paced(s->state));
}

int an_source_fd(const an_source *s)
{
    return s->type->fd ? s->type->fd(s->state) : -1;
}

const char *an_value_quality_name(uint8_t quality)
{
    static const char *const names[] = {"good",        "uncertain",    "bad",     "stale",
                                        "not reached", "out of focus", "clipped", "dirty"};
    return quality < sizeof names / sizeof *names ? names[quality] : "unknown";
}

size_t an_source_devices(const an_source *s, an_source_device *ret)
{
    return s->type->devices ? s->type->devices(s->state, ret) : 0;
}

static bool looks_only;

void an_source_look_only(void)
{
    looks_only = true;
}

bool an_source_looks_only(void)
{
    return looks_only;
}
