/* mes: a REST call for each event to a manufacturing execution or ERP system, so that what was found can be traced to
 * parts and material lots.  URL and body are templates; the event's id is the idempotency key. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/sink_event.h"
#include "agent/sink_http.h"
#include "agent/template.h"
#include "base/clock.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"

#define BODY_MAX (128u << 10)
#define URL_MAX 2048
#define FIELDS                                                                                               \
    "id, site, line, alarm, kind, state, severity, source, part, lot, time, since, score, peak, sensor, "    \
    "reason, "                                                                                               \
    "version, verdict, by, comment, and record, the whole as JSON"

typedef struct mes {
    const char *url, *method, *body, *content_type, *key_header, *lot_separator;
    bool parts_only;
    int64_t repeat;
    an_escape escape;
    an_sink_http http;
} mes;

#define USUAL_BODY                                                                                           \
    "{\"id\":\"{{id}}\",\"site\":\"{{site}}\",\"line\":\"{{line}}\",\"kind\":\"{{kind}}\","                  \
    "\"severity\":\"{{severity}}\",\"part\":\"{{part}}\",\"lot\":\"{{lot}}\",\"time\":\"{{time}}\","         \
    "\"reason\":\"{{reason}}\",\"record\":{{record}}}"

static const an_option options[] = {
    {"url", AN_OPTION_TEXT, 0, 0, NULL, "where to send; may hold fields, such as .../lots/{{lot}}/defects"},
    {"method", AN_OPTION_TEXT, 0, 0, "POST", "POST or PUT"},
    {"body", AN_OPTION_TEXT, 0, 0, USUAL_BODY, "template; the fields are " FIELDS},
    {"content_type", AN_OPTION_TEXT, 0, 0, "application/json",
     "of the body; says how values are escaped: JSON, XML"},
    {"key_header", AN_OPTION_TEXT, 0, 0, "Idempotency-Key", "header that carries the event's id"},
    {"repeat_status", AN_OPTION_INT, 0, 599, "409",
     "by this status it says that it has the event already; 0: by none"},
    {"parts_only", AN_OPTION_BOOL, 0, 1, "true", "only events that belong to a part"},
    {"lot_separator", AN_OPTION_TEXT, 0, 0, "",
     "the lot is the part's id up to the last of these; the whole id if there is none"},
    AN_SINK_HTTP_OPTIONS,
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

/* ---- fields ---- */

typedef struct fields {
    const mes *mes;
    const an_sink_event *event;
    char text[AN_REASON_MAX + AN_ALARM_TEXT_MAX];
} fields;

static const char *number(fields *f, double v)
{
    snprintf(f->text, sizeof f->text, "%.6g", v);
    return isfinite(v) ? f->text : "";
}

static const char *time_of(fields *f, int64_t ms)
{
    char time[25];
    an_time_text(time, ms);
    snprintf(f->text, sizeof f->text, "%s", ms ? time : "");
    return f->text;
}

static const char *lot_of(fields *f)
{
    const char *part = f->event->record->part, *end = NULL;
    if (f->mes->lot_separator[0])
        for (const char *at = part; (at = strstr(at, f->mes->lot_separator)); at++)
            end = at;
    snprintf(f->text, sizeof f->text, "%.*s", end ? (int)(end - part) : (int)strlen(part), part);
    return f->text;
}

static const char *version_of(fields *f)
{
    static const uint8_t none[AN_ALARM_HASH];
    const uint8_t *v = f->event->record->version;
    if (an_secret_equal(v, none, AN_ALARM_HASH))
        return "";
    an_hex(f->text, v, AN_ALARM_HASH);
    return f->text;
}

static const char *computed(fields *f, const char *name, bool *ret_raw)
{
    const an_alarm_record *r = f->event->record;
    if (strcmp(name, "alarm") == 0)
        snprintf(f->text, sizeof f->text, "%" PRIu64, r->alarm);
    else if (strcmp(name, "time") == 0)
        return time_of(f, r->time_ms);
    else if (strcmp(name, "since") == 0)
        return time_of(f, r->since_ms);
    else if (strcmp(name, "score") == 0)
        return number(f, r->score);
    else if (strcmp(name, "peak") == 0)
        return number(f, r->peak);
    else if (strcmp(name, "lot") == 0)
        return lot_of(f);
    else if (strcmp(name, "version") == 0)
        return version_of(f);
    else if (strcmp(name, "record") == 0)
        *ret_raw = f->mes->escape == AN_ESCAPE_JSON;
    else
        return NULL;
    return strcmp(name, "record") == 0 ? f->event->json : f->text;
}

static const char *value_of(void *ctx, const char *name, bool *ret_raw)
{
    fields *f = ctx;
    const an_alarm_record *r = f->event->record;
    const struct {
        const char *name, *value;
    } texts[] = {{"id", f->event->id},
                 {"site", r->site},
                 {"line", r->line},
                 {"kind", an_logged_name(r->kind)},
                 {"state", an_standing_name(r->standing)},
                 {"severity", an_severity_names[r->severity]},
                 {"source", r->source},
                 {"part", r->part},
                 {"sensor", r->n_top ? r->top[0].sensor : ""},
                 {"reason", r->reason},
                 {"verdict", r->verdict},
                 {"by", r->by},
                 {"comment", r->comment}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, name) == 0)
            return texts[i].value;
    return computed(f, name, ret_raw);
}

