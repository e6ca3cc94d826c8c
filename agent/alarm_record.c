#include "agent/alarm_record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "doors/crypto.h"
#include "msg/msg.h"

static const char *const kinds[] = {
#define AN_LOGGED_ROW(name, text) text,
    AN_LOGGED_LIST(AN_LOGGED_ROW)
#undef AN_LOGGED_ROW
};
const char *const an_severity_names[] = {"low", "medium", "high", "critical", NULL};
static const char *const qualities[] = {"good", "uncertain", "bad"};

static bool find(const char *const *list, size_t n, const char *name, unsigned *ret)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(list[i], name) != 0)
            continue;
        *ret = i;
        return true;
    }
    return false;
}

const char *an_logged_name(an_logged_kind kind)
{
    return kinds[kind];
}

bool an_logged_find(const char *name, an_logged_kind *ret)
{
    unsigned i;
    if (!find(kinds, AN_LOGGED_KINDS, name, &i))
        return false;
    *ret = (an_logged_kind)i;
    return true;
}

bool an_severity_find(const char *name, an_severity *ret)
{
    unsigned i;
    if (!find(an_severity_names, AN_SEVERITIES, name, &i))
        return false;
    *ret = (an_severity)i;
    return true;
}

const char *an_data_quality_name(an_data_quality q)
{
    return qualities[q];
}

/* ---- writing ---- */

static void set_filled(an_json *o, const char *key, const char *text)
{
    if (text[0])
        an_json_set_text(o, key, text);
}

static void set_time(an_json *o, const char *key, int64_t ms)
{
    if (ms != 0)
        an_json_set_int(o, key, ms);
}

static void set_hash(an_json *o, const char *key, const uint8_t hash[static AN_ALARM_HASH])
{
    static const uint8_t none[AN_ALARM_HASH];
    char text[AN_HASH_TEXT];
    if (an_secret_equal(hash, none, AN_ALARM_HASH))
        return;
    an_hex(text, hash, AN_ALARM_HASH);
    an_json_set_text(o, key, text);
}

/* Thousandths are enough, and short. */
static void set_within(an_json *t, const double *within, size_t n)
{
    if (n == 0)
        return;
    an_json *list = an_json_array();
    for (size_t i = 0; i < n; i++)
        an_json_push_num(list, round(1000 * within[i]) / 1000);
    an_json_set(t, "within", list);
}

static void set_image(an_json *o, const an_alarm_record *r)
{
    set_filled(o, "image", r->image);
    set_filled(o, "picture", r->picture);
    if (r->image_width == 0)
        return;
    an_json *boxes = an_json_array();
    an_json_set_int(o, "image_width", r->image_width);
    an_json_set_int(o, "image_height", r->image_height);
    for (size_t i = 0; i < r->n_boxes; i++) {
        const an_reason_box *b = &r->boxes[i];
        an_json *box = an_json_object();
        an_json_set_int(box, "x", b->x);
        an_json_set_int(box, "y", b->y);
        an_json_set_int(box, "width", b->width);
        an_json_set_int(box, "height", b->height);
        an_json_set_num(box, "peak", b->peak);
        an_json_push(boxes, box);
    }
    an_json_set(o, "boxes", boxes);
}

static an_json *lists(const an_alarm_record *r, an_json *o)
{
    if (r->n_rules > 0) {
        an_json *rules = an_json_array();
        for (size_t i = 0; i < r->n_rules; i++)
            an_json_push_text(rules, r->rules[i]);
        an_json_set(o, "rules", rules);
    }
    if (r->n_top > 0) {
        an_json *top = an_json_array();
        for (size_t i = 0; i < r->n_top; i++) {
            an_json *t = an_json_object();
            an_json_set_text(t, "sensor", r->top[i].sensor);
            an_json_set_num(t, "share", r->top[i].share);
            if (r->top[i].explained) {
                an_json_set_num(t, "value", r->top[i].value);
                an_json_set_num(t, "expected", r->top[i].expected);
                an_json_set_num(t, "sigma", r->top[i].sigma);
                set_time(t, "since_ms", r->top[i].since_ms);
                set_within(t, r->top[i].within, r->n_within);
            }
            an_json_push(top, t);
        }
        an_json_set(o, "top", top);
    }
    return o;
}

