#include "agent/live.h"

#include <math.h>
#include <string.h>

#include "agent/live_internal.h"
#include "base/mem.h"

static void scored_free(void *ctx)
{
    an_scored *s = ctx;
    if (!s)
        return;
    an_prep_stream_free(s->stream);
    an_scorer_work_free(s->work);
    an_scorer_free(s->scorer);
    an_free(s->input);
    an_free(s->row);
    an_live_why_done(s);
    an_live_map_done(s);
    an_free(s);
}

static void scored_reset(void *ctx)
{
    an_scored *s = ctx;
    an_prep_stream_reset(s->stream);
    s->answered = false;
}

static void find_answers(an_scored *s)
{
    size_t sensors[AN_LIVE_ANSWERS];
    const size_t n = an_scorer_answered(s->scorer, sensors, AN_LIVE_ANSWERS);
    s->n_answers = n < AN_LIVE_ANSWERS ? n : AN_LIVE_ANSWERS;
    for (size_t i = 0; i < s->n_answers; i++)
        s->answers[i].sensor = sensors[i];
}

static void note_answers(an_scored *s)
{
    for (size_t i = 0; i < s->n_answers; i++) {
        s->answers[i].measured = (double)s->row[s->answers[i].sensor];
        s->answers[i].should = an_scorer_answer(s->scorer, s->work, s->answers[i].sensor);
    }
    s->answered = s->n_answers > 0;
}

static size_t scored_answers(void *ctx, const an_live_answer **ret)
{
    const an_scored *s = ctx;
    *ret = s->answers;
    return s->answered ? s->n_answers : 0;
}

static an_err scored_push(void *ctx, const float *row, double *ret_raw, float *ret_contribution)
{
    an_scored *s = ctx;
    float score = 0;
    memcpy(s->row, row, an_scorer_width(s->scorer) * sizeof *row);
    if (!an_prep_push(s->stream, row, s->input))
        return AN_ERR_AGAIN;
    an_err err = an_scorer_score(s->scorer, s->work, s->input, 1, &score, ret_contribution);
    if (!err) {
        *ret_raw = (double)score;
        note_answers(s);
    }
    return err;
}

an_err an_live_make(const an_bundle *bundle, const an_hash *hash, const an_overlay *overlay,
                    const an_hash *overlay_hash, an_live *ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_scored *s = NULL;
    an_threshold_stream *moving = NULL;
    if (overlay && (err = an_overlay_fits(overlay, bundle, hash, why)))
        return err;
    err = AN_ERR_NOMEM;
    if (!(s = an_alloc(1, sizeof *s)))
        goto out;
    if ((err = an_scorer_new(bundle, overlay, &s->scorer, why)) ||
        (err = an_scorer_work_new(s->scorer, 1, &s->work)))
        goto out;
    const an_prep *prep = an_scorer_prep(s->scorer);
    const double threshold = an_scorer_threshold(s->scorer);
    err = AN_ERR_INVAL;
    if (!(threshold > 0) || !isfinite(threshold)) {
        an_note_set(why, "threshold %g: scores are normalised by it, so it must be above 0", threshold);
        goto out;
    }
    err = AN_ERR_NOMEM;
    if (!(s->input = an_alloc(an_prep_input(prep), sizeof *s->input)) ||
        !(s->row = an_alloc(prep->width, sizeof *s->row)))
        goto out;
    if ((err = an_prep_stream_new(prep, &s->stream)))
        goto out;
    find_answers(s);
    const char *policy = an_scorer_policy(s->scorer);
    if (policy[0] && (err = an_threshold_stream_new(policy, threshold, &moving, why)))
        goto out;
    *ret = (an_live){.ctx = s,
                     .width = prep->width,
                     .history = an_prep_rows(&prep->conf),
                     .delay = an_chain_delay(prep->conf.chain),
                     .threshold = threshold,
                     .push = scored_push,
                     .reset = scored_reset,
                     .free = scored_free,
                     .why = an_scored_why,
                     .map = an_scored_map,
                     .answers = scored_answers,
                     .moving = moving};
    memcpy(ret->version, hash->b, AN_ALARM_HASH);
    if (overlay_hash)
        memcpy(ret->overlay, overlay_hash->b, AN_ALARM_HASH);
    s = NULL;
out:
    scored_free(s);
    return err;
}

#define LEVEL_ROWS 16 /* as many as a block of the drift watch */

/* Normal windows merged by time: all of them, since a line's own slow movements show only in
 * rows that follow each other. */
