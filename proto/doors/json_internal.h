/* json_internal.h - what json.c (building, printing) and json_read.c (parsing, reading) share.
 * Only those two include it: it shows jansson's header. */
#ifndef AN_DOORS_JSON_INTERNAL_H
#define AN_DOORS_JSON_INTERNAL_H

#include <jansson.h>

#include "doors/json.h"

struct an_json {
    json_t *value; /* owned; NULL only when failed */
    bool failed;
};

/* Takes value; NULL for NULL or out of memory. */
an_json *an_json_wrap(json_t *value);

/* jansson does not always say that it was memory it lacked; the allocator remembers for it. */
void an_json_oom_clear(void);
bool an_json_oom_seen(void);

#endif
