/* What is signed or authenticated, byte by byte, and the names of what is counted. */
#include <string.h>

#include "msg/msg.h"

static uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static uint8_t *put_u64(uint8_t *at, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> (8 * i));
    return at + 8;
}

/* Zero-padded, whatever lies behind the terminator. */
static uint8_t *put_name(uint8_t *at, const char *name)
{
    memset(at, 0, AN_NAME_MAX);
    put(at, name, strnlen(name, AN_NAME_MAX - 1));
    return at + AN_NAME_MAX;
}

void an_update_statement(uint8_t ret[static AN_UPDATE_STATEMENT_BYTES], const an_msg_update_offer *offer)
{
    uint8_t *at = put_u64(ret, offer->round);
    at = put(at, offer->plan_hash.b, AN_HASH_BYTES);
    put(at, offer->update.b, AN_HASH_BYTES);
}

void an_enrol_statement(uint8_t ret[static AN_ENROL_STATEMENT_BYTES], const an_msg_enrol *enrol)
{
    uint8_t *at = put(ret, "andon-enrol-1\0\0\0", 16);
    at = put(at, enrol->token_id, sizeof enrol->token_id);
    at = put(at, enrol->link_key, sizeof enrol->link_key);
    at = put(at, enrol->statement_key, sizeof enrol->statement_key);
    put_name(at, enrol->site);
}

void an_keys_statement(uint8_t ret[static AN_KEYS_STATEMENT_BYTES], const char *site,
                       const uint8_t link_key[static AN_KEY_BYTES],
                       const uint8_t statement_key[static AN_KEY_BYTES], const an_msg_keys *next)
{
    uint8_t *at = put_name(ret, site);
    at = put(at, link_key, AN_KEY_BYTES);
    at = put(at, statement_key, AN_KEY_BYTES);
    at = put(at, next->link_key, AN_KEY_BYTES);
    put(at, next->statement_key, AN_KEY_BYTES);
}

void an_report_statement(uint8_t ret[static AN_REPORT_STATEMENT_BYTES], const char *site,
                         const an_msg_version_report *report)
{
    uint8_t *at = put_name(ret, site);
    at = put_name(at, report->model);
    at = put_name(at, report->line);
    at = put(at, report->version.b, AN_HASH_BYTES);
    at = put(at, report->overlay.b, AN_HASH_BYTES);
    *at++ = (uint8_t)report->state;
    at = put_u64(at, (uint64_t)report->at_ms);
    memset(at, 0, AN_REASON_MAX);
    put(at, report->reason, strnlen(report->reason, AN_REASON_MAX - 1));
}

static const char *name_at(const char *const *names, size_t n, int value)
{
    return value >= 1 && (size_t)value <= n ? names[value - 1] : "?";
}
#define NAME_AT(names, value) name_at(names, sizeof names / sizeof names[0], (int)(value))

const char *an_alias_name(an_alias alias)
{
    static const char *const names[] = {"candidate", "canary", "production"};
    return NAME_AT(names, alias);
}

const char *an_progress_phase_name(an_progress_phase phase)
{
    static const char *const names[] = {"fetching",  "training", "encoding",
                                        "uploading", "paused",   "shadowing"};
    return NAME_AT(names, phase);
}

const char *an_update_status_name(an_update_status status)
{
    static const char *const names[] = {"accepted", "duplicate", "rejected", "late"};
    return NAME_AT(names, status);
}

const char *an_version_state_name(an_version_state state)
{
    static const char *const names[] = {"fetching", "ready", "running", "refused", "rolled-back"};
    return NAME_AT(names, state);
}

const char *an_live_verdict_name(an_live_verdict verdict)
{
    static const char *const names[] = {"watching", "fine", "worsened"};
    return NAME_AT(names, verdict);
}

const char *an_enrol_status_name(an_enrol_status status)
{
    static const char *const names[] = {"pending", "approved", "denied", "retry"};
    return NAME_AT(names, status);
}
