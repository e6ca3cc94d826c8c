/* release.h - a release statement: which version a model's sites are to run, as signed text.
 *
 *     andon-release-1
 *     model pump
 *     alias production
 *     version 5f0c...
 *     counter 7
 *
 * The counter counts statements, not versions: a rollback is a new statement with a higher counter
 * that names an older version.  A site never follows a statement older than the last it followed.
 *
 * Threads: pure functions. */
#ifndef AN_MSG_RELEASE_H
#define AN_MSG_RELEASE_H

#include "base/buf.h"
#include "base/err.h"
#include "msg/msg.h"

#define AN_RELEASE_CONTEXT "andon-release-1"

typedef struct an_release {
    char model[AN_NAME_MAX];
    an_alias alias;
    an_hash version;
    uint64_t counter;
} an_release;

/* Appends the text.  Errors: LIMIT, NOMEM. */
an_err an_release_text(const an_release *r, an_buf *out);
/* Accepts exactly what an_release_text writes.  Errors: PROTO. */
an_err an_release_parse(const void *text, size_t len, an_release *ret, an_note *why);

#endif
