/* The hub's time, where it is more than the clock's: of rounds and rollouts that are open while somebody sets the clock,
 * and of rollouts while no coordinator works.
 *
 * Nothing tells how long a coordinator was away but the clock, which may have been set meanwhile.  So what lies between
 * the journal's last record and a start counts for no rollout: neither as soak time, for nobody heard whether the version
 * did well, nor towards a deadline, for nobody could report.  While a coordinator works it writes something at each beat;
 * the time of two of them is taken for worked. */
#include "base/log.h"
#include "coordinator/hub_internal.h"

#define JUMP_MS 2000  /* more than a clock is steered by between two looks */
#define BEAT_PARTS 16 /* of a soak time */
#define BEAT_LEAST_MS 1000
#define BEAT_MOST_MS 600000

int64_t an_hub_now(const an_hub *hub)
{
    return hub->conf.clock->wall_ms(hub->conf.clock) + hub->shift_ms;
}

typedef struct waiting {
    int n; /* rollouts that are not over */
    int64_t beat_ms;
} waiting;

static waiting look(const an_hub *hub)
{
    waiting w = {.beat_ms = BEAT_MOST_MS};
    for (size_t i = 0; i < hub->state.rollouts.n; i++) {
        const an_rollout *r = &hub->state.rollouts.items[i];
        const int64_t part = r->rules.soak_ms / BEAT_PARTS;
        if (an_rollout_is_over(r))
            continue;
        w.n++;
        if (part < w.beat_ms)
            w.beat_ms = part < BEAT_LEAST_MS ? BEAT_LEAST_MS : part;
    }
    return w;
}

/* Their times move with the time: they last too long to go on in one that is wrong. */
static an_err move_rollouts(an_hub *hub, const char *kind, int64_t by_ms, an_note *why)
{
    an_record_batch b = {.n = 0};
    an_json *o = an_json_object();
    an_json_set_int(o, "by_ms", by_ms);
    an_batch_add(&b, kind, "coordinator", "coordinator", NULL, o);
    return an_hub_commit(hub, &b, why);
}

static an_err follow_clock(an_hub *hub, int64_t by_ms)
{
    an_note why = {{0}};
    an_err err = look(hub).n ? move_rollouts(hub, "clock.set", by_ms, &why) : AN_OK;
    if (err != AN_OK)
        an_log(AN_LOG_ERROR, "clock_not_followed", "err=%s why=\"%s\"", an_err_name(err), why.text);
    return err;
}

/* Somebody set the clock.  Open rounds and the sessions of sites count on in the time that they began with, or a
 * day forward would end them all and a day back hold them for a day; what is opened after them has the new time. */
void an_hub_watch_clock(an_hub *hub)
{
    const an_clock *clock = hub->conf.clock;
    const int64_t wall = clock->wall_ms(clock), mono = clock->mono_ms(clock);
    const int64_t jump = (wall - hub->wall_ms) - (mono - hub->mono_ms);
    if (hub->wall_ms != 0 && (jump > JUMP_MS || jump < -JUMP_MS)) {
        an_log(AN_LOG_WARN, "clock_jumped", "ms=%lld", (long long)jump);
        hub->shift_ms -= jump;
    }
    hub->wall_ms = wall;
    hub->mono_ms = mono;
    if (hub->shift_ms == 0 || hub->rounds.n > 0 || follow_clock(hub, -hub->shift_ms) != AN_OK)
        return; /* looked at again */
    for (size_t i = 0; i < hub->live.n; i++)
        hub->live.items[i].seen_ms -= hub->shift_ms;
    hub->retry_ms -= hub->shift_ms;
    hub->asked_ms -= hub->shift_ms;
    hub->shift_ms = 0;
}

an_err an_hub_clock_resume(an_hub *hub, an_note *why)
{
    const waiting w = look(hub);
    const int64_t away_ms = an_hub_now(hub) - hub->state.last_ms;
    const int64_t worked_ms = away_ms < 0 ? 0 : away_ms < 2 * w.beat_ms ? away_ms : 2 * w.beat_ms;
    if (w.n == 0 || away_ms == worked_ms)
        return AN_OK;
    an_log(AN_LOG_INFO, "clock_resumed", "ms=%lld", (long long)(away_ms - worked_ms));
    return move_rollouts(hub, "clock.resumed", away_ms - worked_ms, why);
}

void an_hub_clock_seen(an_hub *hub)
{
    an_record_batch b = {.n = 0};
    const waiting w = look(hub);
    const int64_t passed = an_hub_now(hub) - hub->state.last_ms;
    if (w.n == 0 || (passed >= 0 && passed < w.beat_ms))
        return;
    an_json *o = an_json_object();
    an_json_set_int(o, "rollouts", w.n);
    an_batch_add(&b, "clock.seen", "coordinator", "coordinator", NULL, o);
    an_err err = an_hub_commit(hub, &b, NULL);
    (void)err; /* tried again at the next tick; without it a start takes more time back */
}
