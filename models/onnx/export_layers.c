/* Layers whose weights, if any, go by value or channel: dense, curves, norms, joins, shapes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/onnx/export_internal.h"

static size_t channels_of(const an_layer *l)
{
    return l->in.d[l->in.n_dims - 1];
}

void an_onnx_export_nothing(an_onnx_writer *w, const an_layer *l)
{
    const an_onnx_order order = an_onnx_input_order(w, l);
    an_onnx_gives(w, l, order, an_onnx_input(w, l, 0, order));
}

void an_onnx_export_dense(an_onnx_writer *w, const an_layer *l)
{
    const char *weights, *bias = an_onnx_copy(w, l, "b", l->weights[1].dims[0], an_onnx_weight(w, l, "b"));
    float *to = an_onnx_floats(w, l, "w", 2, l->weights[0].dims, &weights);
    if (to)
        memcpy(to, an_onnx_weight(w, l, "w"), l->weights[0].dims[0] * l->weights[0].dims[1] * sizeof *to);
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_LAST);
    an_onnx_gives(w, l, AN_ONNX_LAST, an_onnx_value(an_onnx_node(w, l, "", "Gemm", x, weights, bias)));
}

void an_onnx_export_flatten(an_onnx_writer *w, const an_layer *l)
{
    const char *x = an_onnx_input(w, l, 0, AN_ONNX_LAST);
    Onnx__NodeProto *node = l->in.n_dims > 1 ? an_onnx_node(w, l, "", "Flatten", x, NULL, NULL) : NULL;
    an_onnx_put_int(w, node, "axis", 1);
    an_onnx_gives(w, l, AN_ONNX_LAST, node ? an_onnx_value(node) : x);
}

void an_onnx_export_curve(an_onnx_writer *w, const an_layer *l)
{
    static const char *const ops[][2] = {
        {"relu", "Relu"}, {"leaky_relu", "LeakyRelu"}, {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"}};
    const an_onnx_order order = an_onnx_input_order(w, l);
    size_t i = 0;
    while (i + 1 < sizeof ops / sizeof *ops && strcmp(ops[i][0], l->type->name) != 0)
        i++;
    Onnx__NodeProto *node = an_onnx_node(w, l, "", ops[i][1], an_onnx_input(w, l, 0, order), NULL, NULL);
    if (i == 1)
        an_onnx_put_real(w, node, "alpha", an_onnx_opt(l, "slope", 0.01));
    an_onnx_gives(w, l, order, an_onnx_value(node));
}

/* x (1 + erf(x / sqrt 2)) / 2: operator sets before 20 have no Gelu. */
void an_onnx_export_gelu(an_onnx_writer *w, const an_layer *l)
{
    const an_onnx_order order = an_onnx_input_order(w, l);
    const char *x = an_onnx_input(w, l, 0, order);
    const char *root = an_onnx_number(w, l, "root", sqrtf(2.0f));
    const char *one = an_onnx_number(w, l, "one", 1.0f), *half = an_onnx_number(w, l, "half", 0.5f);
    const char *v = an_onnx_value(an_onnx_node(w, l, "/div", "Div", x, root, NULL));
    v = an_onnx_value(an_onnx_node(w, l, "/erf", "Erf", v, NULL, NULL));
    v = an_onnx_value(an_onnx_node(w, l, "/add", "Add", v, one, NULL));
    v = an_onnx_value(an_onnx_node(w, l, "/mul", "Mul", x, v, NULL));
    an_onnx_gives(w, l, order, an_onnx_value(an_onnx_node(w, l, "", "Mul", v, half, NULL)));
}

void an_onnx_export_softmax(an_onnx_writer *w, const an_layer *l)
{
    const an_onnx_order order = an_onnx_input_order(w, l);
    Onnx__NodeProto *node = an_onnx_node(w, l, "", "Softmax", an_onnx_input(w, l, 0, order), NULL, NULL);
    an_onnx_put_int(w, node, "axis", order == AN_ONNX_FIRST ? 1 : -1);
    an_onnx_gives(w, l, order, an_onnx_value(node));
}

