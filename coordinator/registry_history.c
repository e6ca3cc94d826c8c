/* What ran on a line when, from what its site has reported. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/registry.h"
#include "doors/crypto.h"
#include "doors/json.h"

void an_history_done(an_history *h)
{
    an_free(h->runs.items);
    h->runs.items = NULL;
    h->runs.n = h->runs.cap = 0;
}

static an_run *last_of(an_history *h, const char *line)
{
    for (size_t i = h->runs.n; i-- > 0;)
        if (strcmp(h->runs.items[i].line, line) == 0)
            return &h->runs.items[i];
    return NULL;
}

static an_hash hash_of(const an_jval *o, const char *key)
{
    an_hash h = {{0}};
    const char *text = "";
    if (an_jval_get_text(o, key, "", &text, NULL) != AN_OK || !an_unhex(h.b, sizeof h.b, text))
        h = (an_hash){{0}};
    return h;
}

static const char *text_of(const an_jval *o, const char *key)
{
    const char *text = "";
    return an_jval_get_text(o, key, "", &text, NULL) == AN_OK ? text : "";
}

static int64_t time_of(const an_jval *o, const char *key)
{
    int64_t ms = 0;
    return an_jval_get_int(o, key, 0, INT64_MAX, 0, &ms, NULL) == AN_OK ? ms : 0;
}

static void hear(an_history *h, const char *line, const an_hash *version, int64_t ms)
{
    an_run *run = last_of(h, line);
    if (run && an_hash_equal(&run->version, version) && ms > run->heard_ms)
        run->heard_ms = ms;
}

/* A clock that was put back does not reorder what was told in order. */
static an_err runs_now(an_history *h, const an_record *r, const an_jval *o)
{
    an_run run = {.version = hash_of(o, "version"),
                  .overlay = hash_of(o, "overlay"),
                  .told_ms = r->time_ms,
                  .from_ms = time_of(o, "at_ms"),
                  .countersigned = text_of(o, "signature")[0] != '\0',
                  .seq = r->seq};
    snprintf(run.line, sizeof run.line, "%.63s", text_of(o, "line"));
    snprintf(run.model, sizeof run.model, "%.63s", text_of(o, "model"));
    an_run *last = last_of(h, run.line);
    run.dated = run.from_ms > 0;
    if (!run.dated)
        run.from_ms = r->time_ms;
    if (last && run.from_ms < last->from_ms)
        run.from_ms = last->from_ms;
    run.heard_ms = run.from_ms;
    if (last && !last->until_ms && an_hash_equal(&last->version, &run.version) &&
        an_hash_equal(&last->overlay, &run.overlay)) {
        hear(h, run.line, &run.version, run.from_ms);
        return AN_OK;
    }
    if (last && !last->until_ms)
        last->until_ms = run.from_ms;
    if (!an_grow(&h->runs.items, &h->runs.cap, h->runs.n + 1, sizeof run))
        return AN_ERR_NOMEM;
    h->runs.items[h->runs.n++] = run;
    return AN_OK;
}

static void went_back(an_history *h, const an_jval *o)
{
    an_run *run = last_of(h, text_of(o, "line"));
    const an_hash version = hash_of(o, "version");
    if (!run || !an_hash_equal(&run->version, &version))
        return;
    run->left = true;
    snprintf(run->reason, sizeof run->reason, "%.255s", text_of(o, "reason"));
}

static an_err take(an_history *h, const an_record *r, const an_jval *o)
{
    const char *line = text_of(o, "line"), *state = text_of(o, "state");
    const an_hash version = hash_of(o, "version");
    if (!line[0] || (h->line[0] && strcmp(h->line, line) != 0))
        return AN_OK;
    if (strcmp(r->kind, "site.report") != 0)
        hear(h, line, &version, r->time_ms);
    else if (strcmp(state, an_version_state_name(AN_VERSION_RUNNING)) == 0)
        return runs_now(h, r, o);
    else if (strcmp(state, an_version_state_name(AN_VERSION_ROLLED_BACK)) == 0)
        went_back(h, o);
    return AN_OK;
}

an_err an_history_take(an_history *h, const an_record *r, an_note *why)
{
    static const char *const kinds[] = {"site.report", "site.live", "drift.alert", "alarm.summary"};
    an_json_doc *doc = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i], r->kind) != 0)
            continue;
        an_err err = an_json_parse_max(r->body, r->body_len, AN_RECORD_BODY_MAX, r->kind, &doc, why);
        if (err == AN_OK)
            err = take(h, r, an_json_root(doc));
        an_json_doc_free(doc);
        return err;
    }
    return AN_OK;
}

bool an_run_within(const an_run *run, int64_t from_ms, int64_t until_ms)
{
    return run->from_ms <= until_ms && (run->until_ms == 0 || run->until_ms > from_ms);
}
