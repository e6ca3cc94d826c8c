#include "agent/pipeline_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

void an_live_done(an_live *live)
{
    if (live->free)
        live->free(live->ctx);
    an_drift_reference_free(live->reference);
    an_threshold_stream_free(live->moving);
    an_chance_free(live->chance);
    *live = (an_live){0};
}

static bool allocate(an_pipeline *p)
{
    const size_t w = p->conf.width;
    p->ring_cap = p->conf.window;
    p->ring = an_alloc(p->ring_cap * w, sizeof *p->ring);
    p->ring_ms = an_alloc(p->ring_cap, sizeof *p->ring_ms);
    p->row = an_alloc(w, sizeof *p->row);
    p->contribution = an_alloc(w, sizeof *p->contribution);
    p->window = an_alloc(p->conf.window * w, sizeof *p->window);
    p->gone = an_alloc(AN_RULES_MAX, sizeof *p->gone);
    return p->gone && p->ring && p->ring_ms && p->row && p->contribution && p->window;
}

/* The score file begins with its header; the columns are its only description. */
static an_err write_header(const an_pipeline *p, an_note *why)
{
    if (p->conf.scores && fputs("row,time_ms,score,raw,alarm,label\n", p->conf.scores) < 0)
        return an_fail(AN_ERR_IO, why, "the score file cannot be written");
    return AN_OK;
}

an_err an_pipeline_new(const an_pipeline_conf *conf, an_pipeline **ret, an_note *why)
{
    const size_t window = conf->window ? conf->window : 1;
    if (conf->width == 0 || conf->width > AN_SOURCE_WIDTH_MAX ||
        window > SIZE_MAX / sizeof(float) / conf->width)
        return an_fail(AN_ERR_INVAL, why, "pipeline: %zu sensors, windows of %zu rows", conf->width, window);
    if (conf->frame.rows > 0 && conf->frame.rows != window)
        return an_fail(AN_ERR_INVAL, why, "pipeline: images of %zu rows, windows of %zu", conf->frame.rows,
                       window);
    if (conf->pool && (an_pool_width(conf->pool) != conf->width || an_pool_window(conf->pool) != window))
        return an_fail(AN_ERR_INVAL, why, "pipeline: the pool's windows have another shape");
    an_pipeline *p = an_alloc(1, sizeof *p);
    if (!p)
        return AN_ERR_NOMEM;
    p->conf = *conf;
    p->conf.window = window;
    p->factor = 1;
    p->ln_p = (double)NAN;
    if (p->conf.pool_stride == 0)
        p->conf.pool_stride = window;
    if (!(p->conf.bad_share_max > 0))
        p->conf.bad_share_max = 0.34;
    an_err err = allocate(p) ? AN_OK : AN_ERR_NOMEM;
    if (!err)
        err = an_alarm_new(&conf->alarm, conf->width, &p->alarm);
    if (!err)
        err = an_quality_new(&conf->quality, conf->width, &p->quality);
    if (err == AN_ERR_INVAL)
        an_note_set(why, "pipeline: alarm or quality settings are out of bounds");
    if (!err)
        err = write_header(p, why);
    if (err) {
        an_pipeline_free(p);
        return err;
    }
    *ret = p;
    return AN_OK;
}

void an_pipeline_free(an_pipeline *p)
{
    if (!p)
        return;
    an_driftwatch_free(p->drift);
    an_pipeline_beside_free(p);
    an_live_done(&p->live);
    an_alarm_free(p->alarm);
    an_quality_free(p->quality);
    an_free(p->ring);
    an_free(p->ring_ms);
    an_free(p->row);
    an_free(p->contribution);
    an_free(p->window);
    an_free(p->gone);
    an_free(p);
}

