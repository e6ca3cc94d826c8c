/* openapi.h - the API's description, made of its rows: routes.def and shapes.def.
 *
 *     char *text = an_openapi_text();         OpenAPI 3.1 as JSON; NULL: out of memory
 *     an_free(text);
 *
 * Threads: no state. */
#ifndef AN_COORDINATOR_OPENAPI_H
#define AN_COORDINATOR_OPENAPI_H

char *an_openapi_text(void);

#endif
