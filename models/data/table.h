/* table.h - delimited text (CSV, TSV, blanks) as rows of numbers.
 *
 * Two forms share one parser: whole files, and bytes as they come in (a followed file).
 *
 *     an_table_conf conf;
 *     an_table_conf_init(&conf);                 everything is found out from the file
 *     an_err err = an_table_read("line4.csv", &conf, &table, &why);
 *     ... table.rows[i * table.width + j] ...
 *     an_table_done(&table);
 *
 *     an_table_feed(reader, bytes, len);         or piece by piece:
 *     while (an_table_next(reader, &row, &why) == AN_OK)
 *         use(row.values, row.time_ms);
 *
 * A field that is empty, "nan", "na", "null", "-" or not finite is missing: NAN.  A line that
 * cannot be read is counted and skipped, and the first ones are kept with number and reason.
 *
 * Columns are named by their header, or by their number from 0 ("3"); without a header the
 * names are "c0", "c1", ...
 *
 * Threads: an object belongs to one thread at a time. */
#ifndef AN_MODELS_DATA_TABLE_H
#define AN_MODELS_DATA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "models/data/zone.h"

#define AN_TABLE_LINE_MAX (1u << 20)   /* bytes of one line; a longer one is a bad line */
#define AN_TABLE_COLUMNS_MAX 4096      /* fields of one line */
#define AN_TABLE_VALUES_MAX (1u << 28) /* rows * width of a whole file */
#define AN_TABLE_BAD_KEPT 20
#define AN_TIME_NONE INT64_MIN /* the row has no time */

typedef enum an_table_header {
    AN_TABLE_HEADER_AUTO,
    AN_TABLE_HEADER_YES,
    AN_TABLE_HEADER_NO
} an_table_header;

/* What to read.  All texts are borrowed until the reader is freed. */
typedef struct an_table_conf {
    char delimiter; /* 0: found out among , ; tab | blank.  ' ': runs of blanks and tabs */
    an_table_header header;
    const char *const
        *names; /* of the columns of files that may lack a header; NULL: they name them themselves */
    size_t n_names;
    bool decimal_comma;        /* "1,5" is 1.5; not with the delimiter ',' */
    const char *time_column;   /* NULL: none.  "auto" (default): the first column that holds dates */
    const char *label_column;  /* NULL: none.  0 or 1, kept apart from the features */
    const char *const *ignore; /* columns to leave out; a name that is absent is no error */
    size_t n_ignore;
    const char *const *columns; /* NULL: all that are left.  Else these, in this order */
    size_t n_columns;
    const char *part_column;    /* NULL: none.  Text: the part that the row is of */
    const char *quality_column; /* NULL: none.  What the whole row is worth (opc_quality.h) */
    const char *quality_suffix; /* NULL: none.  "_q": column "flow_q" says what "flow" is worth */
    const char *good_word;      /* NULL: none.  One more text of quality columns that means good */
    const an_zone *zone;        /* of times that name none; NULL: UTC */
    /* As sources write: a field that is no number costs its value (BAD), not its line, as long as another one can be
     * read; a header may come again at any line, its columns in another order, more or fewer.  A file that cannot be
     * read is one bad line, and the next one is waited for. */
    bool tolerant;
    size_t max_rows; /* of a whole file; more: LIMIT.  0: AN_TABLE_VALUES_MAX rules */
} an_table_conf;

void an_table_conf_init(an_table_conf *conf);

typedef struct an_table_bad {
    uint64_t line; /* from 1, headers and empty lines counted */
    char why[96];
} an_table_bad;

typedef struct an_table_stats {
    uint64_t n_lines;   /* complete lines seen */
    uint64_t n_rows;    /* good rows */
    uint64_t n_bad;     /* lines skipped for a reason; the first AN_TABLE_BAD_KEPT are in bad */
    uint64_t n_missing; /* missing values in good rows */
    size_t n_kept;
    an_table_bad bad[AN_TABLE_BAD_KEPT];
    an_table_bad last;    /* the last one; line 0: none yet */
    uint64_t n_unread;    /* tolerant: fields of good rows that are neither numbers nor missing */
    uint64_t n_headers;   /* tolerant: headers that were not like the one before */
    uint64_t n_files_bad; /* tolerant: files, but for the first, that could not be read */
} an_table_stats;

