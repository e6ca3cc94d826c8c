/* A message on the wire is an envelope (type, protocol version, id, epoch) around the bytes of
 * its body.  Two steps, so that the type's size limit is known before the body is looked at. */
#include "msg/msg.h"

#include <string.h>

#include "andon.pb-c.h"
#include "base/mem.h"
#include "msg/tables.h"

typedef struct envelope {
    uint32_t type;
    uint64_t msg_id;
    uint64_t epoch;
    an_bytes body;
    uint32_t version;
} envelope;

#define OWN envelope
#define WIRE Andon__Envelope
static const an_field envelope_fields[] = {
    AN_U32(type, 0, UINT32_MAX),        AN_U64(msg_id, 0, UINT64_MAX),  AN_U64(epoch, 0, UINT64_MAX),
    AN_BLOB(body, 0, AN_MSG_LARGE_MAX), AN_U32(version, 0, UINT32_MAX), AN_END,
};
#undef OWN
#undef WIRE

#define MAX_CONTROL AN_MSG_CONTROL_MAX
#define MAX_ENROL AN_MSG_ENROL_MAX
#define MAX_BULK AN_MSG_BULK_MAX
#define IS_LARGE(type) ((type) == AN_MSG_SECURE || (type) == AN_MSG_ROSTER)
static const an_msg_type_info types[] = {
#define AN_MSG_ROW(name, number, member, door, way)                                                          \
    {#name, AN_MSG_##name, AN_DOOR_##door, AN_WAY_##way,                                                     \
     IS_LARGE(AN_MSG_##name) ? AN_MSG_LARGE_MAX : MAX_##door},
    AN_MSG_LIST(AN_MSG_ROW)
#undef AN_MSG_ROW
};

static const an_msg_codec *const codecs[] = {
#define AN_MSG_ROW(name, number, member, door, way) &an_codec_##member,
    AN_MSG_LIST(AN_MSG_ROW)
#undef AN_MSG_ROW
};

enum { N_TYPES = sizeof types / sizeof types[0] };

const an_msg_type_info *an_msg_type_at(size_t i)
{
    return i < N_TYPES ? &types[i] : NULL;
}

const an_msg_type_info *an_msg_type_find(an_msg_type type)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].type == type)
            return &types[i];
    return NULL;
}

/* What one field's bounds cannot say. */
static an_err check_across(const an_msg *m, an_err err, an_note *why)
{
    if (m->type == AN_MSG_CHUNK) {
        const an_msg_chunk *c = &m->u.chunk;
        if (c->offset > c->total || c->len > c->total - c->offset)
            return an_fail(err, why, "CHUNK: offset and len go beyond total");
    }
    if (m->type == AN_MSG_CHUNK_REQUEST && m->u.chunk_request.offset > UINT64_MAX - AN_CHUNK_MAX)
        return an_fail(err, why, "CHUNK_REQUEST: offset out of bounds");
    return AN_OK;
}

an_err an_msg_encode(const an_msg *msg, an_buf *b, an_note *why)
{
    const an_msg_type_info *info = an_msg_type_find(msg->type);
    if (!info)
        return an_fail(AN_ERR_INVAL, why, "no message type %u", (unsigned)msg->type);
    an_err err = check_across(msg, AN_ERR_INVAL, why);
    if (err)
        return err;

    const an_msg_codec *codec = codecs[info - types];
    an_buf body, whole;
    an_buf_init(&body, info->max);
    an_buf_init(&whole, info->max);
    err = an_wire_put(codec->type, codec->fields, &msg->u, 4 * info->max + 16384, &body, why);
    if (err)
        goto out;
    envelope e = {.type = msg->type,
                  .msg_id = msg->msg_id,
                  .epoch = msg->epoch,
                  .body = {body.data, body.len},
                  .version = msg->version ? msg->version : AN_PROTOCOL_VERSION};
    err = an_wire_put(&andon__envelope__descriptor, envelope_fields, &e, body.len + 1024, &whole, why);
    if (err)
        goto out;
    an_buf_put(b, whole.data, whole.len);
    err = an_buf_err(b);
out:
    if (err == AN_ERR_LIMIT)
        an_note_set(why, "%s: more than %zu bytes", info->name, b->over_max ? b->max : info->max);
    an_buf_done(&body);
    an_buf_done(&whole);
    return err;
}

/* A blob of the decoded body still lies in the arena: moves it behind the struct. */
static uint8_t *keep_blob(an_bytes *blob, uint8_t *room)
{
    if (!blob)
        return room;
    if (blob->len)
        memcpy(room, blob->data, blob->len);
    blob->data = blob->len ? room : NULL;
    return room + blob->len;
}

