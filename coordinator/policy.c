#include "coordinator/policy.h"

#include <string.h>

#include "coordinator/calendar.h"
#include "coordinator/rule.h"
#include "msg/plan.h"

static const char *const ciphers[] = {"auto", "chacha20", "aes-256-ctr", NULL};
static const char *const privacies[] = {"trusted", "secure-sum", NULL};
static const char *const units[] = {"none", "record", "site", NULL};
const char *const an_policy_optimisers[] = {"adam", "sgd", "rmsprop", NULL};
const char *const an_policy_server_optimisers[] = {
#define AN_SERVER_OPTIMISER(name) #name,
#include "coordinator/server_optimisers.def"
#undef AN_SERVER_OPTIMISER
    NULL};
const char *const an_policy_rules[] = {
#define AN_RULE(name) #name,
#include "coordinator/rules.def"
#undef AN_RULE
    NULL};

const char *const an_policy_schedules[] = {"constant", "cosine", NULL};
static const char *const approvals[] = {"none", "first", "each", NULL};
static const char *const mixings[] = {"auto", "yes", "no", NULL};
static const char *const encodings[] = {
#define AN_ENCODING(name) #name,
#include "sum/encodings.def"
#undef AN_ENCODING
    NULL};

static const char *const drift_tests[] = {"any", "input", "score", "both", NULL};
static const char *const drift_few[] = {"replay", "overlay", NULL};

