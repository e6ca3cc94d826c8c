/* classify: what an image shows: a fault or none, or which of several classes.  The model says classes, or it says where something is
 * (learn: mask, masks), and the highest places of that say what the image is: small faults are a small part of an image, and
 * a mask says which. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/tasks/images_internal.h"
#include "models/metrics.h"
#include "models/metrics_fit.h"

size_t an_images_truth(const an_images_goal *g, const float *truth)
{
    if (g->planes == 0)
        return (size_t)truth[0];
    for (size_t k = 0; k < g->height * g->width * g->planes; k++)
        if (truth[k] > 0)
            return k % g->planes + 1;
    return 0;
}

/* Keeps the `keep` largest of what it is told, in a heap whose smallest is on top. */
static void keep_largest(float *heap, size_t keep, size_t n_seen, float v)
{
    size_t i = 0;
    if (n_seen < keep) {
        for (i = n_seen; i > 0 && heap[(i - 1) / 2] > v; i = (i - 1) / 2)
            heap[i] = heap[(i - 1) / 2];
        heap[i] = v;
        return;
    }
    if (v <= heap[0])
        return;
    for (size_t child = 1; child < keep; child = 2 * i + 1) {
        if (child + 1 < keep && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= v)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = v;
}

#define KEEP_MAX 4096u

static float top_of(const float *said, size_t n, size_t step, double top)
{
    float heap[KEEP_MAX];
    double sum = 0;
    size_t keep = (size_t)(top * (double)n + 0.5);
    keep = keep < 1 ? 1 : keep > KEEP_MAX ? KEEP_MAX : keep;
    for (size_t k = 0; k < n; k++)
        keep_largest(heap, keep, k, said[k * step]);
    for (size_t k = 0; k < keep; k++)
        sum += (double)heap[k];
    return (float)(sum / (double)keep);
}

void an_images_scores(const an_images_goal *g, const float *said, size_t n_said, float *ret)
{
    if (g->planes > 0) {
        for (size_t k = 0; k < g->planes; k++)
            ret[k] = top_of(said + k, g->height * g->width, g->planes, g->top);
        return;
    }
    for (size_t k = 1; k < g->n_classes; k++)
        ret[k - 1] = n_said == 1 ? said[0] : said[k] - said[0];
}

/* log of the odds that it is any fault, from those of each against none. */
static float any_of(const float *scores, size_t n, bool classes)
{
    float top = scores[0];
    double sum = 0;
    for (size_t k = 1; k < n; k++)
        top = scores[k] > top ? scores[k] : top;
    for (size_t k = 0; k < n; k++)
        sum += exp((double)scores[k] - (double)top);
    return classes ? (float)((double)top + log(sum)) : top;
}

static an_err judge_classes(const uint32_t *truth, const uint32_t *guess, size_t n, size_t k,
                            an_lab_figures *ret)
{
    an_classes c = {0};
    an_err err = an_classes_count(truth, guess, n, k, &c);
    if (err == AN_OK) {
        ret->accuracy = c.accuracy;
        ret->macro_f1 = c.macro_f1;
    }
    an_classes_done(&c);
    return err;
}

static an_err judge(const an_lab_answers *a, an_lab_figures *ret, an_note *why)
{
    const an_images_goal *g = a->data->task_data;
    uint32_t *truth = an_alloc(a->n, sizeof *truth), *guess = an_alloc(a->n, sizeof *guess);
    uint8_t *fault = an_alloc(a->n, 1);
    float *any = an_alloc(a->n, sizeof *any), scores[AN_IMAGE_SET_NAMES];
    double at = 0;
    an_err err = truth && guess && fault && any ? AN_OK : AN_ERR_NOMEM;
    (void)why;
    *ret = an_lab_figures_none();
    for (size_t i = 0; i < a->n && err == AN_OK; i++) {
        truth[i] = (uint32_t)an_images_truth(g, a->truth + i * a->n_truth);
        an_images_scores(g, a->said + i * a->n_said, a->n_said, scores);
        const uint32_t best = an_class_of(scores, g->n_classes - 1);
        guess[i] = scores[best] > 0 ? best + 1 : 0;
        fault[i] = truth[i] > 0;
        any[i] = any_of(scores, g->n_classes - 1, g->planes == 0);
    }
    if (err == AN_OK)
        err = an_auroc(any, fault, a->n, &ret->auroc);
    if (err == AN_OK)
        err = an_best_f1(any, fault, a->n, &ret->best_f1, &at);
    if (err == AN_OK) {
        const an_confusion c = an_confusion_at(any, fault, a->n, 0);
        const an_rates rates = an_rates_of(&c);
        ret->f1 = rates.f1;
        ret->far = rates.far;
        ret->mar = rates.mar;
        err = judge_classes(truth, guess, a->n, g->n_classes, ret);
    }
    an_free(truth);
    an_free(guess);
    an_free(fault);
    an_free(any);
    return err;
}

static const an_lab_figure figures[] = {AN_LAB_auroc, AN_LAB_macro_f1, AN_LAB_accuracy, AN_LAB_best_f1,
                                        AN_LAB_f1,    AN_LAB_far,      AN_LAB_mar,      AN_LAB_FIGURES_N};
static const an_lab_baseline baselines[] = {
    {"majority", "the class that most images are of", an_images_usual},
    {"random", "drawn by lot", an_images_random},
    {"always_on", "the first fault, whatever is shown", an_images_always},
    {"statistics", "nearest class by eight statistics of the image, all data in one place",
     an_images_statistics},
    {"memory", "distance to the nearest of 500 pieces of the site's own normal images, which stay there",
     an_images_memory},
};

const an_lab_task an_lab_task_classify = {
    .name = "classify",
    .items = true,
    .figures = figures,
    .read = an_lab_images_task_read,
    .predict = an_images_predict,
    .level = an_images_level_classes,
    .judge = judge,
    .baselines = baselines,
    .n_baselines = sizeof baselines / sizeof *baselines,
};
