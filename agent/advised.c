#include "agent/advised.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/exhibit.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/terms.h"

#define TEXT_MAX ((size_t)64 << 10)
#define NOTE "Advice for people: nothing is written by itself. What is predicted is to be tried."

static const char *const kinds[] = {"moves", "as wished", "none", "refused"};

const char *an_advised_name(an_advised_kind kind)
{
    return kinds[kind];
}

/* ---- the sentence ---- */

static const an_sensor *sensor_of(const an_advice_versions *v, size_t i)
{
    return &v->goal.schema.sensors[v->inputs[i].sensor];
}

static void say_moves(an_buf *b, const an_advice_versions *v, const float *now, const float *then,
                      const an_advice *a)
{
    for (size_t i = 0; i < v->ask.n_inputs; i++) {
        const an_sensor *s = sensor_of(v, i);
        const size_t at = v->inputs[i].sensor;
        an_buf_printf(b, "%s%s from %.5g to %.5g%s%s", i ? ", " : "", s->name, (double)now[at],
                      (double)then[at], s->unit[0] ? " " : "", s->unit);
    }
    an_buf_printf(b, ": %s is predicted to go from %.4g to %.4g", v->titles[0], a->now, a->then);
    for (size_t k = 0; k < v->ask.n_caps; k++)
        an_buf_printf(b, ", %s to %.4g (at most %.4g)", v->titles[k + 1], a->caps_then[k], v->caps[k].most);
    an_buf_text(b, ".");
}

static void say(an_buf *b, an_advised_kind kind, const an_advice_versions *v, const float *now,
                const float *then, const an_advice *a)
{
    if (kind == AN_ADVISED_MOVES)
        say_moves(b, v, now, then, a);
    else if (kind == AN_ADVISED_MET)
        an_buf_printf(b, "%s is predicted at %.4g, as it is wished: nothing is to be moved.", v->titles[0],
                      a->now);
    else
        an_buf_printf(b, "%s is predicted at %.4g, and no move within the limits is better.", v->titles[0],
                      a->now);
}

/* ---- JSON ---- */

static an_json *begin(const an_advised_about *about, an_advised_kind kind)
{
    char time[25];
    an_json *o = an_json_object();
    an_time_text(time, about->time_ms);
    an_json_set_text(o, "line", about->line);
    if (about->alarm)
        an_json_set_int(o, "alarm", (int64_t)about->alarm);
    an_json_set_text(o, "time", time);
    an_json_set_int(o, "time_ms", about->time_ms);
    an_json_set_text(o, "outcome", kinds[kind]);
    return o;
}

static an_advised *end(an_json *o, const an_advised_about *about, an_advised_kind kind, an_buf *said)
{
    an_buf_u8(said, 0);
    an_json_set_text(o, "said", an_buf_err(said) == AN_OK ? (const char *)said->data : "");
    an_json_set_text(o, "note", NOTE);
    an_advised *a = an_alloc(1, sizeof *a);
    if (a)
        *a = (an_advised){kind, about->alarm, an_json_print(o, 0)};
    an_json_free(o);
    an_buf_done(said);
    if (a && a->text)
        return a;
    an_advised_free(a);
    return NULL;
}

static void put_moves(an_json *o, const an_advice_versions *v, const float *now, const float *then)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < v->ask.n_inputs; i++) {
        const an_sensor *s = sensor_of(v, i);
        an_json *move = an_json_object();
        an_json_set_text(move, "sensor", s->name);
        an_json_set_text(move, "unit", s->unit);
        an_json_set_num(move, "from", (double)now[v->inputs[i].sensor]);
        an_json_set_num(move, "to", (double)then[v->inputs[i].sensor]);
        an_json_push(list, move);
    }
    an_json_set(o, "moves", list);
}

static void put_caps(an_json *o, const an_advice_versions *v, const an_advice *a)
{
    an_json *list = an_json_array();
    for (size_t k = 0; k < v->ask.n_caps; k++) {
        an_json *cap = an_json_object();
        an_json_set_text(cap, "model", v->titles[k + 1]);
        an_json_set_num(cap, "now", a->caps_now[k]);
        an_json_set_num(cap, "then", a->caps_then[k]);
        an_json_set_num(cap, "most", v->caps[k].most);
        an_json_push(list, cap);
    }
    an_json_set(o, "caps", list);
}

an_advised *an_advised_new(const an_advised_about *about, const an_advice_versions *v, const float *now,
                           const float *then, const an_advice *advice)
{
    const an_advised_kind kind = advice->found ? AN_ADVISED_MOVES
                                 : advice->met ? AN_ADVISED_MET
                                               : AN_ADVISED_NONE;
    an_buf said;
    an_buf_init(&said, TEXT_MAX);
    an_json *o = begin(about, kind);
    an_json_set_text(o, "model", v->titles[0]);
    an_json_set_text(o, "reach",
                     v->ask.has_limit ? (v->ask.raise ? "above" : "below")
                     : v->ask.raise   ? "more"
                                      : "less");
    if (v->ask.has_limit)
        an_json_set_num(o, "limit", v->ask.limit);
    an_json_set_num(o, "now", advice->now);
    an_json_set_num(o, "then", advice->then);
    if (advice->found)
        put_moves(o, v, now, then);
    put_caps(o, v, advice);
    if (!advice->met) {
        an_json_set_num(o, "distance_now", advice->distance_now);
        an_json_set_num(o, "distance_then", advice->distance_then);
        an_json_set_num(o, "usual", v->ask.usual);
    }
    say(&said, kind, v, now, then, advice);
    return end(o, about, kind, &said);
}

an_advised *an_advised_refused(const an_advised_about *about, const char *why)
{
    an_buf said;
    an_buf_init(&said, TEXT_MAX);
    an_buf_printf(&said, "No advice: %s.", why);
    return end(begin(about, AN_ADVISED_REFUSED), about, AN_ADVISED_REFUSED, &said);
}

void an_advised_free(an_advised *a)
{
    if (!a)
        return;
    an_free(a->text);
    an_free(a);
}

/* ---- what was kept ---- */

static an_json_doc *read_doc(const char *dir, const char *line, uint64_t alarm)
{
    char name[AN_ALARM_PICTURE_MAX];
    an_json_doc *doc = NULL;
    an_buf b;
    an_buf_init(&b, TEXT_MAX);
    snprintf(name, sizeof name, "%.63s-%" PRIu64, line, alarm);
    if (alarm == 0 || an_exhibit_advice(dir, name, &b, NULL) != AN_OK ||
        an_json_parse((const char *)b.data, b.len, name, &doc, NULL) != AN_OK)
        doc = NULL;
    an_buf_done(&b);
    return doc;
}

an_json *an_advised_read(const char *dir, const char *line, uint64_t alarm)
{
    an_json_doc *doc = read_doc(dir, line, alarm);
    an_json *o = doc ? an_json_copy(an_json_root(doc)) : NULL;
    an_json_doc_free(doc);
    return o;
}

bool an_advised_said(const char *dir, const char *line, uint64_t alarm, char ret[static AN_ADVISED_SAID_MAX])
{
    an_json_doc *doc = read_doc(dir, line, alarm);
    const an_jval *o = an_json_root(doc);
    const char *said = "", *note = "";
    const bool ok = doc && an_jval_text(o, "said", &said, NULL) == AN_OK &&
                    an_jval_get_text(o, "note", "", &note, NULL) == AN_OK;
    if (ok)
        snprintf(ret, AN_ADVISED_SAID_MAX, "%.800s %.200s", said, note);
    an_json_doc_free(doc);
    return ok;
}
