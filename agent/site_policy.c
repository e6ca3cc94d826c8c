#include "agent/site_policy.h"

#include <stdio.h>
#include <string.h>

static const char *const units[] = {"none", "record", "site", NULL};

const an_opt an_site_policy_rows[] = {
    AN_OPT_BOOL(an_site_policy, allow_training, "allow.training", "yes",
                "train models on this site's windows"),
    AN_OPT_BOOL(an_site_policy, allow_statistics, "allow.statistics", "yes",
                "give sums and counts of sensor values"),
    AN_OPT_BOOL(an_site_policy, allow_evaluation, "allow.evaluation", "yes",
                "judge versions on this site's windows"),
    AN_OPT_BOOL(an_site_policy, allow_held, "allow.held", "yes", "train on windows held back during alarms"),
    AN_OPT_BOOL(an_site_policy, allow_trusted, "allow.trusted", "no",
                "rounds in which the coordinator could read this site's own vector"),
    AN_OPT_BOOL(an_site_policy, allow_delegation, "allow.delegation", "yes",
                "follow releases that the coordinator signs within what the release root has delegated"),
    AN_OPT_BOOL(an_site_policy, allow_online_root, "allow.online_root", "yes",
                "follow a coordinator that has no offline release root and signs releases by itself"),
    AN_OPT_BOOL(an_site_policy, allow_shadow, "allow.shadow", "yes",
                "score candidates beside what runs on a line, and give counts of it"),
    AN_OPT_BOOL(an_site_policy, allow_live, "allow.live", "yes",
                "tell how a new version does here: counts of rows and alarms, mean score, latency"),
    AN_OPT_BOOL(an_site_policy, allow_counts, "allow.counts", "yes",
                "tell how many rows lines have scored, and how many alarms people called right or wrong"),
    AN_OPT_BOOL(an_site_policy, allow_return, "allow.return", "yes",
                "go back to the version that ran before when the coordinator asks for it"),
    AN_OPT_INT(
        an_site_policy, refits_per_day, "refits_per_day", 0, 1000, "4",
        "how often in a day (UTC) a line adapts its overlay when the coordinator asks for it; 0: never"),
    AN_OPT_NUM(an_site_policy, refit_alarms, "refit.alarms", 0, 1, "0.05",
               "... and how much higher its share of alarms on old normal data may be then"),
    AN_OPT_NUM(an_site_policy, refit_faults, "refit.faults", 0, 1, "0.1",
               "... and how much lower the share of generic faults that it raises"),
    AN_OPT_INT(an_site_policy, min_cohort, "min_cohort", 1, 1000, "3",
               "fewest sites in a round; in a secure sum fewest parties"),
    AN_OPT_INT(an_site_policy, secure_bits, "secure.bits", 1, 128, "40",
               "a secure sum may be broken by chance once in two to this power, no more often"),
    AN_OPT_NUM(an_site_policy, secure_colluders, "secure.colluders", 0, 0.9, "0.1",
               "share of the roster's parties that may collude without learning of this site"),
    AN_OPT_INT(an_site_policy, rounds_per_day, "rounds_per_day", 0, 1e9, "10000",
               "rounds accepted in 24 hours"),
    AN_OPT_INT(an_site_policy, epochs_max, "epochs_max", 1, 100000, "1000",
               "passes over the windows in a round"),
    AN_OPT_BYTES(an_site_policy, bytes_per_day, "bytes_per_day", 0, 1e15, "0",
                 "most that may leave in 24 hours, by the ledger; 0 is no bound"),
    AN_OPT_TEXT(an_site_policy, hours, "hours", 1, 64, "*",
                "hours of the day (UTC) in which rounds are joined, as 18-6,12-13; * is all"),
    AN_OPT_TEXT(an_site_policy, models, "models", 1, 1024, "*",
                "models served here, comma-separated; * is all"),
    AN_OPT_CHOICE(an_site_policy, dp_required, "dp.required", units, "none",
                  "least differential privacy of training: none, of a record, or of the site"),
    AN_OPT_NUM(an_site_policy, dp_epsilon_max, "dp.epsilon_max", 0, 1e6, "0",
               "most epsilon of a model by the site's own account; 0 is no bound"),
    AN_OPT_NUM(an_site_policy, dp_delta, "dp.delta", 1e-15, 0.1, "0.00001", "... at this delta"),
};
const size_t an_site_policy_n_rows = sizeof an_site_policy_rows / sizeof *an_site_policy_rows;

