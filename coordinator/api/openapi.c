/* From rows to OpenAPI: paths of routes.def, what they take and give of shapes.def. */
#include "coordinator/api/openapi.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/api/api.h"
#include "coordinator/api/shape.h"

typedef struct call {
    const char *statuses, *query, *body, *answer;
} call;

enum {
#define AN_CALL(function, statuses, query, body, answer) CALL_##function,
#define AN_SHAPE(name, members)
#define AN_KIND(name, type)
#define AN_OPEN(method, pattern, statuses, body, answer, meaning)
#include "coordinator/api/shapes.def"
#undef AN_CALL
#undef AN_SHAPE
#undef AN_KIND
#undef AN_OPEN
};

static const call calls[] = {
#define AN_CALL(function, statuses, query, body, answer) [CALL_##function] = {statuses, query, body, answer},
#define AN_SHAPE(name, members)
#define AN_KIND(name, type)
#define AN_OPEN(method, pattern, statuses, body, answer, meaning)
#include "coordinator/api/shapes.def"
#undef AN_CALL
#undef AN_SHAPE
#undef AN_KIND
#undef AN_OPEN
};

/* In the order of routes.def. */
static const struct {
    size_t call;
    const char *name;
} of_route[] = {
#define AN_ROUTE(method, pattern, function, role, scope, people, meaning) {CALL_##function, #function},
#include "coordinator/api/routes.def"
#undef AN_ROUTE
};

static const struct {
    const char *method, *pattern;
    call call;
    const char *meaning;
} opens[] = {
#define AN_CALL(function, statuses, query, body, answer)
#define AN_SHAPE(name, members)
#define AN_KIND(name, type)
#define AN_OPEN(method, pattern, statuses, body, answer, meaning)                                            \
    {#method, pattern, {statuses, "", body, answer}, meaning},
#include "coordinator/api/shapes.def"
#undef AN_CALL
#undef AN_SHAPE
#undef AN_KIND
#undef AN_OPEN
};

static const struct {
    const char *name, *members, *type;
} shapes[] = {
#define AN_CALL(function, statuses, query, body, answer)
#define AN_SHAPE(name, members) {#name, members, NULL},
#define AN_KIND(name, type) {#name, NULL, type},
#define AN_OPEN(method, pattern, statuses, body, answer, meaning)
#include "coordinator/api/shapes.def"
#undef AN_CALL
#undef AN_SHAPE
#undef AN_KIND
#undef AN_OPEN
};

static an_json *reference(const char *to)
{
    char text[100];
    an_json *o = an_json_object();
    snprintf(text, sizeof text, "#/components/%s", to);
    an_json_set_text(o, "$ref", text);
    return o;
}

/* ---- parameters ---- */

static void add_parameter(an_json *list, const char *name, const char *in, bool required, an_json *schema)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "name", name);
    an_json_set_text(o, "in", in);
    an_json_set_bool(o, "required", required);
    an_json_set(o, "schema", schema);
    an_json_push(list, o);
}

/* The {part} of a pattern says what it is by its name. */
static void add_part(an_json *list, const char *pattern)
{
    char name[32] = "";
    const char *open = strchr(pattern, '{'), *type = "text(127)";
    if (!open)
        return;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(open + 1, "}"), open + 1);
    if (strcmp(name, "id") == 0)
        type = "int(1..)";
    if (strcmp(name, "hash") == 0)
        type = "text(64)";
    add_parameter(list, name, "path", true, an_shape_type(type));
}

static an_json *parameters(const char *method, const char *pattern, const call *c)
{
    an_json *list = an_json_array();
    const char *at = c->query;
    an_shape_member m;
    add_part(list, pattern);
    while (an_shape_next(&at, &m))
        add_parameter(list, m.name, "query", !m.optional, an_shape_type(m.type));
    if (strcmp(method, "POST") == 0)
        add_parameter(list, "Idempotency-Key", "header", false, an_shape_type("text(127)"));
    return list;
}

/* ---- bodies ---- */

static an_json *content(const char *type, an_json *schema)
{
    an_json *o = an_json_object(), *of = an_json_object();
    an_json_set(of, "schema", schema);
    an_json_set(o, type, of);
    return o;
}

static an_json *answer_schema(const call *c)
{
    return strchr(c->answer, ':') ? an_shape_object(c->answer, true) : an_shape_type(c->answer);
}

/* What needs two people may be a proposal in place of what was asked. */
static an_json *or_proposal(an_json *schema)
{
    an_json *o = an_json_object(), *list = an_json_array();
    an_json_push(list, schema);
    an_json_push(list, an_shape_object("proposal:Proposal", true));
    an_json_set(o, "anyOf", list);
    return o;
}

static an_json *answer_of(const call *c, bool proposal)
{
    an_json *o = an_json_object();
    const bool stream = strcmp(c->answer, "STREAM") == 0;
    an_json *schema = stream ? an_shape_type("text") : answer_schema(c);
    an_json_set_text(o, "description", "done");
    an_json_set(
        o, "content",
        content(stream ? "text/event-stream" : "application/json", proposal ? or_proposal(schema) : schema));
    return o;
}

