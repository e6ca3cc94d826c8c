/* policy.h - how a model is trained, judged and rolled out: one struct, one row per option.
 *
 * A policy belongs to a model, is set by the central team, and is journalled as the texts that
 * differ from the defaults.
 *
 *     an_policy p;
 *     err = an_policy_init(&p);
 *     err = an_policy_set(&p, "train.rounds", "10", "command line", &why);
 *
 * Threads: plain data. */
#ifndef AN_COORDINATOR_POLICY_H
#define AN_COORDINATOR_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "coordinator/rollout.h"
#include "coordinator/rule.h"

enum { AN_MIXING_AUTO, AN_MIXING_YES, AN_MIXING_NO }; /* index into "auto", "yes", "no" */

enum { AN_DRIFT_TESTS_ANY, AN_DRIFT_TESTS_INPUT, AN_DRIFT_TESTS_SCORE, AN_DRIFT_TESTS_BOTH };
enum { AN_DRIFT_FEW_REPLAY, AN_DRIFT_FEW_OVERLAY };

typedef struct an_policy {
    int privacy; /* index into "trusted", "secure-sum" */
    int64_t min_cohort;
    double secure_colluders, secure_dropouts; /* shares of the cohort */
    int64_t secure_bits, secure_correctness_bits, secure_groups;
    int secure_cipher; /* 0: as the sites can, else an_cipher */
    int64_t exchange_ms;
    int64_t invite_ms, upload_ms;
    int64_t async_staleness, async_buffer;
    int64_t seed;

    int64_t train_rounds, train_epochs, train_batch;
    double train_lr, train_prox_mu;
    bool train_control;
    int train_schedule; /* index into an_policy_schedules */
    int optimiser;      /* index into an_policy_optimisers */
    double clip_norm, weight_cap;
    int server_optimiser; /* index into an_policy_server_optimisers */
    int encoding;         /* AN_UPDATE_* */
    double topk;
    int rule; /* index into an_policy_rules */
    double rule_hostile, rule_norm;
    int rule_mixing; /* AN_MIXING_* */
    double server_lr, server_momentum, server_beta1, server_beta2, server_tau;

    int64_t drift_quorum, drift_within_ms, drift_gather_ms, drift_cooldown_ms;
    bool drift_automatic, drift_use_held, drift_ask_sensor;
    int drift_tests; /* AN_DRIFT_TESTS_* */
    int drift_few;   /* AN_DRIFT_FEW_* */
    double drift_share, drift_run, drift_false_month;
    an_opt_line drift_hours;
    int64_t drift_rounds, drift_epochs;
    double drift_lr, drift_l2sp, drift_ewc, drift_replay, drift_gain;
    int64_t overlay_deadline_ms;

    double trigger_precision, trigger_recall, trigger_f1, trigger_confidence;
    int64_t trigger_verdicts, trigger_rows, trigger_every_ms;

    bool promote_automatic;
    an_opt_line rollout_stages, rollout_reporting, rollout_window;
    int64_t rollout_soak_ms, rollout_deadline_ms;
    double rollout_success, rollout_error;
    int rollout_approve; /* AN_APPROVE_* */
    double gate_loss, gate_alarms, gate_challenge;
    double gate_confidence, gate_band, gate_latency;
    int64_t gate_latency_us, gate_windows;
    int64_t shadow_ms, shadow_rows;
    bool gate_first;
    int64_t round_retries, patience_ms;
    int64_t keep_rounds, keep_bytes, keep_versions;

    int dp_unit; /* AN_DP_*: index into "none", "record", "site" */
    double dp_epsilon, dp_delta, dp_noise, dp_clip, dp_rate;
} an_policy;

extern const char *const an_policy_optimisers[]; /* rows of models/optimisers.def; ended by NULL */
extern const char
    *const an_policy_schedules[]; /* rows of models/schedules.def that need no options; ended by NULL */
extern const char *const an_policy_server_optimisers[]; /* rows of server_optimisers.def; ended by NULL */
extern const char *const an_policy_rules[];             /* rows of rules.def; ended by NULL */
extern const an_opt an_policy_rows[];
extern const size_t an_policy_n_rows;

an_err an_policy_init(an_policy *p); /* the defaults.  Errors: NOMEM */
an_err an_policy_set(an_policy *p, const char *key, const char *value, const char *where, an_note *why);
/* All of them, key and value, and then an_policy_check; on failure p may hold some.  Errors: INVAL. */
an_err an_policy_set_all(an_policy *p, const char *const (*texts)[2], size_t n, an_note *why);
/* What the rule is told. */
an_rule_opts an_policy_rule_opts(const an_policy *p);
/* What a rollout that opens now is judged by. */
an_rollout_rules an_policy_rollout_rules(const an_policy *p);
/* Do the values agree with one another?  Errors: INVAL. */
an_err an_policy_check(const an_policy *p, an_note *why);

#endif
