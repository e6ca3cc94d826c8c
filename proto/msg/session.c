/* Fields of the session: hello, welcome, heartbeats, acknowledgements. */
#include "andon.pb-c.h"
#include "msg/tables.h"

#define ANY UINT64_MAX

#define OWN an_msg_line
#define WIRE Andon__Line
static const an_field line_fields[] = {
    AN_NAME(line),           AN_NAME(model),          AN_FIXED(schema, false),
    AN_FIXED(version, true), AN_FIXED(overlay, true), AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_msg_held
#define WIRE Andon__Held
static const an_field held_fields[] = {
    AN_U64(round, 1, ANY),
    AN_FIXED(update, true),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_msg_hello
#define WIRE Andon__Hello
static const an_field hello_fields[] = {
    AN_TEXT(agent_version, false),
    AN_NAME(site),
    AN_FIXED(statement_key, false),
    AN_U64(instance, 0, ANY),
    AN_LIST(lines, line_fields, andon__line__descriptor),
    AN_NAMES(capabilities),
    AN_LIST(held, held_fields, andon__held__descriptor),
    AN_FIXED(roster, true),
    AN_U64(root_number, 0, ANY),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_hello = {hello_fields, &andon__hello__descriptor};

#define OWN an_msg_desired
#define WIRE Andon__Desired
static const an_field desired_fields[] = {
    AN_NAME(model),
    AN_FIXED(version, true),
    AN_U64(size, 0, ANY),
    AN_U64(counter, 0, ANY),
    AN_FIXED(schema, false),
    AN_FIXED(blank, false),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_msg_coordinator
#define WIRE Andon__Coordinator
static const an_field coordinator_fields[] = {
    AN_TEXT(control, false),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_msg_welcome
#define WIRE Andon__Welcome
static const an_field welcome_fields[] = {
    AN_U64(instance, 0, ANY),
    AN_U64(epoch, 1, ANY),
    AN_U32(lease_ms, 1, UINT32_MAX),
    AN_TIME(wall_ms),
    AN_TEXT(bulk_endpoint, true),
    AN_LIST(models, desired_fields, andon__desired__descriptor),
    AN_LIST(coordinators, coordinator_fields, andon__coordinator__descriptor),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_welcome = {welcome_fields, &andon__welcome__descriptor};

#define OWN an_msg_windows
#define WIRE Andon__Windows
static const an_field windows_fields[] = {
    AN_NAME(line),
    AN_U32(train, 0, AN_WINDOWS_TOLD),
    AN_U32(held_back, 0, AN_WINDOWS_TOLD),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_msg_heartbeat
#define WIRE Andon__Heartbeat
static const an_field heartbeat_fields[] = {
    AN_U64(instance, 0, ANY),
    AN_TEXT(state, true),
    AN_U32(queued_alarms, 0, UINT32_MAX),
    AN_U32(queued_updates, 0, UINT32_MAX),
    AN_LIST(windows, windows_fields, andon__windows__descriptor),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_heartbeat = {heartbeat_fields, &andon__heartbeat__descriptor};

#define OWN an_msg_heartbeat_ack
#define WIRE Andon__HeartbeatAck
static const an_field heartbeat_ack_fields[] = {
    AN_U64(instance, 0, ANY),
    AN_TIME(wall_ms),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_heartbeat_ack = {heartbeat_ack_fields, &andon__heartbeat_ack__descriptor};

#define OWN an_msg_ack
#define WIRE Andon__Ack
static const an_field ack_fields[] = {
    AN_U64(of, 0, ANY),
    AN_U32(code, 0, 255),
    AN_TEXT(text, true),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_ack = {ack_fields, &andon__ack__descriptor};
