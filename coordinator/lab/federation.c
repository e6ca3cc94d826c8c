/* The loop: deliver what is due; else do the jobs; else let the clock run to the next deadline.
 */
#include "coordinator/lab/federation.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/federation_internal.h"
#include "coordinator/lab/folder.h"

#define START_MS INT64_C(1767225600000) /* 2026-01-01 */
#define LEASE_MS 60000
#define SETTLE_MS 120000 /* after the decision, for sites that will not go live */
#define LIMIT_MS (INT64_C(7) * 86400 * 1000)
#define POLICY_MAX 64

/* ---- the hub's outside ---- */

static an_fed_site *site_find(an_fed *f, const char *name)
{
    for (size_t i = 0; i < f->n_sites; i++)
        if (strcmp(f->sites[i].conf->name, name) == 0)
            return &f->sites[i];
    return NULL;
}

static an_err on_send(void *ctx, const char *site, const an_msg *msg)
{
    an_fed_site *s = site_find(ctx, site);
    if (!s)
        return AN_ERR_NOTFOUND;
    an_fed_send(s, &s->down, msg);
    return AN_OK;
}

static void on_fetch(void *ctx, const char *site, uint64_t round, const an_hash *update, uint64_t size)
{
    an_fed *f = ctx;
    const an_fed_site *s = site_find(f, site);
    if (!s)
        return;
    const an_fed_chore c = {
        .kind = AN_FED_FETCH_UPDATE, .site = s->index, .round = round, .object = *update, .size = size};
    an_fed_chore_put(f, &c);
}

static an_err on_combine(void *ctx, an_combine_job *job)
{
    const an_fed_chore c = {.kind = AN_FED_COMBINE, .job = job};
    an_fed_chore_put(ctx, &c);
    return AN_OK;
}

static void on_admit(void *ctx, const an_site *site, bool admitted)
{
    (void)ctx;
    (void)site;
    (void)admitted; /* there are no sockets to tell */
}

/* ---- setting up ---- */

static an_err make_model(an_fed *f, an_note *why)
{
    const an_model_spec *from = f->conf->spec;
    const char *pairs[POLICY_MAX][2];
    an_model_spec spec = *from;
    if (from->n_policy + 2 > POLICY_MAX)
        return an_fail(AN_ERR_LIMIT, why, "more than %d policy values", POLICY_MAX - 2);
    pairs[0][0] = "gate.first"; /* what is ruined is to be measured, too */
    pairs[0][1] = "false";
    for (size_t i = 0; i < from->n_policy; i++) {
        pairs[i + 1][0] = from->policy[i][0];
        pairs[i + 1][1] = from->policy[i][1];
    }
    pairs[from->n_policy + 1][0] = "promote.automatic";
    pairs[from->n_policy + 1][1] = "true";
    spec.policy = (const char *const(*)[2])pairs;
    spec.n_policy = from->n_policy + 2;
    return an_hub_model_create(f->hub, "user/lab", &spec, why);
}

static an_err open_hub(an_fed *f, an_note *why)
{
    char url[AN_PATH_MAX + 32];
    snprintf(url, sizeof url, "sqlite:%s/coordinator", f->dir);
    an_sign_keypair(f->sign_public, f->sign_secret);
    an_err err = an_store_open(&(an_store_place){.url = url}, &f->clock.clock, &f->store, why);
    if (err != AN_OK)
        return err;
    static const uint8_t seal_secret[AN_AGREE_BYTES] = "laboratory";
    const an_hub_conf conf = {
        .store = f->store,
        .clock = &f->clock.clock,
        .io = {.ctx = f, .send = on_send, .fetch = on_fetch, .combine = on_combine, .admit = on_admit},
        .sign_secret = f->sign_secret,
        .sign_public = f->sign_public,
        .seal_secret = seal_secret,
        .seal_encoded_only = true,
        .lease_ms = LEASE_MS,
        .instance = 1,
    };
    if ((err = an_hub_new(&conf, &f->hub, why)) != AN_OK)
        return err;
    return make_model(f, why);
}

static an_err check_conf(const an_federation_conf *conf, an_note *why)
{
    const an_federation_faults *x = &conf->faults;
    if (conf->n_sites < 1 || conf->n_sites > AN_COHORT_MAX)
        return an_fail(AN_ERR_INVAL, why, "%zu sites: must be 1..%d", conf->n_sites, AN_COHORT_MAX);
    if (!(x->drop >= 0 && x->drop < 1) || !(x->duplicate >= 0 && x->duplicate <= 1) ||
        !(x->delay >= 0 && x->delay <= 1) || x->delay_ms < 0)
        return an_fail(AN_ERR_INVAL, why, "shares of faults are between 0 and 1");
    return AN_OK;
}

