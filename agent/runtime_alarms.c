/* The site's log of alarms at the link thread: what lines say is stored before their positions are, and what people
 * do about alarms comes through the inbox. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/runtime_link.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define LOGGED_MAX 4096 /* events in memory while the disk is full */

/* Lines go on with a new log if the old one is damaged: an alarm that nobody hears of is worse than one that nobody can
 * look up any more.  The old one is left for whoever wants to read it. */
static an_err set_aside(const char *path, an_note *why)
{
    char other[AN_PATH_MAX + 16];
    snprintf(other, sizeof other, "%s.damaged", path);
    if (rename(path, other) != 0)
        return an_fail(AN_ERR_IO, why, "%.200s: %s", path, strerror(errno));
    static const char *const side[] = {"-wal", "-shm"}; /* of the damaged one, and no other's */
    an_err err = AN_OK;
    for (size_t i = 0; i < sizeof side / sizeof *side && err == AN_OK; i++) {
        snprintf(other, sizeof other, "%s%s", path, side[i]);
        err = an_file_remove(other, why);
    }
    return err;
}

an_err an_agent_alarms_open(an_agent *a, an_note *why)
{
    const an_alarms_conf conf = {.site = a->conf->site, .quota_bytes = (uint64_t)a->conf->alarms_quota};
    an_err err = an_path_join(a->alarms_path, a->conf->data, "alarms.db");
    if (err == AN_OK && (err = an_alarms_open(a->alarms_path, &conf, &a->alarms, why)) == AN_ERR_PROTO) {
        an_agent_fault(a, "alarm_log_set_aside", why ? why->text : an_err_text(err));
        if ((err = set_aside(a->alarms_path, why)) == AN_OK)
            err = an_alarms_open(a->alarms_path, &conf, &a->alarms, why);
        /* The time is above any number that the damaged one can have come to. */
        if (err == AN_OK)
            err = an_alarms_begin_after(a->alarms, (uint64_t)a->clock->wall_ms(a->clock), why);
    }
    return err;
}

an_err an_agent_sinks_start(an_agent *a, an_note *why)
{
    const an_sink_site site = {.site = a->conf->site, .data = a->conf->data, .alarms = a->alarms_path};
    return an_sinks_start(a->conf->sinks, a->conf->n_sinks, &site, &a->sinks, why);
}

void an_agent_alarms_close(an_agent *a)
{
    an_exhibits_close(a->exhibits);
    an_alarms_close(a->alarms);
    an_free(a->logged);
    an_free(a->pieces);
}

/* ---- what lines say ---- */

bool an_agent_alarms_keep(an_agent *a)
{
    an_note why = {{0}};
    if (a->n_logged == 0)
        return true;
    an_err err = an_alarms_store(a->alarms, a->logged, a->n_logged, &why);
    if (err != AN_OK) {
        an_agent_fault(a, "alarms_not_logged", why.text[0] ? why.text : an_err_text(err));
        return false;
    }
    a->n_logged = 0;
    an_sinks_wake(a->sinks);
    return true;
}

void an_agent_alarms_take(an_agent *a, an_alarm_record *r)
{
    if (a->n_logged < LOGGED_MAX && an_grow(&a->logged, &a->logged_cap, a->n_logged + 1, sizeof *a->logged))
        a->logged[a->n_logged++] = *r;
    else
        an_agent_fault(a, "alarm_lost", "too many events wait for room on the disk");
    an_free(r);
}

void an_agent_alarms_show(an_agent *a, an_exhibit *e)
{
    an_note why = {{0}};
    an_err err = a->exhibits
                     ? AN_OK
                     : an_exhibits_open(a->conf->data, (uint64_t)a->conf->pictures_quota, &a->exhibits, &why);
    if (err == AN_OK)
        err = an_exhibits_keep(a->exhibits, e, &why);
    if (err != AN_OK) /* the alarm counts, not its picture */
        an_agent_fault(a, "picture_not_kept", why.text[0] ? why.text : an_err_text(err));
    an_exhibit_free(e);
}

void an_agent_advice_take(an_agent *a, an_line *l, an_advised *said)
{
    an_json_doc *doc = NULL;
    if (an_json_parse(said->text, strlen(said->text), "advice", &doc, NULL) == AN_OK) {
        an_json_doc_free(l->advised);
        l->advised = doc;
    }
    if (said->alarm) {
        an_exhibit *e = an_exhibit_of_advice(l->conf->name, said->alarm, said->text);
        said->text = NULL;
        if (e)
            an_agent_alarms_show(a, e);
        else
            an_agent_fault(a, "advice_not_kept", "out of memory");
    }
    an_advised_free(said);
}

