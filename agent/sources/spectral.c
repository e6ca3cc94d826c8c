/* Source `spectral`: frames of another source's rows, and of each the figures of models/data/spectral.h.
 *
 *     of: {type: wav ...} --rows--> window of `frame` rows --> x.rms x.peak ... y.rms ...
 *                                   moved on by `hop` rows
 *
 * Frames hold rows that follow one another: where the inner source says that a row does not continue the one before, what
 * waits is dropped and counted.  The position is that of the inner source, with the rows that wait. */
#include "agent/sources/spectral_internal.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "doors/yaml.h"

#define INNER_POSITION_MAX (1u << 18)

static an_err inner_type(const an_node *conf, const char **ret, an_note *why)
{
    an_err err = an_node_need_text(an_node_get(conf, "of"), "type", ret, why);
    if (!err && strcmp(*ret, "spectral") == 0)
        err = an_node_fail(an_node_get(conf, "of"), why, "of: a spectral source of a spectral source");
    return err;
}

static an_err spectral_check(const an_node *conf, an_note *why)
{
    const char *type = NULL;
    an_err err = inner_type(conf, &type, why);
    if (!err)
        err = an_source_check(type, an_node_get(conf, "of"), why);
    spectral *s = err ? NULL : an_alloc(1, sizeof *s);
    if (!err && !s)
        return AN_ERR_NOMEM;
    if (!err)
        err = an_spectral_options_read(s, conf, why);
    an_free(s);
    return err;
}

/* ---- which sensors ---- */

static size_t sensor_at(const spectral *s, const char *name)
{
    size_t i = 0;
    while (i < s->inner_width && strcmp(an_source_sensor(s->inner, i), name) != 0)
        i++;
    return i;
}

static an_err choose_channels(spectral *s, const an_node *list, an_note *why)
{
    const size_t n = an_node_count(list);
    s->inner_width = an_source_width(s->inner);
    s->speed_at = s->speed[0] ? sensor_at(s, s->speed) : s->inner_width;
    if (s->speed[0] && s->speed_at == s->inner_width)
        return an_fail(AN_ERR_INVAL, why, "speed_sensor: the source has no sensor \"%s\"", s->speed);
    if (!(s->channels = an_alloc(s->inner_width, sizeof *s->channels)))
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < s->inner_width && n == 0; i++)
        if (i != s->speed_at)
            s->channels[s->n_channels++] = i;
    for (size_t i = 0; i < n; i++) {
        const char *name;
        an_err err = an_node_text(an_node_at(list, i), &name, why);
        if (err)
            return err;
        const size_t at = sensor_at(s, name);
        if (at == s->inner_width || s->n_channels == s->inner_width)
            return an_node_fail(an_node_at(list, i), why,
                                "channels: the source has no sensor \"%.60s\" (any more)", name);
        s->channels[s->n_channels++] = at;
    }
    return s->n_channels > 0 ? AN_OK
                             : an_fail(AN_ERR_INVAL, why, "channels: there is no sensor but the speed");
}

static an_err make_names(spectral *s, an_note *why)
{
    s->per_channel = an_spectral_width(s->spectrum);
    if (s->n_channels * s->per_channel > AN_SOURCE_WIDTH_MAX)
        return an_fail(AN_ERR_INVAL, why, "%zu figures of %zu sensors: at most %d in all", s->per_channel,
                       s->n_channels, AN_SOURCE_WIDTH_MAX);
    if (!(s->names = an_alloc(s->n_channels * s->per_channel, sizeof *s->names)))
        return AN_ERR_NOMEM;
    for (size_t c = 0; c < s->n_channels; c++)
        for (size_t i = 0; i < s->per_channel; i++) {
            char figure[AN_SPECTRAL_NAME_MAX];
            an_spectral_name(s->spectrum, i, figure);
            const char *own = an_source_sensor(s->inner, s->channels[c]);
            if (strlen(own) + strlen(figure) + 2 > AN_SOURCE_NAME_MAX)
                return an_fail(AN_ERR_INVAL, why, "the name \"%.60s.%s\" is too long", own, figure);
            char *name = s->names[c * s->per_channel + i];
            memcpy(name, own, strlen(own));
            name[strlen(own)] = '.';
            memcpy(name + strlen(own) + 1, figure, strlen(figure) + 1);
        }
    return AN_OK;
}

