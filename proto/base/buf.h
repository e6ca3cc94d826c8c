/* buf.h - a growing byte buffer that is born with its maximum, and a cursor that reads what such
 * a buffer holds.  All numbers are little-endian, on every machine.
 *
 *     an_buf b;
 *     an_buf_init(&b, 1 << 20);
 *     an_buf_u32(&b, 7);
 *     if (b.failed) ...          one check at the end is enough
 *     an_buf_done(&b);
 *
 * A reader never runs past its end: after a short read every further read yields 0 and
 * `failed` stays set. */
#ifndef AN_BASE_BUF_H
#define AN_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    bool failed;   /* out of memory or over max; nothing is appended from then on */
    bool over_max; /* ... and it was max */
} an_buf;

void an_buf_init(an_buf *b, size_t max);
void an_buf_done(an_buf *b);
void an_buf_clear(an_buf *b); /* keeps the memory */
/* Makes room for `more` bytes at once, so that filling a large buffer does not copy it while it grows. */
void an_buf_reserve(an_buf *b, size_t more);
void an_buf_put(an_buf *b, const void *bytes, size_t len);
void an_buf_u8(an_buf *b, uint8_t v);
void an_buf_u16(an_buf *b, uint16_t v);
void an_buf_u32(an_buf *b, uint32_t v);
void an_buf_u64(an_buf *b, uint64_t v);
void an_buf_f32(an_buf *b, float v);
void an_buf_f64(an_buf *b, double v);
void an_buf_text(an_buf *b, const char *text);                       /* no length, no terminator */
void an_buf_printf(an_buf *b, const char *fmt, ...) AN_PRINTF(2, 3); /* text, no terminator */
an_err an_buf_err(const an_buf *b);                                  /* OK, NOMEM or LIMIT */

typedef struct an_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
} an_reader;

an_reader an_reader_of(const void *bytes, size_t len);
const uint8_t *an_read_bytes(an_reader *r, size_t len); /* borrowed; NULL on a short read */
uint8_t an_read_u8(an_reader *r);
uint16_t an_read_u16(an_reader *r);
uint32_t an_read_u32(an_reader *r);
uint64_t an_read_u64(an_reader *r);
float an_read_f32(an_reader *r);
double an_read_f64(an_reader *r);

/* Fixed-size little-endian access. */
void an_put_u32(uint8_t out[static 4], uint32_t v);
uint32_t an_get_u32(const uint8_t in[static 4]);

/* Lower-case hexadecimal.  out holds 2 * len + 1 chars. */
void an_hex(char *out, const uint8_t *bytes, size_t len);
/* Exactly 2 * len hexadecimal digits, nothing else.  False: not that. */
bool an_unhex(uint8_t *out, size_t len, const char *text);

#endif
