/* What each column is: names from the header, roles from the configuration and the first data line.  A later file may
 * have its columns elsewhere; they are found again by name. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "models/data/table.h"
#include "models/data/table_internal.h"

#define NAME_MAX_BYTES 128

/* Could it be a row of the file before?  A header holds neither numbers nor times; a row may hold words as well. */
bool an_table_is_row(const an_table_reader *r, size_t n)
{
    for (size_t i = 0; i < n && n == r->now->n; i++) {
        float v;
        int64_t ms;
        const an_field *f = &r->fields[i];
        if ((!r->bound || r->now->roles[i] >= 0 || r->now->roles[i] == ROLE_TIME) &&
            (an_field_number(f, false, &v) == AN_FIELD_NUMBER || an_time_parse(f->text, f->len, &ms)))
            return true;
    }
    return false;
}

void an_columns_done(an_columns *c)
{
    for (size_t i = 0; c->names && i < c->n; i++)
        an_free(c->names[i]);
    an_free(c->names);
    an_free(c->roles);
    *c = (an_columns){0};
}

bool an_table_is_header(const an_table_reader *r, size_t n)
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

/* names[i] from the header, or "c<i>". */
static an_err read_names(an_table_reader *r, an_columns *c, size_t n, bool header, an_note *why)
{
    c->names = an_alloc(n, sizeof *c->names);
    if (!c->names)
        return AN_ERR_NOMEM;
    c->n = n;
    for (size_t i = 0; i < n; i++) {
        char number[24];
        snprintf(number, sizeof number, "c%zu", i);
        const an_field *f = &r->fields[i];
        if (header && f->len > NAME_MAX_BYTES)
            return an_fail(AN_ERR_PROTO, why, "the name of column %zu is longer than %d bytes", i,
                           NAME_MAX_BYTES);
        c->names[i] = an_strdup(header && f->len > 0 ? f->text : number);
        if (!c->names[i])
            return AN_ERR_NOMEM;
        for (char *at = c->names[i]; *at; at++)
            if ((unsigned char)*at < 0x20 || *at == 0x7f)
                *at = '?';
        for (size_t j = 0; j < i; j++)
            if (strcmp(c->names[i], c->names[j]) == 0)
                return an_fail(AN_ERR_PROTO, why, "two columns are named \"%s\"", c->names[i]);
    }
    return AN_OK;
}

an_err an_table_set_names(an_table_reader *r, an_note *why)
{
    const size_t n = r->conf.n_names;
    r->first.names = an_alloc(n, sizeof *r->first.names);
    if (!r->first.names)
        return AN_ERR_NOMEM;
    r->first.n = n;
    r->has_header = true;
    for (size_t i = 0; i < n; i++) {
        if (!r->conf.names[i][0] || strlen(r->conf.names[i]) > NAME_MAX_BYTES)
            return an_fail(AN_ERR_INVAL, why, "the name of column %zu is empty or longer than %d bytes", i,
                           NAME_MAX_BYTES);
        for (size_t j = 0; j < i; j++)
            if (strcmp(r->conf.names[i], r->conf.names[j]) == 0)
                return an_fail(AN_ERR_INVAL, why, "two columns are named \"%s\"", r->conf.names[i]);
        if (!(r->first.names[i] = an_strdup(r->conf.names[i])))
            return AN_ERR_NOMEM;
    }
    return AN_OK;
}

an_err an_table_take_names(an_table_reader *r, size_t n, bool header)
{
    r->has_header = header;
    return r->dead = read_names(r, &r->first, n, header, &r->dead_why);
}

/* A column by name, or by number from 0.  first.n: no such column. */
static size_t find_column(const an_table_reader *r, const char *name)
{
    for (size_t i = 0; i < r->first.n; i++)
        if (strcmp(r->first.names[i], name) == 0)
            return i;
    size_t v = 0;
    for (const char *c = name; *c; c++) {
        if (*c < '0' || *c > '9' || v >= r->first.n)
            return r->first.n;
        v = v * 10 + (size_t)(*c - '0');
    }
    return *name && v < r->first.n ? v : r->first.n;
}

static an_err give_role(an_table_reader *r, const char *name, int role)
{
    size_t i = find_column(r, name);
    if (i == r->first.n)
        return an_fail(AN_ERR_PROTO, &r->dead_why,
                       "there is no column \"%s\" (the file has %zu columns; the first is \"%s\")", name,
                       r->first.n, r->first.names[0]);
    if (r->first.roles[i] >= 0)
        return an_fail(AN_ERR_PROTO, &r->dead_why, "column \"%s\" is asked for twice", name);
    r->first.roles[i] = role;
    return AN_OK;
}

static an_err find_time(an_table_reader *r)
{
    if (!r->conf.time_column)
        return AN_OK;
    if (strcmp(r->conf.time_column, "auto") != 0)
        return give_role(r, r->conf.time_column, ROLE_TIME);
    for (size_t i = 0; i < r->first.n; i++) {
        int64_t ms;
        float v;
        an_field *f = &r->fields[i];
        if (an_time_parse(f->text, f->len, &ms) && an_field_number(f, false, &v) == AN_FIELD_TEXT) {
            r->first.roles[i] = ROLE_TIME;
            break;
        }
    }
    return AN_OK;
}

