#include "agent/sources/camera.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#define WAIT_MS 1000
#define RETRY_MIN_MS 250

static const char *const counter_names[AN_CAMERA_COUNTERS] = {
    "images",   "frames_lost", "frames_damaged", "parts_missing", "parts_unsaid",
    "repeated", "uncounted",   "runs",           "counts_reset"};

/* ---- the device's side ---- */

bool an_camera_has_room(an_camera *c)
{
    pthread_mutex_lock(&c->lock);
    const bool room = c->n < c->queue;
    pthread_mutex_unlock(&c->lock);
    return room;
}

void an_camera_connected(an_camera *c)
{
    const int64_t now = an_clock_system()->wall_ms(an_clock_system());
    c->run_begin_ms = now > c->run_begin_ms ? now : c->run_begin_ms + 1;
}

/* False: there are not so many bytes. */
static bool read_stamp(const an_camera *c, const an_camera_frame *f, uint64_t *ret)
{
    const uint8_t *b = (const uint8_t *)f->bytes + c->stamp_at;
    if (f->len < c->stamp_at + c->stamp_bytes)
        return false;
    *ret = 0;
    for (size_t i = 0; i < c->stamp_bytes; i++)
        *ret = *ret << 8 | b[c->stamp_little ? c->stamp_bytes - 1 - i : i];
    return true;
}

static void put(an_camera *c, const an_camera_item *item)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&c->lock);
    const bool room = c->n < c->queue;
    if (room)
        c->items[(c->head + c->n++) % c->queue] = *item;
    pthread_mutex_unlock(&c->lock);
    if (!room && item->image.values) {
        an_image image = item->image;
        an_image_done(&image);
    }
    const ssize_t n = write(c->event_fd, &one, sizeof one);
    (void)n; /* full: it is readable */
}

an_err an_camera_take(an_camera *c, const an_camera_frame *f)
{
    an_note why = {{0}};
    an_camera_item item = {.id = f->id,
                           .id_bits = f->id_bits,
                           .counted = f->counted,
                           .value = f->value,
                           .damaged = f->damaged != NULL,
                           .time_ms = f->time_ms,
                           .run_ms = c->run_begin_ms};
    an_err err = AN_OK;
    if (!item.damaged && c->count == AN_COUNT_STAMP)
        item.counted = read_stamp(c, f, &item.value);
    if (!item.damaged)
        err = an_pixels_image(&f->pixels, f->bytes, f->len, &item.image, &why);
    if (!item.damaged && !err) {
        item.came = an_picture_came(&c->picture, &item.image);
        snprintf(item.came.name, sizeof item.came.name, "frame %" PRIu64, f->id);
    }
    if (!item.damaged && !err && (err = an_picture_shape(&c->picture, &item.image, &why)))
        an_image_done(&item.image);
    if (err == AN_ERR_NOMEM)
        return err;
    if (err)
        snprintf(item.why, sizeof item.why, "%.150s", why.text[0] ? why.text : an_err_text(err));
    put(c, &item);
    return AN_OK;
}

/* ---- the line's side ---- */

static bool get(an_camera *c, an_camera_item *ret)
{
    pthread_mutex_lock(&c->lock);
    const bool some = c->n > 0, full = c->n == c->queue;
    if (some) {
        *ret = c->items[c->head];
        c->items[c->head] = (an_camera_item){0};
        c->head = (c->head + 1) % c->queue;
        c->n--;
    }
    pthread_mutex_unlock(&c->lock);
    if (full)
        an_device_wake(c->device);
    return some;
}

/* Two runs are never of one name, however soon they follow upon each other. */
static void begin_run(an_camera *c, int64_t run_ms)
{
    c->run_ms = run_ms > c->run_ms ? run_ms : c->run_ms + 1;
    c->run_begun = true;
    c->counters[AN_CAMERA_RUNS]++;
}

/* Of a connection that is new: the numbers of its frames begin anew, and with them the parts if they are what counts. */
static void meet(an_camera *c, const an_camera_item *item)
{
    c->seen_run_ms = item->run_ms;
    c->ids = (an_frame_ids){0};
    const bool absolute = c->count != AN_COUNT_FRAME;
    if (absolute && c->run_begun)
        return;
    if (!absolute)
        c->parts.n = 0;
    begin_run(c, item->run_ms);
}

