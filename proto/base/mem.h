/* mem.h - the one place where memory comes from, so that tests can make it run out.
 *
 * All memory but an_alloc_raw's is zeroed, sizes are multiplied with an overflow check, and
 * everything is released by an_free.  malloc and free appear in mem.c only.
 *
 * Threads: call from anywhere.  The failure countdown is one for the whole process. */
#ifndef AN_BASE_MEM_H
#define AN_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* n * size zeroed bytes, aligned to 64 so that rows of floats start on a cache line.
 * NULL: out of memory, or n * size overflows.  n = 0 gives a valid pointer. */
void *an_alloc(size_t n, size_t size);
/* The same without the zeros: for buffers so large that writing them twice is felt, in places
 * where every byte is written before it is read. */
void *an_alloc_raw(size_t n, size_t size);
/* Zeroed bytes aligned as malloc does, which is several times faster: for the many small nodes of a tree or a list. */
void *an_alloc_node(size_t size);
void an_free(void *p); /* NULL is fine */

/* Grows *items (which holds *cap items of `size` bytes) to at least `need`, doubling.  False: out
 * of memory, *items untouched.  New bytes are zero. */
bool an_grow(void *items_ptr, size_t *cap, size_t need, size_t size);

char *an_strdup(const char *text); /* NULL: out of memory */

/* From now on a crash leaves no core file, which would hold the process's secrets on the disk. */
void an_mem_no_core(void);

/* Tests: the n-th allocation from now on, and all after it, fail (0 = the next one). */
void an_mem_fail_after(size_t n);
void an_mem_fail_never(void);
size_t an_mem_live(void); /* allocations not yet released: the tests' leak counter */

#endif
