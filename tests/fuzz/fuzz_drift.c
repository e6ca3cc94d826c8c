/* A drift test's checkpoint is read from disk: what is accepted must be saved to the same bytes
 * and must run. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/drift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_drift d;
    an_buf again;
    if (an_drift_load(&d, data, size) != AN_OK)
        return 0;
    an_buf_init(&again, 1 << 16);
    an_drift_save(&d, &again);
    if (again.len != size || memcmp(again.data, data, size) != 0)
        abort();
    an_buf_done(&again);
    for (int i = 0; i < 2000; i++)
        (void)an_drift_update(&d, (double)(i * 7919 % 1009) - 500.0);
    return 0;
}
