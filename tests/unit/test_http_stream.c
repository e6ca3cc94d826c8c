/* Streams and lasting replies of the HTTP server, seen through a socket: what arrives, and when. */
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
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doors/http_server.h"

#define STREAMS_MAX 2

static const char page[] = "<!doctype html><title>lasting</title>";

/* What the test lets its streams say, one letter each. */
typedef struct well {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t allowed; /* letters, for each stream */
    size_t begun, ended;
    bool over;
} well;

typedef struct reader {
    well *w;
    size_t said;
} reader;

static void wait_a_little(well *w)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += 100000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&w->changed, &w->lock, &t);
}

static long say_next(void *ctx, char *buf, size_t cap)
{
    reader *r = ctx;
    long n = 0;
    assert_true(cap > 0);
    pthread_mutex_lock(&r->w->lock);
    if (r->said == r->w->allowed && !r->w->over)
        wait_a_little(r->w);
    if (r->said < r->w->allowed) {
        buf[0] = (char)('a' + (int)r->said++);
        n = 1;
    } else if (r->w->over) {
        n = -1;
    }
    pthread_mutex_unlock(&r->w->lock);
    return n;
}

static void end_reader(void *ctx)
{
    reader *r = ctx;
    pthread_mutex_lock(&r->w->lock);
    r->w->ended++;
    pthread_cond_broadcast(&r->w->changed);
    pthread_mutex_unlock(&r->w->lock);
    an_free(r);
}

