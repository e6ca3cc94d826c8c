#include "agent/shadow.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* One of the two: its counts, and the alarms that it would raise. */
typedef struct side {
    an_shadow_side *counts;
    an_alarm *alarm;
    bool over; /* in the block under way */
} side;

struct an_shadow {
    an_live live;
    an_shadow_counts counts;
    side candidate, production;
    side *beside, *running;
    float *contribution; /* (width) */
    size_t block, in_block;
};

static an_err side_open(side *s, const an_shadow_conf *conf, size_t width)
{
    an_buf state;
    an_err err = an_alarm_new(&conf->alarm, width, &s->alarm);
    if (err != AN_OK || !conf->alarms)
        return err;
    an_buf_init(&state, 1 << 20);
    err = an_alarm_save(conf->alarms, &state);
    if (err == AN_OK) {
        an_reader in = an_reader_of(state.data, state.len);
        err = an_alarm_restore(s->alarm, &in);
    }
    an_buf_done(&state);
    return err;
}

static size_t block_of(const an_shadow_conf *conf, const an_live *live)
{
    const size_t history = live->history > conf->history ? live->history : conf->history;
    if (conf->block)
        return conf->block;
    return 2 * history > AN_SHADOW_BLOCK_LEAST ? 2 * history : AN_SHADOW_BLOCK_LEAST;
}

an_err an_shadow_new(const an_shadow_conf *conf, an_live *live, an_shadow **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_shadow *s = an_alloc(1, sizeof *s);
    const size_t width = live->width ? live->width : 1;
    if (!s || !(s->contribution = an_alloc(width, sizeof *s->contribution)))
        goto out;
    s->candidate.counts = &s->counts.candidate;
    s->production.counts = &s->counts.production;
    s->beside = conf->beside_is_candidate ? &s->candidate : &s->production;
    s->running = conf->beside_is_candidate ? &s->production : &s->candidate;
    s->block = block_of(conf, live);
    s->counts.sites = 1;
    if ((err = side_open(&s->candidate, conf, width)) != AN_OK ||
        (err = side_open(&s->production, conf, width)) != AN_OK) {
        if (err == AN_ERR_INVAL)
            an_note_set(why, "shadow: the alarm's settings are out of bounds");
        goto out;
    }
    s->live = *live;
    *live = (an_live){0};
    *ret = s;
    s = NULL;
out:
    an_shadow_free(s);
    return err;
}

void an_shadow_free(an_shadow *s)
{
    if (!s)
        return;
    an_live_done(&s->live);
    an_alarm_free(s->candidate.alarm);
    an_alarm_free(s->production.alarm);
    an_free(s->contribution);
    an_free(s);
}

/* err: OK a finite score. */
static void count(side *s, const an_shadow_in *in, an_err err, double score, uint64_t ns)
{
    an_alarm_event event;
    an_shadow_side *c = s->counts;
    if (in->timed)
        c->latency[an_shadow_latency_bin(ns)]++;
    if (err != AN_OK) {
        c->non_finite++;
        return;
    }
    c->rows++;
    c->score_sum += score < 1e6 ? score : 1e6; /* one row does not make the mean of all */
    c->scores[an_shadow_score_bin(score)]++;
    if (score > 1) {
        c->over++;
        s->over = true;
    }
    if (an_alarm_step(s->alarm, in->time_ms, score, NULL, &event) && event.kind == AN_ALARM_RAISED)
        c->alarms++;
}

static void end_block(an_shadow *s)
{
    an_shadow_counts *c = &s->counts;
    const bool candidate = s->candidate.over, production = s->production.over;
    c->blocks++;
    c->both += candidate && production;
    c->candidate_only += candidate && !production;
    c->production_only += production && !candidate;
    c->candidate.blocks_over += candidate;
    c->production.blocks_over += production;
    s->candidate.over = s->production.over = false;
    s->in_block = 0;
}

