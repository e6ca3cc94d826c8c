/* Where 0 of an answer lies.  A loss that makes up for faults that are few moves it, and so does training that has not ended; and the answers of
 * several seeds are means only of what is said on the same scale.  Held-back images say it without another search: a class is said as often
 * as it is there, where what is said too much and what is missed are as many. */
#include <stdlib.h>

#include "base/mem.h"
#include "coordinator/lab/tasks/images_internal.h"

static int falling(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* Between the count-th largest of n and the next; sorts. */
static float level_of(float *v, size_t n, size_t count)
{
    if (count == 0 || count >= n) /* nothing to tell apart */
        return 0;
    qsort(v, n, sizeof *v, falling);
    return v[count - 1] / 2 + v[count] / 2;
}

an_err an_images_level_classes(const an_lab_answers *held, float *ret, an_note *why)
{
    const an_images_goal *g = held->data->task_data;
    const size_t classes = g->n_classes - 1;
    float scores[AN_IMAGE_SET_NAMES];
    (void)why;
    if (!g->level)
        return AN_OK;
    float *v = an_alloc(held->n, sizeof *v);
    if (!v)
        return AN_ERR_NOMEM;
    for (size_t c = 0; c < classes; c++) {
        size_t count = 0;
        for (size_t i = 0; i < held->n; i++) {
            const size_t truth = an_images_truth(g, held->truth + i * held->n_truth);
            count += classes == 1 ? truth > 0 : truth == c + 1;
            an_images_scores(g, held->said + i * held->n_said, held->n_said, scores);
            v[i] = scores[c];
        }
        const float level = level_of(v, held->n, count);
        if (g->planes > 0)
            for (size_t k = c; k < held->n_said; k += g->planes)
                ret[k] = level;
        else
            ret[held->n_said == 1 ? 0 : c + 1] = level;
    }
    an_free(v);
    return AN_OK;
}

an_err an_images_level_pixels(const an_lab_answers *held, float *ret, an_note *why)
{
    const an_images_goal *g = held->data->task_data;
    const size_t each = held->n_truth;
    size_t n = 0, count = 0;
    (void)why;
    if (!g->level)
        return AN_OK;
    float *v = an_alloc(held->n, each * sizeof *v);
    if (!v)
        return AN_ERR_NOMEM;
    for (size_t i = 0; i < held->n; i++) {
        if (an_images_truth(g, held->truth + i * each) == 0)
            continue;
        for (size_t k = i * each; k < (i + 1) * each; k++) {
            v[n++] = held->said[k];
            count += held->truth[k] > 0.5f;
        }
    }
    const float level = level_of(v, n, count);
    for (size_t k = 0; k < held->n_said; k++)
        ret[k] = level;
    an_free(v);
    return AN_OK;
}