/* Of people, and of data that is bad. */
static void set_acts(an_json *o, const an_alarm_record *r)
{
    set_filled(o, "by", r->by);
    set_filled(o, "comment", r->comment);
    set_time(o, "until_ms", r->until_ms);
    set_filled(o, "acknowledged_by", r->acked_by);
    set_filled(o, "verdict", r->verdict);
    set_filled(o, "class", r->defect);
    if (r->kind == AN_LOGGED_QUALITY) {
        an_json_set_text(o, "fault", r->fault);
        an_json_set_bool(o, "begins", r->begins);
    }
}

an_json *an_alarm_record_json(const an_alarm_record *r)
{
    char time[25];
    an_json *o = an_json_object();
    an_time_text(time, r->time_ms);
    an_json_set_int(o, "seq", (int64_t)r->seq);
    an_json_set_text(o, "kind", an_logged_name(r->kind));
    an_json_set_text(o, "site", r->site);
    an_json_set_text(o, "line", r->line);
    if (r->alarm) {
        an_json_set_int(o, "alarm", (int64_t)r->alarm);
        an_json_set_text(o, "state", an_standing_name(r->standing));
        an_json_set_bool(o, "shown", an_standing_shown(r->standing));
        an_json_set_bool(o, "ever_shown", r->ever_shown);
        an_json_set_bool(o, "suppressed", r->suppressed);
        an_json_set_text(o, "severity", an_severity_names[r->severity]);
        an_json_set_text(o, "source", r->source);
        an_json_set_int(o, "since_ms", r->since_ms);
        an_json_set_int(o, "rows", (int64_t)r->rows);
        an_json_set_num(o, "score", r->score);
        an_json_set_num(o, "raw", r->raw);
        an_json_set_num(o, "peak", r->peak);
        set_time(o, "peak_ms", r->peak_ms);
        set_time(o, "near_ms", r->near_ms);
        if (r->near_ms != 0)
            an_json_set_num(o, "near_distance", r->near_distance);
    }
    an_json_set_text(o, "time", time);
    an_json_set_int(o, "time_ms", r->time_ms);
    an_json_set_int(o, "recorded_ms", r->recorded_ms);
    lists(r, o);
    set_hash(o, "version", r->version);
    set_hash(o, "overlay", r->overlay);
    set_filled(o, "part", r->part);
    set_image(o, r);
    set_filled(o, "reason", r->reason);
    an_json_set_text(o, "data", an_data_quality_name(r->data));
    an_json_set_int(o, "bad_sensors", r->bad_sensors);
    set_acts(o, r);
    return o;
}

/* ---- reading ---- */

static an_err get_text(const an_jval *o, const char *key, char *ret, size_t size, an_note *why)
{
    const char *text = "";
    an_err err = an_jval_get_text(o, key, "", &text, why);
    if (err == AN_OK)
        an_text_set(ret, size, text);
    return err;
}

static an_err get_name(const an_jval *o, const char *key, const char *const *list, size_t n, unsigned *ret,
                       an_note *why)
{
    const char *text = list[0];
    an_err err = an_jval_get_text(o, key, list[0], &text, why);
    if (err == AN_OK && !find(list, n, text, ret))
        err = an_fail(AN_ERR_PROTO, why, "%s: \"%.60s\"", key, text);
    return err;
}

static an_err get_hash(const an_jval *o, const char *key, uint8_t ret[static AN_ALARM_HASH], an_note *why)
{
    const char *text = "";
    an_err err = an_jval_get_text(o, key, "", &text, why);
    if (err == AN_OK && text[0] && !an_unhex(ret, AN_ALARM_HASH, text))
        err = an_fail(AN_ERR_PROTO, why, "%s: not a hash", key);
    return err;
}

static an_err get_count(const an_jval *o, const char *key, uint64_t *ret, an_note *why)
{
    int64_t n = 0;
    an_err err = an_jval_get_int(o, key, 0, INT64_MAX, 0, &n, why);
    *ret = (uint64_t)n;
    return err;
}

