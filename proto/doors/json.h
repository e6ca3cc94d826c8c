/* json.h - the door to jansson: building JSON without checking each step, and reading JSON from
 * strangers within bounds.
 *
 *     an_json *o = an_json_object();
 *     an_json_set_text(o, "site", "plant-b");
 *     an_json *list = an_json_array();
 *     an_json_push(list, an_json_num(0.25));
 *     an_json_set(o, "scores", list);             takes list
 *     char *text = an_json_print(o, 2);           NULL: some step ran out of memory
 *     an_json_free(o);
 *     an_free(text);
 *
 * All builder calls accept NULL; what failed is remembered and seen once, at an_json_print.
 *
 *     an_json_doc *doc = NULL;
 *     err = an_json_parse(text, len, "request", &doc, &why);
 *     const an_jval *top = an_json_root(doc);
 *     if (!err) err = an_jval_get_int(top, "rounds", 1, 1000, 10, &rounds, &why);
 *     an_json_doc_free(doc);                      every an_jval is borrowed from doc
 *
 * Threads: an object belongs to one thread at a time; a parsed document may be read from anywhere.
 * an_json_init comes once, in main, before any thread. */
#ifndef AN_DOORS_JSON_H
#define AN_DOORS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

void an_json_init(void); /* jansson allocates through base/mem.h from now on */

/* ---- building ---- */

typedef struct an_json an_json;

an_json *an_json_object(void); /* NULL: out of memory, which every call here accepts */
an_json *an_json_array(void);
an_json *an_json_text(const char *text); /* bytes that are not UTF-8 become U+FFFD; NULL gives null */
an_json *an_json_int(int64_t v);
an_json *an_json_num(double v); /* not finite gives null */
an_json *an_json_bool(bool v);
an_json *an_json_null(void);
void an_json_free(an_json *j);

/* Keys keep the order in which they were first set; setting a key again replaces its value. */
void an_json_set(an_json *object, const char *key, an_json *child); /* takes child */
void an_json_set_text(an_json *object, const char *key, const char *text);
void an_json_set_int(an_json *object, const char *key, int64_t v);
void an_json_set_num(an_json *object, const char *key, double v);
void an_json_set_bool(an_json *object, const char *key, bool v);
void an_json_set_null(an_json *object, const char *key);
void an_json_push(an_json *array, an_json *child); /* takes child */
void an_json_push_text(an_json *array, const char *text);
void an_json_push_int(an_json *array, int64_t v);
void an_json_push_num(an_json *array, double v);

bool an_json_failed(const an_json *j); /* true for NULL */

/* The text, released with an_free; indent 0 is one line, up to 8 blanks a level.  NULL: some
 * step failed. */
char *an_json_print(const an_json *j, unsigned indent);

/* ---- reading ---- */

#define AN_JSON_MAX_BYTES ((size_t)1 << 20)
#define AN_JSON_MAX_DEPTH 32
#define AN_JSON_MAX_VALUES 200000

typedef struct an_json_doc an_json_doc;
typedef struct an_jval an_jval; /* a value inside a document; borrowed */

typedef enum an_jkind {
    AN_JKIND_NONE, /* NULL: absent */
    AN_JKIND_NULL,
    AN_JKIND_BOOL,
    AN_JKIND_INT,
    AN_JKIND_NUM,
    AN_JKIND_TEXT,
    AN_JKIND_ARRAY,
    AN_JKIND_OBJECT
} an_jkind;

/* `name` is what errors call the text.  The top is an object or an array.  Duplicate keys, U+0000 and
 * bytes after the end are refused.
 * Errors: PROTO not JSON (with line and column), LIMIT a bound above, NOMEM. */
an_err an_json_parse(const char *text, size_t len, const char *name, an_json_doc **ret, an_note *why);
/* The same with a bound of its own in place of AN_JSON_MAX_BYTES. */
an_err an_json_parse_max(const char *text, size_t len, size_t max_len, const char *name, an_json_doc **ret,
                         an_note *why);
void an_json_doc_free(an_json_doc *doc);
const an_jval *an_json_root(const an_json_doc *doc);

/* A builder value that is a copy of v, to pass parsed data on.  NULL: out of memory. */
an_json *an_json_copy(const an_jval *v);

an_jkind an_jval_kind(const an_jval *v);
size_t an_jval_count(const an_jval *v);                             /* array or object; else 0 */
const an_jval *an_jval_get(const an_jval *object, const char *key); /* NULL: no such key */
const an_jval *an_jval_at(const an_jval *array, size_t i);          /* NULL: past the end */

/* for (key = an_jval_key_first(o); key; key = an_jval_key_next(o, key)) ...  in the text's order.
 * `key` must come from these two calls. */
const char *an_jval_key_first(const an_jval *object);
const char *an_jval_key_next(const an_jval *object, const char *key);

/* What a JSON pointer (RFC 6901) leads to: "/sensors/0/heat", with ~1 for / and ~0 for ~ in a key; "" is v itself.
 * NULL: nothing, or not a pointer.  A key of more than 255 bytes leads to nothing. */
const an_jval *an_jval_point(const an_jval *v, const char *pointer);

/* Typed reads.  `key` is NULL for the value itself (v), or looks it up in the object v; the error names it.
 * Outputs are written on success only.  Errors: INVAL absent, wrong kind or outside its bounds. */
an_err an_jval_text(const an_jval *v, const char *key, const char **ret, an_note *why);
an_err an_jval_int(const an_jval *v, const char *key, int64_t min, int64_t max, int64_t *ret, an_note *why);
an_err an_jval_num(const an_jval *v, const char *key, double min, double max, double *ret, an_note *why);
an_err an_jval_bool(const an_jval *v, const char *key, bool *ret, an_note *why);

/* A key with a default: absent or null gives dflt. */
an_err an_jval_get_text(const an_jval *object, const char *key, const char *dflt, const char **ret,
                        an_note *why);
an_err an_jval_get_int(const an_jval *object, const char *key, int64_t min, int64_t max, int64_t dflt,
                       int64_t *ret, an_note *why);
an_err an_jval_get_num(const an_jval *object, const char *key, double min, double max, double dflt,
                       double *ret, an_note *why);
an_err an_jval_get_bool(const an_jval *object, const char *key, bool dflt, bool *ret, an_note *why);

/* OK when `object` is an object whose keys are all in `keys` (ended by NULL).  Errors: INVAL. */
an_err an_jval_only_keys(const an_jval *object, const char *const *keys, an_note *why);

#endif