/* The part of the item.  False: it has none, or another image was of it.  A damaged frame has no number; what it was
 * the next one shows. */
static bool number(an_camera *c, const an_camera_item *item, uint64_t *ret_missing)
{
    uint64_t lost = 0;
    if (item->damaged && c->count != AN_COUNT_TRIGGER)
        return false;
    an_count_is is =
        item->damaged ? AN_COUNT_NEXT : an_frame_ids_next(&c->ids, item->id, item->id_bits, &lost);
    c->counters[AN_CAMERA_FRAMES_LOST] += lost;
    *ret_missing = lost;
    if (c->count == AN_COUNT_FRAME) {
        if (is == AN_COUNT_RESET) {
            c->parts.n = 0;
            begin_run(c, item->time_ms);
        }
        c->parts.n += is == AN_COUNT_REPEATED ? 0 : lost + 1;
    } else if (!item->counted) {
        c->counters[AN_CAMERA_UNCOUNTED]++;
        return false;
    } else {
        is = an_part_count_next(&c->parts, item->value, ret_missing);
        if (is == AN_COUNT_RESET)
            begin_run(c, item->time_ms);
    }
    c->counters[AN_CAMERA_RESETS] += is == AN_COUNT_RESET;
    c->counters[AN_CAMERA_REPEATED] += is == AN_COUNT_REPEATED;
    return is != AN_COUNT_REPEATED;
}

/* The parts before the one that has an image, the nearest of them if there are many. */
static void miss(an_camera *c, uint64_t missing, uint64_t last)
{
    const uint64_t said = missing < c->gap_max ? missing : c->gap_max;
    c->counters[AN_CAMERA_PARTS_MISSING] += missing;
    c->counters[AN_CAMERA_PARTS_UNSAID] += missing - said;
    c->gap_left = c->part[0] ? said : 0;
    c->gap_n = last - said + 1;
}

/* Takes the item's image. */
static an_err begin(an_camera *c, an_camera_item *item)
{
    uint64_t missing = 0;
    an_err err = AN_OK;
    if (item->run_ms != c->seen_run_ms)
        meet(c, item);
    c->counters[AN_CAMERA_DAMAGED] += item->damaged;
    if (item->why[0]) {
        c->bad++;
        memcpy(c->bad_text, item->why, sizeof c->bad_text);
    }
    c->y = 0;
    c->now = (an_camera_item){.time_ms = item->time_ms};
    if (!number(c, item, &missing)) {
        an_image_done(&item->image);
        return AN_OK;
    }
    const bool seen = item->image.values != NULL;
    miss(c, missing + !seen, seen ? c->parts.n - 1 : c->parts.n);
    if (!seen)
        return AN_OK;
    c->now = *item;
    c->counters[AN_CAMERA_IMAGES]++;
    err = an_picture_judge(&c->picture, &c->now.image, &c->quality);
    return err;
}

static void put_row(an_camera *c, an_batch *ret)
{
    const bool gap = c->gap_left > 0;
    const uint64_t n = gap ? c->gap_n : c->parts.n;
    const size_t i = an_picture_row(&c->picture, gap ? NULL : &c->now.image,
                                    gap ? AN_VALUE_UNREACHED : c->quality, c->y, ret);
    ret->time_ms[i] = c->now.time_ms;
    ret->row[i] = c->row++;
    if (!gap)
        ret->image[i] = c->now.came;
    if (c->part[0])
        an_part_text(ret->part[i], c->part, n, c->run_ms);
    if (++c->y < c->picture.height)
        return;
    c->y = 0;
    c->given = true;
    c->given_n = n;
    if (gap) {
        c->gap_left--;
        c->gap_n++;
    } else {
        an_image_done(&c->now.image);
    }
}

/* Nothing is there: asleep until something is put, or there is already. */
static bool is_idle(an_camera *c)
{
    uint64_t count;
    const ssize_t n = read(c->event_fd, &count, sizeof count);
    (void)n;
    pthread_mutex_lock(&c->lock);
    const bool none = c->n == 0;
    pthread_mutex_unlock(&c->lock);
    return none;
}

