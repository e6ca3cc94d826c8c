/* What the session asks the link thread for: messages, versions, work, and lines that change
 * over. */
#include <stdio.h>
#include <string.h>

#include "agent/runtime_link.h"
#include "base/log.h"
#include "base/mem.h"

void an_agent_fault(an_agent *a, const char *event, const char *why)
{
    an_log(AN_LOG_WARN, event, "why=\"%s\"", why);
    snprintf(a->last_error, sizeof a->last_error, "%s: %.150s", event, why);
    a->faults++;
}

void an_agent_order(an_line *l, const an_order *o)
{
    /* Orders are few; a line that does not read some 2000 of them is dead. */
    if (an_pipe_send(an_actor_pipe(l->actor), o, sizeof *o) == AN_OK)
        return;
    an_log(AN_LOG_ERROR, "order_lost", "line=%s", l->conf->name);
    an_going_free(o->going);
    an_free(o->judged);
}

an_line *an_agent_line_of(an_agent *a, const char *name)
{
    for (size_t i = 0; i < a->n_lines; i++)
        if (strcmp(a->lines[i].conf->name, name) == 0)
            return &a->lines[i];
    return NULL;
}

/* ---- what the session asks for ---- */

static an_err io_send(void *ctx, const an_msg *msg)
{
    an_agent *a = ctx;
    an_note why = {{0}};
    an_buf b;
    an_buf_init(&b, AN_MSG_CONTROL_MAX);
    an_err err = an_msg_encode(msg, &b, &why);
    if (err != AN_OK)
        an_agent_fault(a, "message_not_encoded", why.text);
    else
        err = an_control_send(a->control, b.data, b.len);
    an_buf_done(&b);
    if (msg->type == AN_MSG_UPDATE_OFFER)
        an_bulk_greet(a->bulk, &msg->u.update_offer.update);
    return err;
}

static void io_fetch(void *ctx, const an_hash *version, uint64_t size, const char *path)
{
    (void)size; /* comes with the first byte */
    an_bulk_fetch(((an_agent *)ctx)->bulk, version, path);
}

/* Copies come from all lines of the model in a round, from the line alone for its overlay. */
static bool takes_part(const an_agent *a, const an_job *job, size_t i)
{
    const an_line *l = &a->lines[i];
    if (strcmp(l->conf->name, job->line) == 0)
        return true;
    const an_line *first = NULL;
    for (size_t k = 0; k < a->n_lines && !first; k++)
        if (strcmp(a->lines[k].conf->name, job->line) == 0)
            first = &a->lines[k];
    return job->kind == AN_JOB_ROUND && first && strcmp(l->conf->model, job->model) == 0 &&
           l->width == first->width && l->context == first->context;
}

static void io_run(void *ctx, an_job *job)
{
    an_agent *a = ctx;
    const an_line *l = an_agent_line_of(a, job->line);
    const an_calibrate_opts mine = an_agent_line_calibrate(l->conf);
    const size_t n_threads = job->calibrate.n_threads;
    job->calibrate = mine;
    job->calibrate.policy = NULL;
    job->calibrate.n_threads = n_threads;
    snprintf(job->policy, sizeof job->policy, "%s", mine.policy ? mine.policy : "");
    a->job = job;
    for (size_t i = 0; i < a->n_lines; i++)
        a->wanted[i] = takes_part(a, job, i);
    if (!an_agent_budget_fits(a))
        return;
    for (size_t i = 0; i < a->n_lines; i++) {
        if (!a->wanted[i])
            continue;
        const an_order o = {.kind = AN_ORDER_SNAPSHOT};
        an_agent_order(&a->lines[i], &o);
    }
}

/* A version for the line: its model, and what its drift watch needs. */
static an_err make_going(const an_line *l, const an_running *running, an_going **ret, an_note *why)
{
    const an_bundle *b = running->bundle;
    an_going *g = an_alloc(1, sizeof *g);
    if (!g)
        return AN_ERR_NOMEM;
    an_err err = an_live_make(b, &running->version, running->values, &running->overlay, &g->live, why);
    if (err == AN_OK && g->live.width != l->width)
        err = an_fail(AN_ERR_INVAL, why, "the version wants %zu sensors, the line has %zu", g->live.width,
                      l->width);
    const size_t n = (size_t)b->n_edges * l->width;
    if (err == AN_OK && n > 0 && !(g->edges = an_alloc(n, sizeof *g->edges)))
        err = AN_ERR_NOMEM;
    if (err != AN_OK) {
        an_going_free(g);
        return err;
    }
    if (n > 0)
        memcpy(g->edges, b->edges, n * sizeof *g->edges);
    g->n_edges = b->n_edges;
    g->with_held = running->with_held;
    g->watched = running->watched;
    *ret = g;
    return AN_OK;
}

