/* Fault injection after SQLite's faultsimStep: a countdown that, once at zero, fails every
 * allocation until it is switched off. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ALIGN ((size_t)64)

static atomic_llong countdown = -1; /* < 0: never fail */
static atomic_size_t live;

static bool fault_due(void)
{
    long long left = atomic_load_explicit(&countdown, memory_order_relaxed);
    while (left > 0) {
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1))
            return false;
    }
    return left == 0;
}

static size_t padded(size_t n, size_t size)
{
    size_t len = (n * size + ALIGN - 1) / ALIGN * ALIGN;
    return len ? len : ALIGN;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void *an_alloc_raw(size_t n, size_t size)
{
    if (size != 0 && n > (SIZE_MAX - ALIGN) / size)
        return NULL;
    return fault_due() ? NULL : counted(aligned_alloc(ALIGN, padded(n, size)));
}

void *an_alloc(size_t n, size_t size)
{
    void *p = an_alloc_raw(n, size);
    if (p)
        memset(p, 0, padded(n, size));
    return p;
}

void *an_alloc_node(size_t size)
{
    return fault_due() ? NULL : counted(calloc(1, size ? size : 1));
}

void an_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

bool an_grow(void *items_ptr, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return true;
    size_t want = *cap ? *cap : 8;
    while (want < need) {
        if (want > SIZE_MAX / 2)
            return false;
        want *= 2;
    }
    void *p = an_alloc(want, size);
    if (!p)
        return false;
    void *old;
    memcpy(&old, items_ptr, sizeof old);
    if (old)
        memcpy(p, old, *cap * size);
    an_free(old);
    memcpy(items_ptr, &p, sizeof p);
    *cap = want;
    return true;
}

char *an_strdup(const char *text)
{
    size_t len = strlen(text) + 1;
    char *copy = an_alloc_node(len);
    if (copy)
        memcpy(copy, text, len);
    return copy;
}

void an_mem_fail_after(size_t n)
{
    atomic_store(&countdown, (long long)n);
}

void an_mem_fail_never(void)
{
    atomic_store(&countdown, -1);
}

size_t an_mem_live(void)
{
    return atomic_load(&live);
}

void an_mem_no_core(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* lowering a limit is always allowed */
}
