/* FIT: the sums over the site's windows of known-normal operation that the version's detector is made from.  The
 * windows are scaled as the site will score them, and a network sees them with the parameters that are the site's own. */
#include "agent/tasks/task_internal.h"
#include "base/mem.h"

#define PIECE_VALUES 1048576 /* between two looks at whether others need the processor */

static an_err reconstruct(const an_task *task, const float *x, size_t n, float **ret, an_note *why)
{
    const an_bundle *b = task->base;
    an_model *m = NULL;
    float *params = NULL;
    if (!b->detector->type->needs_model)
        return AN_OK;
    an_err err = an_bundle_model(b, &m, why);
    if (err == AN_OK && !(params = an_alloc(b->n_weights, sizeof *params)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK) {
        memcpy(params, b->weights, b->n_weights * sizeof *params);
        if (task->local && task->n_local > 0 && task->n_local == an_local_take(m, params, NULL))
            an_local_put(m, params, task->local);
        err = an_model_reconstruct(m, params, x, n, ret, why);
    }
    an_free(params);
    an_model_free(m);
    return err;
}

static an_err add_up(const an_task *task, const float *x, const float *y, size_t n, double *sums,
                     an_note *why)
{
    const an_detector *d = task->base->detector;
    const size_t input = (size_t)d->window * d->features, piece = PIECE_VALUES / input + 1;
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i += piece) {
        an_pace_wait(task->pace);
        if (task->cancel && atomic_load(task->cancel))
            return an_fail(AN_ERR_CANCELLED, why, "the round was called off");
        err = an_detector_add(d, x + i * input, y ? y + i * input : NULL, n - i < piece ? n - i : piece, sums,
                              why);
    }
    return err;
}

static an_err run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    const an_detector *d = task->base->detector;
    const size_t n_sums = an_detector_n_sums(d);
    float *x = NULL, *y = NULL;
    size_t n = 0;
    if (n_sums == 0)
        return an_fail(AN_ERR_INVAL, why, "the version's detector does not follow from sums");
    double *sums = an_alloc(n_sums, sizeof *sums);
    an_err err = sums ? an_task_windows(task, &x, &n, why) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = reconstruct(task, x, n, &y, why);
    if (err == AN_OK)
        err = add_up(task, x, y, n, sums, why);
    if (err == AN_OK) {
        const an_payload_in in = {.fit = {.n = n, .sums = sums}};
        err = an_task_encode(task, &in, ret, why);
        ret_result->windows = n;
    }
    an_free(sums);
    an_free(x);
    an_free(y);
    return err;
}

const an_task_type an_task_fit = {
    .kind = AN_PAYLOAD_FIT,
    .words = "sums over all windows that a detector is made from: of values, of what a network leaves over "
             "of them, and "
             "of their products, or counts",
    .run = run,
};
