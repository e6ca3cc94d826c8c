/* stores.h - what the tests of the store share: a store of one backend in a folder of its own.
 *
 *     return store_each_backend(run);      runs the tests for every row of stores.def
 *
 * Each test gets a `store_fixture *` in *state, opened and empty, from store_set_up, and leaves
 * it to store_tear_down (STORE_TEST names both).
 *
 * Threads: one store at a time, in the thread that runs the tests. */
#ifndef AN_TEST_STORES_H
#define AN_TEST_STORES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/store/store_internal.h"
#include "tests/support/folder.h"

#define STORE_NOON INT64_C(1773057600000) /* the fake clock's start */

typedef struct store_fixture {
    const an_store_backend *backend;
    char dir[AN_PATH_MAX];    /* the test's */
    char folder[AN_PATH_MAX]; /* in it: the store, or what is local of it */
    char url[AN_PATH_MAX + 32];
    an_clock_fake clock;
    an_store *store;
    int64_t hung_ms; /* of what store_open opens */
    an_note why;
} store_fixture;

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
int store_set_up(void **state);
int store_tear_down(void **state);
void store_use_backend(const an_store_backend *backend); /* before the first store_set_up */
/* The backend that coordinators share, on a server of the test's own; false: there is none to start.  For the end of
 * a group of tests: store_end_server. */
bool store_with_server(void);
int store_end_server(void **state);
/* Runs `run` once for each backend, which store_set_up then uses; what main returns. */
int store_each_backend(int (*run)(const char *backend));

an_err store_open_as(store_fixture *f, an_store **ret); /* the fixture's url and folder */
/* Another coordinator's, of a folder of its own; shared backends only. */
an_err store_open_second(store_fixture *f, int64_t wait_ms, an_store **ret);
void store_open(store_fixture *f); /* asserts that it opens */
void store_close(store_fixture *f);
void store_reopen(store_fixture *f);

/* By user/admin, with a short body. */
an_record store_record(const char *kind, const char *subject, const char *idem);
/* Asserts success; the record's seq. */
uint64_t store_append(store_fixture *f, const char *kind, const char *subject, const char *idem);
/* Asserts that a failure says why and changes nothing. */
an_err store_try(store_fixture *f, const an_record *r);

/* The seqs that a scan gave, as text: "1 2 5 ".  store_see is the visit. */
typedef struct store_seen {
    char text[256];
    size_t n;
} store_seen;
an_err store_see(void *ctx, const an_record *r, an_note *why);

#endif
