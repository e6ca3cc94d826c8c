#include "agent/task.h"

#include "agent/tasks/task_internal.h"
#include "base/mem.h"
#include "base/rng.h"

static const an_task_type *const types[] = {
#define X(name) &an_task_##name,
#include "agent/tasks.def"
#undef X
};

const an_task_type *an_task_find(an_payload_kind kind)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i]->kind == kind)
            return types[i];
    return NULL;
}

const an_task_type *an_task_at(size_t i)
{
    return i < sizeof types / sizeof *types ? types[i] : NULL;
}

void an_task_result_done(an_task_result *r)
{
    an_free(r->local);
    an_free(r->moved);
    *r = (an_task_result){0};
}

uint64_t an_task_seed(const an_task *task)
{
    an_hash h;
    an_hash_of(&h, task->site, strlen(task->site));
    an_reader r = an_reader_of(h.b, sizeof h.b);
    return an_mix64(task->plan->seed ^ an_read_u64(&r));
}

an_payload_facts an_task_facts(const an_task *task)
{
    const an_plan *p = task->plan;
    an_payload_facts f = {.n_cohort = p->n_cohort,
                          .value_bits = p->value_bits,
                          .seed = p->seed,
                          .site = task->site,
                          .tensors = p->tensors,
                          .n_tensors = p->n_tensors,
                          .clip_norm = p->clip_norm,
                          .weight_cap = p->weight_cap,
                          .equal = p->dp_unit != AN_DP_NONE};
    if (task->base) {
        f.n_features = (uint32_t)(p->kind == AN_PAYLOAD_HISTOGRAM ? task->base->prep.width
                                                                  : an_prep_columns(&task->base->prep));
        f.n_bins = task->base->n_edges + 1;
        f.n_sums = (uint32_t)an_detector_n_sums(task->base->detector);
    }
    return f;
}

an_err an_task_encode(const an_task *task, const an_payload_in *in, uint32_t *ret, an_note *why)
{
    const an_payload_type *type = an_payload_find(task->plan->kind);
    an_payload_facts facts = an_task_facts(task);
    if (type->dim(&facts) != task->plan->dim)
        return an_fail(AN_ERR_INVAL, why, "the plan asks for %u coordinates, its base version gives %llu",
                       task->plan->dim, (unsigned long long)type->dim(&facts));
    return task->plan->dp_unit == AN_DP_SITE ? an_task_encode_noised(task, &facts, in, ret, why)
                                             : type->encode(ret, &facts, in, why);
}

an_err an_task_run(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why)
{
    an_task_result result = {0};
    const an_task_type *type = an_task_find(task->plan->kind);
    if (!type)
        return an_fail(AN_ERR_UNSUPPORTED, why, "this agent knows no such kind of round");
    const an_bundle *v = an_payload_judges(type->kind) ? task->candidate : task->base;
    if (!v)
        return an_fail(AN_ERR_INVAL, why, "the version of the plan is not at hand");
    if (v->prep.width != task->data->width)
        return an_fail(AN_ERR_INVAL, why, "the site has %zu sensors, the version %u", task->data->width,
                       v->prep.width);
    an_err err = type->run(task, ret, &result, why);
    if (err == AN_OK && ret_result)
        *ret_result = result;
    else
        an_task_result_done(&result);
    return err;
}
