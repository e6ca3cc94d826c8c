#include "doors/http_client.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"

#define DEFAULT_TIMEOUT_MS 10000
#define DEFAULT_BODY ((size_t)1 << 20)

an_err an_http_client_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? AN_OK : AN_ERR_NOMEM;
}

void an_http_client_done(void)
{
    curl_global_cleanup();
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    an_buf *body = ctx;
    an_buf_put(body, data, size * n);
    return body->failed ? 0 : size * n;
}

static an_err check_ask(const an_http_ask *ask, an_note *why)
{
    if (!ask->url || (strncmp(ask->url, "http://", 7) != 0 && strncmp(ask->url, "https://", 8) != 0))
        return an_fail(AN_ERR_INVAL, why, "http: the URL must begin with http:// or https://");
    for (const char *p = ask->method; p && *p; p++) {
        if (*p < 'A' || *p > 'Z')
            return an_fail(AN_ERR_INVAL, why, "http: a method is upper-case letters");
    }
    for (size_t i = 0; ask->headers && ask->headers[i]; i++) {
        if (strpbrk(ask->headers[i], "\r\n") || !strchr(ask->headers[i], ':'))
            return an_fail(AN_ERR_INVAL, why, "http: a header is one line \"Name: value\"");
    }
    return AN_OK;
}

static bool append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer)
        return false;
    *list = longer;
    return true;
}

static bool make_headers(const an_http_ask *ask, struct curl_slist **ret)
{
    bool has_type = false;
    for (size_t i = 0; ask->headers && ask->headers[i]; i++) {
        has_type = has_type || strncasecmp(ask->headers[i], "Content-Type:", 13) == 0;
        if (!append(ret, ask->headers[i]))
            return false;
    }
    /* Without this curl would call any body a form. */
    return !ask->body || has_type || append(ret, "Content-Type: application/json");
}

/* The first option that fails is what is returned. */
static CURLcode set_up(CURL *h, const an_http_ask *ask, struct curl_slist *headers, an_buf *body, char *text)
{
    const char *method = ask->method ? ask->method : "GET";
    long timeout_ms = ask->timeout_ms ? (long)ask->timeout_ms : DEFAULT_TIMEOUT_MS;
    CURLcode c = curl_easy_setopt(h, CURLOPT_URL, ask->url);
#define SET(option, value) c = c == CURLE_OK ? curl_easy_setopt(h, option, value) : c
    SET(CURLOPT_ERRORBUFFER, text);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L); /* "..", as a part's id may be, stays where it stands */
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, timeout_ms);
    SET(CURLOPT_USERAGENT, "andon/" AN_VERSION);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, body);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)body->max);
    SET(CURLOPT_CERTINFO, 1L);
    if (ask->ca_file)
        SET(CURLOPT_CAINFO, ask->ca_file);
    if (ask->body || strcmp(method, "POST") == 0) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body_len);
        SET(CURLOPT_POSTFIELDS, ask->body ? (const char *)ask->body : "");
    }
    if (strcmp(method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else
        SET(CURLOPT_CUSTOMREQUEST, method);
#undef SET
    return c;
}

static an_err err_of(CURLcode code, const an_buf *body)
{
    switch (code) {
    case CURLE_OK:
        return AN_OK;
    case CURLE_OUT_OF_MEMORY:
        return AN_ERR_NOMEM;
    case CURLE_OPERATION_TIMEDOUT:
        return AN_ERR_AGAIN;
    case CURLE_FILESIZE_EXCEEDED:
        return AN_ERR_LIMIT;
    case CURLE_WRITE_ERROR:
        return body->failed ? an_buf_err(body) : AN_ERR_IO;
    case CURLE_URL_MALFORMAT:
        return AN_ERR_INVAL;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return AN_ERR_AUTH;
    /* The scheme was checked before: this is an answer without a status line. */
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return AN_ERR_PROTO;
    default:
        return AN_ERR_IO;
    }
}

/* The first certificate is the server's own; the others vouch for it. */
static int64_t read_certificate(CURL *h)
{
    static const char key[] = "Expire date:";
    struct curl_certinfo *info = NULL;
    if (curl_easy_getinfo(h, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1)
        return 0;
    for (struct curl_slist *s = info->certinfo[0]; s; s = s->next)
        if (strncmp(s->data, key, sizeof key - 1) == 0) {
            const time_t until = curl_getdate(s->data + sizeof key - 1, NULL);
            return until > 0 ? (int64_t)until * 1000 : 0;
        }
    return 0;
}

static void read_facts(CURL *h, an_http_answer *answer)
{
    answer->certificate_ms = read_certificate(h);
    long status = 0;
    const char *type = NULL;
    struct curl_header *etag = NULL, *cookie = NULL;
    if (curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
        answer->status = (unsigned)status;
    if (curl_easy_getinfo(h, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
        snprintf(answer->type, sizeof answer->type, "%s", type);
    if (curl_easy_header(h, "ETag", 0, CURLH_HEADER, -1, &etag) == CURLHE_OK)
        snprintf(answer->etag, sizeof answer->etag, "%s", etag->value);
    if (curl_easy_header(h, "Set-Cookie", 0, CURLH_HEADER, -1, &cookie) == CURLHE_OK &&
        strlen(cookie->value) < sizeof answer->cookie)
        snprintf(answer->cookie, sizeof answer->cookie, "%s", cookie->value);
}

an_err an_http_call(const an_http_ask *ask, an_http_answer *ret, an_note *why)
{
    char text[CURL_ERROR_SIZE] = "";
    an_buf body;
    struct curl_slist *headers = NULL;
    an_http_answer answer = {0};
    an_err err = check_ask(ask, why);
    if (err != AN_OK)
        return err;
    an_buf_init(&body, ask->max_body ? ask->max_body : DEFAULT_BODY);
    CURL *h = curl_easy_init();
    err = AN_ERR_NOMEM;
    if (!h || !make_headers(ask, &headers))
        goto out;
    CURLcode code = set_up(h, ask, headers, &body, text);
    if (code == CURLE_OK)
        code = curl_easy_perform(h);
    err = err_of(code, &body);
    if (err != AN_OK) {
        an_note_set(why, "http: %s", text[0] ? text : curl_easy_strerror(code));
        goto out;
    }
    answer.body_len = body.len;
    body.max++; /* for the terminator */
    an_buf_u8(&body, 0);
    err = an_buf_err(&body);
    if (err != AN_OK)
        goto out;
    read_facts(h, &answer);
    answer.body = (char *)body.data;
    body.data = NULL;
    *ret = answer;
out:
    if (err == AN_ERR_NOMEM)
        an_note_set(why, "http: out of memory");
    curl_slist_free_all(headers);
    curl_easy_cleanup(h);
    an_buf_done(&body);
    return err;
}

void an_http_answer_done(an_http_answer *answer)
{
    an_free(answer->body);
    *answer = (an_http_answer){0};
}
