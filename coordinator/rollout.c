#include "coordinator/rollout.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* What is a share's rounding error is no site more. */
#define SLACK 1e-9

/* A step under way. */
typedef struct step {
    an_rollout *r;
    int64_t now_ms;
    uint64_t seq;
    bool changed;
} step;

void an_rollout_done(an_rollout *r)
{
    an_free(r->targets);
    *r = (an_rollout){.id = 0};
}

an_err an_rollout_copy(an_rollout *ret, const an_rollout *r)
{
    an_target *targets = an_alloc(r->n_targets + 1, sizeof *targets);
    if (!targets)
        return AN_ERR_NOMEM;
    if (r->n_targets > 0)
        memcpy(targets, r->targets, r->n_targets * sizeof *targets);
    *ret = *r;
    ret->targets = targets;
    ret->cap_targets = r->n_targets + 1;
    return AN_OK;
}

/* ---- what an event sets ---- */

static void set_target(step *s, an_target *t, an_target_state state, const char *reason)
{
    t->state = state;
    t->since_ms = s->now_ms;
    t->since_seq = s->seq;
    t->refused = t->watches = false;
    t->reached = t->reached || state == AN_TARGET_TOLD;
    snprintf(t->reason, sizeof t->reason, "%.*s", (int)sizeof t->reason - 1, reason);
    s->changed = true;
}

static void set_state(step *s, an_rollout_state state, an_rollout_wait wait, const char *reason)
{
    an_rollout *r = s->r;
    if (r->state == state && r->wait == wait && strcmp(r->reason, reason) == 0)
        return;
    r->state = state;
    r->wait = wait;
    if (reason != r->reason)
        snprintf(r->reason, sizeof r->reason, "%s", reason);
    if (an_rollout_is_over(r)) {
        r->ended_ms = s->now_ms;
        r->ended_seq = s->seq;
    }
    if (state == AN_ROLLOUT_PAUSED)
        r->paused_ms = s->now_ms;
    s->changed = true;
}

static bool is_reached(const an_rollout *r, const an_target *t)
{
    return t->stage < r->stage || (t->stage == r->stage && r->stage_open);
}

/* ---- what follows from it ---- */

/* Soaked, or too late. */
static void settle_targets(step *s)
{
    an_rollout *r = s->r;
    const bool late = r->state == AN_ROLLOUT_RUNNING && r->stage_open && s->now_ms >= r->deadline_ms;
    for (size_t i = 0; i < r->n_targets; i++) {
        an_target *t = &r->targets[i];
        if (t->state == AN_TARGET_RUNNING && s->now_ms - t->since_ms >= r->rules.soak_ms &&
            (!t->watches || late)) {
            set_target(s, t, AN_TARGET_FINE, "");
        } else if (t->state == AN_TARGET_TOLD && late) {
            char reason[AN_TARGET_REASON_MAX];
            memcpy(reason, t->reason, sizeof reason);
            set_target(s, t, t->refused ? AN_TARGET_FAILED : AN_TARGET_ABSENT, reason);
        }
    }
}

static bool is_beyond(const an_rollout *r, const an_rollout_figures *f)
{
    return f->failed > r->rules.error * (f->told + f->running + f->fine + f->failed) + SLACK;
}

/* The stage's own, and of all that have it: a canary that worsens between two stages is not outweighed by
 * sites that have nothing yet. */
