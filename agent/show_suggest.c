/* The threshold that the verdicts suggest, from the site's log and what the agent says of the line. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/show.h"
#include "agent/show_verdicts.h"
#include "agent/spans.h"
#include "agent/suggest.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "msg/msg.h"

typedef struct cases {
    an_suggest_case *items; /* (n) */
    size_t n, cap;
    an_spans said; /* what labels are about */
    bool alarms;   /* of labels: the second look, at those of alarms */
    size_t assumed, unjudged;
    double now;
    uint8_t version[AN_ALARM_HASH], overlay[AN_ALARM_HASH];
    bool any; /* a version has scored pieces */
    bool failed;
} cases;

static bool add(cases *c, double level, bool defective)
{
    c->failed = c->failed || !an_grow(&c->items, &c->cap, c->n + 1, sizeof *c->items);
    if (!c->failed)
        c->items[c->n++] = (an_suggest_case){.level = level, .defective = defective};
    return !c->failed;
}

static bool is_ours(const cases *c, const uint8_t *version, const uint8_t *overlay)
{
    return memcmp(c->version, version, AN_ALARM_HASH) == 0 && memcmp(c->overlay, overlay, AN_ALARM_HASH) == 0;
}

static bool was_said(const cases *c, int64_t from_ms, int64_t to_ms)
{
    size_t of, at = c->said.n;
    return an_spans_before(&c->said, &at, from_ms, to_ms, &of);
}

/* The last version that has scored anything. */
static bool see_version(void *ctx, const an_piece *p)
{
    cases *c = ctx;
    if (!isfinite(p->level))
        return true;
    memcpy(c->version, p->version, sizeof c->version);
    memcpy(c->overlay, p->overlay, sizeof c->overlay);
    return c->any = true;
}

/* Of pieces first; of an alarm only if nothing was said of its pieces. */
static bool see_label(void *ctx, const an_label *l)
{
    cases *c = ctx;
    if ((l->alarm != 0) != c->alarms || (c->alarms && was_said(c, l->from_ms, l->to_ms)))
        return true;
    if (!c->alarms && !an_spans_add(&c->said, l->from_ms, l->to_ms, c->said.n))
        return !(c->failed = true);
    return l->verdict == AN_VERDICT_UNSURE || !isfinite(l->level) || !is_ours(c, l->version, l->overlay) ||
           add(c, l->level, l->verdict == AN_VERDICT_TRUE);
}

static bool see_judged_alarm(void *ctx, const an_label *l)
{
    cases *c = ctx;
    c->failed = c->failed || (l->alarm && !an_spans_add(&c->said, l->from_ms, l->to_ms, c->said.n));
    return !c->failed;
}

static bool see_piece(void *ctx, const an_piece *p)
{
    cases *c = ctx;
    if (!isfinite(p->level) || !is_ours(c, p->version, p->overlay) || was_said(c, p->from_ms, p->to_ms))
        return true;
    if (p->level > c->now) { /* it raised an alarm, and nobody has judged that */
        c->unjudged++;
        return true;
    }
    c->assumed++;
    return add(c, p->level, false);
}

static an_err gather(an_alarms *log, const char *line, cases *c, an_note *why)
{
    an_err err = an_alarms_each_piece(log, line, see_version, c, why);
    if (err == AN_OK && !c->any)
        return an_fail(AN_ERR_NOTFOUND, why, "no version has scored line %.63s yet", line);
    if (err == AN_OK)
        err = an_alarms_labels(log, line, see_label, c, why);
    an_spans_sort(&c->said);
    c->alarms = true;
    if (err == AN_OK && !c->failed)
        err = an_alarms_labels(log, line, see_label, c, why);
    if (err == AN_OK && !c->failed)
        err = an_alarms_labels(log, line, see_judged_alarm, c, why);
    an_spans_sort(&c->said);
    if (err == AN_OK && !c->failed)
        err = an_alarms_each_piece(log, line, see_piece, c, why);
    return err == AN_OK && c->failed ? AN_ERR_NOMEM : err;
}