void an_onnx_export_batch_norm(an_onnx_writer *w, const an_layer *l)
{
    static const char *const names[] = {"gamma", "beta", "mean", "variance"};
    const size_t c = channels_of(l);
    Onnx__NodeProto *node =
        an_onnx_node(w, l, "", "BatchNormalization", an_onnx_input(w, l, 0, AN_ONNX_FIRST), NULL, NULL);
    for (size_t i = 0; i < 4; i++) {
        const char *name;
        const float *from = an_onnx_weight(w, l, names[i]);
        float *to = an_onnx_floats(w, l, names[i], 1, &c, &name);
        /* A small variance that noise made negative counts as none, as it does in forward. */
        for (size_t k = 0; to && k < c; k++)
            to[k] = i == 3 && from[k] < 0.0f ? 0.0f : from[k];
        an_onnx_reads(w, node, name);
    }
    an_onnx_put_real(w, node, "epsilon", an_onnx_opt(l, "eps", 1e-5));
    an_onnx_put_real(w, node, "momentum", 1.0 - an_onnx_opt(l, "follow", 0.1));
    an_onnx_gives(w, l, AN_ONNX_FIRST, an_onnx_value(node));
}

/* By channel, of a value with the channel second: (C, 1, 1). */
static const char *by_channel(an_onnx_writer *w, const an_layer *l, const char *name)
{
    const size_t dims[] = {channels_of(l), 1, 1};
    const char *text;
    float *to = an_onnx_floats(w, l, name, l->in.n_dims, dims, &text);
    if (to)
        memcpy(to, an_onnx_weight(w, l, name), dims[0] * sizeof *to);
    return text;
}

/* Each group as one channel of an instance norm, then scaled and shifted by channel. */
void an_onnx_export_group_norm(an_onnx_writer *w, const an_layer *l)
{
    const size_t groups = (size_t)an_onnx_opt(l, "groups", 1);
    int64_t back[4] = {0, (int64_t)channels_of(l)};
    for (size_t i = 1; i < l->in.n_dims; i++)
        back[i + 1] = (int64_t)l->in.d[i - 1];
    const char *grouped = an_onnx_ints(w, l, "grouped", 3, (const int64_t[]){0, (int64_t)groups, -1});
    const char *whole = an_onnx_ints(w, l, "whole", l->in.n_dims + 1, back);
    const char *ones, *zeros;
    float *one = an_onnx_floats(w, l, "ones", 1, &groups, &ones);
    for (size_t i = 0; one && i < groups; i++)
        one[i] = 1.0f;
    an_onnx_floats(w, l, "zeros", 1, &groups, &zeros);
    const char *v = an_onnx_input(w, l, 0, AN_ONNX_FIRST);
    v = an_onnx_value(an_onnx_node(w, l, "/group", "Reshape", v, grouped, NULL));
    Onnx__NodeProto *norm = an_onnx_node(w, l, "/norm", "InstanceNormalization", v, ones, zeros);
    an_onnx_put_real(w, norm, "epsilon", an_onnx_opt(l, "eps", 1e-5));
    v = an_onnx_value(an_onnx_node(w, l, "/ungroup", "Reshape", an_onnx_value(norm), whole, NULL));
    v = an_onnx_value(an_onnx_node(w, l, "/scale", "Mul", v, by_channel(w, l, "gamma"), NULL));
    v = an_onnx_value(an_onnx_node(w, l, "", "Add", v, by_channel(w, l, "beta"), NULL));
    an_onnx_gives(w, l, AN_ONNX_FIRST, v);
}

