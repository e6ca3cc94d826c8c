#include "coordinator/records.h"

#include <string.h>

static const an_record_kind kinds[] = {
#define AN_RECORD(name, subject, fields, meaning) {name, subject, fields, meaning},
#include "coordinator/records.def"
#undef AN_RECORD
};

const an_record_kind *an_record_kind_at(size_t i)
{
    return i < sizeof kinds / sizeof kinds[0] ? &kinds[i] : NULL;
}

const an_record_kind *an_record_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    }
    return NULL;
}
