/* The HTTP server towards strangers: TLS, connections from one address, clients that dawdle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "doors/http_client.h"
#include "doors/http_server.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"

static void answer(void *ctx, const an_http_request *req, an_http_reply *reply)
{
    (void)ctx;
    static const char yes[] = "secure", no[] = "plain";
    reply->status = 200;
    reply->fixed = req->secure ? yes : no;
    reply->body_len = strlen(reply->fixed);
}

static void start(an_http_server **s, const an_http_server_conf *more)
{
    an_http_server_conf conf = *more;
    an_note why = {{0}};
    conf.handler = answer;
    if (an_http_server_start(&conf, s, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static char *read_text(const char *dir, const char *name)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_buf_init(&b, 10000);
    assert_int_equal(an_path_join(path, dir, name), AN_OK);
    assert_int_equal(an_file_read(&b, path, NULL), AN_OK);
    an_buf_u8(&b, 0);
    assert_false(b.failed);
    return (char *)b.data;
}

static void tls_is_spoken_to_who_trusts_the_certificate(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX], url[64], ca[AN_PATH_MAX];
    an_http_server *s = NULL, *other = NULL;
    an_http_answer a = {0};
    an_note why = {{0}};
    an_test_folder_make(dir);
    an_test_shell(dir, "for n in here other; do openssl req -x509 -newkey ec -pkeyopt "
                       "ec_paramgen_curve:P-256 -nodes -keyout $n.key -out $n.pem -subj /CN=$n -days 2 "
                       "-addext subjectAltName=IP:127.0.0.1; done");
    char *certificate = read_text(dir, "here.pem"), *key = read_text(dir, "here.key");
    char *stranger = read_text(dir, "other.key");
    start(&s, &(an_http_server_conf){.certificate = certificate, .key = key, .threads = true});
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", (unsigned)an_http_server_port(s));
    assert_int_equal(an_path_join(ca, dir, "here.pem"), AN_OK);
    assert_int_equal(an_http_call(&(an_http_ask){.url = url, .ca_file = ca}, &a, &why), AN_OK);
    assert_string_equal(a.body, "secure");
    an_http_answer_done(&a);
    assert_int_equal(an_path_join(ca, dir, "other.pem"), AN_OK);
    assert_int_equal(an_http_call(&(an_http_ask){.url = url, .ca_file = ca}, &a, &why), AN_ERR_AUTH);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)an_http_server_port(s));
    assert_int_not_equal(an_http_call(&(an_http_ask){.url = url}, &a, &why), AN_OK);
    an_http_server_stop(s);

    an_http_server_conf wrong = {.handler = answer, .certificate = certificate, .key = stranger};
    assert_int_equal(an_http_server_start(&wrong, &other, &why), AN_ERR_IO);
    assert_non_null(strstr(why.text, "a pair"));
    wrong.key = NULL;
    assert_int_equal(an_http_server_start(&wrong, &other, &why), AN_ERR_INVAL);
    an_free(certificate);
    an_free(key);
    an_free(stranger);
    an_test_folder_remove(dir);
    assert_int_equal(an_mem_live(), 0);
}

static int connect_to(const an_http_server *s, long patience_us)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(an_http_server_port(s))};
    const struct timeval patience = {.tv_sec = patience_us / 1000000, .tv_usec = patience_us % 1000000};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static bool is_served(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char reply[512];
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        return false;
    return recv(fd, reply, sizeof reply, 0) > 0;
}

static void one_address_has_its_share(void **state)
{
    (void)state;
    an_http_server *s = NULL;
    int fds[3];
    start(&s, &(an_http_server_conf){.threads = true, .per_address = 2});
    for (size_t i = 0; i < 3; i++) {
        fds[i] = connect_to(s, 20000000);
        assert_int_equal(is_served(fds[i]), i < 2);
    }
    close(fds[2]);
    close(fds[0]);
    while (!is_served(fds[2] = connect_to(s, 20000000))) /* until the server has seen that one has gone */
        close(fds[2]);
    close(fds[1]);
    close(fds[2]);
    an_http_server_stop(s);
}

/* A byte whenever 50 ms have brought no end: lively, and never done. */
static void dawdle(const an_http_server *s, const char *begin)
{
    char reply[16];
    const int fd = connect_to(s, 50000);
    ssize_t n = send(fd, begin, strlen(begin), MSG_NOSIGNAL);
    for (int i = 0; n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)); i++) {
        assert_true(i < 400);
        if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
            break;
        n = recv(fd, reply, sizeof reply, 0);
    }
    close(fd);
}

static void who_dawdles_is_not_waited_for(void **state)
{
    (void)state;
    an_http_server *s = NULL;
    start(&s, &(an_http_server_conf){.threads = true, .phase_s = 1});
    dawdle(s, "GET / HTTP/1.1\r\nHost: ");
    dawdle(s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    const int fd = connect_to(s, 20000000);
    assert_true(is_served(fd));
    close(fd);
    an_http_server_stop(s);
    assert_int_equal(an_mem_live(), 0);
}

/* What comes back on one connection until its end. */
static void talk(const an_http_server *s, const char *request, char *ret, size_t cap)
{
    size_t at = 0;
    ssize_t n = 0;
    const int fd = connect_to(s, 20000000);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    while (at + 1 < cap && (n = recv(fd, ret + at, cap - 1 - at, 0)) > 0)
        at += (size_t)n;
    assert_true(n <= 0 && (n == 0 || errno == ECONNRESET)); /* the server has ended it */
    ret[at] = '\0';
    close(fd);
}

/* Else a proxy before it takes for a body what is a request here. */
static void a_length_that_is_said_twice_ends_the_connection(void **state)
{
    (void)state;
#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n" HIDDEN,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 60\r\n\r\n{}" HIDDEN,
        "GET / HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\nContent-Length: 60\r\n\r\n" HIDDEN,
    };
    an_http_server *s = NULL;
    char reply[2048];
    start(&s, &(an_http_server_conf){.threads = true});
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        talk(s, requests[i], reply, sizeof reply);
        if (strstr(reply, "HTTP/1.1 200") || !strstr(reply, "said twice"))
            fail_msg("%zu: %s", i, reply);
    }
    talk(s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" HIDDEN, reply, sizeof reply);
    assert_non_null(strstr(reply, "HTTP/1.1 200"));
    an_http_server_stop(s);
    assert_int_equal(an_mem_live(), 0);
}

int main(void)
{
    if (an_http_client_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_is_spoken_to_who_trusts_the_certificate),
        cmocka_unit_test(one_address_has_its_share),
        cmocka_unit_test(who_dawdles_is_not_waited_for),
        cmocka_unit_test(a_length_that_is_said_twice_ends_the_connection),
    };
    int failed = cmocka_run_group_tests_name("http_tls", tests, NULL, NULL);
    an_http_client_done();
    return failed;
}
