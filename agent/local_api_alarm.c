/* One alarm: how it stands, why it was raised, what happened to it, others like it, and its pictures. */
#include <stdio.h>
#include <string.h>

#include "agent/advised.h"
#include "agent/exhibit.h"
#include "agent/local_api_internal.h"
#include "agent/show_alarms_internal.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/opt.h"

#define RECORDS_MAX 200 /* of one alarm */
#define LOOKED_MAX 400  /* alarms that may be like it */
#define SIMILAR_MAX 5
#define SIGNAL_MAX ((size_t)256 << 10)
#define PNG_MAX ((size_t)4 << 20)

static an_err read_id(const local_api_request *r, uint64_t *ret, an_note *why)
{
    int64_t id = 0;
    if (!an_parse_int(r->part[3], &id) || id < 1)
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not an alarm's number", r->part[3]);
    *ret = (uint64_t)id;
    return AN_OK;
}

/* ---- its records ---- */

typedef struct story {
    an_alarm_record about; /* the one that says why of its highest score */
    bool known;
    an_json *events;
} story;

static bool see_record(void *ctx, const an_alarm_record *r)
{
    story *s = ctx;
    if (an_alarm_says_why(r) && (!s->known || r->score > s->about.score)) {
        s->about = *r;
        s->known = true;
    }
    an_json_push(s->events, an_alarm_record_json(r));
    return true;
}

/* ---- others like it ---- */

typedef struct likes {
    const an_alarm_row *row;
    an_json *list;
    size_t n;
} likes;

/* The same speaker, and the same sensor first; of images places are not compared. */
static bool see_like(void *ctx, const an_alarm_row *row)
{
    likes *l = ctx;
    const an_alarm_record *a = &l->row->last, *b = &row->last;
    if (a->alarm == b->alarm || strcmp(a->line, b->line) != 0 || strcmp(a->source, b->source) != 0 ||
        (a->n_top > 0) != (b->n_top > 0) || (a->n_top > 0 && strcmp(a->top[0].sensor, b->top[0].sensor) != 0))
        return true;
    an_json_push(l->list, an_alarm_row_json(row));
    return ++l->n < SIMILAR_MAX;
}

static an_err put_similar(an_json *o, an_alarms *a, const an_alarm_row *row, an_note *why)
{
    likes l = {.row = row, .list = an_json_array()};
    an_err err = an_alarms_each(a, AN_ALARMS_ALL, LOOKED_MAX, see_like, &l, why);
    an_json_set(o, "similar", l.list);
    return err;
}

/* ---- its pictures ---- */

static void picture_name(const char *line, uint64_t alarm, char ret[static AN_ALARM_PICTURE_MAX])
{
    snprintf(ret, AN_ALARM_PICTURE_MAX, "%.63s-%llu", line, (unsigned long long)alarm);
}

static void put_pictures(an_json *o, const char *dir, const char *name)
{
    static const char *const names[] = {"image", "map"};
    char path[AN_PATH_MAX];
    an_json *list = an_json_array();
    for (int map = 0; map < 2; map++)
        if (an_exhibit_path(path, dir, name, map, NULL) == AN_OK && an_file_exists(path))
            an_json_push_text(list, names[map]);
    an_json_set(o, "pictures", list);
}

/* What is damaged is as if it were not there: the alarm counts. */
static an_err put_signal(an_json *o, const char *dir, const char *name)
{
    an_json_doc *doc = NULL;
    an_buf b;
    an_buf_init(&b, SIGNAL_MAX);
    an_err err = an_exhibit_signal(dir, name, &b, NULL);
    if (err == AN_OK)
        err = an_json_parse((const char *)b.data, b.len, name, &doc, NULL);
    an_buf_done(&b);
    if (err == AN_OK)
        an_json_set(o, "signal", an_json_copy(an_json_root(doc)));
    else
        an_json_set_null(o, "signal");
    an_json_doc_free(doc);
    return err == AN_ERR_NOMEM ? err : AN_OK;
}

