/* options.h - options of sources and sinks as rows of a table: each kind has its own, with bounds.
 *
 *     static const an_option options[] = {
 *         {"url", AN_OPTION_TEXT, 0, 0, NULL, "where to send"},
 *         {"timeout", AN_OPTION_REAL, 0.1, 60, "5", "seconds that one call may take"},
 *         {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
 *     };
 *     err = an_options_check("sink \"webhook\"", options, common, conf, &why);
 *     err = an_option_real(options, conf, "timeout", &timeout_s, &why);    with the row's bounds and default
 *
 * Threads: no state. */
#ifndef AN_AGENT_OPTIONS_H
#define AN_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_node an_node; /* doors/yaml.h */

typedef enum an_option_kind {
    AN_OPTION_TEXT,
    AN_OPTION_INT,
    AN_OPTION_REAL,
    AN_OPTION_BOOL,
    AN_OPTION_LIST, /* sequence of texts or of mappings; read by its owner itself */
    AN_OPTION_MAP   /* mapping; the same */
} an_option_kind;

/* One configuration key.  Bounds are checked before the owner sees it. */
typedef struct an_option {
    const char *key;
    an_option_kind kind;
    double min, max;     /* INT and REAL */
    const char *initial; /* default as text; NULL: must be given; "": not set */
    const char *meaning;
} an_option;

/* Every key is in rows or in common, of its kind and in bounds, and every key of rows that must be there is.  what
 * names the owner in errors: `source "csv"`.  conf NULL: an empty one.  Errors: INVAL. */
an_err an_options_check(const char *what, const an_option *rows, const an_option *common, const an_node *conf,
                        an_note *why);

/* The value of a key, or its row's default.  The row must exist and be of that kind.  Errors: INVAL. */
an_err an_option_text(const an_option *rows, const an_node *conf, const char *key, const char **ret,
                      an_note *why); /* borrowed from conf, or from the row */
an_err an_option_int(const an_option *rows, const an_node *conf, const char *key, int64_t *ret, an_note *why);
an_err an_option_real(const an_option *rows, const an_node *conf, const char *key, double *ret, an_note *why);
an_err an_option_bool(const an_option *rows, const an_node *conf, const char *key, bool *ret, an_note *why);
/* REAL in seconds, given as milliseconds. */
an_err an_option_ms(const an_option *rows, const an_node *conf, const char *key, int64_t *ret, an_note *why);

#endif
