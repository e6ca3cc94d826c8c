/* Where protobuf-c is called: its memory is the arena, its results are checked by the field
 * tables.  It lets pass strings with embedded zeros (cut for a C reader), scalars given twice
 * and overlong numbers; such bytes are found here, because what was understood would pack to
 * another length.  Unknown fields are kept by it and count, so a newer peer's additions pass.
 */
#include <string.h>

#include "base/mem.h"
#include "msg/field.h"

static void *arena_alloc(void *data, size_t len)
{
    return an_arena_get(data, len);
}

static void arena_free(void *data, void *p)
{
    (void)data; /* the arena goes as a whole */
    (void)p;
}

an_err an_wire_put(const ProtobufCMessageDescriptor *type, const an_field *fields, const void *own,
                   size_t arena_size, an_buf *b, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_arena arena = {0};
    uint8_t *packed = NULL;
    ProtobufCMessage *m = NULL;

    if (!an_arena_init(&arena, arena_size))
        goto out;
    m = an_arena_get(&arena, type->sizeof_message);
    err = AN_ERR_LIMIT;
    if (!m)
        goto out;
    type->message_init(m);
    err = an_fields_pack(fields, own, m, &arena, why);
    if (err)
        goto out;

    size_t len = protobuf_c_message_get_packed_size(m);
    err = AN_ERR_NOMEM;
    packed = an_alloc(len ? len : 1, 1);
    if (!packed)
        goto out;
    protobuf_c_message_pack(m, packed);
    an_buf_put(b, packed, len);
    err = an_buf_err(b);
out:
    an_free(packed);
    an_arena_done(&arena);
    return err;
}

an_err an_wire_get(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len, an_arena *arena,
                   ProtobufCMessage **ret, an_note *why)
{
    ProtobufCAllocator from_arena = {.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
    ProtobufCMessage *m = protobuf_c_message_unpack(type, &from_arena, len, bytes);
    if (!m)
        return an_fail(AN_ERR_PROTO, why, arena->full ? "%s: asks for too much memory" : "%s: malformed",
                       type->short_name);
    if (protobuf_c_message_get_packed_size(m) != len)
        return an_fail(AN_ERR_PROTO, why, "%s: not in its shortest form", type->short_name);
    *ret = m;
    return AN_OK;
}
