/* samples.h - one well-formed message of every type and one plan, for tests, vectors and
 * corpora.
 *
 *     an_msg m;
 *     an_sample_msg(&m, AN_MSG_HELLO);
 *
 * Threads: pure functions. */
#ifndef AN_TESTS_SAMPLES_H
#define AN_TESTS_SAMPLES_H

#include "msg/msg.h"
#include "msg/plan.h"

void an_sample_msg(an_msg *ret, an_msg_type type);

/* kind TRAIN: three tensors (the last local), cohort plant-a, plant-b, plant-c. */
void an_sample_plan(an_plan *ret, an_payload_kind kind);

void an_sample_hash(an_hash *ret, uint8_t seed); /* seed, seed + 1, ... */

#endif