static an_err spectral_open(void *state, const an_node *conf, an_note *why)
{
    spectral *s = state;
    const char *type = NULL;
    an_err err = an_spectral_options_read(s, conf, why);
    if (err || (err = inner_type(conf, &type, why)) || (err = an_spectral_new(&s->conf, &s->spectrum, why)) ||
        (err = an_source_open(type, an_node_get(conf, "of"), an_clock_system(), &s->inner, why)) ||
        (err = choose_channels(s, an_node_get(conf, "channels"), why)) || (err = make_names(s, why)))
        return err;
    const size_t values = s->conf.frame * s->inner_width;
    if (values > AN_SPECTRAL_KEEP_MAX)
        return an_fail(AN_ERR_INVAL, why, "frames of %zu rows of %zu sensors: at most %d values",
                       s->conf.frame, s->inner_width, AN_SPECTRAL_KEEP_MAX);
    s->window = an_alloc(values, sizeof *s->window);
    s->quality = an_alloc(s->inner_width, 1);
    s->column = an_alloc(s->conf.frame, sizeof *s->column);
    s->restart = true;
    if (!s->window || !s->quality || !s->column)
        return AN_ERR_NOMEM;
    return an_batch_init(&s->batch, s->inner_width, s->conf.frame < 1024 ? s->conf.frame : 1024);
}

static size_t spectral_width(const void *state)
{
    const spectral *s = state;
    return s->n_channels * s->per_channel;
}

static const char *spectral_sensor(const void *state, size_t i)
{
    return ((const spectral *)state)->names[i];
}

static const char *spectral_unit(const void *state, size_t i)
{
    const spectral *s = state;
    return an_spectral_unit(s->spectrum, i % s->per_channel,
                            an_source_unit(s->inner, s->channels[i / s->per_channel]));
}

/* ---- frames ---- */

/* Mean of the speed in the window, in turns a second. */
static double speed_of(const spectral *s)
{
    double sum = 0;
    if (s->speed_at == s->inner_width)
        return (double)NAN;
    for (size_t i = 0; i < s->conf.frame; i++)
        sum += (double)s->window[i * s->inner_width + s->speed_at];
    return sum / (double)s->conf.frame * s->speed_hz;
}

static void put_frame(spectral *s, an_batch *ret, const an_batch *from, size_t last)
{
    const size_t at = ret->n++;
    const double speed = speed_of(s);
    for (size_t c = 0; c < s->n_channels; c++) {
        const size_t own = c * s->per_channel;
        for (size_t i = 0; i < s->conf.frame; i++)
            s->column[i] = s->window[i * s->inner_width + s->channels[c]];
        an_spectral_frame(s->spectrum, ret->values + at * ret->width + own, s->column, speed);
        memset(ret->quality + at * ret->width + own, s->quality[s->channels[c]], s->per_channel);
    }
    ret->time_ms[at] = from->time_ms[last];
    ret->row[at] = s->row++;
    ret->flags[at] = (s->restart ? AN_ROW_RESTART : 0) | (from->flags[last] & AN_ROW_TIME_MADE);
    ret->label[at] = from->label[last];
    memcpy(ret->part[at], from->part[last], AN_PART_MAX);
    s->restart = false;
    const size_t rest = s->conf.frame - s->hop;
    memmove(s->window, s->window + s->hop * s->inner_width, rest * s->inner_width * sizeof *s->window);
    s->n_window = rest;
    /* Of rows that stand in the next frame too the values say it: they are NAN there. */
    memset(s->quality, AN_VALUE_GOOD, s->inner_width);
}

static void put_rows(spectral *s, an_batch *ret)
{
    const an_batch *b = &s->batch;
    for (size_t i = 0; i < b->n; i++) {
        if (b->flags[i] & AN_ROW_RESTART) {
            s->cut += s->n_window > 0;
            s->n_window = 0;
            s->restart = true;
            memset(s->quality, AN_VALUE_GOOD, s->inner_width);
        }
        memcpy(s->window + s->n_window++ * s->inner_width, b->values + i * b->width,
               b->width * sizeof *b->values);
        for (size_t j = 0; j < b->width; j++)
            if (b->quality[i * b->width + j] > s->quality[j])
                s->quality[j] = b->quality[i * b->width + j];
        if (s->n_window == s->conf.frame)
            put_frame(s, ret, b, i);
    }
}

