/* A table of verdicts, as an MES exports it, and as the agent is handed it: the same parser reads both. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/verdicts.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/utf8.h"
#include "models/data/fields.h"
#include "models/data/table.h"
#include "models/data/zone.h"
#include "msg/msg.h"

#define FIELDS_MAX 256
#define WORDS_MAX 16
#define MAP_MAX 512
#define TIME_MAX INT64_C(253402300799999) /* the end of year 9999 */

enum { LINE, ALARM, PART, AT, FROM, TO, VERDICT, CLASS, COMMENT, BY, JUDGED, COLUMNS };
static const char *const column_names[COLUMNS] = {"line",    "alarm", "part",    "at", "from",  "to",
                                                  "verdict", "class", "comment", "by", "judged"};

/* "a=b,c=d", cut in place. */
typedef struct pairs {
    char text[MAP_MAX];
    struct {
        const char *key, *value;
    } items[WORDS_MAX];
    size_t n;
} pairs;

typedef struct reader {
    const an_verdict_opts *opts;
    an_verdict_list *list;
    pairs columns, words;
    an_zone *zone;
    int at[COLUMNS]; /* -1: the table has it not */
    char delimiter;
    size_t n_header;
    uint64_t row;
    an_field fields[FIELDS_MAX];
} reader;

/* ---- what is refused ---- */

an_err an_verdict_refuse(an_verdict_list *l, uint64_t row, const char *fmt, ...)
{
    va_list args;
    if (!an_grow(&l->refused, &l->refused_cap, l->n_refused + 1, sizeof *l->refused))
        return AN_ERR_NOMEM;
    an_verdict_refusal *r = &l->refused[l->n_refused++];
    *r = (an_verdict_refusal){.row = row};
    va_start(args, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, args);
    va_end(args);
    return AN_OK;
}

void an_verdict_list_done(an_verdict_list *l)
{
    an_free(l->rows);
    an_free(l->refused);
    *l = (an_verdict_list){.n = 0};
}

static int by_row(const void *a, const void *b)
{
    const uint64_t x = ((const an_verdict_refusal *)a)->row, y = ((const an_verdict_refusal *)b)->row;
    return (x > y) - (x < y);
}

void an_verdict_list_sort(an_verdict_list *l)
{
    if (l->n_refused > 0)
        qsort(l->refused, l->n_refused, sizeof *l->refused, by_row);
}

void an_verdict_list_clean(an_verdict_list *l)
{
    size_t kept = 0, k = 0;
    an_verdict_list_sort(l);
    for (size_t i = 0; i < l->n; i++) { /* rows are in order, too */
        while (k < l->n_refused && l->refused[k].row < l->rows[i].row)
            k++;
        if (k == l->n_refused || l->refused[k].row != l->rows[i].row)
            l->rows[kept++] = l->rows[i];
    }
    l->n = kept;
    l->n_refused = 0;
}

/* ---- options ---- */

static an_err split_pairs(pairs *p, const char *text, const char *what, an_note *why)
{
    char *at = p->text;
    p->n = 0;
    if (!text || !text[0])
        return AN_OK;
    if (strlen(text) >= sizeof p->text)
        return an_fail(AN_ERR_INVAL, why, "%s: too long", what);
    snprintf(p->text, sizeof p->text, "%s", text);
    while (at) {
        char *next = strchr(at, ','), *is = strchr(at, '=');
        if (next)
            *next++ = '\0';
        is = is && (!next || is < next) ? is : NULL;
        if (!is || is == at || !is[1] || p->n == WORDS_MAX)
            return an_fail(AN_ERR_INVAL, why, "%s: pairs such as NAME=WORD, at most %d, with commas between",
                           what, WORDS_MAX);
        *is = '\0';
        p->items[p->n].key = at;
        p->items[p->n++].value = is + 1;
        at = next;
    }
    return AN_OK;
}

static bool verdict_word(const char *word, an_verdict_row *r)
{
    static const struct {
        const char *word;
        an_verdict verdict;
        bool missed;
    } words[] = {{"true", AN_VERDICT_TRUE, false},     {"defect", AN_VERDICT_TRUE, false},
                 {"false", AN_VERDICT_FALSE, false},   {"normal", AN_VERDICT_FALSE, false},
                 {"unsure", AN_VERDICT_UNSURE, false}, {"missed", AN_VERDICT_TRUE, true}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(words[i].word, word) != 0)
            continue;
        r->verdict = words[i].verdict;
        r->missed = words[i].missed;
        return true;
    }
    return false;
}

