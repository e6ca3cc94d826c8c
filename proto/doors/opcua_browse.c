/* A walk over the address space, breadth first from the folder Objects, each node once.  The server's own node is left
 * out, and so are properties, but for the unit of a variable. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doors/opcua_internal.h"

#define NODES_MAX 20000
#define TABLE_SIZE 65536 /* a power of two, well above NODES_MAX */
#define DEPTH_MAX 24
#define PATH_BYTES 160
#define REFERENCES_AT_ONCE 500

typedef struct place {
    UA_NodeId id;
    char path[PATH_BYTES];
    unsigned depth;
    bool variable;
} place;

typedef struct walk {
    an_opcua *o;
    void (*say)(void *ctx, const an_opcua_find *find);
    void *ctx;
    int64_t end_ms;
    place *queue; /* (n of cap) from `at` on not looked at yet */
    size_t n, cap, at;
    uint32_t *seen; /* (TABLE_SIZE) hashes of ids; 0: free */
    UA_NodeId unit; /* of the variable that is being looked at: its property EngineeringUnits */
} walk;

static bool is_new(walk *w, const UA_NodeId *id)
{
    const uint32_t hash = UA_NodeId_hash(id), mark = hash ? hash : 1;
    size_t at = (hash * UINT32_C(2654435761)) & (TABLE_SIZE - 1);
    for (; w->seen[at]; at = (at + 1) & (TABLE_SIZE - 1))
        if (w->seen[at] == mark)
            return false;
    w->seen[at] = mark;
    return true;
}

static void join(char *out, size_t cap, const char *path, const UA_String *name)
{
    snprintf(out, cap, "%s%s%.*s", path, path[0] ? "/" : "", (int)name->length, (const char *)name->data);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = '?';
}

static an_err take_reference(walk *w, const place *from, const UA_ReferenceDescription *r)
{
    const UA_NodeId property = UA_NODEID_NUMERIC(0, UA_NS0ID_HASPROPERTY);
    const UA_NodeId server = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER);
    const UA_String units = UA_STRING("EngineeringUnits");
    if (r->nodeId.serverIndex != 0 || r->nodeId.namespaceUri.length > 0)
        return AN_OK;
    if (UA_NodeId_equal(&r->referenceTypeId, &property)) {
        if (UA_String_equal(&r->browseName.name, &units) && UA_NodeId_isNull(&w->unit) &&
            UA_NodeId_copy(&r->nodeId.nodeId, &w->unit) != UA_STATUSCODE_GOOD)
            return AN_ERR_NOMEM;
        return AN_OK;
    }
    if (w->n == NODES_MAX || from->depth == DEPTH_MAX || UA_NodeId_equal(&r->nodeId.nodeId, &server) ||
        !is_new(w, &r->nodeId.nodeId))
        return AN_OK;
    place p = {.depth = from->depth + 1, .variable = r->nodeClass == UA_NODECLASS_VARIABLE};
    join(p.path, sizeof p.path, from->path,
         r->displayName.text.length > 0 ? &r->displayName.text : &r->browseName.name);
    if (!an_grow(&w->queue, &w->cap, w->n + 1, sizeof *w->queue) ||
        UA_NodeId_copy(&r->nodeId.nodeId, &p.id) != UA_STATUSCODE_GOOD)
        return AN_ERR_NOMEM;
    w->queue[w->n++] = p;
    return AN_OK;
}

/* ret_point is what the server needs to go on; empty: that was all. */
static an_err take_result(walk *w, const place *from, const UA_BrowseResult *results, size_t n,
                          UA_ByteString *ret_point)
{
    an_err err = AN_OK;
    UA_ByteString_clear(ret_point);
    if (n != 1 || results[0].statusCode != UA_STATUSCODE_GOOD)
        return AN_OK; /* not for this user: what lies beneath is left out */
    for (size_t i = 0; i < results[0].referencesSize && !err; i++)
        err = take_reference(w, from, &results[0].references[i]);
    if (!err && UA_ByteString_copy(&results[0].continuationPoint, ret_point) != UA_STATUSCODE_GOOD)
        err = AN_ERR_NOMEM;
    return err;
}

