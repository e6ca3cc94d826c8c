/* Bytes into rows.
 *
 *     feed -> [waiting bytes] -> line -> fields -> (header?) -> roles -> row
 *
 * The first line that is not empty decides the delimiter and whether there is a header; the
 * first data line decides which column holds the time ("auto").  From then on every line has
 * the same number of fields, or it is a bad line. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "models/data/table.h"
#include "models/data/table_internal.h"

#define WAITING_MAX (4u << 20)
#define NAME_MAX_BYTES 128

enum { ROLE_IGNORED = -1, ROLE_TIME = -2, ROLE_LABEL = -3 }; /* from 0 on: a feature's slot */

struct an_table_reader {
    an_table_conf conf;
    char *data; /* waiting bytes: data[at .. len) */
    size_t cap, len, at, scanned;
    bool ended, skipping, started, bound;
    an_err dead; /* the file as a whole cannot be read */
    an_note dead_why;
    char delimiter;
    uint64_t line;
    an_field *fields;
    size_t fields_cap;
    size_t n_fields; /* of a good line; 0: not known yet */
    bool has_header;
    char **all_names;   /* (n_fields) */
    int *roles;         /* (n_fields) */
    const char **names; /* (width) borrowed from all_names */
    float *values;      /* (width) */
    size_t width;
    an_table_stats stats;
};

void an_table_conf_init(an_table_conf *conf)
{
    *conf = (an_table_conf){.time_column = "auto"};
}

an_err an_table_reader_new(const an_table_conf *conf, an_table_reader **ret, an_note *why)
{
    if (conf->delimiter &&
        (strchr("\"\r\n.+-", conf->delimiter) || (conf->delimiter >= '0' && conf->delimiter <= '9')))
        return an_fail(AN_ERR_INVAL, why, "this character cannot be a delimiter");
    if (conf->decimal_comma && conf->delimiter == ',')
        return an_fail(AN_ERR_INVAL, why, "a comma cannot be both delimiter and decimal sign");
    an_table_reader *r = an_alloc(1, sizeof *r);
    if (!r)
        return AN_ERR_NOMEM;
    r->conf = *conf;
    *ret = r;
    return AN_OK;
}

void an_table_reader_free(an_table_reader *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->all_names && i < r->n_fields; i++)
        an_free(r->all_names[i]);
    an_free(r->all_names);
    an_free(r->roles);
    an_free(r->names);
    an_free(r->values);
    an_free(r->fields);
    an_free(r->data);
    an_free(r);
}

an_err an_table_feed(an_table_reader *r, const void *bytes, size_t len)
{
    if (len > WAITING_MAX || r->len - r->at > WAITING_MAX - len)
        return AN_ERR_LIMIT;
    if (r->at > 0) {
        memmove(r->data, r->data + r->at, r->len - r->at);
        r->len -= r->at;
        r->scanned -= r->at;
        r->at = 0;
    }
    /* One more byte, so that a last line can be terminated. */
    if (!an_grow(&r->data, &r->cap, r->len + len + 1, 1))
        return AN_ERR_NOMEM;
    if (len > 0)
        memcpy(r->data + r->len, bytes, len);
    r->len += len;
    return AN_OK;
}

void an_table_end(an_table_reader *r)
{
    r->ended = true;
}

void an_table_rotate(an_table_reader *r)
{
    r->at = r->len = r->scanned = 0;
    r->line = 0;
    r->ended = r->skipping = r->started = false;
}

size_t an_table_width(const an_table_reader *r)
{
    return r->width;
}

const char *const *an_table_names(const an_table_reader *r)
{
    return r->names;
}

const an_table_stats *an_table_stats_get(const an_table_reader *r)
{
    return &r->stats;
}

static void bad_line(an_table_reader *r, const char *why)
{
    r->stats.n_bad++;
    if (r->stats.n_kept == AN_TABLE_BAD_KEPT)
        return;
    an_table_bad *b = &r->stats.bad[r->stats.n_kept++];
    b->line = r->line;
    snprintf(b->why, sizeof b->why, "%s", why);
}

/* The next complete line, terminated, without its end of line.  NULL: none yet. */
static char *next_line(an_table_reader *r, size_t *ret_len)
{
    for (;;) {
        if (r->at == r->len)
            return NULL;
        char *end = memchr(r->data + r->scanned, '\n', r->len - r->scanned);
        size_t have = (end ? (size_t)(end - r->data) : r->len) - r->at;
        bool whole = end || r->ended;
        if (!whole && have <= AN_TABLE_LINE_MAX) {
            r->scanned = r->len;
            return NULL;
        }
        char *line = r->data + r->at;
        r->at += have + (end ? 1 : 0);
        r->scanned = r->at;
        bool skip = r->skipping || have > AN_TABLE_LINE_MAX;
        if (!r->skipping && skip) {
            r->line++;
            r->stats.n_lines++;
            bad_line(r, "it is longer than 1 MiB");
        }
        r->skipping = skip && !whole;
        if (skip)
            continue;
        r->line++;
        r->stats.n_lines++;
        if (have > 0 && line[have - 1] == '\r')
            have--;
        line[have] = '\0';
        *ret_len = have;
        return line;
    }
}

