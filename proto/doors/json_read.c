#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "doors/json_internal.h"

struct an_json_doc {
    json_t *top;
};

/* Depth and number of values, found before jansson recurses or allocates.  Counting is
 * generous: each bracket and each comma outside a text may begin a value. */
static an_err check_size(const char *text, size_t len, const char *name, an_note *why)
{
    size_t depth = 0, values = 1;
    bool in_text = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '[' || c == '{') {
            values++;
            if (++depth > AN_JSON_MAX_DEPTH)
                return an_fail(AN_ERR_LIMIT, why, "%s: nested deeper than %d", name, AN_JSON_MAX_DEPTH);
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        } else if (c == ',' && ++values > AN_JSON_MAX_VALUES) {
            return an_fail(AN_ERR_LIMIT, why, "%s: more than %d values", name, AN_JSON_MAX_VALUES);
        }
    }
    return AN_OK;
}

an_err an_json_parse_max(const char *text, size_t len, size_t max_len, const char *name, an_json_doc **ret,
                         an_note *why)
{
    if (len > max_len)
        return an_fail(AN_ERR_LIMIT, why, "%s: larger than %zu bytes", name, max_len);
    an_err err = check_size(text, len, name, why);
    if (err != AN_OK)
        return err;
    an_json_doc *doc = an_alloc(1, sizeof *doc);
    if (!doc)
        return an_fail(AN_ERR_NOMEM, why, "%s: out of memory", name);
    json_error_t e;
    memset(&e, 0, sizeof e);
    an_json_oom_clear();
    doc->top = json_loadb(len > 0 ? text : "", len, JSON_REJECT_DUPLICATES, &e);
    if (!doc->top) {
        an_free(doc);
        if (an_json_oom_seen())
            return an_fail(AN_ERR_NOMEM, why, "%s: out of memory", name);
        return an_fail(AN_ERR_PROTO, why, "%s:%d:%d: %s", name, e.line > 0 ? e.line : 1,
                       e.column > 0 ? e.column : 1, e.text);
    }
    *ret = doc;
    return AN_OK;
}

an_err an_json_parse(const char *text, size_t len, const char *name, an_json_doc **ret, an_note *why)
{
    return an_json_parse_max(text, len, AN_JSON_MAX_BYTES, name, ret, why);
}

void an_json_doc_free(an_json_doc *doc)
{
    if (!doc)
        return;
    json_decref(doc->top);
    an_free(doc);
}

/* A value is jansson's own, seen through a type that hides it. */
static const an_jval *hide(const json_t *v)
{
    return (const an_jval *)(const void *)v;
}

static const json_t *show(const an_jval *v)
{
    return (const json_t *)(const void *)v;
}

/* jansson's iterators ask for a json_t that may change, and do not change it. */
static json_t *loose(const an_jval *v)
{
    return (json_t *)(void *)v;
}

const an_jval *an_json_root(const an_json_doc *doc)
{
    return doc ? hide(doc->top) : NULL;
}

an_json *an_json_copy(const an_jval *v)
{
    return v ? an_json_wrap(json_deep_copy(show(v))) : an_json_null();
}

an_jkind an_jval_kind(const an_jval *v)
{
    if (!v)
        return AN_JKIND_NONE;
    switch (json_typeof(show(v))) {
    case JSON_OBJECT:
        return AN_JKIND_OBJECT;
    case JSON_ARRAY:
        return AN_JKIND_ARRAY;
    case JSON_STRING:
        return AN_JKIND_TEXT;
    case JSON_INTEGER:
        return AN_JKIND_INT;
    case JSON_REAL:
        return AN_JKIND_NUM;
    case JSON_TRUE:
    case JSON_FALSE:
        return AN_JKIND_BOOL;
    case JSON_NULL:
        break;
    }
    return AN_JKIND_NULL;
}

size_t an_jval_count(const an_jval *v)
{
    return an_jval_kind(v) == AN_JKIND_ARRAY ? json_array_size(show(v)) : json_object_size(show(v));
}

const an_jval *an_jval_get(const an_jval *object, const char *key)
{
    return hide(json_object_get(show(object), key));
}

const an_jval *an_jval_at(const an_jval *array, size_t i)
{
    return hide(json_array_get(show(array), i));
}

const char *an_jval_key_first(const an_jval *object)
{
    void *i = json_object_iter(loose(object));
    return i ? json_object_iter_key(i) : NULL;
}