/* ---- what a start finds ---- */

typedef struct left {
    an_agent *a;
    const an_line *l; /* that has lost its state; NULL: lines that are not configured */
} left;

/* Nobody knows any more whether it is over: it is ended, and if it goes on it is raised anew. */
static bool end_forgotten(void *ctx, const an_alarm_row *row)
{
    const left *f = ctx;
    const bool concerned =
        f->l ? strcmp(row->last.line, f->l->conf->name) == 0 : !an_agent_line_of(f->a, row->last.line);
    if (!concerned || !row->state.active)
        return true;
    an_alarm_record *r = an_alloc(1, sizeof *r);
    if (!r)
        return false;
    *r = row->last;
    r->kind = AN_LOGGED_CLEARED;
    r->by[0] = r->comment[0] = '\0';
    r->recorded_ms = f->a->clock->wall_ms(f->a->clock);
    an_text_set(r->reason, sizeof r->reason,
                f->l ? "The state of the line was not found at the agent's start."
                     : "The configuration has this line no more.");
    an_agent_alarms_take(f->a, r);
    return true;
}

static an_err end_all_forgotten(left f, an_note *why)
{
    an_err err = an_alarms_each(f.a->alarms, AN_ALARMS_OPEN, 0, end_forgotten, &f, why);
    if (err == AN_OK)
        (void)an_agent_alarms_keep(f.a); /* tried again with the next */
    return err;
}

an_err an_agent_alarms_begin(an_agent *a, an_line *l, an_note *why)
{
    uint64_t last = 0;
    if (l->resumed) /* the rows since its position are read again, and give the same numbers */
        return AN_OK;
    an_err err = an_alarms_last(a->alarms, l->conf->name, &last, why);
    if (err != AN_OK || last == 0)
        return err;
    an_alarm_numbers_used(an_pipeline_alarm(l->pipe), last);
    return end_all_forgotten((left){a, l}, why);
}

an_err an_agent_alarms_of_others(an_agent *a, an_note *why)
{
    return end_all_forgotten((left){a, NULL}, why);
}

void an_agent_alarms_tick(an_agent *a)
{
    an_note why = {{0}};
    if (an_alarms_tick(a->alarms, a->clock->wall_ms(a->clock), &why) != AN_OK)
        an_agent_fault(a, "alarms_not_brought_back", why.text);
}

/* ---- what people do ---- */

static void carry_out(an_agent *a, const an_alarm_deed *d, const char *fault)
{
    an_note why = {{0}};
    (void)an_agent_alarms_keep(a); /* what was raised before it comes before it */
    an_err err = an_alarms_act(a->alarms, d, NULL, &why);
    if (err != AN_OK)
        an_agent_fault(a, fault, why.text[0] ? why.text : an_err_text(err));
    else
        an_sinks_wake(a->sinks);
    if (err == AN_OK)
        an_log(AN_LOG_INFO, "alarm_deed", "line=%s alarm=%" PRIu64 " what=\"%s\" by=\"%s\"", d->line,
               d->alarm, an_logged_name(d->kind), d->by);
}

void an_agent_alarms_deed(an_agent *a, const an_command *c)
{
    const an_alarm_deed d = {.kind = c->deed,
                             .line = c->line,
                             .alarm = c->alarm,
                             .by = c->by,
                             .comment = c->reason,
                             .now_ms = a->clock->wall_ms(a->clock),
                             .until_ms = c->until_ms};
    if (c->alarm == 0 && !an_agent_line_of(a, c->line)) /* an alarm may be of a line that was there once */
        an_agent_fault(a, "not_done_to_alarm", "no such line");
    else
        carry_out(a, &d, "not_done_to_alarm");
}

bool an_agent_alarms_verdict(an_agent *a, const an_command *c, bool *ret_of_rule)
{
    const an_alarm_deed d = {.kind = AN_LOGGED_VERDICT,
                             .line = c->line,
                             .alarm = c->alarm,
                             .by = c->by[0] ? c->by : "unknown",
                             .comment = c->reason,
                             .verdict = an_verdict_name(c->verdict),
                             .defect = c->defect,
                             .now_ms = a->clock->wall_ms(a->clock)};
    an_alarm_row row;
    carry_out(a, &d, "verdict_not_logged");
    const bool found = an_alarms_get(a->alarms, c->line, c->alarm, &row, NULL) == AN_OK;
    *ret_of_rule = found && strncmp(row.last.source, "rule:", 5) == 0;
    return found;
}
