#include "coordinator/conf.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "msg/msg.h"

static const char *const levels[] = {"debug", "info", "warn", "error", "off", NULL};

static const char *const whose_metrics[] = {"token", "open", NULL};

#define CONF an_coordinator_conf
#define ENDPOINT_LEN (AN_ENDPOINT_MAX - 1)

const an_opt an_coordinator_rows[] = {
    AN_OPT_TEXT(CONF, data, "data", 1, AN_PATH_MAX / 2, "andon-data",
                "folder of keys, the administrator's token, endpoints.json and the store"),
    AN_OPT_TEXT(
        CONF, store_url, "store", 1, AN_PATH_MAX / 2, NULL,
        "the store: sqlite:FOLDER, postgresql:host=... dbname=..., or postgresql:@FILE with such a text; "
        "sqlite:DATA/store if not given"),
    AN_OPT_TEXT(CONF, control, "listen.control", 1, ENDPOINT_LEN, "tcp://127.0.0.1:7701",
                "where sites connect; port * takes any free one"),
    AN_OPT_TEXT(CONF, bulk, "listen.bulk", 1, ENDPOINT_LEN, "tcp://127.0.0.1:7702",
                "where versions and updates pass"),
    AN_OPT_TEXT(CONF, enrol, "listen.enrol", 1, ENDPOINT_LEN, "tcp://127.0.0.1:7703",
                "where new sites ask to be admitted, while a token is open"),
    AN_OPT_TEXT(CONF, advertise_control, "advertise.control", 1, ENDPOINT_LEN, NULL,
                "the control endpoint as sites see it; the bound one if not given"),
    AN_OPT_TEXT(CONF, advertise_bulk, "advertise.bulk", 1, ENDPOINT_LEN, NULL,
                "the bulk endpoint as sites see it; the bound one if not given"),
    AN_OPT_TEXT(CONF, advertise_enrol, "advertise.enrol", 1, ENDPOINT_LEN, NULL,
                "the enrolment endpoint as sites see it, in tokens; the bound one if not given"),
    AN_OPT_TEXT(CONF, coordinators, "coordinators", 1, AN_COORDINATORS_MAX *AN_ENDPOINT_MAX, NULL,
                "control endpoints of all coordinators on this store, separated by commas; told to sites"),
    AN_OPT_TEXT(CONF, http_address, "http.address", 2, 64, "127.0.0.1", "address of the HTTP API"),
    AN_OPT_INT(CONF, http_port, "http.port", 0, 65535, "7700", "port of the HTTP API; 0 takes any free one"),
    AN_OPT_TEXT(CONF, http_certificate, "http.tls.certificate", 1, AN_PATH_MAX - 1, NULL,
                "PEM file of the certificate that the HTTP API shows, those that vouch for it after it; with "
                "http.tls.key it speaks TLS"),
    AN_OPT_TEXT(CONF, http_key, "http.tls.key", 1, AN_PATH_MAX - 1, NULL,
                "PEM file of its key; others must not be able to read it"),
    AN_OPT_TEXT(CONF, http_names, "http.names", 1, 1023, NULL,
                "names besides localhost and the computer's own by which the HTTP API may be asked without "
                "TLS, such as "
                "that of a proxy before it: `andon.plant, andon.hall-3`; others are told 421"),
    AN_OPT_BOOL(CONF, http_plain, "http.plain", "false",
                "answer without TLS on an address other than loopback: behind a proxy, or in a container"),
    AN_OPT_INT(CONF, http_per_address, "http.per_address", 0, 128, "32",
               "connections from one address, but for loopback; 0: as many as there are"),
    AN_OPT_MS(CONF, heartbeat_ms, "http.heartbeat", 1000, 45000, "15s",
              "how long a stream of events is silent before it says a comment; shorter than a proxy waits"),
    AN_OPT_MS(CONF, answer_ms, "http.answer", 100, 600000, "30s",
              "how long a request waits before it is told 503"),
    AN_OPT_CHOICE(CONF, metrics, "http.metrics", whose_metrics, "token",
                  "who may read /metrics: who has a token, or (open) everybody who reaches the port"),
    AN_OPT_MS(CONF, stall_ms, "health.stall", 1000, 3600000, "30s",
              "/healthz fails when the core has not turned for so long"),
    AN_OPT_INT(CONF, people, "approve.people", 1, 2, "1",
               "people that promoting, going back, approving, aborting and changing a policy need"),
    AN_OPT_MS(CONF, session_idle_ms, "session.idle", 1000, 604800000, "1h",
              "a person who asks nothing for so long is logged out"),
    AN_OPT_MS(CONF, session_max_ms, "session.max", 1000, 604800000, "12h",
              "... and in any case after so long"),
    AN_OPT_MS(CONF, lease_ms, "lease", 1000, 3600000, "15s", "how often a site is to be heard of"),
    AN_OPT_TEXT(
        CONF, release_root, "release.root", 64, 64, NULL,
        "public key of the release root (andon key show); without one this coordinator's own key is it"),
    AN_OPT_INT(CONF, enrol_rate, "enrol.rate", 1, 10000, "60", "new enrolment connections a minute"),
    AN_OPT_CHOICE(CONF, log_level, "log", levels, "info", "least level that is logged"),
    AN_OPT_CHOICE(CONF, log_format, "log.format", an_log_formats, "text",
                  "form of its lines; systemd-prefix: for a journal that has the time itself"),
};
const size_t an_coordinator_n_rows = sizeof an_coordinator_rows / sizeof *an_coordinator_rows;

