#include "agent/tags.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#define FULL_MS 20
#define IDLE_MS 1000
#define CATCH_UP_STEPS 4096 /* after a longer gap the rows go on at the present */
#define CACHE_LINE 64

typedef enum item_kind { VALUE, PART, FLUSH, LOST } item_kind;

typedef struct item {
    int64_t time_ms;
    union {
        double value;
        char text[8];
    } u;
    uint32_t tag; /* PART: place of the piece */
    uint8_t quality;
    uint8_t kind;
} item;

typedef struct port {
    alignas(CACHE_LINE) atomic_size_t head; /* the reader's */
    alignas(CACHE_LINE) atomic_size_t tail; /* the writer's */
    item *items;                            /* (mask + 1) */
    char part[AN_PART_MAX];                 /* of the message that is being read */
    bool reached;                           /* has said something since it was lost */
    bool changed;                           /* the message has brought something new */
} port;

typedef struct slot {
    double value;
    int64_t time_ms; /* of the value; INT64_MIN: none yet */
    uint8_t quality;
    bool fresh; /* came in this step */
} slot;

enum { VALUES, REPLACED, LATE, UNCHANGED, NOT_GOOD, SKEWED, WAITS, LOSSES, COUNTERS };
static const char *const counter_names[COUNTERS] = {"values",   "replaced", "late",  "unchanged",
                                                    "not_good", "skewed",   "waits", "losses"};

struct an_tags {
    an_tags_conf conf;
    an_tag *tags;
    slot *slots;
    port *ports;
    size_t mask;
    int fd;
    atomic_bool stop;
    atomic_uint_fast64_t counters[COUNTERS];

    uint64_t row;
    int64_t last_ms;  /* time of the last row; INT64_MIN: none */
    int64_t close_ms; /* with a step: the row that is being filled; INT64_MIN: not begun */
    int64_t idle_ms;  /* monotonic: when a row without a message is due */
    int64_t ahead_ms; /* of the wall clock before the monotonic one; a fall says that it was set back */
    size_t turn;      /* port that is looked at first */
    bool restart;
};

static void count(an_tags *t, int which)
{
    atomic_fetch_add_explicit(&t->counters[which], 1, memory_order_relaxed);
}

static size_t power_of_two(size_t n)
{
    size_t p = 64;
    while (p < n)
        p *= 2;
    return p;
}

an_err an_tags_new(const an_tags_conf *conf, an_tags **ret)
{
    if (conf->n == 0 || conf->n > AN_SOURCE_WIDTH_MAX || conf->ports == 0 ||
        conf->ports > AN_TAGS_PORTS_MAX || conf->queue > AN_TAGS_QUEUE_MAX || conf->step_ms < 0 ||
        conf->settle_ms < 0 || conf->stale_ms < 0 || conf->idle_ms < 0 || conf->skew_ms < 0)
        return AN_ERR_INVAL;
    for (size_t i = 0; i < conf->n; i++)
        if (conf->tags[i].port >= conf->ports)
            return AN_ERR_INVAL;
    an_tags *t = an_alloc(1, sizeof *t);
    if (!t)
        return AN_ERR_NOMEM;
    t->conf = *conf;
    t->conf.settle_ms = conf->settle_ms ? conf->settle_ms : conf->step_ms;
    t->conf.idle_ms = conf->idle_ms ? conf->idle_ms : IDLE_MS;
    t->last_ms = t->close_ms = INT64_MIN;
    t->restart = true;
    t->mask = power_of_two(conf->queue) - 1;
    t->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    t->tags = an_alloc(conf->n, sizeof *t->tags);
    t->slots = an_alloc(conf->n, sizeof *t->slots);
    t->ports = an_alloc(conf->ports, sizeof *t->ports);
    bool ok = t->tags && t->slots && t->ports;
    for (size_t i = 0; ok && i < conf->ports; i++)
        ok = (t->ports[i].items = an_alloc(t->mask + 1, sizeof *t->ports[i].items)) != NULL;
    if (!ok || t->fd < 0) {
        an_err err = ok ? AN_ERR_IO : AN_ERR_NOMEM;
        an_tags_free(t);
        return err;
    }
    memcpy(t->tags, conf->tags, conf->n * sizeof *t->tags);
    for (size_t i = 0; i < conf->n; i++)
        t->slots[i] = (slot){.value = NAN, .time_ms = INT64_MIN, .quality = AN_VALUE_UNREACHED};
    t->idle_ms = conf->clock->mono_ms(conf->clock) + t->conf.idle_ms;
    t->ahead_ms = conf->clock->wall_ms(conf->clock) - conf->clock->mono_ms(conf->clock);
    *ret = t;
    return AN_OK;
}

