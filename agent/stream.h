/* stream.h - the rows of one source for several lines: one of them reads it, and hands what it has read to the others.
 *
 *     line that reads -- an_stream_put --> ring of rows --> an_source_next -- line that shares
 *
 * Each line that shares has a stream of its own, perhaps of some sensors only, in an order of its own.  The ring is
 * bounded: the line that reads waits until each has room, so that no row is lost to a slow one.  With each batch
 * comes the position of the source behind it, so that either line may be the one that a restart begins with.
 *
 *     an_stream_new(columns, n, 64, true, &stream);
 *     an_source_of(&an_stream_source, &stream, clock, &src, &why);     the shared line's source; owns the stream
 *     if (an_stream_has_room(stream))
 *         an_stream_put(stream, &batch, position.data, position.len);
 *
 * Threads: has_room, put and end belong to one thread, the source to another one. */
#ifndef AN_AGENT_STREAM_H
#define AN_AGENT_STREAM_H

#include "agent/source.h"

typedef struct an_stream an_stream;

/* columns (n): which sensors of the source, copied; rows: of the largest batch; paced: the source is (source.h).
 * The texts of names and units (n) are borrowed for the stream's life.  Errors: INVAL a zero, NOMEM, IO no descriptor. */
an_err an_stream_new(const size_t *columns, const char *const *names, const char *const *units, size_t n,
                     size_t rows, bool paced, an_stream **ret);
void an_stream_free(an_stream *s); /* only as long as no source has it */

/* Before the first put: the source's position in front of it.  A row that is put is then never behind all that is kept. */
void an_stream_begin(an_stream *s, const void *position, size_t len);
bool an_stream_has_room(const an_stream *s);
/* Copies; there must be room.  position: what an_source_save says behind the batch; len 0: unknown, an earlier one counts. */
void an_stream_put(an_stream *s, const an_batch *b, const void *position, size_t len);
void an_stream_end(an_stream *s); /* no row will follow what was put */

/* Its state is an an_stream *.  A position that it saves holds that of the source that is shared. */
extern const an_source_type an_stream_source;
/* That position, of a saved one.  Errors: PROTO it is none. */
an_err an_stream_position(an_reader *saved, an_reader *ret, an_note *why);

#endif
