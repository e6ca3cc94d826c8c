#include "agent/alarm.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

struct an_alarm {
    an_alarm_conf conf;
    size_t width;
    uint8_t version[AN_ALARM_HASH], overlay[AN_ALARM_HASH];

    double recent[AN_ALARM_PERSIST_MAX]; /* ring of the last n scores */
    int64_t recent_ms[AN_ALARM_PERSIST_MAX];
    unsigned at, filled;

    bool open;
    uint64_t next_id;
    int64_t quiet_until_ms; /* end of the cool-down */
    int64_t reported_ms;
    an_alarm_event now; /* of the open alarm */
    double *sum;        /* (width) contributions over the threshold; restarts when all is quiet */
    double total;
};

const char *an_alarm_kind_name(an_alarm_kind kind)
{
    static const char *const names[] = {"raised", "updated", "cleared"};
    return names[kind];
}

an_err an_alarm_new(const an_alarm_conf *conf, size_t width, an_alarm **ret)
{
    if (width == 0 || conf->k == 0 || conf->k > conf->n || conf->n > AN_ALARM_PERSIST_MAX ||
        !(conf->clear_level > 0 && conf->clear_level <= 1) || conf->min_open_ms < 0 ||
        conf->cooldown_ms < 0 || conf->update_ms < 0)
        return AN_ERR_INVAL;
    an_alarm *a = an_alloc(1, sizeof *a);
    if (!a || !(a->sum = an_alloc(width, sizeof *a->sum))) {
        an_alarm_free(a);
        return AN_ERR_NOMEM;
    }
    a->conf = *conf;
    a->width = width;
    a->next_id = 1;
    a->quiet_until_ms = INT64_MIN;
    *ret = a;
    return AN_OK;
}

void an_alarm_free(an_alarm *a)
{
    if (!a)
        return;
    an_free(a->sum);
    an_free(a);
}

static unsigned count_over(const an_alarm *a)
{
    unsigned over = 0;
    for (unsigned i = 0; i < a->filled; i++)
        over += a->recent[i] >= 1;
    return over;
}

static bool all_clear(const an_alarm *a)
{
    for (unsigned i = 0; i < a->filled; i++)
        if (a->recent[i] >= a->conf.clear_level)
            return false;
    return true;
}

static void add_contribution(an_alarm *a, double score, const float *contribution)
{
    double row = 0;
    if (!contribution || score < 1)
        return;
    for (size_t j = 0; j < a->width; j++)
        if (isfinite(contribution[j]) && contribution[j] > 0)
            row += (double)contribution[j];
    if (row <= 0)
        return;
    for (size_t j = 0; j < a->width; j++)
        if (isfinite(contribution[j]) && contribution[j] > 0)
            a->sum[j] += (double)contribution[j] / row;
    a->total += 1;
}

static void fill_top(const an_alarm *a, an_alarm_event *e)
{
    e->n_top = 0;
    if (a->total <= 0)
        return;
    for (size_t j = 0; j < a->width; j++) {
        const double share = a->sum[j] / a->total;
        size_t at = e->n_top;
        while (at > 0 && e->top[at - 1].share < share)
            at--;
        if (share <= 0 || at == AN_ALARM_TOP)
            continue;
        if (e->n_top < AN_ALARM_TOP)
            e->n_top++;
        for (size_t k = e->n_top - 1; k > at; k--)
            e->top[k] = e->top[k - 1];
        e->top[at].sensor = (uint32_t)j;
        e->top[at].share = share;
    }
}

static bool report(an_alarm *a, an_alarm_kind kind, an_alarm_event *ret)
{
    a->now.kind = kind;
    a->reported_ms = a->now.time_ms;
    fill_top(a, &a->now);
    *ret = a->now;
    return true;
}

