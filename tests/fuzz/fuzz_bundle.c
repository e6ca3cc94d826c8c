/* A bundle comes over the network: what is accepted must be exactly what the encoder writes,
 * and must score or be refused. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/bundle.h"
#include "models/scorer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void score_one(const an_bundle *b)
{
    an_scorer *s = NULL;
    an_scorer_work *w = NULL;
    if (an_scorer_new(b, NULL, &s, NULL) != AN_OK)
        return;
    float *x = an_alloc(an_scorer_input(s), sizeof *x);
    float *parts = an_alloc(an_scorer_features(s), sizeof *parts);
    float score;
    if (x && parts && an_scorer_work_new(s, 1, &w) == AN_OK)
        (void)!an_scorer_score(s, w, x, 1, &score, parts);
    an_free(x);
    an_free(parts);
    an_scorer_work_free(w);
    an_scorer_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_bundle b;
    an_buf again;
    if (an_bundle_decode(&b, data, size, NULL) != AN_OK)
        return 0;
    an_buf_init(&again, AN_BUNDLE_BYTES_MAX);
    if (an_bundle_encode(&b, &again, NULL) != AN_OK || again.len != size ||
        memcmp(again.data, data, size) != 0)
        abort();
    score_one(&b);
    an_buf_done(&again);
    an_bundle_done(&b);
    return 0;
}
