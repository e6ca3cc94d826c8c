/* yaml.h - the door to libfyaml: a YAML text becomes a small read-only tree of our own.
 *
 * A file is at most 1 MiB, 32 levels deep and 100000 nodes, and one document.  Aliases, anchors,
 * tags and duplicate keys are refused: a configuration means what it shows.  Keys are texts.  Every
 * node knows its file, line and column, and every error begins with them:
 *
 *     site.yaml:12:9: epochs = 0: must be 1..1000
 *
 *     an_yaml *doc = NULL;
 *     const char *const keys[] = {"name", "epochs", NULL};
 *     err = an_yaml_load("site.yaml", &doc, &why);
 *     const an_node *top = an_yaml_root(doc);
 *     if (!err) err = an_node_only_keys(top, keys, &why);
 *     if (!err) err = an_node_get_int(top, "epochs", 1, 1000, 5, &epochs, &why);
 *     if (!err) err = an_node_need_text(top, "name", &name, &why);
 *     an_yaml_free(doc);                          name is borrowed from doc until here
 *
 * Every an_node_* read accepts NULL (the key that was absent): lookups give NULL, counts 0, typed
 * reads INVAL.
 *
 * Threads: a document never changes once made; read it from anywhere. */
#ifndef AN_DOORS_YAML_H
#define AN_DOORS_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_YAML_MAX_BYTES ((size_t)1 << 20)
#define AN_YAML_MAX_DEPTH 32
#define AN_YAML_MAX_NODES 100000

typedef struct an_yaml an_yaml; /* a document; owns all its nodes and texts */
typedef struct an_node an_node; /* borrowed from its document */

typedef enum an_yaml_kind { AN_YAML_SCALAR, AN_YAML_LIST, AN_YAML_MAP } an_yaml_kind;

/* `name` is what errors call the text, e.g. its path.  An empty document is an empty map.
 * Errors: PROTO not YAML or a refused feature, LIMIT a bound above, NOMEM. */
an_err an_yaml_parse(const char *text, size_t len, const char *name, an_yaml **ret, an_note *why);

/* Errors: as an_yaml_parse, and NOTFOUND, IO. */
an_err an_yaml_load(const char *path, an_yaml **ret, an_note *why);

void an_yaml_free(an_yaml *doc);
const an_node *an_yaml_root(const an_yaml *doc); /* NULL for NULL */

an_yaml_kind an_node_kind(const an_node *node); /* SCALAR for NULL */
const char *an_node_file(const an_node *node);  /* "?" for NULL */
unsigned an_node_line(const an_node *node);     /* from 1 */
unsigned an_node_column(const an_node *node);   /* from 1 */
bool an_node_is_null(const an_node *node);      /* NULL, or the plain scalars "", "~" and "null" */
bool an_node_is_plain(const an_node *node);     /* a scalar without quotes */

size_t an_node_count(const an_node *node);                       /* entries of a list or map; scalar 0 */
const an_node *an_node_get(const an_node *map, const char *key); /* NULL: not a map, or no such key */
const an_node *an_node_at(const an_node *list, size_t i);        /* NULL: not a list, or past its end */
const char *an_node_key(const an_node *map, size_t i);           /* in the order of the file */
const an_node *an_node_value(const an_node *map, size_t i);

/* Typed reads.  Outputs are written on success only.  Quoted scalars are texts, never numbers.
 * Errors: INVAL with file, line, column, key and what would be right. */
an_err an_node_text(const an_node *node, const char **ret, an_note *why);
an_err an_node_int(const an_node *node, int64_t min, int64_t max, int64_t *ret, an_note *why);
an_err an_node_num(const an_node *node, double min, double max, double *ret, an_note *why); /* finite */
an_err an_node_bool(const an_node *node, bool *ret, an_note *why); /* true or false, nothing else */

/* A key with a default: absent (or null) gives dflt. */
an_err an_node_get_text(const an_node *map, const char *key, const char *dflt, const char **ret,
                        an_note *why);
an_err an_node_get_int(const an_node *map, const char *key, int64_t min, int64_t max, int64_t dflt,
                       int64_t *ret, an_note *why);
an_err an_node_get_num(const an_node *map, const char *key, double min, double max, double dflt, double *ret,
                       an_note *why);
an_err an_node_get_bool(const an_node *map, const char *key, bool dflt, bool *ret, an_note *why);

/* A key that must be there: absent is INVAL `file:line:col: "key" is missing`. */
an_err an_node_need(const an_node *map, const char *key, an_yaml_kind kind, const an_node **ret,
                    an_note *why);
an_err an_node_need_text(const an_node *map, const char *key, const char **ret, an_note *why);
an_err an_node_need_int(const an_node *map, const char *key, int64_t min, int64_t max, int64_t *ret,
                        an_note *why);
an_err an_node_need_num(const an_node *map, const char *key, double min, double max, double *ret,
                        an_note *why);

/* OK when `map` is a map whose keys are all in `keys` (ended by NULL).  Errors: INVAL names the key. */
an_err an_node_only_keys(const an_node *map, const char *const *keys, an_note *why);

/* AN_ERR_INVAL with the node's position before the text. */
an_err an_node_fail(const an_node *node, an_note *why, const char *fmt, ...) AN_PRINTF(3, 4);

#endif
