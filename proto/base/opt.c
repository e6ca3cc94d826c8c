#include "base/opt.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define EXACT_MAX 9007199254740992.0 /* 2^53: integers up to here survive a double */

/* ---- parsers ---- */

bool an_parse_int(const char *text, int64_t *ret)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    long long v = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *ret = v;
    return true;
}

bool an_parse_num(const char *text, double *ret)
{
    /* Keeps out blanks, hexadecimal, "inf" and "nan", which strtod would take. */
    if (*text == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    char *end;
    double v = strtod(text, &end);
    if (*end != '\0' || !isfinite(v))
        return false;
    *ret = v;
    return true;
}

typedef struct unit {
    const char *name;
    double factor;
} unit;

static bool parse_with_unit(const char *text, const unit *units, size_t n, int64_t *ret)
{
    char number[32];
    size_t len = strspn(text, "0123456789.");
    if (len == 0 || len >= sizeof number)
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    const char *name = text + len;
    name += *name == ' ';
    double v;
    if (!an_parse_num(number, &v))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(units[i].name, name) != 0)
            continue;
        v *= units[i].factor;
        if (v > EXACT_MAX)
            return false;
        *ret = (int64_t)floor(v + 0.5);
        return true;
    }
    return false;
}

bool an_parse_ms(const char *text, int64_t *ret)
{
    static const unit units[] = {{"", 1},      {"ms", 1},    {"s", 1e3},   {"m", 6e4},
                                 {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
    return parse_with_unit(text, units, sizeof units / sizeof units[0], ret);
}

bool an_parse_bytes(const char *text, int64_t *ret)
{
    const double k = 1024, m = k * k, g = m * k, t = g * k;
    const unit units[] = {{"", 1},    {"B", 1}, {"k", k},   {"K", k}, {"KiB", k}, {"M", m},
                          {"MiB", m}, {"G", g}, {"GiB", g}, {"T", t}, {"TiB", t}};
    return parse_with_unit(text, units, sizeof units / sizeof units[0], ret);
}

static bool parse_bool(const char *text, bool *ret)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

/* ---- rows ---- */

static void *field_of(const an_opt *row, void *conf)
{
    return (unsigned char *)conf + row->offset;
}

static const char *type_text(an_opt_type type)
{
    switch (type) {
    case AN_OPT_TYPE_INT:
        return "integer";
    case AN_OPT_TYPE_NUM:
        return "number";
    case AN_OPT_TYPE_BOOL:
        return "true or false";
    case AN_OPT_TYPE_TEXT:
        return "text";
    case AN_OPT_TYPE_MS:
        return "duration";
    case AN_OPT_TYPE_BYTES:
        return "bytes";
    case AN_OPT_TYPE_CHOICE:
        return "one of";
    case AN_OPT_TYPE_LINE:
        return "text";
    }
    return "?";
}

/* What a right value looks like, e.g. "1..1000" or "one of: auto, approve". */
static void allowed_text(const an_opt *row, char *out, size_t cap)
{
    switch (row->type) {
    case AN_OPT_TYPE_CHOICE: {
        size_t at = 0;
        out[0] = '\0';
        for (size_t i = 0; row->choices[i] && at + 1 < cap; i++) {
            int n = snprintf(out + at, cap - at, "%s%s", i ? ", " : "", row->choices[i]);
            at += n > 0 ? (size_t)n : 0;
        }
        return;
    }
    case AN_OPT_TYPE_BOOL:
        snprintf(out, cap, "true or false");
        return;
    case AN_OPT_TYPE_TEXT:
    case AN_OPT_TYPE_LINE:
        snprintf(out, cap, "%.15g..%.15g bytes long", row->min, row->max);
        return;
    case AN_OPT_TYPE_MS:
        snprintf(out, cap, "%.15g..%.15g ms", row->min, row->max);
        return;
    case AN_OPT_TYPE_BYTES:
        snprintf(out, cap, "%.15g..%.15g bytes", row->min, row->max);
        return;
    case AN_OPT_TYPE_INT:
    case AN_OPT_TYPE_NUM:
        break;
    }
    snprintf(out, cap, "%.15g..%.15g", row->min, row->max);
}

static bool in_bounds(const an_opt *row, double v)
{
    return v >= row->min && v <= row->max;
}

static bool set_int(const an_opt *row, void *field, bool parsed, int64_t v)
{
    if (!parsed || !in_bounds(row, (double)v))
        return false;
    *(int64_t *)field = v;
    return true;
}

static bool set_choice(const an_opt *row, int *field, const char *value)
{
    for (int i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], value) == 0) {
            *field = i;
            return true;
        }
    }
    return false;
}