static bool is_header(const an_table_reader *r, size_t n)
{
    if (r->conf.header != AN_TABLE_HEADER_AUTO)
        return r->conf.header == AN_TABLE_HEADER_YES;
    for (size_t i = 0; i < n; i++) {
        float v;
        int64_t ms;
        if (an_field_number(&r->fields[i], r->conf.decimal_comma, &v) == AN_FIELD_TEXT &&
            !an_time_parse(r->fields[i].text, r->fields[i].len, &ms))
            return true;
    }
    return false;
}

static an_err kill_reader(an_table_reader *r, an_err err)
{
    r->dead = err;
    return err;
}

/* names[i] from the header, or "c<i>". */
static an_err take_names(an_table_reader *r, size_t n, bool header)
{
    r->all_names = an_alloc(n, sizeof *r->all_names);
    if (!r->all_names)
        return kill_reader(r, AN_ERR_NOMEM);
    r->n_fields = n;
    for (size_t i = 0; i < n; i++) {
        char number[24];
        snprintf(number, sizeof number, "c%zu", i);
        const an_field *f = &r->fields[i];
        if (header && f->len > NAME_MAX_BYTES)
            return kill_reader(r,
                               an_fail(AN_ERR_PROTO, &r->dead_why,
                                       "the name of column %zu is longer than %d bytes", i, NAME_MAX_BYTES));
        r->all_names[i] = an_strdup(header && f->len > 0 ? f->text : number);
        if (!r->all_names[i])
            return kill_reader(r, AN_ERR_NOMEM);
        for (char *c = r->all_names[i]; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
        for (size_t j = 0; j < i; j++)
            if (strcmp(r->all_names[i], r->all_names[j]) == 0)
                return kill_reader(
                    r, an_fail(AN_ERR_PROTO, &r->dead_why, "two columns are named \"%s\"", r->all_names[i]));
    }
    r->has_header = header;
    return AN_OK;
}

/* A column by name, or by number from 0.  n_fields: no such column. */
static size_t find_column(const an_table_reader *r, const char *name)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (strcmp(r->all_names[i], name) == 0)
            return i;
    size_t v = 0;
    for (const char *c = name; *c; c++) {
        if (*c < '0' || *c > '9' || v >= r->n_fields)
            return r->n_fields;
        v = v * 10 + (size_t)(*c - '0');
    }
    return *name && v < r->n_fields ? v : r->n_fields;
}

static an_err give_role(an_table_reader *r, const char *name, int role)
{
    size_t i = find_column(r, name);
    if (i == r->n_fields)
        return an_fail(AN_ERR_PROTO, &r->dead_why,
                       "there is no column \"%s\" (the file has %zu columns; the first is \"%s\")", name,
                       r->n_fields, r->all_names[0]);
    if (r->roles[i] >= 0)
        return an_fail(AN_ERR_PROTO, &r->dead_why, "column \"%s\" is asked for twice", name);
    r->roles[i] = role;
    return AN_OK;
}

static an_err find_time(an_table_reader *r)
{
    if (!r->conf.time_column)
        return AN_OK;
    if (strcmp(r->conf.time_column, "auto") != 0)
        return give_role(r, r->conf.time_column, ROLE_TIME);
    for (size_t i = 0; i < r->n_fields; i++) {
        int64_t ms;
        float v;
        an_field *f = &r->fields[i];
        if (an_time_parse(f->text, f->len, &ms) && an_field_number(f, false, &v) == AN_FIELD_TEXT) {
            r->roles[i] = ROLE_TIME;
            break;
        }
    }
    return AN_OK;
}

static an_err choose_features(an_table_reader *r)
{
    enum { FREE = -4 };
    for (size_t i = 0; i < r->n_fields; i++)
        if (r->roles[i] == ROLE_IGNORED)
            r->roles[i] = FREE;
    for (size_t i = 0; i < r->conf.n_ignore; i++) {
        size_t c = find_column(r, r->conf.ignore[i]);
        if (c < r->n_fields && r->roles[c] == FREE)
            r->roles[c] = ROLE_IGNORED;
    }
    an_err err = AN_OK;
    for (size_t i = 0; err == AN_OK && i < r->conf.n_columns; i++, r->width++)
        err = give_role(r, r->conf.columns[i], (int)r->width);
    for (size_t i = 0; i < r->n_fields; i++)
        if (r->roles[i] == FREE)
            r->roles[i] = r->conf.n_columns > 0 ? ROLE_IGNORED : (int)r->width++;
    if (err == AN_OK && r->width == 0)
        err = an_fail(AN_ERR_PROTO, &r->dead_why, "no column is left to read");
    return err;
}

