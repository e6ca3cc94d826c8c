/* The sites of the in-process federation: enrolment, the session's outside, jobs and files. */
#include <stdio.h>
#include <string.h>

#include "agent/spool.h"
#include "base/mem.h"
#include "coordinator/lab/federation_internal.h"
#include "net/keys.h"
#include "sum/vector.h"

#define FILE_MAX ((size_t)1 << 31)

/* ---- what callbacks put down ---- */

void an_fed_chore_put(an_fed *f, const an_fed_chore *chore)
{
    if (an_grow(&f->chores, &f->cap_chores, f->n_chores + 1, sizeof *f->chores))
        f->chores[f->n_chores++] = *chore;
    else
        f->err = AN_ERR_NOMEM;
}

static an_err on_send(void *ctx, const an_msg *msg)
{
    an_fed_site *s = ctx;
    an_fed_send(s, &s->up, msg);
    return AN_OK;
}

static void on_fetch(void *ctx, const an_hash *version, uint64_t size, const char *path)
{
    an_fed_site *s = ctx;
    an_fed_chore c = {.kind = AN_FED_FETCH_VERSION, .site = s->index, .object = *version, .size = size};
    snprintf(c.path, sizeof c.path, "%s", path);
    an_fed_chore_put(s->fed, &c);
}

static void on_run(void *ctx, an_job *job)
{
    an_fed_site *s = ctx;
    an_job_free(s->job); /* the session has one job at a time */
    s->job = job;
}

/* Bundle and overlay are copied through their bytes, as a file would do it. */
static an_err keep_running(an_fed_site *s, const an_running *r, an_note *why)
{
    an_overlay overlay = {.n_local = 0};
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_overlay_encode(r->values, &bytes, why);
    if (err == AN_OK)
        err = an_overlay_decode(&overlay, bytes.data, bytes.len, why);
    an_buf_done(&bytes);
    if (err != AN_OK)
        return err;
    an_bundle bundle = {.arch = NULL};
    if ((err = an_bundle_copy(&bundle, r->bundle)) != AN_OK) {
        an_overlay_done(&overlay);
        return err;
    }
    an_bundle_done(&s->bundle);
    an_overlay_done(&s->overlay);
    s->bundle = bundle;
    s->overlay = overlay;
    s->version = r->version;
    s->live = true;
    return AN_OK;
}

static an_err on_live(void *ctx, const char *line, const an_running *running, an_note *why)
{
    (void)line;
    return keep_running(ctx, running, why);
}

/* ---- opening ---- */

static an_err enrol(an_fed *f, an_fed_site *s, an_note *why)
{
    uint8_t secret[32], key[32], link_secret[AN_LINK_KEY_BYTES], statement[AN_ENROL_STATEMENT_BYTES];
    an_msg_enrol e = {.agent_version = "lab"};
    an_msg_enrol_reply reply;
    an_hash mac;
    an_err err = an_hub_token(f->hub, "user/lab", "", 3600 * 1000, e.token_id, secret, why);
    if (err != AN_OK)
        return err;
    snprintf(e.site, sizeof e.site, "%s", s->conf->name);
    an_link_keypair(e.link_key, link_secret);
    memcpy(e.statement_key, s->sign_public, sizeof e.statement_key);
    an_token_key(key, secret);
    an_enrol_statement(statement, &e);
    an_mac_of(&mac, key, statement, sizeof statement);
    memcpy(e.mac, mac.b, sizeof e.mac);
    an_hub_enrol(f->hub, e.link_key, &e, &reply);
    an_wipe(secret, sizeof secret);
    an_wipe(key, sizeof key);
    an_wipe(link_secret, sizeof link_secret);
    if (reply.status != AN_ENROL_PENDING)
        return an_fail(AN_ERR_REFUSED, why, "site %s cannot enrol: %s", e.site, reply.text);
    return an_hub_site_decide(f->hub, "user/lab", e.site, true, "in one process", why);
}

static an_err open_session(an_fed *f, an_fed_site *s, an_note *why)
{
    char name[32];
    snprintf(name, sizeof name, "site-%zu", s->index);
    an_err err = an_path_join(s->dir, f->dir, name);
    if (err != AN_OK || (err = an_dir_make(s->dir, why)) != AN_OK)
        return err;
    s->line = (an_session_line){.line = "line", .model = f->conf->spec->name, .schema = &s->schema};
    s->session_conf = (an_session_conf){
        .site = s->conf->name,
        .sign_public = s->sign_public,
        .sign_secret = s->sign_secret,
        .coordinator_key = f->sign_public,
        .root_key = f->sign_public,
        .lines = &s->line,
        .n_lines = 1,
        .policy = &s->policy,
        .calibrate = s->conf->calibrate,
        .dir = s->dir,
        .n_threads = 1,
        .clock = &f->clock.clock,
        .io = {.ctx = s, .send = on_send, .fetch = on_fetch, .run = on_run, .go_live = on_live},
        .instance = s->index + 1,
    };
    return an_session_new(&s->session_conf, &s->session, why);
}

an_err an_fed_site_open(an_fed *f, size_t i, an_note *why)
{
    an_fed_site *s = &f->sites[i];
    const an_model_spec *spec = f->conf->spec;
    *s = (an_fed_site){.fed = f, .index = i, .conf = &f->conf->sites[i]};
    an_sign_keypair(s->sign_public, s->sign_secret);
    an_err err = an_site_policy_init(&s->policy);
    s->policy.allow_trusted = true; /* all is in one process */
    s->policy.min_cohort = 1;
    if (err == AN_OK)
        err = an_site_policy_set(&s->policy, "rounds_per_day", "100000", "laboratory", why);
    if (err == AN_OK)
        err = an_schema_new(&s->schema, spec->sensors, spec->units, spec->n_sensors, spec->rate_hz,
                            spec->window, why);
    if (err == AN_OK)
        err = enrol(f, s, why);
    if (err == AN_OK)
        err = open_session(f, s, why);
    return err;
}