static an_err set_text(const an_opt *row, char **field, const char *value)
{
    if (!in_bounds(row, (double)strlen(value)))
        return AN_ERR_INVAL;
    char *copy = an_strdup(value);
    if (!copy)
        return AN_ERR_NOMEM;
    an_free(*field);
    *field = copy;
    return AN_OK;
}

static bool set_line(const an_opt *row, char *field, const char *value)
{
    const size_t len = strlen(value);
    if (!in_bounds(row, (double)len) || len >= sizeof(an_opt_line))
        return false;
    memcpy(field, value, len + 1);
    return true;
}

static an_err set_row(const an_opt *row, void *conf, const char *value)
{
    void *field = field_of(row, conf);
    int64_t i = 0;
    double d = 0;
    bool ok = false, parsed;
    switch (row->type) {
    case AN_OPT_TYPE_INT:
        parsed = an_parse_int(value, &i);
        ok = set_int(row, field, parsed, i);
        break;
    case AN_OPT_TYPE_MS:
        parsed = an_parse_ms(value, &i);
        ok = set_int(row, field, parsed, i);
        break;
    case AN_OPT_TYPE_BYTES:
        parsed = an_parse_bytes(value, &i);
        ok = set_int(row, field, parsed, i);
        break;
    case AN_OPT_TYPE_NUM:
        ok = an_parse_num(value, &d) && in_bounds(row, d);
        if (ok)
            *(double *)field = d;
        break;
    case AN_OPT_TYPE_BOOL:
        ok = parse_bool(value, field);
        break;
    case AN_OPT_TYPE_CHOICE:
        ok = set_choice(row, field, value);
        break;
    case AN_OPT_TYPE_LINE:
        ok = set_line(row, field, value);
        break;
    case AN_OPT_TYPE_TEXT:
        return set_text(row, field, value);
    }
    return ok ? AN_OK : AN_ERR_INVAL;
}

an_err an_opt_defaults(const an_opt *rows, size_t n, void *conf)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].type == AN_OPT_TYPE_TEXT)
            *(char **)field_of(&rows[i], conf) = NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].dflt)
            continue;
        an_err err = set_row(&rows[i], conf, rows[i].dflt);
        if (err != AN_OK) {
            an_opt_done(rows, n, conf);
            return err;
        }
    }
    return AN_OK;
}

void an_opt_done(const an_opt *rows, size_t n, void *conf)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].type != AN_OPT_TYPE_TEXT)
            continue;
        char **field = field_of(&rows[i], conf);
        an_free(*field);
        *field = NULL;
    }
}

const an_opt *an_opt_find(const an_opt *rows, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    }
    return NULL;
}

an_err an_opt_set(const an_opt *rows, size_t n, void *conf, const char *key, const char *value,
                  const char *where, an_note *why)
{
    const an_opt *row = an_opt_find(rows, n, key);
    if (!row)
        return an_fail(AN_ERR_INVAL, why, "%s: %.80s: unknown option", where, key);
    an_err err = set_row(row, conf, value);
    if (err == AN_ERR_INVAL) {
        char allowed[160];
        allowed_text(row, allowed, sizeof allowed);
        return an_fail(err, why, "%s: %s = %.80s: must be %s%s%s", where, key, value,
                       row->type == AN_OPT_TYPE_CHOICE ? "one of " : "", allowed,
                       row->type == AN_OPT_TYPE_INT ? " (an integer)" : "");
    }
    if (err != AN_OK)
        return an_fail(err, why, "%s: %s: %s", where, key, an_err_text(err));
    return AN_OK;
}