/* The thresholds that the agent has said it runs with. */
static an_err look_at_line(const char *dir, const char *line, double *ret_now, double *ret_calibrated,
                           an_note *why)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_json_doc *doc = NULL;
    an_buf_init(&b, AN_JSON_MAX_BYTES);
    an_err err = an_path_join(path, dir, "status.json");
    if (err == AN_OK)
        err = an_file_read(&b, path, why);
    if (err == AN_OK)
        err = an_json_parse((const char *)b.data, b.len, path, &doc, why);
    const an_jval *lines = an_jval_get(an_json_root(doc), "lines"), *found = NULL;
    for (size_t i = 0; i < an_jval_count(lines) && err == AN_OK && !found; i++) {
        const char *name = "";
        err = an_jval_get_text(an_jval_at(lines, i), "line", "", &name, why);
        if (strcmp(name, line) == 0)
            found = an_jval_at(lines, i);
    }
    if (err == AN_OK && !found)
        err = an_fail(AN_ERR_NOTFOUND, why, "no line %.63s at this site", line);
    if (err == AN_OK)
        err = an_jval_get_num(found, "threshold", 0, HUGE_VAL, 0, ret_now, why);
    if (err == AN_OK)
        err = an_jval_get_num(found, "threshold_calibrated", 0, HUGE_VAL, 0, ret_calibrated, why);
    if (err == AN_OK && !(*ret_now > 0 && *ret_calibrated > 0))
        err = an_fail(AN_ERR_STATE, why, "no version runs on line %s", line);
    an_json_doc_free(doc);
    an_buf_done(&b);
    return err;
}

/* ---- printing ---- */

static void print_at(const char *what, const an_suggest_at *a, double calibrated, bool known, FILE *out)
{
    if (!known) {
        fprintf(out, "%-12s  unknown: too few cases\n", what);
        return;
    }
    fprintf(out, "%-12s %10.4g %7.3f %6" PRIu64 " %7" PRIu64 " %13" PRIu64 " %10.2f %7.2f %6.2f %8.2f%%\n",
            what, a->threshold, a->threshold / calibrated, a->found, a->missed, a->alarms_wrong, a->precision,
            a->recall, a->f1, 100 * a->far);
}

static void print_change(const an_suggest_at *a, const an_suggest_at *now, FILE *out)
{
    const int64_t found = (int64_t)a->found - (int64_t)now->found,
                  wrong = (int64_t)a->alarms_wrong - (int64_t)now->alarms_wrong;
    fprintf(out, "  it would have found %+" PRId64 " defects, with %+" PRId64 " wrong alarms\n", found,
            wrong);
}

static void print(const an_suggested *r, FILE *out)
{
    const an_suggest *s = &r->s;
    char version[2 * AN_ALARM_HASH + 1], asked[24];
    an_hex(version, r->version, AN_ALARM_HASH);
    snprintf(asked, sizeof asked, "FAR <= %.3g%%", 100 * r->far);
    fprintf(out, "line %s, version %.16s: %zu defects and %zu good pieces\n", r->line, version, s->defects,
            s->good);
    fprintf(out,
            "  of the good ones %zu raised no alarm and nobody has said anything of them; %zu that did and "
            "are not "
            "judged are left out\n",
            r->assumed, r->unjudged);
    fprintf(out, "%-12s %10s %7s %6s %7s %13s %10s %7s %6s %9s\n", "", "THRESHOLD", "FACTOR", "FOUND",
            "MISSED", "WRONG ALARMS", "PRECISION", "RECALL", "F1", "FAR");
    print_at("now", &s->now, r->calibrated, s->defects + s->good > 0, out);
    print_at("best F1", &s->f1, r->calibrated, s->f1_known, out);
    if (s->f1_known)
        print_change(&s->f1, &s->now, out);
    print_at(asked, &s->far, r->calibrated, s->far_known, out);
    if (s->far_known)
        print_change(&s->far, &s->now, out);
    fprintf(out,
            "nothing was changed; a person does: andon-agent threshold %s FACTOR --by NAME --reason TEXT\n",
            r->line);
}

static an_json *at_json(const an_suggest_at *a, double calibrated)
{
    an_json *o = an_json_object();
    an_json_set_num(o, "threshold", a->threshold);
    an_json_set_num(o, "factor", a->threshold / calibrated);
    an_json_set_int(o, "found", (int64_t)a->found);
    an_json_set_int(o, "missed", (int64_t)a->missed);
    an_json_set_int(o, "wrong_alarms", (int64_t)a->alarms_wrong);
    an_json_set_int(o, "quiet", (int64_t)a->quiet);
    an_json_set_num(o, "precision", a->precision);
    an_json_set_num(o, "recall", a->recall);
    an_json_set_num(o, "f1", a->f1);
    an_json_set_num(o, "far", a->far);
    return o;
}

