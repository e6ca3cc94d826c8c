#include "agent/sink_http.h"

#include <stdio.h>
#include <string.h>

#include "agent/secret_file.h"
#include "agent/server_address.h"
#include "doors/crypto.h"
#include "doors/http_client.h"

#define ANSWER_MAX (64u << 10) /* of what the receiver says beside the status */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Of HOST or HOST:PORT: nothing between us and it. */
static bool is_here(const char *authority, size_t len)
{
    char host[AN_HOST_MAX];
    const char *end = authority[0] == '[' ? memchr(authority, ']', len) : memchr(authority, ':', len);
    const size_t n = !end ? len : (size_t)(end - authority) + (*end == ']');
    snprintf(host, sizeof host, "%.*s", (int)(n < sizeof host ? n : 0), authority);
    return an_host_is_here(host);
}

static an_err check_url(const char *url, bool plain, an_note *why)
{
    const bool secure = begins(url, "https://");
    if (!secure && !begins(url, "http://"))
        return an_fail(AN_ERR_INVAL, why, "url: must begin with https:// or http://");
    const char *authority = url + (secure ? 8 : 7);
    const size_t len = strcspn(authority, "/?#");
    if (len == 0 || memchr(authority, '{', len))
        return an_fail(AN_ERR_INVAL, why, "url: there is no fixed host in it");
    if (memchr(authority, '@', len))
        return an_fail(AN_ERR_INVAL, why, "url: no password in it; authorization_file is for that");
    if (!secure && !plain && !is_here(authority, len))
        return an_fail(AN_ERR_INVAL, why, "url: http:// to another computer needs plain: true");
    return AN_OK;
}

an_err an_sink_http_open(an_sink_http *h, const an_option *rows, const an_node *conf, const char *url,
                         an_note *why)
{
    bool plain = false;
    an_err err;
    if ((err = an_option_text(rows, conf, "ca_file", &h->ca_file, why)) != AN_OK ||
        (err = an_option_text(rows, conf, "authorization_file", &h->authorization_file, why)) != AN_OK ||
        (err = an_option_ms(rows, conf, "timeout", &h->timeout_ms, why)) != AN_OK ||
        (err = an_option_bool(rows, conf, "plain", &plain, why)) != AN_OK)
        return err;
    return check_url(url, plain, why);
}

an_err an_sink_http_connect(an_sink_http *h, an_note *why)
{
    static const char name[] = "Authorization: ";
    char *value = NULL;
    size_t len = 0;
    if (!h->authorization_file[0])
        return AN_OK;
    an_err err = an_secret_file_read(h->authorization_file, &value, &len, why);
    if (err == AN_OK && strpbrk(value, "\r\n"))
        err = an_fail(AN_ERR_INVAL, why, "%.200s: more than one line", h->authorization_file);
    if (err == AN_OK && !(h->authorization = an_secret_alloc(sizeof name + len)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK)
        snprintf(h->authorization, sizeof name + len, "%s%s", name, value);
    an_secret_free(value);
    return err;
}

void an_sink_http_disconnect(an_sink_http *h)
{
    an_secret_free(h->authorization);
    h->authorization = NULL;
}

static an_err judge(const an_http_answer *answer, unsigned repeat, an_note *why)
{
    const unsigned s = answer->status;
    if ((s >= 200 && s < 300) || (repeat != 0 && s == repeat))
        return AN_OK;
    const bool mended_elsewhere = s == 401 || s == 403 || s == 407 || s == 408 || s == 429;
    an_note_set(why, "answered %u: %.120s", s, answer->body);
    for (char *c = why ? why->text : NULL; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '"')
            *c = ' ';
    return s >= 400 && s < 500 && !mended_elsewhere ? AN_ERR_REFUSED : AN_ERR_IO;
}

an_err an_sink_http_send(const an_sink_http *h, const char *method, const char *url,
                         const char *const *headers, const void *body, size_t len, unsigned repeat,
                         an_note *why)
{
    const char *all[AN_SINK_HTTP_HEADERS + 2] = {NULL};
    size_t n = 0;
    for (; headers && headers[n] && n < AN_SINK_HTTP_HEADERS; n++)
        all[n] = headers[n];
    all[n] = h->authorization;
    const an_http_ask ask = {.method = method,
                             .url = url,
                             .headers = all,
                             .body = body,
                             .body_len = len,
                             .ca_file = h->ca_file[0] ? h->ca_file : NULL,
                             .timeout_ms = (uint32_t)h->timeout_ms,
                             .max_body = ANSWER_MAX};
    an_http_answer answer = {.body = NULL};
    an_err err = an_http_call(&ask, &answer, why);
    /* The status came before the body that is too long, but is not known any more: it may have been taken. */
    if (err != AN_OK)
        return err == AN_ERR_REFUSED ? AN_ERR_IO : err;
    err = judge(&answer, repeat, why);
    an_http_answer_done(&answer);
    return err;
}
