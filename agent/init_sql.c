/* Which table of a database is the line's, and which of its columns are what. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/init_internal.h"
#include "base/mem.h"

#define COLUMNS_MAX 2048

typedef enum role { ROLE_OTHER, ROLE_TIME, ROLE_KEY, ROLE_NUMBER, ROLE_TEXT } role;

typedef struct column {
    char table[AN_SOURCE_NAME_MAX], name[AN_SOURCE_NAME_MAX];
    role role;
} column;

typedef struct columns {
    column *all;
    size_t n;
} columns;

static bool is_one_of(const char *name, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(name, *words) == 0)
            return true;
    return false;
}

static bool holds_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strstr(text, *words))
            return true;
    return false;
}

static role role_of(const char *name, const char *type)
{
    static const char *const times[] = {"ts", "time", "timestamp", "datetime", "zeit", "t_stamp", NULL};
    static const char *const time_types[] = {"timestamp", "date", NULL};
    static const char *const numbers[] = {"int", "real", "float", "double", "num", "dec", "bool", NULL};
    static const char *const texts[] = {"char", "text", "clob", "uuid", NULL};
    if (is_one_of(name, times) || holds_one_of(type, time_types))
        return ROLE_TIME;
    if (strstr(type, " key") && strstr(type, "int"))
        return ROLE_KEY;
    return holds_one_of(type, numbers)           ? ROLE_NUMBER
           : holds_one_of(type, texts) || !*type ? ROLE_TEXT
                                                 : ROLE_OTHER;
}

static void see_column(void *ctx, const an_source_find *find)
{
    columns *c = ctx;
    const char *space = strrchr(find->tag, ' ');
    if (!space || c->n == COLUMNS_MAX || (size_t)(space - find->tag) >= AN_SOURCE_NAME_MAX)
        return;
    column *x = &c->all[c->n++];
    snprintf(x->table, sizeof x->table, "%.*s", (int)(space - find->tag), find->tag);
    snprintf(x->name, sizeof x->name, "%s", space + 1);
    x->role = role_of(x->name, find->kind);
}

static void see_tag(void *ctx, const an_source_find *find)
{
    init *w = ctx;
    init_tag *t = init_tag_add(w, find->tag);
    if (t)
        snprintf(t->name, sizeof t->name, "%.63s", find->tag);
}

static an_err browse(init *w, an_source_seen see, void *ctx, an_note *why)
{
    an_yaml *doc = NULL;
    an_err err = init_doc(w, false, &doc, why);
    if (!err)
        err = w->type->browse(an_yaml_root(doc), w->opts->for_ms, see, ctx, why);
    an_yaml_free(doc);
    return err;
}

static const column *find_role(const columns *c, const char *table, role r)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->all[i].role == r && strcmp(c->all[i].table, table) == 0)
            return &c->all[i];
    return NULL;
}

static size_t count_role(const columns *c, const char *table, role r)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->all[i].role == r && strcmp(c->all[i].table, table) == 0;
    return n;
}

/* The table with a time that has the most numbers. */
static const char *best_table(const columns *c)
{
    const char *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < c->n; i++) {
        const char *table = c->all[i].table;
        const size_t n = count_role(c, table, ROLE_NUMBER);
        if (n > most && find_role(c, table, ROLE_TIME)) {
            most = n;
            best = table;
        }
    }
    return best;
}

static void set_text(init *w, const char *key, const char *text, const char *note)
{
    char quoted[INIT_VALUE_MAX];
    init_quote(quoted, sizeof quoted, text);
    init_set(w, key, quoted, note);
}

