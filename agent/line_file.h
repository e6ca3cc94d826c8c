/* line_file.h - a file of lines that is appended to, cut into pieces by size, and whole after a crash.
 *
 *     err = an_line_file_open(&f, path, 10 << 20, 5, &why);       PATH, PATH.1 (newer) ... PATH.5 (oldest)
 *     err = an_line_file_add(&f, text, len, &why);                the line's end is added
 *     err = an_line_file_sync(&f, &why);                          durable from here on
 *     an_line_file_close(&f);
 *
 * A last line without its end is what a crash left: open cuts it off, if it begins as JSON does.
 *
 * Threads: one thread per an_line_file; one writer per path. */
#ifndef AN_AGENT_LINE_FILE_H
#define AN_AGENT_LINE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

#define AN_LINE_FILE_LINE_MAX (1u << 16)

typedef struct an_line_file {
    char path[AN_PATH_MAX];
    int fd; /* -1: closed */
    uint64_t size, max_bytes;
    unsigned keep;
} an_line_file;

/* max_bytes: a piece is not made larger, unless by one line alone; keep: older pieces.
 * Errors: IO, LIMIT the path is too long, INVAL the last line has no end and is none of ours. */
an_err an_line_file_open(an_line_file *f, const char *path, uint64_t max_bytes, unsigned keep, an_note *why);
/* Is what stands under the path still this file?  False: somebody has moved or removed it. */
bool an_line_file_is_there(const an_line_file *f);
void an_line_file_close(an_line_file *f); /* zeroed with fd -1, or closed: fine */
/* The line is in the file or not, never a part.  Errors: IO, LIMIT too long. */
an_err an_line_file_add(an_line_file *f, const void *line, size_t len, an_note *why);
an_err an_line_file_sync(an_line_file *f, an_note *why);
/* The last line, without its end, of this piece or of the one before.  Errors: NOTFOUND there is none; IO, NOMEM. */
an_err an_line_file_last(const an_line_file *f, an_buf *ret, an_note *why);

#endif