static void open_stream(well *w, const an_http_request *req, an_http_reply *reply)
{
    reader *r = an_alloc(1, sizeof *r);
    assert_non_null(r);
    r->w = w;
    reply->status = 200;
    reply->type = "text/event-stream";
    an_err err = an_http_reply_stream(req, reply, say_next, end_reader, r);
    if (err != AN_OK) {
        an_free(r);
        reply->status = err == AN_ERR_LIMIT ? 503 : 500;
        reply->type = NULL;
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->begun++;
    pthread_mutex_unlock(&w->lock);
}

static void answer(void *ctx, const an_http_request *req, an_http_reply *reply)
{
    if (strcmp(req->path, "/stream") == 0) {
        open_stream(ctx, req, reply);
        return;
    }
    char policy[1000];
    memset(policy, 'p', sizeof policy);
    memcpy(policy, "default-src 'self'; ", 20);
    policy[sizeof policy - 1] = '\0';
    reply->status = 200;
    reply->type = "text/html";
    reply->fixed = page;
    reply->body_len = sizeof page - 1;
    if (an_http_reply_header(reply, "Content-Security-Policy", policy) != AN_OK ||
        an_http_reply_header(reply, "Set-Cookie", "a=1; HttpOnly") != AN_OK ||
        an_http_reply_header(reply, "Set-Cookie", "b=2; HttpOnly") != AN_OK ||
        an_http_reply_header(reply, "ETag", "\"x\"") != AN_OK)
        reply->status = 500;
}

typedef struct place {
    well w;
    an_http_server *server;
} place;

static void place_start(place *p, bool threads)
{
    an_http_server_conf conf = {.handler = answer,
                                .ctx = &p->w,
                                .threads = threads,
                                .max_connections = 8,
                                .max_streams = STREAMS_MAX};
    an_note why = {{0}};
    pthread_condattr_t attr;
    *p = (place){.server = NULL};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->w.lock, NULL);
    pthread_cond_init(&p->w.changed, &attr);
    pthread_condattr_destroy(&attr);
    if (an_http_server_start(&conf, &p->server, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void allow(place *p, size_t letters, bool over)
{
    pthread_mutex_lock(&p->w.lock);
    p->w.allowed = letters;
    p->w.over = over;
    pthread_cond_broadcast(&p->w.changed);
    pthread_mutex_unlock(&p->w.lock);
}

/* As long as a test may last: what does not come shows as one that hangs. */
static void wait_ended(place *p, size_t n)
{
    pthread_mutex_lock(&p->w.lock);
    while (p->w.ended < n)
        wait_a_little(&p->w);
    pthread_mutex_unlock(&p->w.lock);
}

static void place_stop(place *p)
{
    an_http_server_stop(p->server);
    assert_int_equal(p->w.begun, p->w.ended);
    pthread_cond_destroy(&p->w.changed);
    pthread_mutex_destroy(&p->w.lock);
    assert_int_equal(an_mem_live(), 0);
}

/* ---- a client that sees bytes as they come ---- */

typedef struct client {
    int fd;
    char text[8192];
    size_t len;
} client;

static void ask(client *c, const place *p, const char *method, const char *path)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(an_http_server_port(p->server))};
    const struct timeval patience = {.tv_sec = 20};
    char line[200];
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c = (client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_true(c->fd >= 0);
    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&addr, sizeof addr), 0);
    const int n = snprintf(line, sizeof line, "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, path);
    assert_int_equal(send(c->fd, line, (size_t)n, MSG_NOSIGNAL), n);
}

static void read_until(client *c, const char *what)
{
    while (!strstr(c->text, what)) {
        const ssize_t n = recv(c->fd, c->text + c->len, sizeof c->text - 1 - c->len, 0);
        if (n <= 0)
            fail_msg("no \"%s\" in \"%s\"", what, c->text);
        c->len += (size_t)n;
        c->text[c->len] = '\0';
    }
}

static void a_lasting_reply_has_all_its_headers(void **state)
{
    (void)state;
    place p;
    client c;
    place_start(&p, false);
    ask(&c, &p, "GET", "/");
    read_until(&c, page);
    assert_non_null(strstr(c.text, "Content-Security-Policy: default-src 'self'; ppp"));
    assert_non_null(strstr(c.text, "Set-Cookie: a=1; HttpOnly\r\n"));
    assert_non_null(strstr(c.text, "Set-Cookie: b=2; HttpOnly\r\n"));
    assert_non_null(strstr(c.text, "ETag: \"x\"\r\n"));
    assert_non_null(strstr(c.text, "Content-Length: 37\r\n"));
    close(c.fd);
    place_stop(&p);
}

static void a_stream_says_each_thing_when_it_is_there(void **state)
{
    (void)state;
    place p;
    client c;
    place_start(&p, true);
    ask(&c, &p, "GET", "/stream");
    read_until(&c, "\r\n\r\n");
    assert_non_null(strstr(c.text, "Content-Type: text/event-stream\r\n"));
    assert_null(strstr(c.text, "1\r\na\r\n"));
    allow(&p, 1, false);
    read_until(&c, "1\r\na\r\n");
    allow(&p, 2, false);
    read_until(&c, "1\r\nb\r\n");
    allow(&p, 2, true);
    read_until(&c, "0\r\n\r\n");
    wait_ended(&p, 1);
    close(c.fd);
    place_stop(&p);
}

static void streams_leave_room_for_others(void **state)
{
    (void)state;
    place p;
    client streams[STREAMS_MAX], c;
    place_start(&p, true);
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        ask(&streams[i], &p, "GET", "/stream");
        read_until(&streams[i], "\r\n\r\n");
    }
    ask(&c, &p, "GET", "/stream");
    read_until(&c, "\r\n\r\n");
    assert_non_null(strstr(c.text, "HTTP/1.1 503"));
    close(c.fd);
    ask(&c, &p, "GET", "/");
    read_until(&c, page);
    close(c.fd);
    close(streams[0].fd); /* nobody told the stream */
    wait_ended(&p, 1);
    client again;
    do { /* done comes before the place is free */
        ask(&again, &p, "GET", "/stream");
        read_until(&again, "\r\n\r\n");
        if (strstr(again.text, "HTTP/1.1 503"))
            close(again.fd);
    } while (strstr(again.text, "HTTP/1.1 503"));
    allow(&p, 1, false);
    read_until(&again, "1\r\na\r\n");
    read_until(&streams[1], "1\r\na\r\n");
    place_stop(&p); /* with two streams open */
    close(again.fd);
    close(streams[1].fd);
}

static void a_stream_needs_a_thread_and_a_body(void **state)
{
    (void)state;
    place p;
    client c;
    place_start(&p, false);
    ask(&c, &p, "GET", "/stream");
    read_until(&c, "HTTP/1.1 500");
    close(c.fd);
    place_stop(&p);
    place_start(&p, true);
    ask(&c, &p, "HEAD", "/stream");
    read_until(&c, "\r\n\r\n");
    wait_ended(&p, 1);
    close(c.fd);
    place_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lasting_reply_has_all_its_headers),
        cmocka_unit_test(a_stream_says_each_thing_when_it_is_there),
        cmocka_unit_test(streams_leave_room_for_others),
        cmocka_unit_test(a_stream_needs_a_thread_and_a_body),
    };
    return cmocka_run_group_tests_name("http_stream", tests, NULL, NULL);
}
