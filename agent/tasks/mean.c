/* MEAN: how many values each sensor has had in known-normal operation, and their sum. */
#include <math.h>

#include "agent/tasks/task_internal.h"
#include "base/mem.h"

an_err an_task_moments(const an_task *task, const float *about, uint32_t *ret, an_task_result *ret_result,
                       an_note *why)
{
    const an_site_data *d = task->data;
    const size_t width = d->width, rows = d->train.n * d->context;
    an_err err = AN_ERR_NOMEM;
    uint64_t *n = an_alloc(width, sizeof *n);
    double *sum = an_alloc(width, sizeof *sum);
    if (!n || !sum)
        goto out;
    if (rows == 0) {
        err = an_fail(AN_ERR_STATE, why, "no training windows yet");
        goto out;
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t f = 0; f < width; f++) {
            float x = d->train.raw[r * width + f];
            if (!isfinite(x))
                continue;
            double v = about ? (double)x - (double)about[f] : (double)x;
            n[f]++;
            sum[f] += about ? v * v : v;
        }
    }
    an_payload_in in = {.mean = {.n = n, .sum = sum}}; /* variance is the same member */
    err = an_task_encode(task, &in, ret, why);
    ret_result->windows = d->train.n;
out:
    an_free(n);
    an_free(sum);
    return err;
}

static an_err run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    return an_task_moments(task, NULL, ret, ret_result, why);
}

const an_task_type an_task_mean = {
    .kind = AN_PAYLOAD_MEAN,
    .words = "for each sensor the number of values and their sum",
    .run = run,
};
