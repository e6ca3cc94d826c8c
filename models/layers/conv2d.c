/* Convolution over an image: x (B, H, W, C), w (size, size, C / groups, F), y (B, H', W', F). */
#include "models/layers/conv_groups_internal.h"
#include "models/layers/conv_tiles_internal.h"

enum { FILTERS, SIZE, STRIDE, PADDING, GROUPS };

static const an_layer_opt opts[] = {
    {"filters", AN_LAYER_OPT_COUNT, true, 1, 65536, 0, NULL},
    {"size", AN_LAYER_OPT_COUNT, true, 1, 255, 0, NULL},
    {"stride", AN_LAYER_OPT_COUNT, false, 1, 255, 1, NULL},
    {"padding", AN_LAYER_OPT_CHOICE, false, 0, 0, 0, "valid same"},
    {"groups", AN_LAYER_OPT_COUNT, false, 1, 65536, 1, NULL},
    {0},
};

static an_conv geometry(const an_layer *l)
{
    size_t k = (size_t)l->opt[SIZE], stride = (size_t)l->opt[STRIDE];
    bool same = l->opt[PADDING] > 0.0;
    an_conv c = {
        .h = l->in.d[0], .w = l->in.d[1], .c = l->in.d[2], .kh = k, .kw = k, .sh = stride, .sw = stride};
    c.oh = an_conv_positions(c.h, k, stride, same, &c.top);
    c.ow = an_conv_positions(c.w, k, stride, same, &c.left);
    c.f = (size_t)l->opt[FILTERS];
    c.g = (size_t)l->opt[GROUPS];
    c.tiles = c.g == 1 && an_conv_tiles_pay(&c);
    return c;
}

static an_err sizes(an_layer *l, an_note *why)
{
    char text[AN_SHAPE_TEXT];
    an_shape_text(text, &l->in);
    if (l->in.n_dims != 3)
        return an_fail(AN_ERR_INVAL, why, "conv2d takes (height, width, channels), not %s", text);
    an_conv c = geometry(l);
    if (c.oh == 0 || c.ow == 0)
        return an_fail(AN_ERR_INVAL, why, "a kernel of size %zu does not fit into %s", c.kw, text);
    l->out = (an_shape){3, {c.oh, c.ow, c.f}};
    if (c.g > 1)
        return an_conv_groups_sizes(l, &c, why);
    an_conv_sizes(l, &c);
    return AN_OK;
}

static void prepare(const an_layer *l, const float *w, float *prepared)
{
    an_conv c = geometry(l);
    if (c.g <= 1)
        an_conv_prepare(&c, w, prepared);
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    an_conv c = geometry(l);
    (c.g > 1 ? an_conv_groups_forward : an_conv_forward)(l, p, &c, w, x[0], y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    an_conv c = geometry(l);
    (c.g > 1 ? an_conv_groups_backward : an_conv_backward)(l, p, &c, w, x[0], dy, dx[0], dw);
}

const an_layer_type an_layer_conv2d = {.name = "conv2d",
                                       .opts = opts,
                                       .reads_x = true,
                                       .fuses = true,
                                       .masks = true,
                                       .sizes = sizes,
                                       .prepare = prepare,
                                       .prepares_dx = true,
                                       .forward = forward,
                                       .backward = backward};