static bool end_by_errors(step *s)
{
    an_rollout *r = s->r;
    const an_rollout_figures stage = an_rollout_count(r, r->stage), all = an_rollout_count(r, UINT32_MAX);
    const an_rollout_figures *f = r->stage_open && is_beyond(r, &stage) ? &stage : &all;
    const an_target *first = NULL;
    char reason[sizeof r->reason];
    if (!is_beyond(r, f))
        return false;
    for (size_t i = 0; i < r->n_targets && !first; i++)
        if (r->targets[i].state == AN_TARGET_FAILED && (f == &all || r->targets[i].counts == r->stage))
            first = &r->targets[i];
    snprintf(reason, sizeof reason,
             "%u of %u sites that have it failed, more than rollout.error (%g %%) allows: %.60s: %.90s",
             f->failed, f->told + f->running + f->fine + f->failed, 100 * r->rules.error,
             first ? first->site : "?", first && first->reason[0] ? first->reason : "no reason given");
    set_state(s, AN_ROLLOUT_ROLLED_BACK, AN_ROLLOUT_FOR_NOTHING, reason);
    return true;
}

static void begin_stage(step *s)
{
    an_rollout *r = s->r;
    r->stage_open = true;
    r->stage_ms = s->now_ms;
    r->deadline_ms = s->now_ms + r->rules.deadline_ms;
    for (size_t i = 0; i < r->n_targets; i++)
        if (r->targets[i].stage == r->stage && r->targets[i].state == AN_TARGET_PENDING)
            set_target(s, &r->targets[i], AN_TARGET_TOLD, "");
    set_state(s, AN_ROLLOUT_RUNNING, AN_ROLLOUT_FOR_NOTHING, "");
}

static bool leave_waiting(step *s)
{
    an_rollout *r = s->r;
    const bool asks =
        r->rules.approve == AN_APPROVE_EACH || (r->rules.approve == AN_APPROVE_FIRST && !r->stage);
    if (!r->stage_open && asks && !r->approved) {
        set_state(s, AN_ROLLOUT_WAITING, AN_ROLLOUT_FOR_APPROVAL, "");
    } else if (!r->signed_) {
        set_state(s, AN_ROLLOUT_WAITING, AN_ROLLOUT_FOR_SIGNATURE, "");
    } else if (r->stage_open) {
        set_state(s, AN_ROLLOUT_RUNNING, AN_ROLLOUT_FOR_NOTHING, "");
        return true;
    } else if (!an_calendar_open(&r->window, s->now_ms)) {
        set_state(s, AN_ROLLOUT_WAITING, AN_ROLLOUT_FOR_WINDOW, "");
    } else {
        begin_stage(s);
        return true;
    }
    return false;
}

static void end_well(step *s)
{
    char reason[sizeof s->r->reason];
    const an_rollout_figures f = an_rollout_count(s->r, UINT32_MAX);
    int n = snprintf(reason, sizeof reason, "%u of %u sites fine", f.fine, f.total);
    if (f.failed > 0)
        n += snprintf(reason + n, sizeof reason - (size_t)n, ", %u failed", f.failed);
    if (f.total > f.fine + f.failed)
        snprintf(reason + n, sizeof reason - (size_t)n, ", %u get it when they come back",
                 f.total - f.fine - f.failed);
    set_state(s, AN_ROLLOUT_DONE, AN_ROLLOUT_FOR_NOTHING, reason);
}

static void next_stage(step *s)
{
    an_rollout *r = s->r;
    if (r->stage + 1 == r->n_stages) {
        end_well(s);
        return;
    }
    r->stage++;
    r->stage_open = r->approved = false;
    set_state(s, AN_ROLLOUT_WAITING, AN_ROLLOUT_FOR_NOTHING, "");
}

