/* follow.h - a file, or the files of a folder one after the other, as one stream of bytes that goes on while others
 * write it.
 *
 *     an_follow_read ->  BYTES ... BYTES   END   NEXT   BYTES ...
 *                                          |     another file begins
 *                                          the file is finished: a last line without its end counts
 *                        TORN: the same, but a last line without its end is only a part of one
 *                        CUT: the file begins anew, what waits of it is lost
 *
 * A folder's files are read in natural order (2 before 10); a file is finished when the one after it has its first
 * byte.  A single file that is renamed (a.csv -> a.csv.1) is read to its end before the new one, with all that were
 * made and renamed in between, oldest first; one that is copied and cut (copytruncate) is read on in the copy.  Packed
 * files (.gz .bz2 .xz .zst .zip) are passed over.  A file is told by its first bytes and its inode; a folder that is
 * away (a share) is waited for.
 *
 * Threads: one thread per object. */
#ifndef AN_AGENT_SOURCES_FOLLOW_H
#define AN_AGENT_SOURCES_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

#define AN_FOLLOW_CHUNK 65536
#define AN_FOLLOW_HEAD 4096 /* first bytes that tell one file from another: more than a wide header has */

typedef enum an_follow_event {
    AN_FOLLOW_BYTES,
    AN_FOLLOW_END,
    AN_FOLLOW_TORN,
    AN_FOLLOW_NEXT,
    AN_FOLLOW_CUT
} an_follow_event;

/* A place in a file, as it is kept over a restart. */
typedef struct an_follow_place {
    char file[AN_PATH_MAX]; /* its name without its folder */
    uint64_t offset;
    uint64_t inode;
    int64_t written_ns; /* its last write, when it was last looked at */
    uint32_t head_len;
    uint64_t head_hash;
} an_follow_place;

typedef struct an_follow_stats {
    uint64_t files;   /* begun */
    uint64_t rotated; /* files that another one took the place of */
    uint64_t cut;     /* files that were cut short and begun anew */
    uint64_t copies;  /* copies of cut files in which the rest was found */
    uint64_t away;    /* times that the file or its folder could not be read */
    uint64_t late;    /* files that grew after the next one had been begun: that was not read */
} an_follow_stats;

typedef struct an_follow {
    char path[AN_PATH_MAX];
    char suffix[64]; /* in a folder: names end so */
    bool is_dir, follow;

    char file[AN_PATH_MAX]; /* name of the file that is read, "": none yet */
    int fd;                 /* -1: none */
    uint64_t offset;        /* bytes given out */
    uint64_t inode;
    uint8_t head[AN_FOLLOW_HEAD];
    size_t head_len;
    int64_t written_ns; /* its last write, when it was last seen to be what it was */
    bool cut_at_once;   /* between its opening and the first look at it */
    bool final;         /* another one has taken its place: read once more to the end */
    bool ended;         /* END has been given out */
    bool in_copy;       /* the copy of a cut file is read */
    bool was_away;
    int old_fd; /* the file before, to see whether it grows; -1 */
    uint64_t old_offset;
    an_follow_stats stats;
} an_follow;

/* path, suffix and follow are set, the rest is zero.  Opens nothing yet but looks whether path is a folder.
 * Errors: NOTFOUND, IO. */
an_err an_follow_open(an_follow *f, an_note *why);
void an_follow_close(an_follow *f);

/* The folder is not there now. */
bool an_follow_is_away(const an_follow *f);

/* One event; with BYTES *ret_n bytes are in chunk.  Errors: AGAIN nothing more now, NOTFOUND the end (not with follow),
 * IO, NOMEM. */
an_err an_follow_read(an_follow *f, uint8_t chunk[static AN_FOLLOW_CHUNK], size_t *ret_n,
                      an_follow_event *ret, an_note *why);

/* Reads up to cap bytes of the present file from `at`, whatever has been given out.  Errors: IO. */
an_err an_follow_peek(const an_follow *f, uint64_t at, void *ret, size_t cap, size_t *ret_n, an_note *why);

void an_follow_place_get(const an_follow *f, uint64_t offset, an_follow_place *ret);
void an_follow_place_save(const an_follow_place *p, an_buf *ret);
/* Errors: PROTO. */
an_err an_follow_place_read(an_follow_place *ret, an_reader *in, an_note *why);
/* Goes on there, in the file under its name or in one that it was renamed or copied to.  *ret_gone: a file of the
 * folder is gone, and reading begins with the one after it, or is another one now, and reading begins at its start; or a
 * single file is gone, and reading begins with one that was written and renamed after it.
 * Errors, with f untouched: NOTFOUND a single file is gone and there is no such one; AGAIN the folder is away. */
an_err an_follow_resume(an_follow *f, const an_follow_place *p, bool *ret_gone, an_note *why);

/* "2" before "10": runs of digits compare as numbers. */
int an_natural(const char *a, const char *b);

#endif
