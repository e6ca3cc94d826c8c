/* A run is a generation number.  The caller publishes the work, raises the number and joins in;
 * every thread takes jobs and reports once per generation, even if nothing was left for it, so that
 * no late thread can see the next run's work half written.
 *
 * The jobs are cut into as many ranges as there are workers.  A worker takes its own range first, and
 * then what is left of the others': runs of the same length give a job to the same worker, in whose
 * cache its data may still be, as long as all are equally fast. */
#include "base/workers.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/mem.h"

/* Some 50 microseconds: as long as it takes to wake a thread, which a thread that waits for the next
 * stage of a step should not need. */
#define SPINS 50000u
#define LINE 64u /* bytes in a cache line */

typedef struct worker {
    an_workers *pool;
    size_t index;
    pthread_t thread;
} worker;

/* Jobs that one worker takes first. */
typedef struct range {
    alignas(LINE) atomic_size_t next;
    size_t end;
} range;

struct an_workers {
    worker *threads; /* n - 1 of them; threads[i] is worker i + 1 */
    size_t n;
    size_t n_started;
    unsigned spins; /* 0 when there are more workers than processors */

    an_workers_fn *fn; /* written before generation is raised, read after */
    void *ctx;
    range *ranges;      /* (n) */
    atomic_size_t busy; /* threads that have not reported in this generation */
    atomic_uint_fast64_t generation;

    pthread_mutex_t lock; /* guards stop, sleepers and the raising of generation */
    pthread_cond_t work;  /* generation was raised, or stop */
    pthread_cond_t done;  /* busy fell to 0 */
    bool stop;
    size_t sleepers;
};

size_t an_cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}

static void take_jobs(an_workers *w, size_t index)
{
    for (size_t k = 0; k < w->n; k++) {
        range *r = &w->ranges[(index + k) % w->n];
        for (size_t job; (job = atomic_fetch_add(&r->next, 1)) < r->end;)
            w->fn(w->ctx, job, index);
    }
}

/* False: the pool stops. */
static bool await_generation(an_workers *w, uint_fast64_t seen)
{
    for (unsigned i = 0; i < w->spins; i++) {
        if (atomic_load(&w->generation) != seen)
            return true;
    }
    pthread_mutex_lock(&w->lock);
    w->sleepers++;
    while (atomic_load(&w->generation) == seen && !w->stop)
        pthread_cond_wait(&w->work, &w->lock);
    w->sleepers--;
    bool go = atomic_load(&w->generation) != seen;
    pthread_mutex_unlock(&w->lock);
    return go;
}

static void *worker_main(void *arg)
{
    worker *me = arg;
    an_workers *w = me->pool;
    for (uint_fast64_t seen = 0; await_generation(w, seen); seen++) {
        take_jobs(w, me->index);
        if (atomic_fetch_sub(&w->busy, 1) == 1) {
            pthread_mutex_lock(&w->lock);
            pthread_cond_signal(&w->done);
            pthread_mutex_unlock(&w->lock);
        }
    }
    return NULL;
}

an_err an_workers_new(size_t n, an_workers **ret)
{
    if (n == 0 || n > AN_WORKERS_MAX)
        return AN_ERR_INVAL;
    an_workers *w = an_alloc(1, sizeof *w);
    if (!w)
        return AN_ERR_NOMEM;
    w->n = n;
    w->spins = n <= an_cpu_count() ? SPINS : 0;
    atomic_init(&w->busy, 0);
    atomic_init(&w->generation, 0);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->done, NULL);

    an_err err = AN_ERR_NOMEM;
    w->threads = an_alloc(n - 1, sizeof *w->threads);
    w->ranges = an_alloc(n, sizeof *w->ranges);
    if (!w->threads || !w->ranges)
        goto out;
    for (size_t i = 0; i < n; i++)
        atomic_init(&w->ranges[i].next, 0);
    for (size_t i = 0; i + 1 < n; i++) {
        w->threads[i].pool = w;
        w->threads[i].index = i + 1;
        if (pthread_create(&w->threads[i].thread, NULL, worker_main, &w->threads[i]) != 0)
            goto out;
        w->n_started++;
    }
    *ret = w;
    w = NULL;
    err = AN_OK;
out:
    an_workers_free(w);
    return err;
}

void an_workers_free(an_workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < w->n_started; i++)
        pthread_join(w->threads[i].thread, NULL);
    pthread_cond_destroy(&w->done);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    an_free(w->threads);
    an_free(w->ranges);
    an_free(w);
}

size_t an_workers_count(const an_workers *w)
{
    return w ? w->n : 1;
}

static void await_done(an_workers *w)
{
    for (unsigned i = 0; i < w->spins; i++) {
        if (atomic_load(&w->busy) == 0)
            return;
    }
    pthread_mutex_lock(&w->lock);
    while (atomic_load(&w->busy) != 0)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

void an_workers_run(an_workers *w, size_t n_jobs, an_workers_fn *fn, void *ctx)
{
    if (!w || w->n == 1 || n_jobs <= 1) {
        for (size_t i = 0; i < n_jobs; i++)
            fn(ctx, i, 0);
        return;
    }
    w->fn = fn;
    w->ctx = ctx;
    for (size_t i = 0; i < w->n; i++) {
        w->ranges[i].end = n_jobs * (i + 1) / w->n;
        atomic_store(&w->ranges[i].next, n_jobs * i / w->n);
    }
    atomic_store(&w->busy, w->n - 1);
    pthread_mutex_lock(&w->lock);
    atomic_fetch_add(&w->generation, 1);
    if (w->sleepers > 0)
        pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    take_jobs(w, 0);
    await_done(w);
}