static an_err get_explained(const an_jval *t, an_alarm_record *r, size_t i, an_note *why)
{
    const struct {
        const char *key;
        double *ret;
    } figures[] = {
        {"value", &r->top[i].value}, {"expected", &r->top[i].expected}, {"sigma", &r->top[i].sigma}};
    an_err err = AN_OK;
    for (size_t k = 0; k < sizeof figures / sizeof *figures && err == AN_OK; k++)
        err = an_jval_get_num(t, figures[k].key, -DBL_MAX, DBL_MAX, NAN, figures[k].ret, why);
    const an_jval *within = an_jval_get(t, "within");
    for (size_t k = 0; k < an_jval_count(within) && k < AN_REASON_STEPS && err == AN_OK; k++) {
        err = an_jval_num(an_jval_at(within, k), NULL, -DBL_MAX, DBL_MAX, &r->top[i].within[k], why);
        r->n_within = k + 1;
    }
    return err == AN_OK ? an_jval_get_int(t, "since_ms", INT64_MIN, INT64_MAX, 0, &r->top[i].since_ms, why)
                        : err;
}

static an_err get_lists(const an_jval *o, an_alarm_record *r, an_note *why)
{
    const an_jval *rules = an_jval_get(o, "rules"), *top = an_jval_get(o, "top");
    an_err err = AN_OK;
    for (size_t i = 0; i < an_jval_count(rules) && i < AN_ALARM_RULES_MAX && err == AN_OK; i++) {
        const char *name = NULL;
        if ((err = an_jval_text(an_jval_at(rules, i), NULL, &name, why)) == AN_OK)
            an_text_set(r->rules[r->n_rules++], AN_RULE_NAME_MAX, name);
    }
    for (size_t i = 0; i < an_jval_count(top) && i < AN_ALARM_TOP && err == AN_OK; i++) {
        const an_jval *t = an_jval_at(top, i);
        if ((err = get_text(t, "sensor", r->top[i].sensor, sizeof r->top[i].sensor, why)) == AN_OK)
            err = an_jval_get_num(t, "share", 0, 1e9, 0, &r->top[i].share, why);
        r->top[i].explained = an_jval_get(t, "sigma") != NULL;
        if (err == AN_OK)
            err = get_explained(t, r, i, why);
        r->n_top = i + 1;
    }
    return err;
}

static an_err get_boxes(const an_jval *o, an_alarm_record *r, an_note *why)
{
    const an_jval *boxes = an_jval_get(o, "boxes");
    int64_t width = 0, height = 0;
    an_err err = an_jval_get_int(o, "image_width", 0, UINT32_MAX, 0, &width, why);
    if (err == AN_OK)
        err = an_jval_get_int(o, "image_height", 0, UINT32_MAX, 0, &height, why);
    r->image_width = (uint32_t)width;
    r->image_height = (uint32_t)height;
    for (size_t i = 0; i < an_jval_count(boxes) && i < AN_REASON_BOXES && err == AN_OK; i++) {
        static const char *const keys[] = {"x", "y", "width", "height"};
        an_reason_box *b = &r->boxes[i];
        uint32_t *const to[] = {&b->x, &b->y, &b->width, &b->height};
        for (size_t k = 0; k < 4 && err == AN_OK; k++) {
            int64_t v = 0;
            err = an_jval_get_int(an_jval_at(boxes, i), keys[k], 0, UINT32_MAX, 0, &v, why);
            *to[k] = (uint32_t)v;
        }
        if (err == AN_OK)
            err = an_jval_get_num(an_jval_at(boxes, i), "peak", 0, DBL_MAX, 0, &b->peak, why);
        r->n_boxes = i + 1;
    }
    return err;
}

/* The tables below are offsets into the record, so that a key is written down once. */
#define FIELD(name) offsetof(an_alarm_record, name), sizeof((an_alarm_record *)0)->name
static an_err get_texts(const an_jval *o, an_alarm_record *r, an_note *why)
{
    static const struct {
        const char *key;
        size_t at, size;
    } texts[] = {
        {"site", FIELD(site)},       {"line", FIELD(line)},
        {"source", FIELD(source)},   {"part", FIELD(part)},
        {"reason", FIELD(reason)},   {"by", FIELD(by)},
        {"comment", FIELD(comment)}, {"acknowledged_by", FIELD(acked_by)},
        {"verdict", FIELD(verdict)}, {"fault", FIELD(fault)},
        {"image", FIELD(image)},     {"class", FIELD(defect)},
        {"picture", FIELD(picture)},
    };
    an_err err = AN_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && err == AN_OK; i++)
        err = get_text(o, texts[i].key, (char *)r + texts[i].at, texts[i].size, why);
    return err;
}
#undef FIELD

