#include "tests/support/live.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/opt.h"
#include "doors/yaml.h"

#define BATCH 32

void an_live_open(an_live *l, const char *type, const char *yaml, an_live_see see, void *ctx)
{
    an_yaml *doc = NULL;
    an_note why = {{0}};
    memset(l, 0, sizeof *l);
    l->see = see;
    l->ctx = ctx;
    an_err err = an_yaml_parse(yaml, strlen(yaml), "live", &doc, &why);
    if (!err)
        err = an_source_open(type, an_yaml_root(doc), an_clock_system(), &l->src, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    an_yaml_free(doc);
    assert_int_equal(an_batch_init(&l->batch, an_source_width(l->src), BATCH), AN_OK);
    assert_true(l->batch.width <= sizeof l->value / sizeof *l->value);
    for (size_t j = 0; j < l->batch.width; j++)
        l->quality[j] = AN_VALUE_UNREACHED;
}

void an_live_close(an_live *l)
{
    an_source_close(l->src);
    an_batch_done(&l->batch);
}

static void take(an_live *l)
{
    const size_t w = l->batch.width;
    for (size_t i = 0; i < l->batch.n; i++) {
        memcpy(l->value, l->batch.values + i * w, w * sizeof *l->value);
        memcpy(l->quality, l->batch.quality + i * w, w);
        l->time_ms = l->batch.time_ms[i];
        snprintf(l->part, sizeof l->part, "%s", l->batch.part[i]);
        assert_int_equal(l->batch.row[i], l->rows);
        l->rows++;
        if (l->see)
            l->see(l, i, l->ctx);
    }
}

bool an_live_run(an_live *l, an_live_holds holds, void *ctx, int64_t ms)
{
    const an_clock *clock = an_clock_system();
    const int64_t end = clock->mono_ms(clock) + ms;
    int64_t left, wait_ms = 0;
    while ((left = end - clock->mono_ms(clock)) > 0) {
        const an_err err = an_source_next(l->src, &l->batch, &wait_ms, NULL);
        assert_true(err == AN_OK || err == AN_ERR_AGAIN);
        if (err == AN_OK)
            take(l);
        if (holds && holds(l, ctx))
            return true;
        struct pollfd item = {.fd = an_source_fd(l->src), .events = POLLIN};
        if (err == AN_ERR_AGAIN)
            poll(&item, 1, (int)(wait_ms < left ? wait_ms : left));
    }
    return false;
}

static void print_devices(const an_live *l)
{
    an_source_device devices[AN_SOURCE_DEVICES_MAX];
    const size_t n = an_source_devices(l->src, devices);
    for (size_t i = 0; i < n; i++)
        print_error("%s is %s: %s\n", devices[i].name, devices[i].reached ? "reached" : "not reached",
                    devices[i].error);
}

void an_live_until(an_live *l, an_live_holds holds, void *ctx, int64_t ms)
{
    if (an_live_run(l, holds, ctx, ms))
        return;
    an_live_print_counters(l);
    print_devices(l);
    for (size_t j = 0; j < l->batch.width; j++)
        print_error("%s = %g, %s\n", an_source_sensor(l->src, j), (double)l->value[j],
                    an_value_quality_name(l->quality[j]));
    fail_msg("not within %lld ms", (long long)ms);
}

uint64_t an_live_counter(const an_live *l, const char *name)
{
    const an_source_stats st = an_source_stats_get(l->src);
    for (size_t i = 0; i < st.n_counters; i++)
        if (strcmp(st.counters[i].name, name) == 0)
            return st.counters[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

void an_live_print_counters(const an_live *l)
{
    const an_source_stats st = an_source_stats_get(l->src);
    print_message("%llu rows, %llu bad (%s), %llu backwards", (unsigned long long)st.rows,
                  (unsigned long long)st.bad, st.bad_last, (unsigned long long)st.backwards);
    for (size_t i = 0; i < st.n_counters; i++)
        print_message(", %s %llu", st.counters[i].name, (unsigned long long)st.counters[i].value);
    print_message("\n");
}

void an_live_count_take(an_live_count *c, const an_live *l, size_t row, size_t tag)
{
    const size_t at = row * l->batch.width + tag;
    const float v = l->batch.values[at];
    if (l->batch.quality[at] != AN_VALUE_GOOD || v == c->last)
        return;
    if (!(v > c->last))
        fail_msg("%s: %g after %g", an_source_sensor(l->src, tag), (double)v, (double)c->last);
    c->missed += c->values > 0 ? (uint64_t)(v - c->last) - 1 : 0;
    c->values++;
    c->last = v;
}

int64_t an_fault_seconds(int64_t otherwise)
{
    const char *text = getenv("AN_FAULT_SECONDS");
    int64_t n = 0;
    return text && an_parse_int(text, &n) && n > 0 ? n : otherwise;
}

typedef struct wanted {
    size_t tag;
    uint8_t quality;
    float more_than;
} wanted;

static bool has(an_live *l, void *ctx)
{
    const wanted *w = ctx;
    return l->quality[w->tag] == w->quality &&
           (w->quality > AN_VALUE_UNCERTAIN || l->value[w->tag] > w->more_than);
}

void an_live_until_tag(an_live *l, size_t tag, an_value_quality quality, float more_than)
{
    wanted w = {.tag = tag, .quality = (uint8_t)quality, .more_than = more_than};
    an_live_until(l, has, &w, 15000);
}