#define WALKED 3
typedef struct walk {
    const an_pool *pool;
    size_t at[WALKED];
    bool trained; /* the last window came from RECENT */
    bool begun;
    int64_t last_ms;
    int64_t step_ms; /* shortest time between two windows: those that touch */
} walk;

static const an_pool_part walked[WALKED] = {AN_POOL_OLD, AN_POOL_NEW, AN_POOL_RECENT};

/* NULL: no more.  *ret_gap: the window does not continue the one before. */
static const float *walk_next(walk *w, bool *ret_gap)
{
    size_t best = WALKED;
    int64_t best_ms = 0;
    for (size_t k = 0; k < WALKED; k++) {
        if (w->at[k] == an_pool_n(w->pool, walked[k]))
            continue;
        const int64_t t = an_pool_time(w->pool, walked[k], w->at[k]);
        if (best == WALKED || t < best_ms) {
            best = k;
            best_ms = t;
        }
    }
    if (best == WALKED)
        return NULL;
    *ret_gap = w->begun && w->step_ms > 0 && best_ms - w->last_ms > w->step_ms + w->step_ms / 2;
    w->begun = true;
    w->last_ms = best_ms;
    w->trained = walked[best] == AN_POOL_RECENT;
    return an_pool_get(w->pool, walked[best], w->at[best]++);
}

static int64_t shortest_step(const an_pool *pool)
{
    int64_t least = 0;
    for (size_t k = 0; k < WALKED; k++)
        for (size_t i = 1; i < an_pool_n(pool, walked[k]); i++) {
            const int64_t d = an_pool_time(pool, walked[k], i) - an_pool_time(pool, walked[k], i - 1);
            if (d > 0 && (least == 0 || d < least))
                least = d;
        }
    return least;
}

static void score_window(an_live *live, const float *window, size_t n, float *contribution,
                         double *ret_scores)
{
    for (size_t i = 0; i < n; i++) {
        double raw = NAN;
        an_err err = live->push(live->ctx, window + i * live->width, &raw, contribution);
        ret_scores[i] = err ? NAN : raw / live->threshold;
    }
}

typedef struct moments {
    double n, sum, square;
} moments;

static double mean_of(const moments *m)
{
    return m->sum / m->n;
}

static double std_of(const moments *m)
{
    return sqrt(fmax(m->square / m->n - mean_of(m) * mean_of(m), 0));
}

/* Of the means of LEVEL_ROWS logarithms that follow each other on one side. */
static moments moments_of(const double *scores, const bool *trained, size_t n, bool side)
{
    moments m = {0};
    double sum = 0;
    size_t filled = 0;
    for (size_t i = 0; i < n; i++) {
        if (trained[i] != side || !(scores[i] > 0))
            continue;
        sum += log(scores[i]);
        if (++filled < LEVEL_ROWS)
            continue;
        sum /= LEVEL_ROWS;
        m = (moments){m.n + 1, m.sum + sum, m.square + sum * sum};
        filled = 0;
        sum = 0;
    }
    return m;
}

/* A version scores the windows it has learned lower than any that follow, and less apart from each other,
 * and the first live rows would look like a drift.  So the logarithms of their scores get the mean and the
 * spread of those of windows that nothing was fitted on; the two take turns in short blocks.  Nothing is
 * made smaller. */
static void level(double *scores, const bool *trained, size_t n)
{
    const moments seen = moments_of(scores, trained, n, true), unseen = moments_of(scores, trained, n, false);
    if (seen.n < 2 || unseen.n < 2 || !(std_of(&seen) > 0))
        return;
    const double up = fmax(mean_of(&unseen) - mean_of(&seen), 0),
                 by = fmax(std_of(&unseen) / std_of(&seen), 1);
    for (size_t i = 0; i < n; i++)
        if (trained[i] && scores[i] > 0)
            scores[i] = exp(mean_of(&seen) + up + (log(scores[i]) - mean_of(&seen)) * by);
}

/* Mean logarithm of the scores [from, to) that exist.  *ret_n: how many. */
static double mean_log(const double *scores, size_t from, size_t to, size_t *ret_n)
{
    double sum = 0;
    *ret_n = 0;
    for (size_t i = from; i < to; i++)
        if (scores[i] > 0) {
            sum += log(scores[i]);
            ++*ret_n;
        }
    return *ret_n ? sum / (double)*ret_n : 0;
}