static an_err get_numbers(const an_jval *o, an_alarm_record *r, an_note *why)
{
    const struct {
        const char *key;
        int64_t *ret;
    } times[] = {{"time_ms", &r->time_ms}, {"recorded_ms", &r->recorded_ms}, {"since_ms", &r->since_ms},
                 {"peak_ms", &r->peak_ms}, {"near_ms", &r->near_ms},         {"until_ms", &r->until_ms}};
    const struct {
        const char *key;
        double *ret;
    } figures[] = {
        {"score", &r->score}, {"raw", &r->raw}, {"peak", &r->peak}, {"near_distance", &r->near_distance}};
    const struct {
        const char *key;
        bool *ret;
    } flags[] = {{"suppressed", &r->suppressed}, {"ever_shown", &r->ever_shown}, {"begins", &r->begins}};
    uint64_t bad = 0;
    an_err err = AN_OK;
    for (size_t i = 0; i < sizeof times / sizeof *times && err == AN_OK; i++)
        err = an_jval_get_int(o, times[i].key, INT64_MIN, INT64_MAX, 0, times[i].ret, why);
    for (size_t i = 0; i < sizeof figures / sizeof *figures && err == AN_OK; i++)
        err = an_jval_get_num(o, figures[i].key, -DBL_MAX, DBL_MAX, NAN, figures[i].ret, why);
    for (size_t i = 0; i < sizeof flags / sizeof *flags && err == AN_OK; i++)
        err = an_jval_get_bool(o, flags[i].key, false, flags[i].ret, why);
    if (err == AN_OK && (err = get_count(o, "seq", &r->seq, why)) == AN_OK &&
        (err = get_count(o, "alarm", &r->alarm, why)) == AN_OK &&
        (err = get_count(o, "rows", &r->rows, why)) == AN_OK)
        err = get_count(o, "bad_sensors", &bad, why);
    r->bad_sensors = (uint32_t)(bad < UINT32_MAX ? bad : UINT32_MAX);
    return err;
}

static an_err get_names(const an_jval *o, an_alarm_record *r, an_note *why)
{
    static const char *const standings[] = {
#define AN_STANDING_ROW(name, text) text,
        AN_STANDING_LIST(AN_STANDING_ROW)
#undef AN_STANDING_ROW
    };
    unsigned kind = 0, standing = 0, severity = 0, data = 0;
    an_err err = get_name(o, "kind", kinds, AN_LOGGED_KINDS, &kind, why);
    if (err == AN_OK)
        err = get_name(o, "state", standings, AN_STANDINGS, &standing, why);
    if (err == AN_OK)
        err = get_name(o, "severity", an_severity_names, AN_SEVERITIES, &severity, why);
    if (err == AN_OK)
        err = get_name(o, "data", qualities, 3, &data, why);
    r->kind = (an_logged_kind)kind;
    r->standing = (an_standing)standing;
    r->severity = (an_severity)severity;
    r->data = (an_data_quality)data;
    return err;
}

an_err an_alarm_record_read(const an_jval *o, an_alarm_record *ret, an_note *why)
{
    an_alarm_record r = {.seq = 0};
    an_err err = an_jval_kind(o) == AN_JKIND_OBJECT ? AN_OK : AN_ERR_PROTO;
    if (err == AN_OK && (err = get_names(o, &r, why)) == AN_OK && (err = get_texts(o, &r, why)) == AN_OK &&
        (err = get_numbers(o, &r, why)) == AN_OK && (err = get_hash(o, "version", r.version, why)) == AN_OK &&
        (err = get_hash(o, "overlay", r.overlay, why)) == AN_OK && (err = get_lists(o, &r, why)) == AN_OK &&
        (err = get_boxes(o, &r, why)) == AN_OK)
        *ret = r;
    return err == AN_ERR_INVAL ? AN_ERR_PROTO : err;
}

an_err an_alarm_record_parse(const char *text, size_t len, an_alarm_record *ret, an_note *why)
{
    an_json_doc *doc = NULL;
    an_err err = an_json_parse_max(text, len, AN_ALARM_RECORD_BYTES, "alarm record", &doc, why);
    if (err == AN_ERR_LIMIT)
        err = AN_ERR_PROTO;
    if (err == AN_OK)
        err = an_alarm_record_read(an_json_root(doc), ret, why);
    an_json_doc_free(doc);
    return err;
}
