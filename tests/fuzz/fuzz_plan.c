/* Strangers' bytes as a plan.  What is accepted must be its own canonical form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "msg/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    an_plan *plan = NULL;
    an_note why;
    if (an_plan_decode(bytes, len, &plan, &why) != AN_OK)
        return 0;
    an_buf b;
    an_buf_init(&b, AN_PLAN_BYTES_MAX);
    if (an_plan_encode(plan, &b, &why) != AN_OK || b.len != len || memcmp(b.data, bytes, len) != 0)
        abort();
    an_plan_free(plan);
    an_buf_done(&b);
    return 0;
}
