/* The doors to HTTP against each other, over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "doors/http_client.h"
#include "doors/http_server.h"

/* Says back what it was asked. */
static void echo(void *ctx, const an_http_request *req, an_http_reply *reply)
{
    const char *extra = ctx;
    if (strcmp(req->path, "/silent") == 0)
        return;
    if (strcmp(req->path, "/same") == 0) {
        const char *tag = an_http_header(req, "If-None-Match");
        reply->status = tag && strcmp(tag, "\"v1\"") == 0 ? 304 : 200;
        if (an_http_reply_header(reply, "ETag", "\"v1\"") != AN_OK)
            reply->status = 500;
        return;
    }
    const char *q = an_http_query(req, "q"), *auth = an_http_header(req, "Authorization");
    const char *type = an_http_header(req, "Content-Type");
    an_buf b;
    an_buf_init(&b, (size_t)4 << 20);
    if (strcmp(req->path, "/large") == 0) {
        for (int i = 0; i < 3000; i++)
            an_buf_text(&b, "0123456789");
    } else {
        an_buf_printf(&b, "%s %s q=%s auth=%s type=%s from=%s extra=%s len=%zu ", req->method, req->path,
                      q ? q : "-", auth ? auth : "-", type ? type : "-", req->remote, extra, req->body_len);
        an_buf_put(&b, req->body, req->body_len > 20 ? 20 : req->body_len);
    }
    reply->status = b.failed ? 503 : 200;
    reply->type = "text/plain";
    reply->body = b.data;
    reply->body_len = b.len;
}

typedef struct site {
    an_http_server *server;
    char url[64];
} site;

static void site_start(site *s, size_t max_body)
{
    static char extra[] = "x";
    an_http_server_conf conf = {.handler = echo, .ctx = extra, .max_body = max_body};
    an_note why = {{0}};
    if (an_http_server_start(&conf, &s->server, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_http_server_port(s->server) > 0);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", (unsigned)an_http_server_port(s->server));
}

static an_err call(const site *s, an_http_ask ask, const char *path, an_http_answer *ret, an_note *why)
{
    char url[160];
    snprintf(url, sizeof url, "%s%s", s->url, path);
    ask.url = url;
    return an_http_call(&ask, ret, why);
}

static void a_request_arrives_whole_and_its_answer_returns(void **state)
{
    (void)state;
    static const char *const headers[] = {"Authorization: Bearer t0ken", NULL};
    site s;
    an_http_answer a = {0};
    site_start(&s, 0);
    assert_int_equal(call(&s, (an_http_ask){.headers = headers}, "/v1/a%20b?q=1%262&r", &a, NULL), AN_OK);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.type, "text/plain");
    assert_string_equal(a.body, "GET /v1/a b q=1&2 auth=Bearer t0ken type=- from=127.0.0.1 extra=x len=0 ");
    assert_int_equal(a.body_len, strlen(a.body));
    an_http_answer_done(&a);
    assert_int_equal(
        call(&s, (an_http_ask){.method = "PUT", .body = "{\"a\":1}", .body_len = 7}, "/p", &a, NULL), AN_OK);
    assert_string_equal(a.body,
                        "PUT /p q=- auth=- type=application/json from=127.0.0.1 extra=x len=7 {\"a\":1}");
    an_http_answer_done(&a);
    assert_int_equal(call(&s, (an_http_ask){.method = "POST"}, "/p", &a, NULL), AN_OK);
    assert_non_null(strstr(a.body, "POST /p"));
    an_http_answer_done(&a);
    assert_int_equal(call(&s, (an_http_ask){.method = "DELETE"}, "/p", &a, NULL), AN_OK);
    assert_non_null(strstr(a.body, "DELETE /p"));
    an_http_answer_done(&a);
    assert_int_equal(call(&s, (an_http_ask){.method = "HEAD"}, "/large", &a, NULL), AN_OK);
    assert_int_equal(a.body_len, 0);
    assert_string_equal(a.body, "");
    an_http_answer_done(&a);
    an_http_server_stop(s.server);
}

static void an_etag_saves_the_body(void **state)
{
    (void)state;
    static const char *const headers[] = {"If-None-Match: \"v1\"", NULL};
    site s;
    an_http_answer a = {0};
    site_start(&s, 0);
    assert_int_equal(call(&s, (an_http_ask){0}, "/same", &a, NULL), AN_OK);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.etag, "\"v1\"");
    an_http_answer_done(&a);
    assert_int_equal(call(&s, (an_http_ask){.headers = headers}, "/same", &a, NULL), AN_OK);
    assert_int_equal(a.status, 304);
    an_http_answer_done(&a);
    an_http_server_stop(s.server);
}

