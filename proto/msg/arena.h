/* arena.h - one block of memory for one unpacking, with a ceiling.
 *
 * protobuf-c asks for memory before anybody has looked at what it unpacks: two megabytes of
 * empty submessages cost a hundred.  Here it gets what the message's length can justify and not
 * a byte more; then unpacking fails cleanly.  Nothing is freed piece by piece.
 *
 * Threads: an arena belongs to one thread. */
#ifndef AN_MSG_ARENA_H
#define AN_MSG_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct an_arena {
    uint8_t *block;
    size_t size;
    size_t used;
    bool full; /* something was refused: the bytes ask for more than the ceiling */
} an_arena;

bool an_arena_init(an_arena *a, size_t size); /* false: out of memory */
void an_arena_done(an_arena *a);
void *an_arena_get(an_arena *a, size_t len); /* zeroed, aligned to 16; NULL: full */

#endif
