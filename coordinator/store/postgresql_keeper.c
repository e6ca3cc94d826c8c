/* The lease's keeper: a thread with a connection of its own, for the time in which the store's thread is busy.
 *
 * A journal that is read, an object of gigabytes: each may take longer than a lease lasts, and a standby that took over
 * then would be as busy, and lose it again.  The keeper renews what the store's thread has not renewed for a while
 * (kept_ms).  It does so only while that thread has shown life (alive_ms): a coordinator that hangs loses its lease.  What
 * takes long without the store, sums and their replays, is not that thread's work.  A process that is stopped has its keeper stopped too; a lease that has ended is not the keeper's to
 * take up again.  What protects the journal is the epoch, whatever the keeper does. */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "coordinator/store/postgresql.h"

#define LOOK_MS 500
#define LATE_MS 1400 /* the store's thread renews each second if it can */

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

void an_pg_alive(an_pg_store *s)
{
    atomic_store_explicit(&s->keeper.alive_ms, mono(), memory_order_relaxed);
}

void an_pg_kept(an_pg_store *s)
{
    atomic_store_explicit(&s->keeper.kept_ms, mono(), memory_order_relaxed);
}

static bool is_due(const an_pg_keeper *k)
{
    const int64_t now = mono();
    return now - atomic_load_explicit(&k->kept_ms, memory_order_relaxed) >= LATE_MS &&
           now - atomic_load_explicit(&k->alive_ms, memory_order_relaxed) < k->hung_ms;
}

/* If it fails, the store's thread finds out what has become of the lease. */
static void renew(an_pg_store *s, an_pq **pq)
{
    an_pq_args a = {.n = 0};
    if (*pq && an_pq_lost(*pq)) {
        an_pq_close(*pq);
        *pq = NULL;
    }
    if (!*pq && an_pg_connect(s->conninfo, pq, NULL) != AN_OK)
        return;
    an_pq_bytes(&a, s->life, sizeof s->life);
    an_pq_int(&a, AN_PG_TTL_MS);
    if (an_pq_query(*pq,
                    "UPDATE andon.lease SET expires = clock_timestamp() + $2::bigint * interval '1 ms'"
                    " WHERE life = $1::bytea AND expires > clock_timestamp()",
                    &a, NULL, NULL) == AN_OK)
        an_pg_kept(s);
}

/* With k->lock held.  False: it is to end. */
static bool wait_turn(an_pg_keeper *k)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)LOOK_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!k->ending && pthread_cond_timedwait(&k->end, &k->lock, &until) != ETIMEDOUT)
        continue;
    return !k->ending;
}

static void *run(void *arg)
{
    an_pg_store *s = arg;
    an_pg_keeper *k = &s->keeper;
    an_pq *pq = NULL;
    pthread_mutex_lock(&k->lock);
    while (wait_turn(k)) {
        pthread_mutex_unlock(&k->lock);
        if (is_due(k))
            renew(s, &pq);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    an_pq_close(pq);
    return NULL;
}

static bool init_end(an_pg_keeper *k)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    const bool good = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                      pthread_cond_init(&k->end, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return good;
}

an_err an_pg_keeper_start(an_pg_store *s, int64_t hung_ms, an_note *why)
{
    an_pg_keeper *k = &s->keeper;
    sigset_t all, before;
    k->hung_ms = hung_ms > 0 ? hung_ms : AN_PG_HUNG_MS;
    an_pg_alive(s);
    an_pg_kept(s);
    if (pthread_mutex_init(&k->lock, NULL) != 0)
        return an_fail(AN_ERR_NOMEM, why, "store: no mutex");
    if (!init_end(k)) {
        pthread_mutex_destroy(&k->lock);
        return an_fail(AN_ERR_NOMEM, why, "store: no condition");
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    k->runs = pthread_create(&k->thread, NULL, run, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (k->runs)
        return AN_OK;
    pthread_cond_destroy(&k->end);
    pthread_mutex_destroy(&k->lock);
    return an_fail(AN_ERR_NOMEM, why, "store: no thread");
}

void an_pg_keeper_stop(an_pg_store *s)
{
    an_pg_keeper *k = &s->keeper;
    if (!k->runs)
        return;
    pthread_mutex_lock(&k->lock);
    k->ending = true;
    pthread_cond_signal(&k->end);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->end);
    pthread_mutex_destroy(&k->lock);
    k->runs = false;
}
