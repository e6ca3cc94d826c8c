/* Source `images`: a folder of images, each once.
 *
 *     file -> decode -> roi -> resize -> colour -> height rows of (width * channels) values 0..1
 *
 * An image is a window of its rows, as andon-lab has it (docs/adr/0037): the first has AN_ROW_RESTART, so that a line whose
 * window is `height` scores each image once, at its last row.  After a restart the image that was not given out to
 * its end is given out again from its first row: half a window would never be scored. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/sources/follow_internal.h"
#include "agent/sources/images_internal.h"
#include "base/mem.h"
#include "doors/yaml.h"

#define STILL_MS 10000 /* of a file that cannot be read */

static void say_bad(images *s, const char *why)
{
    s->bad++;
    snprintf(s->bad_text, sizeof s->bad_text, "%.150s", why);
}

/* ---- the folder ---- */

static int order(const images *s, const char *a, int64_t a_ns, const char *b, int64_t b_ns)
{
    if (s->by_time && a_ns != b_ns)
        return a_ns < b_ns ? -1 : 1;
    return an_natural(a, b);
}

static void sort_items(const images *s, images_item *items, size_t n)
{
    for (size_t gap = n / 2; gap > 0; gap /= 2) /* Shell: folders may hold thousands */
        for (size_t i = gap; i < n; i++) {
            const images_item item = items[i];
            size_t j = i;
            for (; j >= gap &&
                   order(s, items[j - gap].name, items[j - gap].written_ns, item.name, item.written_ns) > 0;
                 j -= gap)
                items[j] = items[j - gap];
            items[j] = item;
        }
}

static bool is_ahead(const images *s, const char *name, int64_t ns)
{
    const int after = s->file[0] ? order(s, name, ns, s->file, s->file_ns) : 1;
    return after > 0 || (after == 0 && s->again);
}

/* By its descriptor: a folder that goes away in the middle of it is listed whole, or not at all. */
static an_err take_items(images *s, int folder)
{
    struct stat st;
    for (size_t i = 0; i < s->names.n; i++) {
        char *name = s->names.items[i];
        if (name[0] == '.' || !an_image_named(name) || strlen(name) >= sizeof s->file)
            continue;
        if (fstatat(folder, name, &st, 0) != 0) {
            if (errno != ENOENT && errno != ELOOP && errno != EACCES)
                return AN_ERR_IO;
            continue;
        }
        if (!S_ISREG(st.st_mode))
            continue;
        const int64_t ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        if (is_ahead(s, name, ns))
            s->items[s->n_items++] = (images_item){name, ns, (uint64_t)st.st_size};
    }
    return AN_OK;
}

static an_err list(images *s)
{
    s->n_items = s->at_item = 0;
    an_names_done(&s->names);
    s->names = (an_names){0};
    const int folder = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    an_err err = folder < 0 ? AN_ERR_IO : an_dir_list(s->path, &s->names, NULL);
    if (!err && !an_grow(&s->items, &s->cap_items, s->names.n, sizeof *s->items))
        err = AN_ERR_NOMEM;
    if (!err)
        err = take_items(s, folder);
    if (folder >= 0)
        close(folder);
    if (err) {
        s->n_items = 0;
        return err == AN_ERR_NOMEM ? err : AN_ERR_IO;
    }
    sort_items(s, s->items, s->n_items);
    return AN_OK;
}

/* All images after the last one that was begun.  What comes while a folder is listed may be in the list without what came
 * before it; so it is listed again, up to what was the newest.  Errors: IO the folder is away, NOMEM. */
static an_err look(images *s)
{
    an_err err = list(s);
    if (err || s->n_items == 0)
        return err;
    const int64_t newest_ns = s->items[s->n_items - 1].written_ns;
    char newest[AN_PATH_MAX];
    memcpy(newest, s->items[s->n_items - 1].name, strlen(s->items[s->n_items - 1].name) + 1);
    err = list(s);
    while (!err && s->n_items > 0) {
        const images_item *last = &s->items[s->n_items - 1];
        if (order(s, last->name, last->written_ns, newest, newest_ns) <= 0)
            break;
        s->n_items--;
    }
    return err;
}

/* The newest may still be written: it must keep still for a look.  What has one after it is complete. */
static bool is_settled(images *s, const images_item *item)
{
    if (!s->follow || !s->settle || s->at_item + 1 < s->n_items)
        return true;
    const bool same =
        strcmp(s->seen, item->name) == 0 && s->seen_ns == item->written_ns && s->seen_size == item->size;
    const int64_t now = an_clock_system()->mono_ms(an_clock_system());
    if (same)
        return now - s->seen_ms >= s->poll_ms;
    memcpy(s->seen, item->name, strlen(item->name) + 1);
    s->seen_ns = item->written_ns;
    s->seen_size = item->size;
    s->seen_ms = now;
    return false;
}

