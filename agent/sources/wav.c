/* Source `wav`: sound files (libsndfile), a row for each instant; what the source `spectral` makes frames of.
 *
 * A folder's files are read in natural order, each once and as a whole: while files are followed, one is begun when it has
 * not changed for a look.  Each file is a stretch of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/options.h"
#include "agent/source.h"
#include "agent/sources/follow.h"
#include "agent/sources/follow_internal.h"
#include "base/mem.h"
#include "doors/sndfile.h"
#include "doors/yaml.h"
#include "models/data/table.h"

enum { TIME_WRITTEN, TIME_NAME, TIME_START };

typedef struct wav {
    char path[AN_PATH_MAX], suffix[64];
    bool is_dir, follow;
    int time_by;
    int64_t poll_ms, start_ms;
    an_zone *zone;
    char names[AN_SOUND_CHANNELS_MAX][AN_SOURCE_NAME_MAX];
    size_t n_names;
    an_sound_info shape; /* of the first file: all have it */

    char file[AN_PATH_MAX]; /* that is read, or was read last; "": none */
    an_sound *sound;        /* NULL: it is done */
    an_sound_info info;
    int64_t file_ms; /* time of its first instant */
    uint64_t at;     /* next instant */
    bool resume;     /* after a restart: the file is to be opened again, at that instant */
    uint64_t row;
    an_names found;          /* of the folder at the last look; first those ahead, in order */
    size_t n_ahead, at_name; /* of these the next one */
    off_t seen_size;         /* of the file after it, at the last look */
    struct timespec seen_time;
    int64_t seen_ms; /* since when it has kept still */
    uint64_t files, refused, bad;
    char bad_text[160];
} wav;

