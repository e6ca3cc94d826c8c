/* Source `modbus`: registers and bits of Modbus slaves, polled.
 *
 *     line's thread:  the slave that is due -> its blocks, one question each -> tags (its port) -> flush
 *
 * Polls are due at whole multiples of poll_ms of the clock, so that each step has one of them.  On a line a slave
 * that does not answer costs the others its time-out: after two polls without an answer its tags are out of
 * reach, and it is asked again after half a second, a second ... up to retry_max_ms. */
#include <stdio.h>
#include <string.h>

#include "agent/sources/modbus_internal.h"
#include "base/log.h"
#include "doors/yaml.h"

#define FAILS_TO_LOSE 2
#define RETRY_MIN_MS 500
#define SKIP_MAX 32 /* polls that leave out what the slave says it does not have */

static const char *const counter_names[MODBUS_COUNTERS] = {"polls",   "reads",  "exceptions", "timeouts",
                                                           "garbled", "splits", "overruns",   "slaves_lost"};

static void count(modbus_state *s, int which)
{
    atomic_fetch_add_explicit(&s->counters[which], 1, memory_order_relaxed);
}

static int64_t now_ms(const modbus_state *s)
{
    return s->conf.clock->mono_ms(s->conf.clock);
}

static int64_t wall_ms(const modbus_state *s)
{
    return s->conf.clock->wall_ms(s->conf.clock);
}

/* ---- one slave ---- */

static void next_poll(modbus_state *s, modbus_slave *slave, int64_t begun_ms)
{
    const int64_t poll = slave->poll_ms, now = now_ms(s);
    int64_t wait = poll - wall_ms(s) % poll;
    if (now - begun_ms > poll)
        count(s, MODBUS_OVERRUNS);
    if (wait < poll / 8) /* woken a little early: that one is done */
        wait += poll;
    slave->due_ms = now + wait;
}

static void lose(modbus_state *s, modbus_slave *slave)
{
    if (slave->lost)
        return;
    slave->lost = true;
    count(s, MODBUS_SLAVES_LOST);
    an_tags_lost(s->tags, slave->port, wall_ms(s));
}

static void failed(modbus_state *s, modbus_slave *slave, const char *why)
{
    slave->fails++;
    next_poll(s, slave, now_ms(s));
    /* A late answer must have come before the same slave is asked again. */
    if (slave->due_ms < now_ms(s) + 2 * slave->timeout_ms)
        slave->due_ms = now_ms(s) + 2 * slave->timeout_ms;
    if (slave->fails < FAILS_TO_LOSE)
        return;
    int64_t pause = RETRY_MIN_MS;
    for (unsigned i = FAILS_TO_LOSE; i < slave->fails && pause < s->retry_max_ms; i++)
        pause *= 2;
    if (pause > s->retry_max_ms)
        pause = s->retry_max_ms;
    if (slave->due_ms < now_ms(s) + pause)
        slave->due_ms = now_ms(s) + pause;
    if (!slave->lost)
        an_log(AN_LOG_WARN, "device_lost", "device=\"%s\" why=\"%.200s\"", slave->name, why);
    lose(s, slave);
}

static void answered(modbus_slave *slave)
{
    if (slave->lost)
        an_log(AN_LOG_INFO, "device_reached", "device=\"%s\"", slave->name);
    slave->fails = 0;
    slave->lost = false;
}

static void put_block(modbus_state *s, const modbus_slave *slave, const modbus_block *b,
                      const uint16_t *words, bool good)
{
    const int64_t time_ms = wall_ms(s);
    for (size_t i = b->first; i < b->first + b->count; i++) {
        const modbus_tag *t = &slave->plan.tags[i];
        const double value = good ? modbus_tag_value(t, words + (t->address - b->address)) : 0;
        an_tags_put(s->tags, slave->port, t->tag, time_ms, value, good ? AN_VALUE_GOOD : AN_VALUE_BAD);
    }
}

/* The slave has answered that it will not.  True: the block was parted, ask again. */
static bool refused(modbus_state *s, modbus_slave *slave, size_t at, int exception)
{
    modbus_block *b = &slave->plan.blocks[at];
    count(s, MODBUS_EXCEPTIONS);
    if (exception == AN_MODBUS_NO_ADDRESS && modbus_plan_split(&slave->plan, at)) {
        count(s, MODBUS_SPLITS);
        return true;
    }
    put_block(s, slave, b, NULL, false);
    if (exception <= 3) { /* what it does not have now, it will hardly have in a second */
        b->skip = b->refused < 5 ? 1u << b->refused : SKIP_MAX;
        b->refused++;
    }
    return false;
}

