/* log.h - one line per event on standard error, in one of three forms:
 *
 *     text     ts=2026-03-09T10:14:33.250Z level=warn program=andon-coordinator event=update_rejected site=plant-7 round=12
 *     json     {"ts":"2026-03-09T10:14:33.250Z","level":"warn","event":"update_rejected","component":"andon-coordinator",
 *              "site":"plant-7","round":12}
 *     journald <4>event=update_rejected site=plant-7 round=12     after the prefix of sd-daemon; journald has time and program
 *
 * an_log(AN_LOG_WARN, "update_rejected", "site=%s round=%llu", site, round);
 *
 * Programs log; libraries return errors and log nothing above debug.  Each failure is logged
 * once, where it is handled.  Never keys, payloads or samples.
 *
 * Threads: call from anywhere; a line is written whole. */
#ifndef AN_BASE_LOG_H
#define AN_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef enum an_log_level { AN_LOG_DEBUG, AN_LOG_INFO, AN_LOG_WARN, AN_LOG_ERROR, AN_LOG_OFF } an_log_level;

typedef enum an_log_format { AN_LOG_TEXT, AN_LOG_JSON, AN_LOG_JOURNALD } an_log_format;
extern const char *const an_log_formats[]; /* their names, ended by NULL, for a row of options */

void an_log_init(an_log_level least, const char *program); /* before any thread; TEXT, of no site */
/* site: what JSON says in each line that names no other; copied, NULL: nothing.  Before any thread. */
void an_log_form(an_log_format format, const char *site);
bool an_log_level_find(const char *name, an_log_level *ret); /* "debug" "info" "warn" "error" "off" */

/* fmt gives further `key=value` pairs; a value that may be a sentence is quoted there: \"%s\".
 * Quotes, backslashes and control characters within a value are escaped as in JSON, and one that needs quotes gets
 * them, so that no value, whoever gave it, ends itself or makes another pair.  A line ends at 2,048 bytes.
 * In JSON what the format prints as a number (%d, %llu, %g) is a number, and everything else a text, so that a key keeps
 * its type; bytes that are no UTF-8 become U+FFFD. */
void an_log(an_log_level level, const char *event, const char *fmt, ...) AN_PRINTF(3, 4);

/* For lines that others cause by what they send: at most AN_LOG_QUOTA_MINUTE of them a minute, and
 * then one that says how many were left out.  Zero is a fresh one.
 *
 *     if (an_log_allow(&quota, now_ms))
 *         an_log(AN_LOG_WARN, "message_refused", ...);
 *
 * Threads: one quota belongs to one thread. */
#define AN_LOG_QUOTA_MINUTE 60
typedef struct an_log_quota {
    int64_t since_ms;
    uint64_t n; /* asked for since then */
} an_log_quota;
bool an_log_allow(an_log_quota *q, int64_t now_ms);

#endif
