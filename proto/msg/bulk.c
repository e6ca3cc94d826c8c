/* Fields of the bulk headers. */
#include "andon.pb-c.h"
#include "msg/tables.h"

#define ANY UINT64_MAX

#define OWN an_msg_chunk_request
#define WIRE Andon__ChunkRequest
static const an_field chunk_request_fields[] = {
    AN_FIXED(object, false),
    AN_ENUM(kind, AN_OBJECT_UPDATE),
    AN_U64(offset, 0, ANY),
    AN_U32(len, 1, AN_CHUNK_MAX),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_chunk_request = {chunk_request_fields, &andon__chunk_request__descriptor};

#define OWN an_msg_chunk
#define WIRE Andon__Chunk
static const an_field chunk_fields[] = {
    AN_FIXED(object, false),
    AN_U64(offset, 0, ANY),
    AN_U32(len, 1, AN_CHUNK_MAX),
    AN_U64(total, 1, ANY),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_chunk = {chunk_fields, &andon__chunk__descriptor};

#define OWN an_msg_chunk_refuse
#define WIRE Andon__ChunkRefuse
static const an_field chunk_refuse_fields[] = {
    AN_FIXED(object, false),
    AN_U64(offset, 0, ANY),
    AN_ENUM(reason, AN_CHUNK_FORBIDDEN),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_chunk_refuse = {chunk_refuse_fields, &andon__chunk_refuse__descriptor};
