/* The connection and the session.  The library would reconnect by itself, at once and for ever; here it may only while
 * connect runs, since it changes the connection there on its way from asking for endpoints to the one that is chosen. */
#include "doors/opcua.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/opcua_internal.h"

#define ATTEMPTS_MAX 5 /* connections of one connect: asking for servers, for endpoints, and the real one */
#define CHANNEL_MS 600000

static const char *const policies[] = {"http://opcfoundation.org/UA/SecurityPolicy#None",
                                       "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
                                       "http://opcfoundation.org/UA/SecurityPolicy#Aes128_Sha256_RsaOaep",
                                       "http://opcfoundation.org/UA/SecurityPolicy#Aes256_Sha256_RsaPss"};

int64_t opcua_now_ms(void)
{
    const an_clock *clock = an_clock_system();
    return clock->mono_ms(clock);
}

void opcua_count(an_opcua *o, int which, uint64_t n)
{
    atomic_fetch_add_explicit(&o->counts[which], n, memory_order_relaxed);
}

const char *an_opcua_status_name(uint32_t status)
{
    return UA_StatusCode_name(status);
}

/* ---- what the library calls ---- */

/* Of what it logs only the last error is of use: a status alone says too little. */
static void on_log(void *context, UA_LogLevel level, UA_LogCategory category, const char *text, va_list args)
{
    an_opcua *o = context;
    (void)category;
    if (level < UA_LOGLEVEL_ERROR)
        return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(o->said, sizeof o->said, text, args);
#pragma GCC diagnostic pop
    for (char *p = o->said; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F || *p == '"')
            *p = '?';
}

static void on_state(UA_Client *client, UA_SecureChannelState channel, UA_SessionState session,
                     UA_StatusCode status)
{
    UA_ClientConfig *cc = UA_Client_getConfig(client);
    an_opcua *o = cc->clientContext;
    (void)session;
    (void)status;
    if (channel == UA_SECURECHANNELSTATE_CONNECTING && ++o->attempts >= ATTEMPTS_MAX)
        cc->noReconnect = true; /* somebody accepts connections and ends them at once */
}

static UA_StatusCode no_password(UA_ClientConfig *cc, UA_ByteString *password)
{
    (void)cc;
    (void)password;
    return UA_STATUSCODE_BADSECURITYCHECKSFAILED;
}

/* The library hands over the member of the client's own configuration, which knows its an_opcua. */
static UA_StatusCode on_certificate(const UA_CertificateVerification *cv, const UA_ByteString *certificate)
{
    const char *base = (const char *)cv - offsetof(UA_ClientConfig, certificateVerification);
    an_opcua *o = ((const UA_ClientConfig *)(const void *)base)->clientContext;
    const UA_StatusCode rc = o->verify(cv, certificate);
    if (rc != UA_STATUSCODE_GOOD) {
        char text[180];
        opcua_cert_text(certificate, text, sizeof text);
        snprintf(o->refusal, sizeof o->refusal, "%s: %s", UA_StatusCode_name(rc), text);
    }
    return rc;
}

/* ---- a client ---- */

static bool has_policy(const UA_ClientConfig *cc, const UA_String *uri)
{
    for (size_t i = 0; i < cc->securityPoliciesSize; i++)
        if (UA_String_equal(uri, &cc->securityPolicies[i].policyUri))
            return true;
    return false;
}

static an_err set_security(an_opcua *o, UA_ClientConfig *cc, const opcua_trust *t, an_note *why)
{
    const UA_String uri = UA_STRING((char *)(uintptr_t)policies[o->conf.security]);
    const bool secure = o->conf.security != AN_OPCUA_NONE;
    cc->securityMode = secure ? UA_MESSAGESECURITYMODE_SIGNANDENCRYPT : UA_MESSAGESECURITYMODE_NONE;
    UA_StatusCode rc = UA_String_copy(&uri, &cc->securityPolicyUri);
    if (!rc && secure) {
        UA_String_clear(&cc->clientDescription.applicationUri);
        cc->clientDescription.applicationUri = UA_STRING_ALLOC(t->uri);
        rc = UA_ClientConfig_setDefaultEncryption(cc, t->cert, t->key, t->trusted, t->n_trusted, t->revoked,
                                                  t->n_revoked);
    } else if (!rc) {
        rc = UA_ClientConfig_setDefault(cc);
    }
    if (rc == UA_STATUSCODE_BADOUTOFMEMORY)
        return AN_ERR_NOMEM;
    if (rc != UA_STATUSCODE_GOOD)
        return an_fail(AN_ERR_INVAL, why, "cert, key, trust: %s: %.200s", UA_StatusCode_name(rc), o->said);
    if (!has_policy(cc, &uri))
        return an_fail(AN_ERR_INVAL, why,
                       "security: this build of open62541 cannot do it with this key%s%.200s",
                       o->said[0] ? ": " : "", o->said);
    if (secure) {
        o->verify = cc->certificateVerification.verifyCertificate;
        cc->certificateVerification.verifyCertificate = on_certificate;
    }
    return AN_OK;
}

