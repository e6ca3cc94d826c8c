/* Squeeze and excitation (Hu, Shen and Sun 2018): each channel is weighed by a gate that sees the mean
 * of every channel. */
#include "models/layers/gate_internal.h"

#define LOOKS 1u

enum { RATIO };

static const an_layer_opt opts[] = {
    {"ratio", AN_LAYER_OPT_COUNT, false, 1, 1024, 16, NULL},
    {0},
};

static an_err sizes(an_layer *l, an_note *why)
{
    return an_gate_sizes(l, (size_t)l->opt[RATIO], LOOKS, why);
}

static double flops(const an_layer *l)
{
    return an_gate_flops(l, LOOKS);
}

static void forward(const an_layer *l, const an_pass *p, const float *w, const float *const x[], float *y)
{
    const an_gate g = an_gate_of(l, (size_t)l->opt[RATIO], LOOKS);
    an_gate_forward(&g, l, p, w, x[0], y);
}

static void backward(const an_layer *l, const an_pass *p, const float *w, const float *const x[],
                     const float *y, const float *dy, float *const dx[], float *dw)
{
    (void)y;
    const an_gate g = an_gate_of(l, (size_t)l->opt[RATIO], LOOKS);
    an_gate_backward(&g, l, p, w, x[0], dy, dx[0], dw);
}

const an_layer_type an_layer_squeeze_excite = {.name = "squeeze_excite",
                                               .opts = opts,
                                               .reads_x = true,
                                               .sizes = sizes,
                                               .flops = flops,
                                               .forward = forward,
                                               .backward = backward};
