/* Whoever may open the local API's socket may send anything: each request has an answer of JSON, and one that cannot be right
 * leaves nothing.  Input: METHOD PATH, a line; what each key of the query is, a line; the body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/local_api.h"
#include "base/mem.h"
#include "doors/json.h"

#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *query(void *ctx, const char *key)
{
    (void)key;
    return *(const char *)ctx ? ctx : NULL;
}

/* Cuts at the first c; what follows it, or the end. */
static char *cut(char *text, char c)
{
    char *at = strchr(text, c);
    if (!at)
        return text + strlen(text);
    *at = '\0';
    return at + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const an_local_api_conf conf = {.dir = "/nonexistent/andon", .socket = "/nonexistent/socket"};
    char text[INPUT_MAX + 1];
    an_json_doc *doc = NULL;
    if (size > INPUT_MAX)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    char *args = cut(text, '\n'), *body = cut(args, '\n'), *path = cut(text, ' ');
    an_http_reply reply = {.status = 0};
    const an_local_ask ask = {.method = text,
                              .path = path,
                              .body = body,
                              .body_len = strlen(body),
                              .user = size % 2 ? "anna" : "",
                              .query = query,
                              .ctx = args};
    an_local_api_answer(&conf, &ask, &reply);
    const bool session = strncmp(path, "/v1/session", 11) == 0; /* which needs no folder */
    if (reply.status < (session ? 200 : 400) || reply.status > 599 || !reply.body ||
        an_json_parse(reply.body, reply.body_len, "answer", &doc, NULL) != AN_OK)
        abort();
    an_json_doc_free(doc);
    an_free(reply.body);
    return 0;
}
