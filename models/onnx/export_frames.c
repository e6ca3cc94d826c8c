/* Layers that enlarge, cut or replace parts of what they look at: frames, transposed convolutions, pyramids of bins, parts. */
#include <stdio.h>
#include <string.h>

#include "models/layers/part_internal.h"
#include "models/onnx/export_internal.h"

#define BINS_MAX 128u /* of a pyramid: each is two nodes */

void an_onnx_export_pad(an_onnx_writer *w, const an_layer *l)
{
    const int64_t top = (int64_t)an_onnx_opt(l, "top", 0), bottom = (int64_t)an_onnx_opt(l, "bottom", 0);
    const int64_t left = (int64_t)an_onnx_opt(l, "left", 0), right = (int64_t)an_onnx_opt(l, "right", 0);
    const int64_t image[] = {0, 0, top, left, 0, 0, bottom, right}, sequence[] = {0, 0, left, 0, 0, right};
    const bool is_image = l->in.n_dims == 3;
    const char *pads = an_onnx_ints(w, l, "pads", is_image ? 8 : 6, is_image ? image : sequence);
    const char *value = an_onnx_number(w, l, "value", (float)an_onnx_opt(l, "value", 0));
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_FIRST);
    an_onnx_gives(w, l, AN_ONNX_FIRST, an_onnx_value(an_onnx_node(w, l, "", "Pad", x, pads, value)));
}

/* (C, kh, kw, F) becomes (C, F, kh, kw). */
static const char *turned_kernel(an_onnx_writer *w, const an_layer *l)
{
    const size_t *d = l->weights[0].dims, c = d[0], places = d[1] * d[2], f = d[3];
    const size_t dims[] = {c, f, d[1], d[2]};
    const float *from = an_onnx_weight(w, l, "w");
    const char *name;
    float *to = an_onnx_floats(w, l, "w", 4, dims, &name);
    for (size_t i = 0; to && i < c; i++)
        for (size_t p = 0; p < places; p++)
            for (size_t j = 0; j < f; j++)
                to[(i * f + j) * places + p] = from[(i * places + p) * f + j];
    return name;
}

/* What `same` cuts off is padding here; where the kernel is smaller than the stride, lines are added. */
void an_onnx_export_conv_transpose(an_onnx_writer *w, const an_layer *l)
{
    const int64_t k = (int64_t)an_onnx_opt(l, "size", 1), s = (int64_t)an_onnx_opt(l, "stride", 1);
    const bool same = an_onnx_opt(l, "padding", 0) > 0.0;
    const int64_t all = same && k > s ? k - s : 0, before = all / 2, more = same && k < s ? s - k : 0;
    const int64_t size[] = {k, k}, stride[] = {s, s}, added[] = {more, more};
    const int64_t pads[] = {before, before, all - before, all - before};
    const char *weights = turned_kernel(w, l);
    const char *bias = an_onnx_copy(w, l, "b", l->weights[1].dims[0], an_onnx_weight(w, l, "b"));
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_FIRST);
    Onnx__NodeProto *node = an_onnx_node(w, l, "", "ConvTranspose", x, weights, bias);
    an_onnx_put_ints(w, node, "kernel_shape", 2, size);
    an_onnx_put_ints(w, node, "strides", 2, stride);
    an_onnx_put_ints(w, node, "pads", 4, pads);
    an_onnx_put_ints(w, node, "output_padding", 2, added);
    an_onnx_gives(w, l, AN_ONNX_FIRST, an_onnx_value(node));
}

/* ------------------------------------------------------------------------------------- pyramid */

/* Bin i of `bins` over n places reaches from *ret_from to before *ret_to. */
static void bin_of(size_t n, size_t bins, size_t i, int64_t *ret_from, int64_t *ret_to)
{
    *ret_from = (int64_t)(i * n / bins);
    *ret_to = (int64_t)(((i + 1) * n + bins - 1) / bins);
}