/* One question.  An answer that is none is asked for once more: another slave's may have come too late. */
static an_err ask(modbus_line *l, const modbus_slave *slave, const modbus_block *b, uint16_t *words,
                  int *ret_exception, an_note *why)
{
    modbus_state *s = l->state;
    const an_modbus_ask a = {.unit = slave->unit,
                             .table = b->table,
                             .address = b->address,
                             .n = b->n,
                             .timeout_ms = slave->timeout_ms};
    an_err err = AN_ERR_PROTO;
    for (int i = 0; i < 2 && err == AN_ERR_PROTO; i++) {
        if (!an_modbus_connected(l->link) && (err = an_modbus_connect(l->link, l->timeout_ms, why)))
            return err;
        err = an_modbus_read(l->link, &a, words, ret_exception, why);
        count(s, MODBUS_READS);
        if (err == AN_ERR_PROTO)
            count(s, MODBUS_GARBLED);
        if (err == AN_ERR_AGAIN)
            count(s, MODBUS_TIMEOUTS);
    }
    return err;
}

static an_err poll_slave(modbus_line *l, modbus_slave *slave, an_note *why)
{
    modbus_state *s = l->state;
    const int64_t begun = now_ms(s);
    bool some = false;
    an_err err = AN_OK;
    count(s, MODBUS_POLLS);
    for (size_t i = 0; i < slave->plan.n_blocks; i++) {
        modbus_block *b = &slave->plan.blocks[i];
        uint16_t words[AN_MODBUS_BITS_MAX];
        int exception = 0;
        if (b->skip > 0) {
            b->skip--;
            continue;
        }
        err = ask(l, slave, b, words, &exception, why);
        if (err != AN_OK && err != AN_ERR_REFUSED)
            break;
        some = true;
        if (err == AN_OK) {
            b->refused = 0;
            put_block(s, slave, b, words, true);
        } else if (refused(s, slave, i, exception)) {
            i--;
        }
        err = AN_OK;
    }
    if (some)
        an_tags_flush(s->tags, slave->port, wall_ms(s));
    if (err == AN_OK) {
        answered(slave);
        next_poll(s, slave, begun);
        return AN_OK;
    }
    if (err != AN_ERR_AGAIN && err != AN_ERR_PROTO)
        return err;
    failed(s, slave, why->text);
    return AN_OK;
}

/* ---- a line is a device ---- */

static an_err line_connect(void *ctx, an_note *why)
{
    modbus_line *l = ctx;
    for (size_t i = 0; i < l->state->n_slaves; i++)
        if (&l->state->lines[l->state->slaves[i].line] == l) {
            l->state->slaves[i].due_ms = now_ms(l->state);
            l->state->slaves[i].fails = 0;
        }
    return an_modbus_connect(l->link, l->timeout_ms, why);
}

static an_err line_turn(void *ctx, int64_t *ret_wait_ms, an_note *why)
{
    modbus_line *l = ctx;
    modbus_state *s = l->state;
    modbus_slave *first = NULL;
    for (size_t i = 0; i < s->n_slaves; i++)
        if (&s->lines[s->slaves[i].line] == l && (!first || s->slaves[i].due_ms < first->due_ms))
            first = &s->slaves[i];
    const int64_t wait = first->due_ms - now_ms(s);
    *ret_wait_ms = wait > 0 ? wait : 0;
    return wait > 0 ? AN_OK : poll_slave(l, first, why);
}

static void line_disconnect(void *ctx)
{
    modbus_line *l = ctx;
    an_modbus_disconnect(l->link);
    for (size_t i = 0; i < l->state->n_slaves; i++)
        if (&l->state->lines[l->state->slaves[i].line] == l)
            lose(l->state, &l->state->slaves[i]);
}

static const an_device_type line_type = {
    .connect = line_connect, .turn = line_turn, .disconnect = line_disconnect};

/* ---- the source ---- */

