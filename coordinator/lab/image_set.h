/* image_set.h - images that a table lists: what each shows, where it was taken, what it is for.
 *
 *     image,mask,class,site,tile_group,split
 *     MT_Crack/Imgs/exp1_num_3.jpg,MT_Crack/Imgs/exp1_num_3.png,crack,exp1,17,train
 *
 * `image`, `class` and `split` (train or test) are needed.  `mask`: an image of the same size, what is not black in it is
 * the fault; an empty field, or no such column: nothing is marked.  `site`: without it all are of the site "all".
 * `tile_group`: a whole number; images with the same one show the same thing, which is why a group that is in train
 * and in test is refused.  Other columns are not looked at.
 *
 *     const an_image_set_conf conf = {.index = "split.csv", .height = 96, .width = 96, .channels = 1, .level = true};
 *     err = an_image_set_read(dir, &conf, &set, &why);
 *     ...
 *     an_image_set_done(&set);
 *
 * The table is not trusted: names lead into the folder or are refused, whatever they are written like and whatever links lie
 * there; everything is bounded.
 *
 * Threads: pure functions but for the files that are read. */
#ifndef AN_COORDINATOR_LAB_IMAGE_SET_H
#define AN_COORDINATOR_LAB_IMAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"

#define AN_IMAGE_SET_MAX 100000u        /* images */
#define AN_IMAGE_SET_BYTES (16u << 20)  /* of the table */
#define AN_IMAGE_SET_VALUES (1u << 28)  /* of all images together */
#define AN_IMAGE_SET_NAMES 64u          /* classes; sites */
#define AN_IMAGE_SET_GROUP_MAX 9999999u /* largest number of a group */

typedef struct an_image_set_conf {
    const char *index;              /* name of the table in the folder */
    size_t height, width, channels; /* of what is given back; channels: 1 or 3 */
    double roi[4];                  /* the part that is looked at: left, top, width, height, as shares of the
                                        image; all 0: the whole */
    bool level;                     /* each image to mean 0 and standard deviation 1; else 0..1 */
    const char *normal;             /* the class that has number 0; NULL: the first by name */
    const char *const *sites;       /* NULL: all; images of other sites are left out */
    size_t n_sites;
    bool masks; /* read them */
} an_image_set_conf;

typedef struct an_image_item {
    uint32_t class, site, group;
    bool test;
    bool marked; /* some pixel of its mask is 1 */
} an_image_item;

typedef struct an_image_set {
    size_t n, height, width, channels;
    an_image_item *items;
    float *x;     /* (n, height, width, channels) */
    float *masks; /* (n, height, width) 1: more than a quarter of the pixel is marked; NULL: not read */
    an_names classes, sites; /* in natural order, but for `normal`, which is first */
} an_image_set;

/* Errors: INVAL conf, or no such class or site as it names; PROTO the table is none of these, with the line; a mask of
 * another size; a name that leads out of the folder; LIMIT; NOTFOUND, IO, NOMEM. */
an_err an_image_set_read(const char *dir, const an_image_set_conf *conf, an_image_set *ret, an_note *why);
void an_image_set_done(an_image_set *s);

/* Which of `folds` parts a group belongs to, [0, folds): the same for all its images, on every machine.  For parts of the
 * training images that settings are chosen on. */
size_t an_image_set_fold(uint32_t group, size_t folds, uint64_t seed);

#endif
