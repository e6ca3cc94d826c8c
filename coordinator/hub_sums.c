/* Sums: the job that turns a round's updates into its result, when the round asks for it and when
 * an auditor does. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/hub_internal.h"
#include "doors/crypto.h"

#define PATIENCE_MS 600000 /* with a disk or a database that fails */
#define AGAIN_MS 2000
#define FRESH_MS 10000 /* what a replay came to, for whoever asked and asks again at once */

an_err an_hub_plan_read(an_hub *hub, const an_hash *plan_hash, an_plan **ret, an_buf *bytes, an_note *why)
{
    an_err err = an_store_object_get(hub->conf.store, plan_hash, bytes, why);
    return err == AN_OK ? an_plan_decode(bytes->data, bytes->len, ret, why) : err;
}

/* A small one is brought along, for it may be no file. */
static an_err fill_update(an_hub *hub, const an_member *m, an_combine_update *u)
{
    an_note why;
    an_buf b;
    snprintf(u->site, sizeof u->site, "%s", m->site);
    u->hash = m->update;
    uint64_t size = 0;
    an_err err = an_store_object_size(hub->conf.store, &m->update, &size, &why);
    if (err != AN_OK || size > AN_OBJECT_SMALL)
        return err != AN_OK ? err : an_store_object_path(hub->conf.store, &m->update, u->path);
    an_buf_init(&b, AN_OBJECT_SMALL);
    err = an_store_object_get(hub->conf.store, &m->update, &b, &why);
    if (err == AN_OK && !(u->bytes = an_alloc_raw(b.len, 1)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK) {
        memcpy(u->bytes, b.data, b.len);
        u->len = b.len;
    }
    an_buf_done(&b);
    return err;
}

/* The sums themselves stay with the round; the worker makes its own from what they have accepted. */
static an_err fill_secure(an_hub *hub, const an_round *round, an_combine_job *job)
{
    an_note why;
    an_err err = an_hub_roster_read(hub, &job->plan->secure.roster, &job->roster, &why);
    for (uint32_t g = 0; g < job->plan->secure.groups && err == AN_OK; g++) {
        const char *left_out = an_round_secure_left_out(round, g);
        const uint8_t *bytes;
        size_t len;
        if (left_out) {
            err = an_combine_name_group(job, g, left_out);
            continue;
        }
        an_secure_sum_save(an_round_secure_sum(round, g), &bytes, &len);
        an_buf_init(&job->secure[g], len);
        an_buf_put(&job->secure[g], bytes, len);
        err = an_buf_err(&job->secure[g]);
    }
    return err;
}

/* Of a late update: the plan that it was made for, which others of its round share. */
static an_err fill_origin(an_hub *hub, const an_plan *plan, const an_member *m, an_combine_job *job,
                          an_combine_update *u, an_note *why)
{
    an_err err = AN_OK;
    size_t at = 0;
    while (at < job->n_origins && job->origins[at].round != m->trained_in)
        at++;
    if (at == job->n_origins &&
        (err = an_hub_late_origin(hub, plan, m->trained_in, &job->origins[at], why)) == AN_OK)
        job->n_origins++;
    u->origin = &job->origins[at];
    u->staleness = m->staleness;
    return err;
}

/* From the round's records alone, so that a replay finds the same job. */
static an_err fill_job(an_hub *hub, const an_round_entry *e, const an_round *round, an_combine_job *job,
                       an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    job->plan_hash = round->plan_hash;
    job->updates = an_alloc(round->n_members, sizeof *job->updates);
    job->origins = an_alloc(round->n_members, sizeof *job->origins);
    if (!job->updates || !job->origins)
        return err;
    for (size_t i = 0; i < round->n_members; i++) {
        const an_member *m = &round->members[i];
        if (m->state != AN_MEMBER_DELIVERED)
            continue;
        an_combine_update *u = &job->updates[job->n_updates++];
        if ((err = fill_update(hub, m, u)) != AN_OK ||
            (m->trained_in && (err = fill_origin(hub, job->plan, m, job, u, why)) != AN_OK))
            return err;
    }
    if (!an_payload_judges(job->plan->kind) &&
        (err = an_hub_bundle_path(hub, &job->plan->base, job->base_path, why)) != AN_OK)
        return err;
    if (round->secure && (err = fill_secure(hub, round, job)) != AN_OK)
        return err;
    memcpy(job->seal_secret, hub->seal_secret, sizeof job->seal_secret);
    job->rule = e->rule;
    job->rule_opts = e->rule_opts;
    job->optimiser = e->server;
    job->server = e->server_args;
    if (!an_hash_is_zero(&e->optimiser) &&
        (err = an_store_object_file(hub->conf.store, &e->optimiser, job->state_path, why)) != AN_OK)
        return err;
    snprintf(job->out_dir, sizeof job->out_dir, "%s", an_store_spool_dir(hub->conf.store));
    return AN_OK;
}

/* Neither memory nor a disk or database that is away for a while costs a round: it stays as it is, and the tick tries
 * again. */
static bool is_tried_again(an_hub *hub, an_hub_round *r, an_err err, const an_note *why)
{
    const int64_t now = an_hub_now(hub);
    if (err != AN_ERR_NOMEM && err != AN_ERR_IO)
        return false;
    if (r->failing_ms == 0)
        r->failing_ms = now;
    if (err == AN_ERR_IO && now - r->failing_ms >= PATIENCE_MS)
        return false;
    r->sum_ms = now + AGAIN_MS;
    an_log(AN_LOG_ERROR, "sum_delayed", "round=%llu why=\"%s\"", (unsigned long long)r->round.id,
           why && why->text[0] ? why->text : an_err_text(err));
    return true;
}

void an_hub_sum_start(an_hub *hub, an_hub_round *r)
{
    an_note why = {{0}};
    an_combine_job *job = NULL;
    an_buf bytes;
    an_buf_init(&bytes, AN_PLAN_BYTES_MAX);
    const an_round_entry *e = an_state_round(&hub->state, r->round.id);
    an_err err = AN_OK;
    if (r->combining || r->n_lacking > 0 || (r->failing_ms != 0 && an_hub_now(hub) < r->sum_ms))
        goto out;
    err = AN_ERR_NOMEM;
    if (!(job = an_alloc(1, sizeof *job)))
        goto out;
    if ((err = an_hub_plan_read(hub, &r->round.plan_hash, &job->plan, &bytes, &why)) != AN_OK)
        goto out;
    if ((err = fill_job(hub, e, &r->round, job, &why)) != AN_OK)
        goto out;
    if ((err = hub->conf.io.combine(hub->conf.io.ctx, job)) != AN_OK)
        goto out;
    r->combining = true;
    job = NULL;
out:
    an_buf_done(&bytes);
    if (job) {
        an_combine_done(job);
        an_free(job);
    }
    if (err != AN_OK && !is_tried_again(hub, r, err, &why)) {
        an_round_event failed = {.type = AN_ROUND_EVENT_SUM_FAILED, .now_ms = an_hub_now(hub)};
        an_text_set(failed.reason, sizeof failed.reason, why.text[0] ? why.text : an_err_text(err));
        an_hub_round_event(hub, r, &failed, "coordinator");
    }
}

/* ---- for an auditor ---- */

static an_err replay_start(an_hub *hub, const an_round_entry *e, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_combine_job *job = an_alloc(1, sizeof *job);
    an_hub_round *r = an_alloc(1, sizeof *r);
    if (!job || !r)
        goto out;
    an_buf_init(&r->plan_bytes, AN_PLAN_BYTES_MAX);
    if ((err = an_hub_round_reread(hub, e->id, r, why)) != AN_OK)
        goto out;
    job->plan = r->plan; /* handed over */
    r->plan = NULL;
    if ((err = fill_job(hub, e, &r->round, job, why)) != AN_OK)
        goto out;
    if ((err = hub->conf.io.combine(hub->conf.io.ctx, job)) != AN_OK)
        goto out;
    hub->replay = (an_hub_replay){.round = e->id, .job = job};
    job = NULL;
out:
    an_hub_round_free(r);
    if (job) {
        an_combine_done(job);
        an_free(job);
    }
    return err;
}

static void replay_ended(an_hub *hub, const an_combine_job *job, an_err err, const an_note *why)
{
    an_hub_replay *p = &hub->replay;
    const an_round_entry *e = an_state_round(&hub->state, p->round);
    p->job = NULL;
    p->err = err;
    p->ended_ms = an_hub_now(hub);
    if (why)
        p->why = *why;
    if (err != AN_OK)
        return;
    p->result = job->result;
    p->same = e && an_hash_equal(&job->result, &e->result);
    p->err = an_file_remove(job->result_path, &p->why);
    if (p->err == AN_OK && job->new_state_path[0])
        p->err = an_file_remove(job->new_state_path, &p->why);
}

an_err an_hub_round_replay(an_hub *hub, uint64_t round, an_hash *ret_result, bool *ret_same, an_note *why)
{
    an_hub_replay *p = &hub->replay;
    const an_round_entry *e = an_state_round(&hub->state, round);
    if (!e || !e->over || !e->committed)
        return an_fail(AN_ERR_NOTFOUND, why, "no committed round %llu", (unsigned long long)round);
    if (p->job)
        return AN_ERR_AGAIN;
    if (p->round == round && an_hub_now(hub) - p->ended_ms < FRESH_MS) {
        *ret_result = p->result;
        *ret_same = p->same;
        p->round = 0;
        return p->err == AN_OK ? AN_OK : an_fail(p->err, why, "%s", p->why.text);
    }
    if (e->pruned)
        return an_fail(AN_ERR_NOTFOUND, why,
                       "the updates of round %llu are no longer kept (policy keep.rounds, keep.bytes)",
                       (unsigned long long)round);
    an_err err = replay_start(hub, e, why);
    return err == AN_OK ? AN_ERR_AGAIN : err;
}

/* ---- what a job came to ---- */

void an_hub_combined(an_hub *hub, an_combine_job *job, an_err err, const an_note *why)
{
    an_note note = {{0}};
    an_hub_round *r = NULL;
    if (job == hub->replay.job) {
        replay_ended(hub, job, err, why);
        goto out;
    }
    an_hub_settle(hub);
    if ((r = an_hub_round_find(hub, job->plan->round))) {
        r->combining = false;
        if (err == AN_OK)
            err = an_store_object_adopt(hub->conf.store, job->result_path, &job->result, &note);
        if (err == AN_OK && job->new_state_path[0])
            err = an_store_object_adopt(hub->conf.store, job->new_state_path, &job->new_state, &note);
        an_round_event e = {.now_ms = an_hub_now(hub)};
        if (err != AN_OK && is_tried_again(hub, r, err, note.text[0] ? &note : why))
            goto out;
        r->failing_ms = 0;
        if (err == AN_OK) {
            e.type = AN_ROUND_EVENT_SUMMED;
            e.hash = job->result;
        } else {
            e.type = AN_ROUND_EVENT_SUM_FAILED;
            an_text_set(e.reason, sizeof e.reason,
                        note.text[0]          ? note.text
                        : why && why->text[0] ? why->text
                                              : an_err_text(err));
        }
        an_hub_round_feed(hub, r, &e, "coordinator", job);
    }
out:
    an_combine_done(job);
    an_free(job);
}
