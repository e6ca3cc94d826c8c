/* init.h - the verb init, as a test asks it: everything by flags, and what it wrote read as the agent reads it.
 *
 *     an_init_test t;
 *     an_init_test_begin(&t);
 *     assert_int_equal(an_init_test_run(&t, "csv", path, NULL, &why), AN_OK);
 *     assert_true(an_init_test_has(&t, "part: Teil"));
 *     an_init_test_rows(&t, 10);                              the line's source gives rows with values
 *     an_init_test_end(&t);
 *
 * Threads: one. */
#ifndef AN_TEST_INIT_H
#define AN_TEST_INIT_H

#include <stdio.h>

#include "agent/init.h"
#include "base/buf.h"
#include "base/file.h"

typedef struct an_init_test {
    char dir[AN_PATH_MAX], out[AN_PATH_MAX];
    an_buf text; /* what was written, terminated */
    FILE *say;   /* what was said */
    FILE *in;    /* answers; NULL: none */
    int64_t for_ms;
} an_init_test;

void an_init_test_begin(an_init_test *t);
void an_init_test_end(an_init_test *t);
/* set: one KEY=VALUE, or NULL. */
an_err an_init_test_run(an_init_test *t, const char *kind, const char *where, const char *set, an_note *why);
bool an_init_test_has(const an_init_test *t, const char *text);
/* The configuration is loaded, and its line's source read for at most ten seconds: fails without so many rows that have
 * a value for each sensor.  Returns the number of sensors. */
size_t an_init_test_rows(const an_init_test *t, uint64_t rows);

#endif
