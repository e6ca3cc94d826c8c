/* table_internal.h - one line of text into fields and numbers, and the reader's state, which table_reader.c (bytes,
 * lines, rows) and table_columns.c (headers and what each column is) share. */
#ifndef AN_MODELS_DATA_TABLE_INTERNAL_H
#define AN_MODELS_DATA_TABLE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/data/fields.h"
#include "models/data/table.h"

typedef enum an_field_kind { AN_FIELD_NUMBER, AN_FIELD_MISSING, AN_FIELD_TEXT } an_field_kind;

/* A missing or not finite number is MISSING with NAN. */
an_field_kind an_field_number(const an_field *f, bool decimal_comma, float *ret);

int64_t an_days_from_civil(int y, int m, int d); /* since 1970-01-01 */
/* [+-]hh[[:]mm].  False: not that. */
bool an_offset_parse(const char *text, size_t len, int32_t *ret_s);

/* From 0 on: a feature's slot; from ROLE_QUALITY_OF down: the quality of a slot. */
enum {
    ROLE_IGNORED = -1,
    ROLE_TIME = -2,
    ROLE_LABEL = -3,
    ROLE_PART = -4,
    ROLE_QUALITY = -5,
    ROLE_QUALITY_OF = -6
};

typedef struct an_columns {
    char **names; /* (n) */
    int *roles;   /* (n); NULL: not bound yet */
    size_t n;     /* of a good line; 0: not known yet */
} an_columns;

struct an_table_reader {
    an_table_conf conf;
    char *data; /* waiting bytes: data[at .. len) */
    size_t cap, len, at, scanned;
    bool ended, skipping, started, bound;
    bool unfit;  /* the present file cannot be read */
    an_err dead; /* no file can */
    an_note dead_why;
    char delimiter;
    uint64_t line;
    uint64_t base;      /* bytes of the file before data[0] */
    uint64_t line_at;   /* where the present line begins */
    uint64_t header_at; /* where the last header began */
    int64_t last_ms;
    an_field *fields;
    size_t fields_cap;
    bool has_header;
    an_columns first, other, *now; /* of the first file, and of a later one that differs */
    const char **names;            /* (width) borrowed from first */
    float *values;                 /* (width) */
    uint8_t *quality;              /* (width) */
    uint8_t *absent;               /* (width) the present file lacks the column */
    size_t width;
    an_table_stats stats;
};

void an_columns_done(an_columns *c);
/* Is the line in r->fields one with names? */
bool an_table_is_header(const an_table_reader *r, size_t n);
/* The names of the first file, from its header or "c<i>". */
an_err an_table_take_names(an_table_reader *r, size_t n, bool header);
/* Those of the configuration.  Errors: INVAL two are the same, one is too long; NOMEM. */
an_err an_table_set_names(an_table_reader *r, an_note *why);
/* Fixes the role of every column; r->fields holds the first data line. */
an_err an_table_bind(an_table_reader *r);
bool an_table_is_row(const an_table_reader *r, size_t n);
bool an_table_knows(const an_table_reader *r, size_t n); /* one of the names at least */
bool an_table_same_header(const an_table_reader *r, size_t n);
/* A header that is not like that of the first file, in r->fields: finds its columns by name.  Errors: PROTO none of
 * them is a feature, or the time is missing (why_text says which); NOMEM. */
an_err an_table_adopt(an_table_reader *r, size_t n, char why_text[static 96]);
void an_table_bad_line(an_table_reader *r, const char *why);

#endif
