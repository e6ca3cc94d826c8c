/* The trainer's thread: one job after the other, standing back behind the line's own work. */
#include <errno.h>

#include "agent/runtime_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

static an_data_part part(const an_snapshot *s, unsigned which)
{
    return (an_data_part){.raw = s->n[which] ? s->raw[which] : NULL, .n = s->n[which]};
}

static void run(an_training *t)
{
    const an_snapshot *s = t->data;
    const an_line *l = t->line;
    const an_site_data data = {.width = s->width,
                               .context = s->context,
                               .train = part(s, AN_POOL_TRAIN),
                               .recent = part(s, AN_POOL_RECENT),
                               .old = part(s, AN_POOL_OLD),
                               .fresh = part(s, AN_POOL_NEW),
                               .held = part(s, AN_POOL_HELD),
                               .changed = part(s, AN_SNAPSHOT_CHANGED),
                               .recent_since = s->since[AN_POOL_RECENT],
                               .fresh_since = s->since[AN_POOL_NEW],
                               .confirmed = part(s, AN_POOL_CONFIRMED),
                               .sensors = l->sensors,
                               .modes = l->conf->modes,
                               .n_modes = l->conf->n_modes};
    t->job->pace = l->governor ? an_governor_pace(l->governor) : NULL;
    t->err = an_job_run(t->job, &data, &t->why);
    an_snapshot_free(t->data);
    t->data = NULL;
}

void an_train_main(an_pipe *pipe, void *conf)
{
    const an_trainer_conf *c = conf;
    an_training *t;
    size_t len;
    an_err err = AN_OK;
    /* On Linux the priority is the thread's, and its workers inherit it. */
    if (!an_thread_stand_back((int)c->nice))
        an_log(AN_LOG_WARN, "nice_not_set", "errno=%d", errno);
    an_resources_trainer_here(c->budget);
    an_actor_ready(pipe, AN_OK, NULL);
    while (err != AN_ERR_CANCELLED) {
        while ((err = an_pipe_recv(pipe, &t, sizeof t, &len)) == AN_OK) {
            run(t);
            if (an_pipe_send(pipe, &t, sizeof t) != AN_OK) /* one job at a time: there is room */
                an_log(AN_LOG_ERROR, "job_lost", "line=%s", t->job->line);
        }
        if (err == AN_ERR_AGAIN && (err = an_pipe_wait(pipe, -1)) == AN_ERR_IO)
            return;
    }
}
