/* Normalisations. */
#include "models/onnx/import_internal.h"

static an_err set_eps(an_onnx_import_run *r, an_onnx_draft *d)
{
    const double given = an_onnx_attr_real(r->node, "epsilon", 1e-5), eps = given < 1e-9 ? 1e-9 : given;
    return an_onnx_set(d, "eps", eps) ? AN_OK : an_onnx_refuse(r, "an epsilon of %g", eps);
}

/* Weights from the inputs that follow the first. */
static an_err fill_all(an_onnx_import_run *r, an_onnx_draft *d, const char *const names[], size_t n)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++) {
        an_onnx_tensor t;
        if ((err = an_onnx_constant_in(r, i + 1, &t)) == AN_OK)
            err = an_onnx_fill(r, an_onnx_own(d, names[i]), d->l.weights[0].dims[0], &t);
    }
    return err;
}

an_err an_onnx_import_batch_norm(an_onnx_import_run *r)
{
    static const char *const names[] = {"gamma", "beta", "mean", "variance"};
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    const double follow = 1.0 - an_onnx_attr_real(r->node, "momentum", 0.9);
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err == AN_OK && (an_onnx_channel_axis(r, &v) != 1 || v.form >= AN_ONNX_AS_GROUPED))
        err = an_onnx_refuse(r, "its input does not have the channel second");
    if (err == AN_OK && an_onnx_attr_int(r->node, "training_mode", 0) != 0)
        err = an_onnx_refuse(r, "in training mode");
    if (err == AN_OK)
        err = an_onnx_begin(r, "batch_norm", v.layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "follow", follow))
        (void)an_onnx_set(d, "follow", 0.1); /* how it was trained is not how it is used */
    if (err == AN_OK)
        err = set_eps(r, d);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    if (err == AN_OK)
        err = fill_all(r, d, names, 4);
    return err == AN_OK ? an_onnx_give(r, 0, v.layer, v.form) : err;
}

an_err an_onnx_import_layer_norm(an_onnx_import_run *r)
{
    static const char *const names[] = {"gamma", "beta"};
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err != AN_OK)
        return err;
    const size_t axis = an_onnx_axis(an_onnx_attr_int(r->node, "axis", -1), an_onnx_rank(r, &v));
    if (v.form != AN_ONNX_AS_LAST || axis != an_onnx_channel_axis(r, &v))
        return an_onnx_refuse(r, "only along the channels, with the channel last");
    err = an_onnx_begin(r, "layer_norm", v.layer, &d);
    if (err == AN_OK)
        err = set_eps(r, d);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    if (err == AN_OK)
        err = fill_all(r, d, names, an_onnx_has_input(r, 2) ? 2 : 1);
    return err == AN_OK ? an_onnx_give(r, 0, v.layer, AN_ONNX_AS_LAST) : err;
}

static bool all_are(const an_onnx_tensor *t, float want)
{
    for (size_t i = 0; i < t->n; i++)
        if (an_onnx_tensor_float(t, i) != want)
            return false;
    return true;
}

/* Of groups of channels: its own scale and shift go by group, ours by channel, so they must do nothing. */
static an_err check_unit(an_onnx_import_run *r)
{
    an_onnx_tensor scale, shift;
    an_err err = an_onnx_constant_in(r, 1, &scale);
    if (err == AN_OK)
        err = an_onnx_constant_in(r, 2, &shift);
    if (err == AN_OK && !(all_are(&scale, 1.0f) && all_are(&shift, 0.0f)))
        err = an_onnx_refuse(r, "with a scale or shift for groups of channels");
    return err;
}

an_err an_onnx_import_instance_norm(an_onnx_import_run *r)
{
    static const char *const names[] = {"gamma", "beta"};
    an_onnx_seen v = {0};
    an_onnx_draft *d = NULL;
    an_err err = an_onnx_layer_in(r, 0, &v);
    if (err != AN_OK)
        return err;
    const bool grouped = v.form == AN_ONNX_AS_GROUPED;
    if (!grouped && v.form != AN_ONNX_AS_FIRST)
        return an_onnx_refuse(r, "its input does not have the channel second");
    const size_t groups = grouped ? v.n_points : an_onnx_channels(r, &v);
    err = an_onnx_begin(r, "group_norm", v.layer, &d);
    if (err == AN_OK && !an_onnx_set(d, "groups", (double)groups))
        err = an_onnx_refuse(r, "%zu groups", groups);
    if (err == AN_OK)
        err = set_eps(r, d);
    if (err == AN_OK)
        err = an_onnx_end(r, d, &v.layer);
    if (err == AN_OK)
        err = grouped ? check_unit(r) : fill_all(r, d, names, 2);
    v.fresh = true;
    v.n_readers = 1;
    return err == AN_OK ? an_onnx_give_seen(r, &v) : err;
}
