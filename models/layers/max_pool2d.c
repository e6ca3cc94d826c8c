/* The largest value under a square window over an image: x (B, H, W, C), y (B, H', W', C). */
#include "models/layers/pool_internal.h"

static an_err sizes(an_layer *l, an_note *why)
{
    return an_pool_sizes(l, 3, why);
}

const an_layer_type an_layer_max_pool2d = {
    .name = "max_pool2d",
    .opts = an_pool_opts,
    .reads_x = true,
    .reads_y = true,
    .masks = true,
    .sizes = sizes,
    .forward = an_max_pool_forward,
    .backward = an_max_pool_backward,
};