/* True: the stage is over, or all of it. */
static bool judge_stage(step *s)
{
    an_rollout *r = s->r;
    const an_rollout_figures f = an_rollout_count(r, r->stage);
    const uint32_t reporting = f.fine + f.failed, need = an_share_of(&r->reporting, f.total);
    char reason[sizeof r->reason] = "";
    if (f.told + f.running > 0)
        return false;
    if (r->at_once) {
        end_well(s);
        return true;
    }
    if (f.total == 0 && r->n_targets > 0)
        snprintf(reason, sizeof reason,
                 "none of its sites is left, so nobody can say whether the version is good: approve goes on "
                 "all the same");
    else if (reporting < need)
        snprintf(
            reason, sizeof reason,
            "only %u of %u sites have reported, and rollout.reporting asks for %u: resume waits for them "
            "again, approve goes on without them",
            reporting, f.total, need);
    else if (f.fine < r->rules.success * reporting - SLACK)
        snprintf(reason, sizeof reason,
                 "fine at %u of the %u sites that reported, and rollout.success asks for %g %%: retry tells "
                 "the others again, approve goes on all the same",
                 f.fine, reporting, 100 * r->rules.success);
    if (!reason[0]) {
        next_stage(s);
        return true;
    }
    r->judged = true;
    set_state(s, AN_ROLLOUT_PAUSED, AN_ROLLOUT_FOR_NOTHING, reason);
    return true;
}

static void advance(step *s)
{
    bool more = true;
    while (more && !an_rollout_is_over(s->r)) {
        more = false;
        settle_targets(s);
        if (end_by_errors(s))
            return;
        if (s->r->state == AN_ROLLOUT_WAITING)
            more = leave_waiting(s);
        else if (s->r->state == AN_ROLLOUT_RUNNING)
            more = judge_stage(s);
    }
}

/* ---- sites ---- */

static void on_runs(step *s, an_target *t)
{
    an_rollout *r = s->r;
    if (!t->reached || t->state == AN_TARGET_PENDING || t->state == AN_TARGET_GONE ||
        t->state == AN_TARGET_RUNNING || t->state == AN_TARGET_FINE)
        return;
    /* After the deadline nobody waits for it: it counts in the next stage. */
    const bool late = r->state == AN_ROLLOUT_RUNNING && s->now_ms >= r->deadline_ms;
    set_target(s, t, AN_TARGET_RUNNING, "");
    t->counts = r->stage + late;
}

static void on_left(step *s, an_target *t, const char *reason)
{
    if (t->state != AN_TARGET_RUNNING && t->state != AN_TARGET_FINE)
        return;
    set_target(s, t, s->r->stage_open ? AN_TARGET_TOLD : AN_TARGET_ABSENT, reason);
    if (s->r->stage_open)
        t->counts = s->r->stage;
}

static void on_refuses(step *s, an_target *t, const char *reason)
{
    if (t->state != AN_TARGET_TOLD || (t->refused && strncmp(t->reason, reason, sizeof t->reason - 1) == 0))
        return;
    t->refused = true;
    snprintf(t->reason, sizeof t->reason, "%.*s", (int)sizeof t->reason - 1, reason);
    s->changed = true;
}

static void on_watch(step *s, an_target *t, bool watches)
{
    if (t->state != AN_TARGET_RUNNING || t->watches == watches)
        return;
    t->watches = watches;
    s->changed = true;
}

static void on_fails(step *s, an_target *t, const char *reason)
{
    if (!t->reached || t->state == AN_TARGET_PENDING || t->state == AN_TARGET_GONE ||
        t->state == AN_TARGET_FAILED)
        return;
    set_target(s, t, AN_TARGET_FAILED, reason);
    t->counts = s->r->stage;
}

an_err an_rollout_reserve(an_rollout *r)
{
    return an_grow(&r->targets, &r->cap_targets, r->n_targets + 1, sizeof *r->targets) ? AN_OK : AN_ERR_NOMEM;
}

static void on_joins(step *s, const char *site)
{
    an_rollout *r = s->r;
    an_target *t = an_rollout_find(r, site);
    if (t && t->state != AN_TARGET_GONE)
        return;
    if (!t) {
        if (an_rollout_reserve(r) != AN_OK)
            return;
        t = &r->targets[r->n_targets++];
        *t = (an_target){.stage = r->n_stages - 1};
        snprintf(t->site, sizeof t->site, "%s", site);
    }
    const bool reached = is_reached(r, t);
    set_target(s, t, reached ? AN_TARGET_TOLD : AN_TARGET_PENDING, "");
    t->counts = reached ? r->stage : t->stage;
}