static void remember(an_pipeline *p, const float *row, int64_t time_ms)
{
    const size_t w = p->conf.width;
    size_t slot = (p->ring_head + p->ring_n) % p->ring_cap;
    if (p->ring_n == p->ring_cap) {
        slot = p->ring_head;
        p->ring_head = (p->ring_head + 1) % p->ring_cap;
    } else {
        p->ring_n++;
    }
    memcpy(p->ring + slot * w, row, w * sizeof *row);
    p->ring_ms[slot] = time_ms;
}

const float *an_pipeline_remembered(const an_pipeline *p, size_t i)
{
    return p->ring + (p->ring_head + i) % p->ring_cap * p->conf.width;
}

int64_t an_pipeline_remembered_ms(const an_pipeline *p, size_t i)
{
    return p->ring_ms[(p->ring_head + i) % p->ring_cap];
}

int64_t an_pipeline_scored_ms(const an_pipeline *p)
{
    const size_t delay = p->has_live && p->live.delay < p->ring_n ? p->live.delay : 0;
    return an_pipeline_remembered_ms(p, p->ring_n - 1 - delay);
}

static void judge_quality(an_pipeline *p, const an_pipeline_in *in)
{
    if (p->conf.frame.rows > 0) {
        an_pipeline_picture(p, in);
        memcpy(p->row, in->values, p->conf.width * sizeof *p->row);
        return;
    }
    an_quality_event events[AN_QUALITY_EVENTS_MAX];
    size_t n =
        an_quality_step(p->quality, in->time_ms, in->values, in->quality, events, AN_QUALITY_EVENTS_MAX);
    p->stats.quality_events += n;
    for (size_t i = 0; i < n && p->conf.hooks.quality; i++)
        p->conf.hooks.quality(p->conf.hooks.ctx, &events[i]);
    for (size_t j = 0; j < p->conf.width; j++)
        p->row[j] = an_quality_is_bad(p->quality, j) ? NAN : in->values[j];
}

/* *ret_ns: what scoring took, if somebody asks. */
static an_err score_now(an_pipeline *p, double *ret_raw, uint64_t *ret_ns)
{
    const bool timed = an_pipeline_times(p);
    const uint64_t begin = timed ? an_clock_ns() : 0;
    an_err err = p->live.push(p->live.ctx, p->row, ret_raw, p->contribution);
    *ret_ns = timed ? an_clock_ns() - begin : 0;
    return err == AN_OK && !isfinite(*ret_raw) ? AN_ERR_NUMERIC : err;
}

/* Between two scores of a window's stride the last one holds. */
static void judge_chance(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out,
                         uint64_t filling)
{
    if (out->scored)
        p->ln_p = p->live.chance ? an_chance_ln(p->live.chance, out->raw) : (double)NAN;
    else if ((in->flags & AN_ROW_RESTART) || p->stats.unscored_filling == filling)
        p->ln_p = (double)NAN;
}

static bool score_row(an_pipeline *p, const an_pipeline_in *in, an_pipeline_out *out)
{
    const size_t bad = an_pipeline_bad_n(p);
    uint64_t ns = 0;
    double raw = NAN;
    if (!p->has_live) {
        p->stats.unscored_idle++;
        return false;
    }
    if (p->picture_bad) { /* nothing of it is used, and the next image begins anew */
        p->stats.unscored_quality++;
        return false;
    }
    /* The model sees every row, so that its window is whole once the sensors are back. */
    an_err err = score_now(p, &raw, &ns);
    if (err == AN_OK) {
        out->raw = an_quality_discount(p->quality, raw, p->contribution);
        out->score = out->raw / an_pipeline_threshold(p);
    }
    an_pipeline_beside(p, in, err, out->score, ns);
    if ((double)bad > p->conf.bad_share_max * (double)p->conf.width || bad == p->conf.width) {
        p->stats.unscored_quality++;
        return false;
    }
    if (err == AN_ERR_AGAIN) {
        p->stats.unscored_filling++;
        return false;
    }
    if (err) {
        p->stats.unscored_numeric++;
        return false;
    }
    p->stats.masked += bad > 0;
    p->stats.scored++;
    return true;
}

