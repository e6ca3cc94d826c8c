#include "agent/driftwatch.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/drift.h"
#include "models/histogram.h"

#define CLIP 4.0   /* standard deviations at which a block's score is cut off */
#define ANCHOR 200 /* virtual blocks at the reference mean that Page-Hinkley starts from */
#define CREEP_FLOOR 25.0
#define STEP_FLOOR 0.75
#define EFFECT_FLOOR 1.0
#define EFFECT_RATE 0.05 /* of the moving mean: about 20 blocks */
#define BEFORE_RATE 0.005
#define ARMED_BLOCKS 64 /* so long after a test fired its shift may still become an alert */
#define UNLIMITED 1e12

struct an_driftwatch {
    an_driftwatch_conf conf;
    const an_drift_reference *ref;
    uint64_t rows;
    uint64_t quiet_until[AN_DRIFT_KINDS]; /* row number */

    uint64_t *counts; /* (width, bins) of the running chunk */
    size_t in_chunk;
    int64_t chunk_since_ms, agreed_since_ms;
    unsigned agreed; /* successive tests over the limit */
    double *psi;     /* (width) of the last test */

    double sum; /* of log scores in the running block */
    size_t in_block;
    int64_t block_since_ms;
    an_drift step, creep;
    int64_t creep_since_ms; /* when Page-Hinkley's sum began to grow */
    uint64_t creep_rows;
    double before, now; /* slow and fast moving mean of block scores, standardised */
    uint32_t armed;     /* blocks left */
    an_drift_kind armed_kind;
    int armed_sign;
};

const char *an_drift_kind_name(an_drift_kind kind)
{
    static const char *const names[] = {"input", "score step", "score creep"};
    return names[kind];
}

static void set_defaults(an_driftwatch_conf *c)
{
    if (c->rows == 0)
        c->rows = 512;
    if (c->block == 0)
        c->block = 16;
    if (c->warmup_rows == 0)
        c->warmup_rows = c->rows;
    if (c->cooldown_rows == 0)
        c->cooldown_rows = 8 * c->rows;
    if (!(c->psi_floor > 0))
        c->psi_floor = 0.25;
    if (!(c->margin > 0))
        c->margin = 1.5;
    if (c->confirm == 0)
        c->confirm = 2;
}

/* PSI with half a count added to each bin, so that an empty bin is a large figure, not
 * infinity. */
static double psi_of(const uint64_t *ref, const uint64_t *now, size_t bins, size_t least)
{
    double n = 0, m = 0, sum = 0;
    for (size_t b = 0; b < bins; b++) {
        n += (double)ref[b];
        m += (double)now[b];
    }
    if (m < (double)least || n == 0)
        return 0;
    for (size_t b = 0; b < bins; b++) {
        const double r = ((double)ref[b] + 0.5) / (n + 0.5 * (double)bins);
        const double c = ((double)now[b] + 0.5) / (m + 0.5 * (double)bins);
        sum += (r - c) * log(r / c);
    }
    return sum;
}

static void count_row(uint64_t *counts, const float *edges, size_t bins, size_t width, const float *row)
{
    for (size_t j = 0; j < width; j++) {
        const size_t b = an_hist_bin(edges + j * (bins - 1), bins - 1, row[j]);
        if (b < bins)
            counts[j * bins + b]++;
    }
}

static double log_score(double score)
{
    return log(fmax(score, 0) + 1e-3);
}

static double standard(const an_drift_reference *r, double block_mean)
{
    return fmax(-CLIP, fmin(CLIP, (block_mean - r->score_mean) / r->score_std));
}

static an_err start_test(an_drift *d, const char *name, double sensitivity, unsigned anchor, an_note *why)
{
    an_drift_conf c;
    an_drift_conf_init(&c);
    c.mean = 0;
    c.std = 1;
    c.sensitivity = sensitivity;
    an_err err = an_drift_init(d, name, &c, why);
    for (unsigned i = 0; i < anchor && !err; i++)
        (void)an_drift_update(d, 0);
    return err;
}

/* --- calibration --- */

uint64_t an_driftwatch_patience(const an_driftwatch_conf *conf)
{
    an_driftwatch_conf c = *conf;
    set_defaults(&c);
    return c.rows;
}

size_t an_driftwatch_least(const an_driftwatch_conf *conf)
{
    an_driftwatch_conf c = *conf;
    set_defaults(&c);
    return 4 * c.rows;
}