/* One column of numbers beside one of texts: each row is the value of a tag. */
static an_err find_narrow(init *w, const columns *c, const char *table, bool *ret, an_note *why)
{
    static const char *const names[] = {"tag",    "tagname", "tag_name", "sensor",
                                        "signal", "name",    "point",    NULL};
    const column *tag = NULL, *value = find_role(c, table, ROLE_NUMBER);
    for (size_t i = 0; i < c->n && !tag; i++)
        if (c->all[i].role == ROLE_TEXT && strcmp(c->all[i].table, table) == 0 &&
            is_one_of(c->all[i].name, names))
            tag = &c->all[i];
    if (!tag || !value || count_role(c, table, ROLE_NUMBER) > 2)
        return AN_OK;
    for (size_t i = 0; i < c->n; i++) /* beside a code of quality */
        if (strcmp(c->all[i].table, table) == 0 && strncasecmp(c->all[i].name, "val", 3) == 0)
            value = &c->all[i];
    *ret = true;
    set_text(w, "tag", tag->name, "each row is the value of one tag");
    set_text(w, "value", value->name, "");
    return browse(w, see_tag, w, why);
}

static void find_wide(init *w, const columns *c, const char *table)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->all[i].role == ROLE_NUMBER && strcmp(c->all[i].table, table) == 0) {
            init_tag *t = init_tag_add(w, c->all[i].name);
            if (t)
                snprintf(t->name, sizeof t->name, "%s", c->all[i].name);
        }
}

/* The table that a person names, by --set query= or an answer. */
static an_err choose_table(init *w, const columns *c, char table[static AN_SOURCE_NAME_MAX], an_note *why)
{
    const init_option *given = init_get(w, "query");
    const char *best = best_table(c);
    if (given) {
        snprintf(table, AN_SOURCE_NAME_MAX, "%.63s", given->value);
        return AN_OK;
    }
    if (!best)
        return an_fail(AN_ERR_NOTFOUND, why, "no table has a time and a number (%zu columns were seen)",
                       c->n);
    for (size_t i = 0; i < c->n && w->opts->in; i++)
        if (i == 0 || strcmp(c->all[i].table, c->all[i - 1].table) != 0)
            fprintf(w->opts->say, "  table %s: %zu columns of numbers\n", c->all[i].table,
                    count_role(c, c->all[i].table, ROLE_NUMBER));
    return init_ask(w, "which table", "set query=TABLE", best, table, AN_SOURCE_NAME_MAX, why);
}

static an_err choose(init *w, const columns *c, an_note *why)
{
    char table[AN_SOURCE_NAME_MAX] = "";
    bool narrow = false;
    an_err err = choose_table(w, c, table, why);
    const column *time = err ? NULL : find_role(c, table, ROLE_TIME),
                 *key = err ? NULL : find_role(c, table, ROLE_KEY);
    if (!err && !time)
        err = an_fail(AN_ERR_NOTFOUND, why,
                      "\"%s\" is no table with a column of times: name time and columns, too", table);
    if (err)
        return err;
    set_text(w, "query", table, "or a SELECT, such as of one line alone");
    set_text(w, "time", time->name, "");
    if (key)
        set_text(w, "bookmark", key->name, "rises with each row, so that none is read twice");
    init_set(w, "skew", "0", "times of a history are not those of the clock");
    err = find_narrow(w, c, table, &narrow, why);
    if (!err && !narrow)
        find_wide(w, c, table);
    return err;
}

an_err init_sql_find(init *w, an_note *why)
{
    columns c = {.n = 0};
    if (!an_file_exists(w->where) && !strchr(w->where, '=') && !strstr(w->where, "://"))
        return an_fail(AN_ERR_NOTFOUND, why,
                       "%.200s: no such file, and no address of PostgreSQL (host=... user=... dbname=...)",
                       w->where);
    set_text(w, "address", w->where, "");
    init_set(w, "database", an_file_exists(w->where) ? "sqlite" : "postgresql", "");
    if (init_get(w, "columns") || init_get(w, "tag")) { /* they know better */
        init_set(w, "skew", "0", "times of a history are not those of the clock");
        return init_get(w, "tag") && !init_get(w, "tags") ? browse(w, see_tag, w, why) : AN_OK;
    }
    c.all = an_alloc(COLUMNS_MAX, sizeof *c.all);
    an_err err = c.all ? browse(w, see_column, &c, why) : AN_ERR_NOMEM;
    if (!err)
        err = choose(w, &c, why);
    an_free(c.all);
    return err;
}