/* The newest may be whole a moment later though its writer has paused, and to wait for it keeps nothing else away; one on a
 * share that goes away is still there when that comes back.  Neither is a bad record before it has kept still for long. */
static bool is_worth_waiting(images *s, const images_item *item, an_err why_not)
{
    const int64_t now = an_clock_system()->mono_ms(an_clock_system());
    if (!s->follow || (why_not != AN_ERR_IO && s->at_item < s->n_items))
        return false;
    const bool same = strcmp(s->failed, item->name) == 0 && s->failed_ns == item->written_ns &&
                      s->failed_size == item->size;
    if (same)
        return now - s->failed_ms < STILL_MS;
    memcpy(s->failed, item->name, strlen(item->name) + 1);
    s->failed_ns = item->written_ns;
    s->failed_size = item->size;
    s->failed_ms = now;
    return true;
}

/* ---- one image ---- */

static an_err load(images *s, const images_item *item, an_image *ret, an_row_image *ret_came, an_note *why)
{
    char path[AN_PATH_MAX];
    an_image image = {0};
    an_err err = an_path_join(path, s->path, item->name);
    if (!err)
        err = an_image_read(path, &image, why);
    if (!err)
        *ret_came = an_picture_came(&s->picture, &image);
    if (!err)
        err = an_picture_shape(&s->picture, &image, why);
    if (err)
        an_image_done(&image);
    else
        *ret = image;
    return err;
}

static an_err name_part(images *s, const char *name)
{
    bool found = true;
    s->part[0] = '\0';
    if (s->part_pattern[0])
        found = an_images_part(s->part_pattern, name, s->part);
    if (s->parts_file[0]) {
        an_err err = an_images_part_listed(s, name, s->part, &found);
        if (err)
            return err;
    }
    s->no_part += !found;
    return AN_OK;
}

/* Errors: PROTO it cannot be read, which has been counted; AGAIN it may be, later, or it is gone, or the folder is;
 * NOMEM. */
static an_err begin(images *s, const images_item *item)
{
    an_note why = {{0}};
    an_image image = {0};
    an_row_image came = {0};
    an_err err = load(s, item, &image, &came, &why);
    if (err == AN_ERR_NOTFOUND && s->follow)
        return AN_ERR_AGAIN;
    if (err && err != AN_ERR_NOMEM && is_worth_waiting(s, item, err))
        return AN_ERR_AGAIN;
    memcpy(s->file, item->name, strlen(item->name) + 1);
    s->file_ns = item->written_ns;
    s->again = false;
    s->y = s->picture.height; /* of the one before there is nothing left */
    if (!err && s->time_in_name && !an_time_in_name(item->name, s->zone, &s->image_ms))
        err = an_fail(AN_ERR_PROTO, &why, "%.100s: there is no date and time in its name", item->name);
    if (err == AN_ERR_NOMEM) {
        an_image_done(&image);
        return err;
    }
    if (err) {
        an_image_done(&image);
        say_bad(s, why.text);
        return AN_ERR_PROTO;
    }
    an_image_done(&s->image);
    s->image = image;
    s->as_it_came = came;
    snprintf(s->as_it_came.name, sizeof s->as_it_came.name, "%s", item->name);
    s->y = 0;
    if (!s->time_in_name)
        s->image_ms = item->written_ns / 1000000;
    s->files++;
    err = name_part(s, item->name);
    return err ? err : an_picture_judge(&s->picture, &s->image, &s->quality);
}

/* Errors: AGAIN, NOTFOUND the end, IO, NOMEM. */
static an_err next_image(images *s, an_note *why)
{
    for (;;) {
        an_err err = s->at_item < s->n_items ? AN_OK : look(s);
        if (err == AN_ERR_IO && !s->follow)
            return an_fail(err, why, "%s: cannot be listed", s->path);
        if (err == AN_ERR_IO || (!err && s->n_items == 0))
            return s->follow ? AN_ERR_AGAIN : AN_ERR_NOTFOUND;
        if (err)
            return err;
        if (!is_settled(s, &s->items[s->at_item])) {
            s->n_items = 0; /* looked at anew */
            return AN_ERR_AGAIN;
        }
        err = begin(s, &s->items[s->at_item++]);
        if (err == AN_ERR_AGAIN)
            s->n_items = s->at_item = 0; /* looked at anew */
        if (err != AN_ERR_PROTO)
            return err;
    }
}

/* ---- the row of the table ---- */

