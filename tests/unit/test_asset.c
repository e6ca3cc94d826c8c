/* The files of a page, asked for through a socket: which file a path gets, and what goes with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "doors/asset.h"

static const unsigned char page_bytes[] = "(the page, compressed)";
static const unsigned char code_bytes[] = "(the code, compressed)";
static const an_asset rows[] = {
    {"/assets/code-1a2b.js", "text/javascript", "\"c0de\"", code_bytes, sizeof code_bytes - 1, true},
    {"/index.html", "text/html", "\"9a9e\"", page_bytes, sizeof page_bytes - 1, false},
};
static const an_assets assets = {rows, 2, "/index.html"};
static const an_assets nothing = {NULL, 0, ""};

static void answer(void *ctx, const an_http_request *req, an_http_reply *reply)
{
    if (!an_asset_answer(ctx, req, reply))
        reply->status = 404;
}

/* The reply to one request: a line like "GET /x", and further headers that each end in CRLF. */
static void ask(const an_assets *of, const char *line, const char *headers, char *ret, size_t cap)
{
    an_http_server_conf conf = {.handler = answer, .ctx = (void *)(uintptr_t)of};
    an_http_server *server = NULL;
    assert_int_equal(an_http_server_start(&conf, &server, NULL), AN_OK);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(an_http_server_port(server))};
    struct timeval patience = {.tv_sec = 10};
    char text[1024];
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int n =
        snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", line, headers);
    assert_int_equal(send(fd, text, (size_t)n, 0), n);
    size_t len = 0;
    for (ssize_t got; len + 1 < cap && (got = recv(fd, ret + len, cap - 1 - len, 0)) > 0;)
        len += (size_t)got;
    ret[len] = '\0';
    close(fd);
    an_http_server_stop(server);
}

static void expect_status(const an_assets *of, const char *line, const char *headers, int status)
{
    char reply[4096], want[32];
    ask(of, line, headers, reply, sizeof reply);
    snprintf(want, sizeof want, "HTTP/1.1 %d ", status);
    if (strncmp(reply, want, strlen(want)) != 0)
        fail_msg("%s: %.20s instead of %d", line, reply, status);
}

static void test_a_file_comes_compressed_with_its_type_and_is_kept(void **state)
{
    char reply[4096];
    (void)state;
    ask(&assets, "GET /assets/code-1a2b.js", "Accept-Encoding: gzip, br\r\n", reply, sizeof reply);
    assert_non_null(strstr(reply, "HTTP/1.1 200 "));
    assert_non_null(strstr(reply, "Content-Type: text/javascript\r\n"));
    assert_non_null(strstr(reply, "Content-Encoding: gzip\r\n"));
    assert_non_null(strstr(reply, "Cache-Control: public, max-age=31536000, immutable\r\n"));
    assert_non_null(strstr(reply, "\r\n\r\n(the code, compressed)"));
}

static void test_the_page_is_asked_for_again_and_says_what_it_may_load(void **state)
{
    char reply[4096];
    (void)state;
    ask(&assets, "GET /", "", reply, sizeof reply);
    assert_non_null(strstr(reply, "HTTP/1.1 200 "));
    assert_non_null(strstr(reply, "Cache-Control: no-cache\r\n"));
    assert_non_null(strstr(reply, "ETag: \"9a9e\"\r\n"));
    assert_non_null(strstr(reply, "Content-Security-Policy: default-src 'none'; script-src 'self'; "));
    assert_null(strstr(reply, "unsafe"));
    assert_non_null(strstr(reply, "X-Frame-Options: DENY\r\n"));
    assert_non_null(strstr(reply, "Referrer-Policy: no-referrer\r\n"));
    assert_non_null(strstr(reply, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(reply, "(the page, compressed)"));
}

static void test_what_is_known_is_not_sent_again(void **state)
{
    char reply[4096];
    (void)state;
    ask(&assets, "GET /", "If-None-Match: \"9a9e\"\r\n", reply, sizeof reply);
    assert_non_null(strstr(reply, "HTTP/1.1 304 "));
    assert_null(strstr(reply, "compressed"));
    expect_status(&assets, "GET /", "If-None-Match: \"0123\"\r\n", 200);
}

static void test_an_address_of_the_console_gets_the_page_and_a_missing_file_does_not(void **state)
{
    (void)state;
    expect_status(&assets, "GET /sites/plant-a", "Accept: text/html,*/*\r\n", 200);
    expect_status(&assets, "HEAD /sites/plant-a", "Accept: text/html,*/*\r\n", 200);
    expect_status(&assets, "GET /sites/plant-a", "Accept: application/json\r\n", 404);
    expect_status(&assets, "GET /sites/plant-a", "", 404);
    expect_status(&assets, "GET /assets/gone-3c4d.js", "Accept: text/html,*/*\r\n", 404);
    expect_status(&assets, "POST /", "Accept: text/html\r\nContent-Length: 0\r\n", 404);
}

static void test_no_path_leads_out_of_the_table(void **state)
{
    static const char *const lines[] = {"GET /assets/../../etc/passwd",
                                        "GET /assets/%2e%2e/%2e%2e/etc/passwd", "GET //etc/passwd",
                                        "GET /assets/code-1a2b.js%00.html"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char reply[4096];
        ask(&assets, lines[i], "", reply, sizeof reply);
        assert_null(strstr(reply, "root:"));
        assert_null(strstr(reply, "HTTP/1.1 5"));
    }
    expect_status(&assets, "GET /assets/../../etc/passwd", "", 404);
}

static void test_who_takes_no_gzip_is_told_so(void **state)
{
    (void)state;
    expect_status(&assets, "GET /", "Accept-Encoding: identity\r\n", 406);
    expect_status(&assets, "GET /", "Accept-Encoding: *\r\n", 200);
}

static void test_an_empty_table_answers_nothing(void **state)
{
    (void)state;
    expect_status(&nothing, "GET /", "Accept: text/html\r\n", 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_comes_compressed_with_its_type_and_is_kept),
        cmocka_unit_test(test_the_page_is_asked_for_again_and_says_what_it_may_load),
        cmocka_unit_test(test_what_is_known_is_not_sent_again),
        cmocka_unit_test(test_an_address_of_the_console_gets_the_page_and_a_missing_file_does_not),
        cmocka_unit_test(test_no_path_leads_out_of_the_table),
        cmocka_unit_test(test_who_takes_no_gzip_is_told_so),
        cmocka_unit_test(test_an_empty_table_answers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
