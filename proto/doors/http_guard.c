#include "doors/http_guard.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"

struct an_guarded {
    an_guarded *next, **link; /* link: what points here */
    int fd;
    int64_t until_ms; /* INT64_MAX: unbounded */
};

struct an_guard {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    pthread_t thread;
    an_guarded *first;
    int64_t phase_ms;
    bool over;
};

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

/* Its thread sees the end and closes it.  Milliseconds until the next one is due. */
static int64_t end_late_ones(an_guard *g)
{
    const int64_t now = mono();
    int64_t next = g->phase_ms;
    for (an_guarded *c = g->first; c; c = c->next) {
        if (c->until_ms <= now) {
            shutdown(c->fd, SHUT_RDWR);
            c->until_ms = INT64_MAX;
        } else if (c->until_ms - now < next) {
            next = c->until_ms - now;
        }
    }
    return next;
}

static void *run(void *arg)
{
    an_guard *g = arg;
    pthread_mutex_lock(&g->lock);
    while (!g->over) {
        const struct timespec until = an_clock_after(end_late_ones(g));
        pthread_cond_timedwait(&g->changed, &g->lock, &until);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

an_err an_guard_start(int64_t phase_ms, an_guard **ret)
{
    an_guard *g = an_alloc(1, sizeof *g);
    if (!g)
        return AN_ERR_NOMEM;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, &attr);
    pthread_condattr_destroy(&attr);
    g->phase_ms = phase_ms;
    if (pthread_create(&g->thread, NULL, run, g) != 0) {
        pthread_cond_destroy(&g->changed);
        pthread_mutex_destroy(&g->lock);
        an_free(g);
        return AN_ERR_IO;
    }
    *ret = g;
    return AN_OK;
}

void an_guard_stop(an_guard *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&g->lock);
    g->over = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    pthread_join(g->thread, NULL);
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->lock);
    an_free(g);
}

an_guarded *an_guard_add(an_guard *g, int fd)
{
    an_guarded *c = an_alloc(1, sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_lock(&g->lock);
    *c = (an_guarded){.next = g->first, .link = &g->first, .fd = fd, .until_ms = mono() + g->phase_ms};
    if (g->first)
        g->first->link = &c->next;
    g->first = c;
    pthread_mutex_unlock(&g->lock);
    return c;
}

static void set(an_guard *g, an_guarded *c, int64_t until_ms)
{
    if (!c)
        return;
    pthread_mutex_lock(&g->lock);
    c->until_ms = until_ms;
    pthread_mutex_unlock(&g->lock);
}

/* The guard wakes at least once a phase, so that no bound is missed by more than one. */
void an_guard_phase(an_guard *g, an_guarded *c)
{
    set(g, c, mono() + g->phase_ms);
}

void an_guard_rest(an_guard *g, an_guarded *c)
{
    set(g, c, INT64_MAX);
}

void an_guard_remove(an_guard *g, an_guarded *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&g->lock);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    pthread_mutex_unlock(&g->lock);
    an_free(c);
}
