/* Fields of a round: plan, progress, updates, its end. */
#include "andon.pb-c.h"
#include "msg/plan.h"
#include "msg/tables.h"

#define ANY UINT64_MAX

#define OWN an_msg_plan
#define WIRE Andon__PlanPush
static const an_field plan_fields[] = {
    AN_BLOB(plan, 1, AN_PLAN_BYTES_MAX),
    AN_FIXED(plan_hash, false),
    AN_FIXED(candidate, true),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_plan = {plan_fields, &andon__plan_push__descriptor};

#define OWN an_msg_plan_reply
#define WIRE Andon__PlanReply
static const an_field plan_reply_fields[] = {
    AN_U64(round, 1, ANY), AN_FIXED(plan_hash, false), AN_BOOL(accept),
    AN_TEXT(reason, true), AN_BOOL(not_yet),           AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_plan_reply = {plan_reply_fields, &andon__plan_reply__descriptor};

#define OWN an_msg_progress
#define WIRE Andon__Progress
static const an_field progress_fields[] = {
    AN_U64(round, 1, ANY),
    AN_ENUM(phase, AN_PROGRESS_SHADOWING),
    AN_F64(fraction, 0.0, 1.0),
    AN_U64(eta_ms, 0, ANY),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_progress = {progress_fields, &andon__progress__descriptor};

#define OWN an_msg_update_offer
#define WIRE Andon__UpdateOffer
static const an_field update_offer_fields[] = {
    AN_U64(round, 1, ANY), AN_FIXED(plan_hash, false), AN_FIXED(update, false),
    AN_U64(size, 1, ANY),  AN_FIXED(signature, true),  AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_update_offer = {update_offer_fields, &andon__update_offer__descriptor};

#define OWN an_msg_update_ack
#define WIRE Andon__UpdateAck
static const an_field update_ack_fields[] = {
    AN_U64(round, 1, ANY),
    AN_FIXED(update, false),
    AN_ENUM(status, AN_UPDATE_LATE),
    AN_TEXT(reason, true),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_update_ack = {update_ack_fields, &andon__update_ack__descriptor};

#define OWN an_msg_update_request
#define WIRE Andon__UpdateRequest
static const an_field update_request_fields[] = {
    AN_U64(round, 1, ANY),
    AN_FIXED(update, false),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_update_request = {update_request_fields, &andon__update_request__descriptor};

#define OWN an_msg_round_end
#define WIRE Andon__RoundEnd
static const an_field round_end_fields[] = {
    AN_U64(round, 1, ANY),
    AN_ENUM(result, AN_ROUND_RESULT_ABORTED),
    AN_TEXT(reason, true),
    AN_FIXED(version, true),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_round_end = {round_end_fields, &andon__round_end__descriptor};

#define OWN an_msg_secure
#define WIRE Andon__Secure
static const an_field secure_fields[] = {
    AN_U64(round, 1, ANY),
    AN_FIXED(plan_hash, false),
    AN_BLOB(content, 1, AN_SECURE_CONTENT_MAX),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_secure = {secure_fields, &andon__secure__descriptor};

#define OWN an_msg_roster
#define WIRE Andon__Roster
static const an_field roster_fields[] = {
    AN_BLOB(text, 1, AN_ROSTER_TEXT_MAX),
    AN_FIXED(signature, false),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_roster = {roster_fields, &andon__roster__descriptor};
