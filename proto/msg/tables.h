/* tables.h - the field tables of all messages, one per row of AN_MSG_LIST.  Internal to
 * proto/msg. */
#ifndef AN_MSG_TABLES_H
#define AN_MSG_TABLES_H

#include "msg/field.h"

typedef struct an_msg_codec {
    const an_field *fields;
    const ProtobufCMessageDescriptor *type;
} an_msg_codec;

#define AN_MSG_ROW(name, number, member, door, way) extern const an_msg_codec an_codec_##member;
AN_MSG_LIST(AN_MSG_ROW)
#undef AN_MSG_ROW

#endif
