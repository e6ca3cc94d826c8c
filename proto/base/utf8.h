/* utf8.h - is it UTF-8 (RFC 3629)?  Overlong forms, surrogates and what lies above U+10FFFF are not.
 *
 * Threads: call from anywhere. */
#ifndef AN_BASE_UTF8_H
#define AN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that begins at text, 1 to 4; 0: none does, or it is cut short at left. */
size_t an_utf8_size(const char *text, size_t left);

/* Characters of a text, each wrong byte for one: columns of a table, of letters as wide as those of Europe. */
size_t an_utf8_count(const char *text);

/* The width that printf needs (%-*s) for a text to fill so many columns: it counts bytes. */
int an_utf8_width(const char *text, int columns);

/* True: all of it is UTF-8.  Otherwise *ret_at (may be NULL) is the offset of the first wrong byte. */
bool an_utf8_check(const char *text, size_t len, size_t *ret_at);

#endif
