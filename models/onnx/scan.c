#include "models/onnx/scan.h"

#include "onnx.pb-c.h"

/* The wire types of protobuf. */
enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

typedef struct scan {
    const uint8_t *start;
    an_buf *lean;
    size_t parts;
    an_note *why;
} scan;

/* A field as it lies in the file. */
typedef struct field {
    uint32_t number;
    unsigned wire;
    uint64_t value;      /* of a VARINT; the length of a LENGTH */
    const uint8_t *data; /* of all but VARINT */
    size_t len;
} field;

static an_err damaged(const scan *s, const char *what)
{
    return an_fail(AN_ERR_PROTO, s->why, "not an ONNX file, or damaged: %s", what);
}

static uint64_t read_varint(an_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t byte = an_read_u8(r);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    r->failed = true;
    return 0;
}

static void put_varint(an_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        an_buf_u8(b, (uint8_t)(v | 0x80));
    an_buf_u8(b, (uint8_t)v);
}

static an_err read_field(const scan *s, an_reader *r, field *ret)
{
    const uint64_t key = read_varint(r);
    field f = {.number = (uint32_t)(key >> 3), .wire = (unsigned)(key & 7)};
    if (r->failed || key >> 3 == 0 || key >> 32 != 0)
        return damaged(s, "a field without a number");
    switch (f.wire) {
    case VARINT:
        f.value = read_varint(r);
        break;
    case FIXED64:
    case FIXED32:
        f.len = f.wire == FIXED64 ? 8 : 4;
        f.data = an_read_bytes(r, f.len);
        break;
    case LENGTH:
        f.value = read_varint(r);
        if (r->failed || f.value > r->left)
            return damaged(s, "a length beyond the end");
        f.len = (size_t)f.value;
        f.data = an_read_bytes(r, f.len);
        break;
    default:
        return damaged(s, "a wire type that is not used");
    }
    if (r->failed)
        return damaged(s, "cut short");
    *ret = f;
    return AN_OK;
}

/* How the numbers of the schema lie in the file. */
static unsigned wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return LENGTH;
    default:
        return VARINT;
    }
}

static void put_field(an_buf *b, const field *f)
{
    put_varint(b, (uint64_t)f->number << 3 | f->wire);
    if (f->wire == VARINT || f->wire == LENGTH)
        put_varint(b, f->value);
    an_buf_put(b, f->data, f->len);
}

/* Numbers one after the other: how many there can be counts, unless they are as large in memory. */
static an_err scan_packed(scan *s, const ProtobufCFieldDescriptor *d, const field *f)
{
    const unsigned wire = wire_of(d->type);
    if (wire == LENGTH || d->label != PROTOBUF_C_LABEL_REPEATED)
        return damaged(s, "a field of the wrong kind");
    if (wire == VARINT)
        s->parts += f->len;
    else if (f->len % (wire == FIXED64 ? 8 : 4) != 0)
        return damaged(s, "a list that ends within a number");
    put_field(s->lean, f);
    return AN_OK;
}

/* In the lean copy, where the bytes are. */
static void put_where(scan *s, const field *f)
{
    put_varint(s->lean, (uint64_t)f->number << 3 | LENGTH);
    put_varint(s->lean, AN_ONNX_WHERE_BYTES);
    an_buf_u64(s->lean, (uint64_t)(f->data - s->start));
    an_buf_u64(s->lean, f->len);
}

static an_err scan_text(scan *s, const ProtobufCMessageDescriptor *in, const ProtobufCFieldDescriptor *d,
                        const field *f)
{
    if (in == &onnx__tensor_proto__descriptor && f->number == 9) {
        put_where(s, f);
        return AN_OK;
    }
    if (f->len > AN_ONNX_TEXT_MAX)
        return an_fail(AN_ERR_LIMIT, s->why, "%s of %zu bytes: at most %u", d->name, f->len,
                       AN_ONNX_TEXT_MAX);
    for (size_t i = 0; d->type == PROTOBUF_C_TYPE_STRING && i < f->len; i++)
        if (f->data[i] == 0)
            return damaged(s, "a text with a zero in it");
    put_field(s->lean, f);
    return AN_OK;
}

