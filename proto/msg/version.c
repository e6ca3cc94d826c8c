/* Fields of versions: the push with its statement, the report, the way back. */
#include "andon.pb-c.h"
#include "msg/tables.h"

#define ANY UINT64_MAX

#define OWN an_msg_signature
#define WIRE Andon__Signature
static const an_field signature_fields[] = {
    AN_FIXED(key, false),
    AN_FIXED(signature, false),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_msg_version
#define WIRE Andon__Version
static const an_field version_fields[] = {
    AN_NAME(model),
    AN_FIXED(version, false),
    AN_U64(size, 1, ANY),
    AN_ENUM(alias, AN_ALIAS_PRODUCTION),
    AN_U64(counter, 0, ANY),
    AN_BLOB(statement, 0, AN_STATEMENT_MAX),
    AN_LIST(signatures, signature_fields, andon__signature__descriptor),
    AN_BLOB(delegation, 0, AN_STATEMENT_MAX),
    AN_LIST(delegation_signatures, signature_fields, andon__signature__descriptor),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_version = {version_fields, &andon__version__descriptor};

#define OWN an_msg_trust
#define WIRE Andon__Trust
static const an_field trust_fields[] = {
    AN_BLOB(statement, 1, AN_STATEMENT_MAX),
    AN_LIST(signatures, signature_fields, andon__signature__descriptor),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_trust = {trust_fields, &andon__trust__descriptor};

#define OWN an_msg_version_report
#define WIRE Andon__VersionReport
static const an_field version_report_fields[] = {
    AN_NAME(model),
    AN_NAME(line),
    AN_FIXED(version, false),
    AN_FIXED(overlay, true),
    AN_ENUM(state, AN_VERSION_ROLLED_BACK),
    AN_TEXT(reason, true),
    AN_TIME(at_ms),
    AN_FIXED(signature, true),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_version_report = {version_report_fields, &andon__version_report__descriptor};

#define OWN an_msg_return_to
#define WIRE Andon__Return
static const an_field return_fields[] = {
    AN_NAME(model), AN_FIXED(version, false), AN_FIXED(to, true), AN_TEXT(reason, true), AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_return_to = {return_fields, &andon__return__descriptor};
