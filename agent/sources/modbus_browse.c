/* What a slave has: ranges are read in pieces, and a piece that is refused is halved until it is known which of its
 * addresses are there. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/sources/modbus_internal.h"
#include "base/clock.h"

#define PIECE 64
#define DEFAULT_LAST 99

static const char *const table_names[] = {"coil", "discrete", "holding", "input"};

typedef struct walk {
    modbus_line *line;
    const modbus_slave *slave;
    an_source_seen say;
    void *ctx;
    int64_t end_ms; /* monotonic */
    uint64_t found;
} walk;

static bool over(const walk *w)
{
    const an_clock *clock = an_clock_system();
    return clock->mono_ms(clock) >= w->end_ms;
}

static void tell(walk *w, an_modbus_table table, int address, const char *kind, double value)
{
    char tag[AN_SOURCE_NAME_MAX + 32];
    const an_clock *clock = an_clock_system();
    snprintf(tag, sizeof tag, "%s %s %d", w->slave->name, table_names[table], address);
    const an_source_find find = {
        .tag = tag, .unit = "", .kind = kind, .value = value, .time_ms = clock->wall_ms(clock)};
    w->say(w->ctx, &find);
}

/* Errors: those that end the slave's part. */
static an_err look(walk *w, an_modbus_table table, int from, int n, an_note *why)
{
    uint16_t words[PIECE];
    int exception = 0;
    an_modbus *link = w->line->link;
    an_note reason = {{0}};
    if (over(w))
        return AN_OK;
    an_err err = an_modbus_connected(link) ? AN_OK : an_modbus_connect(link, w->line->timeout_ms, &reason);
    if (err)
        return an_fail(err, why, "%.80s: %.200s", w->slave->name, reason.text);
    const an_modbus_ask ask = {
        .unit = w->slave->unit, .table = table, .address = from, .n = n, .timeout_ms = w->slave->timeout_ms};
    if (!err)
        err = an_modbus_read(link, &ask, words, &exception, why);
    if (err == AN_OK) {
        for (int i = 0; i < n; i++)
            tell(w, table, from + i, table <= AN_MODBUS_DISCRETE ? "bool" : "uint16", words[i]);
        w->found += (uint64_t)n;
    }
    if (err != AN_ERR_REFUSED || exception == 1) /* 1: no such table at all */
        return err == AN_ERR_REFUSED ? AN_OK : err;
    if (n == 1)
        return AN_OK;
    err = look(w, table, from, n / 2, why);
    return err ? err : look(w, table, from + n / 2, n - n / 2, why);
}

static an_err look_at_slave(walk *w, an_note *why)
{
    modbus_scan all[] = {{AN_MODBUS_COIL, 0, DEFAULT_LAST},
                         {AN_MODBUS_DISCRETE, 0, DEFAULT_LAST},
                         {AN_MODBUS_HOLDING, 0, DEFAULT_LAST},
                         {AN_MODBUS_INPUT, 0, DEFAULT_LAST}};
    const modbus_scan *scans = w->slave->n_scans ? w->slave->scans : all;
    const size_t n = w->slave->n_scans ? w->slave->n_scans : sizeof all / sizeof *all;
    an_err err = AN_OK;
    for (size_t i = 0; i < n && !err; i++)
        for (int from = scans[i].from; from <= scans[i].to && !err && !over(w); from += PIECE) {
            const int left = scans[i].to - from + 1;
            err = look(w, scans[i].table, from, left < PIECE ? left : PIECE, why);
        }
    return err;
}

an_err modbus_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why)
{
    modbus_state s = {.n = 0};
    const an_clock *clock = an_clock_system();
    size_t silent = 0;
    an_err err = modbus_conf_read(&s, conf, true, why);
    for (size_t i = 0; !err && i < s.n_lines; i++)
        err = modbus_line_new(&s.lines[i], why);
    for (size_t i = 0; !err && i < s.n_slaves; i++) {
        walk w = {.line = &s.lines[s.slaves[i].line],
                  .slave = &s.slaves[i],
                  .say = say,
                  .ctx = ctx,
                  .end_ms = clock->mono_ms(clock) + for_ms / (int64_t)s.n_slaves};
        an_note inner = {{0}};
        const an_err one = look_at_slave(&w, &inner);
        silent += one != AN_OK && w.found == 0;
        if (one != AN_OK) {
            const an_source_find find = {
                .tag = s.slaves[i].name, .unit = "", .kind = inner.text, .value = NAN, .time_ms = 0};
            say(ctx, &find);
            an_note_set(why, "%s", inner.text);
        }
    }
    if (!err && silent == s.n_slaves)
        err = AN_ERR_IO;
    modbus_conf_done(&s);
    return err;
}