void an_tags_free(an_tags *t)
{
    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    for (size_t i = 0; t->ports && i < t->conf.ports; i++)
        an_free(t->ports[i].items);
    an_free(t->ports);
    an_free(t->slots);
    an_free(t->tags);
    an_free(t);
}

/* ---- the writers' side ---- */

static void wake(const an_tags *t)
{
    const uint64_t one = 1;
    ssize_t n = write(t->fd, &one, sizeof one);
    (void)n; /* full: the reader will look in any case */
}

void an_tags_stop(an_tags *t)
{
    atomic_store(&t->stop, true);
    wake(t);
}

static bool push(an_tags *t, size_t at, const item *it)
{
    port *p = &t->ports[at];
    const size_t tail = atomic_load_explicit(&p->tail, memory_order_relaxed);
    bool waited = false;
    while (tail - atomic_load_explicit(&p->head, memory_order_acquire) > t->mask) {
        if (atomic_load(&t->stop))
            return false;
        if (!waited)
            count(t, WAITS);
        waited = true;
        wake(t);
        poll(NULL, 0, FULL_MS);
    }
    p->items[tail & t->mask] = *it;
    atomic_store_explicit(&p->tail, tail + 1, memory_order_release);
    return !atomic_load_explicit(&t->stop, memory_order_relaxed);
}

bool an_tags_put(an_tags *t, size_t at, uint32_t tag, int64_t time_ms, double value, an_value_quality quality)
{
    const item it = {
        .kind = VALUE, .tag = tag, .time_ms = time_ms, .quality = (uint8_t)quality, .u.value = value};
    return push(t, at, &it);
}

bool an_tags_part(an_tags *t, size_t at, const char *id)
{
    char text[AN_PART_MAX] = "";
    const size_t len = strlen(id) < sizeof text ? strlen(id) : sizeof text - 1;
    memcpy(text, id, len);
    for (uint32_t i = 0; i < (len + sizeof(item){0}.u.text) / sizeof(item){0}.u.text; i++) {
        item it = {.kind = PART, .tag = i};
        memcpy(it.u.text, text + i * sizeof it.u.text, sizeof it.u.text);
        if (!push(t, at, &it))
            return false;
    }
    return true;
}

bool an_tags_flush(an_tags *t, size_t at, int64_t time_ms)
{
    const item it = {.kind = FLUSH, .time_ms = time_ms};
    const bool ok = push(t, at, &it);
    wake(t);
    return ok;
}

bool an_tags_lost(an_tags *t, size_t at, int64_t time_ms)
{
    const item it = {.kind = LOST, .time_ms = time_ms};
    const bool ok = push(t, at, &it);
    wake(t);
    return ok;
}

/* ---- the reader's side ---- */

static const item *peek(const an_tags *t, const port *p)
{
    const size_t head = atomic_load_explicit(&p->head, memory_order_relaxed);
    return head == atomic_load_explicit(&p->tail, memory_order_acquire) ? NULL : &p->items[head & t->mask];
}

static void drop(port *p)
{
    atomic_store_explicit(&p->head, atomic_load_explicit(&p->head, memory_order_relaxed) + 1,
                          memory_order_release);
}

static void take_value(an_tags *t, port *p, const item *it, int64_t time_ms)
{
    if (it->tag >= t->conf.n)
        return;
    const an_tag *tag = &t->tags[it->tag];
    slot *s = &t->slots[it->tag];
    const bool good = it->quality <= AN_VALUE_UNCERTAIN && isfinite(it->u.value);
    const double value = good ? it->u.value * tag->scale + tag->offset : NAN;
    const uint8_t quality = good || it->quality > AN_VALUE_UNCERTAIN ? it->quality : AN_VALUE_BAD;
    count(t, VALUES);
    if (!good)
        count(t, NOT_GOOD);
    s->time_ms = time_ms;
    if (good && s->quality == quality && fabs(value - s->value) < tag->deadband) {
        count(t, UNCHANGED);
        return;
    }
    if (s->fresh && t->conf.step_ms > 0)
        count(t, REPLACED);
    s->value = value;
    s->quality = quality;
    s->fresh = true;
    p->changed = true;
}

static void take_part(port *p, const item *it)
{
    const size_t at = it->tag * sizeof it->u.text;
    if (at == 0)
        memset(p->part, 0, sizeof p->part);
    if (at + sizeof it->u.text <= sizeof p->part)
        memcpy(p->part + at, it->u.text, sizeof it->u.text);
    p->part[sizeof p->part - 1] = '\0';
}