static an_err print_json(const an_suggested *r, FILE *out)
{
    char version[2 * AN_ALARM_HASH + 1];
    const an_suggest *s = &r->s;
    an_json *o = an_json_object();
    an_hex(version, r->version, AN_ALARM_HASH);
    an_json_set_text(o, "line", r->line);
    an_json_set_text(o, "version", version);
    an_json_set_int(o, "defects", (int64_t)s->defects);
    an_json_set_int(o, "good", (int64_t)s->good);
    an_json_set_int(o, "assumed_good", (int64_t)r->assumed);
    an_json_set_int(o, "not_judged", (int64_t)r->unjudged);
    an_json_set_num(o, "far_asked", r->far);
    an_json_set(o, "now", at_json(&s->now, r->calibrated));
    if (s->f1_known)
        an_json_set(o, "best_f1", at_json(&s->f1, r->calibrated));
    if (s->far_known)
        an_json_set(o, "far", at_json(&s->far, r->calibrated));
    char *text = an_json_print(o, 0);
    if (text)
        fprintf(out, "%s\n", text);
    an_json_free(o);
    an_free(text);
    return text ? AN_OK : AN_ERR_NOMEM;
}

an_err an_suggest_line(const char *dir, an_alarms *log, const char *line, double far, an_suggested *ret,
                       an_note *why)
{
    cases c = {.n = 0};
    an_suggested r = {.far = far};
    an_err err = look_at_line(dir, line, &c.now, &r.calibrated, why);
    if (err == AN_OK)
        err = gather(log, line, &c, why);
    if (err == AN_OK) {
        an_suggest_of(&r.s, c.items, c.n, far, c.now);
        r.assumed = c.assumed;
        r.unjudged = c.unjudged;
        memcpy(r.version, c.version, sizeof r.version);
        an_text_set(r.line, sizeof r.line, line);
        *ret = r;
    }
    an_free(c.items);
    an_spans_done(&c.said);
    return err;
}

an_err an_show_suggestion(const char *dir, const char *line, double far, bool json, FILE *out, an_note *why)
{
    char path[AN_PATH_MAX];
    an_alarms *log = NULL;
    an_suggested r;
    an_err err = an_path_join(path, dir, "alarms.db");
    if (err == AN_OK && !an_file_exists(path))
        return an_fail(AN_ERR_NOTFOUND, why, "%.200s is missing: no agent has run with this data folder",
                       path);
    if (err == AN_OK)
        err = an_alarms_open(path, &(an_alarms_conf){.site = NULL}, &log, why);
    if (err == AN_OK)
        err = an_suggest_line(dir, log, line, far, &r, why);
    if (err == AN_OK && json)
        err = print_json(&r, out);
    else if (err == AN_OK)
        print(&r, out);
    an_alarms_close(log);
    return err;
}

an_err an_leave_threshold(const char *dir, const char *line, const char *factor, const char *by,
                          const char *reason, FILE *out, an_note *why)
{
    an_command c = {.kind = AN_COMMAND_THRESHOLD};
    char *end = NULL;
    by = an_show_who(by);
    c.factor = strcmp(factor, "calibrated") == 0 ? 1 : strtod(factor, &end);
    if ((end && (end == factor || *end)) ||
        !(c.factor >= AN_THRESHOLD_FACTOR_MIN && c.factor <= AN_THRESHOLD_FACTOR_MAX))
        return an_fail(AN_ERR_INVAL, why,
                       "\"%.40s\": a factor of the calibrated threshold from %g to %g, or `calibrated`",
                       factor, AN_THRESHOLD_FACTOR_MIN, AN_THRESHOLD_FACTOR_MAX);
    if (!an_name_ok(line))
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not a line's name", line);
    if (!by || !by[0])
        return an_fail(AN_ERR_INVAL, why, "--by NAME is missing: who does it is recorded");
    if (!reason || !reason[0])
        return an_fail(AN_ERR_INVAL, why, "--reason TEXT is missing: it is kept in the journal of this site");
    snprintf(c.line, sizeof c.line, "%s", line);
    an_text_set(c.by, sizeof c.by, by);
    an_text_set(c.reason, sizeof c.reason, reason);
    an_err err = an_leave_command(dir, &c, why);
    if (err == AN_OK)
        fprintf(
            out,
            "left for the agent: line %s, threshold %.4g times as calibrated, until another version runs\n",
            line, c.factor);
    return err;
}