static void count_beside(an_shadow *s, const an_shadow_in *in, an_err err, double raw, uint64_t ns)
{
    if (err == AN_OK && !isfinite(raw))
        err = AN_ERR_NUMERIC;
    if (err == AN_OK)
        raw = an_quality_discount(in->quality, raw, s->contribution) / s->live.threshold;
    count(s->beside, in, err, raw, ns);
    s->counts.candidate_failed += s->beside == &s->candidate ? err && !in->err : in->err && !err;
}

void an_shadow_row(an_shadow *s, const an_shadow_in *in)
{
    double raw = NAN;
    const bool alone = !s->live.push;
    const uint64_t begin = in->timed ? an_clock_ns() : 0;
    an_err err = alone ? AN_OK : s->live.push(s->live.ctx, in->row, &raw, s->contribution);
    const uint64_t ns = in->timed ? an_clock_ns() - begin : 0;
    /* A row counts for both or for neither: the windows of the two may not fill at the same time. */
    if (in->unscorable || err == AN_ERR_AGAIN || in->err == AN_ERR_AGAIN)
        return;
    s->counts.rows++;
    count(s->running, in, in->err, in->score, in->ns);
    if (!alone)
        count_beside(s, in, err, raw, ns);
    if (++s->in_block == s->block)
        end_block(s);
}

void an_shadow_reset(an_shadow *s)
{
    if (s->live.reset)
        s->live.reset(s->live.ctx);
}

const an_shadow_counts *an_shadow_look(const an_shadow *s)
{
    return &s->counts;
}

const an_live *an_shadow_live(const an_shadow *s)
{
    return &s->live;
}

/* ---- over a restart ---- */

static void save_side(const an_shadow_side *s, an_buf *ret)
{
    an_buf_f64(ret, s->score_sum);
    an_buf_u64(ret, s->rows);
    an_buf_u64(ret, s->over);
    an_buf_u64(ret, s->blocks_over);
    an_buf_u64(ret, s->alarms);
    an_buf_u64(ret, s->non_finite);
    for (size_t i = 0; i < AN_SHADOW_SCORES; i++)
        an_buf_u64(ret, s->scores[i]);
    for (size_t i = 0; i < AN_SHADOW_LATENCY; i++)
        an_buf_u64(ret, s->latency[i]);
}

static void read_side(an_reader *in, an_shadow_side *ret)
{
    ret->score_sum = an_read_f64(in);
    ret->rows = an_read_u64(in);
    ret->over = an_read_u64(in);
    ret->blocks_over = an_read_u64(in);
    ret->alarms = an_read_u64(in);
    ret->non_finite = an_read_u64(in);
    for (size_t i = 0; i < AN_SHADOW_SCORES; i++)
        ret->scores[i] = an_read_u64(in);
    for (size_t i = 0; i < AN_SHADOW_LATENCY; i++)
        ret->latency[i] = an_read_u64(in);
}

void an_shadow_save(const an_shadow_counts *c, an_buf *ret)
{
    save_side(&c->candidate, ret);
    save_side(&c->production, ret);
    an_buf_u64(ret, c->rows);
    an_buf_u64(ret, c->blocks);
    an_buf_u64(ret, c->both);
    an_buf_u64(ret, c->candidate_only);
    an_buf_u64(ret, c->production_only);
    an_buf_u64(ret, c->candidate_failed);
    an_buf_u64(ret, c->sites);
    an_buf_u64(ret, c->worse);
}

an_err an_shadow_restore(an_reader *in, an_shadow_counts *ret)
{
    an_shadow_counts c = {.rows = 0};
    read_side(in, &c.candidate);
    read_side(in, &c.production);
    c.rows = an_read_u64(in);
    c.blocks = an_read_u64(in);
    c.both = an_read_u64(in);
    c.candidate_only = an_read_u64(in);
    c.production_only = an_read_u64(in);
    c.candidate_failed = an_read_u64(in);
    c.sites = an_read_u64(in);
    c.worse = an_read_u64(in);
    if (in->failed || !isfinite(c.candidate.score_sum) || !isfinite(c.production.score_sum))
        return AN_ERR_PROTO;
    *ret = c;
    return AN_OK;
}

void an_shadow_resume(an_shadow *s, const an_shadow_counts *c)
{
    s->counts = *c;
}
