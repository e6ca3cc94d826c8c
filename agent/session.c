/* The session's frame: greeting, heartbeats, fetching, whose turn it is. */
#include "agent/session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"
#include "base/mem.h"

#define HELLO_FIRST_MS 1000
#define HELLO_LAST_MS 30000
#define HELLO_UNSENT_MS 200 /* there is no connection yet */
#define LEASE_MS_MIN 300
#define LEASE_MS_MAX 3600000
#define FETCH_AGAIN_MS 5000
#define PROGRESS_MS 2000
#define OWN_ID (UINT64_C(1) << 63) /* msg_ids that are not a fact's */

int64_t an_session_now(const an_session *s)
{
    return s->conf.clock->mono_ms(s->conf.clock);
}

an_err an_session_send(an_session *s, an_msg *msg)
{
    if (!s->connected || (!s->greeted && msg->type != AN_MSG_HELLO))
        return AN_ERR_AGAIN;
    msg->epoch = msg->type == AN_MSG_HELLO ? 0 : s->epoch;
    if (msg->msg_id == 0)
        msg->msg_id = s->next_id++;
    an_session_note_message(s, msg);
    return s->conf.io.send(s->conf.io.ctx, msg);
}

an_line_state *an_session_line_of(an_session *s, const char *model)
{
    for (size_t i = 0; i < s->conf.n_lines; i++)
        if (strcmp(s->lines[i].conf->model, model) == 0)
            return &s->lines[i];
    return NULL;
}

an_line_state *an_session_line_named(an_session *s, const char *line)
{
    for (size_t i = 0; i < s->conf.n_lines; i++)
        if (strcmp(s->lines[i].conf->line, line) == 0)
            return &s->lines[i];
    return NULL;
}

/* ---- greeting ---- */

void an_session_hello(an_session *s)
{
    an_msg m = {.type = AN_MSG_HELLO};
    an_msg_hello *h = &m.u.hello;
    const int64_t now = an_session_now(s);
    s->greeted = s->beat_open = false;
    if (!s->connected)
        return;
    an_text_set(h->agent_version, sizeof h->agent_version, AN_VERSION);
    an_text_set(h->site, sizeof h->site, s->conf.site);
    memcpy(h->statement_key, s->conf.sign_public, AN_KEY_BYTES);
    h->instance = s->conf.instance;
    h->root_number = s->root.number;
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        const an_line_state *line = &s->lines[i];
        an_msg_line *l = &h->lines[h->n_lines++];
        an_text_set(l->line, sizeof l->line, line->conf->line);
        an_text_set(l->model, sizeof l->model, line->conf->model);
        l->schema = line->schema;
        l->version = line->version;
        l->overlay = line->overlay;
    }
    for (size_t i = 0; i < s->n_parts; i++) /* without an update: it is worked on */
        h->held[h->n_held++] = (an_msg_held){.round = s->parts[i]->round, .update = s->parts[i]->update};
    an_parts_unsure(s, h);
    h->roster = s->roster_hash;
    an_text_set(h->capabilities[h->n_capabilities++], AN_SHORT_MAX, "secure-sum");
    if (an_cipher_is_fast(AN_CIPHER_AES256CTR))
        an_text_set(h->capabilities[h->n_capabilities++], AN_SHORT_MAX, "aes");
    const bool sent = an_session_send(s, &m) != AN_ERR_AGAIN; /* else nobody is there */
    s->hello_ms = now + (sent ? s->hello_wait_ms : HELLO_UNSENT_MS);
    if (!sent)
        return;
    s->hello_wait_ms = s->hello_wait_ms * 2 < HELLO_LAST_MS ? s->hello_wait_ms * 2 : HELLO_LAST_MS;
}

void an_session_connected(an_session *s)
{
    s->connected = true;
    s->hello_wait_ms = HELLO_FIRST_MS;
    an_session_hello(s);
}

void an_session_lost(an_session *s)
{
    s->connected = s->greeted = s->beat_open = false;
    s->fact = 0;
}

