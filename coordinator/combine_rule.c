/* A robust rule over vectors that are far larger than memory: blocks of columns, twice. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "coordinator/combine_internal.h"
#include "sum/vector.h"

#define WIDTH_MIN ((size_t)4096) /* columns of a block: a few large reads, not many small ones */

typedef struct walk {
    const an_combine_rows *rows;
    uint64_t dim;
    size_t width;
    double *block; /* (rows, width) */
    double *mean;  /* (width) */
} walk;

static an_err walk_init(walk *w, const an_plan *plan, const an_combine_rows *rows)
{
    *w = (walk){.rows = rows, .dim = plan->dim - AN_TRAIN_EXTRA, .width = an_rule_width(rows->n)};
    if (w->width < WIDTH_MIN)
        w->width = WIDTH_MIN;
    w->width -= w->width % WIDTH_MIN;
    if (w->width > w->dim)
        w->width = (size_t)w->dim;
    w->block = an_alloc_raw(rows->n, w->width * sizeof *w->block);
    w->mean = an_alloc_raw(w->width, sizeof *w->mean);
    return w->block && w->mean ? AN_OK : AN_ERR_NOMEM;
}

static void walk_done(walk *w)
{
    an_free(w->block);
    an_free(w->mean);
}

/* The rows lie side by side, n columns wide. */
static an_err walk_read(const walk *w, uint64_t from, size_t n, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < w->rows->n && err == AN_OK; i++)
        err = w->rows->read(w->rows->ctx, i, from, n, w->block + i * n, why);
    return err;
}

static size_t walk_width(const walk *w, uint64_t from)
{
    return w->dim - from < w->width ? (size_t)(w->dim - from) : w->width;
}

static an_err look(const walk *w, an_rule_round *r, an_note *why)
{
    an_err err = AN_OK;
    for (uint64_t at = 0; at < w->dim && err == AN_OK; at += walk_width(w, at)) {
        const size_t n = walk_width(w, at);
        if ((err = walk_read(w, at, n, why)) == AN_OK)
            an_rule_look(r, w->block, n, NULL);
    }
    return err;
}

static an_err combine(const walk *w, const an_rule_round *r, an_stepper *s, an_note *why)
{
    an_err err = AN_OK;
    for (uint64_t at = 0; at < w->dim && err == AN_OK; at += walk_width(w, at)) {
        const size_t n = walk_width(w, at);
        if ((err = walk_read(w, at, n, why)) != AN_OK)
            break;
        an_rule_combine(r, w->mean, w->block, n, NULL);
        err = an_stepper_shared(s, w->mean, n, why);
    }
    return err;
}

an_err an_combine_rows_step(an_combine_job *job, an_bundle *b, const an_combine_rows *rows,
                            an_combine_verdict *ret, an_note *why)
{
    walk w = {.rows = NULL};
    an_rule_round *r = NULL;
    an_stepper *s = NULL;
    an_err err = walk_init(&w, job->plan, rows);
    if (err != AN_OK)
        goto out;
    if ((err = an_rule_new(job->rule, &job->rule_opts, rows->weights, rows->n, &r, why)) != AN_OK)
        goto out;
    if ((err = look(&w, r, why)) != AN_OK || (err = an_rule_decide(r, why)) != AN_OK)
        goto out;
    for (size_t i = 0; i < rows->n; i++)
        ret[i] = (an_combine_verdict){.fate = an_rule_fate_of(r, i), .norm = an_rule_norm_of(r, i)};
    if ((err = an_stepper_open(job, b->weights, &s, why)) == AN_OK)
        err = combine(&w, r, s, why);
    err = an_stepper_close(s, err, why);
out:
    an_rule_free(r);
    walk_done(&w);
    return err;
}

/* ---- updates as rows ---- */

typedef struct update_row {
    const an_combine_update *update;
    const an_plan *plan; /* that it was made for */
    double weight;       /* examples */
    double scale;        /* 1; less of a late one */
    an_train_out totals;
} update_row;

typedef struct update_rows {
    an_combine_job *job;
    update_row *rows; /* (n) by name */
    double *weights;  /* (n) */
    uint32_t words[AN_STEP_MAX];
    uint8_t bytes[4 * AN_STEP_MAX];
} update_rows;

