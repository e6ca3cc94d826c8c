/* table_internal.h - one line of text into fields and numbers. */
#ifndef AN_MODELS_DATA_TABLE_INTERNAL_H
#define AN_MODELS_DATA_TABLE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* A field, trimmed and terminated in place. */
typedef struct an_field {
    char *text;
    size_t len;
} an_field;

typedef enum an_field_kind { AN_FIELD_NUMBER, AN_FIELD_MISSING, AN_FIELD_TEXT } an_field_kind;

/* The most likely delimiter of a line: ; tab | , in this order, else ' ' for blanks if there
 * are any inside, else ','. */
char an_fields_delimiter(const char *line, size_t len);

/* Cuts line (len bytes and a terminator, which it changes) into at most `max` fields.  Returns
 * the number of fields, or 0 with a reason in *ret_why. */
size_t an_fields_split(char *line, size_t len, char delimiter, an_field *fields, size_t max,
                       const char **ret_why);

/* A missing or not finite number is MISSING with NAN. */
an_field_kind an_field_number(const an_field *f, bool decimal_comma, float *ret);

#endif