static an_err choose_features(an_table_reader *r)
{
    enum { FREE = INT_MIN };
    for (size_t i = 0; i < r->first.n; i++)
        if (r->first.roles[i] == ROLE_IGNORED)
            r->first.roles[i] = FREE;
    for (size_t i = 0; i < r->conf.n_ignore; i++) {
        size_t c = find_column(r, r->conf.ignore[i]);
        if (c < r->first.n && r->first.roles[c] == FREE)
            r->first.roles[c] = ROLE_IGNORED;
    }
    an_err err = AN_OK;
    for (size_t i = 0; err == AN_OK && i < r->conf.n_columns; i++, r->width++)
        err = give_role(r, r->conf.columns[i], (int)r->width);
    for (size_t i = 0; i < r->first.n; i++)
        if (r->first.roles[i] == FREE)
            r->first.roles[i] = r->conf.n_columns > 0 ? ROLE_IGNORED : (int)r->width++;
    if (err == AN_OK && r->width == 0)
        err = an_fail(AN_ERR_PROTO, &r->dead_why, "no column is left to read");
    return err;
}

/* The column that says what the feature in column i is worth.  n: there is none. */
static size_t find_quality_of(const an_table_reader *r, const an_columns *c, size_t i)
{
    const size_t len = strlen(c->names[i]);
    for (size_t j = 0; r->conf.quality_suffix && j < c->n; j++)
        if (strncmp(c->names[j], c->names[i], len) == 0 &&
            strcmp(c->names[j] + len, r->conf.quality_suffix) == 0)
            return j;
    return c->n;
}

/* Columns that say what others are worth are no features. */
static void set_qualities_apart(an_table_reader *r)
{
    for (size_t i = 0; i < r->first.n; i++) {
        const size_t q = find_quality_of(r, &r->first, i);
        if (q < r->first.n && r->first.roles[q] == ROLE_IGNORED)
            r->first.roles[q] = ROLE_QUALITY_OF;
    }
}

static void give_qualities(const an_table_reader *r, an_columns *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const size_t q = c->roles[i] >= 0 ? find_quality_of(r, c, i) : c->n;
        if (q < c->n && c->roles[q] <= ROLE_QUALITY_OF)
            c->roles[q] = ROLE_QUALITY_OF - c->roles[i];
    }
}

static an_err give_roles(an_table_reader *r)
{
    an_err err = find_time(r);
    if (err == AN_OK && r->conf.label_column)
        err = give_role(r, r->conf.label_column, ROLE_LABEL);
    if (err == AN_OK && r->conf.part_column)
        err = give_role(r, r->conf.part_column, ROLE_PART);
    if (err == AN_OK && r->conf.quality_column)
        err = give_role(r, r->conf.quality_column, ROLE_QUALITY);
    if (err != AN_OK)
        return err;
    set_qualities_apart(r);
    return choose_features(r);
}

an_err an_table_bind(an_table_reader *r)
{
    const size_t n = r->first.n;
    r->first.roles = an_alloc(n, sizeof *r->first.roles);
    r->names = an_alloc(n, sizeof *r->names);
    r->values = an_alloc(n, sizeof *r->values);
    r->quality = an_alloc(n, sizeof *r->quality);
    r->absent = an_alloc(n, sizeof *r->absent);
    if (!r->first.roles || !r->names || !r->values || !r->quality || !r->absent)
        return r->dead = AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        r->first.roles[i] = ROLE_IGNORED;
    an_err err = give_roles(r);
    if (err != AN_OK) {
        r->width = 0;
        return r->dead = err;
    }
    for (size_t i = 0; i < n; i++)
        if (r->first.roles[i] >= 0)
            r->names[r->first.roles[i]] = r->first.names[i];
    give_qualities(r, &r->first);
    r->now = &r->first;
    r->bound = true;
    return AN_OK;
}

bool an_table_same_header(const an_table_reader *r, size_t n)
{
    bool same = n == r->first.n;
    for (size_t i = 0; same && i < n; i++)
        same = r->fields[i].len == 0 || strcmp(r->fields[i].text, r->first.names[i]) == 0;
    return same;
}

bool an_table_knows(const an_table_reader *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < r->first.n; j++)
            if (strcmp(r->fields[i].text, r->first.names[j]) == 0)
                return true;
    return false;
}

/* Roles by the names of the first file; what is new is ignored. */
static size_t find_again(const an_table_reader *r, an_columns *c, bool *ret_time)
{
    size_t found = 0;
    *ret_time = true;
    for (size_t j = 0; j < c->n; j++)
        c->roles[j] = ROLE_IGNORED;
    for (size_t i = 0; i < r->first.n; i++) {
        size_t j = 0;
        while (j < c->n && strcmp(c->names[j], r->first.names[i]) != 0)
            j++;
        if (j < c->n)
            c->roles[j] = r->first.roles[i];
        else if (r->first.roles[i] == ROLE_TIME)
            *ret_time = false;
        found += j < c->n && r->first.roles[i] >= 0;
    }
    return found;
}

an_err an_table_adopt(an_table_reader *r, size_t n, char why_text[static 96])
{
    an_columns c = {0};
    an_note note = {{0}};
    bool timed = false;
    an_err err = read_names(r, &c, n, true, &note);
    if (err == AN_OK && !(c.roles = an_alloc(n, sizeof *c.roles)))
        err = AN_ERR_NOMEM;
    if (err == AN_OK && find_again(r, &c, &timed) == 0)
        err = an_fail(AN_ERR_PROTO, &note, "the header names no column of the file before");
    else if (err == AN_OK && !timed)
        err = an_fail(AN_ERR_PROTO, &note, "the header lacks the column of the time");
    if (err != AN_OK) {
        an_columns_done(&c);
        snprintf(why_text, 96, "%.95s", note.text);
        return err;
    }
    memset(r->absent, 1, r->width);
    for (size_t j = 0; j < c.n; j++)
        if (c.roles[j] >= 0)
            r->absent[c.roles[j]] = 0;
    an_columns_done(&r->other);
    r->other = c;
    r->now = &r->other;
    r->stats.n_headers++;
    return AN_OK;
}
