/* VARIANCE: the sum of squared distances from the mean that all sites agreed on before. */
#include "agent/tasks/task_internal.h"

static an_err run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    return an_task_moments(task, task->base->prep.mean, ret, ret_result, why);
}

const an_task_type an_task_variance = {
    .kind = AN_PAYLOAD_VARIANCE,
    .words = "for each sensor the sum of squared distances from the fleet's mean",
    .run = run,
};