static an_err open_all(an_fed *f, an_note *why)
{
    an_err err = check_conf(f->conf, why);
    if (err != AN_OK || (err = an_lab_folder_make(f->dir, why)) != AN_OK)
        return err;
    if ((err = open_hub(f, why)) != AN_OK)
        return err;
    if (!(f->sites = an_alloc(f->conf->n_sites, sizeof *f->sites)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < f->conf->n_sites && err == AN_OK; i++) {
        f->n_sites = i + 1;
        err = an_fed_site_open(f, i, why);
    }
    if (err == AN_OK && f->conf->n_threads > 1)
        err = an_workers_new(f->conf->n_threads, &f->workers);
    return err;
}

static void close_all(an_fed *f)
{
    for (size_t i = 0; i < f->n_sites; i++)
        an_fed_site_close(&f->sites[i]);
    an_free(f->sites);
    for (size_t i = 0; i < f->n_chores; i++) {
        if (f->chores[i].job)
            an_combine_done(f->chores[i].job);
        an_free(f->chores[i].job);
    }
    an_free(f->chores);
    an_hub_free(f->hub);
    an_store_close(f->store);
    an_workers_free(f->workers);
    an_free(f->rounds);
    an_wipe(f->sign_secret, sizeof f->sign_secret);
    an_lab_folder_remove(f->dir);
}

/* ---- the loop ---- */

static void tell(an_fed *f)
{
    const an_campaign *c = f->campaign ? an_state_campaign(an_hub_state(f->hub), f->campaign) : NULL;
    if (c && f->conf->progress)
        f->conf->progress(f->conf->progress_arg, f->jobs_done, f->n_sites * (an_campaign_n_rounds(c) + 1));
}

static void let_time_pass(an_fed *f)
{
    int64_t next = an_fed_next_letter(f), now = f->clock.now_ms;
    if (an_hub_deadline(f->hub) < next)
        next = an_hub_deadline(f->hub);
    for (size_t i = 0; i < f->n_sites; i++)
        if (an_session_deadline(f->sites[i].session) < next)
            next = an_session_deadline(f->sites[i].session);
    an_clock_fake_advance(&f->clock, next > now ? next - now : 1);
    now = f->clock.now_ms;
    if (now >= an_hub_deadline(f->hub))
        an_hub_tick(f->hub);
    for (size_t i = 0; i < f->n_sites; i++)
        if (now >= an_session_deadline(f->sites[i].session))
            an_session_tick(f->sites[i].session);
}

/* One step.  Errors: CANCELLED, STATE the time is over, NOMEM. */
static an_err step(an_fed *f, an_note *why)
{
    const int64_t limit = f->conf->limit_ms > 0 ? f->conf->limit_ms : LIMIT_MS;
    if (f->conf->cancel && atomic_load(f->conf->cancel))
        return an_fail(AN_ERR_CANCELLED, why, "interrupted");
    an_fed_mend(f);
    if (!an_fed_deliver(f) && !an_fed_run_chores(f)) {
        if (an_fed_run_jobs(f))
            tell(f);
        else
            let_time_pass(f);
    }
    if (f->err != AN_OK)
        return an_fail(f->err, why, "%s", an_err_text(f->err));
    if (f->clock.now_ms - START_MS > limit)
        return an_fail(AN_ERR_STATE, why, "the federation did not end within %lld s of its clock",
                       (long long)(limit / 1000));
    return AN_OK;
}

static bool all_greeted(const an_fed *f)
{
    for (size_t i = 0; i < f->n_sites; i++) {
        const an_hub_live *live = an_hub_live_find(f->hub, f->conf->sites[i].name);
        if (!live || !live->connected || !an_session_look(f->sites[i].session).greeted)
            return false;
    }
    return true;
}

static bool all_live(const an_fed *f, const an_hash *version)
{
    for (size_t i = 0; i < f->n_sites; i++)
        if (!f->sites[i].live || !an_hash_equal(&f->sites[i].version, version))
            return false;
    return true;
}

static an_err join(an_fed *f, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < f->n_sites; i++) {
        f->sites[i].linked = true;
        an_session_connected(f->sites[i].session);
    }
    while (err == AN_OK && !all_greeted(f))
        err = step(f, why);
    return err;
}

