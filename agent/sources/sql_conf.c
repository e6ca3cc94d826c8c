/* What the configuration of an sql source says. */
#include <string.h>

#include "agent/sources/sql_internal.h"
#include "base/mem.h"
#include "doors/yaml.h"
#ifdef AN_HAVE_PQ
#include "doors/pq.h"
#endif

const an_option an_sql_options[] = {
    {"database", AN_OPTION_TEXT, 0, 0, NULL, "sqlite or postgresql"},
    {"address", AN_OPTION_TEXT, 0, 0, NULL,
     "SQLite: the file.  PostgreSQL: host=... user=... dbname=...; the password is in the file of passfile=, "
     "or in "
     "PGPASSWORD"},
    {"plain", AN_OPTION_BOOL, 0, 1, "false",
     "PostgreSQL on another computer without sslmode=verify-full: whoever is between may read and answer"},
    {"query", AN_OPTION_TEXT, 0, 0, NULL, "a SELECT, without an end; or the name of a table"},
    {"time", AN_OPTION_TEXT, 0, 0, NULL, "its column of times"},
    {"bookmark", AN_OPTION_TEXT, 0, 0, "", "a column that rises with each row; the time if not given"},
    {"start", AN_OPTION_TEXT, 0, 0, "", "bookmark after which the first row is read; all rows if not given"},
    {"columns", AN_OPTION_LIST, 0, 0, "", "wide form: columns that are sensors"},
    {"tag", AN_OPTION_TEXT, 0, 0, "", "narrow form: column with the name of a tag"},
    {"value", AN_OPTION_TEXT, 0, 0, "value", "narrow form: column with its value"},
    {"quality", AN_OPTION_TEXT, 0, 0, "",
     "column that says what the value, or the row, is worth: Good, 192 ..."},
    {"tags", AN_OPTION_LIST, 0, 0, "", "narrow form: tags that are sensors"},
    {"part", AN_OPTION_TEXT, 0, 0, "", "column with the id of the part"},
    {"tz", AN_OPTION_TEXT, 0, 0, "UTC", "zone of times that name none: UTC, +01:00 or as Europe/Berlin"},
    {"follow", AN_OPTION_BOOL, 0, 1, "true", "wait for more at the end"},
    {"page", AN_OPTION_INT, 2, SQL_PAGE_MAX, "1000", "rows of one answer"},
    {"poll_ms", AN_OPTION_INT, 10, 3600000, "1000", "how often to ask when there was nothing"},
    {"timeout_ms", AN_OPTION_INT, 100, 600000, "10000", "a statement that takes longer is ended"},
    {"lag_ms", AN_OPTION_INT, 0, 86400000, "0",
     "rows younger than that are left for later: others may be written before them"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err read_name(const an_node *map, const char *key, char *ret, size_t size, an_note *why)
{
    const char *text = NULL;
    an_err err = an_option_text(an_sql_options, map, key, &text, why);
    if (err)
        return err;
    if (strlen(text) >= size)
        return an_node_fail(an_node_get(map, key), why, "%s: longer than %zu bytes", key, size - 1);
    memcpy(ret, text, strlen(text) + 1);
    return AN_OK;
}

static an_err read_sensors(sql_conf *c, const an_node *map, an_note *why)
{
    const bool wide = !c->tag[0];
    const an_node *list = an_node_get(map, wide ? "columns" : "tags");
    const size_t n = an_node_count(list);
    if (n == 0)
        return an_node_fail(map, why,
                            wide ? "columns: none are named (or tag and tags, for the narrow form)"
                                 : "tags: none are named");
    if (n > (wide ? SQL_NAMES_MAX : AN_SOURCE_WIDTH_MAX))
        return an_node_fail(list, why, "at most %d", wide ? SQL_NAMES_MAX : AN_SOURCE_WIDTH_MAX);
    if (!(c->names = an_alloc(n, sizeof *c->names)))
        return AN_ERR_NOMEM;
    c->width = n;
    for (size_t i = 0; i < n; i++) {
        const char *text;
        an_err err = an_node_text(an_node_at(list, i), &text, why);
        if (err)
            return err;
        if (!text[0] || strlen(text) >= AN_SOURCE_NAME_MAX)
            return an_node_fail(an_node_at(list, i), why, "a name is empty or too long");
        memcpy(c->names[i], text, strlen(text) + 1);
        for (size_t j = 0; j < i; j++)
            if (strcmp(c->names[i], c->names[j]) == 0)
                return an_node_fail(an_node_at(list, i), why, "\"%s\" is named twice", text);
    }
    return AN_OK;
}

static an_err read_database(sql_conf *c, const an_node *map, an_note *why)
{
    const char *name = NULL;
    an_err err = an_option_text(an_sql_options, map, "database", &name, why);
    if (err)
        return err;
    c->database = strcmp(name, "sqlite") == 0 ? &an_sql_sqlite : NULL;
#ifdef AN_HAVE_PQ
    if (strcmp(name, "postgresql") == 0) {
        an_pq_address a = {.password = false};
        bool plain = false;
        an_note inner = {{0}};
        c->database = &an_sql_postgresql;
        err = an_pq_check(c->address, &a, &inner);
        if (err == AN_ERR_NOMEM)
            return err;
        if (err)
            return an_node_fail(an_node_get(map, "address"), why, "address: %s", inner.text);
        if ((err = an_option_bool(an_sql_options, map, "plain", &plain, why)))
            return err;
        if (!a.local && !a.verified && !plain)
            return an_node_fail(
                an_node_get(map, "address"), why,
                "address: another computer needs sslmode=verify-full (and sslrootcert=), or plain: true");
        if (a.password)
            return an_node_fail(an_node_get(map, "address"), why,
                                "address: a password belongs into the file of passfile=, or into PGPASSWORD");
    }
#endif
    return c->database ? AN_OK
                       : an_node_fail(an_node_get(map, "database"), why,
                                      "database: \"%s\": there is none of that kind here", name);
}

an_err an_sql_conf_read(sql_conf *c, const an_node *map, an_note *why)
{
    const char *tz = NULL;
    an_note inner = {{0}};
    an_err err;
    if ((err = read_name(map, "address", c->address, sizeof c->address, why)) ||
        (err = read_name(map, "query", c->query, sizeof c->query, why)) ||
        (err = read_name(map, "time", c->time, sizeof c->time, why)) ||
        (err = read_name(map, "bookmark", c->bookmark, sizeof c->bookmark, why)) ||
        (err = read_name(map, "start", c->start, sizeof c->start, why)) ||
        (err = read_name(map, "tag", c->tag, sizeof c->tag, why)) ||
        (err = read_name(map, "value", c->value, sizeof c->value, why)) ||
        (err = read_name(map, "quality", c->quality, sizeof c->quality, why)) ||
        (err = read_name(map, "part", c->part, sizeof c->part, why)) ||
        (err = an_option_text(an_sql_options, map, "tz", &tz, why)) ||
        (err = an_option_bool(an_sql_options, map, "follow", &c->follow, why)) ||
        (err = an_option_int(an_sql_options, map, "page", &c->page, why)) ||
        (err = an_option_int(an_sql_options, map, "poll_ms", &c->poll_ms, why)) ||
        (err = an_option_int(an_sql_options, map, "timeout_ms", &c->patience_ms, why)) ||
        (err = an_option_int(an_sql_options, map, "lag_ms", &c->lag_ms, why)) ||
        (err = read_database(c, map, why)) || (err = read_sensors(c, map, why)))
        return err;
    if (!c->bookmark[0])
        memcpy(c->bookmark, c->time, sizeof c->bookmark);
    err = strcmp(tz, "UTC") == 0 ? AN_OK : an_zone_open(tz, &c->zone, &inner);
    return err && err != AN_ERR_NOMEM ? an_node_fail(an_node_get(map, "tz"), why, "tz: %s", inner.text) : err;
}

an_err an_sql_conf_address(sql_conf *c, const an_node *map, an_note *why)
{
    an_err err = read_name(map, "address", c->address, sizeof c->address, why);
    if (!err)
        err = an_option_int(an_sql_options, map, "timeout_ms", &c->patience_ms, why);
    return err ? err : read_database(c, map, why);
}

void an_sql_conf_done(sql_conf *c)
{
    an_free(c->names);
    an_zone_free(c->zone);
    c->names = NULL;
    c->zone = NULL;
}