static void on_site(step *s, const an_rollout_event *e)
{
    an_target *t = an_rollout_find(s->r, e->site);
    if (e->type == AN_ROLLOUT_EVENT_JOINS)
        on_joins(s, e->site);
    else if (!t)
        return;
    else if (e->type == AN_ROLLOUT_EVENT_RUNS)
        on_runs(s, t);
    else if (e->type == AN_ROLLOUT_EVENT_LEFT)
        on_left(s, t, e->reason);
    else if (e->type == AN_ROLLOUT_EVENT_REFUSES)
        on_refuses(s, t, e->reason);
    else if (e->type == AN_ROLLOUT_EVENT_FAILS)
        on_fails(s, t, e->reason);
    else if (e->type == AN_ROLLOUT_EVENT_WATCHES || e->type == AN_ROLLOUT_EVENT_WATCHED)
        on_watch(s, t, e->type == AN_ROLLOUT_EVENT_WATCHES);
    else if (t->state != AN_TARGET_GONE)
        set_target(s, t, AN_TARGET_GONE, e->reason);
}

/* ---- people, and signatures ---- */

an_err an_rollout_allows(const an_rollout *r, an_rollout_event_type verb, an_note *why)
{
    const char *no = NULL;
    if (an_rollout_is_over(r))
        no = "it is over";
    else if (verb == AN_ROLLOUT_EVENT_APPROVE && r->wait != AN_ROLLOUT_FOR_APPROVAL && !r->judged)
        no = r->state == AN_ROLLOUT_PAUSED ? "it waits for no approval; to go on: resume"
                                           : "it waits for no approval";
    else if (verb == AN_ROLLOUT_EVENT_PAUSE && r->state == AN_ROLLOUT_PAUSED)
        no = "it is paused already";
    else if (verb == AN_ROLLOUT_EVENT_PAUSE && r->at_once && r->stage_open)
        no = "it has gone to all sites; to take it back: abort";
    else if (verb == AN_ROLLOUT_EVENT_RESUME && r->state != AN_ROLLOUT_PAUSED)
        no = "it is not paused";
    else if (verb == AN_ROLLOUT_EVENT_RETRY && an_rollout_count(r, UINT32_MAX).failed == 0)
        no = "no site has failed";
    else if (verb == AN_ROLLOUT_EVENT_FOLLOWED && !(r->at_once && r->stage_open))
        no = "it is under way";
    return no ? an_fail(AN_ERR_STATE, why, "rollout %llu is %s: %s", (unsigned long long)r->id,
                        an_rollout_state_name(r->state), no)
              : AN_OK;
}

/* Goes on where it stopped; how long it stopped is no site's fault. */
static void resume(step *s)
{
    an_rollout *r = s->r;
    if (r->judged) {
        r->deadline_ms = s->now_ms + r->rules.deadline_ms;
        for (size_t i = 0; i < r->n_targets; i++)
            if (r->targets[i].state == AN_TARGET_ABSENT && r->targets[i].counts == r->stage)
                set_target(s, &r->targets[i], AN_TARGET_TOLD, "");
    } else {
        r->deadline_ms += s->now_ms - r->paused_ms;
    }
    r->judged = false;
    set_state(s, AN_ROLLOUT_WAITING, AN_ROLLOUT_FOR_NOTHING, "");
}

/* They do not follow the same statement again: another one is needed. */
static void retry(step *s)
{
    an_rollout *r = s->r;
    for (size_t i = 0; i < r->n_targets; i++) {
        if (r->targets[i].state != AN_TARGET_FAILED)
            continue;
        set_target(s, &r->targets[i], r->stage_open ? AN_TARGET_TOLD : AN_TARGET_ABSENT, "");
        if (r->stage_open)
            r->targets[i].counts = r->stage;
    }
    r->deadline_ms = s->now_ms + r->rules.deadline_ms;
    r->signed_ = r->judged = false;
    set_state(s, AN_ROLLOUT_WAITING, AN_ROLLOUT_FOR_NOTHING, "");
}

