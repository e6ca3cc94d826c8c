/* andon-lab openapi: the coordinator's API from the rows of its routes: docs/openapi.json. */
#include <stdio.h>

#include "base/mem.h"
#include "coordinator/api/openapi.h"
#include "coordinator/lab/lab.h"

static an_err run(an_lab *lab, an_note *why)
{
    char *text = an_openapi_text();
    if (!text)
        return an_fail(AN_ERR_NOMEM, why, "out of memory");
    fprintf(lab->out, "%s\n", text);
    an_free(text);
    return ferror(lab->out) ? an_fail(AN_ERR_IO, why, "the output cannot be written") : AN_OK;
}

const an_lab_verb an_lab_verb_openapi = {
    .verb = {"openapi", NULL, 0, 0, NULL, 0, "print what the coordinator's API takes and gives, as OpenAPI"},
    .run = run,
};
