/* What ran where and when, and where a model's aliases were. */
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "coordinator/api/api_internal.h"
#include "coordinator/registry.h"
#include "doors/crypto.h"

typedef an_api_window window;

/* ---- lines ---- */

static an_err take_record(void *ctx, const an_record *r, an_note *why)
{
    return an_history_take(ctx, r, why);
}

static an_json *run_json(const an_run *run)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "line", run->line);
    an_json_set_text(o, "model", run->model);
    an_api_set_hash(o, "version", &run->version);
    an_api_set_hash(o, "overlay", &run->overlay);
    an_json_set_int(o, "from_ms", run->from_ms);
    an_json_set_int(o, "told_ms", run->told_ms);
    an_json_set_int(o, "until_ms", run->until_ms);
    an_json_set_int(o, "heard_ms", run->heard_ms);
    an_json_set_bool(o, "dated", run->dated);
    an_json_set_bool(o, "countersigned", run->countersigned);
    if (run->left)
        an_json_set_text(o, "left", run->reason);
    an_json_set_int(o, "seq", (int64_t)run->seq);
    return o;
}

static void history_done(void *state)
{
    an_history_done(state);
}

static bool is_wanted(const an_api_call *c, const an_run *run)
{
    return !c->req->line[0] || strcmp(c->req->line, run->line) == 0;
}

static void set_runs(an_api_call *c, const an_history *h, const window *w)
{
    an_json *runs = an_json_array(), *since = an_json_object();
    for (size_t i = 0; i < h->runs.n; i++) {
        const an_run *run = &h->runs.items[i];
        bool first = is_wanted(c, run);
        for (size_t k = 0; k < i && first; k++)
            first = strcmp(h->runs.items[k].line, run->line) != 0;
        if (first)
            an_json_set_int(since, run->line, run->from_ms);
        if (is_wanted(c, run) && an_run_within(run, w->from_ms, w->until_ms))
            an_json_push(runs, run_json(run));
    }
    an_json_set(c->answer, "runs", runs);
    an_json_set(c->answer, "known_since_ms", since);
}

#define NAMED_MAX 16

typedef struct names {
    const char *items[NAMED_MAX];
    size_t n;
} names;

static void add_name(names *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->items[i], name) == 0)
            return;
    if (l->n < NAMED_MAX)
        l->items[l->n++] = name;
}

/* A line that nobody ever spoke of is a slip of the pen: those that there are help more than nothing. */
static an_err need_line(const an_api_call *c, const an_history *h, an_note *why)
{
    char text[200] = "";
    names known = {.n = 0};
    const an_hub_live *live = an_hub_live_find(c->hub, c->arg);
    for (size_t i = 0; live && i < live->n_lines; i++) {
        if (strcmp(live->lines[i].line, c->req->line) == 0)
            return AN_OK;
        add_name(&known, live->lines[i].line);
    }
    for (size_t i = 0; i < h->runs.n; i++) {
        if (is_wanted(c, &h->runs.items[i]))
            return AN_OK;
        add_name(&known, h->runs.items[i].line);
    }
    for (size_t i = 0; i < known.n; i++) {
        const size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "; its lines: ", known.items[i]);
    }
    return an_fail(AN_ERR_NOTFOUND, why, "no line %.63s is known at site %.63s%s", c->req->line, c->arg,
                   text);
}

static an_err answer_site(an_api_call *c, const window *w, an_note *why)
{
    an_history *h = NULL;
    const an_store_filter f = {.subject = c->arg};
    an_err err = an_api_rest_open(c, sizeof *h, history_done, &h);
    if (err != AN_OK)
        return err;
    h->line = ""; /* all: they are named where the wanted one is not among them */
    err = an_api_rest_scan(c, &f, take_record, h, why);
    if (err == AN_OK && c->req->line[0])
        err = need_line(c, h, why);
    if (err != AN_OK)
        return err;
    an_json_set_text(c->answer, "site", c->arg);
    set_runs(c, h, w);
    return AN_OK;
}

/* ---- aliases ---- */

typedef struct moves {
    const an_api_call *c;
    an_json *list;
    const window *w;
} moves;

static an_err take_move(void *ctx, const an_record *r, an_note *why)
{
    static const char *const keys[] = {"alias", "from", "to", "counter"};
    const char *reason = "";
    moves *m = ctx;
    an_json_doc *doc = NULL;
    an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, why);
    if (err != AN_OK)
        return err;
    an_json *o = an_json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (an_jval_get(an_json_root(doc), keys[i]))
            an_json_set(o, keys[i], an_json_copy(an_jval_get(an_json_root(doc), keys[i])));
    if (an_jval_get_text(an_json_root(doc), "reason", "", &reason, NULL) == AN_OK && reason[0])
        an_json_set_text(o, "reason", an_api_text_for(m->c, reason));
    an_json_set_int(o, "time_ms", r->time_ms);
    an_json_set_int(o, "seq", (int64_t)r->seq);
    an_json_set_text(o, "actor", r->actor);
    an_json_push(m->list, o);
    an_json_doc_free(doc);
    return AN_OK;
}

/* All up to the window's end: what was in force in it is the last move before it. */
static an_err answer_model(an_api_call *c, const window *w, an_note *why)
{
    moves m = {.c = c, .list = an_json_array(), .w = w};
    const an_store_filter f = {
        .kind = "alias.moved", .subject = c->arg, .until_ms = w->until_ms < INT64_MAX ? w->until_ms : 0};
    an_err err = an_store_scan(an_hub_store(c->hub), &f, take_move, &m, why);
    an_json_set_text(c->answer, "model", c->arg);
    an_json_set(c->answer, "moves", m.list);
    return err;
}

an_err an_api_history(an_api_call *c, an_note *why)
{
    window w;
    an_err err = an_api_window_read(c, &w, why);
    if (err != AN_OK)
        return err;
    const bool model = an_state_model(c->state, c->arg) && !c->req->line[0];
    const bool site = an_state_site(c->state, c->arg) && an_api_sees(c, c->arg);
    if (!site && !model)
        return an_fail(AN_ERR_NOTFOUND, why, "no site and no model %.63s", c->arg);
    if (site && (err = answer_site(c, &w, why)) != AN_OK)
        return err;
    return model ? answer_model(c, &w, why) : AN_OK;
}
