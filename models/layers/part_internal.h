/* part_internal.h - the part of a window that `omit` takes out and `insert` puts in. */
#ifndef AN_MODELS_LAYERS_PART_INTERNAL_H
#define AN_MODELS_LAYERS_PART_INTERNAL_H

#include "models/layer.h"

/* The options of both, first in their tables. */
enum { AN_PART_COLUMN, AN_PART_COLUMNS, AN_PART_ROWS, AN_PART_OPTS };
#define AN_PART_OPTIONS                                                                                      \
    {"column", AN_LAYER_OPT_COUNT, true, 0, 65536, 0, NULL},                                                 \
        {"columns", AN_LAYER_OPT_COUNT, false, 0, 65536, 1, NULL}, /* 0: all that follow */                  \
    {                                                                                                        \
        "rows", AN_LAYER_OPT_COUNT, false, 0, 65536, 0, NULL                                                 \
    } /* the last ones; 0: all */

/* Of a window (L, C) or a row (C). */
typedef struct an_part {
    size_t row, rows;     /* the first, and how many */
    size_t at, wide, all; /* in a row: the first column, how many, and columns in all */
} an_part;

an_part an_part_of(const an_layer *l);
/* Errors: INVAL the input is no window, or has no such part. */
an_err an_part_check(const an_layer *l, an_note *why);

#endif