an_err an_coordinator_conf_init(an_coordinator_conf *conf)
{
    return an_opt_defaults(an_coordinator_rows, an_coordinator_n_rows, conf);
}

void an_coordinator_conf_done(an_coordinator_conf *conf)
{
    an_opt_done(an_coordinator_rows, an_coordinator_n_rows, conf);
}

static an_err check_endpoint(const char *key, const char *endpoint, an_note *why)
{
    if (endpoint && strncmp(endpoint, "tcp://", 6) != 0)
        return an_fail(AN_ERR_INVAL, why, "%s = %.120s: must be tcp://address:port", key, endpoint);
    return AN_OK;
}

/* Sites can be told neither a free port in advance nor "any address". */
static an_err check_advertised(const char *key, const char *endpoint, const char *listen, an_note *why)
{
    const char *told = endpoint ? endpoint : listen;
    an_err err = check_endpoint(key, endpoint, why);
    if (err != AN_OK)
        return err;
    if (strncmp(told, "tcp://0.0.0.0:", 14) == 0 || strncmp(told, "tcp://*:", 8) == 0)
        return an_fail(AN_ERR_INVAL, why, "%s: sites cannot connect to %.120s; give the address they see",
                       key, told);
    return AN_OK;
}

an_err an_coordinator_conf_list(const an_coordinator_conf *conf,
                                an_msg_coordinator ret[static AN_COORDINATORS_MAX], uint32_t *ret_n,
                                an_note *why)
{
    uint32_t n = 0;
    for (const char *at = conf->coordinators; at; n++) {
        const char *end = strchr(at, ',');
        const size_t len = end ? (size_t)(end - at) : strlen(at);
        if (n == AN_COORDINATORS_MAX)
            return an_fail(AN_ERR_LIMIT, why, "coordinators: more than %d", AN_COORDINATORS_MAX);
        if (len >= AN_ENDPOINT_MAX)
            return an_fail(AN_ERR_INVAL, why, "coordinators: %.40s... is too long", at);
        snprintf(ret[n].control, sizeof ret[n].control, "%.*s", (int)len, at);
        an_err err = check_endpoint("coordinators", ret[n].control, why);
        if (err != AN_OK)
            return err;
        at = end ? end + 1 : NULL;
    }
    *ret_n = n;
    return AN_OK;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

unsigned an_coordinator_conf_per_address(const an_coordinator_conf *conf)
{
    return is_loopback(conf->http_address) ? 0 : (unsigned)conf->http_per_address;
}

static an_err check_http(const an_coordinator_conf *conf, an_note *why)
{
    if (!conf->http_certificate != !conf->http_key)
        return an_fail(AN_ERR_INVAL, why, "http.tls.certificate and http.tls.key belong together");
    if (!conf->http_key && !conf->http_plain && !is_loopback(conf->http_address))
        return an_fail(AN_ERR_INVAL, why,
                       "http.address = %.60s: passwords and tokens would pass in clear; give "
                       "http.tls.certificate and http.tls.key, or http.plain: true behind a proxy with TLS",
                       conf->http_address);
    return AN_OK;
}

an_err an_coordinator_conf_check(const an_coordinator_conf *conf, an_note *why)
{
    an_err err;
    uint8_t root[AN_KEY_BYTES];
    an_msg_coordinator list[AN_COORDINATORS_MAX];
    uint32_t n;
    if (conf->release_root && !an_unhex(root, sizeof root, conf->release_root))
        return an_fail(AN_ERR_INVAL, why, "release.root: must be the 64 hexadecimal digits of a public key");
    if ((err = check_http(conf, why)) != AN_OK ||
        (err = check_endpoint("listen.control", conf->control, why)) != AN_OK ||
        (err = check_endpoint("listen.bulk", conf->bulk, why)) != AN_OK ||
        (err = check_endpoint("listen.enrol", conf->enrol, why)) != AN_OK ||
        (err = an_coordinator_conf_list(conf, list, &n, why)) != AN_OK ||
        (err = check_advertised("advertise.control", conf->advertise_control, conf->control, why)) != AN_OK ||
        (err = check_advertised("advertise.bulk", conf->advertise_bulk, conf->bulk, why)) != AN_OK)
        return err;
    return check_advertised("advertise.enrol", conf->advertise_enrol, conf->enrol, why);
}
