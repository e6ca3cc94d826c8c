/* detect_plain.h - baselines of the task detect.  See tasks.h. */
#ifndef AN_COORDINATOR_LAB_TASKS_DETECT_PLAIN_H
#define AN_COORDINATOR_LAB_TASKS_DETECT_PLAIN_H

#include "coordinator/lab/tasks.h"

an_err an_lab_random_answer(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why);
/* Scaled by what is known as normal, with the experiment's threshold. */
an_err an_lab_largest_answer(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                             an_lab_exam *exams, size_t n, an_note *why);

#endif
