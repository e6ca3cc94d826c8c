/* What the agent tells whoever looks on from outside: status.json, Prometheus, probes, systemd. */
#include <stdio.h>
#include <string.h>

#include "agent/meters.h"
#include "agent/probe.h"
#include "agent/runtime_link.h"
#include "base/notify.h"

an_err an_agent_tell_open(an_agent *a)
{
    return an_probe_new(a->conf->stall_ms, &a->probe);
}

void an_agent_tell_turn(an_agent *a)
{
    an_probe_turned(a->probe);
    an_notify_alive(a->clock->mono_ms(a->clock));
}

static const char *unready(const an_agent *a)
{
    for (size_t i = 0; i < a->n_lines; i++)
        if (a->lines[i].status.phase == AN_LINE_FAILING)
            return "source";
    return NULL;
}

/* READY once, with the first of them; then what has changed. */
static void tell_systemd(an_agent *a, const an_status_in *status)
{
    char text[sizeof a->told], line[sizeof a->told + 32];
    const an_session_status st = an_session_look(status->session);
    size_t reads = 0, failing = 0;
    for (size_t i = 0; i < a->n_lines; i++) {
        reads += a->lines[i].status.phase == AN_LINE_READING;
        failing += a->lines[i].status.phase == AN_LINE_FAILING;
    }
    snprintf(text, sizeof text, "%zu of %zu lines read, %zu failing; coordinator %s; %s", reads, a->n_lines,
             failing, st.greeted ? "connected" : "away", st.state);
    if (strcmp(text, a->told) == 0)
        return;
    snprintf(line, sizeof line, "%sSTATUS=%s", a->told[0] ? "" : "READY=1\n", text);
    memcpy(a->told, text, sizeof text);
    (void)an_notify(line);
}

static void tell_probes(an_agent *a, const an_status_in *status)
{
    an_buf page;
    if (!a->meters && !a->api)
        return; /* nobody can ask */
    an_buf_init(&page, AN_METER_PAGE_MAX);
    an_err err = an_agent_meters_write(status, &page);
    if (err == AN_OK)
        an_probe_tell(a->probe, unready(a), &page);
    else
        an_agent_fault(a, "meters_not_written", an_err_text(err));
    an_buf_done(&page);
}

void an_agent_tell(an_agent *a)
{
    an_note why = {{0}};
    an_alarms_stats alarms = {0};
    if (an_alarms_stats_get(a->alarms, &alarms, &why) != AN_OK)
        an_agent_fault(a, "alarms_not_read", why.text);
    const an_status_in in = {.site = a->conf->site,
                             .id = a->id,
                             .next = a->next,
                             .now_ms = a->clock->wall_ms(a->clock),
                             .session = a->session,
                             .spool = a->spool,
                             .lines = a->lines,
                             .n_lines = a->n_lines,
                             .sinks = a->sinks,
                             .governor = a->governor,
                             .budget = &a->budget,
                             .alarms = alarms,
                             .faults = a->faults,
                             .owed = a->n_owed + a->n_logged,
                             .data = a->conf->data,
                             .last_error = a->last_error,
                             .last_job = a->last_job};
    if (an_status_write(a->status_path, &in, &why) != AN_OK)
        an_agent_fault(a, "status_not_written", why.text);
    tell_systemd(a, &in);
    tell_probes(a, &in);
}

void an_agent_tell_stopping(void)
{
    (void)an_notify("STOPPING=1\nSTATUS=stopping");
}

void an_agent_tell_close(an_agent *a)
{
    an_probe_free(a->probe);
    a->probe = NULL;
}