an_err an_camera_next(an_camera *c, an_batch *ret, int64_t *ret_wait_ms)
{
    while (ret->n < ret->cap) {
        an_camera_item item;
        if (c->gap_left > 0 || c->now.image.values) {
            put_row(c, ret);
            continue;
        }
        if (!get(c, &item)) {
            if (is_idle(c))
                break;
            continue;
        }
        const an_err err = begin(c, &item);
        if (err)
            return err;
    }
    *ret_wait_ms = WAIT_MS;
    return ret->n > 0 ? AN_OK : AN_ERR_AGAIN;
}

/* Half an image is no image: after a restart its part is missing, and its rows have the same numbers. */
void an_camera_save(const an_camera *c, an_buf *ret)
{
    an_buf_u8(ret, c->given);
    an_buf_u64(ret, c->given_n);
    an_buf_u64(ret, c->row - c->y);
    an_buf_u64(ret, (uint64_t)c->run_ms);
}

an_err an_camera_restore(an_camera *c, an_reader *in, an_note *why)
{
    const bool given = an_read_u8(in) != 0;
    const uint64_t n = an_read_u64(in), row = an_read_u64(in);
    const int64_t run_ms = (int64_t)an_read_u64(in);
    if (in->failed || run_ms < 0)
        return an_fail(AN_ERR_PROTO, why, "not a position of a camera");
    c->row = row;
    c->run_ms = run_ms; /* a new one is later, whatever became of the clock */
    if (c->count != AN_COUNT_CHUNK && c->count != AN_COUNT_STAMP)
        return AN_OK;
    c->given = c->parts.begun = given;
    c->given_n = c->parts.n = n;
    c->run_begun = run_ms != 0;
    return AN_OK;
}

size_t an_camera_counters(const an_camera *c, an_source_counter *ret)
{
    const an_device_stats d = an_device_stats_get(c->device);
    const an_source_counter more[] = {{"unfocused", c->picture.unfocused},
                                      {"clipped", c->picture.clipped},
                                      {"dirty", c->picture.dirty},
                                      {"connects", d.connects},
                                      {"failures", d.failures}};
    size_t n = 0;
    for (; n < AN_CAMERA_COUNTERS; n++)
        ret[n] = (an_source_counter){counter_names[n], c->counters[n]};
    memcpy(ret + n, more, sizeof more);
    return n + sizeof more / sizeof *more;
}

size_t an_camera_devices(const an_camera *c, const char *name, an_source_device *ret)
{
    const an_device_stats d = an_device_stats_get(c->device);
    ret[0] = (an_source_device){.reached = d.reached};
    snprintf(ret[0].name, sizeof ret[0].name, "%.120s", name);
    if (!d.reached)
        snprintf(ret[0].error, sizeof ret[0].error, "%s", d.error);
    return 1;
}

uint64_t an_camera_bad(const an_camera *c, const char **ret_last)
{
    *ret_last = c->bad_text;
    return c->bad;
}

/* ---- */

an_err an_camera_open(an_camera *c, const an_device_type *type, void *driver, const char *name, an_note *why)
{
    const an_device_conf conf = {.type = type,
                                 .ctx = driver,
                                 .name = name,
                                 .retry_min_ms = RETRY_MIN_MS,
                                 .retry_max_ms = c->retry_max_ms};
    c->event_fd = -1;
    an_err err = an_picture_name_sensors(&c->picture, name, why);
    if (err)
        return err;
    pthread_mutex_init(&c->lock, NULL);
    c->lock_made = true;
    if (c->count == AN_COUNT_TRIGGER) /* the first one that is missing is missing */
        c->parts.begun = true;
    if (!(c->items = an_alloc(c->queue, sizeof *c->items)))
        return AN_ERR_NOMEM;
    c->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->event_fd < 0)
        return an_fail(AN_ERR_IO, why, "%s: no descriptor", name);
    return an_device_start(&conf, &c->device);
}

void an_camera_close(an_camera *c)
{
    an_device_stop(c->device);
    for (size_t i = 0; c->items && i < c->n; i++)
        an_image_done(&c->items[(c->head + i) % c->queue].image);
    an_image_done(&c->now.image);
    an_picture_done(&c->picture);
    an_free(c->items);
    if (c->lock_made) {
        pthread_mutex_destroy(&c->lock);
        if (c->event_fd >= 0)
            close(c->event_fd);
    }
    c->device = NULL;
    c->items = NULL;
}