static void approve(step *s)
{
    an_rollout *r = s->r;
    if (r->judged) {
        r->judged = false;
        next_stage(s);
    } else {
        r->approved = s->changed = true;
    }
}

static void on_signed(step *s, uint64_t counter)
{
    an_rollout *r = s->r;
    if (r->signed_ && r->counter == counter)
        return;
    if (r->stage_open && !r->signed_)
        r->deadline_ms = s->now_ms + r->rules.deadline_ms;
    r->signed_ = s->changed = true;
    r->counter = counter;
}

static void on_unsigned(step *s)
{
    an_rollout *r = s->r;
    if (!r->signed_)
        return;
    r->signed_ = false;
    s->changed = true;
    if (r->state != AN_ROLLOUT_PAUSED)
        set_state(s, AN_ROLLOUT_WAITING, AN_ROLLOUT_FOR_NOTHING, "");
}

static void on_person(step *s, const an_rollout_event *e)
{
    if (an_rollout_allows(s->r, e->type, NULL) != AN_OK)
        return;
    if (e->type == AN_ROLLOUT_EVENT_APPROVE)
        approve(s);
    else if (e->type == AN_ROLLOUT_EVENT_PAUSE)
        set_state(s, AN_ROLLOUT_PAUSED, AN_ROLLOUT_FOR_NOTHING, e->reason);
    else if (e->type == AN_ROLLOUT_EVENT_RESUME)
        resume(s);
    else if (e->type == AN_ROLLOUT_EVENT_RETRY)
        retry(s);
    else if (e->type == AN_ROLLOUT_EVENT_ABORT)
        set_state(s, AN_ROLLOUT_ABORTED, AN_ROLLOUT_FOR_NOTHING, e->reason[0] ? e->reason : "aborted");
    else
        set_state(s, AN_ROLLOUT_DONE, AN_ROLLOUT_FOR_NOTHING,
                  e->reason[0] ? e->reason : "another version followed");
}

void an_rollout_shift(an_rollout *r, int64_t by_ms)
{
    for (size_t i = 0; i < r->n_targets; i++)
        r->targets[i].since_ms += by_ms;
    r->stage_ms += by_ms;
    r->deadline_ms += by_ms;
    r->paused_ms += by_ms;
}

bool an_rollout_step(an_rollout *r, const an_rollout_event *e)
{
    step s = {.r = r, .now_ms = e->now_ms, .seq = e->seq};
    if (an_rollout_is_over(r))
        return false;
    switch (e->type) {
    case AN_ROLLOUT_EVENT_TIME:
        break;
    case AN_ROLLOUT_EVENT_SIGNED:
        on_signed(&s, e->counter);
        break;
    case AN_ROLLOUT_EVENT_UNSIGNED:
        on_unsigned(&s);
        break;
    case AN_ROLLOUT_EVENT_RUNS:
    case AN_ROLLOUT_EVENT_LEFT:
    case AN_ROLLOUT_EVENT_REFUSES:
    case AN_ROLLOUT_EVENT_FAILS:
    case AN_ROLLOUT_EVENT_JOINS:
    case AN_ROLLOUT_EVENT_GOES:
    case AN_ROLLOUT_EVENT_WATCHES:
    case AN_ROLLOUT_EVENT_WATCHED:
        on_site(&s, e);
        break;
    case AN_ROLLOUT_EVENT_APPROVE:
    case AN_ROLLOUT_EVENT_PAUSE:
    case AN_ROLLOUT_EVENT_RESUME:
    case AN_ROLLOUT_EVENT_RETRY:
    case AN_ROLLOUT_EVENT_ABORT:
    case AN_ROLLOUT_EVENT_FOLLOWED:
        on_person(&s, e);
        break;
    }
    advance(&s);
    return s.changed;
}
