/* template.h - a text with fields: {{name}} is replaced by a value, escaped for where it stands.
 *
 *     err = an_template_fill(&b, "lots/{{lot}}/defects", AN_ESCAPE_URL, value_of, ctx, &why);
 *
 * Threads: no state. */
#ifndef AN_AGENT_TEMPLATE_H
#define AN_AGENT_TEMPLATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define AN_TEMPLATE_FIELD_MAX 32

typedef enum an_escape {
    AN_ESCAPE_URL,  /* of a path or a query's value: all but letters, digits, '-', '.', '_', '~' */
    AN_ESCAPE_JSON, /* within a string's quotes */
    AN_ESCAPE_XML,  /* text or attribute; what XML cannot hold becomes '?' */
    AN_ESCAPE_LINE  /* control characters become blanks */
} an_escape;

/* Appends the text, escaped. */
void an_escape_put(an_buf *ret, const char *text, an_escape escape);

/* The value of a field, borrowed until the next call; NULL: there is no such field.  *ret_raw (false when called): it is
 * put as it is. */
typedef const char *an_template_value(void *ctx, const char *name, bool *ret_raw);

/* Appends to ret, whose max bounds it.  Errors: INVAL an unknown field, or "{{" without its end; LIMIT, NOMEM. */
an_err an_template_fill(an_buf *ret, const char *text, an_escape escape, an_template_value *value, void *ctx,
                        an_note *why);

#endif
