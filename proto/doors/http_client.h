/* http_client.h - the door to libcurl: one bounded HTTP call.
 *
 *     an_http_ask ask = {.method = "GET", .url = "http://127.0.0.1:8080/v1/sites"};
 *     an_http_answer answer = {0};
 *     err = an_http_call(&ask, &answer, &why);
 *     ... answer.status, answer.body ...
 *     an_http_answer_done(&answer);
 *
 * Only http and https; redirects are not followed; no proxy from the environment; certificates are
 * checked.  A body is application/json unless a header says otherwise.  An answer with any status
 * is OK: the status is the caller's to judge.
 *
 * Threads: call from anywhere after an_http_client_init, which comes once, in main, before any thread. */
#ifndef AN_DOORS_HTTP_CLIENT_H
#define AN_DOORS_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

an_err an_http_client_init(void);
void an_http_client_done(void);

/* Zero in a number means its default. */
typedef struct an_http_ask {
    const char *method; /* NULL: GET */
    const char *url;
    const char *const *headers; /* "Name: value", ended by NULL; NULL: none */
    const void *body;           /* NULL: none */
    size_t body_len;
    const char *ca_file; /* certificates to trust in place of the system's; NULL: the system's */
    uint32_t timeout_ms; /* 10000, for the whole call */
    size_t max_body;     /* 1 MiB */
} an_http_ask;

typedef struct an_http_answer {
    unsigned status;
    char *body; /* body_len bytes and a terminator; never NULL after success */
    size_t body_len;
    char type[128];         /* Content-Type, "" if absent */
    char etag[128];         /* ETag, "" if absent */
    char cookie[256];       /* the first Set-Cookie, "" if absent or longer */
    int64_t certificate_ms; /* https: until when the server's certificate holds; 0: not known */
} an_http_answer;

/* Errors: INVAL url, method or header; IO cannot connect, reset or cut short (why says which);
 * AGAIN timed out; AUTH the certificate; LIMIT the answer is over max_body; PROTO not HTTP; NOMEM. */
an_err an_http_call(const an_http_ask *ask, an_http_answer *ret, an_note *why);
void an_http_answer_done(an_http_answer *answer);

#endif