/* The alarm began with the oldest of the last n scores that was over the threshold. */
static void begin(an_alarm *a)
{
    an_alarm_event *e = &a->now;
    *e = (an_alarm_event){.id = a->next_id++, .since_ms = INT64_MAX};
    memcpy(e->version, a->version, AN_ALARM_HASH);
    memcpy(e->overlay, a->overlay, AN_ALARM_HASH);
    for (unsigned i = 0; i < a->filled; i++)
        if (a->recent[i] >= 1) {
            e->scores++;
            if (a->recent_ms[i] < e->since_ms)
                e->since_ms = a->recent_ms[i];
            if (a->recent[i] > e->peak) {
                e->peak = a->recent[i];
                e->peak_ms = a->recent_ms[i];
            }
        }
    a->open = true;
}

bool an_alarm_step(an_alarm *a, int64_t time_ms, double score, const float *contribution, an_alarm_event *ret)
{
    if (!isfinite(score) || score < 0)
        return false;
    if (!a->open && count_over(a) == 0) { /* a new stretch: forget who contributed to the last one */
        memset(a->sum, 0, a->width * sizeof *a->sum);
        a->total = 0;
    }
    a->recent[a->at] = score;
    a->recent_ms[a->at] = time_ms;
    a->at = (a->at + 1) % a->conf.n;
    if (a->filled < a->conf.n)
        a->filled++;
    add_contribution(a, score, contribution);

    if (!a->open) {
        /* A clock that stepped back must not keep alarms away for as long as it stepped. */
        const bool quiet = time_ms < a->quiet_until_ms && a->quiet_until_ms - time_ms <= a->conf.cooldown_ms;
        if (count_over(a) < a->conf.k || quiet)
            return false;
        begin(a);
        a->now.time_ms = time_ms;
        a->now.score = score;
        return report(a, AN_ALARM_RAISED, ret);
    }
    a->now.time_ms = time_ms;
    a->now.score = score;
    a->now.scores++;
    if (score > a->now.peak) {
        a->now.peak = score;
        a->now.peak_ms = time_ms;
    }
    const int64_t open_ms = time_ms - a->now.since_ms;
    /* A clock that stepped back must not keep an alarm open for as long as it stepped. */
    const bool long_enough = open_ms >= a->conf.min_open_ms || open_ms < 0;
    if (a->filled == a->conf.n && all_clear(a) && long_enough) {
        a->open = false;
        a->quiet_until_ms = time_ms + a->conf.cooldown_ms;
        return report(a, AN_ALARM_CLEARED, ret);
    }
    if (a->conf.update_ms > 0 && time_ms - a->reported_ms >= a->conf.update_ms)
        return report(a, AN_ALARM_UPDATED, ret);
    return false;
}

bool an_alarm_part(an_alarm *a, int64_t time_ms, an_alarm_event *ret)
{
    a->filled = a->at = 0;
    a->quiet_until_ms = INT64_MIN;
    if (!a->open)
        return false;
    a->open = false;
    a->now.time_ms = time_ms;
    return report(a, AN_ALARM_CLEARED, ret);
}

bool an_alarm_is_open(const an_alarm *a)
{
    return a->open;
}

bool an_alarm_is_suspect(const an_alarm *a)
{
    return a->open || count_over(a) > 0;
}

uint64_t an_alarm_id(const an_alarm *a)
{
    return a->open ? a->now.id : a->next_id;
}

void an_alarm_now(const an_alarm *a, int64_t time_ms, an_alarm_event *ret)
{
    *ret = a->now;
    ret->kind = AN_ALARM_UPDATED;
    ret->time_ms = time_ms;
    fill_top(a, ret);
}

uint64_t an_alarm_number(an_alarm *a)
{
    return a->next_id++;
}

uint64_t an_alarm_last(const an_alarm *a)
{
    return a->next_id - 1;
}

void an_alarm_numbers_used(an_alarm *a, uint64_t last)
{
    if (a->next_id <= last)
        a->next_id = last + 1;
}

void an_alarm_version_set(an_alarm *a, const uint8_t version[static AN_ALARM_HASH],
                          const uint8_t overlay[static AN_ALARM_HASH])
{
    memcpy(a->version, version, AN_ALARM_HASH);
    memcpy(a->overlay, overlay, AN_ALARM_HASH);
}

#define STATE_MAGIC UINT32_C(0x314d4c41) /* "ALM1" */

