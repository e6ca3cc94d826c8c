/* What the configuration of an images source says. */
#include <string.h>

#include "agent/sources/images_internal.h"
#include "doors/yaml.h"

const an_option an_images_options[] = {
    {"path", AN_OPTION_TEXT, 0, 0, NULL, "a folder of images: PNG, JPEG, PGM, PPM"},
    {"follow", AN_OPTION_BOOL, 0, 1, "true", "wait for more at the end"},
    {"poll_ms", AN_OPTION_INT, 10, 3600000, "500", "how often to look for more"},
    {"settle", AN_OPTION_BOOL, 0, 1, "true",
     "the newest is read when it has not changed for a look; false: files are renamed into the folder"},
    {"order", AN_OPTION_TEXT, 0, 0, "name", "name (2 before 10) or time (of the last write)"},
    {"part", AN_OPTION_TEXT, 0, 0, "", "pattern of names with the id of the part: {part}_{n}.png"},
    {"parts", AN_OPTION_TEXT, 0, 0, "", "file with lines of an image's name and its part's id"},
    {"time", AN_OPTION_TEXT, 0, 0, "written",
     "an image's time: written, or name (14 digits of date and time in it)"},
    {"tz", AN_OPTION_TEXT, 0, 0, "UTC", "zone of times in names: UTC, +01:00 or as Europe/Berlin"},
    AN_PICTURE_OPTIONS("0", "auto"),
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

/* One of two words; *ret: it is the second. */
static an_err read_choice(const an_node *map, const char *key, const char *first, const char *second,
                          bool *ret, an_note *why)
{
    const char *text = NULL;
    an_err err = an_option_text(an_images_options, map, key, &text, why);
    if (err)
        return err;
    *ret = strcmp(text, second) == 0;
    return *ret || strcmp(text, first) == 0
               ? AN_OK
               : an_node_fail(an_node_get(map, key), why, "%s: \"%s\": must be %s or %s", key, text, first,
                              second);
}

static an_err read_texts(images *s, const an_node *map, an_note *why)
{
    const char *path = NULL, *part = NULL, *parts = NULL, *tz = NULL;
    an_note inner = {{0}};
    an_err err;
    if ((err = an_option_text(an_images_options, map, "path", &path, why)) ||
        (err = an_option_text(an_images_options, map, "part", &part, why)) ||
        (err = an_option_text(an_images_options, map, "parts", &parts, why)) ||
        (err = an_option_text(an_images_options, map, "tz", &tz, why)))
        return err;
    if (strlen(path) >= AN_PATH_MAX || strlen(part) >= AN_PATH_MAX || strlen(parts) >= AN_PATH_MAX)
        return an_node_fail(map, why, "path, part or parts is too long");
    if (part[0] && !strstr(part, "{part}"))
        return an_node_fail(an_node_get(map, "part"), why, "part: there is no {part} in \"%s\"", part);
    memcpy(s->path, path, strlen(path) + 1);
    memcpy(s->part_pattern, part, strlen(part) + 1);
    memcpy(s->parts_file, parts, strlen(parts) + 1);
    err = strcmp(tz, "UTC") == 0 ? AN_OK : an_zone_open(tz, &s->zone, &inner);
    return err && err != AN_ERR_NOMEM ? an_node_fail(an_node_get(map, "tz"), why, "tz: %s", inner.text) : err;
}

an_err an_images_options_read(images *s, const an_node *map, an_note *why)
{
    an_err err = read_texts(s, map, why);
    if (err || (err = an_option_bool(an_images_options, map, "follow", &s->follow, why)) ||
        (err = an_option_bool(an_images_options, map, "settle", &s->settle, why)) ||
        (err = an_option_int(an_images_options, map, "poll_ms", &s->poll_ms, why)) ||
        (err = read_choice(map, "order", "name", "time", &s->by_time, why)) ||
        (err = read_choice(map, "time", "written", "name", &s->time_in_name, why)))
        return err;
    return an_picture_read(&s->picture, an_images_options, map, why);
}