static an_err on_welcome(an_session *s, const an_msg *msg)
{
    const an_msg_welcome *w = &msg->u.welcome;
    const int64_t now = an_session_now(s);
    if (s->instance && s->instance != w->instance)
        an_log(AN_LOG_INFO, "coordinator_restarted", "epoch=%llu", (unsigned long long)w->epoch);
    s->greeted = true;
    s->beat_open = false;
    s->epoch = w->epoch;
    s->instance = w->instance;
    s->lease_ms = w->lease_ms < LEASE_MS_MIN   ? LEASE_MS_MIN
                  : w->lease_ms > LEASE_MS_MAX ? LEASE_MS_MAX
                                               : w->lease_ms;
    s->status.clock_off_ms = w->wall_ms - s->conf.clock->wall_ms(s->conf.clock);
    s->heard_ms = now;
    s->beat_ms = now + s->lease_ms / 3;
    s->hello_wait_ms = HELLO_FIRST_MS;
    an_remarks_welcome(s, w);
    an_keys_tick(s, true);
    an_secure_tick(s, true);
    an_parts_offer(s, true);
    an_facts_pump(s, true);
    an_session_drive(s);
    return AN_OK;
}

/* A heartbeat whose answer is missing when the next is due means that the session is gone. */
static void beat(an_session *s)
{
    an_spool_stats waiting;
    an_msg m = {.type = AN_MSG_HEARTBEAT};
    if (s->beat_open) {
        an_session_hello(s);
        return;
    }
    m.u.heartbeat.instance = s->conf.instance;
    bool stale = false;
    for (size_t i = 0; i < s->conf.n_lines; i++)
        stale = stale || an_trust_is_stale(s, &s->lines[i]);
    char text[AN_SHORT_MAX];
    snprintf(text, sizeof text, "%s%s", an_session_look(s).state, stale ? ", release expired" : "");
    an_text_set(m.u.heartbeat.state, sizeof m.u.heartbeat.state, text);
    if (an_spool_stats_get(s->spool, &waiting, NULL) == AN_OK)
        m.u.heartbeat.queued_alarms = waiting.waiting < UINT32_MAX ? (uint32_t)waiting.waiting : UINT32_MAX;
    for (size_t i = 0; i < s->n_parts; i++)
        m.u.heartbeat.queued_updates += s->parts[i]->state == AN_PART_HOLDING && !s->parts[i]->acked;
    for (size_t i = 0; s->conf.io.windows && i < s->conf.n_lines; i++) {
        an_msg_windows *w = &m.u.heartbeat.windows[m.u.heartbeat.n_windows++];
        size_t train = 0, held_back = 0;
        s->conf.io.windows(s->conf.io.ctx, s->lines[i].conf->line, &train, &held_back);
        an_text_set(w->line, sizeof w->line, s->lines[i].conf->line);
        w->train = train < AN_WINDOWS_TOLD ? (uint32_t)train : AN_WINDOWS_TOLD;
        w->held_back = held_back < AN_WINDOWS_TOLD ? (uint32_t)held_back : AN_WINDOWS_TOLD;
    }
    s->beat_open = true;
    s->beat_ms = an_session_now(s) + s->lease_ms / 3;
    if (an_session_send(s, &m) == AN_ERR_AGAIN) /* no connection; else the missing answer tells */
        an_session_hello(s);
}

static an_err on_heartbeat_ack(an_session *s, const an_msg *msg)
{
    s->beat_open = false;
    /* Of no session: the coordinator has begun anew, or somebody else with this site's keys had the session since. */
    if (!msg->epoch || msg->u.heartbeat_ack.instance != s->instance)
        an_session_hello(s);
    return AN_OK;
}

