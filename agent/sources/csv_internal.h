/* csv_internal.h - the state of a csv source, shared by csv.c (reading) and csv_options.c (what
 * the configuration says). */
#ifndef AN_AGENT_SOURCES_CSV_INTERNAL_H
#define AN_AGENT_SOURCES_CSV_INTERNAL_H

#include <stdbool.h>

#include "agent/source.h"
#include "agent/sources/follow.h"
#include "models/data/table.h"

typedef struct csv_position {
    an_follow_place place;
    uint64_t line, header_at, row;
    int64_t last_time_ms;
} csv_position;

typedef struct csv {
    an_follow from;
    int64_t poll_ms, start_ms, step_ms, gap_ms;
    an_table_conf conf;
    const char **lists[3]; /* columns, ignore, names: texts point into `texts` */
    char *texts;           /* all option texts, each terminated */
    size_t texts_len;
    an_zone *zone;

    an_table_reader *reader;
    bool restart;   /* the next row begins a new stretch */
    bool skip_file; /* nothing of this file can be read */
    uint64_t row;
    int64_t last_time_ms;
    an_table_row at;     /* the last row given out in the present file: its line, end and header */
    uint64_t torn;       /* last lines that were cut off in the middle */
    uint64_t repeats;    /* rows of the same time as the one before */
    uint64_t lost_files; /* refused before the columns were known */
    uint64_t gone;       /* positions whose file was gone or another one at a restart */

    bool waiting; /* to go on at `kept` when the folder is there again */
    csv_position kept;

    bool has_first; /* a row read at open waits */
    float *first;
    uint8_t *first_quality;
    char first_part[AN_PART_MAX];
    an_table_row first_row;
    char bad_text[160];
    uint8_t chunk[AN_FOLLOW_CHUNK];
} csv;

extern const an_source_option an_csv_options[];

/* Fills the fields above `reader` from a mapping whose keys have been checked.
 * Errors: INVAL, NOMEM. */
an_err an_csv_options_read(csv *s, const an_node *map, an_note *why);

#endif