static void take_loss(an_tags *t, size_t at)
{
    t->ports[at].reached = false;
    count(t, LOSSES);
    for (size_t i = 0; i < t->conf.n; i++)
        if (t->tags[i].port == at) {
            t->slots[i].quality = AN_VALUE_UNREACHED;
            t->slots[i].value = NAN;
        }
}

static void put_row(an_tags *t, an_batch *b, int64_t time_ms, const char *part)
{
    const size_t i = b->n++;
    float *values = b->values + i * b->width;
    uint8_t *quality = b->quality + i * b->width;
    for (size_t j = 0; j < t->conf.n; j++) {
        slot *s = &t->slots[j];
        const bool stale = t->conf.stale_ms > 0 && s->quality <= AN_VALUE_UNCERTAIN &&
                           time_ms - s->time_ms > t->conf.stale_ms;
        quality[j] = stale ? AN_VALUE_STALE : s->quality;
        values[j] = quality[j] <= AN_VALUE_UNCERTAIN ? (float)s->value : NAN;
        if (quality[j] <= AN_VALUE_UNCERTAIN && !isfinite(values[j])) /* beyond a float */
            quality[j] = AN_VALUE_BAD, values[j] = NAN;
        s->fresh = false;
    }
    b->time_ms[i] = time_ms;
    b->row[i] = t->row++;
    b->flags[i] = t->restart ? AN_ROW_RESTART : 0;
    b->label[i] = AN_LABEL_UNKNOWN;
    snprintf(b->part[i], sizeof b->part[i], "%s", part);
    t->restart = false;
    t->last_ms = time_ms;
    t->idle_ms = t->conf.clock->mono_ms(t->conf.clock) + t->conf.idle_ms;
}

/* ---- a row for each message ---- */

/* One message of a port, if there is a whole one.  False: there is none. */
static bool take_message(an_tags *t, size_t at, an_batch *b)
{
    port *p = &t->ports[at];
    const item *it;
    while ((it = peek(t, p)) != NULL) {
        const item one = *it;
        drop(p);
        if (one.kind == VALUE) {
            take_value(t, p, &one, one.time_ms);
        } else if (one.kind == PART) {
            take_part(p, &one);
        } else if (one.kind == LOST) {
            take_loss(t, at);
            put_row(t, b, one.time_ms, "");
            return true;
        } else {
            p->reached = true;
            if (p->changed || p->part[0])
                put_row(t, b, one.time_ms, p->part);
            p->changed = false;
            p->part[0] = '\0';
            return true;
        }
    }
    return false;
}

static void next_messages(an_tags *t, an_batch *b, int64_t *ret_wait_ms)
{
    bool some = true;
    while (some && b->n < b->cap) {
        some = false;
        for (size_t k = 0; k < t->conf.ports && b->n < b->cap; k++) {
            t->turn = (t->turn + 1) % t->conf.ports;
            some = take_message(t, t->turn, b) || some;
        }
    }
    const int64_t now = t->conf.clock->mono_ms(t->conf.clock);
    if (b->n == 0 && now >= t->idle_ms) {
        const int64_t wall = t->conf.clock->wall_ms(t->conf.clock);
        put_row(t, b, wall > t->last_ms ? wall : t->last_ms, "");
    }
    *ret_wait_ms = t->idle_ms > now ? t->idle_ms - now : 1;
}

/* ---- a row at each step ---- */

static int64_t step_of(const an_tags *t, int64_t time_ms)
{
    const int64_t step = t->conf.step_ms, rest = ((time_ms % step) + step) % step;
    return rest == 0 ? time_ms : time_ms - rest + step;
}

static int64_t time_of(an_tags *t, const item *it, int64_t now)
{
    const int64_t skew = t->conf.skew_ms;
    if (skew == 0 || (it->time_ms >= now - skew && it->time_ms <= now + skew))
        return it->time_ms;
    if (it->kind == VALUE)
        count(t, SKEWED);
    return now;
}

static void take_in_time(an_tags *t, port *p, const item *it, int64_t time_ms)
{
    if (time_ms <= t->close_ms - t->conf.step_ms && !t->restart)
        count(t, LATE);
    if (it->tag < t->conf.n && time_ms >= t->slots[it->tag].time_ms)
        take_value(t, p, it, time_ms);
}

