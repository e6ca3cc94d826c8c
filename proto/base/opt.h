/* opt.h - options as rows of a table: parsing, bounds, defaults, --help and the reference document
 * all come from the same row.
 *
 *     typedef struct conf { int64_t min_sites; int64_t deadline_ms; char *name; int mode; } conf;
 *     static const char *const modes[] = {"trusted", "secure-sum", NULL};
 *     static const an_opt rows[] = {
 *         AN_OPT_INT(conf, min_sites, "round.min_sites", 1, 10000, "3", "updates needed"),
 *         AN_OPT_MS(conf, deadline_ms, "round.deadline", 1000, 86400000, "60s", "its wait"),
 *         AN_OPT_TEXT(conf, name, "name", 1, 64, "plant", "what people call it"),
 *         AN_OPT_CHOICE(conf, mode, "mode", modes, "trusted", "who sees what"),
 *     };
 *     err = an_opt_defaults(rows, 4, &c);
 *     if (!err) err = an_opt_set(rows, 4, &c, "round.min_sites", "5", "command line", &why);
 *     an_opt_done(rows, 4, &c);
 *
 * The macros refuse at compile time a field of another type than the row's.
 *
 * Threads: rows are constant; a filled struct is the caller's. */
#ifndef AN_BASE_OPT_H
#define AN_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

typedef enum an_opt_type {
    AN_OPT_TYPE_INT,    /* int64_t */
    AN_OPT_TYPE_NUM,    /* double, finite */
    AN_OPT_TYPE_BOOL,   /* bool: true false yes no on off */
    AN_OPT_TYPE_TEXT,   /* char *, owned by the struct; min and max bound its length in bytes */
    AN_OPT_TYPE_MS,     /* int64_t milliseconds: "250", "250ms", "1.5s", "10m", "2h", "7d" */
    AN_OPT_TYPE_BYTES,  /* int64_t: "4096", "64k", "1.5M", "2G" (powers of 1024; KiB MiB GiB too) */
    AN_OPT_TYPE_CHOICE, /* int: index into choices */
    AN_OPT_TYPE_LINE    /* an_opt_line: text inside the struct, which then may be copied as it is */
} an_opt_type;

typedef char an_opt_line[200];

typedef struct an_opt {
    const char *key; /* dotted, as in the file and on the command line */
    an_opt_type type;
    size_t offset;
    double min, max;
    const char *dflt;           /* as a person would write it; NULL: TEXT that may stay NULL */
    const char *const *choices; /* ended by NULL; CHOICE only */
    const char *meaning;
} an_opt;

/* The conditional inside sizeof has a type only if the field is of the type named. */
#define AN_OPT_AT(type, field, as) (offsetof(type, field) + 0 * sizeof(1 ? &((type *)0)->field : (as *)0))
#define AN_OPT_INT(type, field, key, min, max, dflt, meaning)                                                \
    {                                                                                                        \
        key, AN_OPT_TYPE_INT, AN_OPT_AT(type, field, int64_t), min, max, dflt, NULL, meaning                 \
    }
#define AN_OPT_NUM(type, field, key, min, max, dflt, meaning)                                                \
    {                                                                                                        \
        key, AN_OPT_TYPE_NUM, AN_OPT_AT(type, field, double), min, max, dflt, NULL, meaning                  \
    }
#define AN_OPT_BOOL(type, field, key, dflt, meaning)                                                         \
    {                                                                                                        \
        key, AN_OPT_TYPE_BOOL, AN_OPT_AT(type, field, bool), 0, 1, dflt, NULL, meaning                       \
    }
#define AN_OPT_TEXT(type, field, key, min, max, dflt, meaning)                                               \
    {                                                                                                        \
        key, AN_OPT_TYPE_TEXT, AN_OPT_AT(type, field, char *), min, max, dflt, NULL, meaning                 \
    }
#define AN_OPT_LINE(type, field, key, min, max, dflt, meaning) /* max below 200 */                           \
    {                                                                                                        \
        key, AN_OPT_TYPE_LINE, AN_OPT_AT(type, field, an_opt_line), min, max, dflt, NULL, meaning            \
    }
#define AN_OPT_MS(type, field, key, min, max, dflt, meaning)                                                 \
    {                                                                                                        \
        key, AN_OPT_TYPE_MS, AN_OPT_AT(type, field, int64_t), min, max, dflt, NULL, meaning                  \
    }
#define AN_OPT_BYTES(type, field, key, min, max, dflt, meaning)                                              \
    {                                                                                                        \
        key, AN_OPT_TYPE_BYTES, AN_OPT_AT(type, field, int64_t), min, max, dflt, NULL, meaning               \
    }
#define AN_OPT_CHOICE(type, field, key, choices, dflt, meaning)                                              \
    {                                                                                                        \
        key, AN_OPT_TYPE_CHOICE, AN_OPT_AT(type, field, int), 0, 0, dflt, choices, meaning                   \
    }

/* Fills every field named by a row; earlier content is overwritten, not released.  On failure nothing
 * is owned.  Errors: NOMEM; INVAL a row whose default breaks its own bounds. */
an_err an_opt_defaults(const an_opt *rows, size_t n, void *conf);
void an_opt_done(const an_opt *rows, size_t n, void *conf); /* releases the texts, sets them NULL */

const an_opt *an_opt_find(const an_opt *rows, size_t n, const char *key); /* NULL: no such option */

/* `where` opens the error: "site.yaml:12:9" or "command line".  On failure the old value stays.
 * Errors: INVAL unknown key, not of the type, outside its bounds; NOMEM. */
an_err an_opt_set(const an_opt *rows, size_t n, void *conf, const char *key, const char *value,
                  const char *where, an_note *why);

/* The value as a person would write it, which an_opt_set reads as the same again; "" for a TEXT that is NULL. */
#define AN_OPT_VALUE_MAX 256
void an_opt_value(const an_opt *row, const void *conf, char out[static AN_OPT_VALUE_MAX]);

void an_opt_help(const an_opt *rows, size_t n, FILE *out);     /* for a terminal */
void an_opt_markdown(const an_opt *rows, size_t n, FILE *out); /* a table for docs/CONFIGURATION.md */

/* The parsers behind the rows: whole text or false.  Finite numbers only. */
bool an_parse_int(const char *text, int64_t *ret);
bool an_parse_num(const char *text, double *ret);
bool an_parse_ms(const char *text, int64_t *ret);
bool an_parse_bytes(const char *text, int64_t *ret);

#endif