static const an_option options[] = {
    {"path", AN_OPTION_TEXT, 0, 0, NULL, "a file, or a folder of files"},
    {"suffix", AN_OPTION_TEXT, 0, 0, ".wav", "in a folder: names end so"},
    {"follow", AN_OPTION_BOOL, 0, 1, "true", "wait for more files at the end"},
    {"poll_ms", AN_OPTION_INT, 10, 3600000, "1000",
     "how often to look for more; a file is read when it has not changed for so long"},
    {"channels", AN_OPTION_LIST, 0, 0, "", "names of the channels; ch1, ch2 ... if not given"},
    {"time", AN_OPTION_TEXT, 0, 0, "written",
     "where a file's time comes from: written (its last write is its end), name (the 14 digits of date and "
     "time in "
     "it), start"},
    {"tz", AN_OPTION_TEXT, 0, 0, "UTC", "zone of times in names: UTC, +01:00 or as Europe/Berlin"},
    {"start", AN_OPTION_TEXT, 0, 0, "1970-01-01T00:00:00Z", "time of the first instant with `time: start`"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err read_channels(wav *s, const an_node *list, an_note *why)
{
    s->n_names = an_node_count(list);
    if (s->n_names > AN_SOUND_CHANNELS_MAX)
        return an_node_fail(list, why, "channels: at most %d", AN_SOUND_CHANNELS_MAX);
    for (size_t i = 0; i < s->n_names; i++) {
        const char *text;
        an_err err = an_node_text(an_node_at(list, i), &text, why);
        if (err)
            return err;
        if (!text[0] || strlen(text) >= AN_SOURCE_NAME_MAX)
            return an_node_fail(an_node_at(list, i), why, "channels: a name is empty or too long");
        memcpy(s->names[i], text, strlen(text) + 1);
    }
    return AN_OK;
}

static an_err read_options(wav *s, const an_node *conf, an_note *why)
{
    const char *path = NULL, *suffix = NULL, *time = NULL, *tz = NULL, *start = NULL;
    an_note inner = {{0}};
    an_err err;
    if ((err = an_option_text(options, conf, "path", &path, why)) ||
        (err = an_option_text(options, conf, "suffix", &suffix, why)) ||
        (err = an_option_text(options, conf, "time", &time, why)) ||
        (err = an_option_text(options, conf, "tz", &tz, why)) ||
        (err = an_option_text(options, conf, "start", &start, why)) ||
        (err = an_option_int(options, conf, "poll_ms", &s->poll_ms, why)) ||
        (err = an_node_get_bool(conf, "follow", true, &s->follow, why)) ||
        (err = read_channels(s, an_node_get(conf, "channels"), why)))
        return err;
    if (strlen(path) >= AN_PATH_MAX || strlen(suffix) >= sizeof s->suffix)
        return an_node_fail(conf, why, "path or suffix is too long");
    memcpy(s->path, path, strlen(path) + 1);
    memcpy(s->suffix, suffix, strlen(suffix) + 1);
    s->time_by = strcmp(time, "name") == 0    ? TIME_NAME
                 : strcmp(time, "start") == 0 ? TIME_START
                                              : TIME_WRITTEN;
    if (s->time_by == TIME_WRITTEN && strcmp(time, "written") != 0)
        return an_node_fail(an_node_get(conf, "time"), why, "time: \"%s\": must be written, name or start",
                            time);
    if (!an_time_parse(start, strlen(start), &s->start_ms))
        return an_node_fail(an_node_get(conf, "start"), why, "start: \"%s\" is not a time", start);
    err = strcmp(tz, "UTC") == 0 ? AN_OK : an_zone_open(tz, &s->zone, &inner);
    return err && err != AN_ERR_NOMEM ? an_node_fail(an_node_get(conf, "tz"), why, "tz: %s", inner.text)
                                      : err;
}

/* ---- files ---- */

static an_err path_of(const wav *s, const char *name, char out[static AN_PATH_MAX])
{
    if (s->is_dir)
        return an_path_join(out, s->path, name);
    memcpy(out, s->path, strlen(s->path) + 1);
    return AN_OK;
}

static bool is_ahead(const wav *s, const char *name)
{
    const int after = s->file[0] ? an_natural(name, s->file) : 1;
    return after > 0 || (after == 0 && s->resume);
}

static int in_order(const void *a, const void *b)
{
    return an_natural(*(char *const *)a, *(char *const *)b);
}

static an_err list(wav *s)
{
    s->n_ahead = s->at_name = 0;
    an_names_done(&s->found);
    s->found = (an_names){0};
    an_err err = an_dir_list(s->path, &s->found, NULL);
    if (err)
        return err == AN_ERR_NOMEM ? err : AN_ERR_IO;
    for (size_t i = 0; i < s->found.n; i++) {
        char *name = s->found.items[i];
        if (name[0] == '.' || strlen(name) >= AN_PATH_MAX || !an_follow_ends_with(name, s->suffix) ||
            !is_ahead(s, name))
            continue;
        s->found.items[i] = s->found.items[s->n_ahead]; /* the list keeps all of them */
        s->found.items[s->n_ahead++] = name;
    }
    if (s->n_ahead > 0)
        qsort(s->found.items, s->n_ahead, sizeof *s->found.items, in_order);
    return AN_OK;
}

/* All names ahead, in order: folders may hold thousands.  What comes while a folder is listed may be in the list without
 * what came before it; so it is listed again, up to what was the newest.  Errors: IO the folder is away, NOMEM. */
static an_err look(wav *s)
{
    char newest[AN_PATH_MAX];
    an_err err = list(s);
    if (err || s->n_ahead == 0)
        return err;
    memcpy(newest, s->found.items[s->n_ahead - 1], strlen(s->found.items[s->n_ahead - 1]) + 1);
    err = list(s);
    while (!err && s->n_ahead > 0 && an_natural(s->found.items[s->n_ahead - 1], newest) > 0)
        s->n_ahead--;
    return err;
}

/* The first name after s->file, or that itself to go on in it; "": none.  *ret_last: there is none after it. */
static an_err next_name(wav *s, char out[static AN_PATH_MAX], bool *ret_last)
{
    out[0] = '\0';
    *ret_last = true;
    if (!s->is_dir) {
        if (!s->file[0] || s->resume)
            memcpy(out, "-", 2);
        return AN_OK;
    }
    const an_err err = s->at_name < s->n_ahead ? AN_OK : look(s);
    if (err || s->n_ahead == 0)
        return err;
    memcpy(out, s->found.items[s->at_name], strlen(s->found.items[s->at_name]) + 1);
    *ret_last = s->at_name + 1 == s->n_ahead;
    return AN_OK;
}

/* Has it kept still since the last look? */
static bool is_settled(wav *s, const struct stat *st)
{
    const bool same = s->seen_size == st->st_size && s->seen_time.tv_sec == st->st_mtim.tv_sec &&
                      s->seen_time.tv_nsec == st->st_mtim.tv_nsec;
    const int64_t now = an_clock_system()->mono_ms(an_clock_system());
    if (same)
        return st->st_size > 0 && now - s->seen_ms >= s->poll_ms;
    s->seen_size = st->st_size;
    s->seen_time = st->st_mtim;
    s->seen_ms = now;
    return false;
}

static void refuse(wav *s, const char *why)
{
    s->bad++;
    s->refused++;
    snprintf(s->bad_text, sizeof s->bad_text, "%.150s", why);
}

/* Opens the file as the present one; one that is no use is counted and passed over (PROTO).  AGAIN: it is gone, or the
 * folder is. */
static an_err open_sound(wav *s, const char *name)
{
    char path[AN_PATH_MAX];
    struct stat st;
    an_note why = {{0}};
    const uint64_t from = s->resume && strcmp(name, s->file) == 0 ? s->at : 0;
    an_err err = path_of(s, name, path);
    if (err)
        return err;
    err = an_sound_open(path, &s->sound, &s->info, &why);
    if (err == AN_ERR_NOMEM)
        return err;
    if (err && s->follow && !an_file_exists(path))
        return AN_ERR_AGAIN;
    memcpy(s->file, name, strlen(name) + 1);
    s->resume = false;
    const double seconds = err ? 0 : (double)s->info.n / s->info.rate_hz;
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path; /* the folder is known */
    if (!err && s->shape.channels > 0 &&
        (s->info.channels != s->shape.channels || s->info.rate_hz != s->shape.rate_hz))
        err = an_fail(AN_ERR_PROTO, &why, "%.100s: %u channels at %u Hz, the first file has %u at %u", base,
                      s->info.channels, s->info.rate_hz, s->shape.channels, s->shape.rate_hz);
    else if (!err && s->time_by == TIME_NAME && !an_time_in_name(base, s->zone, &s->file_ms))
        err = an_fail(AN_ERR_PROTO, &why, "%.100s: there is no date and time in its name", base);
    else if (!err && s->time_by == TIME_WRITTEN && stat(path, &st) == 0)
        s->file_ms =
            (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 - (int64_t)(seconds * 1000);
    else if (!err && s->time_by == TIME_START)
        s->file_ms = s->start_ms + (int64_t)((double)(s->row - from) * 1000 / s->info.rate_hz);
    if (!err && from > 0)
        err = an_sound_seek(s->sound, from, &why);
    if (!err) {
        s->at = from;
        s->files++;
        return AN_OK;
    }
    an_sound_close(s->sound);
    s->sound = NULL;
    refuse(s, why.text);
    return AN_ERR_PROTO;
}

static an_err next_sound(wav *s, an_note *why)
{
    char name[AN_PATH_MAX], path[AN_PATH_MAX];
    struct stat st;
    bool last = true;
    for (;;) {
        an_err err = next_name(s, name, &last);
        if (err == AN_ERR_IO)
            return s->follow ? AN_ERR_AGAIN : an_fail(err, why, "%s: cannot be listed", s->path);
        if (err)
            return err;
        if (!name[0])
            return s->follow && s->is_dir ? AN_ERR_AGAIN : AN_ERR_NOTFOUND;
        if ((err = path_of(s, name, path)))
            return err;
        /* What has one after it is complete. */
        err = s->follow && (stat(path, &st) != 0 || (last && !is_settled(s, &st))) ? AN_ERR_AGAIN
                                                                                   : open_sound(s, name);
        s->at_name++;
        if (err == AN_ERR_AGAIN)
            s->n_ahead = s->at_name = 0; /* looked at anew */
        if (err != AN_ERR_PROTO)
            return err;
    }
}

/* ---- the row of the table ---- */

static an_err wav_open(void *state, const an_node *conf, an_note *why)
{
    wav *s = state;
    struct stat st;
    an_err err = read_options(s, conf, why);
    if (err)
        return err;
    if (stat(s->path, &st) != 0)
        return an_fail(AN_ERR_NOTFOUND, why, "%s: is not there", s->path);
    s->is_dir = S_ISDIR(st.st_mode);
    const bool follow = s->follow;
    s->follow = false; /* the first file tells the channels, even while it is written */
    err = next_sound(s, why);
    s->follow = follow;
    if (err == AN_ERR_NOTFOUND)
        return an_fail(err, why, "%s: no sound file from which to tell the channels%s%.80s", s->path,
                       s->bad_text[0] ? "; " : "", s->bad_text);
    if (err)
        return err;
    s->shape = s->info;
    an_sound_close(s->sound);
    s->sound = NULL;
    s->file[0] = '\0';
    s->n_ahead = s->at_name = 0;
    s->files = s->refused = s->bad = 0;
    if (s->n_names > 0 && s->n_names != s->shape.channels)
        return an_fail(AN_ERR_INVAL, why, "%s: the file has %u channels, %zu are named", s->path,
                       s->shape.channels, s->n_names);
    for (size_t i = 0; i < s->shape.channels && s->n_names == 0; i++)
        snprintf(s->names[i], sizeof s->names[i], "ch%zu", i + 1);
    return AN_OK;
}

static size_t wav_width(const void *state)
{
    return ((const wav *)state)->shape.channels;
}

static const char *wav_sensor(const void *state, size_t i)
{
    return ((const wav *)state)->names[i];
}

static const char *wav_unit(const void *state, size_t i)
{
    (void)state;
    (void)i;
    return "";
}

static an_err wav_next(void *state, an_batch *ret, int64_t *ret_wait_ms, an_note *why)
{
    wav *s = state;
    while (ret->n == 0) {
        an_note inner = {{0}};
        size_t n = 0;
        an_err err = s->sound ? AN_OK : next_sound(s, why);
        if (err == AN_ERR_AGAIN)
            *ret_wait_ms = s->poll_ms;
        if (err)
            return err;
        if (an_sound_read(s->sound, ret->values, ret->cap, &n, &inner) != AN_OK)
            refuse(s, inner.text);
        for (size_t i = 0; i < n; i++, s->at++) {
            ret->time_ms[i] = s->file_ms + (int64_t)((double)s->at * 1000 / s->info.rate_hz);
            ret->row[i] = s->row++;
            ret->flags[i] =
                (s->at == 0 ? AN_ROW_RESTART : 0) | (s->time_by == TIME_START ? AN_ROW_TIME_MADE : 0);
            ret->label[i] = AN_LABEL_UNKNOWN;
        }
        ret->n = n;
        if (n == 0) {
            an_sound_close(s->sound);
            s->sound = NULL;
        }
    }
    return AN_OK;
}

static an_err wav_save(const void *state, an_buf *ret)
{
    const wav *s = state;
    const size_t len = strlen(s->file);
    an_buf_u16(ret, (uint16_t)len);
    an_buf_put(ret, s->file, len);
    an_buf_u64(ret, s->at);
    an_buf_u64(ret, s->row);
    an_buf_u8(ret, s->sound != NULL || s->resume);
    return AN_OK;
}

static an_err wav_restore(void *state, an_reader *in, an_note *why)
{
    wav *s = state;
    const uint16_t len = an_read_u16(in);
    const uint8_t *bytes = an_read_bytes(in, len);
    const uint64_t at = an_read_u64(in), row = an_read_u64(in);
    const bool is_open = an_read_u8(in) != 0;
    if (in->failed || len >= AN_PATH_MAX || memchr(bytes, '/', len) || memchr(bytes, '\0', len))
        return an_fail(AN_ERR_PROTO, why, "not a position of a wav source");
    an_sound_close(s->sound);
    s->sound = NULL;
    memset(s->file, 0, sizeof s->file);
    memcpy(s->file, bytes, len);
    s->at = at;
    s->row = row;
    s->resume = is_open; /* as soon as its folder is there */
    s->n_ahead = s->at_name = 0;
    return AN_OK;
}

static uint64_t wav_bad(const void *state, const char **ret_last)
{
    const wav *s = state;
    *ret_last = s->bad_text;
    return s->bad;
}

static size_t wav_counters(const void *state, an_source_counter *ret)
{
    const wav *s = state;
    ret[0] = (an_source_counter){"files", s->files};
    ret[1] = (an_source_counter){"files_refused", s->refused};
    return 2;
}

static void wav_close(void *state)
{
    wav *s = state;
    an_sound_close(s->sound);
    an_zone_free(s->zone);
    an_names_done(&s->found);
}

const an_source_type an_source_type_wav = {
    .name = "wav",
    .meaning = "sound files, a row for each instant",
    .options = options,
    .state_size = sizeof(wav),
    .open = wav_open,
    .width = wav_width,
    .sensor = wav_sensor,
    .unit = wav_unit,
    .next = wav_next,
    .save = wav_save,
    .restore = wav_restore,
    .bad = wav_bad,
    .counters = wav_counters,
    .close = wav_close,
};
