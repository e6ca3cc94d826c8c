/* local_api.h - what the tests of the agent's local API share: a request over a real socket, and answers while memory runs out.
 *
 *     an_test_talk(an_test_dial_unix(path), "GET /v1/status HTTP/1.1\r\n...", answer, sizeof answer);
 *
 * All fail the test.  Threads: plain functions. */
#ifndef AN_TEST_LOCAL_API_H
#define AN_TEST_LOCAL_API_H

#include <stddef.h>
#include <stdint.h>

#include "agent/local_api.h"

int an_test_dial_unix(const char *path); /* a connection, the caller's */
int an_test_dial_port(uint16_t port);    /* ... to this machine */

/* Sends the request and reads until the other side ends it; closes fd.  ret: (cap), terminated. */
void an_test_talk(int fd, const char *request, char *ret, size_t cap);

/* Asks each path with ever more memory until it is enough, and wants an answer each time.  query: as in an_local_ask. */
void an_test_local_api_starve(const an_local_api_conf *conf, const char *const *paths, size_t n,
                              const char *(*query)(void *ctx, const char *key), void *ctx);

#endif