an_err an_site_policy_init(an_site_policy *p)
{
    return an_opt_defaults(an_site_policy_rows, an_site_policy_n_rows, p);
}

void an_site_policy_done(an_site_policy *p)
{
    an_opt_done(an_site_policy_rows, an_site_policy_n_rows, p);
}

an_err an_site_policy_set(an_site_policy *p, const char *key, const char *value, const char *where,
                          an_note *why)
{
    return an_opt_set(an_site_policy_rows, an_site_policy_n_rows, p, key, value, where, why);
}

an_err an_site_policy_model(const an_site_policy *p, const char *model, an_note *why)
{
    const size_t len = strlen(model);
    for (const char *at = p->models; at && *at;) {
        size_t n = strcspn(at, ",");
        if ((n == 1 && *at == '*') || (n == len && strncmp(at, model, n) == 0))
            return AN_OK;
        at += n + (at[n] == ',');
    }
    return an_fail(AN_ERR_REFUSED, why, "site policy: models does not name %s", model);
}

/* Of which kind of work is the plan, and is that allowed? */
static an_err judge_kind(const an_site_policy *p, const an_plan *plan, an_note *why)
{
    switch (plan->kind) {
    case AN_PAYLOAD_TRAIN:
        if (!p->allow_training)
            return an_fail(AN_ERR_REFUSED, why, "site policy: allow.training is no");
        if (plan->local_epochs > (uint64_t)p->epochs_max)
            return an_fail(AN_ERR_REFUSED, why, "site policy: %u epochs, epochs_max is %lld",
                           plan->local_epochs, (long long)p->epochs_max);
        break;
    case AN_PAYLOAD_MEAN:
    case AN_PAYLOAD_VARIANCE:
    case AN_PAYLOAD_HISTOGRAM:
    case AN_PAYLOAD_FIT:
        if (!p->allow_statistics)
            return an_fail(AN_ERR_REFUSED, why, "site policy: allow.statistics is no");
        break;
    case AN_PAYLOAD_EVALUATE:
        if (!p->allow_evaluation)
            return an_fail(AN_ERR_REFUSED, why, "site policy: allow.evaluation is no");
        break;
    case AN_PAYLOAD_SHADOW:
        if (!p->allow_shadow)
            return an_fail(AN_ERR_REFUSED, why, "site policy: allow.shadow is no");
        break;
    }
    return AN_OK;
}

/* The coordinator writes the plan, so the site has bounds of its own for it. */
static an_err judge_secure(const an_site_policy *p, const an_plan_secure *s, an_note *why)
{
    if (s->security_bits < (uint64_t)p->secure_bits)
        return an_fail(AN_ERR_REFUSED, why, "site policy: secure.bits is %lld, the plan's are %u",
                       (long long)p->secure_bits, s->security_bits);
    if (s->colluders_permille < p->secure_colluders * 1000)
        return an_fail(AN_ERR_REFUSED, why, "site policy: secure.colluders is %g, the plan's share is %g",
                       p->secure_colluders, s->colluders_permille / 1000.0);
    return AN_OK;
}