static void calibrate_psi(an_drift_reference *r, const an_driftwatch_conf *c, const float *rows, size_t n,
                          uint64_t *scratch)
{
    const size_t cells = r->width * r->bins;
    for (size_t j = 0; j < r->width; j++)
        r->psi_limit[j] = 0;
    for (size_t from = 0; from + c->rows <= n; from += (c->rows + 1) / 2) {
        memset(scratch, 0, cells * sizeof *scratch);
        for (size_t i = from; i < from + c->rows; i++)
            count_row(scratch, r->edges, r->bins, r->width, rows + i * r->width);
        for (size_t j = 0; j < r->width; j++)
            r->psi_limit[j] = fmax(r->psi_limit[j], psi_of(r->counts + j * r->bins, scratch + j * r->bins,
                                                           r->bins, c->rows / 2));
    }
    for (size_t j = 0; j < r->width; j++)
        r->psi_limit[j] = fmax(c->psi_floor, c->margin * r->psi_limit[j]);
}

/* Means of blocks of scores that exist, in time order.  Returns how many. */
static size_t block_means(double *ret, const double *scores, size_t n, size_t block)
{
    size_t blocks = 0, filled = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(scores[i]))
            continue;
        sum += log_score(scores[i]);
        if (++filled == block) {
            ret[blocks++] = sum / (double)block;
            sum = 0;
            filled = 0;
        }
    }
    return blocks;
}

static an_err calibrate_scores(an_drift_reference *r, const an_driftwatch_conf *c, const double *means,
                               size_t n, an_note *why)
{
    double sum = 0, square = 0, creep = 0, step = 0, moving = 0, most = 0;
    an_drift ph, adwin;
    for (size_t i = 0; i < n; i++)
        sum += means[i];
    r->score_mean = n ? sum / (double)n : 0;
    for (size_t i = 0; i < n; i++)
        square += (means[i] - r->score_mean) * (means[i] - r->score_mean);
    r->score_std = n ? fmax(sqrt(square / (double)n), 1e-3) : 1;
    an_err err = start_test(&ph, "page_hinkley", UNLIMITED, ANCHOR, why);
    if (!err)
        err = start_test(&adwin, "adwin", 0, 0, why);
    for (size_t i = 0; i < n && !err; i++) {
        const double z = standard(r, means[i]);
        creep = fmax(creep, an_drift_update(&ph, z).statistic);
        an_drift_result a = an_drift_update(&adwin, z);
        if (a.level == AN_DRIFT_DRIFT)
            step = fmax(step, a.effect);
        moving += EFFECT_RATE * (z - moving);
        most = fmax(most, fabs(moving));
    }
    r->creep_limit = fmax(CREEP_FLOOR, c->margin * creep);
    r->step_limit = fmax(STEP_FLOOR, c->margin * step);
    r->effect_limit = fmin(fmax(EFFECT_FLOOR, c->margin * most), 0.8 * CLIP);
    return err;
}

/* What n rows are worth to whoever judges an alert by how many tests its limit has seen and how far it lies above
 * them (coordinator/drift.h): rows of so many tests of 512 rows, at a margin of 1.5, as give the same chance. */
static uint64_t worth(const an_driftwatch_conf *c, size_t n)
{
    const double tests = pow((double)n / (double)c->rows + 1, c->margin / 1.5) - 1;
    return (uint64_t)fmin(512 * tests, 1e15);
}

an_err an_driftwatch_calibrate(const an_driftwatch_conf *conf, const float *rows, const double *scores,
                               size_t n, size_t width, const float *edges, size_t bins,
                               an_drift_reference **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_driftwatch_conf c = *conf;
    an_drift_reference *r = NULL;
    uint64_t *scratch = NULL;
    double *means = NULL;
    set_defaults(&c);
    if (width == 0 || bins < 2 || bins > AN_BINS_MAX)
        return an_fail(AN_ERR_INVAL, why, "drift reference: %zu sensors, %zu bins", width, bins);
    if (n / 4 < c.rows)
        return an_fail(AN_ERR_INVAL, why, "drift reference: %zu rows: at least 4 times %zu are needed", n,
                       c.rows);
    if (!(r = an_alloc(1, sizeof *r)))
        goto out;
    r->width = width;
    r->bins = bins;
    r->rows = worth(&c, n);
    r->edges = an_alloc(width * (bins - 1), sizeof *r->edges);
    r->counts = an_alloc(width * bins, sizeof *r->counts);
    r->psi_limit = an_alloc(width, sizeof *r->psi_limit);
    scratch = an_alloc(width * bins, sizeof *scratch);
    means = an_alloc(n / c.block + 1, sizeof *means);
    if (!r->edges || !r->counts || !r->psi_limit || !scratch || !means)
        goto out;
    memcpy(r->edges, edges, width * (bins - 1) * sizeof *edges);
    for (size_t i = 0; i < n; i++)
        count_row(r->counts, r->edges, bins, width, rows + i * width);
    calibrate_psi(r, &c, rows, n, scratch);
    err = calibrate_scores(r, &c, means, block_means(means, scores, n, c.block), why);
    if (err)
        goto out;
    *ret = r;
    r = NULL;
out:
    an_free(scratch);
    an_free(means);
    an_drift_reference_free(r);
    return err;
}

