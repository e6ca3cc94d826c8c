#include "tests/support/local_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

#define ALLOCATIONS_MAX 20000 /* of one answer */

static int dial(const struct sockaddr *at, socklen_t len)
{
    const int fd = socket(at->sa_family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, at, len), 0);
    return fd;
}

int an_test_dial_unix(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    return dial((const struct sockaddr *)&at, sizeof at);
}

int an_test_dial_port(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return dial((const struct sockaddr *)&at, sizeof at);
}

void an_test_talk(int fd, const char *request, char *ret, size_t cap)
{
    size_t n = 0;
    ssize_t got = 0;
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    while (n + 1 < cap && (got = recv(fd, ret + n, cap - 1 - n, 0)) > 0)
        n += (size_t)got;
    ret[n] = '\0';
    close(fd);
}

void an_test_local_api_starve(const an_local_api_conf *conf, const char *const *paths, size_t n,
                              const char *(*query)(void *ctx, const char *key), void *ctx)
{
    for (size_t k = 0; k < n; k++) {
        unsigned status = 0;
        for (size_t i = 1; i < ALLOCATIONS_MAX && status != 200; i++) {
            an_http_reply reply = {.status = 0};
            const an_local_ask a = {
                .method = "GET", .path = paths[k], .body = "", .user = "", .query = query, .ctx = ctx};
            an_mem_fail_after(i);
            an_local_api_answer(conf, &a, &reply);
            an_mem_fail_never();
            an_free(reply.body);
            assert_true(reply.status >= 200);
            status = reply.status;
        }
        assert_int_equal(status, 200); /* there was enough in the end */
    }
}
