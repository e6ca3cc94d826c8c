/* What the configuration of a csv source says. */
#include <string.h>

#include "agent/sources/csv_internal.h"
#include "base/mem.h"
#include "doors/yaml.h"

const an_source_option an_csv_options[] = {
    {"path", AN_OPTION_TEXT, 0, 0, NULL, "a file, or a folder of files"},
    {"suffix", AN_OPTION_TEXT, 0, 0, ".csv", "in a folder: names end so; \"\" takes all that is not packed"},
    {"follow", AN_OPTION_BOOL, 0, 1, "true", "wait for more at the end"},
    {"poll_ms", AN_OPTION_INT, 10, 3600000, "500", "how often to look for more"},
    {"delimiter", AN_OPTION_TEXT, 0, 0, "auto", "one character, tab, blank or auto"},
    {"header", AN_OPTION_TEXT, 0, 0, "auto", "auto, yes or no"},
    {"decimal_comma", AN_OPTION_BOOL, 0, 1, "false", "1,5 is one and a half"},
    {"time", AN_OPTION_TEXT, 0, 0, "auto", "time column; auto: the first with dates; none"},
    {"label", AN_OPTION_TEXT, 0, 0, "", "label column (0 or 1), for tests and reports"},
    {"tz", AN_OPTION_TEXT, 0, 0, "UTC", "zone of times that name none: UTC, +01:00 or as Europe/Berlin"},
    {"part", AN_OPTION_TEXT, 0, 0, "", "column with the id of the part"},
    {"quality", AN_OPTION_TEXT, 0, 0, "", "column that says what the row is worth: Good, Bad, 192 ..."},
    {"quality_suffix", AN_OPTION_TEXT, 0, 0, "", "\"_q\": column flow_q says what flow is worth"},
    {"good", AN_OPTION_TEXT, 0, 0, "", "one more word of quality columns that means good"},
    {"names", AN_OPTION_LIST, 0, 0, "", "names of all columns, for files that may lack a header"},
    {"columns", AN_OPTION_LIST, 0, 0, "", "only these columns, in this order"},
    {"ignore", AN_OPTION_LIST, 0, 0, "", "columns to leave out"},
    {"start", AN_OPTION_TEXT, 0, 0, "1970-01-01T00:00:00Z",
     "time of the first row if there is no time column"},
    {"step_ms", AN_OPTION_INT, 1, 86400000, "1000", "time between two rows if there is no time column"},
    {"gap_ms", AN_OPTION_INT, 0, 86400000, "0", "a longer gap in time begins a new stretch; 0: never"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static const char *keep(csv *s, const char *text)
{
    char *at = s->texts + s->texts_len;
    size_t len = strlen(text) + 1;
    memcpy(at, text, len);
    s->texts_len += len;
    return at;
}

static an_err read_list(csv *s, const an_node *list, const char ***ret, size_t *ret_n, an_note *why)
{
    const size_t n = an_node_count(list);
    const char *text;
    if (n == 0)
        return AN_OK;
    const char **items = an_alloc(n, sizeof *items);
    if (!items)
        return AN_ERR_NOMEM;
    *ret = items;
    for (size_t i = 0; i < n; i++) {
        an_err err = an_node_text(an_node_at(list, i), &text, why);
        if (err)
            return err;
        items[i] = keep(s, text);
    }
    *ret_n = n;
    return AN_OK;
}

/* Bytes of all the texts in the mapping, so that they are copied into one block. */
static size_t texts_size(const an_node *map)
{
    size_t bytes = 64;
    const char *text;
    for (size_t i = 0; i < an_node_count(map); i++) {
        const an_node *v = an_node_value(map, i);
        if (an_node_kind(v) == AN_YAML_SCALAR && !an_node_text(v, &text, NULL))
            bytes += strlen(text) + 1;
        for (size_t j = 0; j < an_node_count(v); j++)
            if (!an_node_text(an_node_at(v, j), &text, NULL))
                bytes += strlen(text) + 1;
    }
    return bytes;
}

static an_err read_delimiter(csv *s, const an_node *map, an_note *why)
{
    const char *text;
    an_err err = an_node_get_text(map, "delimiter", "auto", &text, why);
    if (err)
        return err;
    if (strcmp(text, "auto") == 0)
        s->conf.delimiter = 0;
    else if (strcmp(text, "tab") == 0)
        s->conf.delimiter = '\t';
    else if (strcmp(text, "blank") == 0)
        s->conf.delimiter = ' ';
    else if (strlen(text) == 1)
        s->conf.delimiter = text[0];
    else
        return an_node_fail(an_node_get(map, "delimiter"), why,
                            "delimiter: \"%s\": must be one character, tab, blank or auto", text);
    return AN_OK;
}

static an_err read_header(csv *s, const an_node *map, an_note *why)
{
    const an_node *node = an_node_get(map, "header");
    const char *text;
    an_err err = an_node_get_text(map, "header", "auto", &text, why);
    if (err)
        return err;
    if (strcmp(text, "auto") == 0)
        s->conf.header = AN_TABLE_HEADER_AUTO;
    else if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)
        s->conf.header = AN_TABLE_HEADER_YES;
    else if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0)
        s->conf.header = AN_TABLE_HEADER_NO;
    else
        return an_node_fail(node, why, "header: \"%s\": must be auto, yes or no", text);
    return AN_OK;
}