/* Never reads more than the frames for which there is room, so that no frame waits here. */
static an_err spectral_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    spectral *s = state;
    const size_t cap = s->conf.frame < 1024 ? s->conf.frame : 1024;
    while (ret->n < ret->cap) {
        const size_t missing = s->conf.frame - s->n_window;
        s->batch.cap = missing < cap ? missing : cap;
        const an_err err = an_source_next(s->inner, &s->batch, ret_wait_ms, why);
        s->batch.cap = cap;
        if (err)
            return ret->n > 0 && (err == AN_ERR_AGAIN || err == AN_ERR_NOTFOUND) ? AN_OK : err;
        put_rows(s, ret);
    }
    return AN_OK;
}

static an_err spectral_save(const void *state, an_buf *ret)
{
    const spectral *s = state;
    an_buf inner;
    an_buf_init(&inner, INNER_POSITION_MAX);
    an_err err = an_source_save(s->inner, &inner);
    an_buf_u64(ret, s->row);
    an_buf_u8(ret, s->restart);
    an_buf_u32(ret, (uint32_t)s->n_window);
    an_buf_u32(ret, (uint32_t)s->inner_width);
    for (size_t i = 0; i < s->n_window * s->inner_width; i++)
        an_buf_f32(ret, s->window[i]);
    an_buf_put(ret, inner.data, inner.len);
    an_buf_done(&inner);
    return err;
}

static an_err spectral_restore(void *state, an_reader *in, an_note *why)
{
    spectral *s = state;
    const uint64_t row = an_read_u64(in);
    const bool restart = an_read_u8(in) != 0;
    const uint32_t n = an_read_u32(in), width = an_read_u32(in);
    if (in->failed || width != s->inner_width || n >= s->conf.frame)
        return an_fail(AN_ERR_PROTO, why, "not a position of this spectral source");
    for (size_t i = 0; i < (size_t)n * width; i++)
        s->window[i] = an_read_f32(in);
    if (in->failed)
        return an_fail(AN_ERR_PROTO, why, "not a position of this spectral source");
    s->n_window = n;
    s->restart = restart;
    s->row = row;
    an_err err = an_source_restore(s->inner, in, why);
    if (err)
        s->n_window = 0;
    return err;
}

static uint64_t spectral_bad(const void *state, const char **ret_last)
{
    const an_source_stats stats = an_source_stats_get(((const spectral *)state)->inner);
    *ret_last = stats.bad_last;
    return stats.bad;
}

static size_t spectral_counters(const void *state, an_source_counter *ret)
{
    const spectral *s = state;
    const an_source_stats stats = an_source_stats_get(s->inner);
    size_t n = stats.n_counters < AN_SOURCE_COUNTERS_MAX - 2 ? stats.n_counters : AN_SOURCE_COUNTERS_MAX - 2;
    memcpy(ret, stats.counters, n * sizeof *ret);
    ret[n++] = (an_source_counter){"rows_read", stats.rows};
    ret[n++] = (an_source_counter){"frames_cut", s->cut};
    return n;
}

static int spectral_fd(const void *state)
{
    return an_source_fd(((const spectral *)state)->inner);
}

static void spectral_close(void *state)
{
    spectral *s = state;
    an_source_close(s->inner);
    an_spectral_free(s->spectrum);
    an_batch_done(&s->batch);
    an_free(s->channels);
    an_free(s->names);
    an_free(s->window);
    an_free(s->quality);
    an_free(s->column);
}

const an_source_type an_source_type_spectral = {
    .name = "spectral",
    .meaning = "figures of the spectra of another source's signals: vibration, sound",
    .options = an_spectral_options,
    .state_size = sizeof(spectral),
    .check = spectral_check,
    .open = spectral_open,
    .width = spectral_width,
    .sensor = spectral_sensor,
    .unit = spectral_unit,
    .next = spectral_next,
    .save = spectral_save,
    .restore = spectral_restore,
    .bad = spectral_bad,
    .counters = spectral_counters,
    .fd = spectral_fd,
    .close = spectral_close,
};