static an_err look_beneath(walk *w, const place *from, an_note *why)
{
    UA_BrowseDescription what = {.nodeId = from->id,
                                 .browseDirection = UA_BROWSEDIRECTION_FORWARD,
                                 .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES),
                                 .includeSubtypes = true,
                                 .nodeClassMask = UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE,
                                 .resultMask = UA_BROWSERESULTMASK_ALL};
    const UA_BrowseRequest request = {
        .requestedMaxReferencesPerNode = REFERENCES_AT_ONCE, .nodesToBrowse = &what, .nodesToBrowseSize = 1};
    UA_BrowseResponse response;
    UA_ByteString point = UA_BYTESTRING_NULL;
    an_err err = opcua_ask(w->o, &request, &UA_TYPES[UA_TYPES_BROWSEREQUEST], &response,
                           &UA_TYPES[UA_TYPES_BROWSERESPONSE], "browsing", why);
    if (!err)
        err = take_result(w, from, response.results, response.resultsSize, &point);
    UA_BrowseResponse_clear(&response);
    while (!err && point.length > 0) {
        /* Past the time the server is told to forget the rest. */
        const UA_BrowseNextRequest next = {.releaseContinuationPoints = opcua_now_ms() >= w->end_ms,
                                           .continuationPoints = &point,
                                           .continuationPointsSize = 1};
        UA_BrowseNextResponse more;
        err = opcua_ask(w->o, &next, &UA_TYPES[UA_TYPES_BROWSENEXTREQUEST], &more,
                        &UA_TYPES[UA_TYPES_BROWSENEXTRESPONSE], "browsing", why);
        if (!err)
            err = take_result(w, from, more.results, more.resultsSize, &point);
        UA_BrowseNextResponse_clear(&more);
    }
    UA_ByteString_clear(&point);
    return err;
}

static const char *kind_of(const UA_DataValue *v, char *room, size_t cap)
{
    static const char *const kinds[] = {"Boolean", "SByte",  "Byte",  "Int16",  "UInt16", "Int32",   "UInt32",
                                        "Int64",   "UInt64", "Float", "Double", "String", "DateTime"};
    const char *name = "of a kind that is not read";
    if (v->hasStatus && (v->status >> 30) == 2)
        return UA_StatusCode_name(v->status);
    if (!v->hasValue || !v->value.type)
        return "no value";
    const unsigned kind = v->value.type->typeKind;
    if (kind < sizeof kinds / sizeof *kinds)
        name = kinds[kind];
    else if (kind == UA_DATATYPEKIND_ENUM)
        name = "Int32";
    if (UA_Variant_isScalar(&v->value))
        return name;
    snprintf(room, cap, "%s[%zu]", name, v->value.arrayLength);
    return room;
}

static void read_unit(const UA_DataValue *v, char *out, size_t cap)
{
    if (!v->hasValue || !UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_EUINFORMATION]))
        return;
    const UA_EUInformation *eu = v->value.data;
    join(out, cap, "", &eu->displayName.text);
}

static an_err tell(walk *w, const place *p, an_note *why)
{
    UA_ReadValueId what[2] = {{.nodeId = p->id, .attributeId = UA_ATTRIBUTEID_VALUE},
                              {.nodeId = w->unit, .attributeId = UA_ATTRIBUTEID_VALUE}};
    const UA_ReadRequest request = {.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH,
                                    .nodesToRead = what,
                                    .nodesToReadSize = UA_NodeId_isNull(&w->unit) ? 1 : 2};
    UA_ReadResponse response;
    an_opcua_find find = {.value = NAN};
    char room[48];
    an_err err = opcua_ask(w->o, &request, &UA_TYPES[UA_TYPES_READREQUEST], &response,
                           &UA_TYPES[UA_TYPES_READRESPONSE], "reading", why);
    if (!err && response.resultsSize >= 1 && opcua_node_write(w->o, &p->id, find.node, sizeof find.node)) {
        const UA_DataValue *v = &response.results[0];
        snprintf(find.kind, sizeof find.kind, "%s, %s", kind_of(v, room, sizeof room), p->path);
        if (v->hasValue && UA_Variant_isScalar(&v->value))
            find.value = opcua_number(&v->value);
        if (v->hasSourceTimestamp || v->hasServerTimestamp)
            find.time_ms = opcua_unix_ms(v->hasSourceTimestamp ? v->sourceTimestamp : v->serverTimestamp);
        if (response.resultsSize == 2)
            read_unit(&response.results[1], find.unit, sizeof find.unit);
        w->say(w->ctx, &find);
    }
    UA_ReadResponse_clear(&response);
    return err;
}

an_err an_opcua_browse(an_opcua *o, int64_t for_ms, void (*say)(void *ctx, const an_opcua_find *find),
                       void *ctx, an_note *why)
{
    walk w = {.o = o, .say = say, .ctx = ctx, .end_ms = opcua_now_ms() + for_ms};
    const place root = {.id = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER)};
    w.seen = an_alloc(TABLE_SIZE, sizeof *w.seen);
    an_err err = w.seen && an_grow(&w.queue, &w.cap, 1, sizeof *w.queue) ? AN_OK : AN_ERR_NOMEM;
    if (!err)
        err = opcua_namespaces_read(o, why);
    if (!err)
        w.queue[w.n++] = root;
    for (; !err && w.at < w.n && opcua_now_ms() < w.end_ms; w.at++) {
        const place p = w.queue[w.at]; /* the queue moves while it grows */
        err = look_beneath(&w, &p, why);
        if (!err && p.variable)
            err = tell(&w, &p, why);
        UA_NodeId_clear(&w.unit);
    }
    for (size_t i = 0; i < w.n; i++)
        UA_NodeId_clear(&w.queue[i].id);
    an_free(w.queue);
    an_free(w.seen);
    return err;
}