/* The largest values within one bin: (N, C). */
static const char *bin_value(an_onnx_writer *w, const an_layer *l, size_t number, const int64_t from[],
                             const int64_t to[])
{
    static const int64_t axes[] = {2, 3};
    const size_t places = l->in.n_dims - 1;
    char names[4][32];
    static const char *const words[] = {"from", "to", "bin", "most"};
    for (size_t i = 0; i < 4; i++)
        snprintf(names[i], sizeof names[i], "%s%s%zu", i < 2 ? "" : "/", words[i], number);
    const char *starts = an_onnx_ints(w, l, names[0], places, from);
    const char *ends = an_onnx_ints(w, l, names[1], places, to);
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_FIRST);
    Onnx__NodeProto *cut = an_onnx_node(w, l, names[2], "Slice", x, starts, ends);
    char along[32];
    snprintf(along, sizeof along, "axes%zu", number);
    an_onnx_reads(w, cut, an_onnx_ints(w, l, along, places, axes));
    Onnx__NodeProto *most = an_onnx_node(w, l, names[3], "ReduceMax", an_onnx_value(cut), NULL, NULL);
    an_onnx_put_ints(w, most, "axes", places, axes);
    an_onnx_put_int(w, most, "keepdims", 0);
    return an_onnx_value(most);
}

/* Level by level, line by line, all channels of a bin side by side. */
void an_onnx_export_pyramid(an_onnx_writer *w, const an_layer *l)
{
    const bool image = l->in.n_dims == 3;
    const size_t c = l->in.d[l->in.n_dims - 1], n_bins = l->out_n / c;
    const char *values[BINS_MAX];
    size_t n = 0;
    if (n_bins > BINS_MAX) {
        (void)an_onnx_fail(w, AN_ERR_UNSUPPORTED,
                           "a pyramid of more than 128 bins cannot be written as ONNX");
        return;
    }
    for (size_t bins = 1; n < n_bins; bins *= 2)
        for (size_t k = 0; k < (image ? bins * bins : bins); k++) {
            int64_t from[2], to[2];
            bin_of(l->in.d[0], bins, image ? k / bins : k, &from[0], &to[0]);
            bin_of(image ? l->in.d[1] : 1, bins, k % bins, &from[1], &to[1]);
            values[n] = bin_value(w, l, n, from, to);
            n++;
        }
    Onnx__NodeProto *node = an_onnx_node(w, l, "", "Concat", NULL, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        an_onnx_reads(w, node, values[i]);
    an_onnx_put_int(w, node, "axis", 1);
    an_onnx_gives(w, l, AN_ONNX_LAST, an_onnx_value(node));
}

/* ----------------------------------------------------------------------- omit and insert */

/* What is left of the first input: it times 1, and times 0 in the part. */
static const char *left_over(an_onnx_writer *w, const an_layer *l, const char *suffix)
{
    const char *name;
    const an_part p = an_part_of(l);
    float *keep = an_onnx_floats(w, l, "keep", l->in.n_dims, l->in.d, &name);
    for (size_t i = 0; keep && i < l->in_n; i++) {
        const size_t row = i / p.all, column = i % p.all;
        keep[i] = row < p.row || column < p.at || column >= p.at + p.wide;
    }
    return an_onnx_value(an_onnx_node(w, l, suffix, "Mul", an_onnx_input(w, l, 0, AN_ONNX_LAST), name, NULL));
}

void an_onnx_export_omit(an_onnx_writer *w, const an_layer *l)
{
    an_onnx_gives(w, l, AN_ONNX_LAST, left_over(w, l, ""));
}

void an_onnx_export_insert(an_onnx_writer *w, const an_layer *l)
{
    const an_part p = an_part_of(l);
    const bool window = l->in.n_dims == 2;
    const int64_t rows = (int64_t)p.rows, wide = (int64_t)p.wide, after = (int64_t)(p.all - p.at - p.wide);
    const int64_t shape[] = {0, window ? rows : wide, wide}; /* 0: as many as there are */
    const int64_t of_row[] = {0, (int64_t)p.at, 0, after};
    const int64_t of_window[] = {0, (int64_t)p.row, (int64_t)p.at, 0, 0, after};
    const char *left = left_over(w, l, "/left");
    const char *v = an_onnx_input(w, l, 1, AN_ONNX_LAST);
    v = an_onnx_value(
        an_onnx_node(w, l, "/part", "Reshape", v, an_onnx_ints(w, l, "shape", window ? 3 : 2, shape), NULL));
    const char *pads = an_onnx_ints(w, l, "pads", window ? 6 : 4, window ? of_window : of_row);
    v = an_onnx_value(an_onnx_node(w, l, "/frame", "Pad", v, pads, NULL));
    an_onnx_gives(w, l, AN_ONNX_LAST, an_onnx_value(an_onnx_node(w, l, "", "Add", left, v, NULL)));
}
