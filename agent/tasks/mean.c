/* MEAN: how many values each sensor has had in known-normal operation, and their sum; behind steps, each feature in
 * each regime. */

#include "agent/tasks/task_internal.h"
#include "base/mem.h"

an_err an_task_moments(const an_task *task, const float *about, uint32_t *ret, an_task_result *ret_result,
                       an_note *why)
{
    const an_site_data *d = task->data;
    const an_prep *prep = &task->base->prep;
    const size_t columns = an_prep_columns(prep);
    an_err err = AN_ERR_NOMEM;
    uint64_t *n = an_alloc(columns, sizeof *n);
    double *sum = an_alloc(columns, sizeof *sum), *around = an_alloc(columns, sizeof *around);
    if (!n || !sum || !around)
        goto out;
    if (d->train.n == 0) {
        err = an_fail(AN_ERR_AGAIN, why, "no training windows yet: 0 of 1");
        goto out;
    }
    if (d->context < an_prep_rows(&prep->conf)) {
        err = an_fail(AN_ERR_INVAL, why,
                      "samples have %zu rows, the version needs %zu: pool.window says how many", d->context,
                      an_prep_rows(&prep->conf));
        goto out;
    }
    for (size_t f = 0; about && f < columns; f++)
        around[f] = (double)about[f];
    err = an_prep_sums(&prep->conf, d->train.raw, d->train.n, d->context, d->width, about ? around : NULL, n,
                       sum);
    if (err != AN_OK)
        goto out;
    an_payload_in in = {.mean = {.n = n, .sum = sum}}; /* variance is the same member */
    err = an_task_encode(task, &in, ret, why);
    ret_result->windows = d->train.n;
out:
    an_free(n);
    an_free(sum);
    an_free(around);
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
