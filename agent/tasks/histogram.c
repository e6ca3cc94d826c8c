/* HISTOGRAM: how many values of each sensor fall into each bin of the base version. */
#include "models/histogram.h"
#include "agent/tasks/task_internal.h"
#include "base/mem.h"

static an_err run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    const an_site_data *d = task->data;
    const an_bundle *b = task->base;
    const size_t width = d->width, bins = (size_t)b->n_edges + 1, rows = d->train.n * d->context;
    an_err err = AN_ERR_NOMEM;
    uint64_t *wide = an_alloc(bins, sizeof *wide);
    uint32_t *counts = an_alloc(width * bins, sizeof *counts);
    if (!wide || !counts)
        goto out;
    if (rows == 0 || b->n_edges == 0) {
        err = rows ? an_fail(AN_ERR_STATE, why, "the version has no bins")
                   : an_fail(AN_ERR_AGAIN, why, "no training windows yet: 0 of 1");
        goto out;
    }
    for (size_t f = 0; f < width; f++) {
        memset(wide, 0, bins * sizeof *wide);
        an_hist_count(wide, b->edges + f * b->n_edges, b->n_edges, d->train.raw, rows, width, f);
        for (size_t i = 0; i < bins; i++)
            counts[f * bins + i] = wide[i] < UINT32_MAX ? (uint32_t)wide[i] : UINT32_MAX;
    }
    an_payload_in in = {.histogram = {.counts = counts}};
    err = an_task_encode(task, &in, ret, why);
    ret_result->windows = d->train.n;
out:
    an_free(wide);
    an_free(counts);
    return err;
}

const an_task_type an_task_histogram = {
    .kind = AN_PAYLOAD_HISTOGRAM,
    .words = "for each sensor how many values fall into each bin",
    .run = run,
};