an_err an_session_message(an_session *s, const an_msg *msg, an_note *why)
{
    an_err err = an_msg_expect(msg, AN_DOOR_CONTROL, AN_WAY_DOWN, why);
    if (err != AN_OK)
        return err;
    if (msg->type == AN_MSG_WELCOME)
        return on_welcome(s, msg);
    const bool unknown = msg->type == AN_MSG_HEARTBEAT_ACK && !msg->epoch; /* it knows none */
    if (!s->greeted || (msg->epoch != s->epoch && !unknown))
        return an_fail(AN_ERR_STATE, why, "the message is of another session");
    s->heard_ms = an_session_now(s);
    switch (msg->type) {
    case AN_MSG_HEARTBEAT_ACK:
        return on_heartbeat_ack(s, msg);
    case AN_MSG_PLAN:
        return an_parts_plan(s, msg, why);
    case AN_MSG_UPDATE_ACK:
        return an_parts_ack(s, msg, why);
    case AN_MSG_UPDATE_REQUEST:
        return an_parts_request(s, msg, why);
    case AN_MSG_SECURE:
        return an_secure_message(s, msg, why);
    case AN_MSG_ROSTER:
        return an_rosters_message(s, msg, why);
    case AN_MSG_ROUND_END:
        err = an_parts_end(s, msg, why);
        an_session_drive(s);
        return err;
    case AN_MSG_VERSION:
        return an_follow_version(s, msg, why);
    case AN_MSG_RETURN:
        return an_return_message(s, msg, why);
    case AN_MSG_REFIT:
        return an_refit_message(s, msg, why);
    case AN_MSG_TRUST:
        return an_trust_message(s, msg, why);
    case AN_MSG_ACK:
        return an_keys_ack(s, msg) ? AN_OK : an_facts_ack(s, msg, why);
    default:
        return AN_OK;
    }
}

/* ---- fetching ---- */

static void ask(an_session *s, an_fetch_state *f, uint64_t size)
{
    char path[AN_PATH_MAX];
    if (an_versions_part(s->versions, &f->version, path) != AN_OK)
        return;
    f->running = true;
    s->conf.io.fetch(s->conf.io.ctx, &f->version, size, path);
}

bool an_session_want(an_session *s, const an_hash *version, uint64_t size)
{
    char path[AN_PATH_MAX];
    an_fetch_state *mine = NULL, *room = NULL;
    if (an_versions_path(s->versions, version, path) == AN_OK)
        return true;
    for (size_t i = 0; i < AN_FETCHES_MAX; i++) {
        an_fetch_state *f = &s->fetches[i];
        if (an_hash_equal(&f->version, version))
            mine = f;
        else if (an_hash_is_zero(&f->version))
            room = f;
    }
    if (!s->greeted || (!mine && !room))
        return false; /* asked for again when there is a link, or room */
    if (!mine) {
        *room = (an_fetch_state){.version = *version, .retry_ms = INT64_MIN};
        mine = room;
    }
    if (!mine->running && an_session_now(s) >= mine->retry_ms)
        ask(s, mine, size);
    return false;
}

void an_session_fetched(an_session *s, const an_hash *version, an_err err, const an_note *why)
{
    char path[AN_PATH_MAX];
    an_note note = {{0}};
    an_fetch_state *f = NULL;
    for (size_t i = 0; i < AN_FETCHES_MAX && !f; i++)
        if (an_hash_equal(&s->fetches[i].version, version))
            f = &s->fetches[i];
    if (!f || an_hash_is_zero(version))
        return;
    if (err == AN_OK && (err = an_versions_part(s->versions, version, path)) == AN_OK) {
        err = an_versions_adopt(s->versions, version, path, &note);
        why = &note;
    }
    f->running = false;
    if (err == AN_OK) {
        *f = (an_fetch_state){.running = false};
    } else {
        an_log(AN_LOG_WARN, "version_not_fetched", "err=%s why=\"%s\"", an_err_name(err),
               why ? why->text : "");
        f->retry_ms = an_session_now(s) + FETCH_AGAIN_MS;
    }
    an_session_drive(s);
}

/* ---- jobs: one at a time ---- */

an_job *an_session_job(an_session *s, an_job_kind kind, const an_line_state *line)
{
    an_job *job = an_alloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->kind = kind;
    snprintf(job->site, sizeof job->site, "%s", s->conf.site);
    snprintf(job->model, sizeof job->model, "%s", line->conf->model);
    snprintf(job->line, sizeof job->line, "%s", line->conf->line);
    job->now_ms = s->conf.clock->wall_ms(s->conf.clock);
    job->calibrate = *s->conf.calibrate;
    job->calibrate.n_threads = s->conf.n_threads ? s->conf.n_threads : 1;
    if (s->conf.calibrate->policy)
        snprintf(job->policy, sizeof job->policy, "%s", s->conf.calibrate->policy);
    job->calibrate.policy = NULL;
    job->n_threads = job->calibrate.n_threads;
    memcpy(job->local_dir, s->local_dir, sizeof job->local_dir);
    return job;
}