/* An accepted change of the line, from row `changed` on, is a step in the reference.  It is no
 * fluctuation, and limits that allow for it would hide whatever follows.  So the fluctuations are those
 * of the rows before it, and their level is that of the line as it is now: of the second half of what
 * came since, as a change is reported to have begun early rather than late.  Where more rows came since
 * than before, these alone are the reference. */
static void level_change(double *scores, size_t changed, size_t n)
{
    size_t n_before, n_since;
    const double before = mean_log(scores, 0, changed, &n_before);
    const double now = mean_log(scores, changed + (n - changed) / 2, n, &n_since);
    if (n_before == 0 || n_since == 0)
        return;
    const bool many = changed < n - changed;
    for (size_t i = 0; i < changed; i++)
        scores[i] = many ? NAN : scores[i] * exp(now - before);
    for (size_t i = changed; i < n && !many; i++)
        scores[i] = NAN;
}

/* Every normal row of the pool in the order of time, and its score in units of the threshold. */
typedef struct walked_rows {
    float *rows;    /* (n, width) */
    double *scores; /* (n) NAN: none */
    bool *trained;  /* (n) came from RECENT */
    size_t n;
} walked_rows;

static void walked_done(walked_rows *r)
{
    an_free(r->rows);
    an_free(r->scores);
    an_free(r->trained);
}

static an_err walk_all(an_live *live, const an_pool *pool, int64_t changed_ms, walked_rows *ret, an_note *why)
{
    const size_t window = an_pool_window(pool), width = live->width;
    size_t n = 0, n_before = 0;
    bool gap = false;
    walk w = {.pool = pool, .step_ms = shortest_step(pool)};
    if (an_pool_width(pool) != width)
        return an_fail(AN_ERR_INVAL, why, "the pool has %zu sensors, the version %zu", an_pool_width(pool),
                       width);
    for (size_t k = 0; k < WALKED; k++)
        n += an_pool_n(pool, walked[k]) * window;
    ret->rows = an_alloc(n * width, sizeof *ret->rows);
    ret->scores = an_alloc(n, sizeof *ret->scores);
    ret->trained = an_alloc(n, sizeof *ret->trained);
    float *contribution = an_alloc(width, sizeof *contribution);
    if (!ret->rows || !ret->scores || !ret->trained || !contribution) {
        an_free(contribution);
        return AN_ERR_NOMEM;
    }
    live->reset(live->ctx);
    for (const float *x; (x = walk_next(&w, &gap)); ret->n += window) {
        if (gap || live->images)
            live->reset(live->ctx);
        memcpy(ret->rows + ret->n * width, x, window * width * sizeof *x);
        score_window(live, x, window, contribution, ret->scores + ret->n);
        for (size_t i = 0; i < window; i++)
            ret->trained[ret->n + i] = w.trained;
        n_before += w.last_ms < changed_ms ? window : 0;
    }
    live->reset(live->ctx);
    level(ret->scores, ret->trained, ret->n);
    level_change(ret->scores, n_before, ret->n);
    an_free(contribution);
    return AN_OK;
}

an_err an_live_reference(an_live *live, const an_driftwatch_conf *conf, const an_pool *pool,
                         int64_t changed_ms, const float *edges, size_t bins, an_drift_reference **ret,
                         an_note *why)
{
    walked_rows all = {.n = 0};
    an_err err = walk_all(live, pool, changed_ms, &all, why);
    if (err == AN_OK)
        err = an_driftwatch_calibrate(conf, all.rows, all.scores, all.n, live->width, edges, bins, ret, why);
    walked_done(&all);
    return err;
}

an_err an_live_chance(an_live *live, const an_pool *pool, int64_t changed_ms, an_note *why)
{
    walked_rows all = {.n = 0};
    an_chance *chance = NULL;
    an_err err = walk_all(live, pool, changed_ms, &all, why);
    size_t unseen = 0, n = 0;
    for (size_t i = 0; i < all.n && err == AN_OK; i++)
        unseen += !all.trained[i] && isfinite(all.scores[i]);
    for (size_t i = 0; i < all.n && err == AN_OK; i++)
        if (unseen < AN_CHANCE_LEAST || !all.trained[i])
            all.scores[n++] = all.scores[i] * live->threshold;
    if (err == AN_OK)
        err = an_chance_new(all.scores, n, &chance, why);
    walked_done(&all);
    if (err != AN_OK)
        return err;
    an_chance_free(live->chance);
    live->chance = chance;
    return AN_OK;
}
