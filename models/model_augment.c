/* The list of augmentations in a model's text: read, written, and put to a row of training. */
#include <string.h>

#include "models/model_internal.h"

static an_err read_one(an_model *m, const an_node *node, an_note *why)
{
    const char *name = NULL;
    const an_node *map = NULL;
    an_augment *a = &m->augments[m->n_augments];
    an_err err = an_model_read_named(node, &name, &map, why);
    if (err != AN_OK)
        return err;
    if (!(a->type = an_augment_find(name))) {
        an_name_list known = {.len = 0};
        for (size_t i = 0; an_augment_at(i); i++)
            an_name_list_add(&known, an_augment_at(i)->name);
        return an_node_fail(node, why, "unknown augmentation \"%.40s\"; known: %s", name, known.text);
    }
    err = an_model_read_options(map, a->type->opts, m, a->opt, why);
    if (err == AN_OK)
        m->n_augments++;
    return err;
}

/* A mask of the image, or one for each kind of defect: its places are whole squares of pixels. */
static bool has_mask(const an_model *m)
{
    const an_shape *out = &m->layers[m->n_layers - 1].out;
    if (m->autoencoder || !m->loss->shares || out->n_dims != 3 || out->d[0] > m->in.d[0])
        return false;
    const size_t coarse = m->in.d[0] / out->d[0];
    return out->d[0] > 1 && out->d[0] * coarse == m->in.d[0] && out->d[1] * coarse == m->in.d[1];
}

/* Boxes in cells of whole squares of pixels. */
static bool has_grid(const an_model *m)
{
    const an_shape *out = &m->layers[m->n_layers - 1].out;
    const size_t cell = m->in.d[0] / out->d[0];
    return m->loss->grid && out->d[0] * cell == m->in.d[0] && out->d[1] * cell == m->in.d[1];
}

static bool has_class(const an_model *m)
{
    return !m->autoencoder && (m->loss->classes || (m->loss->shares && m->n_outputs == 1)) && !has_mask(m);
}

static size_t classes_of(const an_model *m)
{
    const size_t planes = has_mask(m) ? m->layers[m->n_layers - 1].out.d[2] : 1;
    return m->loss->classes ? m->n_outputs : planes + 1;
}

/* The class that a defect makes; 0: it says none. */
static double label_of(const an_augment *a)
{
    for (size_t i = 0; a->type->opts[i].key; i++)
        if (strcmp(a->type->opts[i].key, "label") == 0)
            return a->opt[i];
    return 0;
}

static an_err check_one(const an_model *m, const an_augment *a, const an_node *at, an_note *why)
{
    if (a->type->square && m->in.d[0] != m->in.d[1])
        return an_node_fail(at, why, "%s: the images are not square", a->type->name);
    if (a->type->bends && has_grid(m))
        return an_node_fail(at, why, "%s: the boxes that the model learns would not follow", a->type->name);
    if (a->type->borrows && !has_mask(m))
        return an_node_fail(at, why, "%s takes faults by their masks; the target is no mask", a->type->name);
    if (!a->type->paints || a->type->borrows)
        return AN_OK;
    if (!m->autoencoder && !has_mask(m) && !has_class(m))
        return an_node_fail(at, why, "%s makes defects; the target is neither class, mask nor image",
                            a->type->name);
    if (!m->autoencoder && (label_of(a) >= (double)classes_of(m) || (has_mask(m) && label_of(a) < 1)))
        return an_node_fail(at, why, "%s: label %g: the model has classes 0..%zu", a->type->name, label_of(a),
                            classes_of(m) - 1);
    return AN_OK;
}

an_err an_model_read_augments(an_model *m, const an_node *root, an_note *why)
{
    const an_node *list = an_node_get(root, "augment");
    if (!list)
        return AN_OK;
    if (an_node_kind(list) != AN_YAML_LIST || an_node_count(list) > AN_AUGMENTS_MAX)
        return an_node_fail(list, why, "augment: a list of at most %u", AN_AUGMENTS_MAX);
    if (!m->image)
        return an_node_fail(list, why, "augment: the model takes no images");
    if (!m->autoencoder && !m->loss->classes && !has_mask(m) && !has_grid(m) && m->n_outputs > 1)
        return an_node_fail(
            list, why,
            "augment: what the model learns is neither a class, a number, its input, nor a mask or boxes "
            "of %zu x %zu",
            m->in.d[1], m->in.d[0]);
    an_err err = AN_OK;
    for (size_t i = 0; i < an_node_count(list) && err == AN_OK; i++) {
        err = read_one(m, an_node_at(list, i), why);
        if (err == AN_OK)
            err = check_one(m, &m->augments[i], an_node_at(list, i), why);
    }
    return err;
}

size_t an_model_augment_spare(const an_model *m)
{
    const size_t mask = has_mask(m) || has_grid(m) ? m->n_outputs : 0;
    return m->n_augments == 0 ? 0 : mask > m->n_inputs ? mask : m->n_inputs;
}

bool an_model_augment_borrows(const an_model *m)
{
    for (size_t i = 0; i < m->n_augments; i++)
        if (m->augments[i].type->borrows)
            return true;
    return false;
}

void an_model_augment_row(const an_model *m, float *x, float *target, const an_canvas_others *others,
                          float *spare, uint64_t seed, uint64_t epoch, uint64_t sample)
{
    an_canvas c = {.height = m->in.d[0],
                   .width = m->in.d[1],
                   .channels = m->in.d[2],
                   .x = x,
                   .spare = spare,
                   .others = *others};
    c.clean = m->autoencoder ? target : NULL;
    if (has_mask(m) || has_grid(m)) {
        const an_shape *out = &m->layers[m->n_layers - 1].out;
        *(has_grid(m) ? &c.grid : &c.mask) = target;
        c.coarse = m->in.d[0] / out->d[0];
        c.planes = out->d[2];
    }
    c.class = has_class(m) ? target : NULL;
    an_augment_apply(m->augments, m->n_augments, &c, seed, epoch, sample);
}