static an_err check_opts(reader *in, an_note *why)
{
    an_verdict_row r;
    an_err err = split_pairs(&in->columns, in->opts->columns, "columns", why);
    if (err == AN_OK)
        err = split_pairs(&in->words, in->opts->words, "words", why);
    for (size_t i = 0; err == AN_OK && i < in->columns.n; i++) {
        size_t k = 0;
        while (k < COLUMNS && strcmp(column_names[k], in->columns.items[i].key) != 0)
            k++;
        if (k == COLUMNS)
            err = an_fail(AN_ERR_INVAL, why, "columns: there is no \"%.40s\"", in->columns.items[i].key);
    }
    for (size_t i = 0; err == AN_OK && i < in->words.n; i++)
        if (!verdict_word(in->words.items[i].value, &r))
            err = an_fail(AN_ERR_INVAL, why, "words: \"%.40s\" is not true, false, missed or unsure",
                          in->words.items[i].value);
    if (err == AN_OK && in->opts->line && !an_name_ok(in->opts->line))
        err = an_fail(AN_ERR_INVAL, why, "\"%.60s\" is not a line's name", in->opts->line);
    if (err == AN_OK && in->opts->zone)
        err = an_zone_open(in->opts->zone, &in->zone, why);
    return err;
}

/* ---- one row ---- */

static const char *text_of(const reader *in, int column)
{
    return in->at[column] < 0 ? "" : in->fields[in->at[column]].text;
}

/* False: it is too long, or no text. */
static bool take_text(char *ret, size_t size, const char *text)
{
    const size_t len = strlen(text);
    if (len >= size || !an_utf8_check(text, len, NULL))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    memcpy(ret, text, len + 1);
    return true;
}

static bool take_time(const reader *in, const char *text, int64_t *ret)
{
    return an_time_parse_in(text, strlen(text), in->zone, INT64_MIN, ret) && *ret > 0 && *ret <= TIME_MAX;
}

/* NULL: it is good.  Else why not. */
static const char *take_subject(const reader *in, an_verdict_row *r)
{
    const char *alarm = text_of(in, ALARM), *at = text_of(in, AT), *from = text_of(in, FROM),
               *to = text_of(in, TO);
    int64_t id = 0;
    if (alarm[0] && (!an_parse_int(alarm, &id) || id < 1))
        return "the alarm is not a number";
    r->alarm = (uint64_t)id;
    if (at[0] && (from[0] || to[0]))
        return "it has at, and from or to";
    if (!from[0] != !to[0])
        return "from and to belong together";
    r->timed = at[0] || from[0];
    if (at[0] && !take_time(in, at, &r->from_ms))
        return "at is not a time";
    r->to_ms = r->from_ms;
    if (from[0] && (!take_time(in, from, &r->from_ms) || !take_time(in, to, &r->to_ms)))
        return "from or to is not a time";
    if (r->to_ms < r->from_ms)
        return "it ends before it begins";
    if (!take_text(r->part, sizeof r->part, text_of(in, PART)))
        return "the part is too long, or not a text";
    if (!r->alarm && !r->part[0] && !r->timed)
        return "it names no alarm, no part and no time";
    return r->alarm && r->missed ? "an alarm was raised: nothing is missed" : NULL;
}

static const char *take_row(const reader *in, an_verdict_row *r)
{
    const char *line = text_of(in, LINE), *by = text_of(in, BY), *word = text_of(in, VERDICT),
               *judged = text_of(in, JUDGED);
    line = line[0] || !in->opts->line ? line : in->opts->line;
    by = by[0] || !in->opts->by ? by : in->opts->by;
    if (!line[0])
        return "it names no line";
    if (!an_name_ok(line))
        return "that is not a line's name";
    snprintf(r->line, sizeof r->line, "%s", line);
    for (size_t i = 0; i < in->words.n; i++)
        if (strcasecmp(in->words.items[i].key, word) == 0)
            word = in->words.items[i].value;
    if (!verdict_word(word, r))
        return "the verdict is not true, false, missed or unsure";
    if (!take_text(r->defect, sizeof r->defect, text_of(in, CLASS)))
        return "the class is too long, or not a text";
    if (!take_text(r->comment, sizeof r->comment, text_of(in, COMMENT)))
        return "the comment is too long, or not a text";
    if (!take_text(r->by, sizeof r->by, by[0] ? by : "mes"))
        return "the name of who said it is too long, or not a text";
    if (judged[0] && !take_time(in, judged, &r->said_ms))
        return "judged is not a time";
    return take_subject(in, r);
}

static an_err add_row(reader *in, char *line, size_t len)
{
    an_verdict_list *l = in->list;
    const char *why = NULL;
    const size_t n = an_fields_split(line, len, in->delimiter, in->fields, FIELDS_MAX, &why);
    an_verdict_row r = {.row = in->row};
    if (n > 0 && n != in->n_header)
        return an_verdict_refuse(l, in->row, "it has %zu fields, the header %zu", n, in->n_header);
    if (n == 0 || (why = take_row(in, &r)) != NULL)
        return an_verdict_refuse(l, in->row, "%s", why);
    if (l->n == AN_VERDICT_ROWS_MAX)
        return AN_ERR_LIMIT;
    if (!an_grow(&l->rows, &l->cap, l->n + 1, sizeof *l->rows))
        return AN_ERR_NOMEM;
    l->rows[l->n++] = r;
    return AN_OK;
}

/* ---- the table ---- */

