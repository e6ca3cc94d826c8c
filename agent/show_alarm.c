/* One alarm: what happened to it, what it is about, and where in its image. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "agent/advised.h"
#include "agent/exhibit.h"
#include "agent/show_alarms_internal.h"
#include "base/clock.h"
#include "base/mem.h"

#define MAP_COLUMNS 64

/* ---- its records ---- */

typedef struct story {
    an_alarm_record about; /* the last one that says why */
    an_alarm_record last;
    size_t n;
} story;

bool an_alarm_says_why(const an_alarm_record *r)
{
    return r->kind == AN_LOGGED_RAISED || r->n_boxes > 0 || (r->n_top > 0 && r->top[0].explained);
}

static an_err gather(const char *dir, const an_show_alarm_opts *o, story *ret, FILE *out, an_note *why)
{
    an_alarms *a = NULL;
    an_alarm_record r;
    uint64_t at = 0;
    an_err err = an_show_alarms_open(dir, &a, why);
    while (err == AN_OK && (err = an_alarms_next(a, at, &r, NULL, why)) != AN_ERR_NOTFOUND) {
        if (err != AN_OK && err != AN_ERR_PROTO)
            break;
        at = r.seq;
        if (err == AN_OK && r.alarm == o->alarm && strcmp(r.line, o->line) == 0) {
            if (!o->json)
                an_show_record(&r, out);
            ret->about = an_alarm_says_why(&r) ? r : ret->about;
            ret->last = r;
            ret->n++;
        }
        err = AN_OK; /* what is damaged is passed over */
    }
    an_alarms_close(a);
    if (err == AN_ERR_NOTFOUND && a)
        err = ret->n > 0 ? AN_OK
                         : an_fail(AN_ERR_NOTFOUND, why, "the log has no alarm %" PRIu64 " of line %s",
                                   o->alarm, o->line);
    return err;
}

/* ---- what it is about ---- */

/* Shares of the window's steps as digits, 9: the largest. */
static void print_within(const double *within, size_t n, FILE *out)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, within[i]);
    fputs(", over the window's steps (9: the most) ", out);
    for (size_t i = 0; i < n; i++)
        fputc("0123456789"[most > 0 ? (int)(9 * fmax(within[i], 0) / most) : 0], out);
}

static void print_about(const an_alarm_record *r, FILE *out)
{
    char time[25];
    if (r->part[0])
        fprintf(out, "part      %s\n", r->part);
    if (r->image[0])
        fprintf(out, "image     %s, %u x %u px\n", r->image, r->image_width, r->image_height);
    for (size_t i = 0; i < r->n_boxes; i++) {
        const an_reason_box *b = &r->boxes[i];
        fprintf(out, "box       %u x %u px at %u, %u (%s), %.3g times what is usual\n", b->width, b->height,
                b->x, b->y, an_reason_place(b, r->image_width, r->image_height), b->peak);
    }
    for (size_t i = 0; i < r->n_top; i++) {
        fprintf(out, "sensor    %s, %.0f %% of the score", r->top[i].sensor, 100 * r->top[i].share);
        if (r->top[i].explained)
            fprintf(out, ", %.4g where %.4g is expected", r->top[i].value, r->top[i].expected);
        if (r->top[i].explained && r->n_within > 1)
            print_within(r->top[i].within, r->n_within, out);
        fputc('\n', out);
    }
    if (r->near_ms) {
        an_time_text(time, r->near_ms);
        fprintf(out, "nearest   %s, %.3g standard deviations away\n", time, r->near_distance);
    }
}

static void print_advice(const char *dir, const an_alarm_record *r, FILE *out)
{
    char said[AN_ADVISED_SAID_MAX];
    if (an_advised_said(dir, r->line, r->alarm, said))
        fprintf(out, "advice    %s\n", said);
}

/* As many characters as people can see at once; each the highest of its pixels. */
static void print_map(const an_exhibit *e, FILE *out)
{
    static const char shades[] = " .:-=+*#%@";
    const size_t columns = e->width < MAP_COLUMNS ? e->width : MAP_COLUMNS;
    size_t rows =
        (e->height * columns + e->width) / (2 * e->width); /* a character is twice as high as wide */
    rows = rows > 0 ? rows : 1;
    for (size_t v = 0; v < rows; v++) {
        for (size_t u = 0; u < columns; u++) {
            uint8_t most = 0;
            for (size_t y = v * e->height / rows; y < (v + 1) * e->height / rows || y == v * e->height / rows;
                 y++)
                for (size_t x = u * e->width / columns; x < (u + 1) * e->width / columns; x++)
                    most = e->map[y * e->width + x] > most ? e->map[y * e->width + x] : most;
            fputc(shades[most < 128 ? 0 : (size_t)(most - 128) * 9 / 127], out);
        }
        fputc('\n', out);
    }
}

/* ---- its picture ---- */

static an_err save_picture(const an_exhibit *e, const char *dir, FILE *out, an_note *why)
{
    char path[AN_PATH_MAX], name[AN_ALARM_PICTURE_MAX + 8];
    an_buf png;
    an_buf_init(&png, 8u << 20);
    snprintf(name, sizeof name, "%s.png", e->name);
    an_err err = an_dir_make(dir, why);
    if (err == AN_OK && (err = an_path_join(path, dir, name)) == AN_OK &&
        (err = an_exhibit_overlay(e, &png)) == AN_OK)
        err = an_file_write(path, png.data, png.len, 0640, why);
    if (err == AN_OK)
        fprintf(out, "saved     %s\n", path);
    an_buf_done(&png);
    return err;
}

static an_err show_picture(const char *dir, const an_show_alarm_opts *o, const char *name, FILE *out,
                           an_note *why)
{
    an_exhibit *e = NULL;
    an_err err = an_exhibit_read(dir, name, &e, why);
    if (err == AN_ERR_NOTFOUND && !o->save) {
        fprintf(out, "picture   is not kept any more\n");
        return AN_OK;
    }
    if (err == AN_OK && !o->json)
        print_map(e, out);
    if (err == AN_OK && o->save)
        err = save_picture(e, o->save, out, why);
    an_exhibit_free(e);
    return err;
}

an_err an_show_alarm(const char *dir, const an_show_alarm_opts *opts, FILE *out, an_note *why)
{
    char picture[AN_ALARM_PICTURE_MAX];
    story *s = an_alloc(1, sizeof *s);
    an_err err = s ? gather(dir, opts, s, out, why) : AN_ERR_NOMEM;
    if (err == AN_OK && opts->json) {
        an_json *o = an_alarm_record_json(&s->about), *advice = an_advised_read(dir, opts->line, opts->alarm);
        if (advice)
            an_json_set(o, "advice", advice);
        err = an_show_json(o, out);
        an_json_free(o);
    } else if (err == AN_OK) {
        print_about(&s->about, out);
        print_advice(dir, &s->about, out);
    }
    snprintf(picture, sizeof picture, "%.63s-%" PRIu64, opts->line, opts->alarm);
    if (err == AN_OK && s->about.image[0] && (opts->save || !opts->json))
        err = show_picture(dir, opts, picture, out, why);
    an_free(s);
    return err;
}
