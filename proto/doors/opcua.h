/* opcua.h - the door to open62541: one session at an OPC UA server, with a subscription to some of its variables.
 *
 *     err = an_opcua_new(&conf, &events, ctx, &o, &why);
 *     err = an_opcua_connect(o, &resumed, &why);
 *     if (!resumed)
 *         err = an_opcua_subscribe(o, &why);
 *     while ((err = an_opcua_turn(o, 100, &why)) == AN_OK)     events.values(ctx, ...) in here
 *         ;
 *     NOTFOUND: the server has dropped the subscription: subscribe again; else
 *     an_opcua_leave(o);                                       then connect again, or
 *     an_opcua_close(o);                                       ends the session at the server
 *     an_opcua_free(o);
 *
 * A session outlives its connection: after leave, connect takes it up again if the server still has it, and what was sent
 * into the lost connection is asked for again by its number.  Nothing reconnects by itself.
 *
 * With a security policy all is signed and encrypted, and the server's certificate must be in `trust`, or go back to one
 * that is.  Names of hosts in certificates are not compared: open62541 does not.
 *
 * Only in builds with AN_OPCUA.
 *
 * Threads: one at a time for each an_opcua, which the events are called on, within turn; counts and status to any. */
#ifndef AN_DOORS_OPCUA_H
#define AN_DOORS_OPCUA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_OPCUA_NODE_MAX 256 /* bytes of a node's id as text, with its terminator */

typedef enum an_opcua_security {
    AN_OPCUA_NONE,
    AN_OPCUA_BASIC256SHA256,
    AN_OPCUA_AES128_SHA256_RSAOAEP,
    AN_OPCUA_AES256_SHA256_RSAPSS
} an_opcua_security;

typedef struct an_opcua_item {
    char node[AN_OPCUA_NODE_MAX]; /* "ns=2;s=Force", or "nsu=URI;s=Force" by the name of its namespace */
    int64_t index;                /* of an array's element; -1: it is no array */
} an_opcua_item;

typedef struct an_opcua_conf {
    const char *url; /* opc.tcp://HOST[:PORT][/PATH] */
    an_opcua_security security;
    const char *cert, *key; /* files of this client's own, PEM or DER; NULL: none */
    const char *trust;      /* a certificate's file, or a folder of .pem, .der, .crt and .crl; NULL: none */
    const char *user, *password; /* NULL: anonymous */
    int64_t timeout_ms;          /* of a connection and of a question */
    int64_t session_ms;          /* how long the server keeps a session that says nothing */

    const an_opcua_item *items; /* (n) borrowed for the life of the an_opcua */
    size_t n;
    double sampling_ms, publishing_ms;
    int64_t keepalive_ms; /* when nothing changes, the server says so after this time */
    uint32_t queue;       /* values of an item that the server keeps between two publishings */
} an_opcua_conf;

typedef struct an_opcua_value {
    uint32_t item;
    uint32_t status; /* of OPC UA */
    double value;    /* NaN: not a number, or none */
    int64_t time_ms; /* the source's, else the server's; 0: neither.  The first one's: the later of both */
    size_t order;    /* within the notification */
} an_opcua_value;

typedef struct an_opcua_events {
    /* One notification of the server's time at_ms (0: it says none), values in the order of theirs.  n 0: nothing has
     * changed.  more: further ones wait at the server. */
    void (*values)(void *ctx, int64_t at_ms, const an_opcua_value *values, size_t n, bool more);
} an_opcua_events;

typedef struct an_opcua_counts {
    uint64_t notifications, keepalives;
    uint64_t subscriptions; /* made */
    uint64_t resumed;       /* sessions taken up again */
    uint64_t republished;   /* notifications that were missing and came when asked for */
    uint64_t gaps;          /* that did not */
    uint64_t duplicates;    /* that came twice, and count once */
    uint64_t overflows; /* values before which the server says that it has dropped some: its queue was full */
    uint64_t revised;   /* items that the server samples more slowly, or keeps fewer values of, than asked */
} an_opcua_counts;

typedef struct an_opcua an_opcua;

/* conf's texts are copied; files are read at each new session.  Errors: INVAL, NOTFOUND, IO a certificate or key that
 * cannot be read; NOMEM. */
an_err an_opcua_new(const an_opcua_conf *conf, const an_opcua_events *events, void *ctx, an_opcua **ret,
                    an_note *why);
void an_opcua_free(an_opcua *o); /* NULL is fine */

/* ret_resumed: it is the session of before, with its subscription.
 * Errors: IO; AUTH a certificate, a policy or the user was refused, by either side; those of new. */
an_err an_opcua_connect(an_opcua *o, bool *ret_resumed, an_note *why);
void an_opcua_leave(an_opcua *o);
void an_opcua_close(an_opcua *o); /* waits for the server's answer, no longer than timeout_ms */

/* Makes the subscription anew.  An item that is refused is no error: its status says so.  Errors: IO, NOMEM. */
an_err an_opcua_subscribe(an_opcua *o, an_note *why);
/* Asks again for the items that were refused.  Errors: IO, NOMEM. */
an_err an_opcua_retry(an_opcua *o, an_note *why);
/* Errors: IO the connection is lost, or nothing was heard for keepalive_ms and timeout_ms; NOTFOUND; NOMEM. */
an_err an_opcua_turn(an_opcua *o, int64_t wait_ms, an_note *why);

uint32_t an_opcua_item_status(const an_opcua *o, size_t item); /* 0: it is subscribed to */
const char *an_opcua_status_name(uint32_t status);             /* "BadNodeIdUnknown" */
an_opcua_counts an_opcua_counts_get(const an_opcua *o);

bool an_opcua_node_ok(const char *text);
/* The host of a url, for a look at whether it is this machine.  False: it is none of opc.tcp. */
bool an_opcua_host(const char *url, char *out, size_t cap);

typedef struct an_opcua_find {
    char node[AN_OPCUA_NODE_MAX]; /* with its namespace's URI */
    char kind[224];               /* its type and where it stands: "Double, Line 4/Press/Force" */
    char unit[32];
    double value; /* NaN: not a number */
    int64_t time_ms;
} an_opcua_find;
/* Walks from the folder Objects, for at most for_ms; connected, and not while there is a subscription.
 * Errors: IO, NOMEM. */
an_err an_opcua_browse(an_opcua *o, int64_t for_ms, void (*say)(void *ctx, const an_opcua_find *find),
                       void *ctx, an_note *why);

#endif
