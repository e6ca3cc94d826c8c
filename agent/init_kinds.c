/* A row for each kind of source that init knows more of than its options; the others are taken as they are given. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/init_internal.h"
#include "base/mem.h"

/* ---- lists of names: columns, tags, channels ---- */

static void put_names(const init *w, an_buf *b, const char *indent, const char *key, bool kept_only)
{
    char name[2 * AN_SOURCE_NAME_MAX];
    if (!kept_only || init_tags_kept(w) == 0)
        return;
    an_buf_printf(b, "%s%s:\n", indent, key);
    for (size_t i = 0; i < w->n_tags; i++) {
        const init_tag *t = &w->tags[i];
        if (t->why[0])
            continue;
        init_quote(name, sizeof name, t->name);
        an_buf_printf(b, "%s  - %s  # %.6g to %.6g", indent, name, t->stats.min, t->stats.max);
        an_buf_printf(b, "%s%s\n", t->note[0] ? "; " : "", t->note);
    }
}

static void put_columns(const init *w, an_buf *b, const char *indent, bool kept_only)
{
    put_names(w, b, indent, "columns", kept_only);
}

/* A query names what it asks for from the first look on. */
static void put_sql(const init *w, an_buf *b, const char *indent, bool kept_only)
{
    char name[2 * AN_SOURCE_NAME_MAX];
    const char *key = init_get(w, "tag") ? "tags" : "columns";
    if (w->n_tags == 0)
        return;
    if (kept_only) {
        put_names(w, b, indent, key, true);
        return;
    }
    an_buf_printf(b, "%s%s:\n", indent, key);
    for (size_t i = 0; i < w->n_tags; i++) {
        init_quote(name, sizeof name, w->tags[i].name);
        an_buf_printf(b, "%s  - %s\n", indent, name);
    }
}

static void put_tagged(const init *w, an_buf *b, const char *indent, bool kept_only)
{
    char name[2 * AN_SOURCE_NAME_MAX], unit[48];
    if (w->n_tags == 0)
        return;
    an_buf_printf(b, "%stags:\n", indent);
    for (size_t i = 0; i < w->n_tags; i++) {
        const init_tag *t = &w->tags[i];
        if (kept_only && t->why[0])
            continue;
        init_quote(name, sizeof name, t->name);
        init_quote(unit, sizeof unit, t->unit);
        an_buf_printf(b, "%s  - {name: %s, %s%s%s}", indent, name, t->at, t->unit[0] ? ", unit: " : "",
                      t->unit[0] ? unit : "");
        if (kept_only)
            an_buf_printf(b, "  # %.6g to %.6g", t->stats.min, t->stats.max);
        an_buf_printf(b, "%s%s\n", kept_only && t->note[0] ? "; " : "", kept_only ? t->note : "");
    }
}

static const init_kind kinds[] = {
    {"csv", "path", "its file, or the folder of its files", init_csv_find, init_csv_refine, put_columns,
     false},
    {"images", "path", "the folder of its images", init_images_find, NULL, NULL, true},
    {"sql", NULL, "the SQLite file, or how PostgreSQL is reached: host=... user=... dbname=...",
     init_sql_find, NULL, put_sql, false},
    {"spectral", NULL, "the sound file, or the folder of sound files", init_wav_find, NULL, NULL, false},
    {"modbus", NULL, "the device: HOST, HOST:PORT, or the path of a serial line", init_modbus_find,
     init_modbus_refine, init_modbus_put, false},
    {"mqtt", "broker", "the broker: mqtts://HOST, or mqtt://HOST without TLS", init_mqtt_find,
     init_mqtt_refine, put_tagged, false},
    {"opcua", "endpoint", "the server: opc.tcp://HOST:PORT", init_opcua_find, init_opcua_refine, put_tagged,
     false},
    {"genicam", "device", "the camera's id, serial number or address", init_camera_find, NULL, NULL, true},
    {"v4l2", "device", "the camera: /dev/video0, or its link in /dev/v4l/by-id", init_camera_find, NULL, NULL,
     true},
    {"sim", "line", "the simulated line: pump or press", NULL, NULL, NULL, false},
};

const init_kind *init_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* ---- options, notes, tags ---- */

const init_option *init_get(const init *w, const char *key)
{
    for (size_t i = 0; i < w->n_options; i++)
        if (strcmp(w->options[i].key, key) == 0)
            return &w->options[i];
    return NULL;
}

void init_set(init *w, const char *key, const char *value, const char *note)
{
    init_option *o = NULL;
    for (size_t i = 0; i < w->n_options && !o; i++)
        if (strcmp(w->options[i].key, key) == 0)
            o = &w->options[i];
    if ((o && o->given) || (!o && w->n_options == INIT_OPTIONS_MAX))
        return;
    if (!o)
        o = &w->options[w->n_options++];
    snprintf(o->key, sizeof o->key, "%s", key);
    snprintf(o->value, sizeof o->value, "%s", value);
    snprintf(o->note, sizeof o->note, "%s", note);
}

void init_note(init *w, const char *fmt, ...)
{
    va_list args;
    if (w->n_notes == INIT_NOTES_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(w->notes[w->n_notes++], sizeof w->notes[0], fmt, args);
    va_end(args);
}

static bool is_taken(const init *w, const char *name)
{
    for (size_t i = 0; i + 1 < w->n_tags; i++)
        if (strcmp(w->tags[i].name, name) == 0)
            return true;
    return false;
}

init_tag *init_tag_add(init *w, const char *name)
{
    char base[AN_SOURCE_NAME_MAX - 8];
    if (w->n_tags == AN_SOURCE_WIDTH_MAX)
        return NULL;
    if (w->n_tags == w->tags_cap) {
        const size_t cap = w->tags_cap ? w->tags_cap * 2 : 64;
        init_tag *more = an_alloc(cap, sizeof *more);
        if (!more)
            return NULL;
        if (w->tags)
            memcpy(more, w->tags, w->n_tags * sizeof *more);
        an_free(w->tags);
        w->tags = more;
        w->tags_cap = cap;
    }
    init_tag *t = &w->tags[w->n_tags++];
    *t = (init_tag){.name = ""};
    snprintf(base, sizeof base, "%s", name[0] ? name : "value");
    for (char *c = base; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '_';
    snprintf(t->name, sizeof t->name, "%s", base);
    for (unsigned n = 2; is_taken(w, t->name); n++)
        snprintf(t->name, sizeof t->name, "%s_%u", base, n);
    return t;
}

size_t init_tags_kept(const init *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_tags; i++)
        n += w->tags[i].why[0] == '\0';
    return n;
}