static an_json *responses(const char *method, const call *c, bool two)
{
    static const struct {
        const char *status;
        bool changes; /* of a POST alone */
    } refusals[] = {{"400", false}, {"401", false}, {"403", false}, {"404", false}, {"409", true},
                    {"413", true},  {"421", false}, {"429", true},  {"503", false}};
    an_json *o = an_json_object();
    for (const char *at = c->statuses; *at; at += strspn(at, " ")) {
        char status[8];
        const size_t len = strcspn(at, " ");
        snprintf(status, sizeof status, "%.*s", (int)len, at);
        an_json_set(o, status, answer_of(c, two && strcmp(status, "202") == 0));
        at += len;
    }
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (!refusals[i].changes || strcmp(method, "POST") == 0)
            an_json_set(o, refusals[i].status, reference("responses/Problem"));
    return o;
}

static an_json *operation(const char *method, const char *pattern, const call *c, const char *meaning,
                          bool two)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "summary", meaning);
    an_json_set(o, "parameters", parameters(method, pattern, c));
    if (strcmp(method, "POST") == 0) {
        an_json *body = an_json_object();
        an_json_set_bool(body, "required", false);
        an_json_set(body, "content", content("application/json", an_shape_object(c->body, false)));
        an_json_set(o, "requestBody", body);
    }
    an_json_set(o, "responses", responses(method, c, two));
    return o;
}

/* ---- all of it ---- */

static const char *lower(const char *method)
{
    return strcmp(method, "GET") == 0 ? "get" : "post";
}

static an_json *route_operation(size_t i, const an_api_route_info *r)
{
    static const char *const scopes[] = {"common", "fleet", "site", "list", "own"};
    an_json *o = operation(r->method, r->pattern, &calls[of_route[i].call], r->meaning, r->two);
    an_json_set_text(o, "operationId", of_route[i].name);
    an_json_set_text(o, "x-andon-role", an_role_name(r->role));
    an_json_set_text(o, "x-andon-scope", scopes[r->scope]);
    an_json_set_bool(o, "x-andon-two-people", r->two);
    return o;
}

/* Both methods of a path together, where it comes first. */
static an_json *paths(void)
{
    an_json *all = an_json_object();
    an_api_route_info r, other;
    for (size_t i = 0; an_api_route_at(i, &r); i++) {
        size_t first = 0;
        while (an_api_route_at(first, &other) && strcmp(other.pattern, r.pattern) != 0)
            first++;
        if (first < i)
            continue;
        an_json *path = an_json_object();
        for (size_t k = i; an_api_route_at(k, &other); k++)
            if (strcmp(other.pattern, r.pattern) == 0)
                an_json_set(path, lower(other.method), route_operation(k, &other));
        an_json_set(all, r.pattern, path);
    }
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        an_json *path = an_json_object();
        if (i > 0 && strcmp(opens[i].pattern, opens[i - 1].pattern) == 0) {
            an_json_free(path);
            continue;
        }
        for (size_t k = i; k < sizeof opens / sizeof *opens; k++)
            if (strcmp(opens[k].pattern, opens[i].pattern) == 0)
                an_json_set(
                    path, lower(opens[k].method),
                    operation(opens[k].method, opens[k].pattern, &opens[k].call, opens[k].meaning, false));
        an_json_set(all, opens[i].pattern, path);
    }
    return all;
}

static an_json *security_schemes(void)
{
    an_json *o = an_json_object(), *bearer = an_json_object(), *cookie = an_json_object();
    an_json_set_text(bearer, "type", "http");
    an_json_set_text(bearer, "scheme", "bearer");
    an_json_set(o, "token", bearer);
    an_json_set_text(cookie, "type", "apiKey");
    an_json_set_text(cookie, "in", "cookie");
    an_json_set_text(cookie, "name", "andon-7700");
    an_json_set_text(cookie, "description",
                     "named after the port in Host; without one there it is \"andon\"");
    an_json_set(o, "session", cookie);
    return o;
}

static an_json *components(void)
{
    an_json *o = an_json_object(), *schemas = an_json_object(), *answers = an_json_object(),
            *problem = an_json_object();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        an_json_set(schemas, shapes[i].name,
                    shapes[i].members ? an_shape_object(shapes[i].members, true)
                                      : an_shape_type(shapes[i].type));
    an_json_set_text(problem, "description", "refused, or not possible; \"detail\" says why");
    an_json_set(problem, "content", content("application/problem+json", reference("schemas/Problem")));
    an_json_set(answers, "Problem", problem);
    an_json_set(o, "schemas", schemas);
    an_json_set(o, "responses", answers);
    an_json_set(o, "securitySchemes", security_schemes());
    return o;
}

static an_json *security(void)
{
    static const char *const schemes[] = {"token", "session"};
    an_json *list = an_json_array();
    for (size_t i = 0; i < 2; i++) {
        an_json *o = an_json_object();
        an_json_set(o, schemes[i], an_json_array());
        an_json_push(list, o);
    }
    return list;
}

char *an_openapi_text(void)
{
    an_json *o = an_json_object(), *info = an_json_object(), *server = an_json_object(),
            *servers = an_json_array();
    an_json_set_text(o, "openapi", "3.1.0");
    an_json_set_text(info, "title", "Andon coordinator");
    an_json_set_text(info, "version", "1");
    an_json_set_text(info, "description",
                     "Made by `andon-lab openapi` of coordinator/api/routes.def and shapes.def; do not edit. "
                     "docs/API.md says what holds for all of it.");
    an_json_set(o, "info", info);
    an_json_set_text(server, "url", "/api/v1");
    an_json_push(servers, server);
    an_json_set(o, "servers", servers);
    an_json_set(o, "security", security());
    an_json_set(o, "paths", paths());
    an_json_set(o, "components", components());
    char *text = an_json_print(o, 1);
    an_json_free(o);
    return text;
}
