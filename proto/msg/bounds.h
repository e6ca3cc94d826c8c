/* bounds.h - how long what travels in messages may be.  See msg.h. */
#ifndef AN_MSG_BOUNDS_H
#define AN_MSG_BOUNDS_H

#define AN_PROTOCOL_VERSION 1
#define AN_MSG_CONTROL_MAX (64 * 1024)
#define AN_MSG_LARGE_MAX (256 * 1024) /* SECURE, ROSTER: down the control socket only */
#define AN_MSG_ENROL_MAX (4 * 1024)
#define AN_MSG_BULK_MAX 1024       /* header frame only */
#define AN_CHUNK_MAX (1024 * 1024) /* raw payload frame */

#define AN_SHORT_MAX 32 /* agent versions, capabilities, test names: 31 bytes and the terminator */
#define AN_REASON_MAX 256
#define AN_ENDPOINT_MAX 128
#define AN_SENSOR_MAX 96
#define AN_FINGERPRINT_MAX 128
#define AN_STATEMENT_MAX 4096
#define AN_KEY_BYTES 32
#define AN_SIG_BYTES 64
#define AN_LINES_MAX 16
#define AN_CAPABILITIES_MAX 16
#define AN_HELD_MAX 32
#define AN_WELCOME_MODELS_MAX 32
#define AN_COORDINATORS_MAX 8 /* on one store: one is active, the others stand by */
#define AN_SIGNATURES_MAX 4
#define AN_SHARES_MAX 8

#endif
