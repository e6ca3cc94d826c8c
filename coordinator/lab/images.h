/* images.h - folders of images as tables, so that what works on tables works on images.
 *
 * A table holds the images of one folder below each other: an image is as many rows as it is high, a row
 * has width * channels values, and a window of a model is one image.  Where they lie says what they are:
 *
 *     gives back its input     images in the folder itself, or in `normal/` or `good/`: label 0;
 *                              in any other folder below it: label 1
 *     classes                  a folder for each class; the classes are numbered in natural order of their
 *                              names (2 before 10), or as the version says that they were learnt
 *     masks                    `images/` and `masks/`, with the same names before the dot; where a mask is
 *                              not black its target is 1
 *
 *     if (an_lab_images_at(path))
 *         err = an_lab_images_read(paths, n_paths, model, NULL, 0, &files, &why);
 *
 * Threads: pure functions but for the files that are read. */
#ifndef AN_COORDINATOR_LAB_IMAGES_H
#define AN_COORDINATOR_LAB_IMAGES_H

#include "coordinator/lab/files.h"
#include "models/model.h"

#define AN_LAB_IMAGES_MAX 1000000u

/* An image by its name, or a folder with one in it or in a folder below it. */
bool an_lab_images_at(const char *path);

/* extra (len): of the version, which says its classes; len 0: classes as the folders have them.
 * Errors: INVAL the model takes no images or says something else about them; PROTO an image of another
 * size (both sizes are named), a mask without image or the other way round, a folder that is no class;
 * NOTFOUND, IO, LIMIT, NOMEM. */
an_err an_lab_images_read(const char *const *paths, size_t n_paths, const an_model *m, const uint8_t *extra,
                          size_t len, an_lab_files *ret, an_note *why);

/* The names of classes as what a version keeps of them (bundle.h, extra), and back: *ret_names (*ret_n)
 * is none if it keeps none.  Errors: PROTO, NOMEM. */
an_err an_lab_classes_pack(const char *const *names, size_t n, uint8_t **ret_extra, size_t *ret_len);
an_err an_lab_classes_unpack(const uint8_t *extra, size_t len, an_names *ret_names, an_note *why);

#endif
