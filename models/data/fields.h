/* fields.h - one line of delimited text into fields (RFC 4180 quoting, without line breaks inside quotes).
 *
 *     n = an_fields_split(line, len, an_fields_delimiter(line, len), fields, max, &why);
 *
 * Threads: pure. */
#ifndef AN_MODELS_DATA_FIELDS_H
#define AN_MODELS_DATA_FIELDS_H

#include <stddef.h>

/* A field, trimmed and terminated in place. */
typedef struct an_field {
    char *text;
    size_t len;
} an_field;

/* The most likely delimiter of a line: ; tab | , in this order, else ' ' for blanks if there
 * are any inside, else ','. */
char an_fields_delimiter(const char *line, size_t len);

/* Cuts line (len bytes and a terminator, which it changes) into at most `max` fields.  Returns
 * the number of fields, or 0 with a reason in *ret_why. */
size_t an_fields_split(char *line, size_t len, char delimiter, an_field *fields, size_t max,
                       const char **ret_why);

#endif