void an_drift_reference_free(an_drift_reference *r)
{
    if (!r)
        return;
    an_free(r->edges);
    an_free(r->counts);
    an_free(r->psi_limit);
    an_free(r);
}

/* --- watch --- */

static an_err restart_scores(an_driftwatch *w, an_note *why)
{
    an_err err = start_test(&w->creep, "page_hinkley", w->ref->creep_limit, ANCHOR, why);
    w->creep_rows = 0;
    return err ? err : start_test(&w->step, "adwin", 0, 0, why);
}

an_err an_driftwatch_new(const an_driftwatch_conf *conf, const an_drift_reference *reference,
                         an_driftwatch **ret, an_note *why)
{
    if (reference->width == 0 || reference->bins < 2 || reference->bins > AN_BINS_MAX ||
        !(reference->score_std > 0) || !(reference->creep_limit > 0) || !(reference->step_limit > 0) ||
        !(reference->effect_limit > 0))
        return an_fail(AN_ERR_INVAL, why, "the drift reference is not usable");
    an_driftwatch *w = an_alloc(1, sizeof *w);
    if (!w)
        return AN_ERR_NOMEM;
    w->conf = *conf;
    set_defaults(&w->conf);
    w->ref = reference;
    w->counts = an_alloc(reference->width * reference->bins, sizeof *w->counts);
    w->psi = an_alloc(reference->width, sizeof *w->psi);
    an_err err = w->counts && w->psi ? restart_scores(w, why) : AN_ERR_NOMEM;
    if (err) {
        an_driftwatch_free(w);
        return err;
    }
    for (size_t k = 0; k < AN_DRIFT_KINDS; k++)
        w->quiet_until[k] = w->conf.warmup_rows;
    *ret = w;
    return AN_OK;
}

void an_driftwatch_free(an_driftwatch *w)
{
    if (!w)
        return;
    an_free(w->counts);
    an_free(w->psi);
    an_free(w);
}

static void fill_top(const an_driftwatch *w, an_drift_alert *a)
{
    for (size_t j = 0; j < w->ref->width; j++) {
        const double limit = w->ref->psi_limit[j], by = w->psi[j] / limit;
        a->n_sensors += w->psi[j] > limit;
        size_t at = a->n_top;
        while (at > 0 && a->top[at - 1].psi / a->top[at - 1].limit < by)
            at--;
        if (at == AN_DRIFT_TOP || w->psi[j] <= limit)
            continue;
        if (a->n_top < AN_DRIFT_TOP)
            a->n_top++;
        for (size_t k = a->n_top - 1; k > at; k--)
            a->top[k] = a->top[k - 1];
        a->top[at].sensor = (uint32_t)j;
        a->top[at].psi = w->psi[j];
        a->top[at].limit = limit;
    }
}

/* One alert of a kind, then silence for the cool-down: the coordinator counts sites, not
 * repeats. */
static bool may_alert(an_driftwatch *w, an_drift_kind kind)
{
    if (w->rows <= w->quiet_until[kind])
        return false;
    w->quiet_until[kind] = w->rows + w->conf.cooldown_rows;
    return true;
}

static bool step_input(an_driftwatch *w, int64_t time_ms, const float *row, an_drift_alert *ret)
{
    const an_drift_reference *r = w->ref;
    bool over = false;
    if (w->in_chunk == 0)
        w->chunk_since_ms = time_ms;
    count_row(w->counts, r->edges, r->bins, r->width, row);
    if (++w->in_chunk < w->conf.rows)
        return false;
    for (size_t j = 0; j < r->width; j++) {
        w->psi[j] = psi_of(r->counts + j * r->bins, w->counts + j * r->bins, r->bins, w->conf.rows / 2);
        over = over || w->psi[j] > r->psi_limit[j];
    }
    memset(w->counts, 0, r->width * r->bins * sizeof *w->counts);
    w->in_chunk = 0;
    if (!over) {
        w->agreed = 0;
        return false;
    }
    if (w->agreed++ == 0)
        w->agreed_since_ms = w->chunk_since_ms;
    if (w->agreed < w->conf.confirm || !may_alert(w, AN_DRIFT_INPUT))
        return false;
    *ret = (an_drift_alert){.kind = AN_DRIFT_INPUT,
                            .time_ms = time_ms,
                            .since_ms = w->agreed_since_ms,
                            .rows = (uint64_t)w->agreed * w->conf.rows,
                            .reference_rows = r->rows};
    fill_top(w, ret);
    if (ret->n_top) {
        ret->effect = ret->top[0].psi;
        ret->limit = ret->top[0].limit;
    }
    return true;
}

