/* The pool: every job once, the same sum with any number of workers, no thread left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "base/mem.h"
#include "base/workers.h"

#define JOBS 97

typedef struct tally {
    atomic_int calls[JOBS];
    double part[JOBS];
    size_t workers;
    atomic_int wrong;
} tally;

static void count_job(void *ctx, size_t job, size_t worker)
{
    tally *t = ctx;
    if (worker >= t->workers)
        atomic_fetch_add(&t->wrong, 1);
    atomic_fetch_add(&t->calls[job], 1);
    t->part[job] = 1.0 / (double)(job + 1);
}

static void every_job_runs_once_whatever_the_number_of_workers(void **state)
{
    (void)state;
    double first = 0;
    for (size_t n = 1; n <= 5; n++) {
        an_workers *w = NULL;
        assert_int_equal(an_workers_new(n, &w), AN_OK);
        assert_int_equal(an_workers_count(w), n);
        for (int run = 1; run <= 200; run++) {
            tally t = {.workers = n};
            size_t jobs = (size_t)(run % (JOBS + 1));
            an_workers_run(w, jobs, count_job, &t);
            assert_int_equal(atomic_load(&t.wrong), 0);
            double sum = 0;
            for (size_t i = 0; i < JOBS; i++) {
                assert_int_equal(atomic_load(&t.calls[i]), i < jobs);
                sum += t.part[i];
            }
            if (jobs == JOBS && n == 1)
                first = sum;
            if (jobs == JOBS)
                assert_true(sum == first);
        }
        an_workers_free(w);
    }
}

static void record_order(void *ctx, size_t job, size_t worker)
{
    size_t *next = ctx;
    assert_int_equal(worker, 0);
    assert_int_equal(job, *next);
    (*next)++;
}

static void no_pool_means_the_caller_does_all_jobs_in_order(void **state)
{
    (void)state;
    size_t next = 0;
    an_workers_run(NULL, 10, record_order, &next);
    assert_int_equal(next, 10);
    assert_int_equal(an_workers_count(NULL), 1);
    assert_true(an_cpu_count() >= 1);
}

static void a_pool_that_never_ran_can_be_freed(void **state)
{
    (void)state;
    size_t live = an_mem_live();
    an_workers *w = NULL;
    assert_int_equal(an_workers_new(4, &w), AN_OK);
    an_workers_free(w);
    an_workers_free(NULL);
    assert_int_equal(an_mem_live(), live);
}

static void a_senseless_number_of_workers_is_refused(void **state)
{
    (void)state;
    an_workers *w = NULL;
    assert_int_equal(an_workers_new(0, &w), AN_ERR_INVAL);
    assert_int_equal(an_workers_new(AN_WORKERS_MAX + 1, &w), AN_ERR_INVAL);
    assert_null(w);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    size_t live = an_mem_live();
    an_err err;
    size_t n = 0;
    do {
        an_workers *w = NULL;
        an_mem_fail_after(n++);
        err = an_workers_new(3, &w);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && !w));
        an_workers_free(w);
        assert_int_equal(an_mem_live(), live);
    } while (err != AN_OK);
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_once_whatever_the_number_of_workers),
        cmocka_unit_test(no_pool_means_the_caller_does_all_jobs_in_order),
        cmocka_unit_test(a_pool_that_never_ran_can_be_freed),
        cmocka_unit_test(a_senseless_number_of_workers_is_refused),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
