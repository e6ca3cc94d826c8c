/* The door to libpq.  The connection is always in pipeline mode and never blocks inside libpq: every wait
 * is a poll with a deadline, so that a server that has vanished cannot hold the caller for ever. */
#include "doors/pq.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define KEPT_MAX 64
#define QUEUE_BYTES (4 << 20) /* what is sent before the server has to take some of it */

struct an_pq {
    PGconn *handle;
    int64_t patience_ms;
    struct {
        const char *sql; /* known by its address */
        unsigned id;     /* its name is "sID", used once */
    } kept[KEPT_MAX];
    size_t n_kept;
    size_t n_sure; /* of them the server has for certain */
    unsigned next_id;
    size_t n_sent; /* results that an_pq_finish has to read */
    size_t queued; /* bytes since the server last took all */
    bool lost;
};

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

/* ---- Rows ----------------------------------------------------------------------------------
 */

size_t an_pq_rows_n(const an_pq_rows *r)
{
    return r->result ? (size_t)PQntuples(r->result) : 0;
}

bool an_pq_is_null(const an_pq_rows *r, size_t row, int col)
{
    return PQgetisnull(r->result, (int)row, col) != 0;
}

int64_t an_pq_get_int(const an_pq_rows *r, size_t row, int col)
{
    const uint8_t *be = (const uint8_t *)PQgetvalue(r->result, (int)row, col);
    int len = PQgetlength(r->result, (int)row, col);
    uint64_t v = len > 0 && len < 8 && (be[0] & 0x80) ? UINT64_MAX : 0;
    for (int i = 0; i < len && i < 8; i++)
        v = v << 8 | be[i];
    return (int64_t)v;
}

const char *an_pq_get_text(const an_pq_rows *r, size_t row, int col)
{
    return PQgetvalue(r->result, (int)row, col); /* libpq ends every value with a zero byte */
}

const void *an_pq_get_bytes(const an_pq_rows *r, size_t row, int col, size_t *ret_len)
{
    *ret_len = (size_t)PQgetlength(r->result, (int)row, col);
    return PQgetvalue(r->result, (int)row, col);
}

void an_pq_rows_done(an_pq_rows *r)
{
    PQclear(r->result);
    r->result = NULL;
}

/* ---- Errors --------------------------------------------------------------------------------
 */

static const struct {
    const char *state; /* the SQLSTATE or its beginning; the first that fits */
    an_err err;
} states[] = {
    {"AN001", AN_ERR_STATE}, {"AN002", AN_ERR_PROTO}, {"23", AN_ERR_EXISTS}, {"40", AN_ERR_AGAIN},
    {"55P03", AN_ERR_AGAIN}, {"54", AN_ERR_LIMIT},    {"28", AN_ERR_AUTH},   {"42501", AN_ERR_AUTH},
    {"XX001", AN_ERR_PROTO}, {"XX002", AN_ERR_PROTO}, {"3D", AN_ERR_INVAL},  {"08", AN_ERR_IO},
    {"53", AN_ERR_IO},       {"57", AN_ERR_IO},       {"58", AN_ERR_IO},     {"XX", AN_ERR_IO},
    {"25006", AN_ERR_IO}, /* a replica that was not promoted yet */
    {"25P03", AN_ERR_IO}, /* the server ended a transaction that stood still */
};

static an_err err_of(const char *state)
{
    for (size_t i = 0; state && i < sizeof states / sizeof *states; i++)
        if (strncmp(state, states[i].state, strlen(states[i].state)) == 0)
            return states[i].err;
    return state ? AN_ERR_INVAL : AN_ERR_IO;
}

static size_t line_len(const char *text)
{
    return strcspn(text, "\n");
}

/* libpq's sentence, without what follows its first line. */
static an_err fail_lost(an_pq *c, an_note *why)
{
    const char *text = PQerrorMessage(c->handle);
    c->lost = true;
    return an_fail(AN_ERR_IO, why, "postgresql: %.*s", (int)line_len(text),
                   text[0] ? text : "connection lost");
}

static an_err fail_result(const PGresult *r, an_note *why)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    return an_fail(err_of(state), why, "postgresql: %.200s (%s)", text ? text : "no answer",
                   state ? state : "-");
}

/* ---- Waiting -------------------------------------------------------------------------------
 */

