/* jansson keeps the tree; printing is ours, because jansson writes a number with 17 digits
 * where 0.78 would do: we write the shortest of 15, 16 and 17 digits that reads back as the
 * same double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "doors/json_internal.h"

#define PRINT_MAX ((size_t)1 << 30)

static _Thread_local bool oom;

static void *json_alloc(size_t size)
{
    void *p = an_alloc_node(size);
    if (!p)
        oom = true;
    return p;
}

void an_json_oom_clear(void)
{
    oom = false;
}

bool an_json_oom_seen(void)
{
    return oom;
}

void an_json_init(void)
{
    json_set_alloc_funcs(json_alloc, an_free);
    json_object_seed(0);
}

an_json *an_json_wrap(json_t *value)
{
    if (!value)
        return NULL;
    an_json *j = an_alloc_node(sizeof *j);
    if (!j) {
        json_decref(value);
        return NULL;
    }
    j->value = value;
    return j;
}

/* Replaces what is not UTF-8 by U+FFFD, so that no name read from a machine can spoil a
 * document. */
static bool clean_text(an_buf *out, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = an_utf8_size(text + at, len - at);
        if (n > 0)
            an_buf_put(out, text + at, n);
        else
            an_buf_text(out, "\xef\xbf\xbd");
        at += n > 0 ? n : 1;
    }
    return !out->failed;
}

static json_t *text_value(const char *text)
{
    if (!text)
        return json_null();
    size_t len = strlen(text);
    if (an_utf8_check(text, len, NULL))
        return json_stringn_nocheck(text, len);
    an_buf clean;
    an_buf_init(&clean, 3 * len);
    json_t *value =
        clean_text(&clean, text, len) ? json_stringn_nocheck((const char *)clean.data, clean.len) : NULL;
    an_buf_done(&clean);
    return value;
}

