#include "tests/support/opcua_server.h"

#include <dirent.h>
#include <math.h>
#include <open62541/plugin/accesscontrol_default.h>
#include <open62541/server.h>
#include <open62541/server_config_default.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CERTS_MAX 8
#define FILE_MAX 16384

typedef struct line {
    UA_Server *server;
    an_ua_shared *shared;
    UA_UInt16 ns;
    volatile UA_Boolean running;
    int broken, taken; /* as it is now */
} line;

static void check(UA_StatusCode rc, const char *what)
{
    if (rc == UA_STATUSCODE_GOOD)
        return;
    fprintf(stderr, "%s: %s\n", what, UA_StatusCode_name(rc));
    exit(1);
}

static void silent(void *context, UA_LogLevel level, UA_LogCategory category, const char *text, va_list args)
{
    (void)context;
    (void)level;
    (void)category;
    (void)text;
    (void)args;
}

static UA_Logger logger = {.log = silent};

/* ---- sessions ---- */

static UA_NodeId session; /* the last one */
static UA_StatusCode (*activate)(UA_Server *server, UA_AccessControl *ac,
                                 const UA_EndpointDescription *endpoint, const UA_ByteString *certificate,
                                 const UA_NodeId *id, const UA_ExtensionObject *user, void **context);

static UA_StatusCode on_session(UA_Server *server, UA_AccessControl *ac,
                                const UA_EndpointDescription *endpoint, const UA_ByteString *certificate,
                                const UA_NodeId *id, const UA_ExtensionObject *user, void **context)
{
    UA_NodeId_clear(&session);
    check(UA_NodeId_copy(id, &session), "session");
    return activate(server, ac, endpoint, certificate, id, user, context);
}

/* ---- variables ---- */

static UA_NodeId node(const line *l, const char *name)
{
    return UA_NODEID_STRING(l->ns, (char *)(uintptr_t)name);
}

static void set(const line *l, const char *name, const UA_Variant *value, UA_StatusCode status)
{
    const UA_DataValue v = {.value = *value,
                            .hasValue = value->type != NULL,
                            .status = status,
                            .hasStatus = true,
                            .sourceTimestamp = UA_DateTime_now(),
                            .hasSourceTimestamp = true};
    check(UA_Server_writeDataValue(l->server, node(l, name), v), name);
}

static void set_scalar(const line *l, const char *name, void *value, int type, UA_StatusCode status)
{
    UA_Variant v;
    UA_Variant_init(&v);
    UA_Variant_setScalar(&v, value, &UA_TYPES[type]);
    set(l, name, &v, status);
}

static void add(const line *l, const char *name, const UA_Variant *value)
{
    UA_VariableAttributes a = UA_VariableAttributes_default;
    a.displayName = UA_LOCALIZEDTEXT("", (char *)(uintptr_t)name);
    a.valueRank = UA_VALUERANK_ANY; /* of any type, so that it may become another one */
    a.value = *value;
    check(UA_Server_addVariableNode(l->server, node(l, name), node(l, "Line"),
                                    UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
                                    UA_QUALIFIEDNAME(l->ns, (char *)(uintptr_t)name),
                                    UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), a, NULL, NULL),
          name);
}

static void add_scalar(const line *l, const char *name, void *value, int type)
{
    UA_Variant v;
    UA_Variant_init(&v);
    UA_Variant_setScalar(&v, value, &UA_TYPES[type]);
    add(l, name, &v);
    set_scalar(l, name, value, type, UA_STATUSCODE_GOOD);
}

static void add_fleeting(const line *l)
{
    UA_Double value = 4;
    add_scalar(l, "Fleeting", &value, UA_TYPES_DOUBLE);
}