/* Waits until the socket is ready for one of `events`.  Errors: AGAIN the deadline, IO. */
static an_err wait_socket(PGconn *handle, short events, int64_t until_ms)
{
    struct pollfd p = {.fd = PQsocket(handle), .events = events};
    if (p.fd < 0)
        return AN_ERR_IO;
    for (;;) {
        int64_t left = until_ms - mono();
        int n = poll(&p, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);
        if (n > 0)
            return AN_OK;
        if (n == 0)
            return AN_ERR_AGAIN;
        if (errno != EINTR)
            return AN_ERR_IO;
    }
}

/* Sends what is queued; takes in what comes meanwhile, so that neither end blocks the other. */
static an_err flush(an_pq *c, an_note *why)
{
    int left;
    while ((left = PQflush(c->handle)) == 1) {
        an_err err = wait_socket(c->handle, POLLIN | POLLOUT, mono() + c->patience_ms);
        if (err != AN_OK || PQconsumeInput(c->handle) != 1) {
            err = fail_lost(c, why);
            return err;
        }
    }
    c->queued = 0;
    return left == 0 ? AN_OK : fail_lost(c, why);
}

/* The next result.  NULL in *ret: the end of one command's results. */
static an_err next_result(an_pq *c, int64_t patience_ms, PGresult **ret, an_note *why)
{
    while (PQisBusy(c->handle)) {
        an_err err = wait_socket(c->handle, POLLIN, mono() + patience_ms);
        if (err == AN_ERR_AGAIN) {
            c->lost = true;
            return an_fail(AN_ERR_IO, why, "postgresql: no answer for %lld s",
                           (long long)(patience_ms / 1000));
        }
        if (err != AN_OK || PQconsumeInput(c->handle) != 1)
            return fail_lost(c, why);
    }
    *ret = PQgetResult(c->handle);
    return AN_OK;
}

/* ---- Opening -------------------------------------------------------------------------------
 */

/* A list of hosts, names or addresses; one that begins with / is a folder of sockets. */
static bool all_local(const char *hosts)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", ""};
    for (const char *at = hosts; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const size_t len = strcspn(at, ",");
        bool local = at[0] == '/';
        for (size_t i = 0; !local && i < sizeof names / sizeof *names; i++)
            local = len == strlen(names[i]) && strncmp(at, names[i], len) == 0;
        if (!local)
            return false;
    }
    return true;
}

an_err an_pq_check(const char *conninfo, an_pq_address *ret, an_note *why)
{
    char *text = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &text);
    *ret = (an_pq_address){.local = true};
    if (!options) {
        /* The sentence may quote the text, and that a password. */
        PQfreemem(text);
        return an_fail(text ? AN_ERR_INVAL : AN_ERR_NOMEM, why,
                       "store: not an address of PostgreSQL (host=... dbname=... or //host/database)");
    }
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (!o->val || !o->val[0])
            continue;
        if (strcmp(o->keyword, "password") == 0 || strcmp(o->keyword, "sslpassword") == 0)
            ret->password = true;
        else if (strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0)
            ret->local = ret->local && all_local(o->val);
        else if (strcmp(o->keyword, "sslmode") == 0)
            ret->verified = strcmp(o->val, "verify-full") == 0;
    }
    PQconninfoFree(options);
    return AN_OK;
}

static void no_notice(void *ctx, const PGresult *r)
{
    (void)ctx;
    (void)r;
}

static an_err connect_by(PGconn *handle, int64_t until_ms)
{
    for (PostgresPollingStatusType s = PGRES_POLLING_WRITING; s != PGRES_POLLING_OK;) {
        if (s == PGRES_POLLING_FAILED)
            return AN_ERR_IO;
        an_err err = wait_socket(handle, s == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms);
        if (err != AN_OK)
            return err;
        s = PQconnectPoll(handle);
    }
    return AN_OK;
}

/* libpq tells of a refused connection by a sentence alone. */
static an_err fail_open(const PGconn *handle, an_err err, an_note *why)
{
    const char *text = PQerrorMessage(handle);
    if (err == AN_ERR_AGAIN)
        return an_fail(AN_ERR_IO, why, "postgresql: no connection in time");
    bool refused = strstr(text, "authentication failed") || strstr(text, "no pg_hba.conf entry") ||
                   strstr(text, "no password supplied") || strstr(text, "role \"");
    bool absent = strstr(text, "database \"") && strstr(text, "does not exist");
    return an_fail(refused  ? AN_ERR_AUTH
                   : absent ? AN_ERR_INVAL
                            : AN_ERR_IO,
                   why, "postgresql: %.*s", (int)line_len(text), text);
}

