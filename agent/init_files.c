/* What files are like: CSV, images, sound.  Nothing here parses one: the source itself is opened in the ways that come into
 * question, and what it makes of the file is the answer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/init_internal.h"
#include "agent/sources/follow_internal.h"
#include "base/clock.h"
#include "base/mem.h"
#ifdef AN_HAVE_SNDFILE
#include "doors/sndfile.h"
#endif

#define TRY_ROWS 2000
#define TRY_MS 3000
#define TEXTS_MAX 32 /* columns of texts that are looked into */

/* ---- the file, in one of several ways ---- */

typedef struct way {
    uint64_t rows, values;
    int64_t first_ms;
    uint64_t runs;          /* of equal parts */
    bool returns;           /* a part came again after another one */
    char part[AN_PART_MAX]; /* the last one */
    uint64_t seen[256];     /* their hashes */
    size_t n_seen;
    char (*names)[AN_SOURCE_NAME_MAX]; /* (width), if they are wanted */
    size_t width;
} way;

static uint64_t hash_of(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h;
}

static void see_part(way *y, const char *part)
{
    if (y->runs > 0 && strcmp(part, y->part) == 0)
        return;
    const uint64_t h = hash_of(part);
    for (size_t i = 0; i < y->n_seen; i++)
        y->returns = y->returns || y->seen[i] == h;
    if (y->n_seen < sizeof y->seen / sizeof *y->seen)
        y->seen[y->n_seen++] = h;
    memcpy(y->part, part, AN_PART_MAX);
    y->runs++;
}

static bool see_way(void *ctx, const an_batch *b)
{
    way *y = ctx;
    for (size_t i = 0; i < b->n; i++) {
        if (y->rows++ == 0)
            y->first_ms = b->time_ms[i];
        if (b->part[i][0])
            see_part(y, b->part[i]);
        for (size_t j = 0; j < b->width; j++)
            y->values += isnan(b->values[i * b->width + j]) ? 0 : 1;
    }
    return y->rows >= TRY_ROWS;
}

static an_err read_names(way *y, const an_source *src)
{
    y->width = an_source_width(src);
    y->names = an_alloc(y->width, sizeof *y->names);
    if (!y->names)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < y->width; i++)
        snprintf(y->names[i], sizeof y->names[i], "%s", an_source_sensor(src, i));
    return AN_OK;
}

/* Opens the source with one option otherwise, and reads some rows. */
static an_err try_way(const init *w, const char *key, const char *value, way *ret, bool names, an_note *why)
{
    init *other = an_alloc(1, sizeof *other);
    an_yaml *doc = NULL;
    an_source *src = NULL;
    if (!other)
        return AN_ERR_NOMEM;
    *other = *w;
    *ret = (way){.rows = 0};
    if (key)
        init_set(other, key, value, "");
    an_err err = init_doc(other, false, &doc, why);
    if (!err)
        err = an_source_open(w->kind->name, an_yaml_root(doc), an_clock_system(), &src, why);
    if (!err && names)
        err = read_names(ret, src);
    if (!err)
        err = init_rows(src, TRY_MS, 1, see_way, ret, why);
    an_source_close(src);
    an_yaml_free(doc);
    an_free(other);
    return err;
}

/* ---- csv ---- */

static bool holds(const way *y, const char *name)
{
    for (size_t i = 0; i < y->width; i++)
        if (strcmp(y->names[i], name) == 0)
            return true;
    return false;
}

static an_err find_comma(init *w, an_note *why)
{
    way point, comma;
    if (init_get(w, "decimal_comma"))
        return AN_OK;
    an_err err = try_way(w, NULL, NULL, &point, false, why);
    /* A way that is none of the file's may fail, which only says that it is not. */
    if (!err && (try_way(w, "decimal_comma", "true", &comma, false, NULL) == AN_OK) && comma.rows > 0 &&
        comma.values > point.values)
        init_set(w, "decimal_comma", "true", "1,5 is one and a half in this file");
    return err;
}

/* The time is the column that is a sensor if nobody asks for a time, and else is not. */
static an_err find_time(init *w, an_note *why)
{
    way with = {.rows = 0}, without = {.rows = 0};
    char text[INIT_VALUE_MAX];
    if (init_get(w, "time"))
        return AN_OK;
    an_err err = try_way(w, NULL, NULL, &with, true, why);
    if (!err)
        err = try_way(w, "time", "none", &without, true, why);
    for (size_t i = 0; !err && i < without.width; i++)
        if (!holds(&with, without.names[i])) {
            init_quote(text, sizeof text, without.names[i]);
            init_set(w, "time", text, "the first column with dates");
        }
    an_free(with.names);
    an_free(without.names);
    return err;
}