static an_drift_alert score_alert(const an_driftwatch *w, int64_t time_ms)
{
    return (an_drift_alert){.kind = w->armed_kind,
                            .sign = w->armed_sign,
                            .time_ms = time_ms,
                            .since_ms = w->creep_rows ? w->creep_since_ms : w->block_since_ms,
                            .rows = w->creep_rows ? w->creep_rows : w->conf.block,
                            .reference_rows = w->ref->rows,
                            .effect = fabs(w->now),
                            .limit = w->ref->effect_limit,
                            .mean_before = w->before,
                            .mean_now = w->now};
}

/* Since when has Page-Hinkley's sum been growing?  Its statistic is 0 while nothing happens. */
static void follow_creep(an_driftwatch *w, double statistic)
{
    if (statistic < 0.05 * w->ref->creep_limit) {
        w->creep_rows = 0;
        return;
    }
    if (w->creep_rows == 0)
        w->creep_since_ms = w->block_since_ms;
    w->creep_rows += w->conf.block;
}

/* Runs both tests on one block.  Page-Hinkley starts anew by itself; it is anchored again. */
static void arm(an_driftwatch *w, double z)
{
    an_drift_result creep = an_drift_update(&w->creep, z);
    an_drift_result step = an_drift_update(&w->step, z);
    w->armed -= w->armed > 0;
    if (creep.level == AN_DRIFT_DRIFT) {
        w->armed = ARMED_BLOCKS;
        w->armed_kind = AN_DRIFT_SCORE_CREEP;
        w->armed_sign = creep.sign;
        /* The names and settings were accepted before, so this cannot fail. */
        (void)(start_test(&w->creep, "page_hinkley", w->ref->creep_limit, ANCHOR, NULL) == AN_OK);
    } else {
        follow_creep(w, creep.statistic);
    }
    if (step.level == AN_DRIFT_DRIFT && step.effect >= w->ref->step_limit) {
        w->armed = ARMED_BLOCKS;
        w->armed_kind = AN_DRIFT_SCORE_STEP;
        w->armed_sign = step.sign;
    }
}

static bool step_score(an_driftwatch *w, int64_t time_ms, double score, an_drift_alert *ret)
{
    if (!isfinite(score))
        return false;
    if (w->in_block == 0)
        w->block_since_ms = time_ms;
    w->sum += log_score(score);
    if (++w->in_block < w->conf.block)
        return false;
    const double z = standard(w->ref, w->sum / (double)w->conf.block);
    w->sum = 0;
    w->in_block = 0;
    w->before += BEFORE_RATE * (z - w->before);
    w->now += EFFECT_RATE * (z - w->now);
    arm(w, z);
    if (w->armed == 0 || w->now * w->armed_sign < w->ref->effect_limit || !may_alert(w, w->armed_kind))
        return false;
    *ret = score_alert(w, time_ms);
    w->armed = 0;
    return true;
}

bool an_driftwatch_step(an_driftwatch *w, int64_t time_ms, const float *row, double score,
                        an_drift_alert *ret)
{
    an_drift_alert input;
    w->rows++;
    bool some = step_score(w, time_ms, score, ret);
    if (step_input(w, time_ms, row, &input)) {
        if (some) { /* the score's alert goes first; this one waits for the next test */
            w->quiet_until[AN_DRIFT_INPUT] = w->rows;
            return true;
        }
        *ret = input;
        return true;
    }
    return some;
}

const double *an_driftwatch_psi(const an_driftwatch *w)
{
    return w->psi;
}

double an_driftwatch_ratio(const an_driftwatch *w)
{
    double most = 0;
    for (size_t j = 0; j < w->ref->width; j++)
        if (w->psi[j] > most * w->ref->psi_limit[j])
            most = w->psi[j] / w->ref->psi_limit[j];
    return most;
}

uint64_t an_driftwatch_rows(const an_driftwatch *w)
{
    return w->rows;
}
