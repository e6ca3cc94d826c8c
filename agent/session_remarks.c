/* Lines whose model the coordinator does not know, or whose sensors are not the model's: their own people are told,
 * by name.  WELCOME has the hash of the model's schema; what differs is read from a version that has it. */
#include <stdio.h>
#include <string.h>

#include "agent/session_internal.h"
#include "base/log.h"

static void remark(an_line_state *line, const char *text)
{
    if (strcmp(line->remark, text) == 0)
        return;
    an_text_set(line->remark, sizeof line->remark, text);
    if (text[0])
        an_log(AN_LOG_WARN, "line_takes_no_part", "line=%s why=\"%s\"", line->conf->line, text);
    else
        an_log(AN_LOG_INFO, "line_may_take_part", "line=%s", line->conf->line);
}

static const an_msg_desired *desired_of(const an_msg_welcome *w, const char *model)
{
    for (uint32_t i = 0; i < w->n_models; i++)
        if (strcmp(w->models[i].model, model) == 0)
            return &w->models[i];
    return NULL;
}

void an_remarks_welcome(an_session *s, const an_msg_welcome *w)
{
    char text[AN_REASON_MAX];
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        const an_msg_desired *d = desired_of(w, line->conf->model);
        const bool same = d && an_hash_equal(&d->schema, &line->schema);
        line->remark_due = d && !same;
        line->other = line->remark_due ? d->blank : (an_hash){{0}};
        snprintf(text, sizeof text, "the coordinator knows no model %s", line->conf->model);
        if (!line->remark_due)
            remark(line, d ? "" : text);
    }
}

void an_remarks_drive(an_session *s)
{
    char text[AN_REASON_MAX];
    for (size_t i = 0; i < s->conf.n_lines; i++) {
        an_line_state *line = &s->lines[i];
        an_note why = {{0}};
        if (!line->remark_due || !an_session_want(s, &line->other, 0))
            continue;
        line->remark_due = false;
        if (an_session_schema_same(s, line, &line->other, &why) == AN_OK)
            an_note_set(&why, "its schema has another hash");
        snprintf(text, sizeof text, "it is not as model %s wants it: %.180s", line->conf->model, why.text);
        remark(line, text);
    }
}

const char *an_session_remark(an_session *s, const char *line)
{
    const an_line_state *l = an_session_line_named(s, line);
    return l ? l->remark : "";
}