static void a_handler_that_says_nothing_is_an_error_500(void **state)
{
    (void)state;
    site s;
    an_http_answer a = {0};
    site_start(&s, 0);
    assert_int_equal(call(&s, (an_http_ask){0}, "/silent", &a, NULL), AN_OK);
    assert_int_equal(a.status, 500);
    assert_string_equal(a.body, "");
    an_http_answer_done(&a);
    an_http_server_stop(s.server);
}

static void bodies_are_bounded_on_both_sides(void **state)
{
    (void)state;
    static const char *const chunked[] = {"Transfer-Encoding: chunked", NULL};
    static char big[3000];
    memset(big, 'b', sizeof big);
    site s;
    an_http_answer a = {0};
    an_note why = {{0}};
    site_start(&s, 1000);
    an_http_ask ask = {.method = "POST", .body = big, .body_len = 1000};
    assert_int_equal(call(&s, ask, "/p", &a, NULL), AN_OK);
    assert_int_equal(a.status, 200);
    an_http_answer_done(&a);
    ask.body_len = 1001;
    assert_int_equal(call(&s, ask, "/p", &a, &why), AN_OK);
    assert_int_equal(a.status, 413);
    an_http_answer_done(&a);
    ask.headers = chunked;
    ask.body_len = 3000;
    assert_int_equal(call(&s, ask, "/p", &a, &why), AN_OK);
    assert_int_equal(a.status, 413);
    an_http_answer_done(&a);
    assert_int_equal(call(&s, (an_http_ask){.max_body = 29999}, "/large", &a, &why), AN_ERR_LIMIT);
    assert_null(a.body);
    assert_int_equal(call(&s, (an_http_ask){.max_body = 30000}, "/large", &a, &why), AN_OK);
    assert_int_equal(a.body_len, 30000);
    an_http_answer_done(&a);
    an_http_server_stop(s.server);
}

static void a_wrong_ask_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    static const char *const split[] = {"A: b\r\nC: d", NULL}, *const bare[] = {"abc", NULL};
    static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1", "", NULL};
    an_http_answer a = {0};
    an_note why = {{0}};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(an_http_call(&(an_http_ask){.url = urls[i]}, &a, &why), AN_ERR_INVAL);
    assert_int_equal(an_http_call(&(an_http_ask){.url = "http://127.0.0.1:1", .headers = split}, &a, &why),
                     AN_ERR_INVAL);
    assert_int_equal(an_http_call(&(an_http_ask){.url = "http://127.0.0.1:1", .headers = bare}, &a, &why),
                     AN_ERR_INVAL);
    assert_int_equal(an_http_call(&(an_http_ask){.url = "http://127.0.0.1:1", .method = "G T"}, &a, &why),
                     AN_ERR_INVAL);
    assert_true(why.text[0] != '\0');
}

static void a_server_that_cannot_start_says_why(void **state)
{
    (void)state;
    site s;
    an_http_server *other = NULL;
    an_note why = {{0}};
    site_start(&s, 0);
    an_http_server_conf conf = {.handler = echo, .port = an_http_server_port(s.server)};
    assert_int_equal(an_http_server_start(&conf, &other, &why), AN_ERR_IO);
    assert_non_null(strstr(why.text, "cannot listen on 127.0.0.1"));
    conf.address = "localhost";
    assert_int_equal(an_http_server_start(&conf, &other, &why), AN_ERR_INVAL);
    conf.handler = NULL;
    assert_int_equal(an_http_server_start(&conf, &other, &why), AN_ERR_INVAL);
    an_http_server_stop(s.server);
    an_http_server_stop(NULL);
    an_http_answer a = {0};
    assert_int_equal(call(&s, (an_http_ask){0}, "/", &a, &why), AN_ERR_IO);
    assert_int_equal(strncmp(why.text, "http: ", 6), 0);
}

static void a_reply_header_may_not_split_and_is_limited(void **state)
{
    (void)state;
    an_http_reply reply = {0};
    assert_int_equal(an_http_reply_header(&reply, "A", "b\r\nC: d"), AN_ERR_INVAL);
    for (int i = 0; i < AN_HTTP_REPLY_HEADERS; i++)
        assert_int_equal(an_http_reply_header(&reply, "A", "b"), AN_OK);
    assert_int_equal(an_http_reply_header(&reply, "A", "b"), AN_ERR_LIMIT);
    char value[AN_HTTP_REPLY_SPACE + 1];
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    reply = (an_http_reply){0};
    assert_int_equal(an_http_reply_header(&reply, "A", value), AN_ERR_LIMIT);
    assert_int_equal(an_http_reply_header(&reply, "A", value + 1), AN_OK);
    assert_int_equal(an_http_reply_header(&reply, "A", ""), AN_ERR_LIMIT);
}

