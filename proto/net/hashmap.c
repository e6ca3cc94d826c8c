/* hashmap.c - see hashmap.h.  A slot is: hash with its lowest bit set, or 0 for empty | value |
 * key. */
#include "net/hashmap.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "doors/crypto.h"

#define CAP_LEAST 16

void an_hashmap_init(an_hashmap *t, size_t key_size, size_t value_size)
{
    size_t value = (value_size + 7) / 8 * 8;
    *t = (an_hashmap){.key_size = key_size, .value_size = value_size};
    t->stride = 8 + value + (key_size + 7) / 8 * 8;
    an_random(&t->seed, sizeof t->seed);
}

void an_hashmap_done(an_hashmap *t)
{
    if (t->slots)
        an_wipe(t->slots, t->cap * t->stride);
    an_free(t->slots);
    t->slots = NULL;
    t->cap = t->n = 0;
}

static uint64_t hash_of(const an_hashmap *t, const void *key)
{
    const uint8_t *k = key;
    uint64_t h = t->seed;
    for (size_t i = 0; i < t->key_size; i += 8) {
        uint64_t word = 0;
        size_t left = t->key_size - i;
        memcpy(&word, k + i, left < 8 ? left : 8);
        h = an_mix64(h ^ word);
    }
    return h | 1;
}

static uint8_t *slot_at(const an_hashmap *t, size_t i)
{
    return t->slots + i * t->stride;
}

static uint64_t hash_at(const an_hashmap *t, size_t i)
{
    uint64_t h;
    memcpy(&h, slot_at(t, i), sizeof h);
    return h;
}

static uint8_t *value_at(const an_hashmap *t, size_t i)
{
    return slot_at(t, i) + 8;
}

static uint8_t *key_at(const an_hashmap *t, size_t i)
{
    return slot_at(t, i) + 8 + (t->value_size + 7) / 8 * 8;
}

static size_t home(const an_hashmap *t, uint64_t h)
{
    return (size_t)(h >> 1) & (t->cap - 1);
}

/* The slot of the key, or the empty slot where it belongs; cap > n always leaves one empty. */
static size_t seek(const an_hashmap *t, const void *key, uint64_t h)
{
    size_t i = home(t, h);
    while (hash_at(t, i) != 0 && (hash_at(t, i) != h || !an_secret_equal(key_at(t, i), key, t->key_size)))
        i = (i + 1) & (t->cap - 1);
    return i;
}

void *an_hashmap_find(const an_hashmap *t, const void *key)
{
    if (t->n == 0)
        return NULL;
    size_t i = seek(t, key, hash_of(t, key));
    return hash_at(t, i) ? value_at(t, i) : NULL;
}

static bool widen(an_hashmap *t)
{
    an_hashmap wide = *t;
    wide.cap = t->cap ? t->cap * 2 : CAP_LEAST;
    if (!(wide.slots = an_alloc(wide.cap, wide.stride)))
        return false;
    for (size_t i = 0; i < t->cap; i++)
        if (hash_at(t, i))
            memcpy(slot_at(&wide, seek(&wide, key_at(t, i), hash_at(t, i))), slot_at(t, i), t->stride);
    an_free(t->slots);
    *t = wide;
    return true;
}

an_err an_hashmap_put(an_hashmap *t, const void *key, const void *value)
{
    void *old = an_hashmap_find(t, key);
    if (old) {
        memcpy(old, value, t->value_size);
        return AN_OK;
    }
    if ((t->n + 1) * 4 > t->cap * 3 && !widen(t))
        return AN_ERR_NOMEM;
    uint64_t h = hash_of(t, key);
    size_t i = seek(t, key, h);
    memcpy(slot_at(t, i), &h, sizeof h);
    memcpy(value_at(t, i), value, t->value_size);
    memcpy(key_at(t, i), key, t->key_size);
    t->n++;
    return AN_OK;
}

bool an_hashmap_remove(an_hashmap *t, const void *key)
{
    if (!an_hashmap_find(t, key))
        return false;
    size_t mask = t->cap - 1, hole = seek(t, key, hash_of(t, key));
    for (size_t i = (hole + 1) & mask; hash_at(t, i) != 0; i = (i + 1) & mask) {
        /* May slot i move into the hole?  Only if its home is not between the two. */
        size_t from_home = (i - home(t, hash_at(t, i))) & mask;
        if (from_home < ((i - hole) & mask))
            continue;
        memcpy(slot_at(t, hole), slot_at(t, i), t->stride);
        hole = i;
    }
    memset(slot_at(t, hole), 0, t->stride);
    t->n--;
    return true;
}

bool an_hashmap_next(const an_hashmap *t, size_t *at, const void **ret_key, void **ret_value)
{
    while (*at < t->cap && hash_at(t, *at) == 0)
        ++*at;
    if (*at >= t->cap)
        return false;
    *ret_key = key_at(t, *at);
    *ret_value = value_at(t, *at);
    ++*at;
    return true;
}
