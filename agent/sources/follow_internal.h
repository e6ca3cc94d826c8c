/* follow_internal.h - what follow.c (reading) and follow_place.c (taking up again) share. */
#ifndef AN_AGENT_SOURCES_FOLLOW_INTERNAL_H
#define AN_AGENT_SOURCES_FOLLOW_INTERNAL_H

#include <sys/stat.h>

#include "agent/sources/follow.h"
#include "models/data/zone.h"

bool an_follow_ends_with(const char *name, const char *end);
bool an_follow_is_packed(const char *name); /* .gz and the like */

/* 2026-03-09_10-14-33, 20260309T101433 ...: the first 14 digits, with at most one sign between two. */
bool an_time_in_name(const char *name, const an_zone *zone, int64_t *ret_ms);

/* Opens a file of the folder.  -1: it cannot be opened or is no plain file. */
int an_follow_open_name(const an_follow *f, const char *name, struct stat *ret);
/* fd, which is taken, becomes the file that is read, from its start. */
void an_follow_begin(an_follow *f, const char *name, int fd, const struct stat *st);

int64_t an_follow_written_ns(const struct stat *st);
bool an_follow_older(const struct stat *a, const struct stat *b); /* by their last write */

const char *an_follow_base(const an_follow *f);                          /* the name of a single file */
void an_follow_folder(const an_follow *f, char out[static AN_PATH_MAX]); /* that it is in, or itself */

typedef struct an_sibling { /* a file whose name says that it was the followed one */
    const char *name;
    int fd;
    const struct stat *st;
} an_sibling;
typedef bool (*an_sibling_fits)(const an_follow *f, const an_sibling *one, const void *ctx);
/* The oldest or newest (by its last write) file that fits of those whose names say that they were the followed one, opened; -1:
 * none (of a folder there is none), -2: the folder cannot be listed now. */
int an_follow_sibling(const an_follow *f, an_sibling_fits fits, const void *ctx, bool newest,
                      char name[static AN_PATH_MAX], struct stat *ret);

/* Does the name alone say so?  a.csv.1, a.csv-20260101, a-20260101.csv; not a-2.csv, which may be the file of another line. */
bool an_follow_is_rotated(const an_follow *f, const char *name);

/* A short head, such as a header alone, does not tell a file from what it was before it was cut.  Of the copies made since the
 * place was taken the oldest that begins like it and goes on in another way than fd, opened; -1: none, -2 as above. */
int an_follow_cut_from(const an_follow *f, const an_follow_place *p, int fd, char name[static AN_PATH_MAX],
                       struct stat *ret);
/* Of a file found there, which is closed or given back: the newest with the same first bytes, as of several copies of one
 * file the last has most of it. */
int an_follow_last_like(const an_follow *f, int fd, char name[static AN_PATH_MAX], struct stat *ret);

#endif
