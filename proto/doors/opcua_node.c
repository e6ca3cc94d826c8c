/* Ids of nodes, namespaces and values. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "doors/opcua_internal.h"

#define TIME_MAX_MS (INT64_C(1) << 52)

/* nsu=URI;REST -> the URI and REST. */
static bool split(const char *text, UA_String *ret_uri, const char **ret_rest)
{
    const char *end = strncmp(text, "nsu=", 4) == 0 ? strchr(text, ';') : NULL;
    if (!end || end == text + 4)
        return false;
    *ret_uri = (UA_String){(size_t)(end - text - 4), (UA_Byte *)(uintptr_t)(text + 4)};
    *ret_rest = end + 1;
    return true;
}

/* Digits, up to the end of the text or a semicolon, that make at most max. */
static bool fits(const char *digits, uint64_t max)
{
    uint64_t n = 0;
    const char *p = digits;
    for (; *p >= '0' && *p <= '9' && n <= max; p++)
        n = 10 * n + (uint64_t)(*p - '0');
    return p > digits && n <= max && (*p == '\0' || *p == ';');
}

/* The library takes a number that is too large for a smaller one. */
static bool is_id(const char *text)
{
    if (strncmp(text, "ns=", 3) == 0) {
        const char *rest = strchr(text, ';');
        if (!rest || !fits(text + 3, UINT16_MAX))
            return false;
        text = rest + 1;
    }
    return strlen(text) >= 3 && text[1] == '=' && strchr("isgb", text[0]) &&
           (text[0] != 'i' || fits(text + 2, UINT32_MAX));
}

static UA_StatusCode parse(const char *text, UA_NodeId *ret)
{
    UA_NodeId_init(ret);
    if (!is_id(text))
        return UA_STATUSCODE_BADNODEIDINVALID;
    const UA_StatusCode rc = UA_NodeId_parse(ret, UA_STRING((char *)(uintptr_t)text));
    return rc ? UA_STATUSCODE_BADNODEIDINVALID : rc;
}

bool an_opcua_node_ok(const char *text)
{
    UA_String uri;
    UA_NodeId id;
    const char *rest = text;
    if (strlen(text) >= AN_OPCUA_NODE_MAX || (strncmp(text, "nsu=", 4) == 0 && !split(text, &uri, &rest)))
        return false;
    if (rest != text && strncmp(rest, "ns=", 3) == 0)
        return false;
    const bool ok = parse(rest, &id) == UA_STATUSCODE_GOOD && !UA_NodeId_isNull(&id);
    UA_NodeId_clear(&id);
    return ok;
}

UA_StatusCode opcua_node_read(const an_opcua *o, const char *text, UA_NodeId *ret)
{
    UA_String uri;
    const char *rest = NULL;
    if (!split(text, &uri, &rest))
        return parse(text, ret);
    UA_NodeId_init(ret);
    for (size_t i = 0; i < o->n_namespaces; i++) {
        if (!UA_String_equal(&o->namespaces[i], &uri))
            continue;
        const UA_StatusCode rc = parse(rest, ret);
        ret->namespaceIndex = (UA_UInt16)i;
        return rc;
    }
    return UA_STATUSCODE_BADNODEIDUNKNOWN;
}

bool opcua_node_write(const an_opcua *o, const UA_NodeId *id, char *out, size_t cap)
{
    UA_NodeId local = *id; /* borrowed */
    UA_String text = UA_STRING_NULL;
    int n = 0;
    local.namespaceIndex = 0;
    if (UA_NodeId_print(&local, &text) != UA_STATUSCODE_GOOD)
        return false;
    const size_t ns = id->namespaceIndex;
    if (ns == 0)
        n = snprintf(out, cap, "%.*s", (int)text.length, (const char *)text.data);
    else if (ns < o->n_namespaces && o->namespaces[ns].length > 0 &&
             !memchr(o->namespaces[ns].data, ';', o->namespaces[ns].length))
        n = snprintf(out, cap, "nsu=%.*s;%.*s", (int)o->namespaces[ns].length,
                     (const char *)o->namespaces[ns].data, (int)text.length, (const char *)text.data);
    else
        n = snprintf(out, cap, "ns=%zu;%.*s", ns, (int)text.length, (const char *)text.data);
    UA_String_clear(&text);
    return n > 0 && (size_t)n < cap && strlen(out) == (size_t)n;
}

void opcua_namespaces_done(an_opcua *o)
{
    UA_Array_delete(o->namespaces, o->n_namespaces, &UA_TYPES[UA_TYPES_STRING]);
    o->namespaces = NULL;
    o->n_namespaces = 0;
}

an_err opcua_namespaces_read(an_opcua *o, an_note *why)
{
    UA_ReadValueId what = {.attributeId = UA_ATTRIBUTEID_VALUE,
                           .nodeId = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER_NAMESPACEARRAY)};
    UA_ReadRequest request = {.nodesToRead = &what, .nodesToReadSize = 1};
    UA_ReadResponse response;
    an_err err = opcua_ask(o, &request, &UA_TYPES[UA_TYPES_READREQUEST], &response,
                           &UA_TYPES[UA_TYPES_READRESPONSE], "reading its namespaces", why);
    UA_Variant *v = !err && response.resultsSize == 1 ? &response.results[0].value : NULL;
    if (!err && (!v || !UA_Variant_hasArrayType(v, &UA_TYPES[UA_TYPES_STRING])))
        err = an_fail(AN_ERR_IO, why, "the server does not tell its namespaces");
    if (!err) {
        opcua_namespaces_done(o);
        o->namespaces = v->data;
        o->n_namespaces = v->arrayLength;
        UA_Variant_init(v); /* taken */
    }
    UA_ReadResponse_clear(&response);
    return err;
}

double opcua_number(const UA_Variant *v)
{
    if (!v->type || !v->data || (!UA_Variant_isScalar(v) && v->arrayLength != 1))
        return NAN;
    switch (v->type->typeKind) {
    case UA_DATATYPEKIND_BOOLEAN:
        return *(const UA_Boolean *)v->data;
    case UA_DATATYPEKIND_SBYTE:
        return *(const UA_SByte *)v->data;
    case UA_DATATYPEKIND_BYTE:
        return *(const UA_Byte *)v->data;
    case UA_DATATYPEKIND_INT16:
        return *(const UA_Int16 *)v->data;
    case UA_DATATYPEKIND_UINT16:
        return *(const UA_UInt16 *)v->data;
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_ENUM:
        return *(const UA_Int32 *)v->data;
    case UA_DATATYPEKIND_UINT32:
        return *(const UA_UInt32 *)v->data;
    case UA_DATATYPEKIND_INT64:
        return (double)*(const UA_Int64 *)v->data;
    case UA_DATATYPEKIND_UINT64:
        return (double)*(const UA_UInt64 *)v->data;
    case UA_DATATYPEKIND_FLOAT:
        return (double)*(const UA_Float *)v->data;
    case UA_DATATYPEKIND_DOUBLE:
        return *(const UA_Double *)v->data;
    default:
        return NAN;
    }
}

int64_t opcua_unix_ms(UA_DateTime t)
{
    const int64_t ms = (t - UA_DATETIME_UNIX_EPOCH) / UA_DATETIME_MSEC;
    return t > UA_DATETIME_UNIX_EPOCH && ms < TIME_MAX_MS ? ms : 0;
}