an_err an_site_policy_judge(const an_site_policy *p, const an_plan *plan, uint64_t rounds_today, an_note *why)
{
    an_err err = an_site_policy_model(p, plan->model, why);
    if (err == AN_OK)
        err = judge_kind(p, plan, why);
    if (err != AN_OK)
        return err;
    if (plan->use_held && !p->allow_held)
        return an_fail(AN_ERR_REFUSED, why, "site policy: allow.held is no");
    if (plan->privacy == AN_PRIVACY_TRUSTED && !p->allow_trusted)
        return an_fail(AN_ERR_REFUSED, why, "site policy: allow.trusted is no");
    if (plan->privacy == AN_PRIVACY_SECURE_SUM && (err = judge_secure(p, &plan->secure, why)) != AN_OK)
        return err;
    if (plan->n_cohort < (uint64_t)p->min_cohort)
        return an_fail(AN_ERR_REFUSED, why, "site policy: %u sites in the round, min_cohort is %lld",
                       plan->n_cohort, (long long)p->min_cohort);
    if (plan->privacy == AN_PRIVACY_SECURE_SUM && plan->min_cohort < (uint64_t)p->min_cohort)
        return an_fail(AN_ERR_REFUSED, why, "site policy: a sum may be over %u parties, min_cohort is %lld",
                       plan->min_cohort, (long long)p->min_cohort);
    if (rounds_today >= (uint64_t)p->rounds_per_day)
        return an_fail(AN_ERR_REFUSED, why, "site policy: rounds_per_day is %lld",
                       (long long)p->rounds_per_day);
    return AN_OK;
}

an_err an_site_policy_privacy(const an_site_policy *p, const an_plan *plan, double epsilon, an_note *why)
{
    if (plan->kind != AN_PAYLOAD_TRAIN)
        return AN_OK;
    if (plan->dp_unit < (uint32_t)p->dp_required)
        return an_fail(AN_ERR_REFUSED, why, "site policy: dp.required is %s, the plan has %s",
                       an_dp_unit_name((uint32_t)p->dp_required), an_dp_unit_name(plan->dp_unit));
    if (p->dp_epsilon_max <= 0)
        return AN_OK;
    if (plan->dp_unit == AN_DP_NONE)
        return an_fail(AN_ERR_REFUSED, why, "site policy: dp.epsilon_max is %g, the plan has no noise",
                       p->dp_epsilon_max);
    if (epsilon > p->dp_epsilon_max)
        return an_fail(
            AN_ERR_REFUSED, why,
            "site policy: dp.epsilon_max is %g, and with this round the site's own account comes to "
            "%.4g (%s, delta %g)",
            p->dp_epsilon_max, epsilon, an_dp_unit_name(plan->dp_unit), p->dp_delta);
    return AN_OK;
}

/* "18-6" is from 18:00 to before 6:00.  A text that is not so is no hour at all: nothing is let through by a
 * slip of the pen. */
static bool in_hours(const char *hours, unsigned hour)
{
    for (const char *at = hours; *at;) {
        unsigned from = 0, to = 0;
        int used = 0;
        if (*at == '*')
            return true;
        if (sscanf(at, "%2u-%2u%n", &from, &to, &used) != 2 || from > 23 || to > 24)
            return false;
        at += used;
        if (*at != '\0' && *at != ',')
            return false;
        if (from <= to ? hour >= from && hour < to : hour >= from || hour < to)
            return true;
        at += *at == ',';
    }
    return false;
}

an_err an_site_policy_traffic(const an_site_policy *p, uint64_t bytes, uint64_t left_today, int64_t now_ms,
                              an_note *why)
{
    const unsigned hour = (unsigned)(now_ms / 3600000 % 24);
    if (p->bytes_per_day > 0 &&
        (bytes > (uint64_t)p->bytes_per_day || left_today > (uint64_t)p->bytes_per_day - bytes))
        return an_fail(AN_ERR_REFUSED, why,
                       "site policy: bytes_per_day is %lld, %llu have left and this round would add %llu",
                       (long long)p->bytes_per_day, (unsigned long long)left_today,
                       (unsigned long long)bytes);
    if (!p->hours || !in_hours(p->hours, hour))
        return an_fail(AN_ERR_REFUSED, why, "site policy: hours are %s, and it is %u o'clock (UTC)",
                       p->hours ? p->hours : "none", hour);
    return AN_OK;
}