static an_err make_client(an_opcua *o, an_note *why)
{
    opcua_trust trust;
    UA_ClientConfig cc = {
        .clientContext = o, .logging = &o->logger, .timeout = (UA_UInt32)o->conf.timeout_ms};
    o->said[0] = '\0';
    an_err err = opcua_trust_read(&trust, o->cert, o->key, o->trust, why);
    cc.secureChannelLifeTime = CHANNEL_MS;
    cc.requestedSessionTimeout = (UA_UInt32)o->conf.session_ms;
    cc.sessionName = UA_STRING_ALLOC("andon-agent");
    cc.clientDescription.applicationName = UA_LOCALIZEDTEXT_ALLOC("", "andon-agent");
    cc.stateCallback = on_state;
    cc.privateKeyPasswordCallback = no_password;
    if (!err)
        err = set_security(o, &cc, &trust, why);
    opcua_trust_done(&trust);
    if (!err && o->user &&
        UA_ClientConfig_setAuthenticationUsername(&cc, o->user, o->password ? o->password : ""))
        err = AN_ERR_NOMEM;
    if (err) {
        UA_ClientConfig_clear(&cc);
        return err;
    }
    cc.localConnectionConfig.localMaxMessageSize = OPCUA_MESSAGE_MAX;
    o->client = UA_Client_newWithConfig(&cc);
    if (o->client)
        return AN_OK;
    UA_ClientConfig_clear(&cc);
    return AN_ERR_NOMEM;
}

static void drop_client(an_opcua *o)
{
    if (!o->client)
        return;
    UA_Client_delete(o->client);
    o->client = NULL;
    UA_NodeId_clear(&o->token);
    opcua_forget_subscription(o);
}

static char *keep(const char *text, bool *ok)
{
    char *copy = text ? an_strdup(text) : NULL;
    *ok = *ok && (!text || copy);
    return copy;
}

an_err an_opcua_new(const an_opcua_conf *conf, const an_opcua_events *events, void *ctx, an_opcua **ret,
                    an_note *why)
{
    bool ok = true;
    an_opcua *o = an_alloc(1, sizeof *o);
    if (!o)
        return AN_ERR_NOMEM;
    o->conf = *conf;
    o->url = keep(conf->url, &ok);
    o->cert = keep(conf->cert, &ok);
    o->key = keep(conf->key, &ok);
    o->trust = keep(conf->trust, &ok);
    o->user = keep(conf->user, &ok);
    o->conf.url = o->conf.cert = o->conf.key = o->conf.trust = o->conf.user = o->conf.password = NULL;
    if (conf->password) {
        const size_t len = strlen(conf->password) + 1;
        o->password = an_secret_alloc(len);
        ok = ok && o->password;
        if (o->password)
            memcpy(o->password, conf->password, len);
    }
    o->slots = an_alloc(conf->n + 1, sizeof *o->slots);
    o->events = *events;
    o->ctx = ctx;
    o->logger = (UA_Logger){.log = on_log, .context = o};
    an_err err = ok && o->slots ? make_client(o, why) : AN_ERR_NOMEM;
    if (err) {
        an_opcua_free(o);
        return err;
    }
    *ret = o;
    return AN_OK;
}

void an_opcua_free(an_opcua *o)
{
    if (!o)
        return;
    drop_client(o);
    opcua_namespaces_done(o);
    an_free(o->values);
    an_free(o->slots);
    an_free(o->url);
    an_free(o->cert);
    an_free(o->key);
    an_free(o->trust);
    an_free(o->user);
    an_secret_free(o->password);
    an_free(o);
}

/* ---- connections ---- */

bool opcua_connected(an_opcua *o)
{
    UA_SecureChannelState channel = UA_SECURECHANNELSTATE_CLOSED;
    UA_SessionState session = UA_SESSIONSTATE_CLOSED;
    if (!o->client)
        return false;
    UA_Client_getState(o->client, &channel, &session, NULL);
    return channel == UA_SECURECHANNELSTATE_OPEN && session == UA_SESSIONSTATE_ACTIVATED;
}

static const char *hint_of(const an_opcua *o, UA_StatusCode rc)
{
    switch (rc) {
    case UA_STATUSCODE_BADUSERACCESSDENIED:
    case UA_STATUSCODE_BADIDENTITYTOKENINVALID:
        return "the server refuses this user or password";
    case UA_STATUSCODE_BADIDENTITYTOKENREJECTED:
        return "the server has no endpoint with this security and this kind of user";
    case UA_STATUSCODE_BADCERTIFICATEURIINVALID:
    case UA_STATUSCODE_BADCERTIFICATEUNTRUSTED:
    case UA_STATUSCODE_BADSECURITYCHECKSFAILED:
        return "the server does not accept this agent's certificate";
    case UA_STATUSCODE_BADCONNECTIONREJECTED:
        return "nobody answers there";
    case UA_STATUSCODE_BADTIMEOUT:
        return "no answer in time";
    default:
        return o->conf.security != AN_OPCUA_NONE && o->attempts > 1
                   ? "the server ended the connection: does it trust this agent's certificate?"
                   : "the server ended the connection";
    }
}

