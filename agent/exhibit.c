#include "agent/exhibit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "doors/png.h"
#include "models/prep.h"

#define PNG_BYTES_MAX (8u << 20)
#define ROOM_LEFT 10 /* percent of the quota that is made free at once */
#define SIGNAL ".signal.json"
#define ADVICE ".advice.json"
#define USUAL 128 /* of a byte: what few normal images come to */

/* ---- one ---- */

static uint8_t byte_of(double v)
{
    return (uint8_t)fmin(fmax(v + 0.5, 0), 255);
}

/* v / (1 + v) keeps what is above 1 apart, however high. */
static uint8_t level(float v)
{
    return v > 0 ? byte_of(2.0 * USUAL * (double)v / (1 + (double)v)) : 0;
}

an_exhibit *an_exhibit_new(const char *line, uint64_t alarm, const an_seen *seen, bool with_image)
{
    const size_t pixels = seen->height * seen->width, values = pixels * seen->channels;
    an_exhibit *e = an_alloc(1, sizeof *e);
    if (!e)
        return NULL;
    *e = (an_exhibit){.height = seen->height, .width = seen->width, .channels = seen->channels};
    snprintf(e->name, sizeof e->name, "%.63s-%" PRIu64, line, alarm);
    e->map = an_alloc_raw(pixels, 1);
    if (!e->map || (with_image && !(e->image = an_alloc_raw(values, 1)))) {
        an_exhibit_free(e);
        return NULL;
    }
    for (size_t i = 0; i < pixels; i++)
        e->map[i] = level(seen->map[i]);
    for (size_t i = 0; with_image && i < values; i++)
        e->image[i] = byte_of(255 * (double)seen->image[i]);
    return e;
}

an_exhibit *an_exhibit_of_signal(const char *line, uint64_t alarm, char *text)
{
    an_exhibit *e = an_alloc(1, sizeof *e);
    if (!e) {
        an_free(text);
        return NULL;
    }
    snprintf(e->name, sizeof e->name, "%.63s-%" PRIu64, line, alarm);
    e->signal = text;
    return e;
}

an_exhibit *an_exhibit_of_advice(const char *line, uint64_t alarm, char *text)
{
    an_exhibit *e = an_exhibit_of_signal(line, alarm, text);
    if (e)
        e->advice = true;
    return e;
}

void an_exhibit_free(an_exhibit *e)
{
    if (!e)
        return;
    an_free(e->signal);
    an_free(e->map);
    an_free(e->image);
    an_free(e);
}

/* ---- files ---- */

struct an_exhibits {
    char dir[AN_PATH_MAX];
    uint64_t quota, bytes;
};

typedef struct file {
    char *name;
    int64_t written_ns;
    uint64_t size;
} file;

static int older_first(const void *a, const void *b)
{
    const file *x = a, *y = b;
    return x->written_ns != y->written_ns ? (x->written_ns < y->written_ns ? -1 : 1)
                                          : strcmp(x->name, y->name);
}

/* All files there, the oldest first; names hold their names.  Errors: IO, NOMEM. */
static an_err list(const an_exhibits *x, an_names *names, file **ret, size_t *ret_n, an_note *why)
{
    char path[AN_PATH_MAX];
    struct stat st;
    an_err err = an_dir_list(x->dir, names, why);
    file *all = err ? NULL : an_alloc(names->n + 1, sizeof *all);
    if (!all)
        return err ? err : AN_ERR_NOMEM;
    *ret_n = 0;
    for (size_t i = 0; i < names->n; i++)
        if (an_path_join(path, x->dir, names->items[i]) == AN_OK && stat(path, &st) == 0 &&
            S_ISREG(st.st_mode))
            all[(*ret_n)++] =
                (file){.name = names->items[i],
                       .written_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                       .size = (uint64_t)st.st_size};
    qsort(all, *ret_n, sizeof *all, older_first);
    *ret = all;
    return AN_OK;
}

/* Counts what is there, and takes the oldest away until at most `most` bytes are left. */
static an_err tidy(an_exhibits *x, uint64_t most, an_note *why)
{
    char path[AN_PATH_MAX];
    an_names names = {0};
    file *all = NULL;
    size_t n = 0;
    an_err err = list(x, &names, &all, &n, why);
    if (err == AN_OK)
        x->bytes = 0;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        x->bytes += all[i].size;
    for (size_t i = 0; i < n && err == AN_OK && x->bytes > most; i++) {
        if ((err = an_path_join(path, x->dir, all[i].name)) == AN_OK)
            err = an_file_remove(path, why);
        x->bytes -= err == AN_OK ? all[i].size : 0;
    }
    an_free(all);
    an_names_done(&names);
    return err;
}

an_err an_exhibits_open(const char *dir, uint64_t quota_bytes, an_exhibits **ret, an_note *why)
{
    an_exhibits *x = an_alloc(1, sizeof *x);
    if (!x)
        return AN_ERR_NOMEM;
    x->quota = quota_bytes;
    an_err err = an_path_join(x->dir, dir, "pictures");
    if (err == AN_OK)
        err = an_dir_make(x->dir, why);
    if (err == AN_OK)
        err = tidy(x, x->quota, why);
    if (err != AN_OK) {
        an_exhibits_close(x);
        return err;
    }
    *ret = x;
    return AN_OK;
}

void an_exhibits_close(an_exhibits *x)
{
    an_free(x);
}

static an_err path_in(char ret[static AN_PATH_MAX], const char *dir, const char *name, const char *end)
{
    char file_name[AN_ALARM_PICTURE_MAX + 16];
    snprintf(file_name, sizeof file_name, "%s%s", name, end);
    return an_path_join(ret, dir, file_name);
}