static const an_source_option options[] = {
    {"devices", AN_OPTION_LIST, 0, 0, NULL,
     "slaves: name, tcp (HOST:PORT) or serial with baud, parity, data_bits and stop_bits, unit, timeout_ms, "
     "poll_ms, "
     "gap, max_registers, scan, tags"},
    {"retry_max_ms", AN_OPTION_INT, 100, 3600000, "5000",
     "the longest pause before a lost device is asked again"},
    AN_TAGS_OPTIONS("1000"),
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err modbus_check(const an_node *conf, an_note *why)
{
    modbus_state s = {.n = 0};
    const an_err err = modbus_conf_read(&s, conf, false, why);
    modbus_conf_done(&s);
    return err;
}

static an_err modbus_open(void *state, const an_node *conf, an_note *why)
{
    modbus_state *s = state;
    an_err err = modbus_conf_read(s, conf, false, why);
    for (size_t i = 0; !err && i < s->n_slaves; i++)
        s->slaves[i].lost = true; /* nobody knows it yet */
    for (size_t i = 0; !err && i < s->n_lines; i++)
        err = modbus_line_new(&s->lines[i], why);
    if (!err)
        err = an_tags_new(&s->conf, &s->tags);
    for (size_t i = 0; !err && i < s->n_lines; i++) {
        const modbus_line *l = &s->lines[i];
        char name[AN_DEVICE_NAME_MAX];
        snprintf(name, sizeof name, "%.100s%s%s", l->host, l->service[0] ? ":" : "", l->service);
        const an_device_conf device = {.type = &line_type,
                                       .ctx = &s->lines[i],
                                       .name = name,
                                       .retry_min_ms = RETRY_MIN_MS,
                                       .retry_max_ms = s->retry_max_ms};
        err = an_device_start(&device, &s->lines[i].device);
    }
    return err;
}

static void modbus_close(void *state)
{
    modbus_state *s = state;
    if (s->tags)
        an_tags_stop(s->tags);
    for (size_t i = 0; s->lines && i < s->n_lines; i++)
        if (s->lines[i].device)
            an_device_end(s->lines[i].device);
    for (size_t i = 0; s->lines && i < s->n_lines; i++)
        an_device_stop(s->lines[i].device);
    an_tags_free(s->tags);
    modbus_conf_done(s);
}

static size_t modbus_width(const void *state)
{
    return ((const modbus_state *)state)->n;
}

static const char *modbus_sensor(const void *state, size_t i)
{
    return ((const modbus_state *)state)->names[i].name;
}

static const char *modbus_unit(const void *state, size_t i)
{
    return ((const modbus_state *)state)->names[i].unit;
}

static an_err modbus_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    (void)why;
    return an_tags_next(((modbus_state *)state)->tags, ret, ret_wait_ms);
}

static an_err modbus_save(const void *state, an_buf *ret)
{
    an_tags_save(((const modbus_state *)state)->tags, ret);
    return AN_OK;
}

static an_err modbus_restore(void *state, an_reader *in, an_note *why)
{
    const an_err err = an_tags_restore(((modbus_state *)state)->tags, in);
    return err ? an_fail(err, why, "not a position of a source \"modbus\"") : AN_OK;
}

static size_t modbus_counters(const void *state, an_source_counter *ret)
{
    const modbus_state *s = state;
    size_t n = an_tags_counters(s->tags, ret);
    uint64_t connects = 0, failures = 0;
    for (size_t i = 0; i < MODBUS_COUNTERS; i++)
        ret[n++] = (an_source_counter){counter_names[i],
                                       atomic_load_explicit(&s->counters[i], memory_order_relaxed)};
    for (size_t i = 0; i < s->n_lines; i++) {
        const an_device_stats st = an_device_stats_get(s->lines[i].device);
        connects += st.connects;
        failures += st.failures;
    }
    ret[n++] = (an_source_counter){"connects", connects};
    ret[n++] = (an_source_counter){"failures", failures};
    return n;
}

static size_t modbus_devices(const void *state, an_source_device *ret)
{
    const modbus_state *s = state;
    for (size_t i = 0; i < s->n_slaves; i++) {
        const modbus_slave *slave = &s->slaves[i];
        const an_device_stats line = an_device_stats_get(s->lines[slave->line].device);
        ret[i] = (an_source_device){.reached = !atomic_load(&slave->lost)};
        snprintf(ret[i].name, sizeof ret[i].name, "%s", slave->name);
        if (!line.reached)
            snprintf(ret[i].error, sizeof ret[i].error, "%s", line.error);
        else if (!ret[i].reached)
            snprintf(ret[i].error, sizeof ret[i].error, "it does not answer");
    }
    return s->n_slaves;
}

static int modbus_fd(const void *state)
{
    return an_tags_fd(((const modbus_state *)state)->tags);
}

const an_source_type an_source_type_modbus = {
    .name = "modbus",
    .meaning = "registers and bits of Modbus slaves, over TCP and serial lines (RTU)",
    .options = options,
    .state_size = sizeof(modbus_state),
    .check = modbus_check,
    .open = modbus_open,
    .width = modbus_width,
    .sensor = modbus_sensor,
    .unit = modbus_unit,
    .next = modbus_next,
    .save = modbus_save,
    .restore = modbus_restore,
    .counters = modbus_counters,
    .devices = modbus_devices,
    .fd = modbus_fd,
    .live = true,
    .browse = modbus_browse,
    .close = modbus_close,
};
