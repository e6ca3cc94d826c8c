#include "agent/actuator.h"

#include <string.h>

#define AN_ACTUATOR(name) extern const an_actuator_type an_actuator_##name;
#include "agent/actuators.def"
#undef AN_ACTUATOR

static const an_actuator_type *const types[] = {
#define AN_ACTUATOR(name) &an_actuator_##name,
#include "agent/actuators.def"
#undef AN_ACTUATOR
    NULL};

const an_actuator_type *an_actuator_find(const char *name)
{
    for (size_t i = 0; types[i]; i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}
