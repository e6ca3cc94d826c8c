/* What the configuration of a csv source says. */
#include <string.h>

#include "agent/sources/csv_internal.h"
#include "base/mem.h"
#include "doors/yaml.h"

const an_source_option an_csv_options[] = {
    {"path", AN_OPTION_TEXT, 0, 0, NULL, "a file, or a folder of files"},
    {"suffix", AN_OPTION_TEXT, 0, 0, ".csv", "in a folder: names end so; \"\" takes all"},
    {"follow", AN_OPTION_BOOL, 0, 1, "true", "wait for more at the end"},
    {"poll_ms", AN_OPTION_INT, 10, 3600000, "500", "how often to look for more"},
    {"delimiter", AN_OPTION_TEXT, 0, 0, "auto", "one character, tab, blank or auto"},
    {"header", AN_OPTION_TEXT, 0, 0, "auto", "auto, yes or no"},
    {"decimal_comma", AN_OPTION_BOOL, 0, 1, "false", "1,5 is one and a half"},
    {"time", AN_OPTION_TEXT, 0, 0, "auto", "time column; auto: the first with dates; none"},
    {"label", AN_OPTION_TEXT, 0, 0, "", "label column (0 or 1), for tests and reports"},
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

static an_err read_texts(csv *s, const an_node *map, an_note *why)
{
    const char *path = NULL, *suffix = NULL, *time = NULL, *label = NULL, *start = NULL;
    an_err err = an_node_need_text(map, "path", &path, why);
    if (!err)
        err = an_node_get_text(map, "suffix", ".csv", &suffix, why);
    if (!err)
        err = an_node_get_text(map, "time", "auto", &time, why);
    if (!err)
        err = an_node_get_text(map, "label", "", &label, why);
    if (!err)
        err = an_node_get_text(map, "start", "1970-01-01T00:00:00Z", &start, why);
    if (err)
        return err;
    if (strlen(path) >= AN_PATH_MAX || strlen(suffix) >= sizeof s->pattern)
        return an_node_fail(map, why, "path or suffix is too long");
    if (!an_time_parse(start, strlen(start), &s->start_ms))
        return an_node_fail(an_node_get(map, "start"), why, "start: \"%s\" is not a time", start);
    memcpy(s->path, path, strlen(path) + 1);
    memcpy(s->pattern, suffix, strlen(suffix) + 1);
    s->conf.time_column = strcmp(time, "none") == 0 || !time[0] ? NULL : keep(s, time);
    s->conf.label_column = label[0] ? keep(s, label) : NULL;
    return AN_OK;
}

an_err an_csv_options_read(csv *s, const an_node *map, an_note *why)
{
    an_table_conf_init(&s->conf);
    if (!(s->texts = an_alloc(texts_size(map), 1)))
        return AN_ERR_NOMEM;
    an_err err = read_texts(s, map, why);
    if (!err)
        err = an_node_get_bool(map, "follow", true, &s->follow, why);
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
    s->conf.columns = s->lists[0];
    s->conf.ignore = s->lists[1];
    return err;
}
