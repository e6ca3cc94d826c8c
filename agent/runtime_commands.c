/* What people have told a running agent (inbox.h), carried out on the link thread. */
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
        an_agent_verdict(a, c);
        break;
    case AN_COMMAND_MISSED:
        an_agent_missed(a, c);
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
    case AN_COMMAND_THRESHOLD:
        an_agent_threshold(a, c);
        break;
    case AN_COMMAND_ALARM:
        an_agent_alarms_deed(a, c);
        break;
    }
}
