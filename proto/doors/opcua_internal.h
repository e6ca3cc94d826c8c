/* opcua_internal.h - what the files of the door to open62541 share; the only one that includes its headers.
 *
 * Threads: those of opcua.h. */
#ifndef AN_DOORS_OPCUA_INTERNAL_H
#define AN_DOORS_OPCUA_INTERNAL_H

#include <open62541/client.h>
#include <open62541/client_config_default.h>
#include <stdatomic.h>

#include "doors/opcua.h"

#define OPCUA_WINDOW 4 /* questions for notifications that wait at the server */
#define OPCUA_ACKS_MAX 256
#define OPCUA_FILES_MAX 64
#define OPCUA_URI_MAX 256
#define OPCUA_MESSAGE_MAX (16u << 20)

enum {
    OPCUA_NOTIFICATIONS,
    OPCUA_KEEPALIVES,
    OPCUA_SUBSCRIPTIONS,
    OPCUA_RESUMED,
    OPCUA_REPUBLISHED,
    OPCUA_GAPS,
    OPCUA_DUPLICATES,
    OPCUA_OVERFLOWS,
    OPCUA_REVISED,
    OPCUA_COUNTS
};

/* What the configured files hold, for as long as a client is made of it. */
typedef struct opcua_trust {
    UA_ByteString cert, key;
    UA_ByteString trusted[OPCUA_FILES_MAX], revoked[OPCUA_FILES_MAX];
    size_t n_trusted, n_revoked;
    char uri[OPCUA_URI_MAX]; /* the name of the application in the own certificate */
} opcua_trust;

/* Errors: INVAL, NOTFOUND, IO, LIMIT, NOMEM; t must be given to done in any case. */
an_err opcua_trust_read(opcua_trust *t, const char *cert, const char *key, const char *trust, an_note *why);
void opcua_trust_done(opcua_trust *t);
/* SHA-256 of a certificate, as text, and whose it says it is. */
void opcua_cert_text(const UA_ByteString *cert, char *out, size_t cap);

typedef struct opcua_slot {
    _Atomic(uint32_t) status; /* of the monitored item */
    bool there;               /* it is monitored */
    bool first;               /* and has said nothing yet */
} opcua_slot;

struct an_opcua {
    an_opcua_conf conf; /* its texts are the fields below */
    char *url, *cert, *key, *trust, *user, *password;
    an_opcua_events events;
    void *ctx;

    UA_Client *client; /* NULL: none; with a session also while there is no connection */
    UA_NodeId token;   /* of the session */
    UA_Logger logger;
    char said[200];    /* what the library said last of an error */
    char refusal[240]; /* why the server's certificate is not accepted; "" if it is */
    unsigned attempts; /* connections that this connect has begun */
    UA_StatusCode (*verify)(const UA_CertificateVerification *cv, const UA_ByteString *certificate);

    UA_String *namespaces; /* (n_namespaces) of the server, as of the subscription */
    size_t n_namespaces;
    opcua_slot *slots;      /* (conf.n) */
    uint32_t subscription;  /* 0: none */
    bool gone;              /* the server has dropped it */
    UA_StatusCode refused;  /* what it answers to each question for notifications; GOOD: it does not refuse */
    uint32_t expected;      /* number of the next notification */
    int64_t heard_ms;       /* monotonic */
    int64_t silence_ms;     /* longer than that is too long */
    size_t window, waiting; /* questions for notifications: allowed, and at the server */
    UA_PublishResponse come[OPCUA_WINDOW]; /* not looked at yet */
    size_t n_come;
    uint32_t acks[OPCUA_ACKS_MAX];
    size_t n_acks;
    an_opcua_value *values; /* of the notification that is being read */
    size_t cap_values;
    atomic_uint_fast64_t counts[OPCUA_COUNTS];
};

int64_t opcua_now_ms(void); /* monotonic */
void opcua_count(an_opcua *o, int which, uint64_t n);
bool opcua_connected(an_opcua *o);
/* One question and its answer, on a connection that is there: none is made for it.  Errors: IO, with the status. */
an_err opcua_ask(an_opcua *o, const void *request, const UA_DataType *request_type, void *response,
                 const UA_DataType *response_type, const char *what, an_note *why);
void opcua_forget_come(an_opcua *o);
void opcua_forget_subscription(an_opcua *o);

/* The server's list of namespaces.  Errors: IO, NOMEM. */
an_err opcua_namespaces_read(an_opcua *o, an_note *why);
void opcua_namespaces_done(an_opcua *o);
/* GOOD; or BadNodeIdInvalid it is no id, BadNodeIdUnknown there is no such namespace.  ret must be cleared. */
UA_StatusCode opcua_node_read(const an_opcua *o, const char *text, UA_NodeId *ret);
bool opcua_node_write(const an_opcua *o, const UA_NodeId *id, char *out, size_t cap);

double opcua_number(const UA_Variant *v); /* NaN: it is none */
int64_t opcua_unix_ms(UA_DateTime t);     /* 0: none, or out of all bounds */

#endif
