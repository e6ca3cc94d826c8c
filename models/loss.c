/* The table of loss functions. */
#include "models/loss.h"

#include <string.h>

#define AN_LOSS(name) extern const an_loss an_loss_##name;
#include "models/losses.def"
#undef AN_LOSS

static const an_loss *const losses[] = {
#define AN_LOSS(name) &an_loss_##name,
#include "models/losses.def"
#undef AN_LOSS
};

const an_loss *an_loss_at(size_t i)
{
    return i < sizeof losses / sizeof *losses ? losses[i] : NULL;
}

const an_loss *an_loss_find(const char *name)
{
    for (size_t i = 0; an_loss_at(i); i++)
        if (strcmp(losses[i]->name, name) == 0)
            return losses[i];
    return NULL;
}

an_loss_args an_loss_defaults(const an_loss *loss, const an_shape *shape)
{
    an_loss_args a = {.shape = *shape, .n = an_shape_size(shape)};
    for (size_t i = 0; loss->opts && loss->opts[i].key; i++)
        a.opt[i] = loss->opts[i].fallback;
    return a;
}
