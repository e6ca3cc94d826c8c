/* images_internal.h - the state of an images source, shared by images.c (files and rows), images_parts.c (ids of parts) and
 * images_options.c (what the configuration says). */
#ifndef AN_AGENT_SOURCES_IMAGES_INTERNAL_H
#define AN_AGENT_SOURCES_IMAGES_INTERNAL_H

#include <sys/stat.h>

#include "agent/sources/picture.h"
#include "base/file.h"
#include "models/data/zone.h"

typedef struct images_item {
    char *name; /* borrowed from the list of names */
    int64_t written_ns;
    uint64_t size;
} images_item;

typedef struct images {
    char path[AN_PATH_MAX];
    char part_pattern[AN_PATH_MAX], parts_file[AN_PATH_MAX];
    bool follow, settle, by_time, time_in_name;
    int64_t poll_ms;
    an_zone *zone;
    an_picture picture;

    an_names names;     /* of the folder at the last look */
    images_item *items; /* (n_items) in order, those that are not done */
    size_t n_items, at_item, cap_items;
    char seen[AN_PATH_MAX]; /* the newest at the last look, and how it was */
    int64_t seen_ns, seen_ms;
    uint64_t seen_size;

    char failed[AN_PATH_MAX]; /* could not be read at the last try, and how it was */
    int64_t failed_ns, failed_ms;
    uint64_t failed_size;

    char file[AN_PATH_MAX]; /* the last one begun, "": none */
    int64_t file_ns;
    bool again;     /* it is to be begun once more, after a restart in its middle */
    an_image image; /* that is given out, row by row */
    size_t y;       /* its next row */
    an_row_image as_it_came;
    int64_t image_ms;
    char part[AN_PART_MAX];
    uint8_t quality;
    uint64_t row; /* of the next row to be given out */

    char *table; /* text of the file of parts */
    size_t table_len;
    int64_t table_ns;
    uint64_t files, bad, no_part;
    char bad_text[160];
} images;

extern const an_option an_images_options[];

/* Fills what stands above `names`.  Errors: INVAL, NOTFOUND no such zone, NOMEM. */
an_err an_images_options_read(images *s, const an_node *map, an_note *why);

/* The id of the part in a file's name, by a pattern like "{part}_{n}.png": {part} is what is asked for, any other name in braces
 * stands for any text, the rest for itself.  False: the name is not of the pattern. */
bool an_images_part(const char *pattern, const char *name, char out[static AN_PART_MAX]);

/* From the file of parts: lines of name and id.  False: it is not there (yet).  Errors: NOMEM. */
an_err an_images_part_listed(images *s, const char *name, char out[static AN_PART_MAX], bool *ret_found);

#endif
