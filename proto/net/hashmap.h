/* hashmap.h - a hash table from fixed-size keys to fixed-size values, internal to this folder.
 *
 * Open addressing with linear probing; removal moves the run behind it back, so there are no
 * tombstones.  The seed is random: who chooses keys cannot choose collisions.
 *
 * Threads: none of its own; the owner locks. */
#ifndef AN_NET_HASHMAP_H
#define AN_NET_HASHMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_hashmap {
    uint8_t *slots;
    size_t cap, n, key_size, value_size, stride;
    uint64_t seed;
} an_hashmap;

void an_hashmap_init(an_hashmap *t, size_t key_size, size_t value_size);
void an_hashmap_done(an_hashmap *t);
void *an_hashmap_find(const an_hashmap *t,
                      const void *key); /* the value, borrowed until a change; NULL: none */
an_err an_hashmap_put(an_hashmap *t, const void *key, const void *value); /* adds or replaces.  NOMEM */
bool an_hashmap_remove(an_hashmap *t, const void *key);
/* Walks: *at starts at 0.  False: the end. */
bool an_hashmap_next(const an_hashmap *t, size_t *at, const void **ret_key, void **ret_value);

#endif
