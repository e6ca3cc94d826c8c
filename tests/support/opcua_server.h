/* opcua_server.h - an OPC UA server in a process of its own, made of open62541's server side.
 *
 *     an_ua_init(&s);  an_ua_start(&s, "");                    without security, anonymous
 *     atomic_store(&s.shared->broken, 1);                      its variables do as they are told
 *     an_ua_kill(&s);  an_ua_start(&s, "");                    the same port, and the count goes on
 *     an_ua_done(&s);
 *
 * Its namespace is AN_UA_NAMESPACE, with variables by name: Count (UInt32, rises by one each time it is written), Double,
 * Float, Int16, UInt64, Bool, Text, Array (Double[4]), Fixed (Int32, written once), Wave (Double, 40 to 60), Fickle (Double, or whatever `broken`
 * says), Doubted (uncertain) and Fleeting (Double, taken away while `taken` is set).
 *
 * Threads: one. */
#ifndef AN_TEST_OPCUA_SERVER_H
#define AN_TEST_OPCUA_SERVER_H

#include <stdatomic.h>

#include "tests/support/process.h"

#define AN_UA_NAMESPACE "http://andon.test/line"
#define AN_UA_COUNT_MS 20

enum { AN_UA_WELL, AN_UA_TEXT, AN_UA_BAD, AN_UA_EMPTY }; /* what Fickle is */

typedef struct an_ua_shared {
    atomic_uint count;    /* the value of Count that was written last */
    atomic_uint sessions; /* open now */
    atomic_uint made;     /* sessions that were ever opened, of this process */
    atomic_int broken, taken, stop;
    atomic_int evict; /* sessions are ended once, and it is 0 again */
    atomic_int shift; /* namespaces that come before ours */
} an_ua_shared;

typedef struct an_ua {
    an_ua_shared *shared;
    char file[64], port[16];
    an_process process;
} an_ua;

int an_ua_main(int argc, char **argv); /* the part "opcua" */
void an_ua_init(an_ua *s);
/* dir: with server.der, server.key.der and a folder trusted; only with a certificate from there and as user "andon" with
 * the password "secret".  "": open to all. */
void an_ua_start(an_ua *s, const char *dir);
void an_ua_kill(an_ua *s);
void an_ua_done(an_ua *s);

#endif
