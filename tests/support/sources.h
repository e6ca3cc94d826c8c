/* sources.h - a source under test: a scratch folder, files in it, and all rows as one line of text. */
#ifndef AN_TESTS_SUPPORT_SOURCES_H
#define AN_TESTS_SUPPORT_SOURCES_H

#include <stddef.h>

#include "agent/source.h"
#include "base/file.h"

extern char sources_dir[AN_PATH_MAX];
int sources_make_dir(void **state);
int sources_remove_dir(void **state); /* with all that is in it */

/* mode as that of fopen; name relative to the folder. */
void sources_put(const char *name, const char *mode, const char *text);
void sources_put_bytes(const char *name, const void *bytes, size_t len);
void sources_move(const char *from, const char *to);

/* Every %s in options (at most two) is the folder. */
an_err sources_try(const char *type, const char *options, const an_clock *clock, an_source **ret,
                   an_note *why);
an_source *sources_open(const char *type, const char *options);

/* Sensor `column` of all rows that are there: "1 2 3"; '|' before a row that begins anew, "~" after an uncertain
 * value, "nan!" for one that is said to be bad, "nan?" for one not reached.  Returns the error that ended it. */
an_err sources_drain(an_source *s, size_t column, char *ret, size_t cap);
/* The same, asked again until there are rows; fails after 20 seconds. */
void sources_await(an_source *s, size_t column, char *ret, size_t cap);
uint64_t sources_count(const an_source *s, const char *counter); /* fails if there is none of that name */

/* Saves the position, closes, opens anew with the same options and goes on there. */
an_source *sources_reopen(an_source *s, const char *type, const char *options);

#endif
