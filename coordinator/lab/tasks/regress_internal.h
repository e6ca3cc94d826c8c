/* regress_internal.h - what the files of the task regress share. */
#ifndef AN_COORDINATOR_LAB_TASKS_REGRESS_INTERNAL_H
#define AN_COORDINATOR_LAB_TASKS_REGRESS_INTERNAL_H

#include "coordinator/lab/tasks.h"

#define SITES_MAX 1000

typedef enum role { FIT, HOLD, TEST } role;

typedef struct reader {
    const an_experiment *e;
    const char *dir;
    an_lab_data *d;
    an_table_conf conf;
    const char *names[AN_LAB_NAMES_MAX], *ignore[AN_LAB_NAMES_MAX];
    const char *unit, *target;
    double cap, stream;
    size_t n_sites, rows, every; /* every: unit of a site that is held back; 0: none */
} reader;

/* One file: rows of sensors, and beside them target and unit. */
typedef struct sheet {
    float *rows; /* (n, width) */
    float *target, *unit;
    size_t n;
} sheet;

void an_lab_sheet_done(sheet *s);
/* The file's rows; the first file's sensors are everyone's.  Errors: PROTO, NOTFOUND a column, IO, NOMEM. */
an_err an_lab_sheet_read(reader *r, const char *path, sheet *ret, an_note *why);
/* site-1 to site-n.  Errors: NOMEM. */
an_err an_lab_regress_sites(reader *r, size_t n);
/* One window and what is to be said of it, unless a value is missing. */
an_err an_lab_regress_add(reader *r, size_t site, role as, const float *window, double label, double before,
                          uint32_t part);
an_err an_lab_regress_units(reader *r, an_note *why); /* the layout of that name */

an_err an_lab_regress_read(const an_experiment *e, const char *dir, an_lab_data *ret, an_note *why);

/* Answers that cost nothing (tasks.h: an_lab_baseline). */
an_err an_lab_regress_random(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                             an_lab_exam *exams, size_t n, an_note *why);
an_err an_lab_regress_mean(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                           size_t n, an_note *why);
an_err an_lab_regress_last(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                           size_t n, an_note *why);
an_err an_lab_regress_ridge(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why);
an_err an_lab_regress_trees(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why);
/* Mean of a column over the window's last rows, without what is missing; NAN: all is. */
double an_lab_regress_recent(const an_lab_data *d, const float *window, size_t column);

#endif