static an_err io_go_live(void *ctx, const char *line, const an_running *running, an_note *why)
{
    an_agent *a = ctx;
    an_line *l = an_agent_line_of(a, line);
    char hex[AN_HASH_TEXT];
    an_going *g = NULL;
    an_err err = make_going(l, running, &g, why);
    if (err != AN_OK)
        return err;
    const an_running *before = running->before;
    if (before && an_live_make(before->bundle, &before->version, before->values, &before->overlay, &g->before,
                               why) == AN_ERR_NOMEM) {
        an_going_free(g);
        return AN_ERR_NOMEM;
    }
    an_hash_text(hex, &running->version);
    an_log(AN_LOG_INFO, "version_live", "line=%s version=%.12s threshold=%.4g", line, hex, g->live.threshold);
    const an_order o = {.kind = AN_ORDER_LIVE, .going = g};
    an_agent_order(l, &o);
    return AN_ERR_AGAIN; /* the line says when */
}

static an_err io_shadow(void *ctx, const char *line, const an_running *running, uint64_t rows, an_note *why)
{
    an_line *l = an_agent_line_of(ctx, line);
    an_going *g = NULL;
    an_err err = make_going(l, running, &g, why);
    if (err != AN_OK)
        return err;
    an_log(AN_LOG_INFO, "candidate_shadowed", "line=%s rows=%llu", line, (unsigned long long)rows);
    const an_order o = {.kind = AN_ORDER_SHADOW, .going = g, .rows = rows};
    an_agent_order(l, &o);
    return AN_OK;
}

static void io_shadow_end(void *ctx, const char *line)
{
    const an_order o = {.kind = AN_ORDER_SHADOW_END};
    an_agent_order(an_agent_line_of(ctx, line), &o);
}

an_err an_agent_find_upload(void *agent, const an_hash *update, char out[static AN_PATH_MAX])
{
    return an_session_upload(((an_agent *)agent)->session, update, out);
}

/* ---- the trainer ---- */

static void job_ended(an_agent *a, an_err err, const an_note *why)
{
    an_job *job = a->job;
    a->job = NULL;
    if (err != AN_OK)
        an_log(AN_LOG_WARN, "job_failed", "line=%s err=%s why=\"%s\"", job->line, an_err_name(err),
               why->text);
    a->last_job[0] = '\0';
    if (err != AN_OK)
        snprintf(a->last_job, sizeof a->last_job, "line %s: %.150s", job->line,
                 why->text[0] ? why->text : an_err_text(err));
    an_session_done(a->session, job, err, why);
}

void an_agent_drop_copies(an_agent *a)
{
    for (size_t i = 0; i < a->n_lines; i++) {
        an_snapshot_free(a->copies[i]);
        a->copies[i] = NULL;
    }
}

void an_agent_train(an_agent *a)
{
    an_snapshot *items[AN_LINES_MAX];
    size_t n = 0;
    an_note why = {{0}};
    for (size_t i = 0; i < a->n_lines; i++) {
        if (a->wanted[i])
            return; /* not all are here */
        if (a->copies[i])
            items[n++] = a->copies[i];
    }
    an_training *t = an_alloc(1, sizeof *t);
    an_err err = t && n > 0 ? an_snapshot_join(items, n, &t->data) : AN_ERR_NOMEM;
    an_agent_drop_copies(a);
    if (err == AN_OK) {
        a->job->memory_left = an_agent_budget_job(a, t->data);
        t->job = a->job;
        t->line = an_agent_line_of(a, a->job->line);
        err = an_pipe_send(an_actor_pipe(a->trainer), &t, sizeof t);
    }
    if (err == AN_OK) {
        a->training = t;
        return;
    }
    if (t)
        an_snapshot_free(t->data);
    an_free(t);
    job_ended(a, err, &why);
}

void an_agent_declined(an_agent *a)
{
    const an_note why = a->declined;
    if (!a->job || !why.text[0])
        return;
    a->declined.text[0] = '\0';
    memset(a->wanted, 0, sizeof a->wanted);
    job_ended(a, AN_ERR_REFUSED, &why);
}

void an_agent_trained(an_agent *a)
{
    an_training *t;
    size_t len;
    while (an_pipe_recv(an_actor_pipe(a->trainer), &t, sizeof t, &len) == AN_OK) {
        a->training = NULL;
        a->budget.figures.refused += t->err == AN_ERR_REFUSED;
        job_ended(a, t->err, &t->why);
        an_free(t);
    }
}

static void io_windows(void *ctx, const char *line, size_t *ret_train, size_t *ret_held_back)
{
    const size_t *pool = an_agent_line_of(ctx, line)->status.pool;
    *ret_train = pool[AN_POOL_TRAIN];
    *ret_held_back = pool[AN_POOL_OLD] + pool[AN_POOL_NEW];
}

an_session_io an_agent_io(an_agent *a)
{
    return (an_session_io){a, io_send, io_fetch, io_run, io_go_live, io_shadow, io_shadow_end, io_windows};
}