void an_session_start(an_session *s, an_job *job, uint64_t round)
{
    s->job = job;
    s->job_round = round;
    s->progress_ms = an_session_now(s) + PROGRESS_MS;
    s->conf.io.run(s->conf.io.ctx, job);
}

void an_session_done(an_session *s, an_job *job, an_err err, const an_note *why)
{
    assert(job == s->job);
    s->job = NULL;
    if (job->kind == AN_JOB_ROUND)
        an_parts_done(s, job, err, why);
    else if (job->kind == AN_JOB_CANDIDATE)
        an_shadow_part_prepared(s, job, err, why);
    else if (job->kind == AN_JOB_REFIT)
        an_refit_done(s, job, err, why);
    else
        an_follow_done(s, job, err, why);
    an_job_free(job);
    an_session_drive(s);
}

/* What is to run next comes before what is to be learned next. */
void an_session_drive(an_session *s)
{
    const int64_t now = an_session_now(s);
    an_parts_drive(s);
    an_follow_drive(s);
    an_remarks_drive(s);
    for (size_t i = 0; s->greeted && i < AN_FETCHES_MAX; i++)
        if (!s->fetches[i].running && now >= s->fetches[i].retry_ms)
            s->fetches[i] = (an_fetch_state){.running = false}; /* nobody asked again */
    if (!s->job && !an_follow_start(s) && !an_refit_start(s))
        an_parts_start(s);
}

static void tell_progress(an_session *s)
{
    an_msg m = {.type = AN_MSG_PROGRESS};
    double fraction = atomic_load_explicit(&s->job->progress, memory_order_relaxed);
    m.u.progress.round = s->job_round;
    m.u.progress.phase = AN_PROGRESS_TRAINING;
    m.u.progress.fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    s->progress_ms = an_session_now(s) + PROGRESS_MS;
    (void)(an_session_send(s, &m) == AN_OK); /* for people only */
}

/* ---- time ---- */

