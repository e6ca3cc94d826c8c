/* zstd.h - the door to Zstandard (RFC 8878): one call each way.
 *
 *     an_buf out;
 *     an_buf_init(&out, max_len);                 the hard maximum of what may come out
 *     err = an_zstd_unpack(&out, bytes, len);
 *
 * Unpacking trusts nothing the frame says of its own size: it appends piece by piece and stops at the
 * buffer's maximum, so a bomb costs no more than that.
 *
 * Threads: call from anywhere. */
#ifndef AN_DOORS_ZSTD_H
#define AN_DOORS_ZSTD_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_ZSTD_LEVEL_MIN 1
#define AN_ZSTD_LEVEL_MAX 19

/* Appends one frame with a checksum.  Errors: INVAL level, LIMIT out->max, NOMEM. */
an_err an_zstd_pack(an_buf *out, const void *bytes, size_t len, int level);

/* Appends what exactly one frame holds.  On failure out keeps what it held before.
 * Errors: PROTO not a frame, cut short, damaged or followed by more bytes; LIMIT out->max or a
 * window over 8 MiB; NOMEM. */
an_err an_zstd_unpack(an_buf *out, const void *bytes, size_t len);

#endif