/* Takes what belongs to the row that is being filled.  True: the port has said something later. */
static bool fill(an_tags *t, size_t at, int64_t now)
{
    port *p = &t->ports[at];
    const item *it;
    while ((it = peek(t, p)) != NULL) {
        const int64_t time_ms = it->kind == PART ? t->close_ms : time_of(t, it, now);
        if (time_ms > t->close_ms)
            return true;
        if (it->kind == LOST)
            take_loss(t, at);
        else if (it->kind == PART)
            take_part(p, it);
        else if (it->kind == FLUSH)
            p->reached = true;
        else
            take_in_time(t, p, it, time_ms);
        drop(p);
    }
    return false;
}

static void begin_steps(an_tags *t, int64_t now)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < t->conf.ports; i++) {
        const item *it = peek(t, &t->ports[i]);
        if (it && it->kind != PART && time_of(t, it, now) < first)
            first = time_of(t, it, now);
    }
    t->close_ms = step_of(t, first < now ? first : now);
    /* Not the same row again after a restart, unless the clock was set back meanwhile. */
    if (t->last_ms >= t->close_ms && t->last_ms <= now + t->conf.step_ms)
        t->close_ms = step_of(t, t->last_ms + 1);
}

/* Somebody has set the clock back: rows go on at the present, and what is known is no younger than that. */
static void look_at_clock(an_tags *t, int64_t now)
{
    const int64_t ahead = now - t->conf.clock->mono_ms(t->conf.clock);
    const bool set_back = ahead < t->ahead_ms - t->conf.step_ms;
    t->ahead_ms = ahead;
    if (!set_back || t->close_ms <= now + t->conf.step_ms)
        return;
    t->close_ms = step_of(t, now);
    t->restart = true;
    for (size_t i = 0; i < t->conf.n; i++)
        if (t->slots[i].time_ms > now)
            t->slots[i].time_ms = now;
}

static void next_steps(an_tags *t, an_batch *b, int64_t *ret_wait_ms)
{
    const int64_t step = t->conf.step_ms;
    const int64_t now = t->conf.clock->wall_ms(t->conf.clock);
    look_at_clock(t, now);
    if (t->close_ms == INT64_MIN) {
        begin_steps(t, now);
    } else if (now - t->close_ms > CATCH_UP_STEPS * step) {
        bool waiting = false;
        for (size_t i = 0; i < t->conf.ports; i++)
            waiting = waiting || peek(t, &t->ports[i]);
        if (!waiting) { /* the machine slept: nothing came in that time */
            t->close_ms = step_of(t, now);
            t->restart = true;
        }
    }
    while (b->n < b->cap) {
        bool all = true, any = false;
        const char *part = "";
        for (size_t i = 0; i < t->conf.ports; i++) {
            const bool later = fill(t, i, now);
            all = all && (later || !t->ports[i].reached);
            any = any || later;
            if (t->ports[i].part[0])
                part = t->ports[i].part;
        }
        if (!(all && any) && now < t->close_ms + t->conf.settle_ms)
            break;
        put_row(t, b, t->close_ms, part);
        for (size_t i = 0; i < t->conf.ports; i++)
            t->ports[i].part[0] = '\0';
        t->close_ms += step;
    }
    const int64_t due = t->close_ms + t->conf.settle_ms - now;
    *ret_wait_ms = due < 1 ? 1 : due;
}

an_err an_tags_next(an_tags *t, an_batch *ret, int64_t *ret_wait_ms)
{
    uint64_t woken;
    ssize_t n = read(t->fd, &woken, sizeof woken);
    (void)n; /* nothing new: the time may be over */
    ret->n = 0;
    if (t->conf.step_ms > 0)
        next_steps(t, ret, ret_wait_ms);
    else
        next_messages(t, ret, ret_wait_ms);
    return ret->n > 0 ? AN_OK : AN_ERR_AGAIN;
}

int an_tags_fd(const an_tags *t)
{
    return t->fd;
}

/* ---- position and counters ---- */

void an_tags_save(const an_tags *t, an_buf *ret)
{
    an_buf_u64(ret, t->row);
    an_buf_u64(ret, (uint64_t)t->last_ms);
}

an_err an_tags_restore(an_tags *t, an_reader *in)
{
    const uint64_t row = an_read_u64(in), last = an_read_u64(in);
    if (in->failed)
        return AN_ERR_PROTO;
    t->row = row;
    t->last_ms = (int64_t)last;
    t->restart = true;
    return AN_OK;
}

size_t an_tags_counters(const an_tags *t, an_source_counter *ret)
{
    for (size_t i = 0; i < COUNTERS; i++)
        ret[i] = (an_source_counter){counter_names[i],
                                     atomic_load_explicit(&t->counters[i], memory_order_relaxed)};
    return COUNTERS;
}