static an_err take_header(reader *in, char *line, size_t len, an_note *why)
{
    const char *reason = NULL;
    in->delimiter = an_fields_delimiter(line, len);
    in->n_header = an_fields_split(line, len, in->delimiter, in->fields, FIELDS_MAX, &reason);
    if (in->n_header == 0)
        return an_fail(AN_ERR_PROTO, why, "the header: %s", reason);
    for (int k = 0; k < COLUMNS; k++) {
        const char *name = column_names[k];
        bool own = false;
        for (size_t i = 0; i < in->columns.n; i++)
            if (strcmp(in->columns.items[i].key, column_names[k]) == 0) {
                name = in->columns.items[i].value;
                own = true;
            }
        in->at[k] = -1;
        for (size_t i = 0; i < in->n_header && in->at[k] < 0; i++)
            if (strcasecmp(in->fields[i].text, name) == 0)
                in->at[k] = (int)i;
        if (own && in->at[k] < 0)
            return an_fail(AN_ERR_PROTO, why, "the table has no column \"%.60s\"", name);
    }
    if (in->at[VERDICT] < 0)
        return an_fail(
            AN_ERR_PROTO, why,
            "the table has no column \"verdict\" (--columns verdict=NAME says what it is called there)");
    return in->at[ALARM] < 0 && in->at[PART] < 0 && in->at[AT] < 0 && in->at[FROM] < 0
               ? an_fail(AN_ERR_PROTO, why,
                         "the table has no column alarm, part, at or from (--columns part=NAME says what it "
                         "is called there)")
               : AN_OK;
}

static an_err take_lines(reader *in, char *text, size_t len, an_note *why)
{
    an_err err = AN_OK;
    bool header = false;
    for (size_t at = 0; at < len && err == AN_OK;) {
        char *line = text + at, *end = memchr(line, '\n', len - at);
        size_t n = end ? (size_t)(end - line) : len - at;
        at += n + 1;
        in->row++;
        if (n > 0 && line[n - 1] == '\r')
            n--;
        if (strspn(line, " \t\r") >= n) /* the text is terminated */
            continue;
        line[n] = '\0';
        err = header ? add_row(in, line, n) : take_header(in, line, n, why);
        header = true;
    }
    if (err == AN_ERR_LIMIT)
        return an_fail(err, why, "more than %d rows: cut the table", AN_VERDICT_ROWS_MAX);
    return err == AN_OK && !header ? an_fail(AN_ERR_PROTO, why, "the table is empty") : err;
}

an_err an_verdicts_parse(const void *bytes, size_t len, const an_verdict_opts *opts, an_verdict_list *ret,
                         an_note *why)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    an_verdict_list list = {.n = 0};
    const uint8_t *from = bytes;
    if (len > AN_VERDICT_BYTES_MAX)
        return an_fail(AN_ERR_LIMIT, why, "more than %u bytes: cut the table", AN_VERDICT_BYTES_MAX);
    if (len >= sizeof mark && memcmp(from, mark, sizeof mark) == 0) {
        from += sizeof mark;
        len -= sizeof mark;
    }
    char *text = an_alloc(len + 1, 1);
    reader *in = an_alloc(1, sizeof *in);
    an_err err = text && in ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK) {
        if (len > 0)
            memcpy(text, from, len);
        in->opts = opts;
        in->list = &list;
        err = check_opts(in, why);
    }
    if (err == AN_OK)
        err = take_lines(in, text, len, why);
    if (in)
        an_zone_free(in->zone);
    an_free(in);
    an_free(text);
    if (err == AN_OK)
        *ret = list;
    else
        an_verdict_list_done(&list);
    return err;
}

/* ---- writing ---- */

static void put_text(an_buf *b, const char *text)
{
    an_buf_text(b, "\"");
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            an_buf_u8(b, '"');
        an_buf_u8(b, (uint8_t)*c);
    }
    an_buf_text(b, "\",");
}

static void put_time(an_buf *b, bool is, int64_t ms)
{
    char text[25] = "";
    if (is)
        an_time_text(text, ms);
    an_buf_printf(b, "%s,", text);
}

an_err an_verdicts_write(const an_verdict_list *l, an_buf *ret)
{
    an_buf_text(ret, "line,alarm,part,from,to,class,comment,by,judged,verdict\n");
    for (size_t i = 0; i < l->n && !ret->failed; i++) {
        const an_verdict_row *r = &l->rows[i];
        put_text(ret, r->line);
        if (r->alarm)
            an_buf_printf(ret, "%" PRIu64, r->alarm);
        an_buf_text(ret, ",");
        put_text(ret, r->part);
        put_time(ret, r->timed, r->from_ms);
        put_time(ret, r->timed, r->to_ms);
        put_text(ret, r->defect);
        put_text(ret, r->comment);
        put_text(ret, r->by);
        put_time(ret, r->said_ms > 0, r->said_ms);
        an_buf_printf(ret, "%s\n", r->missed ? "missed" : an_verdict_name(r->verdict));
    }
    return an_buf_err(ret);
}
