#include "tests/support/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/http_client.h"
#include "tests/support/folder.h"
#include "tests/support/local_api.h"

void server_set(server *s, const char *key, const char *value)
{
    assert_int_equal(
        an_opt_set(an_coordinator_rows, an_coordinator_n_rows, &s->conf, key, value, "test", NULL), AN_OK);
}

void server_init(server *s)
{
    an_test_folder_make(s->dir);
    assert_int_equal(an_coordinator_conf_init(&s->conf), AN_OK);
    server_set(s, "data", s->dir);
    server_set(s, "http.port", "0");
    server_set(s, "listen.control", "tcp://127.0.0.1:*");
    server_set(s, "listen.bulk", "tcp://127.0.0.1:*");
    server_set(s, "listen.enrol", "tcp://127.0.0.1:*");
}

void server_start(server *s)
{
    an_note why = {{0}};
    an_buf b;
    if (an_runtime_start(&s->conf, NULL, &s->rt, &why) != AN_OK)
        fail_msg("%s", why.text);
    const an_runtime_endpoints *e = an_runtime_endpoints_get(s->rt);
    s->port = (uint16_t)strtoul(strrchr(e->http, ':') + 1, NULL, 10);
    an_buf_init(&b, 256);
    assert_int_equal(an_file_read(&b, e->token_file, &why), AN_OK);
    snprintf(s->authorization, sizeof s->authorization, "Authorization: Bearer %.64s", (const char *)b.data);
    snprintf(s->header, sizeof s->header, "%s\r\n", s->authorization);
    an_buf_done(&b);
}

void server_stop(server *s)
{
    an_runtime_stop(s->rt);
    s->rt = NULL;
}

void server_done(server *s)
{
    server_stop(s);
    an_coordinator_conf_done(&s->conf);
    an_test_folder_remove(s->dir);
}

bool server_begin(const char *program)
{
    an_log_init(AN_LOG_OFF, program);
    an_json_init();
    return an_crypto_init() == AN_OK && an_http_client_init() == AN_OK;
}

void server_end(void)
{
    an_http_client_done();
}

int server_setup(void **state)
{
    server *s = an_alloc(1, sizeof *s);
    assert_non_null(s);
    server_init(s);
    server_start(s);
    *state = s;
    return 0;
}

int server_teardown(void **state)
{
    server_done(*state);
    an_free(*state);
    return 0;
}

/* ---- HTTP ---- */

an_json_doc *server_http(const server *s, const char *method, const char *path, const char *body,
                         const char *authorization, unsigned want)
{
    char url[512];
    an_note why = {{0}};
    an_http_answer answer = {0};
    an_json_doc *doc = NULL;
    const char *const headers[] = {authorization, NULL};
    snprintf(url, sizeof url, "%s/api/v1%s", an_runtime_endpoints_get(s->rt)->http, path);
    an_http_ask ask = {.method = method,
                       .url = url,
                       .headers = headers,
                       .body = body,
                       .body_len = body ? strlen(body) : 0,
                       .timeout_ms = 60000};
    if (an_http_call(&ask, &answer, &why) != AN_OK)
        fail_msg("%s %s: %s", method, path, why.text);
    if (answer.status != want)
        fail_msg("%s %s: %u, not %u: %s", method, path, answer.status, want, answer.body);
    assert_int_equal(an_json_parse(answer.body, answer.body_len, path, &doc, &why), AN_OK);
    an_http_answer_done(&answer);
    return doc;
}

void server_expect(const server *s, const char *method, const char *path, const char *body, unsigned want)
{
    an_json_doc_free(server_http(s, method, path, body, s->authorization, want));
}

const char *server_text(const an_json_doc *doc, const char *outer, const char *key)
{
    const char *text = "";
    const an_jval *o = outer ? an_jval_get(an_json_root(doc), outer) : an_json_root(doc);
    assert_int_equal(an_jval_text(o, key, &text, NULL), AN_OK);
    return text;
}

int server_dial(const server *s)
{
    return an_test_dial_port(s->port);
}

#define ARCH                                                                                                 \
    "model: ae\\ninput: {features: input, window: 1}\\nlayers:\\n  - dense: {units: 2}\\n  - "               \
    "relu\\n"                                                                                                \
    "  - dense: {units: input, name: out}\\nloss: mse\\ntarget: input\\n"
#define MODEL                                                                                                \
    "{\"name\":\"pumps\",\"arch\":\"" ARCH "\",\"sensors\":[\"a\",\"b\",\"c\"],\"window\":1,"                \
    "\"policy\":{\"privacy\":\"trusted\",\"min_cohort\":%d,\"round.invite\":\"20s\"}}"

void server_model(const server *s, int min_cohort)
{
    char body[1024];
    snprintf(body, sizeof body, MODEL, min_cohort);
    server_expect(s, "POST", "/models", body, 201);
}
