/* objects.h - is an object in a store?  And how it goes with a disk.
 *
 * Threads: plain functions. */
#ifndef AN_TEST_OBJECTS_H
#define AN_TEST_OBJECTS_H

#include "coordinator/store.h"

/* A store that cannot say fails the test. */
bool an_test_store_has(an_store *s, const an_hash *hash);
/* It must be there, and is not any more, whatever refers to it. */
void an_test_store_lose(an_store *s, const an_hash *hash);

#endif