static json_t *num_value(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

an_json *an_json_object(void)
{
    return an_json_wrap(json_object());
}

an_json *an_json_array(void)
{
    return an_json_wrap(json_array());
}

an_json *an_json_text(const char *text)
{
    return an_json_wrap(text_value(text));
}

an_json *an_json_int(int64_t v)
{
    return an_json_wrap(json_integer(v));
}

an_json *an_json_num(double v)
{
    return an_json_wrap(num_value(v));
}

an_json *an_json_bool(bool v)
{
    return an_json_wrap(json_boolean(v));
}

an_json *an_json_null(void)
{
    return an_json_wrap(json_null());
}

void an_json_free(an_json *j)
{
    if (!j)
        return;
    json_decref(j->value);
    an_free(j);
}

bool an_json_failed(const an_json *j)
{
    return !j || j->failed;
}

/* Takes value; NULL is a value that could not be made. */
static void attach(an_json *object, const char *key, json_t *value)
{
    if (!object) {
        json_decref(value);
        return;
    }
    size_t len = strlen(key);
    an_buf clean;
    an_buf_init(&clean, 3 * len);
    bool ok = value != NULL;
    if (!an_utf8_check(key, len, NULL)) {
        ok = clean_text(&clean, key, len) && ok;
        key = (const char *)clean.data;
        len = clean.len;
    }
    if (!ok)
        json_decref(value);
    else
        ok = json_object_setn_new_nocheck(object->value, key, len, value) == 0;
    if (!ok)
        object->failed = true;
    an_buf_done(&clean);
}

static void append(an_json *array, json_t *value)
{
    if (!array)
        json_decref(value);
    else if (!value || json_array_append_new(array->value, value) != 0)
        array->failed = true;
}

/* The value out of its wrapper; a failure inside it becomes its parent's. */
static json_t *unwrap(an_json *child, an_json *parent)
{
    json_t *value = NULL;
    if (child) {
        if (child->failed && parent)
            parent->failed = true;
        value = child->value;
        an_free(child);
    }
    return value;
}

void an_json_set(an_json *object, const char *key, an_json *child)
{
    attach(object, key, unwrap(child, object));
}

void an_json_set_text(an_json *object, const char *key, const char *text)
{
    attach(object, key, text_value(text));
}

void an_json_set_int(an_json *object, const char *key, int64_t v)
{
    attach(object, key, json_integer(v));
}

void an_json_set_num(an_json *object, const char *key, double v)
{
    attach(object, key, num_value(v));
}

void an_json_set_bool(an_json *object, const char *key, bool v)
{
    attach(object, key, json_boolean(v));
}

void an_json_set_null(an_json *object, const char *key)
{
    attach(object, key, json_null());
}

void an_json_push(an_json *array, an_json *child)
{
    append(array, unwrap(child, array));
}

void an_json_push_text(an_json *array, const char *text)
{
    append(array, text_value(text));
}

void an_json_push_int(an_json *array, int64_t v)
{
    append(array, json_integer(v));
}

void an_json_push_num(an_json *array, double v)
{
    append(array, num_value(v));
}

/* ---- printing ---- */

static void print_escaped(an_buf *out, unsigned char c)
{
    if (c == '"' || c == '\\') {
        an_buf_u8(out, '\\');
        an_buf_u8(out, c);
    } else if (c == '\n') {
        an_buf_text(out, "\\n");
    } else if (c == '\t') {
        an_buf_text(out, "\\t");
    } else {
        an_buf_printf(out, "\\u%04x", (unsigned)c);
    }
}

static bool stands_for_itself(unsigned char c)
{
    return c >= 0x20 && c != 0x7f && c != '"' && c != '\\';
}

static void print_text(an_buf *out, const char *text, size_t len)
{
    an_buf_u8(out, '"');
    for (size_t i = 0; i < len;) {
        const size_t begin = i;
        while (i < len && stands_for_itself((unsigned char)text[i]))
            i++;
        an_buf_put(out, text + begin, i - begin);
        if (i < len)
            print_escaped(out, (unsigned char)text[i++]);
    }
    an_buf_u8(out, '"');
}

static void print_num(an_buf *out, double v)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    /* A number that was a double stays one when it is read back. */
    an_buf_printf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void new_line(an_buf *out, unsigned indent, unsigned level)
{
    if (indent > 0)
        an_buf_printf(out, "\n%*s", (int)(indent * level), "");
}

static void print_value(an_buf *out, json_t *v, unsigned indent, unsigned level);

static void print_object(an_buf *out, json_t *v, unsigned indent, unsigned level)
{
    bool first = true;
    an_buf_u8(out, '{');
    for (void *i = json_object_iter(v); i; i = json_object_iter_next(v, i)) {
        if (!first)
            an_buf_u8(out, ',');
        first = false;
        new_line(out, indent, level + 1);
        print_text(out, json_object_iter_key(i), json_object_iter_key_len(i));
        an_buf_text(out, indent > 0 ? ": " : ":");
        print_value(out, json_object_iter_value(i), indent, level + 1);
    }
    if (!first)
        new_line(out, indent, level);
    an_buf_u8(out, '}');
}

static void print_array(an_buf *out, json_t *v, unsigned indent, unsigned level)
{
    size_t n = json_array_size(v);
    an_buf_u8(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            an_buf_u8(out, ',');
        new_line(out, indent, level + 1);
        print_value(out, json_array_get(v, i), indent, level + 1);
    }
    if (n > 0)
        new_line(out, indent, level);
    an_buf_u8(out, ']');
}

static void print_value(an_buf *out, json_t *v, unsigned indent, unsigned level)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        print_object(out, v, indent, level);
        break;
    case JSON_ARRAY:
        print_array(out, v, indent, level);
        break;
    case JSON_STRING:
        print_text(out, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        an_buf_printf(out, "%lld", (long long)json_integer_value(v));
        break;
    case JSON_REAL:
        print_num(out, json_real_value(v));
        break;
    case JSON_TRUE:
        an_buf_text(out, "true");
        break;
    case JSON_FALSE:
        an_buf_text(out, "false");
        break;
    case JSON_NULL:
        an_buf_text(out, "null");
        break;
    }
}

char *an_json_print(const an_json *j, unsigned indent)
{
    if (an_json_failed(j))
        return NULL;
    an_buf out;
    an_buf_init(&out, PRINT_MAX);
    print_value(&out, j->value, indent > 8 ? 8 : indent, 0);
    an_buf_u8(&out, 0);
    if (out.failed) {
        an_buf_done(&out);
        return NULL;
    }
    return (char *)out.data;
}
