/* wire_mutate.h - changes bytes of protobuf so that they stay protobuf: a field somewhere in the tree of
 * messages is left out, doubled, moved, or gets another value, and every length around it is put right.
 * Bytes mutated as such seldom get past the first length; these get to what reads the fields.
 *
 *     static uint8_t room[ROOM];
 *     size_t n = an_wire_mutate(&rng, data, size, words, n_words, room, sizeof room);       0: no protobuf
 *
 * It needs no schema: bytes that are fields from end to end count as a message. */
#ifndef AN_TESTS_FUZZ_WIRE_MUTATE_H
#define AN_TESTS_FUZZ_WIRE_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/rng.h"

#define AN_WIRE_DEPTH_MAX 8
#define AN_WIRE_TYPES 8u

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); /* libFuzzer's */

/* One field: tag, then what belongs to it. */
typedef struct an_wire_field {
    size_t at, value, end; /* value: of the payload, behind the length if there is one */
    uint64_t tag, number;  /* number: of a varint */
} an_wire_field;

typedef struct an_wire_out {
    uint8_t *at;
    size_t n, max;
    bool full;
} an_wire_out;

static inline void an_wire_put(an_wire_out *o, const uint8_t *from, size_t n)
{
    if (n > o->max - o->n) {
        o->full = true;
        return;
    }
    if (n > 0)
        memmove(o->at + o->n, from, n);
    o->n += n;
}

static inline void an_wire_put_varint(an_wire_out *o, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; v > 127; v >>= 7)
        bytes[n++] = (uint8_t)(v | 128);
    bytes[n++] = (uint8_t)v;
    an_wire_put(o, bytes, n);
}

