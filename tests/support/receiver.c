#include "tests/support/receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void keep(char *ret, size_t size, const char *text)
{
    snprintf(ret, size, "%s", text ? text : "");
}

static void answer(void *ctx, const an_http_request *req, an_http_reply *reply)
{
    an_test_receiver *r = ctx;
    pthread_mutex_lock(&r->lock);
    if (r->n_got < AN_TEST_GOT_MAX) {
        an_test_got *g = &r->got[r->n_got++];
        keep(g->method, sizeof g->method, req->method);
        keep(g->path, sizeof g->path, req->path);
        keep(g->type, sizeof g->type, an_http_header(req, "Content-Type"));
        keep(g->signature, sizeof g->signature, an_http_header(req, "Andon-Signature"));
        keep(g->authorization, sizeof g->authorization, an_http_header(req, "Authorization"));
        keep(g->key, sizeof g->key, an_http_header(req, "Idempotency-Key"));
        g->body = an_strdup(req->body);
        while (r->hang)
            pthread_cond_wait(&r->changed, &r->lock);
        g->answered = r->at < r->n_script ? r->script[r->at++] : 200;
        reply->status = g->answered;
    }
    pthread_mutex_unlock(&r->lock);
    reply->body = an_strdup("said");
    reply->body_len = reply->body ? 4 : 0;
}

void an_test_receiver_start(an_test_receiver *r, uint16_t port)
{
    an_note why = {{0}};
    *r = (an_test_receiver){.server = NULL};
    const an_http_server_conf conf = {.handler = answer, .ctx = r, .port = port, .threads = true};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    if (an_http_server_start(&conf, &r->server, &why) != AN_OK)
        fail_msg("%s", why.text);
    r->port = an_http_server_port(r->server);
}

void an_test_receiver_stop(an_test_receiver *r)
{
    an_test_receiver_hang(r, false);
    an_http_server_stop(r->server);
    r->server = NULL;
}

void an_test_receiver_done(an_test_receiver *r)
{
    an_test_receiver_stop(r);
    for (size_t i = 0; i < r->n_got; i++)
        an_free(r->got[i].body);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
}

void an_test_receiver_script(an_test_receiver *r, const unsigned *statuses, size_t n)
{
    pthread_mutex_lock(&r->lock);
    memcpy(r->script, statuses, n * sizeof *statuses);
    r->n_script = n;
    r->at = 0;
    pthread_mutex_unlock(&r->lock);
}

void an_test_receiver_hang(an_test_receiver *r, bool hang)
{
    pthread_mutex_lock(&r->lock);
    r->hang = hang;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

size_t an_test_receiver_count(an_test_receiver *r)
{
    pthread_mutex_lock(&r->lock);
    const size_t n = r->n_got;
    pthread_mutex_unlock(&r->lock);
    return n;
}