void an_session_tick(an_session *s)
{
    const int64_t now = an_session_now(s);
    if (s->greeted && now - s->heard_ms > s->lease_ms)
        an_session_hello(s);
    else if (s->greeted && now >= s->beat_ms)
        beat(s);
    else if (s->connected && !s->greeted && now >= s->hello_ms)
        an_session_hello(s);
    if (s->greeted && s->job && s->job_round && now >= s->progress_ms)
        tell_progress(s);
    if (s->fact && now >= s->fact_ms)
        an_facts_pump(s, true);
    an_keys_tick(s, false);
    an_secure_tick(s, false);
    an_parts_offer(s, false);
    an_shadow_parts_tick(s);
    an_trust_stale(s);
    an_session_drive(s);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t an_session_deadline(const an_session *s)
{
    int64_t next = sooner(an_secure_deadline(s), an_parts_deadline(s));
    next = sooner(next, sooner(an_follow_deadline(s), an_facts_deadline(s)));
    next = sooner(next, sooner(an_keys_deadline(s), an_shadow_parts_deadline(s)));
    if (s->greeted)
        next = sooner(next, sooner(s->beat_ms, s->heard_ms + s->lease_ms + 1));
    else if (s->connected)
        next = sooner(next, s->hello_ms);
    if (s->greeted && s->job && s->job_round)
        next = sooner(next, s->progress_ms);
    for (size_t i = 0; s->greeted && i < AN_FETCHES_MAX; i++)
        if (!an_hash_is_zero(&s->fetches[i].version) && !s->fetches[i].running)
            next = sooner(next, s->fetches[i].retry_ms);
    return next;
}

/* ---- life ---- */

static an_err check_conf(const an_session_conf *c, an_note *why)
{
    if (c->n_lines < 1 || c->n_lines > AN_LINES_MAX)
        return an_fail(AN_ERR_INVAL, why, "a site has 1 to %d lines", AN_LINES_MAX);
    if (!c->root_key || !c->coordinator_key)
        return an_fail(AN_ERR_INVAL, why, "a session needs the release root and the coordinator's key");
    if (!an_name_ok(c->site))
        return an_fail(AN_ERR_INVAL, why, "the site's name has letters, digits, '.', '_' and '-' only");
    for (size_t i = 0; i < c->n_lines; i++)
        if (!an_name_ok(c->lines[i].line) || !an_name_ok(c->lines[i].model))
            return an_fail(AN_ERR_INVAL, why,
                           "names of lines and models have letters, digits, '.', '_' and '-' only");
    if (c->calibrate->policy && strlen(c->calibrate->policy) >= AN_THRESHOLD_TEXT)
        return an_fail(AN_ERR_INVAL, why, "the threshold policy is too long");
    return AN_OK;
}

static an_err open_folders(an_session *s, an_note *why)
{
    char versions[AN_PATH_MAX];
    an_err err;
    if ((err = an_path_join(versions, s->conf.dir, "versions")) != AN_OK ||
        (err = an_path_join(s->uploads_dir, s->conf.dir, "uploads")) != AN_OK ||
        (err = an_path_join(s->local_dir, s->conf.dir, "local")) != AN_OK)
        return an_fail(err, why, "the folder's name is too long");
    if ((err = an_dir_make(s->uploads_dir, why)) != AN_OK || (err = an_dir_make(s->local_dir, why)) != AN_OK)
        return err;
    return an_versions_open(versions, s->conf.versions_quota, &s->versions, why);
}

an_err an_session_new(const an_session_conf *conf, an_session **ret, an_note *why)
{
    an_err err = check_conf(conf, why);
    if (err != AN_OK)
        return err;
    an_session *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->conf = *conf;
    s->spool = conf->spool;
    s->next_id = OWN_ID + 1;
    s->hello_wait_ms = HELLO_FIRST_MS;
    for (size_t i = 0; i < conf->n_lines; i++) {
        s->lines[i].conf = &conf->lines[i];
        an_schema_hash(&s->lines[i].schema, conf->lines[i].schema);
    }
    if (!s->spool) {
        s->own_spool = true;
        if ((err = an_spool_open(":memory:", &(an_spool_conf){0}, &s->spool, why)) != AN_OK)
            goto out;
    }
    if ((err = open_folders(s, why)) != AN_OK)
        goto out;
    if ((err = an_trust_restore(s, why)) != AN_OK)
        goto out;
    if ((err = an_rosters_restore(s, why)) != AN_OK)
        goto out;
    if ((err = an_parts_restore(s, why)) != AN_OK)
        goto out;
    if ((err = an_parts_sweep(s, why)) != AN_OK)
        goto out;
    if ((err = an_follow_restore(s, why)) != AN_OK)
        goto out;
    *ret = s;
    s = NULL;
out:
    an_session_free(s);
    return err;
}

void an_session_free(an_session *s)
{
    if (!s)
        return;
    an_parts_free(s);
    an_roster_done(&s->roster);
    an_versions_close(s->versions);
    if (s->own_spool)
        an_spool_close(s->spool);
    an_free(s);
}

an_session_status an_session_look(const an_session *s)
{
    an_session_status st = s->status;
    st.greeted = s->greeted;
    st.silent_ms = s->heard_ms ? an_session_now(s) - s->heard_ms : -1;
    st.epoch = s->epoch;
    st.jobs = s->job != NULL;
    st.rotation = an_keys_wait(s);
    st.state = s->job ? s->job_round ? "training" : "calibrating" : "idle";
    for (size_t i = 0; i < s->n_parts; i++) {
        st.uploads += s->parts[i]->state == AN_PART_HOLDING;
        st.jobs += s->parts[i]->state == AN_PART_READY;
    }
    for (size_t i = 0; i < AN_FETCHES_MAX && !s->job; i++)
        if (s->fetches[i].running)
            st.state = "fetching";
    return st;
}