an_err an_pq_open(const char *conninfo, int64_t patience_ms, an_pq **ret, an_note *why)
{
    const char *const keys[] = {"fallback_application_name", "dbname", "client_encoding", NULL};
    const char *const values[] = {"andon-coordinator", conninfo, "UTF8", NULL};
    an_pq *c = an_alloc(1, sizeof *c);
    if (!c)
        return an_fail(AN_ERR_NOMEM, why, "postgresql: out of memory");
    c->patience_ms = patience_ms;
    an_err err = AN_ERR_NOMEM;
    if (!(c->handle = PQconnectStartParams(keys, values, 1)))
        goto out;
    err = PQstatus(c->handle) == CONNECTION_BAD ? AN_ERR_IO : connect_by(c->handle, mono() + patience_ms);
    if (err != AN_OK) {
        err = fail_open(c->handle, err, why);
        goto out;
    }
    PQsetNoticeReceiver(c->handle, no_notice, NULL);
    if (PQsetnonblocking(c->handle, 1) != 0 || PQenterPipelineMode(c->handle) != 1) {
        err = fail_lost(c, why);
        goto out;
    }
    *ret = c;
    return AN_OK;
out:
    an_pq_close(c);
    return err;
}

void an_pq_close(an_pq *c)
{
    if (!c)
        return;
    PQfinish(c->handle);
    an_free(c);
}

bool an_pq_lost(const an_pq *c)
{
    return c->lost || PQstatus(c->handle) == CONNECTION_BAD;
}

void an_pq_abandon(an_pq *c)
{
    c->lost = true;
}

int64_t an_pq_pid(const an_pq *c)
{
    return PQbackendPID(c->handle);
}

/* ---- Commands ------------------------------------------------------------------------------
 */

static an_err keep(an_pq *c, const char *sql, char name[static 16], an_note *why)
{
    size_t i = 0;
    while (i < c->n_kept && c->kept[i].sql != sql)
        i++;
    snprintf(name, 16, "s%u", i < c->n_kept ? c->kept[i].id : c->next_id);
    if (i < c->n_kept)
        return AN_OK;
    if (i == KEPT_MAX)
        return an_fail(AN_ERR_LIMIT, why, "postgresql: more than %d kept statements", KEPT_MAX);
    if (PQsendPrepare(c->handle, name, sql, 0, NULL) != 1)
        return fail_lost(c, why);
    c->kept[c->n_kept].sql = sql;
    c->kept[c->n_kept++].id = c->next_id++;
    c->n_sent++;
    return AN_OK;
}

static an_err send(an_pq *c, const char *sql, bool once, const an_pq_args *a, an_note *why)
{
    static const an_pq_args none = {.n = 0};
    const char *values[AN_PQ_ARGS_MAX];
    int formats[AN_PQ_ARGS_MAX];
    char name[16];
    a = a ? a : &none;
    if (a->failed)
        return an_fail(AN_ERR_LIMIT, why, "postgresql: too many or too long values");
    if (an_pq_lost(c))
        return fail_lost(c, why);
    for (int i = 0; i < a->n; i++) {
        values[i] = a->is_num[i] ? (const char *)a->num[i] : a->bytes[i];
        formats[i] = 1;
        c->queued += (size_t)a->len[i];
    }
    an_err err = once ? AN_OK : keep(c, sql, name, why);
    if (err != AN_OK)
        return err;
    if ((once ? PQsendQueryParams(c->handle, sql, a->n, NULL, values, a->len, formats, 1)
              : PQsendQueryPrepared(c->handle, name, a->n, values, a->len, formats, 1)) != 1)
        return fail_lost(c, why);
    c->n_sent++;
    return c->queued > QUEUE_BYTES ? flush(c, why) : AN_OK;
}

an_err an_pq_send(an_pq *c, const char *sql, const an_pq_args *a, an_note *why)
{
    return send(c, sql, false, a, why);
}

/* What the commands sent have come to. */
typedef struct outcome {
    an_err err; /* the first that the server told */
    bool sync;  /* all results are read */
    an_note *why;
} outcome;

