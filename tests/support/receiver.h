/* receiver.h - an HTTP receiver of a test's own: keeps what it is sent, answers as it is told, or not at all.
 *
 *     an_test_receiver r;
 *     an_test_receiver_start(&r, 0);
 *     an_test_receiver_script(&r, (const unsigned[]){500, 429}, 2);      then 200
 *     ... r.got[i] ...                                                   after an_test_receiver_stop, or with r.lock
 *     an_test_receiver_stop(&r);
 *
 * Threads: start, script and stop belong to the test's thread. */
#ifndef AN_TEST_RECEIVER_H
#define AN_TEST_RECEIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doors/http_server.h"

#define AN_TEST_GOT_MAX 256

typedef struct an_test_got {
    char method[8], path[200];
    char type[80], signature[120], authorization[80], key[80];
    char *body; /* a text */
    unsigned answered;
} an_test_got;

typedef struct an_test_receiver {
    an_http_server *server;
    uint16_t port;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    an_test_got got[AN_TEST_GOT_MAX];
    size_t n_got;
    unsigned script[AN_TEST_GOT_MAX];
    size_t n_script, at;
    bool hang; /* it takes requests, and answers none */
} an_test_receiver;

void an_test_receiver_start(an_test_receiver *r, uint16_t port); /* 0: any */
void an_test_receiver_stop(an_test_receiver *r);                 /* keeps what it got, until done */
void an_test_receiver_done(an_test_receiver *r);
void an_test_receiver_script(an_test_receiver *r, const unsigned *statuses, size_t n);
void an_test_receiver_hang(an_test_receiver *r, bool hang);
size_t an_test_receiver_count(an_test_receiver *r);

#endif
