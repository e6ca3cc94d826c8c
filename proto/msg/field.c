/* The walk over a field table, once in each direction.  A field is found by its two offsets;
 * its kind says how both sides hold it. */
#include "msg/field.h"

#include <math.h>
#include <string.h>

#define TIME_MAX (INT64_C(1) << 53) /* a double can still count it */

static an_err bad(an_err err, const an_field *f, const char *what, an_note *why)
{
    return an_fail(err, why, "%s: %s", f->name, what);
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* ---- numbers: both sides hold the same C type, so one copy and one check serve both ways ----
 */

static size_t number_size(an_field_kind kind)
{
    switch (kind) {
    case AN_FIELD_U32:
    case AN_FIELD_I32:
        return 4;
    case AN_FIELD_U64:
    case AN_FIELD_TIME:
    case AN_FIELD_F64:
        return 8;
    default:
        return 0;
    }
}

static bool number_ok(const an_field *f, const void *at)
{
    uint32_t u32;
    uint64_t u64;
    int32_t i32;
    int64_t i64;
    double d;
    switch (f->kind) {
    case AN_FIELD_U32:
        memcpy(&u32, at, 4);
        return u32 >= f->lo && u32 <= f->hi;
    case AN_FIELD_I32:
        memcpy(&i32, at, 4);
        return i32 >= -(int64_t)f->hi && i32 <= (int64_t)f->hi;
    case AN_FIELD_U64:
        memcpy(&u64, at, 8);
        return u64 >= f->lo && u64 <= f->hi;
    case AN_FIELD_TIME:
        memcpy(&i64, at, 8);
        return i64 >= 0 && i64 <= TIME_MAX;
    default:
        memcpy(&d, at, 8);
        return isfinite(d) && d >= f->flo && d <= f->fhi;
    }
}

static an_err number_copy(const an_field *f, const void *from, void *to, an_err err, an_note *why)
{
    if (!number_ok(f, from))
        return bad(err, f, "number out of bounds", why);
    memcpy(to, from, number_size(f->kind));
    return AN_OK;
}

/* ---- texts ---- */

/* text is terminated; `len` counts its bytes. */
static an_err text_check(const an_field *f, const char *text, an_err err, an_note *why)
{
    const char *end = memchr(text, 0, f->size);
    if (!end)
        return bad(err, f, "text too long", why);
    if (end == text)
        return f->optional ? AN_OK : bad(err, f, "text missing", why);
    if (!an_text_ok(text, f->size))
        return bad(err, f, "not UTF-8 or holds control characters", why);
    if (f->kind != AN_FIELD_TEXT && !an_name_ok(text))
        return bad(err, f, "not a name (letters, digits, . _ -)", why);
    return AN_OK;
}

static an_err text_pack(const an_field *f, const char *text, char **ret, an_arena *arena, an_note *why)
{
    an_err err = text_check(f, text, AN_ERR_INVAL, why);
    if (err)
        return err;
    size_t n = strlen(text);
    if (n == 0)
        return AN_OK; /* the default */
    char *copy = an_arena_get(arena, n + 1);
    if (!copy)
        return bad(AN_ERR_LIMIT, f, "message too long", why);
    memcpy(copy, text, n);
    *ret = copy;
    return AN_OK;
}

static an_err text_unpack(const an_field *f, const char *text, char *own, an_note *why)
{
    /* The copy is bounded before the check, which needs no terminator nearby. */
    size_t n = strlen(text);
    if (n >= f->size)
        return bad(AN_ERR_PROTO, f, "text too long", why);
    memcpy(own, text, n);
    return text_check(f, own, AN_ERR_PROTO, why);
}

/* ---- bytes ---- */

static an_err fixed_pack(const an_field *f, const uint8_t *own, ProtobufCBinaryData *wire, an_arena *arena,
                         an_note *why)
{
    if (all_zero(own, f->size))
        return f->optional ? AN_OK : bad(AN_ERR_INVAL, f, "missing", why);
    wire->data = an_arena_get(arena, f->size);
    if (!wire->data)
        return bad(AN_ERR_LIMIT, f, "message too long", why);
    memcpy(wire->data, own, f->size);
    wire->len = f->size;
    return AN_OK;
}

static an_err fixed_unpack(const an_field *f, const ProtobufCBinaryData *wire, uint8_t *own, an_note *why)
{
    if (wire->len == 0)
        return f->optional ? AN_OK : bad(AN_ERR_PROTO, f, "missing", why);
    if (wire->len != f->size)
        return bad(AN_ERR_PROTO, f, "wrong length", why);
    if (all_zero(wire->data, wire->len))
        return bad(AN_ERR_PROTO, f, "all zero", why);
    memcpy(own, wire->data, f->size);
    return AN_OK;
}

static an_err blob_pack(const an_field *f, const an_bytes *own, ProtobufCBinaryData *wire, an_arena *arena,
                        an_note *why)
{
    if (own->len < f->lo || own->len > f->hi)
        return bad(AN_ERR_INVAL, f, "wrong length", why);
    if (own->len == 0)
        return AN_OK;
    wire->data = an_arena_get(arena, own->len);
    if (!wire->data)
        return bad(AN_ERR_LIMIT, f, "message too long", why);
    memcpy(wire->data, own->data, own->len);
    wire->len = own->len;
    return AN_OK;
}

static an_err blob_unpack(const an_field *f, const ProtobufCBinaryData *wire, an_bytes *own, an_note *why)
{
    if (wire->len < f->lo || wire->len > f->hi)
        return bad(AN_ERR_PROTO, f, "wrong length", why);
    *own = (an_bytes){.data = wire->len ? wire->data : NULL, .len = wire->len};
    return AN_OK;
}

/* ---- messages within messages; their depth is fixed by the schema ---- */

static an_err one_pack(const an_field *f, const void *own, void **ret, an_arena *arena, an_note *why)
{
    ProtobufCMessage *m = an_arena_get(arena, f->sub_type->sizeof_message);
    if (!m)
        return bad(AN_ERR_LIMIT, f, "message too long", why);
    f->sub_type->message_init(m);
    *ret = m;
    return an_fields_pack(f->sub, own, m, arena, why);
}

static an_err list_pack(const an_field *f, const uint8_t *own, uint8_t *wire, an_arena *arena, an_note *why)
{
    uint32_t n;
    memcpy(&n, own + f->own_n, sizeof n);
    if (n > f->cap)
        return bad(AN_ERR_INVAL, f, "too many", why);
    if (n == 0)
        return AN_OK;
    void **items = an_arena_get(arena, n * sizeof *items);
    if (!items)
        return bad(AN_ERR_LIMIT, f, "message too long", why);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *item = own + f->own + i * f->size;
        an_err err;
        if (f->kind == AN_FIELD_LIST) {
            err = one_pack(f, item, &items[i], arena, why);
        } else {
            char *text = NULL;
            err = text_pack(f, (const char *)item, &text, arena, why);
            items[i] = text;
        }
        if (err)
            return err;
    }
    size_t count = n;
    memcpy(wire + f->wire_n, &count, sizeof count);
    memcpy(wire + f->wire, &items, sizeof items);
    return AN_OK;
}

