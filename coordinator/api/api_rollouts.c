/* Rollouts, groups of sites, and what every line is to run and runs. */
#include <string.h>

#include "coordinator/api/api_internal.h"
#include "doors/crypto.h"

#define GROUP_MAX 1000

static an_json *figures_json(const an_rollout_figures *f)
{
    an_json *o = an_json_object();
    an_json_set_int(o, "sites", f->total);
    an_json_set_int(o, "pending", f->pending);
    an_json_set_int(o, "told", f->told);
    an_json_set_int(o, "running", f->running);
    an_json_set_int(o, "fine", f->fine);
    an_json_set_int(o, "failed", f->failed);
    an_json_set_int(o, "absent", f->absent);
    return o;
}

static an_json *stages_json(const an_rollout *r)
{
    an_json *stages = an_json_array();
    for (uint32_t k = 0; k < r->n_stages; k++) {
        const an_rollout_figures f = an_rollout_count(r, k);
        an_json *o = figures_json(&f);
        an_json_set_text(o, "stage", r->stages[k].text);
        an_json_set_bool(o, "open", k < r->stage || (k == r->stage && r->stage_open));
        an_json_push(stages, o);
    }
    return stages;
}

/* What a stage is judged by, as the policy was when the rollout opened. */
static an_json *rules_json(const an_rollout_rules *r)
{
    an_json *o = an_json_object();
    an_json_set_int(o, "soak_ms", r->soak_ms);
    an_json_set_int(o, "deadline_ms", r->deadline_ms);
    an_json_set_num(o, "success", r->success);
    an_json_set_num(o, "error", r->error);
    an_json_set_text(o, "reporting", r->reporting);
    an_json_set_text(o, "window", r->window);
    an_json_set_text(o, "approve", an_rollout_approve_name(r->approve));
    return o;
}

/* What people may ask for now. */
static an_json *verbs_json(const an_rollout *r)
{
    static const an_rollout_event_type verbs[] = {AN_ROLLOUT_EVENT_APPROVE, AN_ROLLOUT_EVENT_PAUSE,
                                                  AN_ROLLOUT_EVENT_RESUME, AN_ROLLOUT_EVENT_RETRY,
                                                  AN_ROLLOUT_EVENT_ABORT};
    an_json *list = an_json_array();
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (an_rollout_allows(r, verbs[i], NULL) == AN_OK)
            an_json_push_text(list, an_rollout_event_name(verbs[i]));
    return list;
}

/* A rollout that is over tells no site anything: what its sites run is a matter of today. */
static void set_now(const an_api_call *c, an_json *o, const an_rollout *r, const char *site)
{
    an_json *lines = an_json_array();
    const an_hash desired = an_hub_desired_version(c->hub, r->model, site);
    for (size_t i = 0; i < c->state->fleet.n; i++) {
        const an_fleet_entry *f = &c->state->fleet.items[i];
        if (strcmp(f->site, site) != 0 || strcmp(f->model, r->model) != 0)
            continue;
        an_json *line = an_json_object();
        an_json_set_text(line, "line", f->line);
        an_api_set_hash(line, "version", &f->version);
        an_json_push(lines, line);
    }
    an_api_set_hash(o, "desired", &desired);
    an_json_set(o, "lines", lines);
}

an_json *an_api_rollout_json(const an_api_call *c, const an_rollout *r, bool sites)
{
    an_json *o = an_json_object(), *list = an_json_array();
    an_note waiting;
    an_rollout_waiting(r, an_api_now(c), &waiting);
    an_json_set_int(o, "id", (int64_t)r->id);
    an_json_set_text(o, "model", r->model);
    an_api_set_hash(o, "version", &r->version);
    an_api_set_hash(o, "from", &r->from);
    an_json_set_int(o, "campaign", (int64_t)r->campaign);
    an_json_set_text(o, "by", r->actor);
    an_json_set_text(o, "state", an_rollout_state_name(r->state));
    an_json_set_text(o, "waits_for", an_rollout_wait_name(r->wait));
    an_json_set_text(o, "waiting", an_api_text_for(c, waiting.text));
    an_json_set_bool(o, "at_once", r->at_once);
    an_json_set_int(o, "stage", r->stage + 1);
    an_json_set_int(o, "opened_ms", r->opened_ms);
    an_json_set_int(o, "ended_ms", r->ended_ms);
    an_json_set_int(o, "deadline_ms", r->stage_open && !an_rollout_is_over(r) ? r->deadline_ms : 0);
    an_json_set_text(o, "reason", an_api_text_for(c, r->reason));
    an_json_set(o, "stages", stages_json(r));
    an_json_set(o, "may", verbs_json(r));
    if (sites)
        an_json_set(o, "rules", rules_json(&r->rules));
    for (size_t i = 0; sites && i < r->n_targets; i++) {
        const an_target *t = &r->targets[i];
        if (!an_api_sees(c, t->site))
            continue;
        an_json *s = an_json_object();
        an_json_set_text(s, "site", t->site);
        an_json_set_int(s, "stage", t->stage + 1);
        an_json_set_text(s, "state", an_target_state_name(t->state));
        an_json_set_int(s, "since_ms", t->since_ms);
        an_json_set_text(s, "reason", t->reason);
        an_json_set_bool(s, "watches", t->watches);
        if (an_rollout_is_over(r))
            set_now(c, s, r, t->site);
        an_json_push(list, s);
    }
    if (sites)
        an_json_set(o, "sites", list);
    else
        an_json_free(list);
    return o;
}