/* Without a model nothing says that a row is not normal: the first pool is filled so. */
static void feed_pool(an_pipeline *p, const an_pipeline_in *in)
{
    const size_t w = p->conf.width;
    const uint64_t held_by = an_pipeline_held_by(p);
    p->since_pool++;
    if (!p->conf.pool || p->since_pool < p->conf.pool_stride || p->unbroken < p->conf.window ||
        an_pipeline_bad_n(p) > 0 || (p->no_learning && !held_by))
        return;
    p->since_pool = 0;
    for (size_t i = 0; i < p->conf.window; i++)
        memcpy(p->window + i * w, an_pipeline_remembered(p, p->ring_n - p->conf.window + i),
               w * sizeof *p->window);
    an_pool_add_span(p->conf.pool, p->window, an_pipeline_remembered_ms(p, p->ring_n - p->conf.window),
                     in->time_ms, held_by);
}

/* A short alarm is a fault, not a drift: its scores are kept from the drift watch.  An alarm that
 * lasts longer than a drift test takes may be both.  A threshold that moves would hide a drift: what is watched is in
 * units of the calibrated one. */
static void watch_drift(an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out)
{
    an_drift_alert alert;
    if (!p->drift)
        return;
    p->alarm_rows = an_alarm_is_suspect(p->alarm) ? p->alarm_rows + 1 : 0;
    bool fault = p->alarm_rows > 0 && p->alarm_rows < an_driftwatch_patience(&p->conf.drift);
    if (!an_driftwatch_step(p->drift, in->time_ms, p->row,
                            out->scored && !fault ? out->raw / p->live.threshold : NAN, &alert))
        return;
    p->stats.drift_alerts++;
    if (p->conf.hooks.drift)
        p->conf.hooks.drift(p->conf.hooks.ctx, &alert);
}

static an_err write_score(const an_pipeline *p, const an_pipeline_in *in, const an_pipeline_out *out,
                          an_note *why)
{
    int n;
    if (!p->conf.scores)
        return AN_OK;
    if (out->scored)
        n = fprintf(p->conf.scores, "%" PRIu64 ",%" PRId64 ",%.6g,%.6g,%d,%d\n", in->row, in->time_ms,
                    out->score, out->raw, out->alarm_open, in->label);
    else
        n = fprintf(p->conf.scores, "%" PRIu64 ",%" PRId64 ",,,%d,%d\n", in->row, in->time_ms,
                    out->alarm_open, in->label);
    return n < 0 ? an_fail(AN_ERR_IO, why, "the score file cannot be written") : AN_OK;
}

an_err an_pipeline_row(an_pipeline *p, const an_pipeline_in *in, an_pipeline_out *ret, an_note *why)
{
    an_pipeline_out out = {0};
    p->stats.rows++;
    p->last_ms = in->time_ms;
    if (in->flags & AN_ROW_RESTART) {
        p->unbroken = p->ring_n = p->ring_head = 0;
        if (p->has_live)
            p->live.reset(p->live.ctx);
        an_pipeline_beside_reset(p);
    }
    an_pipeline_part(p, in);
    judge_quality(p, in);
    remember(p, p->row, in->time_ms);
    p->unbroken++;
    const uint64_t filling = p->stats.unscored_filling;
    out.scored = score_row(p, in, &out);
    judge_chance(p, in, &out, filling);
    an_pipeline_alarms(p, in, &out);
    out.alarm_open = an_alarm_is_open(p->alarm);
    an_pipeline_follow(p, &out);
    feed_pool(p, in);
    watch_drift(p, in, &out);
    if (ret)
        *ret = out;
    return write_score(p, in, &out, why);
}