static an_err read_at(int fd, uint8_t *ret, size_t len, uint64_t at)
{
    while (len > 0) {
        ssize_t n = pread(fd, ret, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return AN_ERR_IO;
        ret += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return AN_OK;
}

/* Coordinates [from, from + n) of an update whose header and length were checked. */
static an_err read_words(update_rows *u, const an_combine_update *update, uint64_t from, size_t n,
                         uint32_t *ret, an_note *why)
{
    if (update->sealed)
        return an_combine_words(update, from, n, ret, why);
    const uint64_t at = AN_UPDATE_HEADER_BYTES + 4 * from;
    const uint8_t *bytes = u->bytes;
    if (update->bytes) {
        bytes = (const uint8_t *)update->bytes + at;
    } else {
        int fd = open(update->path, O_RDONLY | O_CLOEXEC);
        an_err err = fd < 0 ? AN_ERR_IO : read_at(fd, u->bytes, 4 * n, at);
        if (fd >= 0)
            close(fd);
        if (err != AN_OK)
            return an_fail(err, why, "%s: %s", update->path, strerror(errno));
    }
    for (size_t i = 0; i < n; i++)
        ret[i] = an_get_u32(bytes + 4 * i);
    return AN_OK;
}

static an_err read_row(void *ctx, size_t row, uint64_t from, size_t n, double *ret, an_note *why)
{
    update_rows *u = ctx;
    const an_plan *plan = u->rows[row].plan;
    const double factor = u->rows[row].scale * plan->weight_cap / u->rows[row].weight;
    for (size_t at = 0; at < n;) {
        const size_t part = n - at < AN_STEP_MAX ? n - at : AN_STEP_MAX;
        an_err err = read_words(u, u->rows[row].update, from + at, part, u->words, why);
        if (err != AN_OK)
            return err;
        an_combine_decode(plan, from + at, part, u->words, ret + at);
        for (size_t i = 0; i < part; i++)
            ret[at + i] *= factor;
        at += part;
    }
    return AN_OK;
}

static int by_site(const void *a, const void *b)
{
    const update_row *x = a, *y = b;
    return strcmp(x->update->site, y->update->site);
}

static an_err open_row(update_rows *u, const an_combine_update *update, update_row *ret, an_note *why)
{
    const an_plan *plan = an_combine_plan(u->job, update);
    const an_payload_facts facts = an_combine_facts(plan, 0, 0);
    uint32_t extra[AN_TRAIN_EXTRA];
    an_update_header want = {
        .round = plan->round, .dim = plan->dim, .plan_hash = *an_combine_plan_hash(u->job, update)};
    snprintf(want.site, sizeof want.site, "%s", update->site);
    an_err err = update->sealed  ? AN_OK
                 : update->bytes ? an_fold_bytes(update->bytes, update->len, &want, &update->hash, NULL, why)
                                 : an_fold_file(update->path, &want, &update->hash, NULL, NULL, why);
    if (err == AN_OK)
        err = read_words(u, update, plan->dim - AN_TRAIN_EXTRA, AN_TRAIN_EXTRA, extra, why);
    if (err == AN_OK)
        err = an_train_totals(&ret->totals, &facts, extra, why);
    ret->update = update;
    ret->plan = plan;
    ret->weight = ret->totals.weight;
    ret->scale = update->origin ? 1.0 / sqrt(1.0 + update->staleness) : 1.0;
    return err;
}

static an_err note_outlier(an_combine_job *job, const char *site, const an_combine_verdict *v)
{
    char reason[AN_REASON_MAX];
    snprintf(reason, sizeof reason, "%s; its norm is %.4g", an_rule_fate_text(v->fate), v->norm);
    return an_combine_outlier_add(job, site, v->fate == AN_RULE_CUT, reason);
}

/* The round's figures are of the sites that are in the result. */
static an_err conclude(an_combine_job *job, const update_rows *u, const an_combine_verdict *verdicts)
{
    an_train_out all = {.delta = NULL};
    an_err err = AN_OK;
    for (size_t i = 0; i < job->n_updates && err == AN_OK; i++) {
        const an_rule_fate fate = verdicts[i].fate;
        const an_train_out *one = &u->rows[i].totals;
        if (fate != AN_RULE_KEPT)
            err = note_outlier(job, u->rows[i].update->site, &verdicts[i]);
        if (fate != AN_RULE_KEPT && fate != AN_RULE_CUT)
            continue;
        all.loss += one->weight * one->loss;
        all.weight += one->weight;
        all.clipped += one->clipped;
        all.saturated += one->saturated;
    }
    if (all.weight > 0)
        all.loss /= all.weight;
    an_combine_figures(job, &all);
    return err;
}

an_err an_combine_robust(an_combine_job *job, an_bundle *b, an_note *why)
{
    const an_payload_facts facts = an_combine_facts(job->plan, 0, 0);
    const size_t n = job->n_updates;
    an_err err = AN_ERR_NOMEM;
    an_combine_verdict *verdicts = an_alloc(n, sizeof *verdicts);
    update_rows *u = an_alloc(1, sizeof *u);
    if (!verdicts || !u)
        goto out;
    u->job = job;
    u->rows = an_alloc(n, sizeof *u->rows);
    u->weights = an_alloc(n, sizeof *u->weights);
    if (!u->rows || !u->weights)
        goto out;
    if (!job->rule)
        job->rule = an_rule_find("mean");
    if (an_payload_n_params(&facts) != b->n_weights) {
        err = an_fail(AN_ERR_PROTO, why, "the plan has another layout than its base version");
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        if ((err = open_row(u, &job->updates[i], &u->rows[i], why)) != AN_OK)
            goto out;
    qsort(u->rows, n, sizeof *u->rows, by_site);
    for (size_t i = 0; i < n; i++)
        u->weights[i] = u->rows[i].weight;
    const an_combine_rows rows = {.n = n, .weights = u->weights, .ctx = u, .read = read_row};
    if ((err = an_combine_rows_step(job, b, &rows, verdicts, why)) == AN_OK)
        err = conclude(job, u, verdicts);
out:
    if (u) {
        an_free(u->rows);
        an_free(u->weights);
    }
    an_free(u);
    an_free(verdicts);
    return err;
}