void an_onnx_export_layer_norm(an_onnx_writer *w, const an_layer *l)
{
    const size_t c = channels_of(l);
    const char *gamma = an_onnx_copy(w, l, "gamma", c, an_onnx_weight(w, l, "gamma"));
    const char *beta = an_onnx_copy(w, l, "beta", c, an_onnx_weight(w, l, "beta"));
    Onnx__NodeProto *node =
        an_onnx_node(w, l, "", "LayerNormalization", an_onnx_input(w, l, 0, AN_ONNX_LAST), gamma, beta);
    an_onnx_put_int(w, node, "axis", -1);
    an_onnx_put_real(w, node, "epsilon", an_onnx_opt(l, "eps", 1e-5));
    an_onnx_gives(w, l, AN_ONNX_LAST, an_onnx_value(node));
}

/* In use the code is its means, the first half of the channels. */
void an_onnx_export_gauss(an_onnx_writer *w, const an_layer *l)
{
    const int64_t half = (int64_t)l->out.d[l->out.n_dims - 1], zero = 0, axis = (int64_t)l->in.n_dims;
    Onnx__NodeProto *node =
        an_onnx_node(w, l, "", "Slice", an_onnx_input(w, l, 0, AN_ONNX_LAST),
                     an_onnx_ints(w, l, "from", 1, &zero), an_onnx_ints(w, l, "to", 1, &half));
    an_onnx_reads(w, node, an_onnx_ints(w, l, "axis", 1, &axis));
    an_onnx_gives(w, l, AN_ONNX_LAST, an_onnx_value(node));
}

/* add and multiply, two at a time. */
void an_onnx_export_join(an_onnx_writer *w, const an_layer *l)
{
    const an_onnx_order order = an_onnx_input_order(w, l);
    const char *op = strcmp(l->type->name, "add") == 0 ? "Add" : "Mul";
    const char *v = an_onnx_input(w, l, 0, order);
    for (size_t k = 1; k < l->n_inputs; k++) {
        char suffix[24] = "";
        if (k + 1 < l->n_inputs)
            snprintf(suffix, sizeof suffix, "/%zu", k);
        v = an_onnx_value(an_onnx_node(w, l, suffix, op, v, an_onnx_input(w, l, k, order), NULL));
    }
    an_onnx_gives(w, l, order, v);
}

void an_onnx_export_concat(an_onnx_writer *w, const an_layer *l)
{
    const an_onnx_order order = an_onnx_input_order(w, l);
    /* Transposes of the inputs come before the node that reads them. */
    const char *inputs[AN_LAYER_INPUTS_MAX];
    for (size_t k = 0; k < l->n_inputs; k++)
        inputs[k] = an_onnx_input(w, l, k, order);
    Onnx__NodeProto *node = an_onnx_node(w, l, "", "Concat", NULL, NULL, NULL);
    for (size_t k = 0; k < l->n_inputs; k++)
        an_onnx_reads(w, node, inputs[k]);
    an_onnx_put_int(w, node, "axis", order == AN_ONNX_FIRST ? 1 : (int64_t)l->in.n_dims);
    an_onnx_gives(w, l, order, an_onnx_value(node));
}

const char *an_onnx_again(an_onnx_writer *w, const an_layer *l, size_t n, const char *suffix, const char *v)
{
    const int64_t one = 1, times[] = {1, (int64_t)n, 1};
    v = an_onnx_value(an_onnx_node(w, l, "/step", "Unsqueeze", v, an_onnx_ints(w, l, "at", 1, &one), NULL));
    return an_onnx_value(
        an_onnx_node(w, l, suffix, "Expand", v, an_onnx_ints(w, l, "times", 3, times), NULL));
}

void an_onnx_export_repeat(an_onnx_writer *w, const an_layer *l)
{
    const char *v = an_onnx_again(w, l, l->out.d[0], "", an_onnx_input(w, l, 0, AN_ONNX_LAST));
    an_onnx_gives(w, l, AN_ONNX_LAST, v);
}