/* That of this computer, as its clock is set. */
static void zone_here(char *out, size_t cap)
{
    char link[AN_PATH_MAX] = "";
    const char *tz = getenv("TZ"), *at = NULL;
    snprintf(out, cap, "UTC");
    if (tz && tz[0] && tz[0] != ':' && strlen(tz) < cap) {
        snprintf(out, cap, "%s", tz);
        return;
    }
    const ssize_t n = readlink("/etc/localtime", link, sizeof link - 1);
    if (n > 0 && (at = strstr(link, "zoneinfo/")) != NULL && strlen(at + 9) < cap &&
        strcmp(at + 9, "Etc/UTC") != 0)
        snprintf(out, cap, "%s", at + 9);
}

/* Times that are others in another zone name none themselves. */
static an_err find_zone(init *w, an_note *why)
{
    way utc, other;
    char zone[64], text[128], said[64];
    if (!init_get(w, "time") || init_get(w, "tz"))
        return AN_OK;
    an_err err = try_way(w, "tz", "UTC", &utc, false, why);
    if (!err)
        err = try_way(w, "tz", "\"+01:00\"", &other, false, why);
    if (err || utc.rows == 0 || utc.first_ms == other.first_ms)
        return err;
    zone_here(zone, sizeof zone);
    err = init_ask(w, "the times name no zone; whose are they: UTC, +01:00, or as Europe/Berlin",
                   "set tz=ZONE", zone, said, sizeof said, why);
    init_quote(text, sizeof text, said);
    init_set(w, "tz", text,
             strcmp(zone, said) == 0 ? "the times name none; this computer's is taken"
                                     : "the times name none");
    return err;
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

static bool has_tag(const init *w, const char *name, size_t len)
{
    for (size_t i = 0; i < w->n_tags; i++)
        if (strlen(w->tags[i].name) == len && strncmp(w->tags[i].name, name, len) == 0)
            return true;
    return false;
}

/* Columns that say what others are worth. */
static bool find_quality(init *w)
{
    static const char *const ends[] = {"_q", "_quality", ".q", ".quality", "_Quality"};
    if (init_get(w, "quality_suffix"))
        return false;
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++)
        for (size_t i = 0; i < w->n_tags; i++) {
            const char *name = w->tags[i].name;
            if (!ends_with(name, ends[e]) || !has_tag(w, name, strlen(name) - strlen(ends[e])))
                continue;
            char text[32];
            init_quote(text, sizeof text, ends[e]);
            init_set(w, "quality_suffix", text, "columns of this end say what the others are worth");
            return true;
        }
    return false;
}

static bool names_part(const char *name)
{
    static const char *const words[] = {"part",   "serial",  "piece", "batch", "lot",    "teil",
                                        "charge", "barcode", "sn",    "dmc",   "unit_id"};
    char lower[AN_SOURCE_NAME_MAX];
    size_t n = 0;
    for (; name[n]; n++)
        lower[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] - 'A' + 'a') : name[n];
    lower[n] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(lower, words[i], strlen(words[i])) == 0 || ends_with(lower, words[i]))
            return true;
    return false;
}

/* A column is the part's id if it is called so, or if it is a text that changes and never comes back. */
static an_err find_part(init *w, bool *ret_found, an_note *why)
{
    const init_tag *best = NULL;
    char text[INIT_VALUE_MAX];
    size_t looked = 0;
    int most = 0;
    an_err err = AN_OK;
    for (size_t i = 0; i < w->n_tags && !err && !init_get(w, "part") && looked < TEXTS_MAX; i++) {
        const init_tag *t = &w->tags[i];
        /* A number that is called so may count them: a text goes before it. */
        const int worth = names_part(t->name) + 2 * (t->stats.good * 2 < t->stats.bad);
        way y;
        if (worth <= most)
            continue;
        looked++;
        init_quote(text, sizeof text, t->name);
        err = try_way(w, "part", text, &y, false, why);
        if (!err && y.runs > 1 && !y.returns) {
            best = t;
            most = worth;
        }
    }
    if (!best || err)
        return err;
    init_quote(text, sizeof text, best->name);
    init_set(w, "part", text,
             names_part(best->name) ? "its name and its values are those of parts"
                                    : "a text that changes and never comes back");
    *ret_found = true;
    return AN_OK;
}

an_err init_csv_find(init *w, an_note *why)
{
    an_err err = find_comma(w, why);
    if (!err)
        err = find_time(w, why);
    return err ? err : find_zone(w, why);
}

