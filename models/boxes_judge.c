/* Average precision of boxes. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "models/boxes.h"

#define OVERLAPS 10 /* .5, .55, ... .95 */

typedef struct ranked {
    const an_box *box;
    size_t at; /* in the list that was given: ties go to the first */
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->box->score < y->box->score || x->box->score > y->box->score)
        return x->box->score < y->box->score ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

/* The free truth that it overlaps most; n_truth: none by enough. */
static size_t choose(const an_box *truth, size_t n_truth, const bool *taken, const an_box *found, double iou)
{
    size_t best = n_truth;
    double most = iou;
    for (size_t i = 0; i < n_truth; i++) {
        if (taken[i] || truth[i].image != found->image || truth[i].class != found->class)
            continue;
        const double overlap = an_box_iou(&truth[i], found);
        if (overlap >= most && (best == n_truth || overlap > most)) {
            best = i;
            most = overlap;
        }
    }
    return best;
}

/* hit (n) in the order of scores. */
static double area_of(const bool *hit, size_t n, size_t n_truth)
{
    double sum = 0, highest = 0;
    size_t hits = 0;
    for (size_t i = 0; i < n; i++)
        hits += hit[i];
    for (size_t i = n; i-- > 0;) {
        if (!hit[i])
            continue;
        highest = fmax(highest, (double)hits / (double)(i + 1));
        sum += highest / (double)n_truth;
        hits--;
    }
    return sum;
}

an_err an_boxes_ap(const an_box *truth, size_t n_truth, const an_box *found, size_t n_found, uint32_t class,
                   double iou, double *ret)
{
    size_t n = 0, wanted = 0;
    ranked *order = an_alloc(n_found + 1, sizeof *order);
    bool *taken = an_alloc(n_truth + 1, sizeof *taken), *hit = an_alloc(n_found + 1, sizeof *hit);
    const an_err err = order && taken && hit ? AN_OK : AN_ERR_NOMEM;
    for (size_t i = 0; i < n_truth; i++)
        wanted += truth[i].class == class;
    for (size_t i = 0; i < n_found && err == AN_OK; i++)
        if (found[i].class == class)
            order[n++] = (ranked){&found[i], i};
    if (n > 0)
        qsort(order, n, sizeof *order, by_score);
    for (size_t i = 0; i < n; i++) {
        const size_t t = choose(truth, n_truth, taken, order[i].box, iou);
        hit[i] = t < n_truth;
        if (hit[i])
            taken[t] = true;
    }
    if (err == AN_OK)
        *ret = wanted > 0 ? area_of(hit, n, wanted) : NAN;
    an_free(order);
    an_free(taken);
    an_free(hit);
    return err;
}

an_err an_boxes_mean_ap(const an_box *truth, size_t n_truth, const an_box *found, size_t n_found,
                        size_t n_classes, double iou, double *ret)
{
    double sum = 0, n = 0, ap = 0;
    an_err err = AN_OK;
    for (uint32_t c = 0; c < n_classes && err == AN_OK; c++) {
        err = an_boxes_ap(truth, n_truth, found, n_found, c, iou, &ap);
        if (err == AN_OK && !isnan(ap)) {
            sum += ap;
            n++;
        }
    }
    if (err == AN_OK)
        *ret = n > 0 ? sum / n : NAN;
    return err;
}

an_err an_boxes_mean_ap_strict(const an_box *truth, size_t n_truth, const an_box *found, size_t n_found,
                               size_t n_classes, double *ret)
{
    double sum = 0, ap = 0;
    an_err err = AN_OK;
    for (size_t i = 0; i < OVERLAPS && err == AN_OK; i++) {
        err = an_boxes_mean_ap(truth, n_truth, found, n_found, n_classes, (double)(10 + i) / 20, &ap);
        sum += ap / OVERLAPS;
    }
    if (err == AN_OK)
        *ret = sum;
    return err;
}
