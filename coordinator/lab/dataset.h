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
 *     folders   a folder per site, with a file to learn from, one to be judged on, one of
 * labels split     a folder per site, with files of which the first rows are to learn from and
 * the rest is to be judged on; a column holds the labels Sites and files are taken in natural
 * order: omi-2 before omi-10.  Names and widths come from what is read.
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

typedef enum an_lab_layout_kind { AN_LAB_FOLDERS, AN_LAB_SPLIT } an_lab_layout_kind;

/* Texts are borrowed. */
typedef struct an_lab_layout {
    an_lab_layout_kind kind;
    const char *train, *test, *labels;   /* FOLDERS: names of files */
    size_t train_rows;                   /* SPLIT: the first rows of a file */
    const char *sites[AN_LAB_NAMES_MAX]; /* folders that are sites; none: all that hold such files */
    size_t n_sites;
    const char *label; /* SPLIT: its column */
    const char *time;  /* column, or NULL */
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
    bool joined; /* test goes on where train ends */
} an_lab_series;

typedef struct an_lab_site {
    char name[AN_NAME_MAX];
    an_lab_series *series;
    size_t n_series;
    size_t width;
} an_lab_site;

typedef struct an_lab_data {
    an_lab_site *sites;
    size_t n_sites;
    size_t width;
    char **names; /* (width) of the sensors */
} an_lab_data;

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
    bool gaps;      /* windows with missing values, too: steps deal with them */
} an_lab_cut_opts;

/* The raw windows of one site, or of one of its series, in the parts that a site's trainer
 * knows. Rows are dealt out in blocks (AN_LAB_BLOCK), so that no window of one part shares a
 * row with the other; holdout goes to the pool's frozen part. */
#define AN_LAB_BLOCK 256
typedef struct an_lab_cut {
    float *fit, *hold; /* (n, context, width) */
    size_t n_fit, n_hold;
    an_site_data data; /* points into them */
} an_lab_cut;

/* series SIZE_MAX: all of them.  Errors: INVAL too few rows for one window, NOMEM. */
an_err an_lab_cut_new(const an_lab_data *d, size_t site, size_t series, const an_lab_cut_opts *opts,
                      an_lab_cut *ret, an_note *why);
void an_lab_cut_done(an_lab_cut *c);

#endif