void an_api_set_open_rollouts(const an_api_call *c)
{
    an_json *list = an_json_array();
    for (size_t i = c->state->rollouts.n; i-- > 0;)
        if (!an_rollout_is_over(&c->state->rollouts.items[i]))
            an_json_push(list, an_api_rollout_json(c, &c->state->rollouts.items[i], false));
    an_json_set(c->answer, "rollouts", list);
}

an_err an_api_rollouts(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->rollouts.n, AN_NEWEST, 50, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_rollout *r = &c->state->rollouts.items[i];
        if (!an_api_wants(c->req->model, r->model) ||
            !an_api_wants(c->req->state, an_rollout_state_name(r->state)) ||
            !an_api_within(&l.window, r->opened_ms))
            continue;
        an_json_push(list, an_api_rollout_json(c, r, false));
        l.left--;
    }
    an_json_set(c->answer, "rollouts", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

static an_err answer_rollout(an_api_call *c, uint64_t id, an_note *why)
{
    const an_rollout *r = an_state_rollout(c->state, id);
    if (!r)
        return an_fail(AN_ERR_NOTFOUND, why, "no rollout %llu", (unsigned long long)id);
    an_json_set(c->answer, "rollout", an_api_rollout_json(c, r, true));
    return AN_OK;
}

an_err an_api_rollout(an_api_call *c, an_note *why)
{
    uint64_t id;
    an_err err = an_api_id(c, "rollout", &id, why);
    return err == AN_OK ? answer_rollout(c, id, why) : err;
}

static an_err act(an_api_call *c, an_rollout_event_type verb, an_note *why)
{
    uint64_t id;
    const char *reason;
    an_err err = an_api_id(c, "rollout", &id, why);
    if (err == AN_OK && (err = an_api_reason(c, &reason, why)) == AN_OK)
        err = an_hub_rollout_do(c->hub, c->actor, id, verb, reason, why);
    return err == AN_OK ? answer_rollout(c, id, why) : err;
}

an_err an_api_rollout_approve(an_api_call *c, an_note *why)
{
    return act(c, AN_ROLLOUT_EVENT_APPROVE, why);
}

an_err an_api_rollout_pause(an_api_call *c, an_note *why)
{
    return act(c, AN_ROLLOUT_EVENT_PAUSE, why);
}

an_err an_api_rollout_resume(an_api_call *c, an_note *why)
{
    return act(c, AN_ROLLOUT_EVENT_RESUME, why);
}

an_err an_api_rollout_retry(an_api_call *c, an_note *why)
{
    return act(c, AN_ROLLOUT_EVENT_RETRY, why);
}

an_err an_api_rollout_abort(an_api_call *c, an_note *why)
{
    return act(c, AN_ROLLOUT_EVENT_ABORT, why);
}

/* ---- groups ---- */

an_err an_api_groups(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->groups.n, AN_OLDEST, AN_API_LIST_MAX, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i); l.left--) {
        const an_group *g = &c->state->groups.items[i];
        an_json *o = an_json_object(), *sites = an_json_array();
        bool any = false;
        for (size_t k = 0; k < g->n; k++) {
            if (!an_api_sees(c, g->sites[k]))
                continue;
            an_json_push_text(sites, g->sites[k]);
            any = true;
        }
        an_json_set_text(o, "name", g->name);
        an_json_set(o, "sites", sites);
        if (any)
            an_json_push(list, o);
        else
            an_json_free(o);
    }
    an_json_set(c->answer, "groups", list);
    an_api_list_close(c, &l);
    return AN_OK;
}

an_err an_api_group_set(an_api_call *c, an_note *why)
{
    const char *sites[GROUP_MAX];
    const an_jval *list = an_jval_get(c->body, "sites");
    const size_t n = an_jval_count(list);
    an_err err = AN_OK;
    if (an_jval_kind(list) != AN_JKIND_ARRAY || n > GROUP_MAX)
        return an_fail(AN_ERR_INVAL, why, "sites: must be a list of at most %d names", GROUP_MAX);
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = an_jval_text(an_jval_at(list, i), NULL, &sites[i], why);
    if (err == AN_OK)
        err = an_hub_group_set(c->hub, c->actor, c->arg, sites, n, why);
    return err == AN_OK ? an_api_groups(c, why) : err;
}

/* ---- desired and reported ---- */

an_err an_api_fleet(an_api_call *c, an_note *why)
{
    an_api_list l;
    an_err err = an_api_list_open(c, &l, c->state->fleet.n, AN_OLDEST, AN_API_LIST_MAX, why);
    if (err != AN_OK)
        return err;
    an_json *list = an_json_array();
    for (size_t i; an_api_list_next(&l, &i);) {
        const an_fleet_entry *f = &c->state->fleet.items[i];
        if (!an_api_sees(c, f->site) || !an_api_wants(c->req->site, f->site) ||
            !an_api_wants(c->req->model, f->model))
            continue;
        const an_hash desired = an_hub_desired_version(c->hub, f->model, f->site);
        an_json *o = an_json_object();
        an_json_set_text(o, "site", f->site);
        an_json_set_text(o, "line", f->line);
        an_json_set_text(o, "model", f->model);
        an_api_set_hash(o, "desired", &desired);
        an_api_set_hash(o, "reported", &f->version);
        an_json_set_int(o, "since_ms", f->since_ms);
        an_json_set_bool(o, "differs", !an_hash_equal(&desired, &f->version));
        if (an_hash_equal(&f->left, &desired))
            an_json_set_text(o, "reason", f->left_reason);
        else if (an_hash_equal(&f->refused, &desired))
            an_json_set_text(o, "reason", f->refused_reason);
        an_json_push(list, o);
        l.left--;
    }
    an_json_set(c->answer, "fleet", list);
    an_api_list_close(c, &l);
    return AN_OK;
}
