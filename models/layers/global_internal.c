#include "models/layers/global_internal.h"

an_err an_global_sizes(an_layer *l, an_note *why)
{
    if (l->in.n_dims < 2) {
        char text[AN_SHAPE_TEXT];
        an_shape_text(text, &l->in);
        return an_fail(AN_ERR_INVAL, why, "%s takes a sequence or an image, not %s", l->type->name, text);
    }
    l->out = (an_shape){1, {l->in.d[l->in.n_dims - 1]}};
    return AN_OK;
}
