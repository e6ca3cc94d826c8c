#include "coordinator/api/shape.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool an_shape_next(const char **at, an_shape_member *ret)
{
    *at += strspn(*at, " ");
    const size_t len = strcspn(*at, " "), name = strcspn(*at, "?:");
    if (len == 0)
        return false;
    const bool optional = (*at)[name] == '?';
    const char *type = *at + name + (optional ? 2 : 1);
    const size_t type_len = len - name - (optional ? 2 : 1);
    assert(name > 0 && name < sizeof ret->name && type[-1] == ':' && type_len > 0 &&
           type_len < sizeof ret->type);
    snprintf(ret->name, sizeof ret->name, "%.*s", (int)name, *at);
    snprintf(ret->type, sizeof ret->type, "%.*s", (int)type_len, type);
    ret->optional = optional;
    *at += len;
    return true;
}

static an_json *kind(const char *name)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "type", name);
    return o;
}

/* (a|b|c) */
static an_json *one_of(const char *type)
{
    an_json *o = kind("string"), *list = an_json_array();
    for (const char *at = type + 1;; at++) {
        char word[48];
        const size_t len = strcspn(at, "|)");
        assert(at[len] && len < sizeof word);
        snprintf(word, sizeof word, "%.*s", (int)len, at);
        an_json_push_text(list, word);
        at += len;
        if (*at == ')')
            break;
    }
    an_json_set(o, "enum", list);
    return o;
}

/* int, int(1..), int(1..1000) */
static an_json *whole_number(const char *type)
{
    an_json *o = kind("integer");
    const char *open = strchr(type, '('), *dots = open ? strstr(open, "..") : NULL;
    if (!open)
        return o;
    assert(dots);
    an_json_set_int(o, "minimum", strtoll(open + 1, NULL, 10));
    if (dots[2] != ')')
        an_json_set_int(o, "maximum", strtoll(dots + 2, NULL, 10));
    return o;
}

/* text, text(63) */
static an_json *text_of(const char *type)
{
    an_json *o = kind("string");
    if (type[4] == '(')
        an_json_set_int(o, "maxLength", strtoll(type + 5, NULL, 10));
    return o;
}

static an_json *named(const char *type)
{
    char text[100];
    an_json *o = an_json_object();
    assert(type[0] >= 'A' && type[0] <= 'Z');
    snprintf(text, sizeof text, "#/components/schemas/%s", type);
    an_json_set_text(o, "$ref", text);
    return o;
}

static an_json *inner(const char *type, const char *outer, const char *key)
{
    char in[160];
    an_json *o = kind(outer);
    snprintf(in, sizeof in, "%.*s", (int)strlen(type) - 2, type + 1);
    an_json_set(o, key, an_shape_type(in));
    return o;
}

static an_json *or_null(const char *type)
{
    char in[160];
    an_json *o = an_json_object(), *list = an_json_array();
    snprintf(in, sizeof in, "%.*s", (int)strlen(type) - 1, type);
    an_json_push(list, an_shape_type(in));
    an_json_push(list, kind("null"));
    an_json_set(o, "anyOf", list);
    return o;
}

an_json *an_shape_type(const char *type)
{
    if (type[strlen(type) - 1] == '~')
        return or_null(type);
    if (type[0] == '(')
        return one_of(type);
    if (type[0] == '[')
        return inner(type, "array", "items");
    if (type[0] == '{')
        return inner(type, "object", "additionalProperties");
    if (strncmp(type, "int", 3) == 0)
        return whole_number(type);
    if (strncmp(type, "text", 4) == 0)
        return text_of(type);
    if (strcmp(type, "num") == 0)
        return kind("number");
    if (strcmp(type, "bool") == 0)
        return kind("boolean");
    if (strcmp(type, "any") == 0)
        return an_json_object();
    if (strcmp(type, "hash") == 0) {
        an_json *o = kind("string");
        an_json_set_text(o, "pattern", "^[0-9a-f]{64}$");
        return o;
    }
    return named(type);
}

an_json *an_shape_object(const char *members, bool closed)
{
    an_json *o = kind("object"), *properties = an_json_object(), *required = an_json_array();
    an_shape_member m;
    while (an_shape_next(&members, &m)) {
        an_json_set(properties, m.name, an_shape_type(m.type));
        if (!m.optional)
            an_json_push_text(required, m.name);
    }
    an_json_set(o, "properties", properties);
    an_json_set(o, "required", required);
    if (closed)
        an_json_set_bool(o, "additionalProperties", false);
    return o;
}