/* ---- the answer ---- */

static an_err describe(an_json *o, const local_api_request *r, an_alarms *a, story *s, an_note *why)
{
    char name[AN_ALARM_PICTURE_MAX];
    an_alarm_row row;
    uint64_t id = 0;
    an_err err = read_id(r, &id, why);
    if (err == AN_OK)
        err = an_alarms_get(a, r->part[2], id, &row, why);
    if (err == AN_OK)
        err = an_alarms_records(a, r->part[2], id, RECORDS_MAX, see_record, s, why);
    if (err != AN_OK)
        return err;
    an_json_set(o, "alarm", an_alarm_row_json(&row));
    an_json *advice = an_advised_read(r->dir, r->part[2], id);
    if (advice)
        an_json_set(o, "advice", advice);
    else
        an_json_set_null(o, "advice");
    an_json_set(o, "reason", an_alarm_record_json(s->known ? &s->about : &row.last));
    picture_name(r->part[2], id, name);
    put_pictures(o, r->dir, name);
    err = put_signal(o, r->dir, name);
    return err == AN_OK ? put_similar(o, a, &row, why) : err;
}

an_err local_api_alarm(const local_api_request *r, local_api_said *ret, an_note *why)
{
    an_alarms *a = NULL;
    story *s = an_alloc(1, sizeof *s);
    an_err err = s ? an_show_alarms_open(r->dir, &a, why) : AN_ERR_NOMEM;
    if (err == AN_OK) {
        an_json *o = an_json_object();
        s->events = an_json_array();
        err = describe(o, r, a, s, why);
        an_json_set(o, "events", s->events);
        if (err == AN_OK)
            err = local_api_print(o, ret);
        else
            an_json_free(o);
    }
    an_alarms_close(a);
    an_free(s);
    return err;
}

static an_err overlay(const char *dir, const char *name, an_buf *ret, an_note *why)
{
    an_exhibit *e = NULL;
    an_err err = an_exhibit_read(dir, name, &e, why);
    if (err == AN_OK)
        err = an_exhibit_overlay(e, ret);
    an_exhibit_free(e);
    return err;
}

static an_err read_picture(const char *dir, const char *name, const char *which, an_buf *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    const bool map = strcmp(which, "map.png") == 0;
    if (strcmp(which, "overlay.png") == 0)
        return overlay(dir, name, ret, why);
    if (!map && strcmp(which, "image.png") != 0)
        return an_fail(AN_ERR_NOTFOUND, why, "map.png, image.png or overlay.png");
    an_err err = an_exhibit_path(path, dir, name, map, why);
    return err == AN_OK ? an_file_read(ret, path, NULL) : err;
}

an_err local_api_picture(const local_api_request *r, local_api_said *ret, an_note *why)
{
    char name[AN_ALARM_PICTURE_MAX];
    uint64_t id = 0;
    an_buf png;
    an_buf_init(&png, PNG_MAX);
    an_err err = read_id(r, &id, why);
    if (err == AN_OK && !an_name_ok(r->part[2]))
        err = an_fail(AN_ERR_NOTFOUND, why, "no such line");
    if (err == AN_OK) {
        picture_name(r->part[2], id, name);
        err = read_picture(r->dir, name, r->part[4], &png, why);
    }
    if (err == AN_ERR_NOTFOUND && !why->text[0])
        an_note_set(why, "no picture of this alarm is kept");
    char *bytes = err == AN_OK ? an_alloc_raw(png.len, 1) : NULL;
    if (err == AN_OK && !bytes)
        err = AN_ERR_NOMEM;
    if (bytes) {
        memcpy(bytes, png.data, png.len);
        ret->text = bytes;
        ret->len = png.len;
        ret->type = "image/png";
    }
    an_buf_done(&png);
    return err;
}