/* The second one of a message that has two. */
static an_bytes *other_blob_of(an_msg *m)
{
    return m->type == AN_MSG_VERSION ? &m->u.version.delegation : NULL;
}

static an_bytes *blob_of(an_msg *m)
{
    switch (m->type) {
    case AN_MSG_TRUST:
        return &m->u.trust.statement;
    case AN_MSG_PLAN:
        return &m->u.plan.plan;
    case AN_MSG_VERSION:
        return &m->u.version.statement;
    case AN_MSG_SECURE:
        return &m->u.secure.content;
    case AN_MSG_ROSTER:
        return &m->u.roster.text;
    default:
        return NULL;
    }
}

static an_err decode_body(const an_msg_type_info *info, const envelope *e, an_arena *arena, an_msg **ret,
                          an_note *why)
{
    const an_msg_codec *codec = codecs[info - types];
    ProtobufCMessage *body = NULL;
    an_err err = an_wire_get(codec->type, e->body.data, e->body.len, arena, &body, why);
    if (err)
        return err;

    /* Blobs are parts of the body, so the body's length is room enough. */
    const bool has_blob = blob_of(&(an_msg){.type = info->type}) != NULL;
    an_msg *m = an_alloc(1, sizeof *m + (has_blob ? e->body.len : 0));
    if (!m)
        return AN_ERR_NOMEM;
    *m = (an_msg){.type = info->type, .version = e->version, .msg_id = e->msg_id, .epoch = e->epoch};
    err = an_fields_unpack(codec->fields, body, &m->u, why);
    if (!err)
        err = check_across(m, AN_ERR_PROTO, why);
    if (err) {
        an_free(m);
        return err;
    }
    if (has_blob)
        keep_blob(other_blob_of(m), keep_blob(blob_of(m), (uint8_t *)(m + 1)));
    *ret = m;
    return AN_OK;
}

an_err an_msg_decode(const void *bytes, size_t len, an_msg **ret, an_note *why)
{
    if (len > AN_MSG_LARGE_MAX)
        return an_fail(AN_ERR_LIMIT, why, "message of %zu bytes", len);
    an_arena outer = {0}, inner = {0};
    ProtobufCMessage *wire = NULL;
    envelope e = {0};

    an_err err = AN_ERR_NOMEM;
    if (!an_arena_init(&outer, 4 * len + 4096))
        goto out;
    err = an_wire_get(&andon__envelope__descriptor, bytes, len, &outer, &wire, why);
    if (!err)
        err = an_fields_unpack(envelope_fields, wire, &e, why);
    if (err)
        goto out;

    if (e.version != AN_PROTOCOL_VERSION) {
        err = an_fail(AN_ERR_UNSUPPORTED, why, "protocol version %u; this is %d", (unsigned)e.version,
                      AN_PROTOCOL_VERSION);
        goto out;
    }
    const an_msg_type_info *info = an_msg_type_find(e.type);
    if (!info) {
        err = an_fail(AN_ERR_PROTO, why, "no message type %u", (unsigned)e.type);
        goto out;
    }
    if (len > info->max) {
        err = an_fail(AN_ERR_LIMIT, why, "%s: more than %zu bytes", info->name, info->max);
        goto out;
    }
    err = AN_ERR_NOMEM;
    /* A large one is one blob; many small pieces are what takes room. */
    const size_t pieces = e.body.len < AN_MSG_CONTROL_MAX ? AN_WIRE_ARENA(e.body.len)
                                                          : AN_WIRE_ARENA(AN_MSG_CONTROL_MAX) + e.body.len;
    if (!an_arena_init(&inner, pieces))
        goto out;
    err = decode_body(info, &e, &inner, ret, why);
out:
    an_arena_done(&inner);
    an_arena_done(&outer);
    return err;
}

void an_msg_free(an_msg *msg)
{
    an_free(msg);
}

an_err an_msg_expect(const an_msg *msg, an_door door, an_way way, an_note *why)
{
    const an_msg_type_info *info = an_msg_type_find(msg->type);
    if (!info)
        return an_fail(AN_ERR_PROTO, why, "no message type %u", (unsigned)msg->type);
    if (info->door != door)
        return an_fail(AN_ERR_PROTO, why, "%s does not belong on this socket", info->name);
    if (!((unsigned)info->way & (unsigned)way))
        return an_fail(AN_ERR_PROTO, why, "%s does not go in this direction", info->name);
    return AN_OK;
}
