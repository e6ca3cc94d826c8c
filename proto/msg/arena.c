#include "msg/arena.h"

#include <string.h>

#include "base/mem.h"

bool an_arena_init(an_arena *a, size_t size)
{
    *a = (an_arena){.size = size};
    a->block = an_alloc_raw(size, 1);
    return a->block != NULL;
}

void an_arena_done(an_arena *a)
{
    an_free(a->block);
    *a = (an_arena){0};
}

void *an_arena_get(an_arena *a, size_t len)
{
    size_t left = a->size - a->used;
    size_t need = len > SIZE_MAX - 15 ? SIZE_MAX : (len + 15) & ~(size_t)15;
    if (need > left) {
        a->full = true;
        return NULL;
    }
    void *at = a->block + a->used;
    a->used += need;
    memset(at, 0, need);
    return at;
}
