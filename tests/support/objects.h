/* objects.h - is an object in a store?
 *
 * Threads: plain functions. */
#ifndef AN_TEST_OBJECTS_H
#define AN_TEST_OBJECTS_H

#include "coordinator/store.h"

/* A store that cannot say fails the test. */
bool an_test_store_has(an_store *s, const an_hash *hash);

#endif
