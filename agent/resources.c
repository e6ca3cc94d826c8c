#include "agent/resources.h"

#include "base/usage.h"

#define SPAN_MS 10000 /* over which processor time is looked at */
#define MIB 1048576.0

static double mib(uint64_t bytes)
{
    return (double)bytes / MIB;
}

an_err an_resources_open(an_resources *b, const an_resources_conf *conf, uint64_t (*measure)(void),
                         uint64_t twins, an_note *why)
{
    b->conf = *conf;
    b->measure = measure ? measure : an_usage_memory;
    b->twins = twins;
    b->figures.memory = b->figures.memory_most = b->measure();
    b->figures.planned = b->figures.memory + twins;
    if (conf->memory > 0 && b->figures.planned > conf->memory)
        return an_fail(AN_ERR_LIMIT, why,
                       "budget.memory is %.0f MiB, and without training the agent takes %.0f MiB: %.0f MiB "
                       "with its lines "
                       "open, %.0f MiB while pools are saved. Give it more, or lower pool.bytes",
                       mib(conf->memory), mib(b->figures.planned), mib(b->figures.memory), mib(twins));
    return AN_OK;
}

void an_resources_trainer_here(an_resources *b)
{
    if (an_usage_thread_clock(&b->trainer))
        atomic_store_explicit(&b->has_trainer, true, memory_order_release);
}

uint64_t an_resources_left(const an_resources *b)
{
    const uint64_t now = b->measure() + b->twins;
    const uint64_t used = now > b->figures.planned ? now : b->figures.planned;
    uint64_t left = AN_RESOURCES_NONE;
    if (b->conf.memory > 0)
        left = b->conf.memory > used ? b->conf.memory - used : 0;
    return b->conf.training > 0 && b->conf.training < left ? b->conf.training : left;
}

an_err an_resources_refuse(an_resources *b, uint64_t need, uint64_t left, an_note *why)
{
    b->figures.refused++;
    return an_fail(AN_ERR_REFUSED, why,
                   "site budget: the work takes %.1f MiB of memory, and %.1f MiB are left", mib(need),
                   mib(left));
}

bool an_resources_look(an_resources *b, int64_t now_ms)
{
    an_resources_figures *f = &b->figures;
    const bool first = b->since_ms == 0;
    const uint64_t seconds = b->look_ms > 0 ? (uint64_t)(now_ms - b->look_ms + 500) / 1000 : 0;
    const bool was_over = f->memory_over_s + f->cpu_over_s > 0;
    f->memory = b->measure();
    f->memory_most = f->memory > f->memory_most ? f->memory : f->memory_most;
    f->cpu_s = an_usage_cpu_s();
    if (atomic_load_explicit(&b->has_trainer, memory_order_acquire)) {
        const double s = an_usage_clock_s(b->trainer);
        f->trainer_cpu_s = s > f->trainer_cpu_s ? s : f->trainer_cpu_s;
    }
    if (!first && now_ms > b->since_ms)
        f->cpu_now = (f->cpu_s - b->since_cpu_s) * 1000 / (double)(now_ms - b->since_ms);
    if (b->conf.memory > 0 && f->memory > b->conf.memory)
        f->memory_over_s += seconds;
    if (b->conf.cpu > 0 && now_ms - b->since_ms >= SPAN_MS / 2 && !first && f->cpu_now > b->conf.cpu * 1.1)
        f->cpu_over_s += seconds;
    if (first || now_ms - b->since_ms >= SPAN_MS) {
        b->since_ms = now_ms;
        b->since_cpu_s = f->cpu_s;
    }
    b->look_ms = now_ms;
    return !was_over && f->memory_over_s + f->cpu_over_s > 0;
}