an_err init_csv_refine(init *w, bool *ret_again, an_note *why)
{
    char text[INIT_VALUE_MAX];
    bool other = false;
    for (size_t i = 0; i < w->n_tags && !init_get(w, "time"); i++)
        if (an_init_is_clock(&w->tags[i].stats)) {
            init_quote(text, sizeof text, w->tags[i].name);
            init_set(w, "time", text, "seconds or milliseconds since 1970");
            other = true;
        }
    if (!init_get(w, "time"))
        init_note(w, "There is no column of times: rows are counted from `start`, step_ms apart.");
    if (find_quality(w))
        other = true;
    an_err err = find_part(w, &other, why);
    if (w->step_ms > 0 && init_get(w, "time")) {
        snprintf(text, sizeof text, "%lld", (long long)(w->step_ms * 10 > 86400000 ? 0 : w->step_ms * 10));
        init_set(w, "gap_ms", text, "a longer gap begins anew: ten times what lies between two rows");
    }
    w->n_tags = other ? 0 : w->n_tags;
    *ret_again = other;
    return err;
}

/* ---- images ---- */

/* {part}_{n}.png where all names are so, else {part}.png. */
static an_err find_pattern(init *w, an_note *why)
{
    an_names names = {0};
    size_t n = 0, numbered = 0;
    const char *suffix = "";
    char text[64];
    an_err err = an_dir_list(w->where, &names, why);
    for (size_t i = 0; !err && i < names.n; i++) {
        const char *dot = strrchr(names.items[i], '.'), *low = strrchr(names.items[i], '_');
        if (names.items[i][0] == '.' || !dot || strlen(dot) > 6)
            continue;
        n++;
        suffix = dot;
        numbered += low && low > names.items[i] && low + 1 < dot &&
                    strspn(low + 1, "0123456789") == (size_t)(dot - low - 1);
    }
    if (!err && n > 0) {
        snprintf(text, sizeof text, "\"{part}%s%s\"", numbered == n ? "_{n}" : "", suffix);
        init_set(w, "part", text, "the part's id, as the names of the images have it");
    }
    an_names_done(&names);
    return err;
}

an_err init_images_find(init *w, an_note *why)
{
    init_note(
        w, "Limits of what is a picture at all (focus_min, clipped_max, dirt_max) are in docs/SOURCES.md.");
    return init_get(w, "part") ? AN_OK : find_pattern(w, why);
}

/* ---- sound ---- */

#ifdef AN_HAVE_SNDFILE
static bool has_time(const char *path)
{
    const char *slash = strrchr(path, '/');
    int64_t ms;
    return an_time_in_name(slash ? slash + 1 : path, NULL, &ms);
}

/* *ret_timed: every file of the folder has its time in its name. */
static an_err first_file(init *w, char out[static AN_PATH_MAX], bool *ret_timed, an_note *why)
{
    an_names names = {0};
    struct stat st;
    bool found = false;
    if (stat(w->where, &st) == 0 && !S_ISDIR(st.st_mode)) {
        memcpy(out, w->where, sizeof w->where);
        *ret_timed = has_time(out);
        return AN_OK;
    }
    an_err err = an_dir_list(w->where, &names, why);
    *ret_timed = w->folder = true;
    for (size_t i = 0; !err && i < names.n; i++) {
        if (!ends_with(names.items[i], ".wav"))
            continue;
        *ret_timed = *ret_timed && has_time(names.items[i]);
        if (!found)
            err = an_path_join(out, w->where, names.items[i]);
        found = true;
    }
    an_names_done(&names);
    if (!err && !found)
        err = an_fail(AN_ERR_NOTFOUND, why, "%.200s: there is no .wav file yet", w->where);
    return err;
}

/* A sound's rows are no sight for a model: their spectra are. */
an_err init_wav_find(init *w, an_note *why)
{
    char path[AN_PATH_MAX] = "", quoted[AN_PATH_MAX + 8], text[INIT_VALUE_MAX];
    an_sound *sound = NULL;
    an_sound_info info = {0};
    bool timed = false;
    an_err err = first_file(w, path, &timed, why);
    if (!err)
        err = an_sound_open(path, &sound, &info, why);
    an_sound_close(sound);
    if (err)
        return err;
    init_quote(quoted, sizeof quoted, w->where);
    snprintf(text, sizeof text, "{type: wav, path: %.900s%s}", quoted, timed ? ", time: name" : "");
    init_set(w, "of", text,
             timed ? "their names have their times, which are UTC unless tz says another zone" : "");
    snprintf(text, sizeof text, "%u", info.rate_hz);
    init_set(w, "rate_hz", text, "as the first file says");
    init_set(w, "frame", info.rate_hz >= 16000 ? "4096" : "1024", "rows of one spectrum");
    init_set(w, "log_bands", "12",
             "bands from 10 Hz to half the rate, each as wide as the one before times a factor");
    return AN_OK;
}
#else
an_err init_wav_find(init *w, an_note *why)
{
    (void)w;
    return an_fail(AN_ERR_UNSUPPORTED, why, "built without sound files (AN_SNDFILE)");
}
#endif
