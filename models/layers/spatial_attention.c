/* The spatial half of CBAM (Woo et al. 2018): each place is weighed by a gate that sees the mean and
 * the maximum over the channels around it,
 *
 *     gate = sigmoid(b + size x size convolution of (mean, maximum), zeros around)
 *
 * A sequence is an image of height 1 under a kernel of height 1.  channel_attention is the other half. */
#include "models/kernels/vec.h"
#include "models/layer.h"

#include <string.h>

enum { SIZE };
enum { MEAN, MOST, MAPS };

static const an_layer_opt opts[] = {
    {"size", AN_LAYER_OPT_COUNT, false, 1, 31, 7, NULL},
    {0},
};

/* h, w: of the image; kh, kw: of the kernel; top, left: its places before the middle. */
typedef struct field {
    size_t h, w, c, kh, kw, top, left;
} field;

static field field_of(const an_layer *l)
{
    const bool image = l->in.n_dims == 3;
    const size_t size = (size_t)l->opt[SIZE];
    field f = {.h = image ? l->in.d[0] : 1,
               .w = l->in.d[image ? 1 : 0],
               .c = l->in.d[l->in.n_dims - 1],
               .kh = image ? size : 1,
               .kw = size};
    f.top = (f.kh - 1) / 2;
    f.left = (f.kw - 1) / 2;
    return f;
}

static an_err sizes(an_layer *l, an_note *why)
{
    if (l->in.n_dims < 2) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "spatial_attention takes a sequence or an image, not %s", text);
    }
    const field f = field_of(l);
    l->out = l->in;
    l->weights[l->n_weights++] =
        an_layer_spread("w", f.kh * f.kw * MAPS, 1, 3, (const size_t[]){f.kh, f.kw, MAPS});
    l->weights[l->n_weights++] = an_layer_constant("b", AN_LAYER_START_ZERO, 1);
    l->n_saved_row = f.h * f.w * (MAPS + 1); /* the two maps, and the gate */
    l->n_scratch = f.h * f.w * (MAPS + 1);   /* their gradients */
    return AN_OK;
}

static void make_maps(const field *f, const float *x, float *maps)
{
    for (size_t i = 0; i < f->h * f->w; i++, x += f->c) {
        float sum = 0.0f, most = x[0];
        for (size_t k = 0; k < f->c; k++) {
            sum += x[k];
            most = x[k] > most ? x[k] : most;
        }
        maps[i * MAPS + MEAN] = sum / (float)f->c;
        maps[i * MAPS + MOST] = most;
    }
}

/* The rows (or columns) of a kernel that lie on the image when its middle is at `at`: from *ret_first
 * to before *ret_end. */
static void on_image(size_t at, size_t before, size_t k, size_t n, size_t *ret_first, size_t *ret_end)
{
    *ret_first = at < before ? before - at : 0;
    *ret_end = n - at + before < k ? n - at + before : k;
}

typedef void visit_fn(void *ctx, size_t place, size_t weight, size_t under);

/* Calls visit for each weight of the kernel around each place and the place under that weight. */
static inline void visit_all(const field *f, visit_fn *visit, void *ctx)
{
    for (size_t i = 0; i < f->h; i++)
        for (size_t j = 0; j < f->w; j++) {
            size_t r, r_end, q_first, q_end;
            on_image(i, f->top, f->kh, f->h, &r, &r_end);
            on_image(j, f->left, f->kw, f->w, &q_first, &q_end);
            for (; r < r_end; r++)
                for (size_t q = q_first; q < q_end; q++)
                    visit(ctx, i * f->w + j, r * f->kw + q, (i + r - f->top) * f->w + j + q - f->left);
        }
}

typedef struct convolution {
    const float *w, *maps;
    float *gate; /* forward: what comes out; backward: the gradient of that */
    float *dw, *dmaps;
} convolution;

static void add_forward(void *ctx, size_t place, size_t weight, size_t under)
{
    const convolution *c = ctx;
    for (size_t m = 0; m < MAPS; m++)
        c->gate[place] += c->w[weight * MAPS + m] * c->maps[under * MAPS + m];
}

static void add_backward(void *ctx, size_t place, size_t weight, size_t under)
{
    const convolution *c = ctx;
    for (size_t m = 0; m < MAPS; m++) {
        c->dw[weight * MAPS + m] += c->gate[place] * c->maps[under * MAPS + m];
        c->dmaps[under * MAPS + m] += c->gate[place] * c->w[weight * MAPS + m];
    }
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const field f = field_of(l);
    const size_t places = f.h * f.w;
    const float b = w[l->weight_at[1]];
    for (size_t row = 0; row < p->batch; row++) {
        const float *x0 = x[0] + row * l->in_n;
        float *y0 = y + row * l->in_n;
        float *maps = p->saved + row * l->n_saved_row, *gate = maps + MAPS * places;
        convolution c = {.w = w, .maps = maps, .gate = gate};
        make_maps(&f, x0, maps);
        for (size_t i = 0; i < places; i++)
            gate[i] = b;
        visit_all(&f, add_forward, &c);
        an_vec_get()->sigmoid(places, gate, gate);
        for (size_t i = 0; i < places; i++)
            for (size_t k = 0; k < f.c; k++)
                y0[i * f.c + k] = x0[i * f.c + k] * gate[i];
    }
}

/* Through the gate and both maps to x. */
static void write_dx(const field *f, const float *x, const float *dy, const float *maps, const float *gate,
                     const float *dmaps, float *dx)
{
    for (size_t i = 0; i < f->h * f->w; i++, x += f->c, dy += f->c, dx += f->c) {
        const float mean = dmaps[i * MAPS + MEAN] / (float)f->c;
        bool found = false;
        for (size_t k = 0; k < f->c; k++) {
            const bool first = !found && x[k] == maps[i * MAPS + MOST];
            dx[k] = dy[k] * gate[i] + mean + (first ? dmaps[i * MAPS + MOST] : 0.0f);
            found = found || first;
        }
    }
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    const field f = field_of(l);
    const size_t places = f.h * f.w;
    for (size_t row = 0; row < p->batch; row++) {
        const float *x0 = x[0] + row * l->in_n, *dy0 = dy + row * l->in_n;
        const float *maps = p->saved + row * l->n_saved_row, *gate = maps + MAPS * places;
        float *dmaps = p->scratch, *dgate = dmaps + MAPS * places;
        convolution c = {.w = w, .maps = maps, .gate = dgate, .dw = dw, .dmaps = dmaps};
        memset(dmaps, 0, MAPS * places * sizeof *dmaps);
        for (size_t i = 0; i < places; i++) {
            float sum = 0.0f;
            for (size_t k = 0; k < f.c; k++)
                sum += dy0[i * f.c + k] * x0[i * f.c + k];
            dgate[i] = sum * gate[i] * (1.0f - gate[i]);
            dw[l->weight_at[1]] += dgate[i];
        }
        visit_all(&f, add_backward, &c);
        if (dx[0])
            write_dx(&f, x0, dy0, maps, gate, dmaps, dx[0] + row * l->in_n);
    }
}

const an_layer_type an_layer_spatial_attention = {.name = "spatial_attention",
                                                  .opts = opts,
                                                  .reads_x = true,
                                                  .sizes = sizes,
                                                  .forward = forward,
                                                  .backward = backward};
