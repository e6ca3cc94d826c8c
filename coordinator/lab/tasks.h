/* tasks.h - what an experiment is about: one row of tasks.def and one file of tasks/ each.
 *
 *     const an_lab_task *task = an_lab_task_find("regress");      the experiment's `task:`
 *     err = task->read(&experiment, "data/cmapss", &data, &why);
 *
 * A task says how the data of the sites are read, what an answer is worth, and what trivial answers are printed
 * beside.  Local, pooled, federated and personalised training are the same code for all of them (arms.h), and so
 * are seeds, parts, JSON and tables.
 *
 * A new task (docs/recipes/add-a-task.md):
 *
 *   1. tasks/NAME.c defines `const an_lab_task an_lab_task_NAME`; tasks.def has a row AN_LAB_TASK(NAME).
 *   2. `read` fills an_lab_data: names and width, context (rows of a window), n_labels, and for each site its items
 *      (an_lab_items_add): fit to learn from, hold to choose settings by, test to be judged on.  What the file says
 *      under `data:` and `target:` is e->data and e->target; the task reads them, and nobody else does.
 *      A window is what the prep stage makes an input of; an image is one window of `height` rows.
 *   3. The model's loss decides what a label is: cross_entropy takes the number of the class (n_labels 1), other losses
 *      as many values as the model puts out (an_model_n_targets = n_labels).
 *   4. `judge` turns truth and answers of n items into figures (judge.h: AN_LAB_FIGURES; a new figure is a row there).
 *   5. `baselines`: answers that cost nothing, of the same form as a model's.
 *
 * Threads: tasks are constants; predict is called from several threads at once, for different sites. */
#ifndef AN_COORDINATOR_LAB_TASKS_H
#define AN_COORDINATOR_LAB_TASKS_H

#include "coordinator/lab/dataset.h"
#include "coordinator/lab/experiment.h"
#include "coordinator/lab/judge.h"

#define AN_LAB_BASELINES_MAX 6

/* Truth and answers of the same n items. */
typedef struct an_lab_answers {
    const an_lab_data *data;
    const an_experiment *experiment;
    const float *truth; /* (n, n_truth) labels, as in an_lab_items */
    const float *said;  /* (n, n_said) the model's outputs, or a baseline's */
    size_t n, n_truth, n_said;
} an_lab_answers;

/* What one site is judged on, and room for what a baseline says of it. */
typedef struct an_lab_exam {
    size_t site;
    size_t n, n_said; /* items of the test */
    float *said;      /* (n, n_said) */
} an_lab_exam;

typedef struct an_lab_baseline {
    const char *name, *about;
    /* Fills said of all exams.  Errors: UNSUPPORTED the data have no such answer: it is left out. */
    an_err (*answer)(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                     size_t n, an_note *why);
} an_lab_baseline;

typedef struct an_lab_task {
    const char *name;
    bool items;                   /* the data are items with labels; else series, as detect has them */
    const an_lab_figure *figures; /* of it, what counts most first; ends with AN_LAB_FIGURES_N */
    an_err (*read)(const an_experiment *e, const char *dir, an_lab_data *ret, an_note *why);
    /* What a version with an overlay says of the site's held-back and test items, in that order:
     * ret (hold.n + test.n, n_said).  NULL: the outputs of the model (an_lab_task_outputs). */
    an_err (*predict)(const an_lab_data *d, size_t site, const an_bundle *b, const an_overlay *o, float *ret,
                      an_note *why);
    /* How far each output is off: what is taken from it so that 0 is where it should be, by the held-back items of all sites
     * together.  ret (n_said), 0 before.  NULL: nothing is taken. */
    an_err (*level)(const an_lab_answers *held, float *ret, an_note *why);
    an_err (*judge)(const an_lab_answers *a, an_lab_figures *ret, an_note *why);
    /* Pictures of the same (plots.h), into the folder; about is their second line.  NULL: there are none. */
    an_err (*plot)(const an_lab_answers *a, const char *dir, const char *about, an_note *why);
    const an_lab_baseline *baselines;
    size_t n_baselines; /* up to AN_LAB_BASELINES_MAX */
} an_lab_task;

const an_lab_task *an_lab_task_find(const char *name); /* NULL: no such task */
const char *an_lab_task_names(void);                   /* of all, for errors */

/* The usual predict.  Errors: INVAL an item that the steps before the model pass over; NUMERIC; NOMEM. */
an_err an_lab_task_outputs(const an_lab_data *d, size_t site, const an_bundle *b, const an_overlay *o,
                           float *ret, an_note *why);

/* The same of inputs that are changed in place between the steps before the model and the model: x (n, inputs). */
typedef void an_lab_change(void *arg, float *x, size_t n);
an_err an_lab_task_outputs_of(const an_lab_data *d, size_t site, const an_bundle *b, const an_overlay *o,
                              an_lab_change *change, void *arg, float *ret, an_note *why);

/* Rows in a window as the experiment's prep makes them; needs d->names.  Errors: as the steps'. */
an_err an_lab_task_context(const an_experiment *e, const an_lab_data *d, size_t *ret, an_note *why);

/* The experiment's preprocessing for such sensors; *ret_chain is the caller's (an_chain_free) and ret borrows it. */
an_err an_lab_task_prep(const an_experiment *e, const an_lab_data *d, an_prep_conf *ret,
                        an_prep_chain **ret_chain, an_note *why);

#endif
