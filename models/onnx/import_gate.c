/* x times sigmoid(dense(relu(dense(mean over the places of x)))): squeeze_excite. */
#include <string.h>

#include "base/mem.h"
#include "models/onnx/import_internal.h"

#define PARTS 5u

static bool has_name(const an_onnx_draft *d, const char *kind)
{
    return strcmp(d->l.type->name, kind) == 0;
}

/* Are the last five layers the gate, each read by the next alone? */
static bool is_gate(const an_onnx_import_run *r, const an_onnx_seen *x, const an_onnx_seen *gate)
{
    static const char *const kinds[PARTS] = {"global_avg_pool", "dense", "relu", "dense", "sigmoid"};
    if (r->n_drafts < PARTS || gate->layer != r->n_drafts - 1)
        return false;
    const size_t first = r->n_drafts - PARTS;
    for (size_t i = 0; i < PARTS; i++) {
        const an_onnx_draft *d = &r->drafts[first + i];
        if (!has_name(d, kinds[i]) || d->l.inputs[0].from != (i == 0 ? x->layer : first + i - 1))
            return false;
    }
    for (size_t i = 0; i < r->n_seen; i++)
        if (r->seen[i].known && !r->seen[i].constant && r->seen[i].layer != AN_LAYER_INPUT &&
            r->seen[i].layer >= first && r->seen[i].n_readers > 1)
            return false;
    return true;
}

/* The ratio with which c channels make `hidden` values; 0: none does. */
static size_t ratio_for(size_t c, size_t hidden)
{
    const size_t ratio = c / hidden;
    if (ratio == 0)
        return 0;
    return (c > ratio ? c / ratio : 1) == hidden ? ratio : 0;
}

an_err an_onnx_take_gate(an_onnx_import_run *r, const an_onnx_seen *x, const an_onnx_seen *gate)
{
    an_onnx_draft parts[PARTS], *d = NULL;
    size_t layer = 0;
    if (!is_gate(r, x, gate))
        return an_onnx_refuse(r, "a product by channel that is not squeeze and excitation");
    const size_t first = r->n_drafts - PARTS, c = an_onnx_channels(r, x);
    const size_t ratio = ratio_for(c, r->drafts[first + 1].l.out_n);
    if (ratio == 0)
        return an_onnx_refuse(r, "squeeze and excitation with %zu values within",
                              r->drafts[first + 1].l.out_n);
    if (r->drafts[first + 3].l.out_n != c)
        return an_onnx_refuse(r, "a gate of %zu values for %zu channels", r->drafts[first + 3].l.out_n, c);
    memcpy(parts, &r->drafts[first], sizeof parts);
    r->n_drafts = first;
    an_err err = an_onnx_begin(r, "squeeze_excite", x->layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "ratio", (double)ratio))
        err = an_onnx_refuse(r, "a ratio of %zu", ratio);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &layer);
    if (err == AN_OK) {
        /* Both dense layers lie as here: weights, then biases. */
        const size_t n = parts[1].l.n_params;
        memcpy(d->weights, parts[1].weights, n * sizeof *d->weights);
        memcpy(d->weights + n, parts[3].weights, parts[3].l.n_params * sizeof *d->weights);
    }
    for (size_t i = 0; i < PARTS; i++)
        an_free(parts[i].weights);
    return err == AN_OK ? an_onnx_give(r, 0, layer, AN_ONNX_AS_FIRST) : err;
}
