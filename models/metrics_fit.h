/* metrics_fit.h - how good a model that learnt from labels is: classes, numbers, masks.
 *
 *     an_classes c = {0};
 *     err = an_classes_count(truth, guess, n, k, &c);
 *     printf("%.1f %%\n", 100 * c.accuracy);
 *     an_classes_done(&c);
 *
 *     an_fit f = an_fit_of(truth, guess, n);
 *
 * Threads: pure functions. */
#ifndef AN_MODELS_METRICS_FIT_H
#define AN_MODELS_METRICS_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_CLASSES_MAX 4096u

/* Of one class against all others. */
typedef struct an_class_rates {
    uint64_t n; /* rows that are of it */
    double precision, recall, f1;
} an_class_rates;

typedef struct an_classes {
    size_t k;
    uint64_t *counts;      /* (k, k): rows of class i that were taken for class j at [i * k + j] */
    an_class_rates *rates; /* (k) */
    double accuracy;
    double balanced; /* mean recall of the classes that occur */
    double macro_f1; /* mean F1 of the classes that occur in truth or guess */
} an_classes;

/* truth, guess (n): numbers of classes below k.  On success *ret is the caller's (an_classes_done).
 * Errors: INVAL k is 0 or more than AN_CLASSES_MAX, a number is not below k; NOMEM. */
an_err an_classes_count(const uint32_t *truth, const uint32_t *guess, size_t n, size_t k, an_classes *ret);
void an_classes_done(an_classes *c);

typedef struct an_fit {
    double mae, rmse;
    double r2;   /* 1 - squared errors / squared distances from the mean; NAN: the truth is constant */
    double bias; /* mean of guess - truth */
} an_fit;

/* n numbers; with n = 0 all are NAN. */
an_fit an_fit_of(const float *truth, const float *guess, size_t n);

/* What is marked in images, against what should be: counts of pixels. */
typedef struct an_overlap {
    uint64_t tp, fp, fn, tn;
    double precision, recall;
    double dice;     /* 2 tp / (2 tp + fp + fn), the F1 of pixels */
    double iou;      /* tp / (tp + fp + fn), the Jaccard index */
    double mean_iou; /* mean of the images' own; 1 for one where nothing is marked and nothing should be */
    double all_dice; /* of marking every pixel, which costs nothing */
} an_overlap;

/* truth (n, each): above 0.5 it should be marked; guess (n, each): above 0 it is.  What has no pixels to be
 * a share of is NAN. */
an_overlap an_overlap_of(const float *truth, const float *guess, size_t n, size_t each);

/* The number of the largest of k scores, the first of equals. */
uint32_t an_class_of(const float *scores, size_t k);

#endif
