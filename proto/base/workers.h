/* workers.h - a pool of threads for one loop at a time.
 *
 *     an_workers *w = NULL;
 *     err = an_workers_new(4, &w);
 *     an_workers_run(w, 64, sum_slice, &job);     sum_slice(&job, 0..63, 0..3), in any order
 *     an_workers_free(w);
 *
 * The calling thread takes part: n workers are n - 1 threads, and n = 1 none.  A result does not
 * depend on n if the work is cut into a fixed number of slices (the jobs) whose results are added in
 * the order of the slices.  Between two runs a worker spins for some microseconds, then sleeps.
 *
 * Threads: a pool belongs to the thread that runs it. */
#ifndef AN_BASE_WORKERS_H
#define AN_BASE_WORKERS_H

#include <stddef.h>

#include "base/err.h"

#define AN_WORKERS_MAX 256

typedef struct an_workers an_workers;

/* job is 0 .. n_jobs-1, each called once; worker is 0 .. n-1, the caller is 0: use it to choose a
 * scratch area. */
typedef void an_workers_fn(void *ctx, size_t job, size_t worker);

/* Errors: INVAL n is 0 or over AN_WORKERS_MAX, NOMEM (also: the system gives no thread). */
an_err an_workers_new(size_t n, an_workers **ret);
void an_workers_free(an_workers *w);          /* joins; NULL is fine */
size_t an_workers_count(const an_workers *w); /* n; 1 for NULL */

/* Returns when every job is done; what they wrote is visible then.  Allocates nothing.  w may be NULL:
 * the caller does all jobs in order.  Must not be called from inside a job. */
void an_workers_run(an_workers *w, size_t n_jobs, an_workers_fn *fn, void *ctx);

size_t an_cpu_count(void); /* processors online, at least 1 */

#endif
