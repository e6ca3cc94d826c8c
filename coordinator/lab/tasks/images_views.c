/* An image seen from several sides in use, as it was in training: left for right, top for bottom, and for square images turned by a
 * quarter.  What the model says of each is turned back, and the mean of that is the answer. */
#include <string.h>

#include "agent/calibrate.h"
#include "base/mem.h"
#include "coordinator/lab/tasks/images_internal.h"
#include "models/model.h"

enum { ACROSS = 1, DOWN = 2, TURN = 4 }; /* bits of a view's number */

typedef struct side {
    size_t height, width, depth; /* of an image, or of a mask */
    unsigned view;
} side;

/* Where the view has what is at (y, x): rows and columns change places first, then each is counted from the other end.  Turning
 * needs a square. */
static size_t place_of(const side *s, size_t y, size_t x)
{
    const size_t row = s->view & TURN ? x : y, column = s->view & TURN ? y : x;
    return (s->view & DOWN ? s->height - 1 - row : row) * s->width +
           (s->view & ACROSS ? s->width - 1 - column : column);
}

static void look(const side *s, const float *from, float *to)
{
    for (size_t y = 0; y < s->height; y++)
        for (size_t x = 0; x < s->width; x++)
            memcpy(to + place_of(s, y, x) * s->depth, from + (y * s->width + x) * s->depth,
                   s->depth * sizeof *to);
}

typedef struct viewer {
    side image;
    float *spare; /* one image */
} viewer;

static void see(void *arg, float *x, size_t n)
{
    const viewer *v = arg;
    const size_t each = v->image.height * v->image.width * v->image.depth;
    for (size_t i = 0; i < n; i++) {
        look(&v->image, x + i * each, v->spare);
        memcpy(x + i * each, v->spare, each * sizeof *x);
    }
}

/* sum += what was said, turned back. */
static void add_back(const side *mask, const float *said, size_t n_said, float *sum)
{
    if (mask->height == 0) {
        for (size_t k = 0; k < n_said; k++)
            sum[k] += said[k];
        return;
    }
    for (size_t y = 0; y < mask->height; y++)
        for (size_t x = 0; x < mask->width; x++)
            for (size_t p = 0; p < mask->depth; p++)
                sum[(y * mask->width + x) * mask->depth + p] += said[place_of(mask, y, x) * mask->depth + p];
}

static an_err outputs_of(const an_bundle *b, size_t *ret, an_note *why)
{
    an_model *m = NULL;
    an_err err = an_bundle_model(b, &m, why);
    if (err == AN_OK)
        *ret = an_model_n_outputs(m);
    an_model_free(m);
    return err;
}

an_err an_images_predict(const an_lab_data *d, size_t site, const an_bundle *b, const an_overlay *o,
                         float *ret, an_note *why)
{
    const an_images_goal *g = d->task_data;
    const an_lab_site *s = &d->sites[site];
    const size_t n = s->hold.n + s->test.n;
    size_t n_said = 0;
    if (g->views <= 1)
        return an_lab_task_outputs(d, site, b, o, ret, why);
    an_err err = outputs_of(b, &n_said, why);
    if (err != AN_OK)
        return err;
    viewer v = {.image = {d->context, d->width / g->channels, g->channels, 0}};
    side mask = {g->planes > 0 ? g->height : 0, g->width, g->planes, 0};
    float *said = an_alloc(n, n_said * sizeof *said);
    err = said && (v.spare = an_alloc(d->context, d->width * sizeof *v.spare)) ? AN_OK : AN_ERR_NOMEM;
    if (err == AN_OK)
        memset(ret, 0, n * n_said * sizeof *ret);
    for (unsigned view = 0; view < g->views && err == AN_OK; view++) {
        v.image.view = mask.view = view;
        err = an_lab_task_outputs_of(d, site, b, o, see, &v, said, why);
        for (size_t i = 0; i < n && err == AN_OK; i++)
            add_back(&mask, said + i * n_said, n_said, ret + i * n_said);
    }
    for (size_t k = 0; k < n * n_said && err == AN_OK; k++)
        ret[k] /= (float)g->views;
    an_free(v.spare);
    an_free(said);
    return err;
}