/* Makes room for at least `rows` rows and keeps those that are there. */
bool an_pipeline_grow(an_pipeline *p, size_t rows)
{
    const size_t w = p->conf.width;
    if (rows <= p->ring_cap)
        return true;
    if (rows > SIZE_MAX / w)
        return false;
    float *ring = an_alloc(rows * w, sizeof *ring);
    int64_t *ring_ms = an_alloc(rows, sizeof *ring_ms);
    if (!ring || !ring_ms) {
        an_free(ring);
        an_free(ring_ms);
        return false;
    }
    for (size_t i = 0; i < p->ring_n; i++) {
        memcpy(ring + i * w, an_pipeline_remembered(p, i), w * sizeof *ring);
        ring_ms[i] = an_pipeline_remembered_ms(p, i);
    }
    an_free(p->ring);
    an_free(p->ring_ms);
    p->ring = ring;
    p->ring_ms = ring_ms;
    p->ring_cap = rows;
    p->ring_head = 0;
    return true;
}

an_err an_pipeline_fits(const an_pipeline *p, const an_live *live, an_note *why)
{
    if (live->width == p->conf.width && live->history > 0 && live->push && live->reset &&
        live->threshold > 0 && isfinite(live->threshold))
        return AN_OK;
    return an_fail(AN_ERR_INVAL, why,
                   "the version wants %zu sensors and has threshold %g; the stream has %zu", live->width,
                   live->threshold, p->conf.width);
}

void an_pipeline_warm(an_pipeline *p, an_live *live)
{
    double raw;
    live->reset(live->ctx);
    for (size_t i = 0; i < p->ring_n; i++)
        (void)(live->push(live->ctx, an_pipeline_remembered(p, i), &raw, p->contribution) == AN_OK);
}

an_err an_pipeline_swap(an_pipeline *p, an_live *live, bool watched, an_note *why)
{
    an_driftwatch *drift = NULL;
    an_shadow *before = NULL;
    an_err err = an_pipeline_fits(p, live, why);
    if (err)
        return err;
    if (!an_pipeline_grow(p, live->history))
        return AN_ERR_NOMEM;
    if (live->reference && (err = an_driftwatch_new(&p->conf.drift, live->reference, &drift, why)))
        return err;
    /* Warms the model and fills its window, so that the next row gives a score at once. */
    an_pipeline_warm(p, live);
    if (watched && p->has_live && p->conf.watch.time_ms > 0 &&
        (err = an_pipeline_watch_open(p, live, &before, why)) != AN_OK) {
        an_driftwatch_free(drift);
        return err;
    }
    an_driftwatch_free(p->drift);
    an_pipeline_beside_free(p); /* of what ran until now */
    if (before)
        an_pipeline_watch_begin(p, before);
    /* What a person has said of the threshold was said of one version. */
    if (!p->has_live || memcmp(p->live.version, live->version, AN_ALARM_HASH) != 0 ||
        memcmp(p->live.overlay, live->overlay, AN_ALARM_HASH) != 0)
        p->factor = 1;
    an_live_done(&p->live);
    p->drift = drift;
    p->live = *live;
    p->has_live = true;
    *live = (an_live){0};
    an_alarm_version_set(p->alarm, p->live.version, p->live.overlay);
    p->stats.swaps++;
    return AN_OK;
}

void an_pipeline_learn(an_pipeline *p, bool learn)
{
    p->no_learning = !learn;
}

const float *an_pipeline_seen(const an_pipeline *p, int64_t *ret_ms)
{
    *ret_ms = p->last_ms;
    return p->stats.rows > 0 ? p->row : NULL;
}

const an_live *an_pipeline_live(const an_pipeline *p)
{
    return p->has_live ? &p->live : NULL;
}

an_alarm *an_pipeline_alarm(an_pipeline *p)
{
    return p->alarm;
}

double an_pipeline_drift_ratio(const an_pipeline *p)
{
    return p->drift ? an_driftwatch_ratio(p->drift) : 0;
}

an_pipeline_stats an_pipeline_stats_get(const an_pipeline *p)
{
    return p->stats;
}
