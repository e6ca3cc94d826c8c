/* From a request to its handler, and from an error to a problem. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "coordinator/api/api_internal.h"
#include "doors/crypto.h"

#define PREFIX "/api/v1"
#define REMEMBERED 64

typedef struct route {
    const char *method, *pattern;
    an_api_handler *handle;
    an_role role;
    an_api_scope scope;
    bool two;
    const char *meaning;
} route;

static const route routes[] = {
#define AN_ROUTE(method, pattern, function, role, scope, people, meaning)                                    \
    {#method, pattern, an_api_##function, AN_ROLE_##role, AN_REACH_##scope, AN_PEOPLE_##people, meaning},
#include "coordinator/api/routes.def"
#undef AN_ROUTE
};
#define N_ROUTES (sizeof routes / sizeof *routes)

/* An answered POST, by its idempotency key. */
typedef struct memory {
    char key[AN_API_TEXT], actor[AN_API_TEXT];
    an_hash of; /* who, method, path and body */
    unsigned status;
    char *body;
} memory;

struct an_api {
    an_api_conf conf;
    memory memories[REMEMBERED];
    size_t next;
};

an_err an_api_new(const an_api_conf *conf, an_api **ret)
{
    an_api *api = an_alloc(1, sizeof *api);
    if (!api)
        return AN_ERR_NOMEM;
    api->conf = *conf;
    *ret = api;
    return AN_OK;
}

void an_api_free(an_api *api)
{
    if (!api)
        return;
    for (size_t i = 0; i < REMEMBERED; i++)
        an_free(api->memories[i].body);
    an_free(api);
}

void an_api_answer_done(an_api_answer *answer)
{
    if (answer->body)
        an_wipe(answer->body, strlen(answer->body)); /* it may hold a token */
    an_free(answer->body);
    *answer = (an_api_answer){0};
}

bool an_api_route_at(size_t i, an_api_route_info *ret)
{
    if (i >= N_ROUTES)
        return false;
    *ret = (an_api_route_info){routes[i].method, routes[i].pattern, routes[i].meaning,
                               routes[i].role,   routes[i].scope,   routes[i].two};
    return true;
}

bool an_api_path_match(const char *pattern, const char *path, char ret_arg[static AN_API_TEXT])
{
    ret_arg[0] = '\0';
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (len == 0 || len >= AN_API_TEXT)
            return false;
        memcpy(ret_arg, path, len);
        ret_arg[len] = '\0';
        path += len;
        pattern = strchr(pattern, '}') + 1;
    }
    return *path == '\0';
}

size_t an_api_route_find(const char *method, const char *path)
{
    char arg[AN_API_TEXT];
    if (strncmp(path, PREFIX "/", sizeof PREFIX) != 0)
        return N_ROUTES;
    for (size_t i = 0; i < N_ROUTES; i++)
        if (strcmp(routes[i].method, method) == 0 &&
            an_api_path_match(routes[i].pattern, path + sizeof PREFIX - 1, arg))
            return i;
    return N_ROUTES;
}

/* ---- problems ---- */

static const struct {
    an_err err;
    unsigned status;
} statuses[] = {
    {AN_ERR_NOTFOUND, 404}, {AN_ERR_INVAL, 400},       {AN_ERR_PROTO, 400},   {AN_ERR_NUMERIC, 400},
    {AN_ERR_EXISTS, 409},   {AN_ERR_STATE, 409},       {AN_ERR_REFUSED, 409}, {AN_ERR_AUTH, 403},
    {AN_ERR_LIMIT, 413},    {AN_ERR_UNSUPPORTED, 400}, {AN_ERR_NOMEM, 503},   {AN_ERR_AGAIN, 503},
};

unsigned an_api_status_of(an_err err)
{
    if (err == AN_OK)
        return 200;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].err == err)
            return statuses[i].status;
    return 500;
}

static const char *title_of(unsigned status)
{
    switch (status) {
    case 400:
        return "the request cannot be understood";
    case 401:
        return "who asks is not known";
    case 403:
        return "not allowed";
    case 404:
        return "no such thing";
    case 405:
        return "not possible here";
    case 409:
        return "not possible now";
    case 413:
        return "too large";
    case 421:
        return "asked by another name";
    case 429:
        return "too often";
    case 503:
        return "not now; try again";
    default:
        return "something went wrong";
    }
}

void an_api_problem(unsigned status, const char *detail, an_api_answer *ret)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "type", "about:blank");
    an_json_set_text(o, "title", title_of(status));
    an_json_set_int(o, "status", (int64_t)status);
    an_json_set_text(o, "detail", detail);
    *ret = (an_api_answer){.status = status, .type = "application/problem+json", .body = an_json_print(o, 0)};
    an_json_free(o);
}

/* ---- idempotency ---- */