static an_err read_zone(csv *s, const an_node *map, an_note *why)
{
    const char *tz = NULL;
    an_note inner = {{0}};
    an_err err = an_node_get_text(map, "tz", "UTC", &tz, why);
    if (err || strcmp(tz, "UTC") == 0)
        return err;
    err = an_zone_open(tz, &s->zone, &inner);
    s->conf.zone = s->zone;
    return err == AN_OK || err == AN_ERR_NOMEM
               ? err
               : an_node_fail(an_node_get(map, "tz"), why, "tz: %s", inner.text);
}

/* An optional text that is borrowed by the reader; NULL: not set. */
static an_err read_name(csv *s, const an_node *map, const char *key, const char **ret, an_note *why)
{
    const char *text = NULL;
    an_err err = an_node_get_text(map, key, "", &text, why);
    *ret = !err && text[0] ? keep(s, text) : NULL;
    return err;
}

static an_err read_names(csv *s, const an_node *map, an_note *why)
{
    const char *time = NULL;
    an_err err = an_node_get_text(map, "time", "auto", &time, why);
    if (err)
        return err;
    s->conf.time_column = strcmp(time, "none") == 0 || !time[0] ? NULL : keep(s, time);
    if (!(err = read_name(s, map, "label", &s->conf.label_column, why)) &&
        !(err = read_name(s, map, "part", &s->conf.part_column, why)) &&
        !(err = read_name(s, map, "quality", &s->conf.quality_column, why)) &&
        !(err = read_name(s, map, "quality_suffix", &s->conf.quality_suffix, why)))
        err = read_name(s, map, "good", &s->conf.good_word, why);
    return err;
}

static an_err read_texts(csv *s, const an_node *map, an_note *why)
{
    const char *path = NULL, *suffix = NULL, *start = NULL;
    an_err err = an_node_need_text(map, "path", &path, why);
    if (!err)
        err = an_node_get_text(map, "suffix", ".csv", &suffix, why);
    if (!err)
        err = an_node_get_text(map, "start", "1970-01-01T00:00:00Z", &start, why);
    if (err)
        return err;
    if (strlen(path) >= AN_PATH_MAX || strlen(suffix) >= sizeof s->from.suffix)
        return an_node_fail(map, why, "path or suffix is too long");
    if (!an_time_parse(start, strlen(start), &s->start_ms))
        return an_node_fail(an_node_get(map, "start"), why, "start: \"%s\" is not a time", start);
    memcpy(s->from.path, path, strlen(path) + 1);
    memcpy(s->from.suffix, suffix, strlen(suffix) + 1);
    return AN_OK;
}

an_err an_csv_options_read(csv *s, const an_node *map, an_note *why)
{
    an_table_conf_init(&s->conf);
    if (!(s->texts = an_alloc(texts_size(map), 1)))
        return AN_ERR_NOMEM;
    s->conf.tolerant = true;
    an_err err = read_texts(s, map, why);
    if (!err)
        err = read_names(s, map, why);
    if (!err)
        err = read_zone(s, map, why);
    if (!err)
        err = an_node_get_bool(map, "follow", true, &s->from.follow, why);
    if (!err)
        err = an_node_get_bool(map, "decimal_comma", false, &s->conf.decimal_comma, why);
    if (!err)
        err = an_node_get_int(map, "poll_ms", 10, 3600000, 500, &s->poll_ms, why);
    if (!err)
        err = an_node_get_int(map, "step_ms", 1, 86400000, 1000, &s->step_ms, why);
    if (!err)
        err = an_node_get_int(map, "gap_ms", 0, 86400000, 0, &s->gap_ms, why);
    if (!err)
        err = read_delimiter(s, map, why);
    if (!err)
        err = read_header(s, map, why);
    if (!err)
        err = read_list(s, an_node_get(map, "columns"), &s->lists[0], &s->conf.n_columns, why);
    if (!err)
        err = read_list(s, an_node_get(map, "ignore"), &s->lists[1], &s->conf.n_ignore, why);
    if (!err)
        err = read_list(s, an_node_get(map, "names"), &s->lists[2], &s->conf.n_names, why);
    s->conf.names = s->lists[2];
    s->conf.columns = s->lists[0];
    s->conf.ignore = s->lists[1];
    return err;
}
