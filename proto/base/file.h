/* file.h - files that are whole or absent.
 *
 * an_file_write writes a neighbour, syncs it, renames it over the target and syncs the folder:
 * after a crash the target is the old or the new content, never a part. */
#ifndef AN_BASE_FILE_H
#define AN_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_PATH_MAX 1024

/* Joins with one '/'.  Errors: LIMIT too long. */
an_err an_path_join(char out[static AN_PATH_MAX], const char *dir, const char *name);

/* Appends the whole file to *b (initialised by the caller; its max bounds the file).
 * Errors: NOTFOUND, IO, LIMIT larger than b->max, NOMEM. */
an_err an_file_read(an_buf *b, const char *path, an_note *why);

/* mode e.g. 0644, or 0600 for secrets.  Errors: IO. */
an_err an_file_write(const char *path, const void *bytes, size_t len, unsigned mode, an_note *why);

an_err an_file_remove(const char *path, an_note *why); /* no such file: OK */
bool an_file_exists(const char *path);
an_err an_file_size(const char *path, uint64_t *ret_len, an_note *why); /* Errors: NOTFOUND, IO */
an_err an_dir_make(const char *path, an_note *why); /* with parents, mode 0755 less the umask; exists: OK */
an_err an_dir_sync(const char *path, an_note *why); /* makes a rename durable */
an_err an_file_sync_folder(const char *path, an_note *why); /* the same, of the folder that the file is in */

/* Holds the folder for this process until *ret_fd is closed.  who: "agent", for the error's text.
 * Errors: STATE another process, or this one, holds it; IO, LIMIT. */
an_err an_dir_lock(const char *dir, const char *who, int *ret_fd, an_note *why);

/* Names in a folder, sorted by byte, without "." and "..".  Natural order is the caller's. */
typedef struct an_names {
    char **items;
    size_t n;
} an_names;
an_err an_dir_list(const char *path, an_names *ret, an_note *why);
void an_names_done(an_names *names);

#endif
