/* Layers that look at places: convolutions, pools, recurrent layers, gates. */
#include <string.h>

#include "models/onnx/export_internal.h"

/* Zeros before and after n values so that a kernel of k has ceil(n / stride) positions, the odd one at
 * the end. */
static void same_pads(size_t n, size_t k, size_t stride, int64_t *ret_before, int64_t *ret_after)
{
    const size_t reach = ((n + stride - 1) / stride - 1) * stride + k;
    const size_t all = reach > n ? reach - n : 0;
    *ret_before = (int64_t)(all / 2);
    *ret_after = (int64_t)(all - all / 2);
}

/* The kernel's attributes; pads as ONNX has them: all befores, then all afters. */
static void put_window(an_onnx_writer *w, Onnx__NodeProto *node, const an_layer *l, bool same)
{
    const size_t n = l->in.n_dims - 1, k = (size_t)an_onnx_opt(l, "size", 1);
    const double given = an_onnx_opt(l, "stride", 1);
    const size_t stride = given > 0.0 ? (size_t)given : k;
    int64_t sizes[2] = {(int64_t)k, (int64_t)k}, strides[2] = {(int64_t)stride, (int64_t)stride},
            pads[4] = {0};
    for (size_t i = 0; i < n && same; i++)
        same_pads(l->in.d[i], k, stride, &pads[i], &pads[n + i]);
    an_onnx_put_ints(w, node, "kernel_shape", n, sizes);
    an_onnx_put_ints(w, node, "strides", n, strides);
    an_onnx_put_ints(w, node, "pads", 2 * n, pads);
}

/* (kh, kw, C, F) becomes (F, C, kh, kw); of a sequence, (F, C, kw). */
static const char *kernel(an_onnx_writer *w, const an_layer *l)
{
    const size_t *d = l->weights[0].dims, places = d[0] * d[1], c = d[2], f = d[3];
    const size_t image[] = {f, c, d[0], d[1]}, sequence[] = {f, c, d[1]};
    const float *from = an_onnx_weight(w, l, "w");
    const char *name;
    float *to = an_onnx_floats(w, l, "w", l->in.n_dims + 1, l->in.n_dims == 3 ? image : sequence, &name);
    for (size_t p = 0; to && p < places; p++)
        for (size_t i = 0; i < c; i++)
            for (size_t j = 0; j < f; j++)
                to[(j * c + i) * places + p] = from[(p * c + i) * f + j];
    return name;
}

void an_onnx_export_conv(an_onnx_writer *w, const an_layer *l)
{
    const char *weights = kernel(w, l);
    const char *bias = an_onnx_copy(w, l, "b", l->weights[1].dims[0], an_onnx_weight(w, l, "b"));
    Onnx__NodeProto *node =
        an_onnx_node(w, l, "", "Conv", an_onnx_input(w, l, 0, AN_ONNX_FIRST), weights, bias);
    put_window(w, node, l, an_onnx_opt(l, "padding", 0) > 0.0);
    an_onnx_put_int(w, node, "group", (int64_t)(l->in.d[l->in.n_dims - 1] / l->weights[0].dims[2]));
    an_onnx_gives(w, l, AN_ONNX_FIRST, an_onnx_value(node));
}

void an_onnx_export_pool(an_onnx_writer *w, const an_layer *l)
{
    const char *op = l->type->name[0] == 'm' ? "MaxPool" : "AveragePool";
    Onnx__NodeProto *node = an_onnx_node(w, l, "", op, an_onnx_input(w, l, 0, AN_ONNX_FIRST), NULL, NULL);
    put_window(w, node, l, false);
    an_onnx_gives(w, l, AN_ONNX_FIRST, an_onnx_value(node));
}

static const char *global(an_onnx_writer *w, const an_layer *l, bool largest, const char *pool,
                          const char *flat)
{
    const char *op = largest ? "GlobalMaxPool" : "GlobalAveragePool";
    const char *v =
        an_onnx_value(an_onnx_node(w, l, pool, op, an_onnx_input(w, l, 0, AN_ONNX_FIRST), NULL, NULL));
    Onnx__NodeProto *node = an_onnx_node(w, l, flat, "Flatten", v, NULL, NULL);
    an_onnx_put_int(w, node, "axis", 1);
    return an_onnx_value(node);
}

void an_onnx_export_global_pool(an_onnx_writer *w, const an_layer *l)
{
    const bool largest = strcmp(l->type->name, "global_max_pool") == 0;
    an_onnx_gives(w, l, AN_ONNX_LAST, global(w, l, largest, "/pool", ""));
}