static bool is_refusal(UA_StatusCode rc)
{
    switch (rc) {
    case UA_STATUSCODE_BADUSERACCESSDENIED:
    case UA_STATUSCODE_BADIDENTITYTOKENINVALID:
    case UA_STATUSCODE_BADIDENTITYTOKENREJECTED:
    case UA_STATUSCODE_BADSECURITYCHECKSFAILED:
    case UA_STATUSCODE_BADSECURITYPOLICYREJECTED:
    case UA_STATUSCODE_BADSECURITYMODEREJECTED:
        return true;
    default:
        return strncmp(UA_StatusCode_name(rc), "BadCertificate", 14) == 0;
    }
}

static an_err judge(const an_opcua *o, UA_StatusCode rc, an_note *why)
{
    if (rc == UA_STATUSCODE_BADOUTOFMEMORY)
        return AN_ERR_NOMEM;
    if (o->refusal[0])
        return an_fail(AN_ERR_AUTH, why, "the server's certificate is not accepted: %s", o->refusal);
    return an_fail(is_refusal(rc) ? AN_ERR_AUTH : AN_ERR_IO, why, "%s (%s)", hint_of(o, rc),
                   UA_StatusCode_name(rc));
}

an_err an_opcua_connect(an_opcua *o, bool *ret_resumed, an_note *why)
{
    an_err err = o->client ? AN_OK : make_client(o, why);
    if (err)
        return err;
    UA_ClientConfig *cc = UA_Client_getConfig(o->client);
    o->said[0] = o->refusal[0] = '\0';
    o->attempts = 0;
    cc->noReconnect = false;
    const UA_StatusCode rc = UA_Client_connect(o->client, o->url);
    cc->noReconnect = true;
    if (rc != UA_STATUSCODE_GOOD || !opcua_connected(o)) {
        err = judge(o, rc ? rc : UA_STATUSCODE_BADCONNECTIONCLOSED, why);
        /* The session may still be there when nobody answers; whatever else is wrong, all begins anew. */
        if (rc != UA_STATUSCODE_BADCONNECTIONREJECTED && rc != UA_STATUSCODE_BADTIMEOUT)
            drop_client(o);
        return err;
    }
    UA_NodeId token = UA_NODEID_NULL;
    UA_ByteString nonce = UA_BYTESTRING_NULL;
    if (UA_Client_getSessionAuthenticationToken(o->client, &token, &nonce) != UA_STATUSCODE_GOOD)
        UA_NodeId_clear(&token);
    UA_ByteString_clear(&nonce);
    const bool same = o->subscription != 0 && !UA_NodeId_isNull(&token) && UA_NodeId_equal(&token, &o->token);
    UA_NodeId_clear(&o->token);
    o->token = token;
    o->waiting = 0;
    o->refused = UA_STATUSCODE_GOOD;
    o->heard_ms = opcua_now_ms();
    if (same) {
        opcua_forget_come(o); /* not acknowledged: it comes again, before what is new */
        opcua_count(o, OPCUA_RESUMED, 1);
    } else {
        opcua_forget_subscription(o);
    }
    *ret_resumed = same;
    return AN_OK;
}

void an_opcua_leave(an_opcua *o)
{
    if (o->client)
        UA_Client_disconnectSecureChannel(o->client);
    o->waiting = 0;
}

void an_opcua_close(an_opcua *o)
{
    drop_client(o); /* which ends its session if there is a connection */
}

an_err opcua_ask(an_opcua *o, const void *request, const UA_DataType *request_type, void *response,
                 const UA_DataType *response_type, const char *what, an_note *why)
{
    UA_init(response, response_type);
    if (!opcua_connected(o))
        return an_fail(AN_ERR_IO, why, "%s: the connection is lost", what);
    __UA_Client_Service(o->client, request, request_type, response, response_type);
    const UA_StatusCode rc = ((const UA_ResponseHeader *)response)->serviceResult;
    return rc ? an_fail(AN_ERR_IO, why, "%s: %s", what, UA_StatusCode_name(rc)) : AN_OK;
}

bool an_opcua_host(const char *url, char *out, size_t cap)
{
    UA_String text = UA_STRING((char *)(uintptr_t)url), host = UA_STRING_NULL, path = UA_STRING_NULL;
    UA_UInt16 port = 0;
    if (strncmp(url, "opc.tcp://", 10) != 0 ||
        UA_parseEndpointUrl(&text, &host, &port, &path) != UA_STATUSCODE_GOOD || host.length == 0 ||
        host.length >= cap)
        return false;
    snprintf(out, cap, "%.*s", (int)host.length, (const char *)host.data);
    return true;
}
