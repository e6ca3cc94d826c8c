/* A look over a site: configuration, data folder, the coordinator's doors, and what the running agent says. */
#include "agent/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "agent/conf_check.h"
#include "agent/enrol.h"
#include "base/clock.h"
#include "base/doctor.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/json.h"

#define OLD_MS 10000 /* a running agent writes every second */

static const char *text_of(const an_jval *o, const char *key)
{
    const char *text = "";
    return an_jval_text(o, key, &text, NULL) == AN_OK ? text : "";
}

static int64_t int_of(const an_jval *o, const char *key)
{
    int64_t n = 0;
    return an_jval_int(o, key, INT64_MIN, INT64_MAX, &n, NULL) == AN_OK ? n : 0;
}

/* ---- what is on the disk ---- */

static void look_at_conf(an_doctor *d, const char *config, char data[static AN_PATH_MAX])
{
    an_agent_conf conf = {.site = NULL};
    an_note why = {{0}};
    an_err err = an_agent_conf_load(config, &conf, &why);
    if (err == AN_OK) {
        if (!data[0])
            snprintf(data, AN_PATH_MAX, "%s", conf.data);
        err = an_agent_conf_check(&conf, &why);
    }
    if (err == AN_OK)
        an_doctor_say(d, AN_DOCTOR_OK, "configuration", NULL, "site %s, %zu lines", conf.site, conf.n_lines);
    else
        an_doctor_say(d, AN_DOCTOR_MEND, "configuration", NULL, "%.250s",
                      why.text[0] ? why.text : an_err_text(err));
    an_agent_conf_done(&conf);
}

static void look_at_coordinator(an_doctor *d, const char *data)
{
    static const char mend[] = "is the coordinator running, and does a firewall let this site out to it?";
    an_coordinator c;
    an_note why = {{0}};
    an_err err = an_coordinator_read(data, &c, &why);
    if (err != AN_OK) {
        an_doctor_say(d, AN_DOCTOR_MEND, "enrolment",
                      err == AN_ERR_NOTFOUND
                          ? "andon token, there; andon-agent enrol TOKEN --site NAME --data DIR, here"
                          : NULL,
                      "%.250s", err == AN_ERR_NOTFOUND ? "this site is not enrolled" : why.text);
        return;
    }
    an_doctor_say(d, AN_DOCTOR_OK, "enrolment", NULL, "as %s", c.site);
    for (size_t i = 0; i < c.n_control; i++)
        an_doctor_endpoint(d, "coordinator", c.control[i], mend);
    if (c.bulk[0])
        an_doctor_endpoint(d, "coordinator, for versions", c.bulk, mend);
}

/* ---- what the agent says ---- */

static void look_at_line(an_doctor *d, const an_jval *l)
{
    char what[64];
    const char *error = text_of(l, "last_error"), *remark = text_of(l, "remark");
    snprintf(what, sizeof what, "line %.50s", text_of(l, "line"));
    if (remark[0])
        an_doctor_say(d, AN_DOCTOR_MEND, what,
                      strstr(remark, "knows no model")
                          ? "ask the coordinator's people for it (andon model create), or name another one"
                          : "make the line's sensors, rate_hz and window those of the model",
                      "takes no part in rounds: %.200s", remark);
    if (error[0])
        an_doctor_say(d, AN_DOCTOR_MEND, what, "andon-agent probe SOURCE.yaml tries the source alone",
                      "%.200s, %.180s", text_of(l, "state"), error);
    if (int_of(l, "release_expired_ms") > 0)
        an_doctor_say(d, AN_DOCTOR_MEND, what, "ask the coordinator's people for a new release",
                      "the release that it follows has expired");
    if (!error[0] && !remark[0])
        an_doctor_say(d, text_of(l, "version")[0] ? AN_DOCTOR_OK : AN_DOCTOR_LOOK, what, NULL, "%s, %s",
                      text_of(l, "state"),
                      text_of(l, "version")[0] ? "runs a version" : "no version runs yet");
}

