#include "coordinator/lab/anatomy.h"

#include <string.h>

#include "base/file.h"
#include "coordinator/lab/kind.h"
#include "models/cost.h"

void an_lab_size_text(char out[static AN_LAB_SIZE_TEXT], double value, const char *unit)
{
    static const char *const steps[] = {"", "k", "M", "G", "T"};
    size_t k = 0;
    while (value >= 999.95 && k + 1 < sizeof steps / sizeof *steps) {
        value /= 1000;
        k++;
    }
    const char *blank = steps[k][0] || unit[0] ? " " : "";
    snprintf(out, AN_LAB_SIZE_TEXT, k ? "%.1f%s%s%s" : "%.0f%s%s%s", value, blank, steps[k], unit);
}

/* What a layer reads: nothing to say where it is the layer before it. */
static void reads_text(const an_model *m, size_t i, const an_layer_cost *c, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    if (c->n_from == 1 && (c->from[0] == i - 1 || (i == 0 && c->from[0] == AN_LAYER_INPUT)))
        return;
    for (size_t k = 0; k < c->n_from && at + 1 < size; k++) {
        an_layer_cost from = {.name = "input"};
        if (c->from[k] != AN_LAYER_INPUT)
            (void)an_layer_cost_at(m, c->from[k], &from);
        int n = snprintf(out + at, size - at, "%s%s", k ? ", " : "", from.name);
        at += n > 0 ? (size_t)n : 0;
    }
}

static size_t text_width(const an_model *m)
{
    an_layer_cost c;
    size_t width = 5;
    for (size_t i = 0; an_layer_cost_at(m, i, &c); i++)
        width = strlen(c.name) > width ? strlen(c.name) : width;
    return width;
}

static void print_layers(const an_model *m, FILE *out)
{
    char shape[AN_SHAPE_TEXT], flops[AN_LAB_SIZE_TEXT], reads[AN_LAYER_INPUTS_MAX * AN_MODEL_NAME_MAX];
    const int width = (int)text_width(m);
    an_layer_cost c;
    an_shape in = an_model_in(m);
    an_shape_text(shape, &in);
    fprintf(out, "%-*s  %-17s %-18s %12s %12s  %s\n", width, "layer", "kind", "output", "parameters", "FLOPs",
            "reads");
    fprintf(out, "%-*s  %-17s %s\n", width, "input", "", shape);
    for (size_t i = 0; an_layer_cost_at(m, i, &c); i++) {
        an_shape_text(shape, &c.out);
        an_lab_size_text(flops, c.flops, "");
        reads_text(m, i, &c, reads, sizeof reads);
        fprintf(out, "%-*s  %-17s %-18s %12zu %12s", width, c.name, c.kind, shape, c.n_params, flops);
        fprintf(out, "%s%s%s\n", reads[0] ? "  " : "", reads,
                c.local    ? "  (local)"
                : c.frozen ? "  (frozen)"
                           : "");
    }
}

an_err an_lab_anatomy_print(const an_model *m, size_t batch, FILE *out, an_note *why)
{
    an_model_cost cost;
    char flops[AN_LAB_SIZE_TEXT], train[AN_LAB_SIZE_TEXT], bytes[AN_LAB_SIZE_TEXT], one[AN_LAB_SIZE_TEXT],
        step[AN_LAB_SIZE_TEXT];
    an_err err = an_model_cost_of(m, batch, &cost);
    if (err != AN_OK)
        return an_fail(err, why, "a batch of %zu rows: %s", batch, an_err_text(err));
    an_lab_size_text(flops, cost.flops, "FLOP");
    an_lab_size_text(train, cost.train_flops, "FLOP");
    an_lab_size_text(bytes, (double)cost.param_bytes, "B");
    an_lab_size_text(one, (double)cost.one_bytes, "B");
    an_lab_size_text(step, (double)cost.train_bytes, "B");
    print_layers(m, out);
    fprintf(out, "\nparameters    %zu, %s\n", cost.n_params, bytes);
    fprintf(out, "a row         %s in use, %s in training\n", flops, train);
    fprintf(out, "activations   %s in use with 1 row, %s in training with %zu rows\n", one, step, batch);
    fprintf(out, "loss          %s, target %s\n", an_model_loss_name(m),
            an_model_is_autoencoder(m) ? "input" : "labels");
    return AN_OK;
}

static an_json *shape_json(const an_shape *s)
{
    an_json *list = an_json_array();
    for (size_t d = 0; d < s->n_dims; d++)
        an_json_push_int(list, (int64_t)s->d[d]);
    return list;
}

static an_json *layer_json(const an_model *m, const an_layer_cost *c)
{
    an_json *o = an_json_object(), *reads = an_json_array();
    an_json_set_text(o, "name", c->name);
    an_json_set_text(o, "kind", c->kind);
    for (size_t k = 0; k < c->n_from; k++) {
        an_layer_cost from = {.name = "input"};
        if (c->from[k] != AN_LAYER_INPUT)
            (void)an_layer_cost_at(m, c->from[k], &from);
        an_json_push_text(reads, from.name);
    }
    an_json_set(o, "reads", reads);
    an_json_set(o, "shape", shape_json(&c->out));
    an_json_set_int(o, "parameters", (int64_t)c->n_params);
    an_json_set_num(o, "flops", c->flops);
    an_json_set_num(o, "train_flops", c->train_flops);
    an_json_set_bool(o, "local", c->local);
    return o;
}

an_err an_lab_anatomy_json(const an_model *m, size_t batch, an_json *object, an_note *why)
{
    an_model_cost cost;
    an_layer_cost c;
    const an_shape in = an_model_in(m);
    an_json *list = an_json_array();
    an_err err = an_model_cost_of(m, batch, &cost);
    for (size_t i = 0; an_layer_cost_at(m, i, &c); i++)
        an_json_push(list, layer_json(m, &c));
    an_json_set(object, "input_shape", shape_json(&in));
    an_json_set(object, "layers", list);
    if (err != AN_OK)
        return an_fail(err, why, "a batch of %zu rows: %s", batch, an_err_text(err));
    an_json_set_text(object, "loss", an_model_loss_name(m));
    an_json_set_text(object, "target", an_model_is_autoencoder(m) ? "input" : "labels");
    an_json_set_int(object, "parameters", (int64_t)cost.n_params);
    an_json_set_num(object, "flops", cost.flops);
    an_json_set_num(object, "train_flops", cost.train_flops);
    an_json_set_int(object, "parameter_bytes", (int64_t)cost.param_bytes);
    an_json_set_int(object, "activation_bytes", (int64_t)cost.one_bytes);
    an_json_set_int(object, "train_batch", (int64_t)batch);
    an_json_set_int(object, "train_activation_bytes", (int64_t)cost.train_bytes);
    return AN_OK;
}

an_err an_lab_arch_read(const char *path, size_t features, an_model **ret, an_note *why)
{
    an_buf text;
    an_buf_init(&text, AN_MODEL_TEXT_MAX);
    an_err err = an_lab_expect_description(path, why);
    if (err == AN_OK)
        err = an_file_read(&text, path, why);
    if (err == AN_OK)
        err = an_model_new((const char *)text.data, text.len, path, features, ret, why);
    an_buf_done(&text);
    return err;
}
