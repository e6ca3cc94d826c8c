#include "coordinator/standby.h"

#include <string.h>

#include "base/mem.h"
#include "coordinator/meters.h"
#include "coordinator/runtime_internal.h"
#include "doors/crypto.h"
#include "doors/http_server.h"

struct an_standby {
    const an_coordinator_conf *conf;
    an_vitals vitals; /* of a core that has not begun */
    an_http_server *server;
};

/* Users are in the journal, which is another coordinator's now: the administrator's token alone is known here. */
static bool may_read(const an_standby *s, const an_http_request *http)
{
    char path[AN_PATH_MAX], token[AN_ADMIN_TOKEN_TEXT];
    const char *given = an_http_header(http, "Authorization");
    an_hash mine, theirs;
    if (s->conf->metrics == AN_METRICS_OPEN)
        return true;
    if (!given || strncmp(given, "Bearer ", 7) != 0 ||
        an_path_join(path, s->conf->data, "admin.token") != AN_OK || !an_file_exists(path) ||
        an_admin_token_open(path, token, NULL) != AN_OK)
        return false;
    an_hash_of(&mine, token, strlen(token));
    an_hash_of(&theirs, given + 7, strlen(given + 7));
    an_wipe(token, sizeof token);
    return an_secret_equal(mine.b, theirs.b, sizeof mine.b);
}

static void put_meters(const an_standby *s, an_http_reply *reply)
{
    an_buf out;
    an_meter_page p;
    an_buf_init(&out, AN_METER_PAGE_MAX);
    an_meter_begin(&p, an_coordinator_meters, AN_COORDINATOR_METERS, &out);
    an_vitals_meters(&s->vitals, &p, s->conf->data);
    if (an_meter_end(&p) != AN_OK) {
        an_buf_done(&out);
        return;
    }
    reply->status = 200;
    reply->type = AN_METER_TYPE;
    reply->body = out.data;
    reply->body_len = out.len;
}

static void put_problem(unsigned status, const char *detail, an_http_reply *reply)
{
    an_api_answer answer = {0};
    an_api_problem(status, detail, &answer);
    if (!answer.body)
        return;
    reply->status = answer.status;
    reply->type = answer.type;
    reply->body = answer.body;
    reply->body_len = strlen(answer.body);
}

static void on_http(void *ctx, const an_http_request *http, an_http_reply *reply)
{
    an_standby *s = ctx;
    const uint64_t since_ns = an_clock_ns();
    const bool meters = strcmp(http->path, AN_METRICS_PATH) == 0;
    if (meters && may_read(s, http))
        put_meters(s, reply);
    else if (meters)
        put_problem(401, "send the header Authorization: Bearer TOKEN", reply);
    else if (!an_vitals_probe(&s->vitals, http, reply))
        put_problem(503, "this coordinator stands by; another one is active", reply);
    an_vitals_asked(&s->vitals, http, reply->status, an_clock_ns() - since_ns);
}

an_err an_standby_start(const an_coordinator_conf *conf, an_standby **ret, an_note *why)
{
    an_standby *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->conf = conf;
    s->vitals.stall_ms = conf->stall_ms;
    an_tls tls = {0};
    an_err err = an_tls_read(conf, &tls, why);
    const an_http_server_conf server = {.address = conf->http_address,
                                        .port = (uint16_t)conf->http_port,
                                        .certificate = tls.certificate,
                                        .key = tls.key,
                                        .handler = on_http,
                                        .ctx = s};
    if (err == AN_OK)
        err = an_http_server_start(&server, &s->server, why);
    an_tls_done(&tls);
    if (err == AN_OK)
        *ret = s;
    else
        an_free(s);
    return err;
}

void an_standby_stop(an_standby *s)
{
    if (!s)
        return;
    an_http_server_stop(s->server);
    an_free(s);
}
