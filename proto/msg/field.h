/* field.h - how a plain struct and its generated twin are bound: one row per field, which says
 * where it lies in both and what it may hold.  The same row packs, unpacks and checks, so that
 * the two directions and the bounds cannot drift apart.  Internal to proto/msg.
 *
 *     #define OWN an_msg_ack
 *     #define WIRE Andon__Ack
 *     static const an_field ack_fields[] = {AN_U64(of, 0, UINT64_MAX), AN_TEXT(text, 0),
 * AN_END};
 *
 * A list `items` of the struct is `uint32_t n_items; T items[MAX];`. */
#ifndef AN_MSG_FIELD_H
#define AN_MSG_FIELD_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/terms.h"
#include "msg/arena.h"
#include "msg/msg.h"

typedef enum an_field_kind {
    AN_FIELD_END,
    AN_FIELD_BOOL,
    AN_FIELD_U32,   /* lo..hi; enums are these, too */
    AN_FIELD_I32,   /* lo..hi */
    AN_FIELD_U64,   /* lo..hi */
    AN_FIELD_TIME,  /* int64_t, milliseconds, 0..2^53 */
    AN_FIELD_F64,   /* finite, flo..fhi */
    AN_FIELD_TEXT,  /* char[size] */
    AN_FIELD_NAME,  /* char[size], an_name_ok */
    AN_FIELD_FIXED, /* size bytes; all zero travels as none */
    AN_FIELD_BLOB,  /* an_bytes, lo..hi bytes */
    AN_FIELD_LIST,  /* messages of `sub`, lo..cap of them */
    AN_FIELD_NAMES, /* char[cap][size] */
    AN_FIELD_ONE    /* one message of `sub`, always present */
} an_field_kind;

typedef struct an_field {
    const char *name;
    an_field_kind kind;
    bool optional;        /* TEXT, NAME may be empty; FIXED may be all zero */
    size_t own, wire;     /* offsets */
    size_t own_n, wire_n; /* ... of the counts of a list */
    size_t size;          /* of the field or of one item */
    size_t cap;           /* items */
    uint64_t lo, hi;
    double flo, fhi;
    const struct an_field *sub;
    const ProtobufCMessageDescriptor *sub_type;
} an_field;

#define AN_AT(f) .name = #f, .own = offsetof(OWN, f), .wire = offsetof(WIRE, f)
#define AN_SIZEOF(f) sizeof(((OWN *)0)->f)
#define AN_COUNTED(f)                                                                                        \
    AN_AT(f), .own_n = offsetof(OWN, n_##f), .wire_n = offsetof(WIRE, n_##f),                                \
              .size = sizeof(((OWN *)0)->f[0]), .cap = AN_SIZEOF(f) / sizeof(((OWN *)0)->f[0])

#define AN_BOOL(f)                                                                                           \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_BOOL                                                                      \
    }
#define AN_U32(f, least, most)                                                                               \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_U32, .lo = (least), .hi = (most)                                          \
    }
#define AN_ENUM(f, most) AN_U32(f, 1, (uint64_t)(most))
#define AN_I32(f, most)                                                                                      \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_I32, .hi = (most)                                                         \
    } /* -most..most */
#define AN_U64(f, least, most)                                                                               \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_U64, .lo = (least), .hi = (most)                                          \
    }
#define AN_TIME(f)                                                                                           \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_TIME                                                                      \
    }
#define AN_F64(f, least, most)                                                                               \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_F64, .flo = (least), .fhi = (most)                                        \
    }
#define AN_TEXT(f, opt)                                                                                      \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_TEXT, .size = AN_SIZEOF(f), .optional = (opt)                             \
    }
#define AN_NAME(f)                                                                                           \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_NAME, .size = AN_SIZEOF(f)                                                \
    }
#define AN_FIXED(f, opt)                                                                                     \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_FIXED, .size = AN_SIZEOF(f), .optional = (opt)                            \
    }
#define AN_BLOB(f, least, most)                                                                              \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_BLOB, .lo = (least), .hi = (most)                                         \
    }
#define AN_LIST(f, fields, type)                                                                             \
    {                                                                                                        \
        AN_COUNTED(f), .kind = AN_FIELD_LIST, .sub = (fields), .sub_type = &(type)                           \
    }
#define AN_NAMES(f)                                                                                          \
    {                                                                                                        \
        AN_COUNTED(f), .kind = AN_FIELD_NAMES                                                                \
    }
#define AN_ONE(f, fields, type)                                                                              \
    {                                                                                                        \
        AN_AT(f), .kind = AN_FIELD_ONE, .size = AN_SIZEOF(f), .sub = (fields), .sub_type = &(type)           \
    }
#define AN_END                                                                                               \
    {                                                                                                        \
        .kind = AN_FIELD_END                                                                                 \
    }

/* Struct -> generated message (initialised by its descriptor), checking each field; pieces come
 * from the arena.  Errors: INVAL a bound, LIMIT arena full. */
an_err an_fields_pack(const an_field *fields, const void *own, void *wire, an_arena *arena, an_note *why);

/* Generated message -> zeroed struct, checking each field.  Blobs stay where `wire` has them.
 * Errors: PROTO. */
an_err an_fields_unpack(const an_field *fields, const void *wire, void *own, an_note *why);

/* A generated message's bytes, from a struct.  Appends to *b.  Errors: as pack, and an_buf's.
 */
an_err an_wire_put(const ProtobufCMessageDescriptor *type, const an_field *fields, const void *own,
                   size_t arena_size, an_buf *b, an_note *why);

/* Unpacks bytes with memory from the arena only.  Errors: PROTO. */
an_err an_wire_get(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len, an_arena *arena,
                   ProtobufCMessage **ret, an_note *why);

/* Memory that unpacking len honest bytes may take: the worst honest ratio is that of a tensor
 * (six bytes on the wire, sixty-four and its share of the parser's tables in memory). */
#define AN_WIRE_ARENA(len) (48 * (len) + 8192)

#endif
