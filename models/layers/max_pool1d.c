/* The largest value under a window along a sequence: x (B, L, C), y (B, L', C). */
#include "models/layers/pool_internal.h"

static an_err sizes(an_layer *l, an_note *why)
{
    return an_pool_sizes(l, 2, why);
}

const an_layer_type an_layer_max_pool1d = {
    .name = "max_pool1d",
    .opts = an_pool_opts,
    .reads_x = true,
    .reads_y = true,
    .masks = true,
    .sizes = sizes,
    .forward = an_max_pool_forward,
    .backward = an_max_pool_backward,
};
