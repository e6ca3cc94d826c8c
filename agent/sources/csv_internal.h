/* csv_internal.h - the state of a csv source, shared by csv.c (reading) and csv_options.c (what
 * the configuration says). */
#ifndef AN_AGENT_SOURCES_CSV_INTERNAL_H
#define AN_AGENT_SOURCES_CSV_INTERNAL_H

#include <stdbool.h>

#include "agent/source.h"
#include "base/file.h"
#include "models/data/table.h"

#define CHUNK 65536
#define HEAD 512 /* first bytes that tell one file from another */

typedef struct csv {
    char path[AN_PATH_MAX];
    char pattern[AN_SOURCE_NAME_MAX]; /* names end so */
    bool is_dir, follow;
    int64_t poll_ms, start_ms, step_ms, gap_ms;
    an_table_conf conf;
    const char **lists[2]; /* columns, ignore: texts point into `texts` */
    char *texts;           /* all option texts, each terminated */
    size_t texts_len;

    an_table_reader *reader;
    an_names names;         /* of the folder, natural order */
    char file[AN_PATH_MAX]; /* name of the file being read, "" = none yet */
    int fd;                 /* -1 none */
    uint64_t offset;        /* bytes fed */
    uint8_t last_byte;
    uint8_t head[HEAD];
    size_t head_len;
    uint64_t line;    /* of the last row given out, in `file` */
    uint64_t skip_to; /* rows up to this line are dropped (after a restore) */
    bool restart;     /* the next row begins a new stretch */
    bool ended;       /* the reader has been told the end */
    uint64_t row;
    int64_t last_time_ms;

    bool has_first; /* a row read at open waits */
    float *first;
    an_table_row first_row;
    char bad_text[160];
    uint8_t chunk[CHUNK];
} csv;

extern const an_source_option an_csv_options[];

/* Fills the fields above `reader` from a mapping whose keys have been checked.
 * Errors: INVAL, NOMEM. */
an_err an_csv_options_read(csv *s, const an_node *map, an_note *why);

#endif