static void fingerprint_of(const an_api_request *req, an_hash *ret)
{
    an_hasher h;
    an_hasher_init(&h);
    an_hasher_add(&h, req->actor, strlen(req->actor) + 1);
    an_hasher_add(&h, req->method, strlen(req->method) + 1);
    an_hasher_add(&h, req->path, strlen(req->path) + 1);
    if (req->body_len > 0)
        an_hasher_add(&h, req->body, req->body_len);
    an_hasher_end(&h, ret);
}

/* True: the answer is known. */
static bool recall(const an_api *api, const an_api_request *req, an_api_answer *ret)
{
    an_hash of;
    if (!req->idem[0] || req->method[0] != 'P')
        return false;
    fingerprint_of(req, &of);
    for (size_t i = 0; i < REMEMBERED; i++) {
        const memory *m = &api->memories[i];
        if (!m->body || strcmp(m->key, req->idem) != 0 || strcmp(m->actor, req->actor) != 0)
            continue;
        char *body = an_hash_equal(&m->of, &of) ? an_strdup(m->body) : NULL;
        if (body)
            *ret = (an_api_answer){.status = m->status, .type = "application/json", .body = body};
        else
            an_api_problem(409, "this Idempotency-Key was used for another request", ret);
        return true;
    }
    return false;
}

static void remember(an_api *api, const an_api_request *req, const an_api_answer *answer)
{
    char *body = an_strdup(answer->body);
    if (!body)
        return; /* the effect stands; only a repetition would not be recognised */
    memory *m = &api->memories[api->next++ % REMEMBERED];
    an_free(m->body);
    *m = (memory){.status = answer->status, .body = body};
    snprintf(m->key, sizeof m->key, "%s", req->idem);
    snprintf(m->actor, sizeof m->actor, "%s", req->actor);
    fingerprint_of(req, &m->of);
}

/* The journal keeps which keys were used, of their bytes no more than a hash. */
static void begin(const an_api_call *c)
{
    char key[AN_ASK_KEY_TEXT] = "request ", hex[AN_HASH_TEXT];
    an_hash hash;
    if (c->req->method[0] != 'P' || !c->req->idem[0])
        return;
    an_hash_of(&hash, c->req->idem, strlen(c->req->idem));
    an_hash_text(hex, &hash);
    snprintf(key + strlen(key), sizeof key - strlen(key), "%s", hex);
    an_hub_ask(c->hub, c->actor, key);
}

/* ---- dispatch ---- */

/* NULL: *ret_allow is what is possible for the path, NULL for nothing. */
static const route *find(const an_api_request *req, char arg[static AN_API_TEXT], const char **ret_allow)
{
    bool get = false, post = false;
    *ret_allow = NULL;
    if (strncmp(req->path, PREFIX "/", sizeof PREFIX) != 0)
        return NULL;
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (!an_api_path_match(routes[i].pattern, req->path + sizeof PREFIX - 1, arg))
            continue;
        if (strcmp(routes[i].method, req->method) == 0)
            return &routes[i];
        get = get || routes[i].method[0] == 'G';
        post = post || routes[i].method[0] == 'P';
    }
    if (get || post)
        *ret_allow = !post ? "GET, HEAD" : get ? "GET, HEAD, POST" : "POST";
    return NULL;
}

static an_err parse_body(const an_api_request *req, an_json_doc **ret, an_note *why)
{
    bool empty = !req->body || req->body_len == 0;
    an_err err = an_json_parse(empty ? "{}" : req->body, empty ? 2 : req->body_len, "request body", ret, why);
    if (err == AN_OK && an_jval_kind(an_json_root(*ret)) != AN_JKIND_OBJECT)
        return an_fail(AN_ERR_INVAL, why, "request body: must be a JSON object");
    return err;
}

/* NULL: *ret is filled. */
static const route *find_or_refuse(const an_api_request *req, char arg[static AN_API_TEXT],
                                   an_api_answer *ret)
{
    const char *allow;
    an_note why = {{0}};
    const route *r = find(req, arg, &allow);
    if (!r) {
        an_note_set(&why, allow ? "%.20s is not possible for %.200s" : "no route %.20s %.200s", req->method,
                    req->path);
        an_api_problem(allow ? 405 : 404, why.text, ret);
        ret->allow = allow;
    }
    return r;
}

bool an_api_may(const an_api_request *req, an_api_answer *refusal)
{
    char arg[AN_API_TEXT];
    an_note why = {{0}};
    const route *r = find_or_refuse(req, arg, refusal);
    if (!r)
        return false;
    const an_api_call c = {.req = req, .actor = req->actor, .arg = arg};
    an_err err = an_api_access(&c, r->role, r->scope, &why);
    if (err != AN_OK)
        an_api_problem(an_api_status_of(err), why.text, refusal);
    return err == AN_OK;
}