const an_opt an_policy_rows[] = {
    AN_OPT_CHOICE(an_policy, privacy, "privacy", privacies, "secure-sum",
                  "who may see a single update: trusted (the coordinator) or secure-sum (nobody)"),
    AN_OPT_INT(an_policy, min_cohort, "min_cohort", 1, 1000, "3",
               "fewer than this are never summed: sites; in a secure sum parties"),
    AN_OPT_NUM(an_policy, secure_colluders, "secure.colluders", 0, 0.9, "0.1",
               "share of the roster's parties that may collude with the coordinator; one always"),
    AN_OPT_NUM(an_policy, secure_dropouts, "secure.dropouts", 0, 0.9, "0.3",
               "share of a cohort's sites that a secure sum must bear to lose"),
    AN_OPT_INT(an_policy, secure_bits, "secure.bits", 40, 128, "40",
               "a secure sum is broken by chance once in two to this power"),
    AN_OPT_INT(an_policy, secure_correctness_bits, "secure.correctness_bits", 10, 64, "30",
               "... and fails at the borne losses once in two to this power"),
    AN_OPT_CHOICE(an_policy, secure_cipher, "secure.cipher", ciphers, "auto",
                  "of masks: aes-256-ctr, chacha20, or auto: aes where all sites are fast at it"),
    AN_OPT_INT(an_policy, secure_groups, "secure.groups", 1, AN_GROUPS_MAX, "1",
               "sums of their own in a round; a robust rule needs three"),
    AN_OPT_MS(an_policy, exchange_ms, "round.exchange", 100, 86400000, "1m",
              "how long each exchange of a secure sum may take"),
    AN_OPT_MS(an_policy, invite_ms, "round.invite", 100, 86400000, "30s",
              "how long sites may take to answer a plan"),
    AN_OPT_MS(an_policy, upload_ms, "round.upload", 100, 604800000, "10m",
              "how long sites may train and deliver"),
    AN_OPT_INT(an_policy, round_retries, "round.retries", 0, 100, "3",
               "aborted rounds a campaign tries again"),
    AN_OPT_MS(an_policy, patience_ms, "round.patience", 0, 604800000, "10m",
              "how long a campaign waits for sites that have too few windows yet; 0: not at all"),
    AN_OPT_INT(
        an_policy, async_staleness, "async.staleness", 0, AN_STALENESS_MAX, "0",
        "trusted mode: an update that comes when its round is over counts in a later one, if it is at most "
        "so many versions behind; 0: it does not count"),
    AN_OPT_INT(an_policy, async_buffer, "async.buffer", 0, 1000, "0",
               "... and so many updates end a round, whoever still trains; 0: min_cohort"),
    AN_OPT_INT(an_policy, keep_rounds, "keep.rounds", 0, 1000000, "100",
               "rounds whose updates are kept, so that they can be replayed"),
    AN_OPT_BYTES(an_policy, keep_bytes, "keep.bytes", 0, 1e15, "20G",
                 "... and at most so many bytes of them"),
    AN_OPT_INT(an_policy, keep_versions, "keep.versions", 0, 1000000, "100",
               "newest versions, and former production versions, whose bundles are kept beside those that "
               "are needed; "
               "0: all are kept"),
    AN_OPT_INT(an_policy, seed, "seed", 0, 9e15, "1", "of the first weights and of every plan"),
    AN_OPT_INT(an_policy, train_rounds, "train.rounds", 1, 10000, "10", "rounds of a full training"),
    AN_OPT_INT(an_policy, train_epochs, "train.epochs", 1, 1000, "1",
               "passes over the site's windows in a round"),
    AN_OPT_INT(an_policy, train_batch, "train.batch", 1, 4096, "64", "windows in a step"),
    AN_OPT_NUM(an_policy, train_lr, "train.lr", 1e-9, 10, "0.001", "learning rate at the sites"),
    AN_OPT_CHOICE(an_policy, train_schedule, "train.schedule", an_policy_schedules, "constant",
                  "how that falls over the rounds of a full training; cosine: to a hundredth"),
    AN_OPT_NUM(an_policy, train_prox_mu, "train.prox_mu", 0, 1000, "0",
               "FedProx pull towards the base version"),
    AN_OPT_BOOL(
        an_policy, train_control, "train.control", "false",
        "a full training: sites correct for what sets them apart (SCAFFOLD); for train.optimiser: sgd"),
    AN_OPT_CHOICE(an_policy, optimiser, "train.optimiser", an_policy_optimisers, "adam",
                  "optimiser at the sites"),
    AN_OPT_NUM(an_policy, clip_norm, "update.clip_norm", 1e-6, 1e6, "10", "longest delta of a site, L2"),
    AN_OPT_NUM(an_policy, weight_cap, "update.weight_cap", 1, 1e9, "10000",
               "windows that count as full weight"),
    AN_OPT_CHOICE(an_policy, encoding, "update.encoding", encodings, "plain",
                  "trusted mode: fewer bytes for an update; what does not go over goes with a later one"),
    AN_OPT_NUM(an_policy, topk, "update.topk", 1e-6, 1, "0.01",
               "topk: share of the parameters that go over in a round"),
    AN_OPT_CHOICE(an_policy, rule, "rule", an_policy_rules, "mean",
                  "what becomes of single updates; all but the mean need to see them"),
    AN_OPT_NUM(an_policy, rule_hostile, "rule.hostile", 0, 0.49, "0.2",
               "share of the sites that the rule is to bear"),
    AN_OPT_NUM(an_policy, rule_norm, "rule.norm", 0, 1e6, "0",
               "norm_bound: longest delta of a site, L2; 0: the median of them"),
    AN_OPT_CHOICE(an_policy, rule_mixing, "rule.mixing", mixings, "auto",
                  "before the rule each update becomes the mean of those nearest to it; auto: for krum"),
    AN_OPT_CHOICE(an_policy, server_optimiser, "server.optimiser", an_policy_server_optimisers, "fedavg",
                  "what makes weights of the mean delta"),
    AN_OPT_NUM(an_policy, server_lr, "server.lr", 1e-6, 10, "1", "share of the mean delta that is applied"),
    AN_OPT_NUM(an_policy, server_momentum, "server.momentum", 0, 0.999, "0",
               "fedavg: momentum over rounds (FedAvgM)"),
    AN_OPT_NUM(an_policy, server_beta1, "server.beta1", 0, 0.9999, "0.9",
               "fedadam, fedyogi: share of the last rounds in the mean of deltas"),
    AN_OPT_NUM(an_policy, server_beta2, "server.beta2", 0, 0.9999, "0.99",
               "fedadam, fedyogi: ... and in the mean of their squares"),
    AN_OPT_NUM(an_policy, server_tau, "server.tau", 1e-9, 10, "0.001",
               "fedadam, fedyogi: least divisor, about the size of a parameter's delta"),
    AN_OPT_CHOICE(an_policy, drift_tests, "drift.tests", drift_tests, "any",
                  "reports that count: of any test, of inputs, of scores, or of lines with both"),
    AN_OPT_INT(an_policy, drift_quorum, "drift.quorum", 1, 1000, "1", "sites that must report drift"),
    AN_OPT_NUM(an_policy, drift_share, "drift.share", 0, 1, "0",
               "... and at least this share of the sites that run the model"),
    AN_OPT_MS(an_policy, drift_within_ms, "drift.within", 1000, 31536000000, "1h", "... within this time"),
    AN_OPT_MS(an_policy, drift_gather_ms, "drift.gather", 0, 31536000000, "15m",
              "... and so long ago: rows of the new regime are gathered"),
    AN_OPT_MS(an_policy, drift_cooldown_ms, "drift.cooldown", 0, 31536000000, "1h",
              "least time between campaigns"),
    AN_OPT_LINE(
        an_policy, drift_hours, "drift.hours", 0, 199, "",
        "when campaigns may begin, as \"Mon-Fri 22:00-05:00; Sat,Sun 00:00-24:00\" UTC; empty: always"),
    AN_OPT_NUM(an_policy, drift_run, "drift.run", 100, 1e12, "100000",
               "rows of a line without drift between two false reports, on average"),
    AN_OPT_NUM(an_policy, drift_false_month, "drift.false_month", 0, 1e6, "4",
               "false campaigns in a month that the fleet may have; 0: whatever is reported counts"),
    AN_OPT_CHOICE(an_policy, drift_few, "drift.few", drift_few, "replay",
                  "if fewer sites drift than min_cohort: others join with replay, or overlay: no round, the "
                  "sites that drift are to adapt their overlays"),
    AN_OPT_BOOL(an_policy, drift_ask_sensor, "drift.ask_sensor", "false",
                "drift of one sensor alone waits for approval in any case"),
    AN_OPT_BOOL(an_policy, drift_automatic, "drift.automatic", "false",
                "start the campaign without approval"),
    AN_OPT_BOOL(an_policy, drift_use_held, "drift.use_held", "true",
                "train on windows held back during alarms"),
    AN_OPT_INT(an_policy, drift_rounds, "drift.rounds", 1, 1000, "4", "rounds of an incremental campaign"),
    AN_OPT_INT(an_policy, drift_epochs, "drift.epochs", 1, 1000, "4", "passes in each of them"),
    AN_OPT_NUM(an_policy, drift_lr, "drift.lr", 1e-9, 10, "0.001", "learning rate in each of them"),
    AN_OPT_NUM(an_policy, drift_l2sp, "drift.l2sp", 0, 1000, "0.001", "L2-SP pull towards production"),
    AN_OPT_NUM(an_policy, drift_ewc, "drift.ewc", 0, 1e12, "0",
               "... and of each parameter by how much old windows need it (elastic weight consolidation)"),
    AN_OPT_NUM(an_policy, drift_gain, "drift.gain", 0, 0.9, "0",
               "end training early if a round lowers the sites' loss by less than this share"),
    AN_OPT_NUM(an_policy, drift_replay, "drift.replay", 0.01, 0.95, "0.5",
               "share of old windows in training"),
    AN_OPT_MS(an_policy, overlay_deadline_ms, "overlay.deadline", 1000, 31536000000, "1d",
              "how long a campaign of overlays waits for lines that do not answer"),
    AN_OPT_NUM(an_policy, trigger_precision, "trigger.precision", 0, 0.999, "0",
               "a campaign where fewer of a line's judged alarms than this share were right; 0: never"),
    AN_OPT_NUM(an_policy, trigger_recall, "trigger.recall", 0, 0.999, "0",
               "... where fewer of the faults that people know of than this share raised an alarm; 0: never"),
    AN_OPT_NUM(an_policy, trigger_f1, "trigger.f1", 0, 0.999, "0", "... where F1 is below this; 0: never"),
    AN_OPT_INT(an_policy, trigger_verdicts, "trigger.verdicts", 1, 1000000, "10",
               "with fewer verdicts, and missed faults, nothing is said of a line"),
    AN_OPT_NUM(an_policy, trigger_confidence, "trigger.confidence", 0.5, 0.9999, "0.95",
               "that lines are below such a bound and do not only seem so, all lines together"),
    AN_OPT_INT(an_policy, trigger_rows, "trigger.rows", 0, 1000000000000000, "0",
               "a campaign when all lines have scored so many rows since the last training; 0: never"),
    AN_OPT_MS(an_policy, trigger_every_ms, "trigger.every", 0, 31536000000, "0",
              "a campaign when the last training is so long ago, in drift.hours; 0: never"),
    AN_OPT_BOOL(an_policy, promote_automatic, "promote.automatic", "false", "promote what passes the gate"),
    AN_OPT_LINE(an_policy, rollout_stages, "rollout.stages", 0, 199, "all",
                "who gets a version one after the other: \"2, 25%, @group, drifting, all\""),
    AN_OPT_MS(an_policy, rollout_soak_ms, "rollout.soak", 0, 2592000000, "1h",
              "how long a site must run it without worsening to count as fine"),
    AN_OPT_NUM(an_policy, rollout_success, "rollout.success", 0, 1, "0.9",
               "share of the sites that reported which must be fine for the next stage; fewer: a pause"),
    AN_OPT_NUM(an_policy, rollout_error, "rollout.error", 0, 1, "0.4",
               "share of the sites that have it which may fail; more: all go back, by themselves"),
    AN_OPT_LINE(
        an_policy, rollout_reporting, "rollout.reporting", 1, 16, "50%",
        "sites of a stage that must have reported at its deadline, a number or a share; fewer: a pause"),
    AN_OPT_MS(an_policy, rollout_deadline_ms, "rollout.deadline", 1000, 31536000000, "1d",
              "how long a stage waits for sites that do not report"),
    AN_OPT_LINE(
        an_policy, rollout_window, "rollout.window", 0, 199, "",
        "when sites may be told, as \"Mon-Fri 22:00-05:00; Sat,Sun 00:00-24:00 UTC+1\"; empty: always"),
    AN_OPT_CHOICE(an_policy, rollout_approve, "rollout.approve", approvals, "none",
                  "which stages wait for a person: none, the first, or each"),
    AN_OPT_NUM(an_policy, gate_loss, "gate.loss", 0, 100, "0.1",
               "how much worse the loss may be, as a share"),
    AN_OPT_NUM(an_policy, gate_alarms, "gate.alarms", 0, 1, "0.05",
               "how much higher the share of alarms on normal data may be"),
    AN_OPT_NUM(an_policy, gate_challenge, "gate.challenge", 0, 1, "0.1",
               "how much lower the share of raised challenge faults may be"),
    AN_OPT_NUM(an_policy, gate_confidence, "gate.confidence", 0.5, 0.9999, "0.95",
               "that a candidate is no worse than that: of each bound"),
    AN_OPT_INT(
        an_policy, gate_windows, "gate.windows", 0, 1000000000, "200",
        "with fewer windows or faults of a kind a bound would say nothing: the shares themselves are held "
        "against each other, and the verdict says so"),
    AN_OPT_NUM(
        an_policy, gate_band, "gate.band", 1, 1000, "2",
        "shadow: so many times the alarms of production, or blocks of rows over the threshold, are too many"),
    AN_OPT_NUM(an_policy, gate_latency, "gate.latency", 1, 1000, "1.2",
               "shadow: so many times slower in scoring is too slow (95 % of the rows)"),
    AN_OPT_INT(an_policy, gate_latency_us, "gate.latency_floor_us", 0, 1000000000, "1000",
               "... where it is so many microseconds, too"),
    AN_OPT_MS(an_policy, shadow_ms, "shadow.time", 0, 604800000, "0",
              "so long a candidate scores beside production at the sites before the gate; 0: it does not"),
    AN_OPT_INT(an_policy, shadow_rows, "shadow.rows", 0, 1000000000000, "0",
               "... or until a site has scored so many rows; 0: no bound"),
    AN_OPT_BOOL(an_policy, gate_first, "gate.first", "true",
                "hold a first version against one without training: its loss must be less"),
    AN_OPT_CHOICE(an_policy, dp_unit, "dp.unit", units, "none",
                  "differential privacy of training: none, of a record (a window), or of a whole site"),
    AN_OPT_NUM(an_policy, dp_epsilon, "dp.epsilon", 0.001, 1e6, "8",
               "budget: rounds that would go beyond are not opened"),
    AN_OPT_NUM(an_policy, dp_delta, "dp.delta", 1e-15, 0.1, "0.00001", "... at this delta"),
    AN_OPT_NUM(an_policy, dp_noise, "dp.noise", 0.01, 10000, "1",
               "noise multiplier: standard deviation of the noise / sensitivity"),
    AN_OPT_NUM(an_policy, dp_clip, "dp.clip", 1e-6, 1e6, "1",
               "record: longest gradient of a window, L2 (of a site: update.clip_norm)"),
    AN_OPT_NUM(an_policy, dp_rate, "dp.rate", 0.0001, 1, "0.05",
               "record: share of the windows in a step; a pass has 1/rate steps"),
};
const size_t an_policy_n_rows = sizeof an_policy_rows / sizeof *an_policy_rows;

