/* Steps of preprocessing come in a bundle from elsewhere: a text that is taken must be written as a canonical one
 * that is taken again, and rows must go through it, whatever they hold, as a stored window says they do.
 *
 *     byte 0: sensors - 1 (modulo 4)   byte 1: how rows are made   rest: the text */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/prep_chain.h"

#define WIDTH_MAX 4u
#define ROWS_MAX 300u

const char *__lsan_default_suppressions(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7 keeps 4 KiB of some refused quoted scalars; nothing of ours may leak. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

static float value(uint8_t kind, size_t i)
{
    static const float strange[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, 0.0f, -0.0f};
    const size_t k = (i * 2654435761u + kind) >> 3;
    return k % 5 == 0 ? strange[k / 5 % 8] : (float)(k % 1000) / 100.0f - 5.0f;
}

/* What the last of `need` rows gives must not depend on what was before them. */
static void run(const an_prep_chain *c, size_t width, uint8_t kind)
{
    an_chain_stream *live = NULL, *fresh = NULL;
    const size_t need = an_chain_rows(c, 1), features = an_chain_features(c, width);
    float row[WIDTH_MAX];
    if (need > ROWS_MAX || an_chain_stream_new(c, &live) != AN_OK || an_chain_stream_new(c, &fresh) != AN_OK)
        goto out;
    for (size_t i = 0; i < ROWS_MAX; i++) {
        const float *a = NULL, *b = NULL;
        size_t ra = 0, rb = 0;
        an_chain_out last = AN_CHAIN_NONE;
        for (size_t j = 0; j < width; j++)
            row[j] = value(kind, i * width + j);
        const an_chain_out out = an_chain_push(live, row, &a, &ra);
        if (out == AN_CHAIN_NONE || i % 37 != 36 || i + 1 < need)
            continue;
        an_chain_stream_reset(fresh);
        for (size_t r = i + 1 - need; r <= i; r++) {
            for (size_t j = 0; j < width; j++)
                row[j] = value(kind, r * width + j);
            last = an_chain_push(fresh, row, &b, &rb);
        }
        if (last != out || (out == AN_CHAIN_ROW && (ra != rb || memcmp(a, b, features * sizeof *a) != 0)))
            abort();
    }
out:
    an_chain_stream_free(live);
    an_chain_stream_free(fresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const size_t width = data[0] % WIDTH_MAX + 1;
    an_prep_chain *c = NULL, *again = NULL;
    if (an_chain_parse((const char *)data + 2, size - 2, NULL, width, &c, NULL) != AN_OK || !c)
        return 0;
    const char *text = an_chain_canonical(c);
    if (an_chain_restore(text, strlen(text), width, &again, NULL) != AN_OK || !an_chain_equal(c, again))
        abort();
    for (size_t j = 0; j < an_chain_features(c, width); j++)
        if (an_chain_sensor(c, j) >= width)
            abort();
    run(c, width, data[1]);
    an_chain_free(again);
    an_chain_free(c);
    return 0;
}