/* Fixes the role of every column; r->fields holds the first data line. */
static an_err bind_columns(an_table_reader *r)
{
    r->roles = an_alloc(r->n_fields, sizeof *r->roles);
    r->names = an_alloc(r->n_fields, sizeof *r->names);
    r->values = an_alloc(r->n_fields, sizeof *r->values);
    if (!r->roles || !r->names || !r->values)
        return kill_reader(r, AN_ERR_NOMEM);
    for (size_t i = 0; i < r->n_fields; i++)
        r->roles[i] = ROLE_IGNORED;
    an_err err = find_time(r);
    if (err == AN_OK && r->conf.label_column)
        err = give_role(r, r->conf.label_column, ROLE_LABEL);
    if (err == AN_OK)
        err = choose_features(r);
    if (err != AN_OK) {
        r->width = 0;
        return kill_reader(r, err);
    }
    for (size_t i = 0; i < r->n_fields; i++)
        if (r->roles[i] >= 0)
            r->names[r->roles[i]] = r->all_names[i];
    r->bound = true;
    return AN_OK;
}

/* The first line of a file.  *ret_is_data: it is not a header. */
static an_err first_line(an_table_reader *r, size_t n, bool *ret_is_data)
{
    r->started = true;
    if (!r->all_names) {
        bool header = is_header(r, n);
        *ret_is_data = !header;
        return take_names(r, n, header);
    }
    *ret_is_data = !r->has_header;
    if (!r->has_header)
        return AN_OK;
    bool same = n == r->n_fields;
    for (size_t i = 0; same && i < n; i++)
        same = r->fields[i].len == 0 || strcmp(r->fields[i].text, r->all_names[i]) == 0;
    return same ? AN_OK
                : kill_reader(
                      r, an_fail(AN_ERR_PROTO, &r->dead_why, "the header is not that of the file before"));
}

static bool fill_row(an_table_reader *r, an_table_row *row)
{
    char why[96];
    size_t missing = 0;
    *row = (an_table_row){.line = r->line, .time_ms = AN_TIME_NONE, .label = NAN, .values = r->values};
    for (size_t i = 0; i < r->n_fields; i++) {
        an_field *f = &r->fields[i];
        int role = r->roles[i];
        if (role == ROLE_IGNORED)
            continue;
        if (role == ROLE_TIME) {
            if (an_time_parse(f->text, f->len, &row->time_ms))
                continue;
            snprintf(why, sizeof why, "column \"%.40s\" holds no time", r->all_names[i]);
            bad_line(r, why);
            return false;
        }
        float v;
        an_field_kind kind = an_field_number(f, r->conf.decimal_comma, &v);
        if (kind == AN_FIELD_TEXT) {
            snprintf(why, sizeof why, "column \"%.40s\" holds no number", r->all_names[i]);
            bad_line(r, why);
            return false;
        }
        if (role == ROLE_LABEL) {
            row->label = v;
        } else {
            r->values[role] = v;
            missing += kind == AN_FIELD_MISSING;
        }
    }
    r->stats.n_rows++;
    r->stats.n_missing += missing;
    return true;
}

/* Cuts a line into r->fields.  0: an empty or a bad line. */
static an_err split_line(an_table_reader *r, char *line, size_t len, size_t *ret_n)
{
    *ret_n = 0;
    if (r->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3; /* a byte order mark */
        len -= 3;
    }
    if (strspn(line, " \t") == len)
        return AN_OK;
    if (!r->delimiter)
        r->delimiter = r->conf.delimiter ? r->conf.delimiter : an_fields_delimiter(line, len);
    if (!r->fields) {
        /* A line's fields are bounded by its delimiters; what is usual is far below the
         * maximum. */
        if (!an_grow(&r->fields, &r->fields_cap, AN_TABLE_COLUMNS_MAX, sizeof *r->fields))
            return AN_ERR_NOMEM;
    }
    const char *why = NULL;
    *ret_n = an_fields_split(line, len, r->delimiter, r->fields, AN_TABLE_COLUMNS_MAX, &why);
    if (*ret_n == 0)
        bad_line(r, why);
    return AN_OK;
}

an_err an_table_next(an_table_reader *r, an_table_row *ret_row, an_note *why)
{
    an_err err = AN_OK;
    while (r->dead == AN_OK) {
        size_t len, n;
        char *line = next_line(r, &len);
        if (!line)
            return AN_ERR_AGAIN;
        err = split_line(r, line, len, &n);
        if (err != AN_OK) {
            (void)kill_reader(r, err);
            break;
        }
        if (n == 0)
            continue;
        bool is_data = true;
        if (!r->started && (first_line(r, n, &is_data) != AN_OK || !is_data))
            continue;
        if (n != r->n_fields) {
            char text[96];
            snprintf(text, sizeof text, "it has %zu fields, not %zu", n, r->n_fields);
            bad_line(r, text);
            continue;
        }
        if (!r->bound && bind_columns(r) != AN_OK)
            continue;
        if (fill_row(r, ret_row))
            return AN_OK;
    }
    an_note_set(why, "%s", r->dead_why.text[0] ? r->dead_why.text : an_err_text(r->dead));
    return r->dead;
}