an_err an_api_handle(an_api *api, const an_api_request *req, int64_t waited_ms, an_api_answer *ret)
{
    char arg[AN_API_TEXT];
    an_note why = {{0}};
    an_json_doc *doc = NULL;
    const route *r = find_or_refuse(req, arg, ret);
    if (!r)
        return AN_OK;
    an_api_call c = {.conf = &api->conf,
                     .hub = api->conf.hub,
                     .state = an_hub_state(api->conf.hub),
                     .req = req,
                     .actor = req->actor,
                     .arg = arg,
                     .waited_ms = waited_ms,
                     .status = 200,
                     .answer = an_json_object(),
                     .rest = req->rest ? *req->rest : NULL};
    an_err err = an_api_access(&c, r->role, r->scope, &why);
    if (err == AN_OK && recall(api, req, ret)) {
        an_json_free(c.answer);
        return AN_OK;
    }
    if (err == AN_OK)
        err = parse_body(req, &doc, &why);
    c.body = doc ? an_json_root(doc) : NULL;
    if (err == AN_OK) {
        begin(&c);
        err = r->two && api->conf.people > 1 ? an_api_propose(&c, r->pattern, &why) : r->handle(&c, &why);
        an_hub_ask(c.hub, NULL, NULL);
    }
    if (err == AN_ERR_AGAIN) {
        /* nothing to say yet */
    } else if (err == AN_OK) {
        *ret = (an_api_answer){.status = c.status,
                               .type = c.type ? c.type : "application/json",
                               .body = c.type ? c.text : an_json_print(c.answer, 0),
                               .last = c.last};
        if (!ret->body)
            an_api_problem(503, "out of memory", ret);
        else if (req->idem[0] && req->method[0] == 'P' && !c.secret)
            remember(api, req, ret);
    } else {
        an_api_problem(an_api_status_of(err), why.text[0] ? why.text : an_err_text(err), ret);
        err = AN_OK;
    }
    if (err != AN_ERR_AGAIN) {
        an_api_rest_free(c.rest);
        c.rest = NULL;
    }
    if (req->rest)
        *req->rest = c.rest;
    an_json_free(c.answer);
    an_json_doc_free(doc);
    return err;
}

/* In the name of who confirms it. */
an_err an_api_again(an_api_call *c, const char *path, const char *text, bool run, an_note *why)
{
    char arg[AN_API_TEXT];
    an_json_doc *doc = NULL;
    const size_t i = an_api_route_find("POST", path);
    if (i == N_ROUTES || !an_api_path_match(routes[i].pattern, path + sizeof PREFIX - 1, arg))
        return an_fail(AN_ERR_STATE, why, "there is no such route any more");
    an_api_call inner = *c;
    inner.arg = arg;
    an_err err = an_api_access(&inner, routes[i].role, routes[i].scope, why);
    if (err == AN_OK)
        err = an_json_parse(text, strlen(text), "proposal", &doc, why);
    inner.body = doc ? an_json_root(doc) : NULL;
    if (err == AN_OK && run)
        err = routes[i].handle(&inner, why);
    c->status = inner.status;
    an_json_doc_free(doc);
    return err;
}

/* ---- what handlers share ---- */

void an_api_set_hash(an_json *o, const char *key, const an_hash *h)
{
    char hex[AN_HASH_TEXT];
    if (an_hash_is_zero(h)) {
        an_json_set_null(o, key);
        return;
    }
    an_hash_text(hex, h);
    an_json_set_text(o, key, hex);
}

an_err an_api_id(const an_api_call *c, const char *what, uint64_t *ret, an_note *why)
{
    int64_t v;
    if (!an_parse_int(c->arg, &v) || v < 1)
        return an_fail(AN_ERR_NOTFOUND, why, "no %s %.60s", what, c->arg);
    *ret = (uint64_t)v;
    return AN_OK;
}

an_err an_api_number(const char *key, const char *text, int64_t max, int64_t *ret, an_note *why)
{
    *ret = 0;
    if (text[0] && (!an_parse_int(text, ret) || *ret < 0 || *ret > max))
        return an_fail(AN_ERR_INVAL, why, "%s = %.60s: must be 0..%lld", key, text, (long long)max);
    return AN_OK;
}

an_err an_api_limit(const an_api_call *c, int64_t dflt, int64_t max, size_t *ret, an_note *why)
{
    int64_t v = dflt;
    if (c->req->limit[0] && (!an_parse_int(c->req->limit, &v) || v < 1 || v > max))
        return an_fail(AN_ERR_INVAL, why, "limit = %.60s: must be 1..%lld", c->req->limit, (long long)max);
    *ret = (size_t)v;
    return AN_OK;
}

an_err an_api_reason(const an_api_call *c, const char **ret, an_note *why)
{
    an_err err = an_jval_get_text(c->body, "reason", "", ret, why);
    if (err == AN_OK && strlen(*ret) >= AN_REASON_MAX)
        return an_fail(AN_ERR_INVAL, why, "reason: at most %d bytes", AN_REASON_MAX - 1);
    /* It is shown at other people's terminals. */
    if (err == AN_OK && !an_text_ok(*ret, AN_REASON_MAX))
        return an_fail(AN_ERR_INVAL, why, "reason: holds control characters");
    return err;
}

int64_t an_api_now(const an_api_call *c)
{
    return c->conf->clock->wall_ms(c->conf->clock);
}
