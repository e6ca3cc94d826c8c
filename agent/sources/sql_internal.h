/* sql_internal.h - the parts of an sql source: sql_conf.c (what the configuration says), sql_fetch.c (the thread that
 * asks the database for pages of rows), sql.c (rows for the line), and a table of databases: sql_lite.c, pq_rows.c. */
#ifndef AN_AGENT_SOURCES_SQL_INTERNAL_H
#define AN_AGENT_SOURCES_SQL_INTERNAL_H

#include <pthread.h>

#include "agent/device.h"
#include "agent/options.h"
#include "agent/source.h"
#include "base/file.h"
#include "models/data/zone.h"

#define SQL_MARK_MAX 256 /* bytes of a bookmark as text, with its terminator */
#define SQL_TEXT_MAX 16384
#define SQL_NAMES_MAX 512 /* columns of a wide query */
#define SQL_PAGE_MAX 10000

/* One database: a connection of the fetching thread.  Cells come as text, NULL for null. */
typedef struct sql_database {
    an_err (*connect)(const char *address, int64_t patience_ms, void **ret, an_note *why);
    /* Runs sql with mark as its only value (NULL: it takes none) and gives each row to take. */
    an_err (*query)(void *link, const char *sql, const char *mark,
                    an_err (*take)(void *ctx, const char *const *cells, size_t n), void *ctx, size_t n_cells,
                    an_note *why);
    void (*close)(void *link);
    const char *type_of; /* of a column, as a name that CAST takes: "pg_typeof" */
    const char *columns; /* a query of all columns that can be read: table, column, type */
} sql_database;
extern const sql_database an_sql_sqlite;
#ifdef AN_HAVE_PQ
extern const sql_database an_sql_postgresql;
#endif

typedef struct sql_conf {
    const sql_database *database;
    char address[AN_PATH_MAX];
    char query[SQL_TEXT_MAX];
    char time[AN_SOURCE_NAME_MAX], bookmark[AN_SOURCE_NAME_MAX], part[AN_SOURCE_NAME_MAX];
    char tag[AN_SOURCE_NAME_MAX], value[AN_SOURCE_NAME_MAX], quality[AN_SOURCE_NAME_MAX]; /* tag "": wide */
    char start[SQL_MARK_MAX];          /* "": from the beginning */
    char (*names)[AN_SOURCE_NAME_MAX]; /* (width) columns, or tags */
    size_t width;
    bool follow;
    int64_t page, poll_ms, patience_ms, lag_ms;
    an_zone *zone;
} sql_conf;

extern const an_option an_sql_options[];
/* Errors: INVAL, NOTFOUND no such zone, NOMEM.  done also after a failure. */
an_err an_sql_conf_read(sql_conf *c, const an_node *map, an_note *why);
void an_sql_conf_done(sql_conf *c);
/* Only what it takes to reach the database. */
an_err an_sql_conf_address(sql_conf *c, const an_node *map, an_note *why);

/* Rows on their way from the thread to the line. */
typedef struct sql_page {
    size_t n, at, cap;
    int64_t *time_ms; /* (cap) */
    float *values;    /* (cap, width) */
    uint8_t *quality; /* (cap, width) */
    char (*part)[AN_PART_MAX];
    char (*mark)[SQL_MARK_MAX]; /* the position after the row */
} sql_page;

enum {
    SQL_QUERIES,
    SQL_PAGES,
    SQL_BAD,     /* rows without a time or a bookmark */
    SQL_UNREAD,  /* values that are no number */
    SQL_UNKNOWN, /* tags that nobody asked for */
    SQL_COUNTERS
};

/* State shared by the two threads.  While `full` the page and `held` belong to the line, else to the fetching thread. */
typedef struct sql_state {
    sql_conf conf;
    an_device *device;
    int wake[2]; /* readable for the line when a page is full */

    pthread_mutex_t lock; /* of what follows up to `counters` */
    bool locked;          /* the mutex has been made */
    bool full, ended;
    uint64_t counters[SQL_COUNTERS];

    sql_page page;
    float *held;               /* (width) narrow form: the last value of each tag */
    uint8_t *held_quality;     /* (width) */
    char cursor[SQL_MARK_MAX]; /* the thread's: rows after this one are asked for */
    char type[64];             /* of the bookmark, "": not known yet */
    void *link;
    int64_t mark_ms; /* time of the group that is put together in the narrow form */

    /* The line's. */
    char at[SQL_MARK_MAX];     /* of the last row given out */
    char before[SQL_MARK_MAX]; /* the bookmark before that */
    uint32_t given;            /* rows of `at` so far */
    bool parted;               /* there are more of it in the page */
    char skip_mark[SQL_MARK_MAX];
    uint32_t skip;  /* after a restart: so many rows of skip_mark were given out before */
    float *at_held; /* (width) as it was then */
    uint8_t *at_held_quality;
    uint64_t row;
    bool restart;
    int64_t last_ms;
    uint64_t repeats;
} sql_state;

an_err an_sql_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why);

extern const an_device_type an_sql_device;
void an_sql_count(sql_state *s, int counter);

#endif
