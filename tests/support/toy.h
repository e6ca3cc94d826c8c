/* toy.h - a small version and windows that it can learn, for tests of what a site does.
 *
 *     an_bundle b;
 *     an_toy_bundle(&b, true);
 *     float *raw = an_toy_windows(200, 7);       (200, AN_TOY_CONTEXT, AN_TOY_WIDTH)
 *
 * Threads: call from anywhere. */
#ifndef AN_TEST_TOY_H
#define AN_TEST_TOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/bundle.h"
#include "msg/plan.h"

#define AN_TOY_WIDTH 4
#define AN_TOY_WINDOW 3
#define AN_TOY_SMOOTH 2
#define AN_TOY_CONTEXT 4

/* An autoencoder with fitted scaler and bins; its last layer is local if asked for. */
void an_toy_bundle(an_bundle *ret, bool local);
float *an_toy_windows(size_t n, uint64_t seed); /* an_free */

/* A plan for the bundle's base that an_plan_check takes; the rest is the caller's.
 * an_plan_free. */
an_plan *an_toy_plan(const an_bundle *b, an_payload_kind kind);

#endif