static const char *end_of(bool map)
{
    return map ? ".map.png" : ".png";
}

static an_err write_file(an_exhibits *x, const an_exhibit *e, const char *end, const void *bytes, size_t len,
                         an_note *why)
{
    char path[AN_PATH_MAX];
    uint64_t before = 0;
    an_err err = path_in(path, x->dir, e->name, end);
    if (err == AN_OK && an_file_size(path, &before, NULL) == AN_OK)
        x->bytes -= before < x->bytes ? before : x->bytes;
    if (err == AN_OK && (err = an_file_write(path, bytes, len, 0640, why)) == AN_OK)
        x->bytes += len;
    return err;
}

static an_err write_png(an_exhibits *x, const an_exhibit *e, bool map, an_note *why)
{
    an_buf b;
    an_buf_init(&b, PNG_BYTES_MAX);
    an_err err = an_png_write(map ? e->map : e->image, e->width, e->height, map ? 1 : e->channels, &b);
    if (err == AN_OK)
        err = write_file(x, e, end_of(map), b.data, b.len, why);
    an_buf_done(&b);
    return err;
}

an_err an_exhibits_keep(an_exhibits *x, const an_exhibit *e, an_note *why)
{
    an_err err = e->signal ? write_file(x, e, e->advice ? ADVICE : SIGNAL, e->signal, strlen(e->signal), why)
                           : write_png(x, e, true, why);
    if (err == AN_OK && e->image)
        err = write_png(x, e, false, why);
    if (err == AN_OK && x->bytes > x->quota)
        err = tidy(x, x->quota - x->quota / 100 * ROOM_LEFT, why);
    return err;
}

/* ---- for people ---- */

static an_err path_of(char ret[static AN_PATH_MAX], const char *dir, const char *name, const char *end,
                      an_note *why)
{
    char folder[AN_PATH_MAX];
    /* It comes from a file: it must not lead out of the folder. */
    if (!name[0] || name[0] == '.' || strchr(name, '/') || strlen(name) >= AN_ALARM_PICTURE_MAX)
        return an_fail(AN_ERR_INVAL, why, "\"%.60s\" is no picture's name", name);
    an_err err = an_path_join(folder, dir, "pictures");
    return err == AN_OK ? path_in(ret, folder, name, end) : err;
}

an_err an_exhibit_path(char ret[static AN_PATH_MAX], const char *dir, const char *name, bool map,
                       an_note *why)
{
    return path_of(ret, dir, name, end_of(map), why);
}

an_err an_exhibit_signal(const char *dir, const char *name, an_buf *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = path_of(path, dir, name, SIGNAL, why);
    return err == AN_OK ? an_file_read(ret, path, why) : err;
}

an_err an_exhibit_advice(const char *dir, const char *name, an_buf *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_err err = path_of(path, dir, name, ADVICE, why);
    return err == AN_OK ? an_file_read(ret, path, why) : err;
}

static an_err read_png(const char *dir, const char *name, bool map, uint8_t **ret, an_exhibit *e,
                       an_note *why)
{
    static const an_png_limits limits = {.side = AN_PREP_WINDOW_MAX, .pixels = AN_PREP_INPUT_MAX};
    char path[AN_PATH_MAX];
    size_t width = 0, height = 0, channels = 0;
    an_buf b;
    an_buf_init(&b, PNG_BYTES_MAX);
    an_err err = an_exhibit_path(path, dir, name, map, why);
    if (err == AN_OK)
        err = an_file_read(&b, path, why);
    if (err == AN_OK)
        err = an_png_read(b.data, b.len, &limits, ret, &width, &height, &channels, why);
    an_buf_done(&b);
    if (err != AN_OK)
        return err;
    if (map ? channels != 1 : width != e->width || height != e->height)
        return an_fail(AN_ERR_PROTO, why, "%.100s: not the picture of an alarm", path);
    e->width = width;
    e->height = height;
    e->channels = channels;
    return AN_OK;
}

an_err an_exhibit_read(const char *dir, const char *name, an_exhibit **ret, an_note *why)
{
    an_exhibit *e = an_alloc(1, sizeof *e);
    if (!e)
        return AN_ERR_NOMEM;
    snprintf(e->name, sizeof e->name, "%s", name);
    an_err err = read_png(dir, name, true, &e->map, e, why);
    if (err == AN_OK && (err = read_png(dir, name, false, &e->image, e, NULL)) == AN_ERR_NOTFOUND)
        err = AN_OK; /* the map alone was kept */
    if (err != AN_OK) {
        an_exhibit_free(e);
        return err;
    }
    *ret = e;
    return AN_OK;
}

an_err an_exhibit_overlay(const an_exhibit *e, an_buf *ret)
{
    static const double red[3] = {214, 30, 30};
    const size_t pixels = e->height * e->width;
    uint8_t *rgb = an_alloc_raw(3 * pixels, 1);
    if (!rgb)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < pixels; i++) {
        /* From what few normal images come to, to three times that. */
        const double much = fmin(fmax(((double)e->map[i] - USUAL) / (USUAL / 2.0), 0), 1) * 0.6;
        for (size_t c = 0; c < 3; c++) {
            const double under = !e->image ? 235 : e->channels == 3 ? e->image[3 * i + c] : e->image[i];
            rgb[3 * i + c] = byte_of((1 - much) * under + much * red[c]);
        }
    }
    const an_err err = an_png_write(rgb, e->width, e->height, 3, ret);
    an_free(rgb);
    return err;
}
