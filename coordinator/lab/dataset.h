/* dataset.h - what the laboratory works on: sites, each with one series or more of rows, each
 * series with rows to learn from and rows to be judged on.
 *
 *     an_lab_data data = {0};
 *     err = an_lab_data_read(&layout, "data/asd", &data, &why);
 *     err = an_lab_site_cut(&data.sites[0], &cut, SIZE_MAX, &site_data, &why);
 *     ...
 *     an_lab_cut_done(&cut);
 *     an_lab_data_done(&data);
 *
 * Layouts:
 *     folders   a folder per site, with a file to learn from, one to be judged on, one of labels
 *     split     a folder per site, with files of which the first rows are to learn from and the rest is to be judged
 *               on; a column holds the labels
 *     segments  one file to learn from, of which each site has a segment; files that all are judged on, each with a
 *               fault from a row on
 *
 * Sites and files are taken in natural order: omi-2 before omi-10.  Names and widths come from what is read.
 *
 * Threads: data only. */
#ifndef AN_COORDINATOR_LAB_DATASET_H
#define AN_COORDINATOR_LAB_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/data.h"
#include "agent/sim.h"
#include "base/err.h"
#include "base/terms.h"
#include "models/data/table.h"

#define AN_LAB_NAMES_MAX 64

typedef enum an_lab_layout_kind { AN_LAB_FOLDERS, AN_LAB_SPLIT, AN_LAB_SEGMENTS } an_lab_layout_kind;

/* Texts are borrowed. */
typedef struct an_lab_layout {
    an_lab_layout_kind kind;
    const char *train, *test, *labels;   /* FOLDERS: names of files */
    size_t train_rows;                   /* SPLIT: the first rows of a file */
    const char *sites[AN_LAB_NAMES_MAX]; /* folders that are sites; none: all that hold such files */
    size_t n_sites;
    const char *label; /* SPLIT: its column */
    /* SEGMENTS */
    size_t n_segments; /* of the rows of `train`: one site each */
    bool transposed;   /* in the file of `train` a line is a sensor */
    const char
        *calibrate; /* normal rows that thresholds come from; NULL: some of the site's own are held back */
    const char *tests[AN_LAB_NAMES_MAX]; /* each site is judged on all of them; each is a part */
    size_t n_tests;
    const char *normal[AN_LAB_NAMES_MAX]; /* likewise, without a fault */
    size_t n_normal;
    size_t fault_row;                    /* rows before the fault of a test */
    const char *apart[AN_LAB_NAMES_MAX]; /* tests that the part "rest" is without */
    size_t n_apart;
    const char *time; /* column, or NULL */
    const char *ignore[AN_LAB_NAMES_MAX];
    size_t n_ignore;
    char delimiter; /* 0: found out */
    an_table_header header;
} an_lab_layout;

typedef struct an_lab_series {
    char name[AN_NAME_MAX];
    float *train; /* (n_train, width) */
    size_t n_train;
    float *test;     /* (n_test, width) */
    uint8_t *labels; /* (n_test) 1: anomalous */
    size_t n_test;
    bool joined;   /* test goes on where train ends */
    uint32_t part; /* of an_lab_data.parts; 0 without them */
} an_lab_series;

/* What a model that learns from labels works on: windows with what is to be said of each. */
typedef struct an_lab_items {
    float *raw;      /* (n, context, width) */
    float *labels;   /* (n, n_labels) */
    float *before;   /* (n) the label one row before, for who says that nothing changes; NAN: unknown */
    uint32_t *parts; /* (n) of an_lab_data.parts; 0 without them */
    size_t n;
    size_t caps[4]; /* of the arrays */
} an_lab_items;

/* Either series, or items. */
typedef struct an_lab_site {
    char name[AN_NAME_MAX];
    an_lab_series *series;
    size_t n_series;
    size_t width;
    float *
        calm; /* (n_calm, width) rows that only thresholds are made from; NULL: training rows are held back */
    size_t n_calm;
    an_lab_items fit, hold, test; /* to learn from, to choose settings by, to be judged on */
} an_lab_site;

typedef struct an_lab_data {
    an_lab_site *sites;
    size_t n_sites;
    size_t width;
    char **names;    /* (width) of the sensors */
    size_t context;  /* rows of an item's window */
    size_t n_labels; /* values of its label; 0: the sites have series */
    char **parts;    /* (n_parts) what figures are told apart by */
    size_t n_parts;  /* 0: there are none */
    size_t n_first; /* parts that are learnt from first; the others come one after the other, each item in the
                        * order of parts.  0: all are there from the beginning */
    bool *apart;    /* (n_parts) not in the last part, which is all the others together; NULL: no such part */
    double zero, unit; /* numbers: a label y is said as (y - zero) / unit */
    bool clip;         /* ... and no answer is below 0 or above 1 of it */
    void *task_data;   /* what a task keeps of its own; released by task_done */
    void (*task_done)(void *task_data);
} an_lab_data;

/* Copies one item.  Errors: NOMEM. */
an_err an_lab_items_add(const an_lab_data *d, an_lab_items *to, const float *raw, const float *label,
                        float before, uint32_t part);
void an_lab_items_done(an_lab_items *i);
/* The number of a part, made if it is new.  Errors: NOMEM. */
an_err an_lab_data_part(an_lab_data *d, const char *name, uint32_t *ret);
bool an_lab_in_part(const an_lab_data *d, uint32_t part,
                    uint32_t of); /* is what is `of` a part in this one? */

/* Errors: NOTFOUND, PROTO files that do not fit one another, IO, LIMIT, NOMEM. */
an_err an_lab_data_read(const an_lab_layout *layout, const char *dir, an_lab_data *ret, an_note *why);

/* n_sites plants of a simulated line: rows to learn from without events, then as many with the
 * events of conf, whose rows count from the beginning of the second part.
 * Errors: as an_sim_new, LIMIT. */
an_err an_lab_data_simulate(const an_sim_conf *conf, size_t n_sites, size_t rows, an_lab_data *ret,
                            an_note *why);
void an_lab_data_done(an_lab_data *d);

/* ---- from rows to raw windows ---- */

typedef struct an_lab_cut_opts {
    size_t context, stride;
    double holdout; /* share of the rows that no parameter is fitted on, [0, 0.5] */
    double keep;    /* the last share of each series' training rows is used; 1: all */
    size_t block;   /* rows that belong together, as those of an image; 0: AN_LAB_BLOCK */
    size_t upto;    /* of items: the parts before this one; 0: all */
    bool gaps;      /* windows with missing values, too: steps deal with them */
} an_lab_cut_opts;

/* The raw windows of one site, or of one of its series, in the parts that a site's trainer
 * knows. Rows are dealt out in blocks (AN_LAB_BLOCK), so that no window of one part shares a
 * row with the other; holdout goes to the pool's frozen part. */
#define AN_LAB_BLOCK 256
typedef struct an_lab_cut {
    float *fit, *hold; /* (n, context, width); NULL of items, which are borrowed */
    size_t n_fit, n_hold;
    an_site_data data; /* points into them */
} an_lab_cut;

/* series SIZE_MAX: all of them.  Errors: INVAL too few rows for one window, NOMEM. */
an_err an_lab_cut_new(const an_lab_data *d, size_t site, size_t series, const an_lab_cut_opts *opts,
                      an_lab_cut *ret, an_note *why);
void an_lab_cut_done(an_lab_cut *c);

#endif
