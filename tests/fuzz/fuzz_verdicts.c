/* Tables of verdicts come from whatever an MES exports: what is taken is within its bounds, and reads the same when it is
 * handed on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/verdicts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const an_verdict_opts opts = {.line = size % 2 ? "press" : NULL, .words = "NOK=true,OK=false"};
    an_verdict_list list = {.n = 0}, again = {.n = 0};
    an_buf b, c;
    if (an_verdicts_parse(data, size, &opts, &list, NULL) != AN_OK)
        return 0;
    an_buf_init(&b, AN_VERDICT_BYTES_MAX);
    if (list.n + list.n_refused > size || an_verdicts_write(&list, &b) != AN_OK ||
        an_verdicts_parse(b.data, b.len, &(an_verdict_opts){.line = NULL}, &again, NULL) != AN_OK ||
        again.n != list.n || again.n_refused != 0)
        abort();
    an_buf_init(&c, AN_VERDICT_BYTES_MAX);
    if (an_verdicts_write(&again, &c) != AN_OK || c.len != b.len || memcmp(c.data, b.data, b.len) != 0)
        abort();
    an_buf_done(&c);
    an_verdict_list_done(&list);
    an_verdict_list_done(&again);
    an_buf_done(&b);
    return 0;
}
