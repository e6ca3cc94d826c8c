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
#include "models/data/opc_quality.h"
#include "models/data/table.h"
#include "models/data/table_internal.h"

#define WAITING_MAX (4u << 20)
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
    r->now = &r->first;
    r->last_ms = AN_TIME_NONE;
    an_err err = conf->n_names > 0 ? an_table_set_names(r, why) : AN_OK;
    if (err) {
        an_table_reader_free(r);
        return err;
    }
    *ret = r;
    return AN_OK;
}

void an_table_reader_free(an_table_reader *r)
{
    if (!r)
        return;
    an_columns_done(&r->first);
    an_columns_done(&r->other);
    an_free(r->names);
    an_free(r->values);
    an_free(r->quality);
    an_free(r->absent);
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
        r->base += r->at;
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
    r->line = r->base = r->header_at = 0;
    r->ended = r->skipping = r->started = r->unfit = false;
}

size_t an_table_waiting(const an_table_reader *r)
{
    return r->len - r->at;
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

void an_table_bad_line(an_table_reader *r, const char *why)
{
    an_table_stats *t = &r->stats;
    t->n_bad++;
    t->last.line = r->line;
    snprintf(t->last.why, sizeof t->last.why, "%s", why);
    if (t->n_kept < AN_TABLE_BAD_KEPT)
        t->bad[t->n_kept++] = t->last;
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
        r->line_at = r->base + r->at;
        r->at += have + (end ? 1 : 0);
        r->scanned = r->at;
        bool skip = r->skipping || have > AN_TABLE_LINE_MAX;
        if (!r->skipping && skip) {
            r->line++;
            r->stats.n_lines++;
            an_table_bad_line(r, "it is longer than 1 MiB");
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

/* The whole file is of no use.  Of the first one that is final; another one is waited for after a later one. */
static an_err refuse_file(an_table_reader *r, const char *why)
{
    if (!r->conf.tolerant || !r->bound)
        return r->dead = an_fail(AN_ERR_PROTO, &r->dead_why, "%s", why);
    r->unfit = true;
    r->stats.n_files_bad++;
    an_table_bad_line(r, why);
    return AN_ERR_PROTO;
}

/* The first line of a file.  *ret_is_data: it is not a header. */
static an_err first_line(an_table_reader *r, size_t n, bool *ret_is_data)
{
    char text[96] = "";
    r->started = true;
    if (!r->first.names) {
        bool header = an_table_is_header(r, n);
        *ret_is_data = !header;
        return an_table_take_names(r, n, header);
    }
    *ret_is_data = !r->has_header;
    if (!r->has_header)
        return AN_OK;
    if ((r->conf.tolerant || r->conf.n_names > 0) && an_table_is_row(r, n)) {
        *ret_is_data = true; /* cut while it was written: its writer names the columns only once */
        return AN_OK;
    }
    if (an_table_same_header(r, n)) {
        r->now = &r->first;
        if (r->bound)
            memset(r->absent, 0, r->width);
        return AN_OK;
    }
    if (!r->bound && r->conf.n_names > 0 && an_table_knows(r, n)) { /* what the file says itself holds */
        an_columns_done(&r->first);
        return an_table_take_names(r, n, true);
    }
    an_err err = r->conf.tolerant && r->bound ? an_table_adopt(r, n, text) : AN_ERR_PROTO;
    if (err == AN_ERR_NOMEM)
        return r->dead = err;
    if (!err)
        return AN_OK;
    if (r->conf.tolerant && n != r->now->n &&
        n != r->first.n) { /* not a header but a wreck: the next line may be one */
        r->started = false;
        an_table_bad_line(r, "it is neither a header nor a row");
        return AN_ERR_PROTO;
    }
    return refuse_file(r, r->bound && r->conf.tolerant ? text : "the header is not that of the file before");
}

/* A header in the middle of a file, by a writer that was started again.  False: it is none. */
static bool header_again(an_table_reader *r, size_t n)
{
    char text[96];
    const char c = r->fields[0].text[0];
    if (!r->conf.tolerant || !r->has_header || !r->bound || (c >= '0' && c <= '9') || c == '-' || c == '+')
        return false;
    if (an_table_same_header(r, n)) {
        r->now = &r->first;
        r->header_at = r->line_at;
        memset(r->absent, 0, r->width);
        return true;
    }
    size_t i = 0;
    while (i < r->first.n && strcmp(r->fields[0].text, r->first.names[i]) != 0)
        i++;
    if (i == r->first.n || !an_table_is_header(r, n) || an_table_adopt(r, n, text) != AN_OK)
        return false;
    r->header_at = r->line_at;
    return true;
}

static bool bad_field(an_table_reader *r, size_t i, const char *holds)
{
    char why[96];
    const bool comma = holds[0] == 'n' && !r->conf.decimal_comma && strchr(r->fields[i].text, ',');
    snprintf(why, sizeof why, "column \"%.40s\" holds no %s%s", r->now->names[i], holds,
             comma ? ", but a comma: decimal_comma?" : "");
    an_table_bad_line(r, why);
    return false;
}

static uint8_t quality_of(const an_table_reader *r, const an_field *f)
{
    return r->conf.good_word && strcmp(f->text, r->conf.good_word) == 0 ? AN_OPC_GOOD
                                                                        : an_opc_quality(f->text, f->len);
}

/* What the line says of its values.  Those of which it says that they are bad are none. */
static void judge(an_table_reader *r, uint8_t whole, size_t *missing)
{
    for (size_t i = 0; i < r->now->n; i++)
        if (r->now->roles[i] <= ROLE_QUALITY_OF) {
            uint8_t *q = &r->quality[ROLE_QUALITY_OF - r->now->roles[i]];
            const uint8_t said = quality_of(r, &r->fields[i]);
            *q = said > *q ? said : *q;
        }
    for (size_t k = 0; k < r->width; k++) {
        if (whole > r->quality[k])
            r->quality[k] = whole;
        if (r->absent[k])
            r->quality[k] = AN_OPC_BAD;
        if (r->quality[k] == AN_OPC_BAD || r->absent[k]) {
            *missing += !isnan(r->values[k]) || r->absent[k];
            r->values[k] = NAN;
        }
    }
}

typedef struct line_sum {
    size_t numbers, missing, unread;
    size_t unread_at;
    uint8_t whole;
} line_sum;

/* One field.  False: the line is bad, and it has been said why. */
static bool take_field(an_table_reader *r, size_t i, an_table_row *row, line_sum *sum)
{
    an_field *f = &r->fields[i];
    const int role = r->now->roles[i];
    float v;
    switch (role <= ROLE_QUALITY_OF ? ROLE_IGNORED : role) {
    case ROLE_IGNORED:
        return true;
    case ROLE_PART:
        row->part = f->text;
        return true;
    case ROLE_QUALITY:
        sum->whole = quality_of(r, f);
        return true;
    case ROLE_TIME:
        return an_time_parse_in(f->text, f->len, r->conf.zone, r->last_ms, &row->time_ms) ||
               bad_field(r, i, "time");
    default:
        break;
    }
    an_field_kind kind = an_field_number(f, r->conf.decimal_comma, &v);
    if (role == ROLE_LABEL) {
        row->label = v;
        return kind != AN_FIELD_TEXT || r->conf.tolerant || bad_field(r, i, "number");
    }
    if (kind == AN_FIELD_TEXT) {
        if (!r->conf.tolerant)
            return bad_field(r, i, "number");
        r->quality[role] = AN_OPC_BAD;
        sum->unread++;
        sum->unread_at = i;
    }
    r->values[role] = v;
    sum->missing += kind != AN_FIELD_NUMBER;
    sum->numbers += kind == AN_FIELD_NUMBER;
    return true;
}

static bool fill_row(an_table_reader *r, an_table_row *row)
{
    line_sum sum = {0};
    *row = (an_table_row){.line = r->line,
                          .end = r->base + r->at,
                          .header_at = r->header_at,
                          .time_ms = AN_TIME_NONE,
                          .label = NAN,
                          .values = r->values,
                          .quality = r->quality,
                          .part = ""};
    memset(r->quality, AN_OPC_GOOD, r->width);
    for (size_t i = 0; i < r->now->n; i++)
        if (!take_field(r, i, row, &sum))
            return false;
    if (sum.unread > 0 && sum.numbers == 0)
        return bad_field(r, sum.unread_at, "number");
    judge(r, sum.whole, &sum.missing);
    if (row->time_ms != AN_TIME_NONE)
        r->last_ms = row->time_ms;
    r->stats.n_rows++;
    r->stats.n_missing += sum.missing;
    r->stats.n_unread += sum.unread;
    return true;
}

/* Cuts a line into r->fields.  0: an empty or a bad line. */
static an_err split_line(an_table_reader *r, char *line, size_t len, size_t *ret_n)
{
    *ret_n = 0;
    if (r->line == 1 && len >= 2 && (memcmp(line, "\xff\xfe", 2) == 0 || memcmp(line, "\xfe\xff", 2) == 0))
        return refuse_file(r, "it is UTF-16 text: write it as UTF-8");
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
        an_table_bad_line(r, why);
    return AN_OK;
}

/* One line; *ret_row is set if it is a good row of data. */
static an_err take_line(an_table_reader *r, char *line, size_t len, an_table_row *ret_row, bool *ret_is_row)
{
    size_t n;
    *ret_is_row = false;
    an_err err = split_line(r, line, len, &n);
    if (err == AN_ERR_NOMEM)
        r->dead = err;
    if (err || n == 0)
        return err;
    bool is_data = true;
    if (!r->started) {
        if ((err = first_line(r, n, &is_data)) || !is_data)
            return err;
    } else if (header_again(r, n)) {
        return AN_OK;
    }
    const size_t want = r->now->n;
    if (n != want) {
        char text[96];
        snprintf(text, sizeof text, "it has %zu fields, not %zu", n, want);
        an_table_bad_line(r, text);
        return AN_OK;
    }
    if (!r->bound && (err = an_table_bind(r)))
        return err;
    *ret_is_row = fill_row(r, ret_row);
    return AN_OK;
}

an_err an_table_next(an_table_reader *r, an_table_row *ret_row, an_note *why)
{
    while (r->dead == AN_OK) {
        size_t len;
        bool is_row = false;
        char *line = next_line(r, &len);
        if (!line)
            return AN_ERR_AGAIN;
        if (r->unfit)
            continue;
        an_err err = take_line(r, line, len, ret_row, &is_row);
        (void)err; /* r->dead says whether it is final */
        if (is_row)
            return AN_OK;
    }
    an_note_set(why, "%s", r->dead_why.text[0] ? r->dead_why.text : an_err_text(r->dead));
    return r->dead;
}

an_err an_table_resume(an_table_reader *r, const void *head, size_t head_len, uint64_t line, uint64_t end,
                       int64_t time_ms)
{
    const an_table_stats before = r->stats;
    size_t len, n;
    bool is_data;
    an_table_rotate(r);
    an_err err = an_table_feed(r, head, head_len);
    char *text = NULL;
    while (!err && !r->started && !r->unfit && (text = next_line(r, &len))) {
        err = split_line(r, text, len, &n);
        if (!err && n > 0)
            err = first_line(r, n, &is_data);
    }
    r->stats = before; /* it has all been counted when it was read first */
    r->at = r->len = r->scanned = 0;
    r->started = true;
    r->line = line;
    r->base = end;
    r->last_ms = time_ms;
    return err == AN_ERR_NOMEM || err == AN_ERR_LIMIT ? err : AN_OK;
}