static an_err scan_message(scan *s, const ProtobufCMessageDescriptor *in, const uint8_t *bytes, size_t len,
                           unsigned depth);

/* A message is written before its length is known: five bytes are kept for that. */
static an_err scan_inner(scan *s, const ProtobufCFieldDescriptor *d, const field *f, unsigned depth)
{
    enum { ROOM = 5 };
    put_varint(s->lean, (uint64_t)f->number << 3 | LENGTH);
    const size_t at = s->lean->len;
    an_buf_put(s->lean, (const uint8_t[ROOM]){0}, ROOM);
    an_err err = scan_message(s, d->descriptor, f->data, f->len, depth + 1);
    if (err != AN_OK || s->lean->failed)
        return err;
    size_t left = s->lean->len - at - ROOM;
    for (size_t i = 0; i < ROOM; i++, left >>= 7)
        s->lean->data[at + i] = (uint8_t)((left & 0x7f) | (i + 1 < ROOM ? 0x80 : 0));
    return AN_OK;
}

static an_err scan_field(scan *s, const ProtobufCMessageDescriptor *in, const ProtobufCFieldDescriptor *d,
                         const field *f, unsigned depth)
{
    if (f->wire != wire_of(d->type))
        return f->wire == LENGTH ? scan_packed(s, d, f) : damaged(s, "a field of the wrong kind");
    if (d->type == PROTOBUF_C_TYPE_MESSAGE)
        return scan_inner(s, d, f, depth);
    if (f->wire == LENGTH)
        return scan_text(s, in, d, f);
    put_field(s->lean, f);
    return AN_OK;
}

static bool is_comment(const ProtobufCFieldDescriptor *d)
{
    static const char name[] = "doc_string";
    size_t i = 0;
    while (name[i] && d->name[i] == name[i])
        i++;
    return name[i] == d->name[i];
}

static an_err scan_message(scan *s, const ProtobufCMessageDescriptor *in, const uint8_t *bytes, size_t len,
                           unsigned depth)
{
    an_reader r = an_reader_of(bytes, len);
    uint64_t seen = 0; /* fields that may occur once; the schema's messages have fewer than 63 */
    if (depth > AN_ONNX_DEPTH_MAX)
        return an_fail(AN_ERR_LIMIT, s->why, "messages nested more than %u deep", AN_ONNX_DEPTH_MAX);
    while (r.left > 0) {
        field f = {0};
        an_err err = read_field(s, &r, &f);
        if (err != AN_OK)
            return err;
        const ProtobufCFieldDescriptor *d = protobuf_c_message_descriptor_get_field(in, f.number);
        if (++s->parts > AN_ONNX_PARTS_MAX)
            return an_fail(AN_ERR_LIMIT, s->why, "more than %u parts", AN_ONNX_PARTS_MAX);
        if (!d || is_comment(d))
            continue;
        /* Of the fields of a choice one may occur; no message has two choices. */
        const bool choice = (d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        const uint64_t bit = (uint64_t)1 << (choice ? 63 : (size_t)(d - in->fields) % 63);
        if (d->label != PROTOBUF_C_LABEL_REPEATED && (seen & bit))
            return damaged(s, "a field twice that may occur once");
        seen |= bit;
        if ((err = scan_field(s, in, d, &f, depth)) != AN_OK)
            return err;
        if (s->lean->failed)
            return an_fail(an_buf_err(s->lean), s->why, "no room for the description of the graph");
    }
    return AN_OK;
}

an_err an_onnx_scan(const void *bytes, size_t len, an_buf *lean, an_note *why)
{
    scan s = {.start = bytes, .lean = lean, .why = why};
    return scan_message(&s, &onnx__model_proto__descriptor, bytes, len, 1);
}