static void add_all(line *l)
{
    UA_Double real = -1234.5, many[4] = {1, 2, 3.5, 4}, fickle = 10, doubted = 11;
    UA_Float small = 3.25f;
    UA_Int16 whole = -5;
    UA_Int32 fixed = 77;
    UA_UInt64 large = 5000000000u;
    UA_Boolean flag = true;
    UA_String text = UA_STRING("seven");
    UA_UInt32 count = atomic_load(&l->shared->count);
    UA_ObjectAttributes a = UA_ObjectAttributes_default;
    UA_Variant v;
    for (int i = atomic_load(&l->shared->shift); i > 0; i--) {
        char name[32];
        snprintf(name, sizeof name, "http://other/%d", i);
        UA_Server_addNamespace(l->server, name);
    }
    l->ns = UA_Server_addNamespace(l->server, AN_UA_NAMESPACE);
    a.displayName = UA_LOCALIZEDTEXT("", "Line 4");
    check(UA_Server_addObjectNode(l->server, node(l, "Line"), UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER),
                                  UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES), UA_QUALIFIEDNAME(l->ns, "Line"),
                                  UA_NODEID_NUMERIC(0, UA_NS0ID_BASEOBJECTTYPE), a, NULL, NULL),
          "Line");
    add_scalar(l, "Count", &count, UA_TYPES_UINT32);
    add_scalar(l, "Double", &real, UA_TYPES_DOUBLE);
    add_scalar(l, "Float", &small, UA_TYPES_FLOAT);
    add_scalar(l, "Int16", &whole, UA_TYPES_INT16);
    add_scalar(l, "UInt64", &large, UA_TYPES_UINT64);
    add_scalar(l, "Bool", &flag, UA_TYPES_BOOLEAN);
    add_scalar(l, "Text", &text, UA_TYPES_STRING);
    add_scalar(l, "Fixed", &fixed, UA_TYPES_INT32);
    add_scalar(l, "Fickle", &fickle, UA_TYPES_DOUBLE);
    add_scalar(l, "Wave", &doubted, UA_TYPES_DOUBLE);
    add_scalar(l, "Doubted", &doubted, UA_TYPES_DOUBLE);
    set_scalar(l, "Doubted", &doubted, UA_TYPES_DOUBLE, UA_STATUSCODE_UNCERTAINLASTUSABLEVALUE);
    add_fleeting(l);
    UA_Variant_init(&v);
    UA_Variant_setArray(&v, many, 4, &UA_TYPES[UA_TYPES_DOUBLE]);
    add(l, "Array", &v);
}

static void be_fickle(line *l)
{
    UA_Double value = 20;
    UA_String text = UA_STRING("twenty");
    UA_Variant none;
    UA_Variant_init(&none);
    l->broken = atomic_load(&l->shared->broken);
    if (l->broken == AN_UA_TEXT)
        set_scalar(l, "Fickle", &text, UA_TYPES_STRING, UA_STATUSCODE_GOOD);
    else if (l->broken == AN_UA_EMPTY)
        set(l, "Fickle", &none, UA_STATUSCODE_GOOD);
    else
        set_scalar(l, "Fickle", &value, UA_TYPES_DOUBLE,
                   l->broken == AN_UA_BAD ? UA_STATUSCODE_BADSENSORFAILURE : UA_STATUSCODE_GOOD);
}

static void on_time(UA_Server *server, void *data)
{
    line *l = data;
    UA_UInt32 count = 0;
    do { /* now and then two within a millisecond */
        count = atomic_fetch_add(&l->shared->count, 1) + 1;
        set_scalar(l, "Count", &count, UA_TYPES_UINT32, UA_STATUSCODE_GOOD);
    } while (count % 32 == 0);
    UA_Double wave = 50 + 10 * sin(count * 0.05);
    set_scalar(l, "Wave", &wave, UA_TYPES_DOUBLE, UA_STATUSCODE_GOOD);
    if (l->broken != atomic_load(&l->shared->broken))
        be_fickle(l);
    if (l->taken != atomic_load(&l->shared->taken)) {
        l->taken = !l->taken;
        if (l->taken)
            check(UA_Server_deleteNode(server, node(l, "Fleeting"), true), "Fleeting");
        else
            add_fleeting(l);
    }
    if (atomic_exchange(&l->shared->evict, 0))
        check(UA_Server_closeSession(server, &session), "ending a session");
    const UA_SessionStatistics s = UA_Server_getStatistics(server).ss;
    atomic_store(&l->shared->sessions, (unsigned)s.currentSessionCount);
    atomic_store(&l->shared->made, (unsigned)s.cumulatedSessionCount);
    if (atomic_load(&l->shared->stop))
        l->running = false;
}