/* From the campaign's opening to its end, and on until the sites run what came of it. */
static an_err run_campaign(an_fed *f, an_campaign_kind kind, an_note *why)
{
    an_err err = an_hub_campaign_open(f->hub, "user/lab", f->conf->spec->name, kind, 0, "laboratory",
                                      &f->campaign, why);
    const an_campaign *c;
    if (err != AN_OK)
        return err;
    while ((c = an_state_campaign(an_hub_state(f->hub), f->campaign)) && !an_campaign_is_over(c))
        if ((err = step(f, why)) != AN_OK)
            return err;
    if (c && c->state == AN_CAMPAIGN_STOPPED && kind == AN_CAMPAIGN_INCREMENTAL)
        return AN_OK;
    if (!c || c->state != AN_CAMPAIGN_PROMOTED)
        return an_fail(AN_ERR_REFUSED, why, "the campaign ended %s: %.150s%s%.120s",
                       c ? an_campaign_state_name(c->state) : "?", c ? c->reason : "",
                       f->failure.text[0] ? "; " : "", f->failure.text);
    const an_hash version = c->head;
    const int64_t end = f->clock.now_ms + SETTLE_MS;
    while (err == AN_OK && !all_live(f, &version) && f->clock.now_ms < end)
        err = step(f, why);
    return err;
}

/* ---- the result ---- */

static an_err take_rounds(an_fed *f, an_federation_result *ret)
{
    const an_state *st = an_hub_state(f->hub);
    an_free(ret->rounds);
    ret->n_rounds = 0;
    if (!(ret->rounds = an_alloc(st->rounds.n, sizeof *ret->rounds)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < st->rounds.n; i++) {
        const an_round_entry *e = &st->rounds.items[i];
        an_federation_round *r = &ret->rounds[ret->n_rounds++];
        for (size_t k = 0; k < f->n_rounds; k++)
            if (f->rounds[k].id == e->id)
                *r = f->rounds[k];
        r->id = e->id;
        r->kind = e->kind;
        r->committed = e->committed;
        r->updates = e->n_updates;
        r->privacy = e->privacy;
        snprintf(r->reason, sizeof r->reason, "%s", e->reason);
    }
    return AN_OK;
}

static void drop_version(an_federation_result *r)
{
    an_bundle_done(&r->bundle);
    for (size_t i = 0; r->overlays && i < r->n_sites; i++)
        an_overlay_done(&r->overlays[i]);
    an_free(r->overlays);
    an_free(r->live);
    r->overlays = NULL;
    r->live = NULL;
}

static an_err take_result(an_fed *f, an_federation_result *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    const an_campaign *c = an_state_campaign(an_hub_state(f->hub), f->campaign);
    an_err err = take_rounds(f, ret);
    snprintf(ret->reason, sizeof ret->reason, "%s", c->reason);
    if (err != AN_OK || c->state != AN_CAMPAIGN_PROMOTED)
        return err;
    drop_version(ret);
    ret->version = c->head;
    err = an_store_object_path(f->store, &c->head, path);
    if (err == AN_OK)
        err = an_bundle_read(&ret->bundle, NULL, path, why);
    if (err != AN_OK)
        return err;
    ret->overlays = an_alloc(f->n_sites, sizeof *ret->overlays);
    ret->live = an_alloc(f->n_sites, sizeof *ret->live);
    if (!ret->overlays || !ret->live)
        return AN_ERR_NOMEM;
    ret->n_sites = f->n_sites;
    for (size_t i = 0; i < f->n_sites; i++) {
        an_fed_site *s = &f->sites[i];
        if (!s->live || !an_hash_equal(&s->version, &ret->version))
            continue;
        ret->live[i] = true;
        ret->overlays[i] = s->overlay;
        s->overlay = (an_overlay){.n_local = 0};
    }
    return AN_OK;
}

an_err an_federation_run(const an_federation_conf *conf, an_federation_result *ret, an_note *why)
{
    an_federation_result result = {.n_sites = 0};
    an_fed f = {.conf = conf, .result = &result};
    an_clock_fake_init(&f.clock, START_MS);
    an_rng_init(&f.faults, conf->faults.seed, 1);
    an_rng_init(&f.order, conf->faults.shuffle, 2);
    an_err err = open_all(&f, why);
    if (err == AN_OK)
        err = join(&f, why);
    bool more = true;
    for (size_t stage = 0; err == AN_OK && more; stage++) {
        more = false;
        err = run_campaign(&f, stage == 0 ? AN_CAMPAIGN_TRAINING : AN_CAMPAIGN_INCREMENTAL, why);
        if (err == AN_OK)
            err = take_result(&f, &result, why);
        if (err == AN_OK && conf->stage)
            err = conf->stage(conf->stage_arg, stage, &result, &more, why);
    }
    close_all(&f);
    if (err == AN_OK)
        *ret = result;
    else
        an_federation_result_done(&result);
    return err;
}

void an_federation_result_done(an_federation_result *r)
{
    drop_version(r);
    an_free(r->rounds);
    *r = (an_federation_result){.n_sites = 0};
}