/* In the largest unit that it is a whole number of. */
static void in_units(char *out, int64_t v, const int64_t *sizes, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (v != 0 && v % sizes[i] == 0) {
            snprintf(out, AN_OPT_VALUE_MAX, "%lld%s", (long long)(v / sizes[i]), names[i]);
            return;
        }
    }
    snprintf(out, AN_OPT_VALUE_MAX, "%lld", (long long)v);
}

static void number_text(char *out, double v)
{
    double back;
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, AN_OPT_VALUE_MAX, "%.*g", digits, v);
        if (an_parse_num(out, &back) && !(back < v) && !(back > v))
            return;
    }
}

void an_opt_value(const an_opt *row, const void *conf, char out[static AN_OPT_VALUE_MAX])
{
    static const int64_t spans[] = {86400000, 3600000, 60000, 1000, 1};
    static const char *const span_names[] = {"d", "h", "m", "s", "ms"};
    static const int64_t sizes[] = {1 << 30, 1 << 20, 1 << 10};
    static const char *const size_names[] = {"G", "M", "k"};
    const void *at = (const char *)conf + row->offset;
    switch (row->type) {
    case AN_OPT_TYPE_INT:
        snprintf(out, AN_OPT_VALUE_MAX, "%lld", (long long)*(const int64_t *)at);
        break;
    case AN_OPT_TYPE_NUM:
        number_text(out, *(const double *)at);
        break;
    case AN_OPT_TYPE_BOOL:
        snprintf(out, AN_OPT_VALUE_MAX, "%s", *(const bool *)at ? "yes" : "no");
        break;
    case AN_OPT_TYPE_TEXT:
        snprintf(out, AN_OPT_VALUE_MAX, "%s", *(char *const *)at ? *(char *const *)at : "");
        break;
    case AN_OPT_TYPE_LINE:
        snprintf(out, AN_OPT_VALUE_MAX, "%s", (const char *)at);
        break;
    case AN_OPT_TYPE_MS:
        in_units(out, *(const int64_t *)at, spans, span_names, 5);
        break;
    case AN_OPT_TYPE_BYTES:
        in_units(out, *(const int64_t *)at, sizes, size_names, 3);
        break;
    case AN_OPT_TYPE_CHOICE:
        snprintf(out, AN_OPT_VALUE_MAX, "%s", row->choices[*(const int *)at]);
        break;
    }
}

void an_opt_help(const an_opt *rows, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        char allowed[160];
        allowed_text(&rows[i], allowed, sizeof allowed);
        fprintf(out, "  %-28s %s\n  %-28s   %s", rows[i].key, rows[i].meaning, "",
                rows[i].type == AN_OPT_TYPE_BOOL ? "" : type_text(rows[i].type));
        fprintf(out, "%s%s; default %s\n", rows[i].type == AN_OPT_TYPE_BOOL ? "" : " ", allowed,
                rows[i].dflt ? (rows[i].dflt[0] ? rows[i].dflt : "empty") : "none");
    }
}

/* A bar would end the table's cell. */
static void cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
}

void an_opt_markdown(const an_opt *rows, size_t n, FILE *out)
{
    fputs("| Option | Type | Allowed | Default | Meaning |\n|---|---|---|---|---|\n", out);
    for (size_t i = 0; i < n; i++) {
        char allowed[160];
        allowed_text(&rows[i], allowed, sizeof allowed);
        fprintf(out, "| `%s` | %s | ", rows[i].key,
                rows[i].type == AN_OPT_TYPE_CHOICE ? "choice" : type_text(rows[i].type));
        cell(out, allowed);
        fputs(" | ", out);
        if (rows[i].dflt && rows[i].dflt[0]) {
            fputc('`', out);
            cell(out, rows[i].dflt);
            fputc('`', out);
        } else {
            fputs(rows[i].dflt ? "empty" : "none", out);
        }
        fputs(" | ", out);
        cell(out, rows[i].meaning);
        fputs(" |\n", out);
    }
}
