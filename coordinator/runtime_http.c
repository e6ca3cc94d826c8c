/* The HTTP threads: who asks, and whether they may, is checked here; all else is handed to the core and waited for. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/meters.h"
#include "coordinator/runtime_internal.h"
#include "doors/asset.h"
#include "doors/crypto.h"
#include "doors/http_server.h"

#define BODY_MAX ((size_t)1 << 20)
#define CONNECTIONS_MAX 128
#define STREAMS_MAX 64
#define BELLS 64 /* a single one would wake all who wait for each answer */

struct an_bridge {
    pthread_mutex_t lock;
    pthread_cond_t bells[BELLS];
    unsigned n_asked;
    an_pipe *to_core; /* under the lock: many threads send */
    bool closing;
    an_auth *auth; /* borrowed */
    int64_t answer_ms, heartbeat_ms;
    bool open_meters; /* they need no token */
    const char *data;
    an_vitals *vitals;
    an_http_server *server;
    an_feed *feed;
};

void an_http_job_free(an_http_job *job)
{
    if (!job)
        return;
    an_api_answer_done(&job->answer);
    an_api_rest_free(job->rest);
    if (job->req.body)
        an_wipe(job->req.body, job->req.body_len); /* it may hold a password */
    an_wipe(job->req.verifier, sizeof job->req.verifier);
    an_free(job->req.body);
    an_free(job);
}

/* ---- the administrator's token ---- */

static an_err make_token(const char *path, char ret[static AN_ADMIN_TOKEN_TEXT], an_note *why)
{
    uint8_t bytes[32];
    char line[AN_ADMIN_TOKEN_TEXT + 1];
    an_random(bytes, sizeof bytes);
    an_hex(ret, bytes, sizeof bytes);
    int n = snprintf(line, sizeof line, "%s\n", ret);
    an_err err = an_file_write(path, line, (size_t)n, 0600, why);
    an_wipe(bytes, sizeof bytes);
    an_wipe(line, sizeof line);
    return err;
}

an_err an_admin_token_open(const char *path, char ret[static AN_ADMIN_TOKEN_TEXT], an_note *why)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? make_token(path, ret, why)
                               : an_fail(AN_ERR_IO, why, "%.200s: cannot be read", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return an_fail(AN_ERR_REFUSED, why,
                       "%.200s: others may read it; chmod 600 it, and change it if they did", path);
    uint8_t bytes[32];
    an_buf b;
    an_buf_init(&b, 256);
    an_err err = an_file_read(&b, path, why);
    if (err == AN_OK) {
        memset(ret, 0, AN_ADMIN_TOKEN_TEXT);
        memcpy(ret, b.data, b.len < AN_ADMIN_TOKEN_TEXT - 1 ? b.len : AN_ADMIN_TOKEN_TEXT - 1);
        if (b.len < 64 || b.len > 65 || (b.len == 65 && b.data[64] != '\n') ||
            !an_unhex(bytes, sizeof bytes, ret))
            err = an_fail(AN_ERR_PROTO, why, "%.200s: is not a token; remove it and a new one is made", path);
    }
    if (b.data)
        an_wipe(b.data, b.len);
    an_wipe(bytes, sizeof bytes);
    an_buf_done(&b);
    return err;
}

/* ---- one request ---- */

