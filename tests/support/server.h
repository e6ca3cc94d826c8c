/* server.h - a coordinator as it runs: real sockets and threads in this process, a folder of the test's own, ports that
 * were free.
 *
 *     cmocka_unit_test_setup_teardown(some_test, server_setup, server_teardown)       *state is a server
 *
 * All fail the test.  Threads: belongs to one; server_http and server_expect may be called from any. */
#ifndef AN_TEST_SERVER_H
#define AN_TEST_SERVER_H

#include "base/file.h"
#include "coordinator/runtime.h"
#include "doors/json.h"

typedef struct server {
    char dir[AN_PATH_MAX];
    an_coordinator_conf conf;
    an_runtime *rt;          /* NULL: it does not run */
    uint16_t port;           /* of HTTP */
    char authorization[128]; /* the administrator's header */
    char header[130];        /* the same with the end of its line */
} server;

bool server_begin(const char *program); /* before all tests of a program; false: a library does not start */
void server_end(void);
int server_setup(void **state); /* it runs */
int server_teardown(void **state);
void server_init(server *s); /* zeroed before; only the configuration */
void server_done(server *s); /* ends it if it runs */
void server_set(server *s, const char *key, const char *value);
void server_start(server *s);
void server_stop(server *s);

/* path is that below /api/v1, body may be NULL.  The answer is the caller's. */
an_json_doc *server_http(const server *s, const char *method, const char *path, const char *body,
                         const char *authorization, unsigned want);
void server_expect(const server *s, const char *method, const char *path, const char *body, unsigned want);
/* A text of the document, within `outer` if that is not NULL.  Borrowed. */
const char *server_text(const an_json_doc *doc, const char *outer, const char *key);
int server_dial(const server *s); /* a plain connection to the HTTP door */
/* The model "pumps" of three sensors, for rounds of so many sites. */
void server_model(const server *s, int min_cohort);

#endif