an_err an_policy_init(an_policy *p)
{
    return an_opt_defaults(an_policy_rows, an_policy_n_rows, p);
}

an_err an_policy_set(an_policy *p, const char *key, const char *value, const char *where, an_note *why)
{
    return an_opt_set(an_policy_rows, an_policy_n_rows, p, key, value, where, why);
}

static an_err check_rollout(const an_policy *p, an_note *why)
{
    an_note inner = {{0}};
    an_stage_spec stages[AN_STAGES_MAX];
    an_share share;
    an_calendar window;
    size_t n;
    if (an_stages_parse(p->rollout_stages, stages, &n, &inner) != AN_OK)
        return an_fail(AN_ERR_INVAL, why, "rollout.stages: %.200s", inner.text);
    if (an_share_parse(p->rollout_reporting, &share, &inner) != AN_OK)
        return an_fail(AN_ERR_INVAL, why, "rollout.reporting: %.200s", inner.text);
    if (an_calendar_parse(p->rollout_window, &window, &inner) != AN_OK)
        return an_fail(AN_ERR_INVAL, why, "rollout.window: %.200s", inner.text);
    return AN_OK;
}

an_rollout_rules an_policy_rollout_rules(const an_policy *p)
{
    an_rollout_rules r = {.soak_ms = p->rollout_soak_ms,
                          .deadline_ms = p->rollout_deadline_ms,
                          .success = p->rollout_success,
                          .error = p->rollout_error,
                          .approve = p->rollout_approve};
    memcpy(r.reporting, p->rollout_reporting, sizeof r.reporting);
    memcpy(r.window, p->rollout_window, sizeof r.window);
    return r;
}

