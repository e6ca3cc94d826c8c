/* An overlay is read from the site's disk: what is accepted must be exactly what the encoder
 * writes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/overlay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_overlay o;
    an_buf again;
    if (an_overlay_decode(&o, data, size, NULL) != AN_OK)
        return 0;
    an_buf_init(&again, AN_BUNDLE_BYTES_MAX);
    if (an_overlay_encode(&o, &again, NULL) != AN_OK || again.len != size ||
        memcmp(again.data, data, size) != 0)
        abort();
    an_buf_done(&again);
    an_overlay_done(&o);
    return 0;
}
