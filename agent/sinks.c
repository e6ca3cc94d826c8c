#include "agent/sinks.h"

#include <stdio.h>
#include <string.h>

#include "agent/alarms.h"
#include "base/log.h"
#include "base/mem.h"

struct an_sinks {
    an_sink *items[AN_SINKS_MAX];
    size_t n;
};

static bool is_configured(const an_sink_conf *confs, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(confs[i].name, name) == 0)
            return true;
    return false;
}

static an_err forget_others(const an_sink_conf *confs, size_t n, const an_sink_site *site, an_note *why)
{
    char names[AN_ALARM_READERS_MAX][AN_NAME_MAX];
    const size_t prefix = strlen(AN_SINK_READER);
    const an_alarms_conf none = {.site = NULL};
    an_alarms *log = NULL;
    size_t n_names = 0;
    an_err err = an_alarms_open(site->alarms, &none, &log, why);
    if (err == AN_OK)
        err = an_alarms_readers(log, names, &n_names, why);
    for (size_t i = 0; err == AN_OK && i < n_names; i++) {
        if (strncmp(names[i], AN_SINK_READER, prefix) != 0 || is_configured(confs, n, names[i] + prefix))
            continue;
        an_log(AN_LOG_INFO, "sink_forgotten", "sink=%s", names[i] + prefix);
        err = an_alarms_reader_remove(log, names[i], why);
    }
    an_alarms_close(log);
    return err;
}

an_err an_sinks_start(const an_sink_conf *confs, size_t n, const an_sink_site *site, an_sinks **ret,
                      an_note *why)
{
    an_sinks *s = an_alloc(1, sizeof *s);
    an_err err = s ? forget_others(confs, n, site, why) : AN_ERR_NOMEM;
    for (size_t i = 0; err == AN_OK && i < n; i++)
        if ((err = an_sink_start(&confs[i], site, &s->items[i], why)) == AN_OK)
            s->n = i + 1;
    if (err != AN_OK) {
        an_sinks_stop(s);
        return err;
    }
    *ret = s;
    return AN_OK;
}

void an_sinks_stop(an_sinks *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        an_sink_end(s->items[i]);
    for (size_t i = 0; i < s->n; i++)
        an_sink_stop(s->items[i]);
    an_free(s);
}

an_sink *an_sinks_at(an_sinks *s, size_t i)
{
    return s && i < s->n ? s->items[i] : NULL;
}

void an_sinks_wake(an_sinks *s)
{
    for (size_t i = 0; s && i < s->n; i++)
        an_sink_wake(s->items[i]);
}

static void set_count(an_json *o, const char *key, uint64_t n)
{
    an_json_set_int(o, key, n < INT64_MAX ? (int64_t)n : INT64_MAX);
}

static an_json *sink_json(an_sink *sink, uint64_t last_seq, int64_t now_ms)
{
    const an_sink_stats st = an_sink_stats_get(sink);
    const uint64_t behind = last_seq > st.cursor ? last_seq - st.cursor : 0;
    an_json *o = an_json_object();
    an_json_set_text(o, "name", an_sink_name(sink));
    an_json_set_text(o, "type", an_sink_type_name(sink));
    an_json_set_text(o, "state", st.failing ? "failing" : behind > 0 ? "sending" : "idle");
    set_count(o, "sent", st.sent);
    set_count(o, "retried", st.retried);
    set_count(o, "refused", st.refused);
    set_count(o, "passed", st.passed);
    set_count(o, "lost", st.lost);
    set_count(o, "damaged", st.damaged);
    set_count(o, "behind", behind);
    an_json_set_num(o, "behind_s",
                    st.waiting_ms > 0 && now_ms > st.waiting_ms ? (double)(now_ms - st.waiting_ms) / 1000
                                                                : 0);
    if (st.sent_ms > 0)
        an_json_set_int(o, "sent_ms", st.sent_ms);
    an_json_set_text(o, "last_error", st.error);
    return o;
}

an_json *an_sinks_json(an_sinks *s, uint64_t last_seq, int64_t now_ms)
{
    an_json *list = an_json_array();
    for (size_t i = 0; s && i < s->n; i++)
        an_json_push(list, sink_json(s->items[i], last_seq, now_ms));
    return list;
}