typedef struct an_table_row {
    uint64_t line;
    uint64_t end;           /* bytes of the file up to the end of the line */
    uint64_t header_at;     /* where the header that holds for it begins, in bytes */
    int64_t time_ms;        /* since 1970-01-01 UTC, or AN_TIME_NONE */
    float label;            /* NAN: none */
    const float *values;    /* (width), NAN: missing; valid until the next call, as what follows */
    const uint8_t *quality; /* (width) AN_OPC_*; with BAD the value is NAN */
    const char *part;       /* "": none */
} an_table_row;

typedef struct an_table_reader an_table_reader;

/* Copies conf, borrows its texts.  Errors: INVAL, NOMEM. */
an_err an_table_reader_new(const an_table_conf *conf, an_table_reader **ret, an_note *why);
void an_table_reader_free(an_table_reader *r);

/* Appends bytes; a partial last line waits for its end.  Drain with an_table_next between
 * calls. Errors: LIMIT more than 4 MiB wait, NOMEM. */
an_err an_table_feed(an_table_reader *r, const void *bytes, size_t len);

/* Says that no more bytes come, so that a last line without a newline counts. */
void an_table_end(an_table_reader *r);

/* The next good row.  Errors: AGAIN feed more (after an_table_end: there are no more), PROTO
 * the file as a whole cannot be read (a named column is absent, no column left): final, NOMEM.
 */
an_err an_table_next(an_table_reader *r, an_table_row *ret_row, an_note *why);

/* A new file of the same shape begins (rotation): its header is skipped if it has one, its
 * columns must be the same, line numbers start again, counts go on. */
void an_table_rotate(an_table_reader *r);

/* Goes on in the middle of a file of that shape: head are bytes of it from the header on
 * that held there (header_at), and what is fed next follows the first `end` bytes, whose last line was number `line` and of the time time_ms.
 * Errors: LIMIT, NOMEM. */
an_err an_table_resume(an_table_reader *r, const void *head, size_t head_len, uint64_t line, uint64_t end,
                       int64_t time_ms);
/* Bytes that wait for the end of their line. */
size_t an_table_waiting(const an_table_reader *r);

/* Known after the first row; before that 0 and NULL.  Borrowed. */
size_t an_table_width(const an_table_reader *r);
const char *const *an_table_names(const an_table_reader *r);
const an_table_stats *an_table_stats_get(const an_table_reader *r);

/* A whole file. */
typedef struct an_table {
    size_t n;          /* rows */
    size_t width;      /* features */
    float *rows;       /* (n, width) row-major, NAN: missing */
    char **names;      /* (width) */
    int64_t *times_ms; /* (n), NULL: no time column */
    float *labels;     /* (n), NULL: no label column */
    an_table_stats stats;
} an_table;

/* Errors: NOTFOUND, IO, PROTO (also: no good row), LIMIT, NOMEM. */
an_err an_table_read(const char *path, const an_table_conf *conf, an_table *ret, an_note *why);
an_err an_table_parse(const void *bytes, size_t len, const an_table_conf *conf, an_table *ret, an_note *why);
void an_table_done(an_table *t);

/* `YYYY-MM-DD[ T]HH:MM[:SS[.fff]][zone]`, also with YYYY/MM/DD or DD.MM.YYYY, a date alone, or seconds (milliseconds
 * from 1e11 on) since 1970.  zone: Z, +01:00, +0100 or +01; without one UTC.  False: not a time. */
bool an_time_parse(const char *text, size_t len, int64_t *ret_ms);
/* Without a zone in the text that of the plant (see an_zone_utc). */
bool an_time_parse_in(const char *text, size_t len, const an_zone *zone, int64_t not_before_ms,
                      int64_t *ret_ms);

#endif
