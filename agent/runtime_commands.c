/* What people have told a running agent (inbox.h), carried out on the link thread. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/import.h"
#include "agent/runtime_link.h"
#include "base/log.h"

static void roll_back(an_agent *a, const an_command *c)
{
    an_note why = {{0}};
    an_err err = an_session_rollback(a->session, c->line, c->reason, &why);
    if (err != AN_OK)
        an_agent_fault(a, "not_rolled_back", why.text[0] ? why.text : an_err_text(err));
    else
        an_log(AN_LOG_INFO, "rolled_back", "line=%s reason=\"%s\"", c->line, c->reason);
}

/* In the site's journal, with what the line runs. */
static void keep(an_agent *a, const an_line *l, const char *what)
{
    an_note why = {{0}};
    an_journal_row row = {.time_ms = a->clock->wall_ms(a->clock)};
    an_hash version, overlay;
    snprintf(row.model, sizeof row.model, "%s", l->conf->model);
    snprintf(row.what, sizeof row.what, "%s", what);
    if (an_session_running(a->session, l->conf->name, &version, &overlay)) {
        memcpy(row.version, version.b, sizeof row.version);
        memcpy(row.overlay, overlay.b, sizeof row.overlay);
    }
    if (an_journal_add(a->spool, &row, &why) != AN_OK)
        an_agent_fault(a, "command_not_kept", why.text);
}

static void take_verdict(an_agent *a, const an_command *c)
{
    an_note why = {{0}};
    char what[160];
    an_line *l = an_agent_line_of(a, c->line);
    if (!l || c->alarm > l->status.alarm_last) {
        an_note_set(&why,
                    l ? "line %s has raised no alarm %" PRIu64 : "no line %s (verdict on alarm %" PRIu64 ")",
                    c->line, c->alarm);
        an_agent_fault(a, "verdict_not_taken", why.text);
        return;
    }
    const an_order o = {.kind = AN_ORDER_VERDICT,
                        .alarm = c->alarm,
                        .verdict = c->verdict,
                        .of_rule = an_agent_alarms_verdict(a, c)};
    an_agent_order(l, &o);
    snprintf(what, sizeof what, "verdict on alarm %" PRIu64 " of line %.40s: %s", c->alarm, c->line,
             an_verdict_name(c->verdict));
    keep(a, l, what);
}

static void take_missed(an_agent *a, const an_command *c)
{
    char what[160];
    an_line *l = an_agent_line_of(a, c->line);
    if (!l) {
        an_agent_fault(a, "missed_fault_not_taken", "no such line");
        return;
    }
    const an_order o = {.kind = AN_ORDER_MISSED};
    an_agent_order(l, &o);
    snprintf(what, sizeof what, "a fault of line %.40s without an alarm: %.80s", c->line, c->reason);
    keep(a, l, what);
}

static void rotate(an_agent *a)
{
    an_note why = {{0}};
    an_err err = an_agent_keys_rotate(a, &why);
    if (err != AN_OK)
        an_agent_fault(a, "not_rotated", why.text[0] ? why.text : an_err_text(err));
}

static void import(an_agent *a, const an_command *c)
{
    an_note why = {{0}};
    an_err err = an_import_take(a->conf->data, c->line, a->session, &why);
    if (err != AN_OK)
        an_agent_fault(a, "not_imported", why.text[0] ? why.text : an_err_text(err));
}

void an_agent_obey(an_agent *a, const an_command *c)
{
    switch (c->kind) {
    case AN_COMMAND_VERDICT:
        take_verdict(a, c);
        break;
    case AN_COMMAND_MISSED:
        take_missed(a, c);
        break;
    case AN_COMMAND_ROLLBACK:
        roll_back(a, c);
        break;
    case AN_COMMAND_ROTATE:
        rotate(a);
        break;
    case AN_COMMAND_IMPORT:
        import(a, c);
        break;
    case AN_COMMAND_ALARM:
        an_agent_alarms_deed(a, c);
        break;
    }
}
