/* What a database has: its tables with their columns; with `query` and `tag`, the tags of a narrow table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/sources/sql_internal.h"
#include "base/buf.h"
#include "doors/yaml.h"

#define FINDS_MAX 4096

typedef struct browser {
    an_source_seen say;
    void *ctx;
    size_t n;
} browser;

static an_err tell(void *ctx, const char *const *cells, size_t n)
{
    browser *b = ctx;
    char tag[2 * AN_SOURCE_NAME_MAX + 2];
    const bool column = n == 3;
    if (!cells[0] || b->n++ >= FINDS_MAX)
        return AN_OK;
    snprintf(tag, sizeof tag, column ? "%.63s %.63s" : "%.63s", cells[0], column && cells[1] ? cells[1] : "");
    const an_source_find find = {
        .tag = tag, .unit = "", .kind = column ? (cells[2] ? cells[2] : "") : "tag", .value = NAN};
    b->say(b->ctx, &find);
    return AN_OK;
}

static void put_tags_query(an_buf *b, const char *table, const char *tag)
{
    const bool is_table = strcspn(table, " \t\r\n(") == strlen(table);
    an_buf_text(b, "SELECT DISTINCT CAST(q.\"");
    for (; *tag; tag++)
        an_buf_printf(b, *tag == '"' ? "\"\"" : "%c", *tag);
    an_buf_printf(b, "\" AS text) FROM %s%s%s q ORDER BY 1 LIMIT %d", is_table ? "" : "(", table,
                  is_table ? "" : ")", FINDS_MAX);
    an_buf_u8(b, 0);
}

an_err an_sql_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why)
{
    sql_conf c = {.database = NULL};
    browser b = {.say = say, .ctx = ctx};
    const char *table = "", *tag = "";
    void *link = NULL;
    an_buf text;
    an_buf_init(&text, 4 * SQL_TEXT_MAX);
    an_err err = an_sql_conf_address(&c, conf, why);
    if (!err)
        err = an_option_text(an_sql_options, conf, "tag", &tag, why);
    if (!err)
        err = an_option_text(an_sql_options, conf, "query", &table, why);
    if (!err)
        err = c.database->connect(c.address, c.patience_ms < for_ms ? c.patience_ms : for_ms, &link, why);
    if (!err && tag[0] && table[0]) {
        put_tags_query(&text, table, tag);
        if (!(err = an_buf_err(&text)))
            err = c.database->query(link, (const char *)text.data, NULL, tell, &b, 1, why);
    } else if (!err) {
        err = c.database->query(link, c.database->columns, NULL, tell, &b, 3, why);
    }
    if (link)
        c.database->close(link);
    an_buf_done(&text);
    return err;
}
