#include "tests/support/rollouts.h"

#include "coordinator/hub_internal.h"

void policy(world *w, const char *key, const char *value)
{
    const char *const options[][2] = {{key, value}};
    an_note why = {{0}};
    if (an_hub_model_policy(w->hub, "user/admin", MODEL, options, 1, &why) != AN_OK)
        fail_msg("%s", why.text);
}

void ready(world *w, const char *stages)
{
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    pass(w, 60000);
    if (w->kind.offline)
        sign_all(w);
    assert_promoted(w, id);
    policy(w, "rollout.stages", stages);
    policy(w, "rollout.soak", "20s");
    policy(w, "rollout.deadline", "5m");
}

void register_version(world *w, const an_hash *v, const an_hash *parent)
{
    uint64_t size;
    an_note why = {{0}};
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    assert_int_equal(an_store_object_size(w->store, v, &size, NULL), AN_OK);
    an_json_set_hash(o, "hash", v);
    an_json_set_hash(o, "parent", parent);
    an_json_set_int(o, "size", (int64_t)size);
    an_batch_add(&b, "version.registered", MODEL, "coordinator", NULL, o);
    if (an_hub_commit(w->hub, &b, &why) != AN_OK)
        fail_msg("%s", why.text);
}

an_hash version_of(world *w, const an_hash *parent)
{
    const an_hash v = make_child(w, parent, WEIGHTS);
    register_version(w, &v, parent);
    return v;
}

an_rollout *rollout(world *w)
{
    return an_state_rollout_last(an_hub_state(w->hub), MODEL);
}

void promote(world *w, const an_hash *version)
{
    an_note why = {{0}};
    if (an_hub_promote(w->hub, "user/admin", MODEL, version, "a test", &why) != AN_OK)
        fail_msg("%s", why.text);
    settle(w);
}

size_t n_running(const world *w, const an_hash *version)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->sites[i].session && an_hash_equal(&w->sites[i].runs, version);
    return n;
}

site *one_that_runs(world *w, const an_hash *version, bool runs)
{
    for (size_t i = 0; i < w->n; i++)
        if (an_hash_equal(&w->sites[i].runs, version) == runs)
            return &w->sites[i];
    fail_msg("no such site");
    return NULL;
}

void assert_state(world *w, an_rollout_state state, uint32_t stage)
{
    const an_rollout *r = rollout(w);
    if (r->state != state || r->stage != stage)
        fail_msg("rollout is %s in stage %u: %s", an_rollout_state_name(r->state), r->stage, r->reason);
}

void assert_converged(world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const an_hash desired = an_hub_desired_version(w->hub, MODEL, w->sites[i].name);
        assert_true(an_hash_equal(&w->sites[i].runs, &desired));
    }
}

void come_back(world *w, site *s)
{
    start_site(s);
    an_session_connected(s->session);
    settle(w);
}

void go_away(world *w, site *s)
{
    kill_site(s);
    an_hub_lost(w->hub, s->name);
}

void worsens(world *w, site *s)
{
    an_note why = {{0}};
    if (an_session_rollback(s->session, "line-1", "the score has worsened", &why) != AN_OK)
        fail_msg("%s", why.text);
    settle(w);
}

an_err no_overlay(site *s, an_job *job, an_note *why)
{
    return job->kind == AN_JOB_OVERLAY ? an_fail(AN_ERR_REFUSED, why, "too little data")
                                       : an_job_run(job, &s->data, why);
}
