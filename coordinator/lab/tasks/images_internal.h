/* images_internal.h - what the tasks on images share: reading a set of images, simple statistics of them, figures. */
#ifndef AN_COORDINATOR_LAB_TASKS_IMAGES_INTERNAL_H
#define AN_COORDINATOR_LAB_TASKS_IMAGES_INTERNAL_H

#include "coordinator/lab/image_set.h"
#include "coordinator/lab/tasks.h"
#include "models/boxes.h"

/* What a label is; an_lab_data.task_data. */
typedef struct an_images_goal {
    size_t n_classes;     /* of the model's answer: 0 is the normal one */
    size_t planes;        /* of a mask; 0: a label is the number of a class */
    size_t height, width; /* of a plane */
    double top;           /* share of a plane's places whose mean is the plane's score */
    size_t channels;      /* of an image */
    unsigned views;       /* sides that an image is seen from in use; up to 1: as it is */
    bool level;           /* 0 is where held-back images say */
    an_box_grid boxes;    /* cell 0: a label is no grid of boxes */
    size_t join, least;   /* pixels between marks that are one fault; of a fault */
} an_images_goal;

an_err an_lab_images_task_read(const an_experiment *e, const char *dir, an_lab_data *ret, an_note *why);

/* Boxes of a mask (h, w): ret (n_labels).  class: from 0, of the faults.  Errors: NOMEM. */
an_err an_images_boxes_label(const an_images_goal *g, const float *mask, size_t h, size_t w, size_t class,
                             float *ret);

/* The class of a truth, and of an answer: one score for each class but the normal one, above 0 it is likelier than that.
 * ret (n_classes - 1). */
size_t an_images_truth(const an_images_goal *g, const float *truth);
void an_images_scores(const an_images_goal *g, const float *said, size_t n_said, float *ret);

/* tasks.h: an_lab_task.predict, with an image seen from several sides. */
an_err an_images_predict(const an_lab_data *d, size_t site, const an_bundle *b, const an_overlay *o,
                         float *ret, an_note *why);

/* tasks.h: an_lab_task.level.  As many of the images are said to be of a class as are; as many pixels of those that show a fault. */
an_err an_images_level_classes(const an_lab_answers *held, float *ret, an_note *why);
an_err an_images_level_pixels(const an_lab_answers *held, float *ret, an_note *why);

/* Answers that cost nothing (tasks.h: an_lab_baseline). */
an_err an_images_usual(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                       size_t n, an_note *why);
an_err an_images_random(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                        size_t n, an_note *why);
an_err an_images_always(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                        size_t n, an_note *why);
an_err an_images_statistics(const an_experiment *e, const an_lab_data *d, size_t n_threads,
                            an_lab_exam *exams, size_t n, an_note *why);
an_err an_images_contrast(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                          size_t n, an_note *why);
an_err an_images_memory(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                        size_t n, an_note *why);
an_err an_images_padim(const an_experiment *e, const an_lab_data *d, size_t n_threads, an_lab_exam *exams,
                       size_t n, an_note *why);

#endif
