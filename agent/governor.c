#include "agent/governor.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/mem.h"
#include "base/usage.h"

#define QUIET_MS 250
#define LOOK_MS 20     /* between two looks whether the reason is gone */
#define SLEEP_MOST 200 /* ms of a share's pause at a time */
#define SLEEP_LEAST 2  /* ms: shorter pauses are saved up */
#define LINES_MAX 64
#define CPU_SPAN_MS 10000 /* processor time is counted anew so often */
#define CPU_SLACK_S 0.05  /* of a span, before anybody waits for it */

struct an_governor {
    an_governor_conf conf;
    an_pace pace;
    atomic_int_fast64_t late_ms; /* monotonic time of the last; INT64_MIN: never */
    atomic_uint_fast64_t lates, idle;
    atomic_int state;
    atomic_bool stop;
    atomic_int_fast64_t waited_ms[AN_GOVERNOR_STATES];

    pthread_mutex_t lock; /* for `stopped` alone */
    pthread_cond_t stopped;

    int64_t resumed_ns; /* the trainer's: when its last piece began; 0: none has */
    double owed_ms;
    int64_t span_ms; /* when the present span of processor time began; INT64_MIN: none has */
    double span_cpu_s;
};

const char *an_governor_state_name(an_governor_state s)
{
    static const char *const names[] = {"", "a line is late", "a line is busy", "its share of time is used",
                                        "the budget of processor time is used"};
    return names[s];
}

void an_governor_late(an_governor *g)
{
    atomic_store_explicit(&g->late_ms, g->conf.clock->mono_ms(g->conf.clock), memory_order_relaxed);
    if (atomic_load_explicit(&g->state, memory_order_relaxed) != AN_GOVERNOR_LATE)
        atomic_fetch_add_explicit(&g->lates, 1, memory_order_relaxed);
}

void an_governor_idle(an_governor *g, size_t line, bool idle)
{
    if (line >= LINES_MAX)
        return;
    if (idle)
        atomic_fetch_or(&g->idle, UINT64_C(1) << line);
    else
        atomic_fetch_and(&g->idle, ~(UINT64_C(1) << line));
}

void an_governor_stop(an_governor *g)
{
    pthread_mutex_lock(&g->lock);
    atomic_store(&g->stop, true);
    pthread_cond_broadcast(&g->stopped);
    pthread_mutex_unlock(&g->lock);
}

static void rest(an_governor *g, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&g->lock);
    while (!atomic_load(&g->stop) && pthread_cond_timedwait(&g->stopped, &g->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&g->lock);
}

/* Scoring is never held up: what it takes is taken from training. */
static bool cpu_is_used(an_governor *g)
{
    if (!(g->conf.cpu > 0))
        return false;
    const int64_t now = g->conf.clock->mono_ms(g->conf.clock);
    const double used = g->conf.cpu_s();
    if (g->span_ms == INT64_MIN || now - g->span_ms >= CPU_SPAN_MS) {
        g->span_ms = now;
        g->span_cpu_s = used;
    }
    return used - g->span_cpu_s > g->conf.cpu * (double)(now - g->span_ms) / 1000 + CPU_SLACK_S;
}

static an_governor_state judge(an_governor *g)
{
    const int64_t late = atomic_load_explicit(&g->late_ms, memory_order_relaxed);
    const uint64_t all = g->conf.n_lines >= LINES_MAX ? UINT64_MAX : (UINT64_C(1) << g->conf.n_lines) - 1;
    if (late != INT64_MIN && g->conf.clock->mono_ms(g->conf.clock) - late < g->conf.quiet_ms)
        return AN_GOVERNOR_LATE;
    if (g->conf.idle_only && (atomic_load(&g->idle) & all) != all)
        return AN_GOVERNOR_BUSY;
    if (g->owed_ms >= SLEEP_LEAST)
        return AN_GOVERNOR_SHARE;
    return cpu_is_used(g) ? AN_GOVERNOR_CPU : AN_GOVERNOR_FREE;
}

static void governor_wait(void *ctx)
{
    an_governor *g = ctx;
    an_governor_state s;
    const int64_t begin = (int64_t)an_clock_ns();
    if (g->resumed_ns != 0)
        g->owed_ms += (double)(begin - g->resumed_ns) / 1e6 * (1 / g->conf.share - 1);
    while (!atomic_load(&g->stop) && (s = judge(g)) != AN_GOVERNOR_FREE) {
        const int64_t from = (int64_t)an_clock_ns();
        atomic_store_explicit(&g->state, s, memory_order_relaxed);
        rest(g, s != AN_GOVERNOR_SHARE    ? LOOK_MS
                : g->owed_ms < SLEEP_MOST ? (int64_t)g->owed_ms
                                          : SLEEP_MOST);
        const double ms = (double)((int64_t)an_clock_ns() - from) / 1e6;
        g->owed_ms = g->owed_ms > ms ? g->owed_ms - ms : 0; /* whatever it waited for, it did not work */
        atomic_fetch_add(&g->waited_ms[s], (int64_t)ms);
    }
    atomic_store_explicit(&g->state, AN_GOVERNOR_FREE, memory_order_relaxed);
    g->resumed_ns = (int64_t)an_clock_ns();
}

an_err an_governor_new(const an_governor_conf *conf, an_governor **ret)
{
    if (!(conf->share > 0) || conf->share > 1 || conf->n_lines > LINES_MAX || conf->quiet_ms < 0 ||
        conf->cpu < 0)
        return AN_ERR_INVAL;
    an_governor *g = an_alloc(1, sizeof *g);
    if (!g)
        return AN_ERR_NOMEM;
    pthread_condattr_t monotonic;
    g->conf = *conf;
    g->conf.quiet_ms = conf->quiet_ms ? conf->quiet_ms : QUIET_MS;
    g->conf.cpu_s = conf->cpu_s ? conf->cpu_s : an_usage_cpu_s;
    g->span_ms = INT64_MIN;
    g->pace = (an_pace){.wait = governor_wait, .ctx = g};
    atomic_store(&g->late_ms, INT64_MIN);
    pthread_mutex_init(&g->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&g->stopped, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *ret = g;
    return AN_OK;
}

void an_governor_free(an_governor *g)
{
    if (!g)
        return;
    pthread_cond_destroy(&g->stopped);
    pthread_mutex_destroy(&g->lock);
    an_free(g);
}

const an_pace *an_governor_pace(an_governor *g)
{
    return &g->pace;
}

an_governor_look an_governor_look_at(an_governor *g)
{
    an_governor_look l = {.state = (an_governor_state)atomic_load(&g->state),
                          .lates = atomic_load(&g->lates)};
    for (size_t i = 0; i < AN_GOVERNOR_STATES; i++)
        l.waited_ms[i] = atomic_load(&g->waited_ms[i]);
    return l;
}