static an_err images_open(void *state, const an_node *conf, an_note *why)
{
    images *s = state;
    struct stat st;
    an_note inner = {{0}};
    an_err err = an_images_options_read(s, conf, why);
    if (err)
        return err;
    if (s->picture.width > 0 && s->picture.height > 0 && s->picture.channels > 0)
        return an_picture_name_sensors(&s->picture, s->path, why);
    if (stat(s->path, &st) != 0 || !S_ISDIR(st.st_mode))
        return an_fail(AN_ERR_NOTFOUND, why, "%s: no such folder", s->path);
    if ((err = look(s)) == AN_ERR_IO)
        return an_fail(err, why, "%s: cannot be listed", s->path);
    an_image image = {0};
    an_row_image came;
    err = err ? err : AN_ERR_NOTFOUND;
    for (size_t i = 0; i < s->n_items && err != AN_OK && (err == AN_ERR_NOTFOUND || err != AN_ERR_NOMEM); i++)
        err = load(s, &s->items[i], &image, &came, &inner);
    an_image_done(&image);
    s->n_items = 0;
    if (err && err != AN_ERR_NOMEM)
        return an_fail(AN_ERR_NOTFOUND, why, "%.150s: no image that tells width, height and colour%s%.100s",
                       s->path, inner.text[0] ? "; " : "", inner.text);
    return err ? err : an_picture_name_sensors(&s->picture, s->path, why);
}

static size_t images_width(const void *state)
{
    return an_picture_width(&((const images *)state)->picture);
}

static an_source_frame images_frame(const void *state)
{
    return an_picture_frame(&((const images *)state)->picture);
}

static const char *images_sensor(const void *state, size_t i)
{
    return ((const images *)state)->picture.sensors[i];
}

static const char *images_unit(const void *state, size_t i)
{
    (void)state;
    (void)i;
    return "";
}

static void put_row(images *s, an_batch *ret)
{
    const size_t i = an_picture_row(&s->picture, &s->image, s->quality, s->y, ret);
    ret->time_ms[i] = s->image_ms;
    ret->row[i] = s->row++;
    memcpy(ret->part[i], s->part, AN_PART_MAX);
    ret->image[i] = s->as_it_came;
    s->y++;
}

static an_err images_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    images *s = state;
    while (ret->n < ret->cap) {
        if (!s->image.values || s->y == s->picture.height) {
            const an_err err = next_image(s, why);
            if (err == AN_ERR_AGAIN)
                *ret_wait_ms = s->poll_ms;
            if (err)
                return ret->n > 0 && (err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND) ? AN_OK : err;
        }
        put_row(s, ret);
    }
    return AN_OK;
}

/* The last image that is done to its end, or the one that is begun, which `again` says. */
static an_err images_save(const void *state, an_buf *ret)
{
    const images *s = state;
    const bool half = s->image.values && s->y < s->picture.height;
    const size_t len = strlen(s->file);
    an_buf_u16(ret, (uint16_t)len);
    an_buf_put(ret, s->file, len);
    an_buf_u64(ret, (uint64_t)s->file_ns);
    an_buf_u64(ret, half ? s->row - s->y : s->row);
    an_buf_u8(ret, half || s->again);
    return AN_OK;
}

static an_err images_restore(void *state, an_reader *in, an_note *why)
{
    images *s = state;
    const uint16_t len = an_read_u16(in);
    const uint8_t *bytes = an_read_bytes(in, len);
    const int64_t ns = (int64_t)an_read_u64(in);
    const uint64_t row = an_read_u64(in);
    const bool again = an_read_u8(in) != 0;
    if (in->failed || len >= AN_PATH_MAX || memchr(bytes, '/', len) || memchr(bytes, '\0', len))
        return an_fail(AN_ERR_PROTO, why, "not a position of an images source");
    memset(s->file, 0, sizeof s->file);
    memcpy(s->file, bytes, len);
    s->file_ns = ns;
    s->row = row;
    s->n_items = s->at_item = 0;
    an_image_done(&s->image);
    s->again = again; /* from its first row, as soon as the folder is there */
    return AN_OK;
}

static uint64_t images_bad(const void *state, const char **ret_last)
{
    const images *s = state;
    *ret_last = s->bad_text;
    return s->bad;
}

static size_t images_counters(const void *state, an_source_counter *ret)
{
    const images *s = state;
    const an_source_counter all[] = {{"images", s->files},
                                     {"images_refused", s->bad},
                                     {"unfocused", s->picture.unfocused},
                                     {"clipped", s->picture.clipped},
                                     {"dirty", s->picture.dirty},
                                     {"no_part", s->no_part}};
    memcpy(ret, all, sizeof all);
    return sizeof all / sizeof *all;
}

static void images_close(void *state)
{
    images *s = state;
    an_image_done(&s->image);
    an_picture_done(&s->picture);
    an_names_done(&s->names);
    an_zone_free(s->zone);
    an_free(s->items);
    an_free(s->table);
}

const an_source_type an_source_type_images = {
    .name = "images",
    .meaning = "a folder of images, each as a window of its rows",
    .options = an_images_options,
    .state_size = sizeof(images),
    .open = images_open,
    .width = images_width,
    .sensor = images_sensor,
    .unit = images_unit,
    .frame = images_frame,
    .next = images_next,
    .save = images_save,
    .restore = images_restore,
    .bad = images_bad,
    .counters = images_counters,
    .close = images_close,
};