/* False: a part does not fit; that is told in *ret. */
static bool copy_request(const an_http_request *http, an_api_request *req, an_api_answer *ret)
{
    const char *idem = an_http_header(http, "Idempotency-Key");
    bool fits = strlen(http->path) < sizeof req->path && strlen(http->method) < sizeof req->method &&
                (!idem || strlen(idem) < sizeof req->idem);
    if (fits) {
        snprintf(req->path, sizeof req->path, "%s", http->path);
        const bool head = strcmp(http->method, "HEAD") == 0; /* the door leaves the body out */
        snprintf(req->method, sizeof req->method, "%s", head ? "GET" : http->method);
        snprintf(req->idem, sizeof req->idem, "%s", idem ? idem : "");
        snprintf(req->actor, sizeof req->actor, "user/%s", req->who.name);
    }
#define AN_API_ROW(name)                                                                                     \
    {                                                                                                        \
        const char *value = an_http_query(http, #name);                                                      \
        if (value && strlen(value) < sizeof req->name)                                                       \
            snprintf(req->name, sizeof req->name, "%s", value);                                              \
        else if (value)                                                                                      \
            fits = false;                                                                                    \
    }
    AN_API_QUERY_LIST(AN_API_ROW)
#undef AN_API_ROW
    if (!fits) {
        an_api_problem(400, "the path, a query parameter or a header is too long", ret);
        return false;
    }
    req->body = an_alloc(http->body_len + 1, 1);
    if (!req->body) {
        an_api_problem(503, "out of memory", ret);
        return false;
    }
    memcpy(req->body, http->body, http->body_len);
    req->body_len = http->body_len;
    return true;
}

void an_bridge_ask(an_bridge *b, an_http_job *job, an_api_answer *ret)
{
    const char *refusal = NULL;
    int64_t wait_ms = 0;
    if (job->req.wait_ms[0] &&
        (!an_parse_int(job->req.wait_ms, &wait_ms) || wait_ms < 0 || wait_ms > AN_API_WAIT_MAX_MS))
        wait_ms = 0;
    struct timespec until = an_clock_after((job->answer_ms ? job->answer_ms : b->answer_ms) + wait_ms);
    pthread_mutex_lock(&b->lock);
    job->bell = b->n_asked++ % BELLS;
    if (b->closing) {
        refusal = "the coordinator is stopping";
    } else if (an_pipe_send(b->to_core, &job, sizeof job) != AN_OK) {
        refusal = "too many requests wait already";
    } else {
        while (!job->done && !b->closing && !job->left)
            job->left =
                pthread_cond_timedwait(&b->bells[job->bell], &b->lock, &until) == ETIMEDOUT && !job->done;
        if (job->done) {
            *ret = job->answer;
            job->answer = (an_api_answer){0};
        } else {
            refusal = b->closing ? "the coordinator is stopping"
                                 : "no answer in time; the request may still be done";
            job->left = true;
            job = NULL; /* the core releases it */
        }
    }
    pthread_mutex_unlock(&b->lock);
    an_http_job_free(job);
    if (refusal)
        an_api_problem(503, refusal, ret);
}

/* The console needs no log-in: it holds nothing of the fleet, and asks the API as anybody does. */
static bool is_page(const an_http_request *http, an_http_reply *reply)
{
    static const char *const others[] = {"/api/", "/metrics", "/healthz", "/readyz"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strncmp(http->path, others[i], strlen(others[i])) == 0)
            return false;
    return an_asset_answer(&an_console_assets, http, reply);
}

#define METERS_MS 4000 /* who reads them waits ten seconds, as a rule, and half a page is better than none */

/* What the core knows if it has the time, then what needs nobody else.  Takes the job. */
static void answer_meters(an_bridge *b, an_http_job *job, an_http_reply *reply)
{
    an_api_answer core = {0};
    an_buf out;
    an_meter_page p;
    job->since_ms = an_clock_system()->mono_ms(an_clock_system());
    job->answer_ms = METERS_MS;
    an_bridge_ask(b, job, &core);
    const bool up = core.status == 200 && core.body;
    an_buf_init(&out, AN_METER_PAGE_MAX);
    if (up)
        an_buf_text(&out, core.body);
    an_api_answer_done(&core);
    an_meter_begin(&p, an_coordinator_meters, AN_COORDINATOR_METERS, &out);
    an_meter_count(&p, AN_CM_CORE_UP, up, NULL);
    an_vitals_meters(b->vitals, &p, b->data);
    if (an_meter_end(&p) != AN_OK) {
        an_buf_done(&out);
        return;
    }
    reply->status = 200;
    reply->type = AN_METER_TYPE;
    reply->body = out.data;
    reply->body_len = out.len;
}

/* They name sites: for who sees all. */
static bool may_read_meters(an_bridge *b, const an_http_request *http, an_api_request *req,
                            an_api_answer *refusal)
{
    if (!b->open_meters && !an_auth_who(b->auth, http, &req->who, refusal))
        return false;
    if (!b->open_meters && !an_who_sees_all(&req->who)) {
        an_api_problem(403, "this concerns all sites", refusal);
        return false;
    }
    return copy_request(http, req, refusal);
}

static void answer_one(an_bridge *b, const an_http_request *http, an_http_reply *reply)
{
    const bool meters = strcmp(http->path, AN_METRICS_PATH) == 0;
    an_api_answer answer = {0};
    an_http_job *job = NULL;
    if (an_vitals_probe(b->vitals, http, reply))
        return;
    const bool ours = an_auth_host(b->auth, http, &answer);
    if (ours && is_page(http, reply))
        return;
    if (!ours || an_auth_session(b->auth, http, &answer, reply)) {
        /* answered, or refused */
    } else if (!(job = an_alloc(1, sizeof *job))) {
        an_api_problem(503, "out of memory", &answer);
    } else if (meters) {
        if (may_read_meters(b, http, &job->req, &answer)) {
            answer_meters(b, job, reply);
            return;
        }
    } else if (an_auth_who(b->auth, http, &job->req.who, &answer) && copy_request(http, &job->req, &answer) &&
               an_api_may(&job->req, &answer) && an_auth_password(b->auth, http, &job->req, &answer)) {
        job->since_ms = an_clock_system()->mono_ms(an_clock_system());
        if (an_bridge_is_events(&job->req))
            an_bridge_events(b, http, job, &answer, reply);
        else
            an_bridge_ask(b, job, &answer);
        job = NULL;
    }
    an_http_job_free(job);
    if (reply->stream)
        return;
    an_reply_fill(http, &answer, reply);
}

bool an_bridge_still(an_bridge *b, const an_who *who)
{
    return an_auth_still(b->auth, who);
}

static void on_http(void *ctx, const an_http_request *http, an_http_reply *reply)
{
    an_bridge *b = ctx;
    const uint64_t since_ns = an_clock_ns();
    answer_one(b, http, reply);
    an_vitals_asked(b->vitals, http, reply->status, an_clock_ns() - since_ns);
}

bool an_bridge_waits(an_bridge *b, const an_http_job *job)
{
    pthread_mutex_lock(&b->lock);
    const bool waits = !job->left;
    pthread_mutex_unlock(&b->lock);
    return waits;
}

void an_bridge_answer(an_bridge *b, an_http_job *job)
{
    pthread_mutex_lock(&b->lock);
    bool left = job->left;
    job->done = true;
    pthread_cond_broadcast(&b->bells[job->bell]);
    pthread_mutex_unlock(&b->lock);
    if (left)
        an_http_job_free(job);
}

/* ---- life ---- */

an_err an_bridge_open(const an_coordinator_conf *conf, an_auth *auth, an_vitals *vitals, an_pipe *to_core,
                      an_bridge **ret, an_note *why)
{
    an_bridge *b = an_alloc(1, sizeof *b);
    if (!b) {
        an_pipe_close(to_core);
        return AN_ERR_NOMEM;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&b->lock, NULL);
    for (size_t i = 0; i < BELLS; i++)
        pthread_cond_init(&b->bells[i], &attr);
    pthread_condattr_destroy(&attr);
    b->to_core = to_core;
    b->answer_ms = conf->answer_ms;
    b->heartbeat_ms = conf->heartbeat_ms;
    b->open_meters = conf->metrics == AN_METRICS_OPEN;
    b->data = conf->data;
    b->vitals = vitals;
    b->auth = auth;
    an_tls tls = {0};
    an_http_server_conf server = {.address = conf->http_address,
                                  .port = (uint16_t)conf->http_port,
                                  .max_connections = CONNECTIONS_MAX,
                                  .max_streams = STREAMS_MAX,
                                  .per_address = an_coordinator_conf_per_address(conf),
                                  .timeout_s = 60,
                                  .max_body = BODY_MAX,
                                  .threads = true,
                                  .handler = on_http,
                                  .ctx = b};
    an_err err = an_tls_read(conf, &tls, why);
    server.certificate = tls.certificate;
    server.key = tls.key;
    if (err == AN_OK)
        err = an_feed_new(&b->feed);
    if (err == AN_OK)
        err = an_http_server_start(&server, &b->server, why);
    an_tls_done(&tls);
    if (err != AN_OK) {
        an_bridge_free(b);
        return err;
    }
    *ret = b;
    return AN_OK;
}

int64_t an_bridge_heartbeat(const an_bridge *b)
{
    return b->heartbeat_ms;
}

an_feed *an_bridge_feed(const an_bridge *b)
{
    return b->feed;
}

uint16_t an_bridge_port(const an_bridge *b)
{
    return an_http_server_port(b->server);
}

void an_bridge_stop(an_bridge *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->closing = true;
    for (size_t i = 0; i < BELLS; i++)
        pthread_cond_broadcast(&b->bells[i]);
    pthread_mutex_unlock(&b->lock);
    an_feed_close(b->feed);
    an_http_server_stop(b->server);
    b->server = NULL;
}

void an_bridge_free(an_bridge *b)
{
    if (!b)
        return;
    an_bridge_stop(b);
    an_pipe_close(b->to_core);
    an_feed_free(b->feed);
    for (size_t i = 0; i < BELLS; i++)
        pthread_cond_destroy(&b->bells[i]);
    pthread_mutex_destroy(&b->lock);
    an_free(b);
}