void an_onnx_export_upsample(an_onnx_writer *w, const an_layer *l)
{
    const float size = (float)an_onnx_opt(l, "size", 2), scales[] = {1, 1, size, size};
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_FIRST);
    Onnx__NodeProto *node =
        an_onnx_node(w, l, "", "Resize", x, "", an_onnx_copy(w, l, "scales", l->in.n_dims + 1, scales));
    an_onnx_put_word(w, node, "mode", "nearest");
    an_onnx_put_word(w, node, "coordinate_transformation_mode", "asymmetric");
    an_onnx_put_word(w, node, "nearest_mode", "floor");
    an_onnx_gives(w, l, AN_ONNX_FIRST, an_onnx_value(node));
}

/* ----------------------------------------------------------------------------------- recurrent */

/* (C, gates x H) becomes (1, gates x H, C) with the gates in another order: the i-th of ONNX is ours
 * number from[i]. */
static const char *gate_rows(an_onnx_writer *w, const an_layer *l, const char *name, size_t gates,
                             const size_t from[])
{
    const size_t h = (size_t)an_onnx_opt(l, "units", 1), wide = gates * h;
    const size_t c = strcmp(name, "w") == 0 ? l->in.d[l->in.n_dims - 1] : h, dims[] = {1, wide, c};
    const float *ours = an_onnx_weight(w, l, name);
    const char *text;
    float *to = an_onnx_floats(w, l, name, 3, dims, &text);
    for (size_t g = 0; to && g < gates; g++)
        for (size_t j = 0; j < h; j++)
            for (size_t i = 0; i < c; i++)
                to[(g * h + j) * c + i] = ours[i * wide + from[g] * h + j];
    return text;
}

/* (1, 2 x gates x H): of the input, then of the step before; last: of the last gate of the latter, or NULL. */
static const char *gate_biases(an_onnx_writer *w, const an_layer *l, size_t gates, const size_t from[],
                               const float *last)
{
    const size_t h = (size_t)an_onnx_opt(l, "units", 1), dims[] = {1, 2 * gates * h};
    const float *ours = an_onnx_weight(w, l, "b");
    const char *text;
    float *to = an_onnx_floats(w, l, "b", 2, dims, &text);
    for (size_t g = 0; to && g < gates; g++)
        memcpy(to + g * h, ours + from[g] * h, h * sizeof *to);
    if (to && last)
        memcpy(to + (2 * gates - 1) * h, last, h * sizeof *to);
    return text;
}

static const char *turn_time(an_onnx_writer *w, const an_layer *l, const char *suffix, const char *v)
{
    Onnx__NodeProto *node = an_onnx_node(w, l, suffix, "Transpose", v, NULL, NULL);
    an_onnx_put_ints(w, node, "perm", 3, (const int64_t[]){1, 0, 2});
    return an_onnx_value(node);
}

/* ONNX has the steps first and a dimension for directions. */
static void recurrent(an_onnx_writer *w, const an_layer *l, const char *op, const char *weights,
                      const char *before, const char *biases)
{
    const bool whole = an_onnx_opt(l, "return", 0) < 0.5;
    const int64_t axis = whole;
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_LAST);
    if (l->in.n_dims == 1)
        x = an_onnx_again(w, l, (size_t)an_onnx_opt(l, "steps", 0), "/again", x);
    x = turn_time(w, l, "/time", x);
    Onnx__NodeProto *node = an_onnx_node(w, l, "/steps", op, x, weights, before);
    an_onnx_reads(w, node, biases);
    an_onnx_put_int(w, node, "hidden_size", (int64_t)an_onnx_opt(l, "units", 1));
    if (op[0] == 'G')
        an_onnx_put_int(w, node, "linear_before_reset", 1);
    if (!whole)
        an_onnx_second(w, node);
    const char *v = an_onnx_value(an_onnx_node(w, l, whole ? "/one" : "", "Squeeze", an_onnx_value(node),
                                               an_onnx_ints(w, l, "axis", 1, &axis), NULL));
    an_onnx_gives(w, l, AN_ONNX_LAST, whole ? turn_time(w, l, "", v) : v);
}

void an_onnx_export_lstm(an_onnx_writer *w, const an_layer *l)
{
    static const size_t from[] = {0, 3, 1, 2}; /* i, o, f, c of ONNX among ours i, f, g, o */
    recurrent(w, l, "LSTM", gate_rows(w, l, "w", 4, from), gate_rows(w, l, "u", 4, from),
              gate_biases(w, l, 4, from, NULL));
}

void an_onnx_export_gru(an_onnx_writer *w, const an_layer *l)
{
    static const size_t from[] = {1, 0, 2}; /* z, r, h of ONNX among ours r, z, n */
    recurrent(w, l, "GRU", gate_rows(w, l, "w", 3, from), gate_rows(w, l, "u", 3, from),
              gate_biases(w, l, 3, from, an_onnx_weight(w, l, "c")));
}

/* --------------------------------------------------------------------------------------- gates */

typedef struct gate_weights {
    const char *w1, *b1, *w2, *b2;
} gate_weights;