static an_err list_unpack(const an_field *f, const uint8_t *wire, uint8_t *own, an_note *why)
{
    size_t n;
    void *const *items;
    memcpy(&n, wire + f->wire_n, sizeof n);
    memcpy(&items, wire + f->wire, sizeof items);
    if (n > f->cap)
        return bad(AN_ERR_PROTO, f, "too many", why);
    for (size_t i = 0; i < n; i++) {
        uint8_t *item = own + f->own + i * f->size;
        an_err err = f->kind == AN_FIELD_LIST ? an_fields_unpack(f->sub, items[i], item, why)
                                              : text_unpack(f, items[i], (char *)item, why);
        if (err)
            return err;
    }
    uint32_t count = (uint32_t)n;
    memcpy(own + f->own_n, &count, sizeof count);
    return AN_OK;
}

/* ---- the walk ---- */

static an_err field_pack(const an_field *f, const uint8_t *own, uint8_t *wire, an_arena *arena, an_note *why)
{
    const uint8_t *from = own + f->own;
    uint8_t *to = wire + f->wire;
    switch (f->kind) {
    case AN_FIELD_BOOL: {
        protobuf_c_boolean yes = *(const bool *)from;
        memcpy(to, &yes, sizeof yes);
        return AN_OK;
    }
    case AN_FIELD_TEXT:
    case AN_FIELD_NAME:
        return text_pack(f, (const char *)from, (char **)(void *)to, arena, why);
    case AN_FIELD_FIXED:
        return fixed_pack(f, from, (void *)to, arena, why);
    case AN_FIELD_BLOB:
        return blob_pack(f, (const void *)from, (void *)to, arena, why);
    case AN_FIELD_LIST:
    case AN_FIELD_NAMES:
        return list_pack(f, own, wire, arena, why);
    case AN_FIELD_ONE:
        return one_pack(f, from, (void **)(void *)to, arena, why);
    default:
        return number_copy(f, from, to, AN_ERR_INVAL, why);
    }
}

static an_err field_unpack(const an_field *f, const uint8_t *wire, uint8_t *own, an_note *why)
{
    const uint8_t *from = wire + f->wire;
    uint8_t *to = own + f->own;
    switch (f->kind) {
    case AN_FIELD_BOOL: {
        protobuf_c_boolean yes;
        memcpy(&yes, from, sizeof yes);
        *(bool *)to = yes != 0;
        return AN_OK;
    }
    case AN_FIELD_TEXT:
    case AN_FIELD_NAME:
        return text_unpack(f, *(char *const *)(const void *)from, (char *)to, why);
    case AN_FIELD_FIXED:
        return fixed_unpack(f, (const void *)from, to, why);
    case AN_FIELD_BLOB:
        return blob_unpack(f, (const void *)from, (void *)to, why);
    case AN_FIELD_LIST:
    case AN_FIELD_NAMES:
        return list_unpack(f, wire, own, why);
    case AN_FIELD_ONE: {
        const void *m = *(void *const *)(const void *)from;
        return m ? an_fields_unpack(f->sub, m, to, why) : bad(AN_ERR_PROTO, f, "missing", why);
    }
    default:
        return number_copy(f, from, to, AN_ERR_PROTO, why);
    }
}

an_err an_fields_pack(const an_field *fields, const void *own, void *wire, an_arena *arena, an_note *why)
{
    for (const an_field *f = fields; f->kind != AN_FIELD_END; f++) {
        an_err err = field_pack(f, own, wire, arena, why);
        if (err)
            return err;
    }
    return AN_OK;
}

an_err an_fields_unpack(const an_field *fields, const void *wire, void *own, an_note *why)
{
    for (const an_field *f = fields; f->kind != AN_FIELD_END; f++) {
        an_err err = field_unpack(f, wire, own, why);
        if (err)
            return err;
    }
    return AN_OK;
}