/* ---- the process ---- */

static UA_ByteString load(const char *dir, const char *name)
{
    char path[1024];
    UA_ByteString s = UA_BYTESTRING_NULL;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f || UA_ByteString_allocBuffer(&s, FILE_MAX) != UA_STATUSCODE_GOOD) {
        perror(path);
        exit(1);
    }
    s.length = fread(s.data, 1, FILE_MAX, f);
    fclose(f);
    return s;
}

static size_t load_trusted(const char *dir, UA_ByteString *ret)
{
    char path[1024];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/trusted", dir);
    DIR *d = opendir(path);
    for (const struct dirent *e; d && n < CERTS_MAX && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            ret[n++] = load(path, e->d_name);
    if (d)
        closedir(d);
    return n;
}

static void secure(UA_ServerConfig *c, UA_UInt16 port, const char *dir)
{
    UA_ByteString trusted[CERTS_MAX], cert = load(dir, "server.der"), key = load(dir, "server.key.der");
    const size_t n = load_trusted(dir, trusted);
    const UA_UsernamePasswordLogin login = {UA_STRING("andon"), UA_STRING("secret")};
    const UA_String policy = UA_STRING("http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256");
    check(UA_ServerConfig_setDefaultWithSecurityPolicies(c, port, &cert, &key, trusted, n, NULL, 0, NULL, 0),
          "security");
    for (size_t i = 0; i < n; i++)
        UA_ByteString_clear(&trusted[i]);
    UA_ByteString_clear(&cert);
    UA_ByteString_clear(&key);
    UA_String_clear(&c->applicationDescription.applicationUri);
    c->applicationDescription.applicationUri = UA_STRING_ALLOC("urn:andon:test:server");
    for (size_t i = 0; i < c->endpointsSize; i++) {
        UA_String_clear(&c->endpoints[i].server.applicationUri);
        c->endpoints[i].server.applicationUri = UA_STRING_ALLOC("urn:andon:test:server");
    }
    check(UA_AccessControl_default(c, false, &policy, 1, &login), "users");
}

/* opcua FILE PORT [DIR] */
int an_ua_main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    line l = {.shared = an_shared_map(argv[1], sizeof(an_ua_shared)), .running = true};
    const UA_UInt16 port = (UA_UInt16)strtol(argv[2], NULL, 10);
    UA_ServerConfig c;
    memset(&c, 0, sizeof c);
    c.logging = &logger;
    if (argc > 3)
        secure(&c, port, argv[3]);
    else
        check(UA_ServerConfig_setMinimal(&c, port, NULL), "server");
    c.tcpReuseAddr = true;
    c.shutdownDelay = 0;
    c.samplingIntervalLimits.min = 0; /* each write is seen */
    c.publishingIntervalLimits.min = 10;
    c.queueSizeLimits.max = 100000;
    c.enableRetransmissionQueue = true;
    c.maxPublishReqPerSession = 3; /* a small one */
    activate = c.accessControl.activateSession;
    c.accessControl.activateSession = on_session;
    l.server = UA_Server_newWithConfig(&c);
    if (!l.server)
        return 1;
    add_all(&l);
    check(UA_Server_addRepeatedCallback(l.server, on_time, &l, AN_UA_COUNT_MS, NULL), "time");
    const UA_StatusCode rc = UA_Server_run(l.server, &l.running);
    UA_Server_delete(l.server);
    return rc != UA_STATUSCODE_GOOD;
}

/* ---- the test's side ---- */

void an_ua_init(an_ua *s)
{
    memset(s, 0, sizeof *s);
    s->shared = an_shared_make(s->file, sizeof *s->shared);
    snprintf(s->port, sizeof s->port, "%d", an_free_port());
}

void an_ua_start(an_ua *s, const char *dir)
{
    s->process = an_part_start("opcua", s->file, s->port, dir[0] ? dir : NULL, NULL);
    an_port_wait((int)strtol(s->port, NULL, 10));
}

void an_ua_kill(an_ua *s)
{
    an_process_kill(&s->process);
}

void an_ua_done(an_ua *s)
{
    an_ua_kill(s);
    munmap(s->shared, sizeof *s->shared);
    unlink(s->file);
}
