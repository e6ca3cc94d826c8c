/* What a rollout asks for, whom it reaches, and its words for people. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "coordinator/rollout.h"

/* ---- looking ---- */

bool an_rollout_is_over(const an_rollout *r)
{
    return r->state >= AN_ROLLOUT_DONE;
}

an_target *an_rollout_find(const an_rollout *r, const char *site)
{
    for (size_t i = 0; i < r->n_targets; i++)
        if (strcmp(r->targets[i].site, site) == 0)
            return &r->targets[i];
    return NULL;
}

bool an_rollout_reaches(const an_rollout *r, const char *site)
{
    const an_target *t = an_rollout_find(r, site);
    return t && t->reached;
}

bool an_rollout_reached_any(const an_rollout *r)
{
    for (size_t i = 0; i < r->n_targets; i++)
        if (r->targets[i].reached)
            return true;
    return false;
}

bool an_rollout_may_tell(const an_rollout *r, int64_t now_ms)
{
    return r->state == AN_ROLLOUT_RUNNING && r->signed_ && r->stage_open &&
           an_calendar_open(&r->window, now_ms);
}

an_rollout_figures an_rollout_count(const an_rollout *r, uint32_t stage)
{
    an_rollout_figures f = {.total = 0};
    for (size_t i = 0; i < r->n_targets; i++) {
        const an_target *t = &r->targets[i];
        if ((stage != UINT32_MAX && t->counts != stage) || t->state == AN_TARGET_GONE)
            continue;
        f.total++;
        f.pending += t->state == AN_TARGET_PENDING;
        f.told += t->state == AN_TARGET_TOLD;
        f.running += t->state == AN_TARGET_RUNNING;
        f.fine += t->state == AN_TARGET_FINE;
        f.failed += t->state == AN_TARGET_FAILED;
        f.absent += t->state == AN_TARGET_ABSENT;
    }
    return f;
}

unsigned an_rollout_owed(const an_rollout *r)
{
    switch (r->state) {
    case AN_ROLLOUT_WAITING:
    case AN_ROLLOUT_RUNNING:
    case AN_ROLLOUT_PAUSED:
        return (r->wait == AN_ROLLOUT_FOR_SIGNATURE ? AN_ROLLOUT_SIGN : 0u) |
               (r->at_once && r->stage_open ? AN_ROLLOUT_PROMOTE : 0u);
    case AN_ROLLOUT_DONE:
        return r->settled ? 0u : AN_ROLLOUT_PROMOTE | AN_ROLLOUT_SETTLE;
    case AN_ROLLOUT_ROLLED_BACK:
    case AN_ROLLOUT_ABORTED:
        break;
    }
    const bool moved = an_rollout_reached_any(r) || (r->at_once && r->stage_open);
    return r->settled ? 0u : (moved ? AN_ROLLOUT_RETURN : 0u) | AN_ROLLOUT_SETTLE;
}

int64_t an_rollout_deadline(const an_rollout *r, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    bool late = false; /* does anybody wait for the deadline? */
    if (an_rollout_is_over(r))
        return next;
    for (size_t i = 0; i < r->n_targets; i++) {
        const an_target *t = &r->targets[i];
        late = late || t->state == AN_TARGET_TOLD || t->watches;
        if (t->state == AN_TARGET_RUNNING && !t->watches && t->since_ms + r->rules.soak_ms < next)
            next = t->since_ms + r->rules.soak_ms;
    }
    if (r->state == AN_ROLLOUT_RUNNING && late && r->deadline_ms < next)
        next = r->deadline_ms;
    if (r->state == AN_ROLLOUT_WAITING && r->wait == AN_ROLLOUT_FOR_WINDOW) {
        const int64_t opens = an_calendar_next(&r->window, now_ms);
        next = opens < next ? opens : next;
    }
    return next;
}

/* ---- words ---- */

const char *an_rollout_state_name(an_rollout_state s)
{
    static const char *const names[] = {"WAITING", "RUNNING", "PAUSED", "DONE", "ROLLED_BACK", "ABORTED"};
    return names[s];
}

const char *an_rollout_wait_name(an_rollout_wait w)
{
    static const char *const names[] = {"nothing", "approval", "signature", "window"};
    return names[w];
}

const char *an_target_state_name(an_target_state s)
{
    static const char *const names[] = {"PENDING", "TOLD", "RUNNING", "FINE", "FAILED", "ABSENT", "GONE"};
    return names[s];
}

const char *an_rollout_event_name(an_rollout_event_type t)
{
    static const char *const names[] = {"time",  "signed", "unsigned", "runs",    "left",   "refuses",
                                        "fails", "joins",  "goes",     "approve", "pause",  "resume",
                                        "retry", "abort",  "followed", "watches", "watched"};
    return names[t];
}

const char *an_rollout_approve_name(int approve)
{
    static const char *const names[] = {"none", "first", "each"};
    return names[approve];
}

static void day_text(char ret[static 25], int64_t ms)
{
    an_time_text(ret, ms);
    ret[10] = ' ';
    ret[16] = '\0';
}

static void running_text(const an_rollout *r, char *out, size_t cap)
{
    const an_rollout_figures f = an_rollout_count(r, r->stage);
    char until[25];
    int n = snprintf(out, cap, "%u of %u fine", f.fine, f.total);
    if (f.running > 0)
        n += snprintf(out + n, cap - (size_t)n, ", %u soaking", f.running);
    if (f.failed > 0)
        n += snprintf(out + n, cap - (size_t)n, ", %u failed", f.failed);
    if (f.absent > 0)
        n += snprintf(out + n, cap - (size_t)n, ", %u absent", f.absent);
    day_text(until, r->deadline_ms);
    if (f.told > 0)
        snprintf(out + n, cap - (size_t)n, ", %u not heard of (waits until %s UTC)", f.told, until);
}

void an_rollout_waiting(const an_rollout *r, int64_t now_ms, an_note *ret)
{
    char what[200] = "", at[25];
    const unsigned long long id = (unsigned long long)r->id;
    if (an_rollout_is_over(r) || r->state == AN_ROLLOUT_PAUSED) {
        an_note_set(ret, "%s", r->reason);
        return;
    }
    if (r->state == AN_ROLLOUT_RUNNING) {
        running_text(r, what, sizeof what);
    } else if (r->wait == AN_ROLLOUT_FOR_APPROVAL) {
        snprintf(what, sizeof what, "waiting for approval: andon rollout approve %llu", id);
    } else if (r->wait == AN_ROLLOUT_FOR_SIGNATURE) {
        snprintf(what, sizeof what, "waiting for the release root's signature");
    } else {
        const int64_t next = an_calendar_next(&r->window, now_ms);
        day_text(at, next);
        snprintf(what, sizeof what, "waiting for the maintenance window: it opens %s UTC", at);
    }
    an_note_set(ret, "stage %u of %u (%.60s): %s", r->stage + 1, r->n_stages, r->stages[r->stage].text, what);
}