/* A socket that answers one connection with fixed bytes, or with nothing until it is closed. */
typedef struct liar {
    int fd;
    const char *text;
    pthread_t thread;
} liar;

static void *liar_main(void *arg)
{
    liar *l = arg;
    char request[4096];
    int fd = accept(l->fd, NULL, NULL);
    if (fd < 0)
        return NULL;
    ssize_t n = recv(fd, request, sizeof request, 0);
    if (n > 0 && l->text)
        n = send(fd, l->text, strlen(l->text), MSG_NOSIGNAL);
    else
        while (n > 0) /* until the client gives up */
            n = recv(fd, request, sizeof request, 0);
    close(fd);
    return NULL;
}

static an_err ask_liar(const char *text, uint32_t timeout_ms, an_note *why)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof addr;
    liar l = {.fd = socket(AF_INET, SOCK_STREAM, 0), .text = text};
    assert_true(l.fd >= 0);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(l.fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(l.fd, 1), 0);
    assert_int_equal(getsockname(l.fd, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(pthread_create(&l.thread, NULL, liar_main, &l), 0);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)ntohs(addr.sin_port));
    an_http_answer a = {0};
    an_err err = an_http_call(&(an_http_ask){.url = url, .timeout_ms = timeout_ms}, &a, why);
    an_http_answer_done(&a);
    shutdown(l.fd, SHUT_RDWR); /* a client that never came leaves it in accept */
    pthread_join(l.thread, NULL);
    close(l.fd);
    return err;
}

static void a_lying_server_is_seen_through(void **state)
{
    (void)state;
    an_note why = {{0}};
    assert_int_equal(ask_liar("junk\r\n\r\n", 5000, &why), AN_ERR_PROTO);
    assert_int_equal(ask_liar("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", 5000, &why), AN_ERR_IO);
    assert_int_equal(ask_liar("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nabc", 5000, &why),
                     AN_ERR_LIMIT);
    assert_int_equal(
        ask_liar("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", 5000,
                 &why),
        AN_OK);
    assert_int_equal(ask_liar(NULL, 50, &why), AN_ERR_AGAIN);
}

static void every_allocation_failure_is_survived(void **state)
{
    (void)state;
    site s;
    site_start(&s, 0);
    size_t n = 0, failures = 0;
    bool whole = false;
    while (!whole) {
        an_http_answer a = {0};
        an_mem_fail_after(n++);
        an_err err = call(&s, (an_http_ask){.method = "POST", .body = "abc", .body_len = 3}, "/p", &a, NULL);
        an_mem_fail_never();
        /* The server closes the connection, or answers 503, when it is the one that lacks
         * memory. */
        assert_true(err == AN_OK || err == AN_ERR_NOMEM || err == AN_ERR_IO);
        whole = err == AN_OK && a.status == 200;
        failures += !whole;
        an_http_answer_done(&a);
    }
    assert_true(failures > 2);
    an_http_server_stop(s.server);
    an_http_server *server = NULL;
    an_mem_fail_after(0);
    an_err err = an_http_server_start(&(an_http_server_conf){.handler = echo}, &server, NULL);
    an_mem_fail_never();
    assert_int_equal(err, AN_ERR_NOMEM);
    assert_int_equal(an_mem_live(), 0);
}

int main(void)
{
    if (an_http_client_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_arrives_whole_and_its_answer_returns),
        cmocka_unit_test(an_etag_saves_the_body),
        cmocka_unit_test(a_handler_that_says_nothing_is_an_error_500),
        cmocka_unit_test(bodies_are_bounded_on_both_sides),
        cmocka_unit_test(a_wrong_ask_is_refused_before_it_is_sent),
        cmocka_unit_test(a_server_that_cannot_start_says_why),
        cmocka_unit_test(a_reply_header_may_not_split_and_is_limited),
        cmocka_unit_test(a_lying_server_is_seen_through),
        cmocka_unit_test(every_allocation_failure_is_survived),
    };
    int failed = cmocka_run_group_tests_name("http", tests, NULL, NULL);
    an_http_client_done();
    return failed;
}
