/* What takes long is not done between two rows: a pool is written to disk, or a version is made ready on a copy of the
 * pool, by the line's second thread, which stands back.
 *
 *     wanted --> copying, a piece a turn --> out, with the second thread --> back: saved, or live
 *
 * While a version is made ready, what ran before scores on, and further orders wait, so that they keep their order. */
#include <stdio.h>
#include <string.h>

#include "agent/runtime_line.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define PIECE                                                                                                \
    (64u << 10) /* bytes copied between two rows: some tens of microseconds, most of it for new pages */

struct an_errand {
    an_going *going; /* to be made ready; NULL: the pool is to be saved */
    an_held held;    /* a copy, of the copied pool */
    an_err err;
    an_note why;
};

static void errand_free(an_errand *e)
{
    if (!e)
        return;
    an_going_free(e->going);
    an_pool_free(e->held.pool);
    an_free(e);
}

/* ---- the second thread ---- */

/* With the pool as it will be when the version is live. */
static void make_ready(const an_line *l, an_held *held, an_going *g)
{
    an_note why = {{0}};
    const an_driftwatch_conf drift = an_agent_line_drift(l->conf);
    (void)an_held_live(held, g->with_held); /* counted where it is for good */
    g->live.images = l->frame.rows > 0;
    if (g->n_edges > 0 && an_live_reference(&g->live, &drift, held->pool, held->settled_ms, g->edges,
                                            g->n_edges + 1, &g->live.reference, &why) != AN_OK)
        an_log(AN_LOG_INFO, "drift_not_watched", "line=%s why=\"%s\"", l->conf->name, why.text);
    if (l->fused && an_live_chance(&g->live, held->pool, held->settled_ms, &why) != AN_OK)
        an_log(AN_LOG_WARN, "not_fused", "line=%s why=\"%s\"", l->conf->name, why.text);
    const an_err err = l->frame.rows > 0 ? an_live_map_learn(&g->live, held->pool, l->frame.channels, &why)
                                         : an_live_explain(&g->live, held->pool, &why);
    if (err != AN_OK)
        an_log(AN_LOG_INFO, "alarms_without_reasons", "line=%s why=\"%s\"", l->conf->name, why.text);
}

static void run(const an_line *l, an_errand *e)
{
    if (e->going)
        make_ready(l, &e->held, e->going);
    else
        e->err = an_pool_save(e->held.pool, l->pool_path, &e->why);
    an_pool_free(e->held.pool); /* of hundreds of megabytes that takes long, too */
    e->held.pool = NULL;
}

void an_errand_main(an_pipe *pipe, void *line)
{
    const an_line *l = line;
    an_errand *e;
    size_t len;
    an_err err = AN_OK;
    (void)an_thread_stand_back((int)l->agent->nice); /* as it stands otherwise */
    an_actor_ready(pipe, AN_OK, NULL);
    while (err != AN_ERR_CANCELLED) {
        while ((err = an_pipe_recv(pipe, &e, sizeof e, &len)) == AN_OK) {
            run(l, e);
            if (an_pipe_send(pipe, &e, sizeof e) != AN_OK) /* one errand at a time: there is room */
                an_log(AN_LOG_ERROR, "errand_lost", "line=%s", l->conf->name);
        }
        if (err == AN_ERR_AGAIN && (err = an_pipe_wait(pipe, -1)) == AN_ERR_IO)
            return;
    }
}

/* ---- the line's thread ---- */

static void not_saved(an_line_run *r, const char *why)
{
    an_log(AN_LOG_ERROR, "pool_not_saved", "line=%s why=\"%s\"", r->l->conf->name, why);
    snprintf(r->status.error, sizeof r->status.error, "%.150s", why);
}

/* Takes back what is finished. */
static void take_back(an_line_run *r)
{
    an_errand *e;
    size_t len;
    if (!r->errand || an_pipe_recv(an_actor_pipe(r->l->errands), &e, sizeof e, &len) != AN_OK)
        return;
    r->errand = NULL;
    r->readying = false;
    if (e->going) {
        an_line_live(r, e->going);
        e->going = NULL;
    } else if (e->err != AN_OK) {
        not_saved(r, e->why.text[0] ? e->why.text : an_err_text(e->err));
    }
    errand_free(e);
}

/* Without memory for a copy: here and now, on the pool itself. */
static void do_it_here(an_line_run *r)
{
    an_going *g = r->going;
    r->going = NULL;
    if (!g) {
        an_line_save_pool_now(r);
        return;
    }
    make_ready(r->l, &r->held, g);
    an_line_live(r, g);
}

static void send_out(an_line_run *r)
{
    an_errand *e = an_alloc(1, sizeof *e);
    r->copying = false;
    if (!e) {
        an_pool_twin_drop(r->l->pool);
        do_it_here(r);
        return;
    }
    e->held = r->held;
    e->held.pool = an_pool_twin_take(r->l->pool);
    e->going = r->going;
    r->going = NULL;
    r->readying = e->going != NULL;
    r->save_wanted =
        r->save_wanted || r->readying; /* what the copy was begun for, if a version came in between */
    r->errand = e;
    if (an_pipe_send(an_actor_pipe(r->l->errands), &e, sizeof e) == AN_OK) /* one at a time: there is room */
        return;
    an_log(AN_LOG_ERROR, "errand_lost", "line=%s", r->l->conf->name);
    r->errand = NULL;
    r->readying = false;
    errand_free(e);
}

bool an_line_is_readying(const an_line_run *r)
{
    return r->going || r->readying;
}

bool an_line_errands(an_line_run *r)
{
    take_back(r);
    if (r->copying && an_pool_twin_step(r->l->pool, PIECE))
        send_out(r);
    if (r->copying || r->errand || !(r->going || r->save_wanted))
        return r->copying;
    r->copying = an_pool_twin_begin(r->l->pool) == AN_OK;
    if (!r->copying)
        do_it_here(r);
    else if (!r->going)
        r->save_wanted = false; /* what changes from here on is not in the copy, and asks again */
    return r->copying;
}

void an_line_errands_end(an_line_run *r)
{
    an_pool_twin_drop(r->l->pool);
    r->copying = false;
    an_going_free(r->going);
    r->going = NULL;
    while (r->errand) {
        an_errand *e;
        size_t len;
        if (an_pipe_recv(an_actor_pipe(r->l->errands), &e, sizeof e, &len) == AN_OK) {
            errand_free(e);
            r->errand = NULL;
        } else if (an_pipe_wait(an_actor_pipe(r->l->errands), -1) == AN_ERR_IO) {
            return;
        }
    }
}

void an_line_save_pool(an_line_run *r)
{
    r->save_wanted = true;
}

void an_line_save_pool_now(an_line_run *r)
{
    an_note why = {{0}};
    r->save_wanted = false;
    const an_err err = an_pool_save(r->l->pool, r->l->pool_path, &why);
    if (err != AN_OK)
        not_saved(r, why.text[0] ? why.text : an_err_text(err));
}
