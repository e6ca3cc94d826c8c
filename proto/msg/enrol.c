/* Fields of the enrolment door, and of the keys that come after it. */
#include "andon.pb-c.h"
#include "msg/tables.h"

#define ANY UINT64_MAX

#define OWN an_msg_enrol
#define WIRE Andon__Enrol
static const an_field enrol_fields[] = {
    AN_FIXED(token_id, false),      AN_FIXED(mac, false),          AN_NAME(site), AN_FIXED(link_key, false),
    AN_FIXED(statement_key, false), AN_TEXT(agent_version, false), AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_enrol = {enrol_fields, &andon__enrol__descriptor};

#define OWN an_msg_enrol_reply
#define WIRE Andon__EnrolReply
static const an_field enrol_reply_fields[] = {
    AN_ENUM(status, AN_ENROL_RETRY), AN_TEXT(text, true),
    AN_TEXT(fingerprint, true),      AN_TEXT(release_root, true),
    AN_TEXT(control_endpoint, true), AN_TEXT(bulk_endpoint, true),
    AN_FIXED(coordinator_key, true), AN_FIXED(root_key, true),
    AN_U64(root_number, 0, ANY),     AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_enrol_reply = {enrol_reply_fields, &andon__enrol_reply__descriptor};

#define OWN an_msg_keys
#define WIRE Andon__Keys
static const an_field keys_fields[] = {
    AN_FIXED(link_key, false),
    AN_FIXED(statement_key, false),
    AN_FIXED(signature, false),
    AN_FIXED(next_signature, false),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_keys = {keys_fields, &andon__keys__descriptor};
