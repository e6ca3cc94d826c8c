/* task_internal.h - what the kinds of task share.  See agent/task.h. */
#ifndef AN_AGENT_TASKS_TASK_INTERNAL_H
#define AN_AGENT_TASKS_TASK_INTERNAL_H

#include <string.h>

#include "agent/task.h"
#include "models/train.h"

#define X(name) extern const an_task_type an_task_##name;
#include "agent/tasks.def"
#undef X

/* From the plan's seed and the site's name: each site draws its own numbers, and the same
 * again. */
uint64_t an_task_seed(const an_task *task);

an_payload_facts an_task_facts(const an_task *task);

/* Encodes into ret (plan->dim).  Errors: INVAL the plan's dim is not what the version gives,
 * and those of the payload's encoder. */
an_err an_task_encode(const an_task *task, const an_payload_in *in, uint32_t *ret, an_note *why);

/* EVALUATE where the site has labels: losses only.  Errors: as the task's. */
an_err an_task_evaluate_taught(const an_task *task, uint32_t *ret, an_task_result *ret_result, an_note *why);

/* ---- differential privacy (train_private.c; trust/private.h) ---- */

/* SITE: the vector, rounded until it is within the bound, with this site's share of the noise.
 * Errors: as an_task_encode; REFUSED the plan's numbers are not those of its noise. */
an_err an_task_encode_noised(const an_task *task, const an_payload_facts *facts, const an_payload_in *in,
                             uint32_t *ret, an_note *why);

/* RECORD: raw windows to learn from, each once, the caller's.  Errors: NOMEM. */
an_err an_task_rows_once(const an_task *task, float **ret, size_t *ret_n);
/* RECORD: an_train, with each row's gradient clipped and noised as the plan says.  Errors: as an_train. */
an_err an_task_train_private(const an_task *task, const an_model *m, float *params, an_train_opts *opts,
                             const float *x, size_t n, an_train_stats *ret, an_note *why);

/* The model inputs to learn from (TRAIN's), in the scaler that the site's overlay will have; *ret is the caller's.
 * Errors: AGAIN, STATE there are none; INVAL, NOMEM. */
an_err an_task_windows(const an_task *task, float **ret, size_t *ret_n, an_note *why);

/* The moments of TRAIN's rows; about NULL: n and sum; else n and the sum of (x - about)^2. */
an_err an_task_moments(const an_task *task, const float *about, uint32_t *ret, an_task_result *ret_result,
                       an_note *why);

#endif
