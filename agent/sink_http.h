/* sink_http.h - what sinks that speak HTTP have in common: where to, as whom, and what an answer means.
 *
 *     2xx                    taken
 *     401 403 407 408 429    tried again: the sender is wrong, or it is too early
 *     other 4xx              REFUSED: this event will never be taken
 *     3xx 5xx, no answer     tried again; redirects are not followed
 *
 * Threads: one thread per an_sink_http. */
#ifndef AN_AGENT_SINK_HTTP_H
#define AN_AGENT_SINK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/options.h"
#include "base/err.h"

/* Rows for the table of a sink. */
#define AN_SINK_HTTP_OPTIONS                                                                                 \
    {"ca_file", AN_OPTION_TEXT, 0, 0, "", "certificates to trust in place of the system's"},                 \
        {"timeout", AN_OPTION_REAL, 0.1, 60, "5", "seconds that one call may take, connecting included"},    \
        {"authorization_file",                                                                               \
         AN_OPTION_TEXT,                                                                                     \
         0,                                                                                                  \
         0,                                                                                                  \
         "",                                                                                                 \
         "file with the value of the header Authorization, such as \"Bearer ...\""},                         \
    {                                                                                                        \
        "plain", AN_OPTION_BOOL, 0, 1, "false",                                                              \
            "allow http:// to another computer: anybody between can read it"                                 \
    }

typedef struct an_sink_http {
    const char *ca_file, *authorization_file;
    int64_t timeout_ms;
    char *authorization; /* secret memory; NULL: none */
} an_sink_http;

/* Reads the options, and checks url, which may hold placeholders.  Errors: INVAL. */
an_err an_sink_http_open(an_sink_http *h, const an_option *rows, const an_node *conf, const char *url,
                         an_note *why);
an_err an_sink_http_connect(an_sink_http *h, an_note *why); /* reads the secret anew */
void an_sink_http_disconnect(an_sink_http *h);              /* zeroed is fine */

/* headers: as of an_http_ask, at most AN_SINK_HTTP_HEADERS.  repeat: the status by which the receiver says that it has
 * this event already, which is as good as 2xx; 0: none.  Errors: REFUSED, and all that is tried again. */
#define AN_SINK_HTTP_HEADERS 6
an_err an_sink_http_send(const an_sink_http *h, const char *method, const char *url,
                         const char *const *headers, const void *body, size_t len, unsigned repeat,
                         an_note *why);

#endif
