/* checked.h - files in which a site keeps something from one start to the next: what it is, and behind it the hash of all that.
 *
 *     an_buf_init(&b, max);
 *     err = an_checked_read(path, magic, &b, &in, &why);         in: what stands between the magic and the hash
 *     ...
 *     an_buf_put(&b, magic, AN_CHECKED_MAGIC); ...;
 *     err = an_checked_write(path, &b, &why);                    adds the hash
 *
 * A file that was cut off, changed or is of another kind is not believed in any part.  The hash says nothing of who
 * wrote it: the folder is the site's own.
 *
 * Threads: none of its own. */
#ifndef AN_AGENT_CHECKED_H
#define AN_AGENT_CHECKED_H

#include "base/buf.h"
#include "base/err.h"

#define AN_CHECKED_MAGIC 8u /* bytes */

/* b: made with the most that such a file may have; *ret reads from it.  Errors: NOTFOUND, IO, NOMEM; PROTO it is none
 * of these, or damaged. */
an_err an_checked_read(const char *path, const char magic[static AN_CHECKED_MAGIC], an_buf *b, an_reader *ret,
                       an_note *why);

/* Takes the place of what was there, or leaves it.  Errors: what adding to b has failed with, IO, NOMEM. */
an_err an_checked_write(const char *path, an_buf *b, an_note *why);

#endif