/* What a site corrects by is how far the version has moved: it must be the mean of what the sites have moved. */
static an_err check_control(const an_policy *p, an_note *why)
{
    const bool plain = strcmp(an_policy_server_optimisers[p->server_optimiser], "fedavg") == 0 &&
                       p->server_lr >= 1 && p->server_lr <= 1 && p->server_momentum <= 0;
    if (!p->train_control)
        return AN_OK;
    if (strcmp(an_policy_optimisers[p->optimiser], "sgd") != 0)
        return an_fail(AN_ERR_INVAL, why, "train.control: with train.optimiser: sgd only");
    if (!plain)
        return an_fail(AN_ERR_INVAL, why,
                       "train.control: with server.optimiser: fedavg, server.lr: 1, server.momentum: 0 only");
    if (p->async_staleness > 0 || p->dp_unit != AN_DP_NONE)
        return an_fail(AN_ERR_INVAL, why, "train.control: with neither async.staleness nor dp.unit");
    return AN_OK;
}

an_err an_policy_check(const an_policy *p, an_note *why)
{
    an_note hours = {{0}};
    an_calendar calendar;
    if (an_calendar_parse(p->drift_hours, &calendar, &hours) != AN_OK)
        return an_fail(AN_ERR_INVAL, why, "drift.hours: %.200s", hours.text);
    if (p->privacy == 1 && p->min_cohort < AN_SECURE_COHORT_MIN)
        return an_fail(AN_ERR_INVAL, why, "min_cohort: a secure sum is over %d parties at least",
                       AN_SECURE_COHORT_MIN);
    if (p->privacy == 1 && p->encoding != AN_UPDATE_PLAIN)
        return an_fail(AN_ERR_INVAL, why,
                       "update.encoding: in a secure sum only plain; masked numbers cannot be made shorter");
    if (p->privacy == 1 && p->rule != 0 && p->secure_groups < AN_RULE_GROUPS_MIN)
        return an_fail(AN_ERR_INVAL, why,
                       "rule: it needs to see updates (privacy: trusted), or three groups (secure.groups)");
    if (p->privacy == 1 && p->async_staleness > 0)
        return an_fail(AN_ERR_INVAL, why,
                       "async.staleness: only with privacy: trusted; masks come off in their own round only");
    if (p->rule_mixing == AN_MIXING_YES && !an_rule_find(an_policy_rules[p->rule])->mixes)
        return an_fail(AN_ERR_INVAL, why,
                       "rule.mixing: %s has none before it; median, trimmed_mean, krum and multi_krum have",
                       an_policy_rules[p->rule]);
    if (p->dp_unit == AN_DP_RECORD && p->drift_ewc > 0)
        return an_fail(
            AN_ERR_INVAL, why,
            "drift.ewc: not with dp.unit: record; what parameters are needed for is made of the records");
    if (p->dp_unit == AN_DP_SITE && (p->privacy == 0 || p->secure_groups != 1))
        return an_fail(
            AN_ERR_INVAL, why,
            "dp.unit: site needs privacy: secure-sum in one group, where the sum alone is seen and "
            "its noise is all sites' together");
    if (check_control(p, why) != AN_OK)
        return AN_ERR_INVAL;
    return check_rollout(p, why);
}

an_rule_opts an_policy_rule_opts(const an_policy *p)
{
    const bool krum = an_rule_find(an_policy_rules[p->rule]) == an_rule_find("krum");
    return (an_rule_opts){.hostile = p->rule_hostile,
                          .norm_bound = p->rule_norm,
                          .mixing =
                              p->rule_mixing == AN_MIXING_YES || (p->rule_mixing == AN_MIXING_AUTO && krum)};
}

an_err an_policy_set_all(an_policy *p, const char *const (*texts)[2], size_t n, an_note *why)
{
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = an_policy_set(p, texts[i][0], texts[i][1], "policy", why);
    return err == AN_OK ? an_policy_check(p, why) : err;
}
