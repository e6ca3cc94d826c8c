/* shape.h - the small language of shapes.def, as JSON Schema.
 *
 *     an_json *o = an_shape_object("name:text(63) sites?:[text]", true);
 *
 * A text that is not of the language is a mistake of a row: it ends the program (assert).
 *
 * Threads: no state. */
#ifndef AN_COORDINATOR_SHAPE_H
#define AN_COORDINATOR_SHAPE_H

#include <stdbool.h>

#include "doors/json.h"

typedef struct an_shape_member {
    char name[48], type[160];
    bool optional;
} an_shape_member;

/* The next member of a text; false: there is none. */
bool an_shape_next(const char **at, an_shape_member *ret);
an_json *an_shape_type(const char *type);
an_json *an_shape_object(const char *members, bool closed); /* closed: no others */

#endif
