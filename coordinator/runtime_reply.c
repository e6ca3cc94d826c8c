/* From an answer of the API to a reply over HTTP: its headers, and 304 for what the client has already. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/runtime_internal.h"
#include "doors/crypto.h"

#define TAG_BYTES 12
#define TAG_TEXT (2 * TAG_BYTES + 3) /* "..." with its quotes */

/* Of the bytes themselves: who is connected is in no version of the state. */
static void make_tag(char out[static TAG_TEXT], const an_api_answer *answer)
{
    an_hash hash;
    an_hash_of(&hash, answer->body, strlen(answer->body));
    out[0] = '"';
    an_hex(out + 1, hash.b, TAG_BYTES);
    memcpy(out + TAG_TEXT - 2, "\"", 2);
}

/* A list of tags, or *; weak ones are as good, as the bytes are the same. */
static bool has_it(const an_http_request *http, const char *tag)
{
    const char *given = an_http_header(http, "If-None-Match");
    return given && (strstr(given, tag) || strcmp(given, "*") == 0);
}

static an_err set_headers(const an_http_request *http, an_api_answer *answer, an_http_reply *reply)
{
    char tag[TAG_TEXT], retry[24];
    const bool reads = strcmp(http->method, "GET") == 0 || strcmp(http->method, "HEAD") == 0;
    /* A fleet's data stay on no disk of whoever looks at it; who keeps an answer in memory shows its tag. */
    an_err err = an_http_reply_header(reply, "Cache-Control", "no-store");
    if (err == AN_OK && answer->status == 401)
        err = an_http_reply_header(reply, "WWW-Authenticate", "Bearer");
    if (err == AN_OK && answer->status == 405 && answer->allow)
        err = an_http_reply_header(reply, "Allow", answer->allow);
    snprintf(retry, sizeof retry, "%lld", (long long)answer->retry_s);
    if (err == AN_OK && answer->retry_s > 0)
        err = an_http_reply_header(reply, "Retry-After", retry);
    if (err != AN_OK || !reads || answer->status != 200)
        return err;
    make_tag(tag, answer);
    if (has_it(http, tag)) {
        reply->status = 304;
        an_api_answer_done(answer);
    }
    return an_http_reply_header(reply, "ETag", tag);
}

void an_reply_fill(const an_http_request *http, an_api_answer *answer, an_http_reply *reply)
{
    if (!answer->body) {
        reply->status = 503;
        return;
    }
    reply->status = answer->status;
    reply->type = answer->type;
    if (set_headers(http, answer, reply) != AN_OK)
        reply->status = 500;
    reply->body = answer->body;
    reply->body_len = answer->body ? strlen(answer->body) : 0;
}