static gate_weights put_gate_weights(an_onnx_writer *w, const an_layer *l)
{
    const size_t *d1 = l->weights[0].dims, *d2 = l->weights[2].dims;
    gate_weights g = {.b1 = an_onnx_copy(w, l, "b1", d1[1], an_onnx_weight(w, l, "b1")),
                      .b2 = an_onnx_copy(w, l, "b2", d2[1], an_onnx_weight(w, l, "b2"))};
    float *to = an_onnx_floats(w, l, "w1", 2, d1, &g.w1);
    if (to)
        memcpy(to, an_onnx_weight(w, l, "w1"), d1[0] * d1[1] * sizeof *to);
    if ((to = an_onnx_floats(w, l, "w2", 2, d2, &g.w2)))
        memcpy(to, an_onnx_weight(w, l, "w2"), d2[0] * d2[1] * sizeof *to);
    return g;
}

static const char *think(an_onnx_writer *w, const an_layer *l, const gate_weights *g, const char *seen,
                         const char *const names[3])
{
    const char *v = an_onnx_value(an_onnx_node(w, l, names[0], "Gemm", seen, g->w1, g->b1));
    v = an_onnx_value(an_onnx_node(w, l, names[1], "Relu", v, NULL, NULL));
    return an_onnx_value(an_onnx_node(w, l, names[2], "Gemm", v, g->w2, g->b2));
}

/* squeeze_excite looks at means; channel_attention at the largest too, with the same weights. */
void an_onnx_export_channel_gate(an_onnx_writer *w, const an_layer *l)
{
    static const char *const mean[] = {"/mean1", "/mean2", "/mean3"}, *const most[] = {"/most1", "/most2",
                                                                                       "/most3"};
    static const int64_t axes[] = {2, 3};
    const gate_weights g = put_gate_weights(w, l);
    const char *v = think(w, l, &g, global(w, l, false, "/mean", "/mean_flat"), mean);
    if (strcmp(l->type->name, "channel_attention") == 0) {
        const char *other = think(w, l, &g, global(w, l, true, "/most", "/most_flat"), most);
        v = an_onnx_value(an_onnx_node(w, l, "/sum", "Add", v, other, NULL));
    }
    v = an_onnx_value(an_onnx_node(w, l, "/sigmoid", "Sigmoid", v, NULL, NULL));
    v = an_onnx_value(an_onnx_node(w, l, "/gate", "Unsqueeze", v,
                                   an_onnx_ints(w, l, "axes", l->in.n_dims - 1, axes), NULL));
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_FIRST);
    an_onnx_gives(w, l, AN_ONNX_FIRST, an_onnx_value(an_onnx_node(w, l, "", "Mul", x, v, NULL)));
}

/* (kh, kw, 2) becomes (1, 2, kh, kw). */
static const char *map_kernel(an_onnx_writer *w, const an_layer *l)
{
    const size_t *d = l->weights[0].dims, places = d[0] * d[1], maps = d[2];
    const size_t image[] = {1, maps, d[0], d[1]}, sequence[] = {1, maps, d[1]};
    const float *from = an_onnx_weight(w, l, "w");
    const char *name;
    float *to = an_onnx_floats(w, l, "w", l->in.n_dims + 1, l->in.n_dims == 3 ? image : sequence, &name);
    for (size_t p = 0; to && p < places; p++)
        for (size_t m = 0; m < maps; m++)
            to[m * places + p] = from[p * maps + m];
    return name;
}

void an_onnx_export_spatial_gate(an_onnx_writer *w, const an_layer *l)
{
    static const int64_t axis = 1;
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_FIRST);
    Onnx__NodeProto *mean = an_onnx_node(w, l, "/mean", "ReduceMean", x, NULL, NULL);
    Onnx__NodeProto *most = an_onnx_node(w, l, "/most", "ReduceMax", x, NULL, NULL);
    an_onnx_put_ints(w, mean, "axes", 1, &axis);
    an_onnx_put_ints(w, most, "axes", 1, &axis);
    Onnx__NodeProto *maps =
        an_onnx_node(w, l, "/maps", "Concat", an_onnx_value(mean), an_onnx_value(most), NULL);
    an_onnx_put_int(w, maps, "axis", 1);
    const char *weights = map_kernel(w, l), *bias = an_onnx_copy(w, l, "b", 1, an_onnx_weight(w, l, "b"));
    Onnx__NodeProto *conv = an_onnx_node(w, l, "/conv", "Conv", an_onnx_value(maps), weights, bias);
    put_window(w, conv, l, true);
    const char *v = an_onnx_value(an_onnx_node(w, l, "/gate", "Sigmoid", an_onnx_value(conv), NULL, NULL));
    an_onnx_gives(w, l, AN_ONNX_FIRST, an_onnx_value(an_onnx_node(w, l, "", "Mul", x, v, NULL)));
}