an_err an_alarm_save(const an_alarm *a, an_buf *ret)
{
    an_buf_u32(ret, STATE_MAGIC);
    an_buf_u32(ret, (uint32_t)a->width);
    an_buf_u32(ret, a->conf.n);
    an_buf_u32(ret, a->at);
    an_buf_u32(ret, a->filled);
    for (unsigned i = 0; i < a->conf.n; i++) {
        an_buf_f64(ret, a->recent[i]);
        an_buf_u64(ret, (uint64_t)a->recent_ms[i]);
    }
    an_buf_u8(ret, a->open);
    an_buf_u64(ret, a->next_id);
    an_buf_u64(ret, (uint64_t)a->quiet_until_ms);
    an_buf_u64(ret, (uint64_t)a->reported_ms);
    an_buf_u64(ret, a->now.id);
    an_buf_u64(ret, (uint64_t)a->now.time_ms);
    an_buf_u64(ret, (uint64_t)a->now.since_ms);
    an_buf_f64(ret, a->now.score);
    an_buf_f64(ret, a->now.peak);
    an_buf_u64(ret, (uint64_t)a->now.peak_ms);
    an_buf_u64(ret, a->now.scores);
    an_buf_put(ret, a->now.version, AN_ALARM_HASH);
    an_buf_put(ret, a->now.overlay, AN_ALARM_HASH);
    an_buf_f64(ret, a->total);
    for (size_t j = 0; j < a->width; j++)
        an_buf_f64(ret, a->sum[j]);
    return an_buf_err(ret);
}

static void read_hash(an_reader *in, uint8_t out[static AN_ALARM_HASH])
{
    const uint8_t *bytes = an_read_bytes(in, AN_ALARM_HASH);
    if (bytes)
        memcpy(out, bytes, AN_ALARM_HASH);
}

static void read_state(an_alarm *b, an_reader *in)
{
    for (unsigned i = 0; i < b->conf.n; i++) {
        b->recent[i] = an_read_f64(in);
        b->recent_ms[i] = (int64_t)an_read_u64(in);
        if (!isfinite(b->recent[i]) || b->recent[i] < 0)
            in->failed = true;
    }
    b->open = an_read_u8(in) != 0;
    b->next_id = an_read_u64(in);
    b->quiet_until_ms = (int64_t)an_read_u64(in);
    b->reported_ms = (int64_t)an_read_u64(in);
    b->now.id = an_read_u64(in);
    b->now.time_ms = (int64_t)an_read_u64(in);
    b->now.since_ms = (int64_t)an_read_u64(in);
    b->now.score = an_read_f64(in);
    b->now.peak = an_read_f64(in);
    b->now.peak_ms = (int64_t)an_read_u64(in);
    b->now.scores = an_read_u64(in);
    read_hash(in, b->now.version);
    read_hash(in, b->now.overlay);
    b->total = an_read_f64(in);
    for (size_t j = 0; j < b->width; j++) {
        b->sum[j] = an_read_f64(in);
        if (!isfinite(b->sum[j]) || b->sum[j] < 0)
            in->failed = true;
    }
    if (!isfinite(b->total) || !isfinite(b->now.score) || !isfinite(b->now.peak))
        in->failed = true;
}

an_err an_alarm_restore(an_alarm *a, an_reader *in)
{
    an_alarm *b = NULL;
    uint32_t magic = an_read_u32(in), width = an_read_u32(in), n = an_read_u32(in);
    if (in->failed || magic != STATE_MAGIC || width != a->width || n != a->conf.n)
        return AN_ERR_PROTO;
    an_err err = an_alarm_new(&a->conf, a->width, &b);
    if (err)
        return err;
    b->at = an_read_u32(in);
    b->filled = an_read_u32(in);
    read_state(b, in);
    if (in->failed || b->at >= n || b->filled > n) {
        an_alarm_free(b);
        return AN_ERR_PROTO;
    }
    memcpy(b->version, a->version, AN_ALARM_HASH);
    memcpy(b->overlay, a->overlay, AN_ALARM_HASH);
    an_free(a->sum);
    *a = *b;
    an_free(b);
    return AN_OK;
}