const char *an_jval_key_next(const an_jval *object, const char *key)
{
    void *i = json_object_iter_next(loose(object), json_object_key_to_iter(key));
    return i ? json_object_iter_key(i) : NULL;
}

/* ---- typed reads ---- */

static const json_t *pick(const an_jval *v, const char *key)
{
    return key ? json_object_get(show(v), key) : show(v);
}

static an_err wrong(const json_t *v, const char *key, an_note *why, const char *must, ...) AN_PRINTF(4, 5);
static an_err wrong(const json_t *v, const char *key, an_note *why, const char *must, ...)
{
    char text[160];
    va_list args;
    va_start(args, must);
    vsnprintf(text, sizeof text, must, args);
    va_end(args);
    const char *name = key ? key : "value";
    if (!v)
        return an_fail(AN_ERR_INVAL, why, "%.60s is missing: must be %s", name, text);
    if (json_is_integer(v))
        return an_fail(AN_ERR_INVAL, why, "%.60s = %lld: must be %s", name, (long long)json_integer_value(v),
                       text);
    if (json_is_real(v))
        return an_fail(AN_ERR_INVAL, why, "%.60s = %g: must be %s", name, json_real_value(v), text);
    return an_fail(AN_ERR_INVAL, why, "%.60s: must be %s", name, text);
}

an_err an_jval_text(const an_jval *v, const char *key, const char **ret, an_note *why)
{
    const json_t *j = pick(v, key);
    if (!json_is_string(j))
        return wrong(j, key, why, "a text");
    *ret = json_string_value(j);
    return AN_OK;
}

an_err an_jval_int(const an_jval *v, const char *key, int64_t min, int64_t max, int64_t *ret, an_note *why)
{
    const json_t *j = pick(v, key);
    if (!json_is_integer(j) || json_integer_value(j) < min || json_integer_value(j) > max)
        return wrong(j, key, why, "an integer %lld..%lld", (long long)min, (long long)max);
    *ret = json_integer_value(j);
    return AN_OK;
}

an_err an_jval_num(const an_jval *v, const char *key, double min, double max, double *ret, an_note *why)
{
    const json_t *j = pick(v, key);
    double d = json_number_value(j);
    if (!json_is_number(j) || !isfinite(d) || d < min || d > max)
        return wrong(j, key, why, "a number %.15g..%.15g", min, max);
    *ret = d;
    return AN_OK;
}

an_err an_jval_bool(const an_jval *v, const char *key, bool *ret, an_note *why)
{
    const json_t *j = pick(v, key);
    if (!json_is_boolean(j))
        return wrong(j, key, why, "true or false");
    *ret = json_is_true(j);
    return AN_OK;
}

static bool is_absent(const an_jval *object, const char *key)
{
    const json_t *j = json_object_get(show(object), key);
    return !j || json_is_null(j);
}

an_err an_jval_get_text(const an_jval *object, const char *key, const char *dflt, const char **ret,
                        an_note *why)
{
    if (!is_absent(object, key))
        return an_jval_text(object, key, ret, why);
    *ret = dflt;
    return AN_OK;
}

an_err an_jval_get_int(const an_jval *object, const char *key, int64_t min, int64_t max, int64_t dflt,
                       int64_t *ret, an_note *why)
{
    if (!is_absent(object, key))
        return an_jval_int(object, key, min, max, ret, why);
    *ret = dflt;
    return AN_OK;
}

an_err an_jval_get_num(const an_jval *object, const char *key, double min, double max, double dflt,
                       double *ret, an_note *why)
{
    if (!is_absent(object, key))
        return an_jval_num(object, key, min, max, ret, why);
    *ret = dflt;
    return AN_OK;
}

an_err an_jval_get_bool(const an_jval *object, const char *key, bool dflt, bool *ret, an_note *why)
{
    if (!is_absent(object, key))
        return an_jval_bool(object, key, ret, why);
    *ret = dflt;
    return AN_OK;
}

an_err an_jval_only_keys(const an_jval *object, const char *const *keys, an_note *why)
{
    if (an_jval_kind(object) != AN_JKIND_OBJECT)
        return an_fail(AN_ERR_INVAL, why, "must be an object");
    for (const char *key = an_jval_key_first(object); key; key = an_jval_key_next(object, key)) {
        size_t k = 0;
        while (keys[k] && strcmp(keys[k], key) != 0)
            k++;
        if (!keys[k])
            return an_fail(AN_ERR_INVAL, why, "unknown key \"%.60s\"", key);
    }
    return AN_OK;
}