void an_fed_site_close(an_fed_site *s)
{
    an_session_free(s->session);
    an_job_free(s->job);
    an_fed_link_done(&s->up);
    an_fed_link_done(&s->down);
    an_schema_done(&s->schema);
    an_site_policy_done(&s->policy);
    an_bundle_done(&s->bundle);
    an_overlay_done(&s->overlay);
    an_wipe(s->sign_secret, sizeof s->sign_secret);
}

/* ---- jobs ---- */

typedef struct batch {
    an_fed *fed;
    size_t *sites; /* (n) that have a job */
    size_t n;
} batch;

static an_err run_job(an_fed_site *s)
{
    an_hostile hostile;
    if (s->conf->hostile) {
        hostile = *s->conf->hostile;
        hostile.seed += s->index;
        s->job->tamper = an_hostile_tamper;
        s->job->tamper_arg = &hostile;
    }
    return an_job_run(s->job, s->conf->data, &s->job_why);
}

static void run_one(void *ctx, size_t job, size_t worker)
{
    batch *b = ctx;
    an_fed_site *s = &b->fed->sites[b->sites[job]];
    const atomic_bool *cancel = b->fed->conf->cancel;
    (void)worker;
    if (cancel && atomic_load(cancel))
        s->job_err = an_fail(AN_ERR_CANCELLED, &s->job_why, "interrupted");
    else
        s->job_err = run_job(s);
}

bool an_fed_run_jobs(an_fed *f)
{
    uint32_t order[AN_COHORT_MAX];
    size_t sites[AN_COHORT_MAX], n = 0;
    for (size_t i = 0; i < f->n_sites; i++)
        if (f->sites[i].job)
            sites[n++] = i;
    if (n == 0)
        return false;
    batch b = {.fed = f, .sites = sites, .n = n};
    an_workers_run(f->workers, n, run_one, &b);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)sites[i];
    if (f->conf->faults.shuffle)
        an_rng_shuffle(&f->order, order, n);
    for (size_t i = 0; i < n; i++) {
        an_fed_site *s = &f->sites[order[i]];
        an_job *job = s->job;
        s->job = NULL;
        if (s->job_err != AN_OK)
            an_note_set(&f->failure, "%s: %.200s", s->conf->name,
                        s->job_why.text[0] ? s->job_why.text : an_err_text(s->job_err));
        an_session_done(s->session, job, s->job_err, &s->job_why);
        s->job_why = (an_note){{0}};
        f->jobs_done++;
    }
    return true;
}

/* ---- files ---- */

static an_err copy_file(const char *from, const char *to, uint64_t *ret_size, an_note *why)
{
    an_buf bytes;
    an_buf_init(&bytes, FILE_MAX);
    an_err err = an_file_read(&bytes, from, why);
    if (err == AN_OK)
        err = an_file_write(to, bytes.data, bytes.len, 0644, why);
    if (err == AN_OK)
        *ret_size = bytes.len;
    an_buf_done(&bytes);
    return err;
}

static void fetch_version(an_fed *f, const an_fed_chore *c)
{
    an_note why = {{0}};
    char from[AN_PATH_MAX];
    uint64_t size = 0;
    an_err err = an_store_object_file(f->store, &c->object, from, &why);
    if (err == AN_OK)
        err = copy_file(from, c->path, &size, &why);
    f->result->version_bytes += size;
    an_session_fetched(f->sites[c->site].session, &c->object, err, &why);
}

static void fetch_update(an_fed *f, const an_fed_chore *c)
{
    an_note why = {{0}};
    char from[AN_PATH_MAX], to[AN_PATH_MAX] = "", name[64];
    uint64_t size = 0;
    snprintf(name, sizeof name, "lab-%zu-%llu", c->site, (unsigned long long)c->round);
    an_err err = an_session_upload(f->sites[c->site].session, &c->object, from);
    if (err == AN_OK)
        err = an_path_join(to, an_store_spool_dir(f->store), name);
    if (err == AN_OK)
        err = copy_file(from, to, &size, &why);
    f->result->update_bytes += size;
    an_hub_fetched(f->hub, f->sites[c->site].conf->name, c->round, &c->object, to, err, &why);
}

static void combine(an_fed *f, const an_fed_chore *c)
{
    an_note why = {{0}};
    an_combine_job *job = c->job;
    const an_federation_round round = {.id = job->plan->round, .kind = job->plan->kind};
    an_err err = an_combine_run(job, &why);
    if (an_grow(&f->rounds, &f->cap_rounds, f->n_rounds + 1, sizeof *f->rounds)) {
        an_federation_round *r = &f->rounds[f->n_rounds++];
        *r = round;
        r->loss = job->loss;
        r->clipped = job->clipped;
        r->saturated = job->saturated;
    } else {
        f->err = AN_ERR_NOMEM;
    }
    an_hub_combined(f->hub, job, err, &why);
}

bool an_fed_run_chores(an_fed *f)
{
    if (f->n_chores == 0)
        return false;
    const an_fed_chore c = f->chores[0];
    memmove(f->chores, f->chores + 1, --f->n_chores * sizeof *f->chores);
    if (c.kind == AN_FED_FETCH_VERSION)
        fetch_version(f, &c);
    else if (c.kind == AN_FED_FETCH_UPDATE)
        fetch_update(f, &c);
    else
        combine(f, &c);
    return true;
}
