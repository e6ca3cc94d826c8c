/* evaluate_plots.h - the pictures of an evaluation, in a folder.
 *
 *     detectors          histogram.svg, confusion.svg, roc.svg, pr.svg, and trace.svg, or trace-1.svg,
 *                        trace-2.svg ... with several tables (the first AN_LAB_TRACES of them)
 *     classes            confusion.svg
 *     numbers            fit.svg
 *     forecasts          fit-1.svg, fit-2.svg ... of each sensor (the first AN_LAB_TRACES of them)
 *
 * Threads: pure functions but for the files. */
#ifndef AN_COORDINATOR_LAB_EVALUATE_PLOTS_H
#define AN_COORDINATOR_LAB_EVALUATE_PLOTS_H

#include "coordinator/lab/detection.h"
#include "coordinator/lab/files.h"
#include "coordinator/lab/labelled.h"

#define AN_LAB_TRACES 64u

/* Of all files one after the other.  All is borrowed. */
typedef struct an_lab_scored {
    const an_lab_files *files;
    const float *scores; /* (n) in units of the threshold */
    const uint8_t *labels;
    size_t n;
    double threshold;
    const an_lab_detection *all;
} an_lab_scored;

/* "pump.andon on fault.csv, 600 rows" */
void an_lab_about(char *ret, size_t size, const char *version, const an_lab_files *files, size_t n,
                  const char *what);

/* The folder is made where it is missing.  Adds the paths to list (may be NULL), and their number to
 * *ret_n.  Errors: LIMIT, IO, NUMERIC, NOMEM. */
an_err an_lab_plot_detection(const an_lab_scored *d, const char *dir, const char *about, an_json *list,
                             size_t *ret_n, an_note *why);
an_err an_lab_plot_fitness(const an_lab_fitness *f, const an_sensor *names, const char *label,
                           const char *dir, const char *about, an_json *list, size_t *ret_n, an_note *why);

#endif
