/* lines.h - how the statements of this folder are read.  Internal to proto/trust.
 *
 * A statement is a first line that names its kind, then one line "key value" for each field, in order.  What
 * was read is written again and must give the same bytes, so that a statement has one form only; here is only
 * the cutting.
 *
 *     an_lines l = an_lines_of(text, len, "andon-root-1");
 *     link.number = an_lines_u64(&l, "number");
 *     an_lines_hex(&l, "from", link.from, sizeof link.from);
 *     if (!an_lines_end(&l)) ...
 *
 * After a failure every read gives 0, and an_lines_end is false.
 *
 * Threads: plain data. */
#ifndef AN_TRUST_LINES_H
#define AN_TRUST_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

typedef struct an_lines {
    const char *at;
    size_t left;
    bool failed;
} an_lines;

an_lines an_lines_of(const void *text, size_t len, const char *first);
void an_lines_text(an_lines *l, const char *key, char *ret, size_t size); /* printable ASCII, not empty */
uint64_t an_lines_u64(an_lines *l, const char *key);                      /* decimal digits */
int64_t an_lines_i64(an_lines *l, const char *key);                       /* 0 and above only */
void an_lines_hex(an_lines *l, const char *key, uint8_t *ret, size_t len);
bool an_lines_end(const an_lines *l); /* all was read, and nothing is left */

/* Is `again`, what was understood and written once more, the text?  Frees it.
 * Errors: PROTO, what: "a release statement"; NOMEM. */
an_err an_lines_same(an_buf *again, const void *text, size_t len, const char *what, an_note *why);
an_err an_lines_bad(const char *what, an_note *why); /* PROTO */

#endif