/* ---- the sink ---- */

static an_err fill(const mes *s, const an_sink_event *e, an_buf *url, an_buf *body, an_note *why)
{
    fields f = {.mes = s, .event = e};
    an_err err = an_template_fill(url, s->url, AN_ESCAPE_URL, value_of, &f, why);
    if (err == AN_OK)
        err = an_template_fill(body, s->body, s->escape, value_of, &f, why);
    an_buf_u8(url, 0);
    return err ? err : an_buf_err(url);
}

/* With a record in which every field is worth escaping. */
static an_err try_templates(const mes *s, an_note *why)
{
    const an_alarm_record r = {
        .site = "s", .line = "l", .part = "\"<1>-2\"", .reason = "\"a\\", .score = NAN};
    const an_sink_event e = {.record = &r, .id = "s:1", .json = "{}", .json_len = 2};
    an_json_doc *doc = NULL;
    an_buf url, body;
    an_buf_init(&url, URL_MAX);
    an_buf_init(&body, BODY_MAX);
    an_err err = fill(s, &e, &url, &body, why);
    if (err == AN_OK && s->escape == AN_ESCAPE_JSON)
        err = an_json_parse((const char *)body.data, body.len, "body", &doc, why);
    an_json_doc_free(doc);
    an_buf_done(&url);
    an_buf_done(&body);
    return err == AN_OK || err == AN_ERR_NOMEM ? err : AN_ERR_INVAL;
}

static an_err check_texts(const mes *s, an_note *why)
{
    if (strcmp(s->method, "POST") != 0 && strcmp(s->method, "PUT") != 0)
        return an_fail(AN_ERR_INVAL, why, "method: POST or PUT");
    if (strpbrk(s->content_type, "\r\n") || strlen(s->content_type) > 100)
        return an_fail(AN_ERR_INVAL, why, "content_type: one short line");
    if (strpbrk(s->key_header, ": \r\n") || !s->key_header[0] || strlen(s->key_header) > 60)
        return an_fail(AN_ERR_INVAL, why, "key_header: the name of a header");
    return AN_OK;
}

static an_err mes_open(void *state, const an_sink_site *site, const an_node *conf, an_note *why)
{
    mes *s = state;
    an_err err;
    (void)site;
    if ((err = an_option_text(options, conf, "url", &s->url, why)) != AN_OK ||
        (err = an_option_text(options, conf, "method", &s->method, why)) != AN_OK ||
        (err = an_option_text(options, conf, "body", &s->body, why)) != AN_OK ||
        (err = an_option_text(options, conf, "content_type", &s->content_type, why)) != AN_OK ||
        (err = an_option_text(options, conf, "key_header", &s->key_header, why)) != AN_OK ||
        (err = an_option_text(options, conf, "lot_separator", &s->lot_separator, why)) != AN_OK ||
        (err = an_option_bool(options, conf, "parts_only", &s->parts_only, why)) != AN_OK ||
        (err = an_option_int(options, conf, "repeat_status", &s->repeat, why)) != AN_OK ||
        (err = check_texts(s, why)) != AN_OK)
        return err;
    s->escape = strstr(s->content_type, "json")  ? AN_ESCAPE_JSON
                : strstr(s->content_type, "xml") ? AN_ESCAPE_XML
                                                 : AN_ESCAPE_LINE;
    err = an_sink_http_open(&s->http, options, conf, s->url, why);
    return err == AN_OK ? try_templates(s, why) : err;
}

static bool mes_wants(const void *state, const an_alarm_record *r)
{
    const mes *s = state;
    return r->part[0] || !s->parts_only;
}

static an_err mes_connect(void *state, an_note *why)
{
    return an_sink_http_connect(&((mes *)state)->http, why);
}

static void mes_disconnect(void *state)
{
    an_sink_http_disconnect(&((mes *)state)->http);
}

static an_err mes_send(void *state, const an_sink_event *events, size_t n, size_t *ret_taken, an_note *why)
{
    const mes *s = state;
    char type[128], key[AN_SINK_ID_MAX + 64];
    an_buf url, body;
    (void)n; /* one at a time: stop waits for one call at most */
    an_buf_init(&url, URL_MAX);
    an_buf_init(&body, BODY_MAX);
    snprintf(type, sizeof type, "Content-Type: %s", s->content_type);
    snprintf(key, sizeof key, "%s: %s", s->key_header, events->id);
    const char *const headers[] = {type, key, NULL};
    an_err err = fill(s, events, &url, &body, why);
    if (err == AN_ERR_LIMIT)
        err = an_fail(AN_ERR_REFUSED, why, "the URL or the body becomes too long");
    if (err == AN_OK)
        err = an_sink_http_send(&s->http, s->method, (const char *)url.data, headers, body.data, body.len,
                                (unsigned)s->repeat, why);
    if (err == AN_OK)
        *ret_taken = 1;
    an_buf_done(&url);
    an_buf_done(&body);
    return err;
}

const an_sink_type an_sink_type_mes = {
    .name = "mes",
    .meaning = "REST calls to an MES or ERP, made from templates with part and lot; at least once, with an "
               "idempotency "
               "key",
    .options = options,
    .state_size = sizeof(mes),
    .open = mes_open,
    .connect = mes_connect,
    .disconnect = mes_disconnect,
    .send = mes_send,
    .wants = mes_wants,
};