static inline bool an_wire_varint(const uint8_t *p, size_t n, size_t *at, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && *at < n; shift += 7) {
        const uint8_t b = p[(*at)++];
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static inline bool an_wire_next(const uint8_t *p, size_t n, size_t at, an_wire_field *f)
{
    uint64_t skip = 0;
    *f = (an_wire_field){.at = at};
    if (!an_wire_varint(p, n, &at, &f->tag) || f->tag < AN_WIRE_TYPES)
        return false;
    f->value = at;
    switch (f->tag % AN_WIRE_TYPES) {
    case 0:
        if (!an_wire_varint(p, n, &at, &f->number))
            return false;
        break;
    case 1:
        skip = 8;
        break;
    case 2:
        if (!an_wire_varint(p, n, &at, &skip))
            return false;
        f->value = at;
        break;
    case 5:
        skip = 4;
        break;
    default:
        return false;
    }
    if (skip > n - at)
        return false;
    f->end = at + (size_t)skip;
    return true;
}

/* How many fields the bytes are; 0: they are no message, or an empty one. */
static inline size_t an_wire_count(const uint8_t *p, size_t n)
{
    an_wire_field f;
    size_t count = 0;
    for (size_t at = 0; at < n; at = f.end, count++)
        if (!an_wire_next(p, n, at, &f))
            return 0;
    return count;
}

static inline bool an_wire_is_message(const uint8_t *p, const an_wire_field *f)
{
    return f->tag % AN_WIRE_TYPES == 2 && an_wire_count(p + f->value, f->end - f->value) > 0;
}

/* A field at random, of those that are messages themselves if there are any and only_messages says so. */
static inline an_wire_field an_wire_pick(an_rng *r, const uint8_t *p, size_t n, bool only_messages)
{
    an_wire_field f, got = {0};
    uint64_t seen = 0;
    for (size_t at = 0; at < n && an_wire_next(p, n, at, &f); at = f.end)
        if ((!only_messages || an_wire_is_message(p, &f)) && an_rng_below(r, ++seen) == 0)
            got = f;
    return got;
}

static inline void an_wire_number(an_rng *r, const an_wire_field *f, an_wire_out *o)
{
    static const uint64_t edges[] = {
        0,         1, 2, 3, 127, 128, 65536, 0x7fffffff, 0x80000000u, UINT64_MAX >> 1, (UINT64_MAX >> 1) + 1,
        UINT64_MAX};
    const uint64_t how = an_rng_below(r, 4), edge = an_rng_below(r, sizeof edges / sizeof *edges);
    an_wire_put_varint(o, f->tag);
    an_wire_put_varint(o, how == 0 ? edges[edge] : how == 1 ? f->number * 2 : f->number + how * 2 - 5);
}

/* The payload of a field that is bytes or a text: a word, what another field has, or mutated bytes. */
static inline void an_wire_bytes(an_rng *r, const uint8_t *p, size_t n, const an_wire_field *f,
                                 const char *const words[], size_t n_words, an_wire_out *o)
{
    uint8_t bytes[256];
    const uint64_t how = an_rng_below(r, 3);
    const an_wire_field other = an_wire_pick(r, p, n, false);
    const uint8_t *from = p + other.value;
    size_t len = other.end - other.value;
    if (how == 0 && n_words > 0) {
        const char *word = words[an_rng_below(r, n_words)];
        from = (const uint8_t *)word;
        len = strlen(word);
    } else if (how == 1 && f->end - f->value <= sizeof bytes) {
        len = f->end - f->value;
        memcpy(bytes, p + f->value, len);
        len = LLVMFuzzerMutate(bytes, len, sizeof bytes);
        from = bytes;
    }
    an_wire_put_varint(o, f->tag);
    an_wire_put_varint(o, len);
    an_wire_put(o, from, len);
}

/* The field as it becomes; nothing: it is left out. */
static inline void an_wire_change(an_rng *r, const uint8_t *p, size_t n, const an_wire_field *f,
                                  const char *const words[], size_t n_words, an_wire_out *o)
{
    const size_t size = f->end - f->at;
    const an_wire_field other = an_wire_pick(r, p, n, false);
    switch (an_rng_below(r, 8)) {
    case 0:
        return;
    case 1:
        an_wire_put(o, p + f->at, size);
        an_wire_put(o, p + f->at, size);
        return;
    case 2: /* a copy of another field comes before it */
        an_wire_put(o, p + other.at, other.end - other.at);
        an_wire_put(o, p + f->at, size);
        return;
    case 3: /* another field's number, the same type */
        an_wire_put_varint(o, other.tag / AN_WIRE_TYPES * AN_WIRE_TYPES + f->tag % AN_WIRE_TYPES);
        an_wire_put(o, p + f->at + 1, f->tag < 128 ? size - 1 : 0);
        return;
    default:
        break;
    }
    if (f->tag % AN_WIRE_TYPES == 0) {
        an_wire_number(r, f, o);
    } else if (f->tag % AN_WIRE_TYPES == 2) {
        an_wire_bytes(r, p, n, f, words, n_words, o);
    } else {
        uint8_t bytes[8];
        memcpy(bytes, p + f->value, f->end - f->value);
        bytes[an_rng_below(r, f->end - f->value)] ^= (uint8_t)(1u << an_rng_below(r, 8));
        an_wire_put(o, p + f->at, f->value - f->at);
        an_wire_put(o, bytes, f->end - f->value);
    }
}

/* Down the tree along messages, and back with the lengths put right. */
static inline size_t an_wire_mutate(an_rng *r, const uint8_t *p, size_t n, const char *const words[],
                                    size_t n_words, uint8_t *out, size_t max)
{
    an_wire_field way[AN_WIRE_DEPTH_MAX];
    const uint8_t *at[AN_WIRE_DEPTH_MAX];
    size_t len[AN_WIRE_DEPTH_MAX], depth = 0;
    if (an_wire_count(p, n) == 0)
        return 0;
    for (;;) {
        const bool deeper = depth + 1 < AN_WIRE_DEPTH_MAX && an_rng_below(r, 8) != 0;
        an_wire_field f = deeper ? an_wire_pick(r, p, n, true) : (an_wire_field){0};
        const bool descends = f.end > 0;
        way[depth] = descends ? f : an_wire_pick(r, p, n, false);
        at[depth] = p;
        len[depth++] = n;
        if (!descends)
            break;
        p += f.value;
        n = f.end - f.value;
    }
    an_wire_out o = {.at = out, .max = max};
    an_wire_change(r, p, n, &way[depth - 1], words, n_words, &o);
    for (size_t k = depth; k-- > 0 && !o.full;) {
        /* What is in `out` replaces field k; the rest of its message goes around it. */
        const an_wire_field *f = &way[k];
        uint8_t head[20];
        an_wire_out h = {.at = head, .max = sizeof head};
        if (k + 1 < depth) {
            an_wire_put_varint(&h, f->tag);
            an_wire_put_varint(&h, o.n);
        }
        const size_t before = f->at + h.n, middle = o.n;
        if (before + middle > max)
            return 0;
        memmove(out + before, out, middle);
        memcpy(out, at[k], f->at);
        memcpy(out + f->at, head, h.n);
        o.n = before + middle;
        an_wire_put(&o, at[k] + f->end, len[k] - f->end);
    }
    return o.full ? 0 : o.n;
}

#endif
