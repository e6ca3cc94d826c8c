/* LSTM and GRU.  Gates lie in another order, weights the other way round, and there are two biases. */
#include <string.h>

#include "models/onnx/import_internal.h"

typedef struct recurrent {
    const char *kind;
    size_t gates;
    const size_t *from; /* the i-th gate of ONNX is ours number from[i] */
    an_onnx_tensor w, u, b;
    bool has_b;
    size_t c, h;
} recurrent;

static bool is_one_of(const Onnx__AttributeProto *a, const char *const words[], size_t n)
{
    for (size_t i = 0; a && i < a->n_strings; i++)
        if (i >= n || a->strings[i].len != strlen(words[i]) ||
            memcmp(a->strings[i].data, words[i], a->strings[i].len) != 0)
            return false;
    return true;
}

static an_err check_attributes(const an_onnx_import_run *r, bool gru)
{
    static const char *const curves[] = {"Sigmoid", "Tanh", "Tanh"};
    const Onnx__NodeProto *node = r->node;
    if (!an_onnx_attr_is(node, "direction", "forward", true))
        return an_onnx_refuse(r, "only forward");
    if (an_onnx_attr_int(node, "layout", 0) != 0 || an_onnx_attr(node, "clip") ||
        an_onnx_attr_int(node, "input_forget", 0) != 0)
        return an_onnx_refuse(r, "with layout, clip or input_forget");
    if (!is_one_of(an_onnx_attr(node, "activations"), curves, gru ? 2 : 3))
        return an_onnx_refuse(r, "with other activations than sigmoid and tanh");
    if (gru && an_onnx_attr_int(node, "linear_before_reset", 0) == 0)
        return an_onnx_refuse(r, "only with linear_before_reset = 1");
    return AN_OK;
}

/* The state before the first step must be zeros; lengths and peepholes must not be there. */
static an_err check_inputs(an_onnx_import_run *r, bool gru)
{
    if (an_onnx_has_input(r, 4) || an_onnx_has_input(r, 7))
        return an_onnx_refuse(r, "with lengths of sequences or peepholes");
    for (size_t i = 5; i < (gru ? 6u : 7u); i++) {
        an_onnx_tensor t;
        if (!an_onnx_has_input(r, i))
            continue;
        an_err err = an_onnx_constant_in(r, i, &t);
        if (err != AN_OK)
            return err;
        for (size_t k = 0; k < t.n; k++)
            if (an_onnx_tensor_float(&t, k) != 0.0f)
                return an_onnx_refuse(r, "with a state before the first step");
    }
    return AN_OK;
}

static an_err read_weights(an_onnx_import_run *r, recurrent *s)
{
    an_err err = an_onnx_constant_in(r, 1, &s->w);
    if (err == AN_OK)
        err = an_onnx_constant_in(r, 2, &s->u);
    s->has_b = an_onnx_has_input(r, 3);
    if (err == AN_OK && s->has_b)
        err = an_onnx_constant_in(r, 3, &s->b);
    if (err != AN_OK)
        return err;
    s->h = s->u.n_dims == 3 ? s->u.dims[2] : 0;
    const size_t wide = s->gates * s->h;
    if (s->h == 0 || s->w.n_dims != 3 || s->w.dims[0] != 1 || s->w.dims[1] != wide || s->w.dims[2] != s->c ||
        s->u.dims[0] != 1 || s->u.dims[1] != wide || (s->has_b && s->b.n != 2 * wide))
        return an_onnx_refuse(r, "its weights do not fit %zu channels", s->c);
    return AN_OK;
}

/* (1, gates x H, C) becomes (C, gates x H). */
static void turn(const recurrent *s, const an_onnx_tensor *t, size_t c, float *to)
{
    const size_t wide = s->gates * s->h;
    for (size_t g = 0; g < s->gates; g++)
        for (size_t j = 0; j < s->h; j++)
            for (size_t i = 0; i < c; i++)
                to[i * wide + s->from[g] * s->h + j] = an_onnx_tensor_float(t, (g * s->h + j) * c + i);
}

/* The biases of input and state are added but for the last gate of a GRU, which has both. */
static void fill(const recurrent *s, an_onnx_draft *d)
{
    const size_t wide = s->gates * s->h;
    float *b = an_onnx_own(d, "b"), *c = an_onnx_own(d, "c");
    turn(s, &s->w, s->c, an_onnx_own(d, "w"));
    turn(s, &s->u, s->h, an_onnx_own(d, "u"));
    for (size_t i = 0; s->has_b && i < wide; i++) {
        const size_t g = i / s->h, j = i % s->h;
        const float of_state = an_onnx_tensor_float(&s->b, wide + i);
        b[s->from[g] * s->h + j] = an_onnx_tensor_float(&s->b, i);
        if (c && g + 1 == s->gates)
            c[j] = of_state;
        else
            b[s->from[g] * s->h + j] += of_state;
    }
}

static size_t readers_of(an_onnx_import_run *r, size_t output)
{
    const an_onnx_seen *v = NULL;
    if (output < r->node->n_output && r->node->output[output][0])
        v = an_onnx_find(r, r->node->output[output]);
    return v ? v->n_readers : 0;
}

an_err an_onnx_import_recurrent(an_onnx_import_run *r)
{
    static const size_t lstm[] = {0, 3, 1, 2}, gru[] = {1, 0, 2};
    const bool is_gru = r->node->op_type[0] == 'G';
    recurrent s = {.kind = is_gru ? "gru" : "lstm", .gates = is_gru ? 3 : 4, .from = is_gru ? gru : lstm};
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    const bool whole = readers_of(r, 0) > 0;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK)
        err = check_attributes(r, is_gru);
    if (err == AN_OK)
        err = check_inputs(r, is_gru);
    if (err == AN_OK && v.form != AN_ONNX_AS_TIME)
        err = an_onnx_refuse(r, "its input does not have the steps first");
    if (err == AN_OK && (whole == (readers_of(r, 1) > 0) || readers_of(r, 2) > 0))
        err = an_onnx_refuse(r, "either all steps or the last may be read, and no cells");
    if (err != AN_OK)
        return err;
    s.c = an_onnx_channels(r, &v);
    err = read_weights(r, &s);
    if (err == AN_OK)
        err = an_onnx_begin(r, s.kind, v.layer, &d);
    if (err == AN_OK && !(an_onnx_set(d, "units", (double)s.h) && an_onnx_set(d, "return", !whole)))
        err = an_onnx_refuse(r, "%zu units", s.h);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    if (err != AN_OK)
        return err;
    fill(&s, d);
    return whole ? an_onnx_give(r, 0, v.layer, AN_ONNX_AS_WAYS)
                 : an_onnx_give(r, 1, v.layer, AN_ONNX_AS_STATE);
}
