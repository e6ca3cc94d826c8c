/* segment: which pixels of an image show a fault.  Dice and IoU are of the pixels of all images that show one, above 0 against not;
 * pixel_auroc of those of all images, and aupro of the regions that they make, each counting the same. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/tasks/images_internal.h"
#include "models/metrics.h"
#include "models/metrics_fit.h"
#include "models/metrics_region.h"

static an_err pixels(const an_lab_answers *a, an_lab_figures *ret)
{
    const an_images_goal *g = a->data->task_data;
    const size_t n = a->n * a->n_truth;
    uint8_t *labels = an_alloc_raw(n, 1);
    if (!labels)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        labels[i] = a->truth[i] > 0.5f;
    an_err err = an_auroc(a->said, labels, n, &ret->pixel_auroc);
    if (err == AN_OK && g->planes == 1)
        err = an_aupro(a->said, labels, a->n, g->height, g->width, AN_AUPRO_FAR, &ret->aupro);
    an_free(labels);
    return err;
}

static an_err judge(const an_lab_answers *a, an_lab_figures *ret, an_note *why)
{
    const size_t each = a->n_truth;
    uint64_t both = 0, either = 0, sum = 0;
    *ret = an_lab_figures_none();
    (void)why;
    for (size_t i = 0; i < a->n; i++) {
        const an_overlap o = an_overlap_of(a->truth + i * each, a->said + i * each, 1, each);
        if (o.tp + o.fn == 0)
            continue;
        both += o.tp;
        either += o.tp + o.fp + o.fn;
        sum += 2 * o.tp + o.fp + o.fn;
    }
    if (sum > 0) {
        ret->dice = 2 * (double)both / (double)sum;
        ret->iou = (double)both / (double)either;
    }
    return pixels(a, ret);
}

static an_err read(const an_experiment *e, const char *dir, an_lab_data *ret, an_note *why)
{
    an_lab_data d = {.n_labels = 0};
    an_err err = an_lab_images_task_read(e, dir, &d, why);
    if (err != AN_OK)
        return err;
    const an_images_goal *g = d.task_data;
    if (g->planes == 0) {
        an_lab_data_done(&d);
        return an_fail(AN_ERR_INVAL, why, "segment: learn: mask or masks");
    }
    *ret = d;
    return AN_OK;
}

static const an_lab_figure figures[] = {AN_LAB_dice, AN_LAB_iou, AN_LAB_pixel_auroc, AN_LAB_aupro,
                                        AN_LAB_FIGURES_N};
static const an_lab_baseline baselines[] = {
    {"always_on", "every pixel", an_images_always},
    {"random", "pixels drawn by lot", an_images_random},
    {"contrast", "how far a pixel is from its surroundings, against the 0.999 quantile of training images",
     an_images_contrast},
    {"padim",
     "one-class maps of fixed features by moments that sites add up; learns from normal images alone",
     an_images_padim},
    {"memory", "distance to the nearest of 500 pieces of the site's own normal images, which stay there",
     an_images_memory},
};

const an_lab_task an_lab_task_segment = {
    .name = "segment",
    .items = true,
    .figures = figures,
    .read = read,
    .predict = an_images_predict,
    .level = an_images_level_pixels,
    .judge = judge,
    .baselines = baselines,
    .n_baselines = sizeof baselines / sizeof *baselines,
};