static void look_at_rest(an_doctor *d, const an_jval *o)
{
    const an_jval *sinks = an_jval_get(o, "sinks"), *r = an_jval_get(o, "resources");
    char what[64];
    for (size_t i = 0; i < an_jval_count(sinks); i++) {
        const an_jval *s = an_jval_at(sinks, i);
        const bool fails = strcmp(text_of(s, "state"), "failing") == 0;
        snprintf(what, sizeof what, "sink %.50s", text_of(s, "name"));
        an_doctor_say(d, fails ? AN_DOCTOR_MEND : AN_DOCTOR_OK, what, NULL, "%s%s%.180s", text_of(s, "state"),
                      fails ? ": " : "", fails ? text_of(s, "last_error") : "");
    }
    if (int_of(an_jval_get(o, "alarm_log"), "dropped_unread") > 0)
        an_doctor_say(d, AN_DOCTOR_MEND, "log of alarms", "mend the sink, or raise the quota",
                      "records went that a sink still waited for");
    if (int_of(r, "memory_over_s") + int_of(r, "cpu_over_s") > 0)
        an_doctor_say(d, AN_DOCTOR_LOOK, "budget", "raise budget.memory or budget.cpu, or lower pool.bytes",
                      "the agent was over it");
    if (int_of(r, "jobs_refused") > 0)
        an_doctor_say(d, AN_DOCTOR_LOOK, "budget", "raise budget.memory or budget.training",
                      "training was declined for want of memory");
    if (text_of(o, "last_job_error")[0])
        an_doctor_say(d, AN_DOCTOR_LOOK, "training", NULL, "the last work failed: %.220s",
                      text_of(o, "last_job_error"));
    if (text_of(o, "last_error")[0])
        an_doctor_say(d, AN_DOCTOR_LOOK, "agent", NULL, "last error: %.220s", text_of(o, "last_error"));
}

static void look_at_status(an_doctor *d, const an_jval *o)
{
    static const char start[] = "systemctl start andon-agent@NAME, or andon-agent run --config FILE";
    const an_jval *link = an_jval_get(o, "coordinator"), *lines = an_jval_get(o, "lines");
    const int64_t age = an_clock_system()->wall_ms(an_clock_system()) - int_of(o, "time_ms");
    bool connected = false;
    if (age > OLD_MS) {
        an_doctor_say(d, AN_DOCTOR_MEND, "agent", start, "has said nothing for %lld s: it does not run",
                      (long long)(age / 1000));
        return;
    }
    connected = an_jval_bool(link, "connected", &connected, NULL) == AN_OK && connected;
    an_doctor_say(d, connected ? AN_DOCTOR_OK : AN_DOCTOR_MEND, "agent",
                  connected ? NULL
                            : "look at the coordinator's doors above; is this site still admitted there?",
                  connected ? "runs, and is connected" : "runs, and is not connected to the coordinator");
    if (connected)
        an_doctor_clock(d, "the coordinator", int_of(link, "clock_off_ms"));
    for (size_t i = 0; i < an_jval_count(lines); i++)
        look_at_line(d, an_jval_at(lines, i));
    look_at_rest(d, o);
}

static void look_at_agent(an_doctor *d, const char *data)
{
    char path[AN_PATH_MAX];
    an_buf b;
    an_json_doc *doc = NULL;
    an_note why = {{0}};
    an_buf_init(&b, AN_JSON_MAX_BYTES);
    an_err err = an_path_join(path, data, "status.json");
    if (err == AN_OK && (err = an_file_read(&b, path, &why)) == AN_OK)
        err = an_json_parse((const char *)b.data, b.len, path, &doc, &why);
    if (err == AN_OK)
        look_at_status(d, an_json_root(doc));
    else
        an_doctor_say(d, AN_DOCTOR_MEND, "agent", "andon-agent run --config FILE", "%.200s",
                      err == AN_ERR_NOTFOUND ? "none has run with this data folder" : why.text);
    an_json_doc_free(doc);
    an_buf_done(&b);
}

/* ---- what was found ---- */

static void print_json(const an_doctor *d, FILE *out)
{
    an_json *o = an_json_object(), *list = an_json_array();
    for (size_t i = 0; i < d->n; i++) {
        const an_doctor_finding *f = &d->items[i];
        an_json *row = an_json_object();
        an_json_set_text(row, "level", an_doctor_level_name(f->level));
        an_json_set_text(row, "what", f->what);
        an_json_set_text(row, "text", f->text);
        an_json_set_text(row, "mend", f->mend);
        an_json_push(list, row);
    }
    an_json_set(o, "findings", list);
    an_json_set_bool(o, "fine", an_doctor_worst(d) < AN_DOCTOR_MEND);
    char *text = an_json_print(o, 0);
    fprintf(out, "%s\n", text ? text : "{}");
    an_free(text);
    an_json_free(o);
}

an_err an_agent_doctor(const char *config, const char *data, bool json, FILE *out, an_note *why)
{
    char dir[AN_PATH_MAX] = "";
    an_doctor *d = an_alloc(1, sizeof *d);
    if (!d)
        return AN_ERR_NOMEM;
    if (data)
        snprintf(dir, sizeof dir, "%.*s", AN_PATH_MAX - 1, data);
    if (config)
        look_at_conf(d, config, dir);
    if (!dir[0])
        snprintf(dir, sizeof dir, "andon-data");
    an_doctor_folder(d, dir);
    an_doctor_limits(d);
    look_at_coordinator(d, dir);
    look_at_agent(d, dir);
    if (json)
        print_json(d, out);
    else
        an_doctor_print(d, out);
    const bool fine = an_doctor_worst(d) < AN_DOCTOR_MEND;
    an_free(d);
    return fine ? AN_OK : an_fail(AN_ERR_REFUSED, why, "there is something to mend");
}