/* Reads the results of one command.  Errors: of the connection. */
static an_err read_command(an_pq *c, an_pq_rows *ret, outcome *o, an_note *lost)
{
    PGresult *r = NULL;
    an_err err;
    while ((err = next_result(c, c->patience_ms, &r, lost)) == AN_OK && r) {
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_TUPLES_OK && ret) {
            PQclear(ret->result);
            ret->result = r;
            continue;
        }
        o->sync = status == PGRES_PIPELINE_SYNC;
        if (!o->sync && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
            status != PGRES_PIPELINE_ABORTED && o->err == AN_OK)
            o->err = fail_result(r, o->why);
        PQclear(r);
        if (o->sync)
            return AN_OK;
    }
    return err;
}

static an_err read_all(an_pq *c, an_pq_rows *ret, outcome *o, an_note *lost)
{
    if (PQpipelineSync(c->handle) != 1)
        return fail_lost(c, lost);
    an_err err = flush(c, lost);
    for (size_t i = 0; err == AN_OK && !o->sync && i <= c->n_sent; i++)
        err = read_command(c, ret, o, lost);
    c->n_sent = 0;
    return err == AN_OK && !o->sync ? fail_lost(c, lost) : err;
}

static void roll_back(an_pq *c)
{
    an_note lost;
    outcome o = {.why = NULL};
    c->n_sent = 1;
    if (PQsendQueryParams(c->handle, "ROLLBACK", 0, NULL, NULL, NULL, NULL, 1) != 1 ||
        read_all(c, NULL, &o, &lost) != AN_OK || o.err != AN_OK)
        c->lost = true;
}

an_err an_pq_finish(an_pq *c, an_pq_rows *ret, an_note *why)
{
    an_note lost = {{0}};
    outcome o = {.why = why};
    an_err err = an_pq_lost(c) ? fail_lost(c, &lost) : read_all(c, ret, &o, &lost);
    if (err == AN_OK && o.err == AN_OK) {
        c->n_sure = c->n_kept;
        return AN_OK;
    }
    if (ret)
        an_pq_rows_done(ret);
    c->n_kept = c->n_sure; /* which of the new ones it has is not known */
    if (err != AN_OK) {
        c->lost = true;
        if (o.err != AN_OK) /* a server that shuts down says so, and hangs up */
            return AN_ERR_IO;
        return an_fail(AN_ERR_IO, why, "%s", lost.text);
    }
    if (PQtransactionStatus(c->handle) != PQTRANS_IDLE)
        roll_back(c);
    return o.err;
}

an_err an_pq_query(an_pq *c, const char *sql, const an_pq_args *a, an_pq_rows *ret, an_note *why)
{
    an_err err = an_pq_send(c, sql, a, why);
    return err == AN_OK ? an_pq_finish(c, ret, why) : err;
}

an_err an_pq_query_once(an_pq *c, const char *sql, const an_pq_args *a, an_pq_rows *ret, an_note *why)
{
    an_err err = send(c, sql, true, a, why);
    return err == AN_OK ? an_pq_finish(c, ret, why) : err;
}

an_err an_pq_script(an_pq *c, const char *sql, int64_t patience_ms, an_note *why)
{
    PGresult *r = NULL;
    an_err err, first = AN_OK;
    if (an_pq_lost(c) || PQexitPipelineMode(c->handle) != 1 || PQsendQuery(c->handle, sql) != 1)
        return fail_lost(c, why);
    err = flush(c, why);
    while (err == AN_OK && (err = next_result(c, patience_ms, &r, why)) == AN_OK && r) {
        ExecStatusType status = PQresultStatus(r);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && first == AN_OK)
            first = fail_result(r, why);
        PQclear(r);
    }
    if (err == AN_OK && PQenterPipelineMode(c->handle) != 1)
        err = fail_lost(c, why);
    return err != AN_OK ? err : first;
}

an_err an_pq_listen(an_pq *c, int64_t timeout_ms, an_note *why)
{
    for (int64_t until = mono() + timeout_ms;;) {
        if (PQconsumeInput(c->handle) != 1)
            return fail_lost(c, why);
        PGnotify *n = PQnotifies(c->handle);
        if (n) {
            PQfreemem(n);
            return AN_OK;
        }
        an_err err = wait_socket(c->handle, POLLIN, until);
        if (err == AN_ERR_AGAIN)
            return AN_ERR_AGAIN;
        if (err != AN_OK)
            return fail_lost(c, why);
    }
}
