/* The agent's budget: held against the lines at the start, against a job before its data are copied, and measured. */
#include "agent/runtime_link.h"
#include "base/log.h"

an_err an_agent_budget_open(an_agent *a, an_note *why)
{
    const an_agent_conf *c = a->conf;
    const an_resources_conf conf = {
        .memory = (uint64_t)c->budget_memory, .training = (uint64_t)c->budget_training, .cpu = c->budget_cpu};
    uint64_t twins = 0;
    for (size_t i = 0; i < a->n_lines; i++)
        twins +=
            2 * (uint64_t)an_pool_bytes(a->lines[i].pool); /* the copy, and the file before it is written */
    return an_resources_open(&a->budget, &conf, NULL, twins, why);
}

static uint64_t snapshot_bytes(const an_snapshot *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < AN_SNAPSHOT_PARTS; i++)
        n += s->n[i];
    return n * s->width * s->context * sizeof(float);
}

/* The copies that the job will be given, as the lines said a second ago, and once more while they are joined. */
static uint64_t copies_bytes(const an_agent *a)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < a->n_lines; i++) {
        const an_line *l = &a->lines[i];
        for (size_t k = 0; a->wanted[i] && k < AN_POOL_PARTS; k++)
            bytes += (uint64_t)l->status.pool[k] * l->width * l->context * sizeof(float);
    }
    return 2 * bytes;
}

bool an_agent_budget_fits(an_agent *a)
{
    const uint64_t left = an_resources_left(&a->budget), need = copies_bytes(a);
    if (left == AN_RESOURCES_NONE || need <= left)
        return true;
    an_err err = an_resources_refuse(&a->budget, need, left, &a->declined);
    return err == AN_OK;
}

/* The copies are there, so that what is measured has them. */
uint64_t an_agent_budget_job(const an_agent *a, const an_snapshot *data)
{
    uint64_t left = an_resources_left(&a->budget);
    if (left == AN_RESOURCES_NONE)
        return 0;
    if (a->budget.conf.training > 0) {
        const uint64_t data_bytes = snapshot_bytes(data), all = a->budget.conf.training;
        const uint64_t rest = all > data_bytes ? all - data_bytes : 0;
        left = rest < left ? rest : left;
    }
    return left > 0 ? left : 1; /* 0 would be no bound */
}

void an_agent_budget_look(an_agent *a)
{
    const an_resources_figures *f = &a->budget.figures;
    if (an_resources_look(&a->budget, a->clock->mono_ms(a->clock)))
        an_log(AN_LOG_WARN, "over_budget", "memory_bytes=%llu budget_bytes=%llu cpus=%.2f budget_cpus=%.2f",
               (unsigned long long)f->memory, (unsigned long long)a->budget.conf.memory, f->cpu_now,
               a->budget.conf.cpu);
}
