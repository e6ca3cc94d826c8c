/* The gate line by line: figures that are fine but for one thing, and what the verdict says of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/gate.h"

typedef struct figures {
    an_evaluate_out e;
    an_shadow_counts s;
    an_policy policy;
} figures;

typedef struct row {
    const char *name;
    an_gate_case which;
    bool shadow;
    void (*change)(figures *f);
    const char *fails; /* the one line that does not pass; NULL: all pass */
    const char *words; /* of the reason */
    bool hard;
} row;

static void side(an_shadow_side *s, double latency_us)
{
    *s = (an_shadow_side){.rows = 20000, .over = 40, .blocks_over = 20, .alarms = 10};
    s->scores[2] = s->rows;
    s->latency[an_shadow_latency_bin((uint64_t)(latency_us * 1000))] = s->rows;
}

/* A candidate that is as good as production in everything. */
static void make(figures *f)
{
    *f = (figures){.e = {.candidate = {.n = 1000}}};
    assert_int_equal(an_policy_init(&f->policy), AN_OK);
    an_evaluation *c = &f->e.candidate;
    *c = (an_evaluation){.n = 1000,
                         .loss_sum = 100,
                         .old_windows = 1000,
                         .old_alarms = 10,
                         .new_windows = 1000,
                         .new_alarms = 10,
                         .sites = 4,
                         .gains = 2};
    for (size_t i = 0; i < 4; i++)
        c->sizes[i].total = 250, c->sizes[i].raised = 200;
    f->e.production = *c;
    f->s = (an_shadow_counts){.rows = 20000, .blocks = 1000, .both = 20, .sites = 4};
    side(&f->s.candidate, 2000);
    side(&f->s.production, 2000);
}

static void raise_all(an_evaluation *e, uint64_t raised)
{
    for (size_t i = 0; i < 4; i++)
        e->sizes[i].raised = raised;
}

/* ---- what is changed ---- */

static void nothing(figures *f)
{
    (void)f;
}

static void one_objects(figures *f)
{
    f->e.candidate.objections = 1;
}

static void none_gains(figures *f)
{
    f->e.candidate.gains = 0;
}

static void old_forgotten(figures *f)
{
    f->e.candidate.old_alarms = 80;
}

static void new_alarms(figures *f)
{
    f->e.candidate.new_alarms = 80;
}

/* 4 points more were seen; that it is not 5 has not been shown. */
static void not_proven(figures *f)
{
    f->e.candidate.old_alarms = 50;
}

static void proven(figures *f)
{
    f->e.candidate.old_alarms = 30;
}

/* So few that a bound says nothing: the shares are compared as they are. */
static void few_windows(figures *f)
{
    for (int i = 0; i < 2; i++) {
        an_evaluation *e = i ? &f->e.production : &f->e.candidate;
        e->old_windows = e->new_windows = 90;
        e->old_alarms = e->new_alarms = i ? 0 : 4;
    }
}

static void blinder(figures *f)
{
    raise_all(&f->e.candidate, 150);
}

static void blinder_to_the_smallest(figures *f)
{
    raise_all(&f->e.candidate, 220);
    f->e.candidate.sizes[0].raised = 100;
}

static void blind(figures *f)
{
    raise_all(&f->e.candidate, 10);
}

/* Production raises few as well: within the margin, and blind all the same. */
static void blind_within_the_margin(figures *f)
{
    raise_all(&f->e.production, 5);
    raise_all(&f->e.candidate, 0);
}

static void more_loss(figures *f)
{
    f->e.candidate.loss_sum = 120;
}

static void loss_within(figures *f)
{
    f->e.candidate.loss_sum = 109;
}

static void not_finite(figures *f)
{
    f->e.candidate.non_finite = 3;
}

static void shadow_not_finite(figures *f)
{
    f->s.candidate_failed = 5;
}

static void shadow_over(figures *f)
{
    f->s.candidate.blocks_over = 80;
    f->s.candidate_only = 60;
}

static void shadow_over_within_band(figures *f)
{
    f->s.candidate.blocks_over = 38;
    f->s.candidate_only = 18; /* more beyond doubt, and not twice as many */
}

static void shadow_over_by_chance(figures *f)
{
    f->s.both = f->s.production.blocks_over = 1;
    f->s.candidate.blocks_over = 3; /* three times as many, and two blocks */
    f->s.candidate_only = 2;
}

static void shadow_alarms(figures *f)
{
    f->s.candidate.alarms = 100;
}

static void shadow_alarms_by_chance(figures *f)
{
    f->s.candidate.alarms = 25;
}

static void shadow_slow(figures *f)
{
    side(&f->s.candidate, 9000);
}

static void shadow_slower_by_little(figures *f)
{
    side(&f->s.candidate, 900);
    side(&f->s.production, 100); /* nine times, and less than a millisecond */
}

static void shadow_not_finite_and_slow(figures *f)
{
    shadow_slow(f);
    shadow_not_finite(f);
}

static void objects_and_shadow_alarms(figures *f)
{
    one_objects(f);
    shadow_alarms(f);
}

static void objects_and_shadow_not_finite(figures *f)
{
    one_objects(f);
    shadow_not_finite(f);
}

/* clang-format off */
#define INC AN_GATE_INCREMENTAL
#define FULL AN_GATE_FULL
static const row rows[] = {
    {"as good as production", INC, false, nothing, NULL, "loss 0.1 against 0.1", false},
    {"and beside it", INC, true, nothing, NULL, "beside production on 20000 rows at 4 sites", false},
    {"an objection", INC, false, one_objects, "sites that object", "possible fault, not drift: at 1 of 4 sites", false},
    {"no gain", INC, false, none_gains, "sites that gain", "no gain: none of 4 sites", false},
    {"a full training need not gain", FULL, false, none_gains, NULL, "", false},
    {"old data forgotten", INC, false, old_forgotten, "alarms, old", "alarms, old 8.00 % against 1.00 %", false},
    {"alarms on new data", INC, false, new_alarms, "alarms, new", "alarms, new 8.00 % against 1.00 %", false},
    {"within the margin, but not surely", INC, false, not_proven, "alarms, old", "5.00 are allowed", false},
    {"surely within the margin", INC, false, proven, NULL, "on old 3.00 % against 1.00 %", false},
    {"too few windows for a bound", INC, false, few_windows, NULL, "too few windows for bounds", false},
    {"faults are raised less often", INC, false, blinder, "injected faults", "possible fault, not drift: injected faults would be raised in 60 %", false},
    {"and in a full training", FULL, false, blinder, "injected faults", "blinder than production: injected faults", false},
    {"the smallest faults alone", INC, false, blinder_to_the_smallest, "injected faults, smallest", "injected faults, smallest would be raised in 40 % of cases instead of 80 %", false},
    {"blind", INC, false, blind, "injected faults", "raised in 4 % of cases instead of 80 %", true},
    {"blind where few are raised", INC, false, blind_within_the_margin, "injected faults, next to none", "raises 0 % of the injected faults, production 2 %", true},
    {"more loss", INC, false, more_loss, "mean loss", "loss 0.12 against 0.1 of production", false},
    {"more loss within gate.loss", INC, false, loss_within, NULL, "", false},
    {"windows without a score", INC, false, not_finite, "windows without a finite score", "3 windows gave no finite score", true},
    {"rows without a score", INC, true, shadow_not_finite, "shadow: rows it alone could not score", "5 of 20000 rows gave no finite score", true},
    {"blocks over the threshold", INC, true, shadow_over, "shadow: blocks of rows over the threshold", "over its threshold in 80 of 1000 blocks", false},
    {"within the band", INC, true, shadow_over_within_band, NULL, "", false},
    {"beyond the band by chance", INC, true, shadow_over_by_chance, NULL, "", false},
    {"alarms", INC, true, shadow_alarms, "shadow: alarms", "with 100 alarms, and production in 20 with 10", false},
    {"alarms beyond the band by chance", INC, true, shadow_alarms_by_chance, NULL, "", false},
    {"too slow", INC, true, shadow_slow, "shadow: latency of a row, 95 %, in us", "95 % of the rows take it up to", false},
    {"slower than by the factor, and faster than the floor", INC, true, shadow_slower_by_little, NULL, "", false},
    {"the first that fails gives the reason", INC, true, shadow_not_finite_and_slow, "shadow: rows it alone could not score", "5 of 20000 rows", true},
    {"whatever the shadow says", INC, true, objects_and_shadow_alarms, "sites that object", "possible fault, not drift: at 1 of 4", false},
    {"but for what quarantines", INC, true, objects_and_shadow_not_finite, "sites that object", "5 of 20000 rows", true},
};
/* clang-format on */

static const an_gate_row *first_failed(const an_gate_verdict *v)
{
    for (size_t i = 0; i < v->n_rows; i++)
        if (!v->rows[i].passed)
            return &v->rows[i];
    return NULL;
}

static void each_line_is_held_to_account(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *w = &rows[i];
        figures f;
        an_gate_verdict v;
        make(&f);
        w->change(&f);
        an_gate_judge(&f.e, w->shadow ? &f.s : NULL, &f.policy, w->which, &v);
        const an_gate_row *failed = first_failed(&v);
        if (v.passed != (!w->fails && !w->hard) || v.hard != w->hard || !strstr(v.reason.text, w->words) ||
            !v.reason.text[0])
            fail_msg("%s: passed %d, hard %d: %s", w->name, v.passed, v.hard, v.reason.text);
        if (w->fails ? !failed || !failed->judged || strcmp(failed->what, w->fails) != 0 : failed != NULL)
            fail_msg("%s: %s fails first", w->name, failed ? failed->what : "nothing");
    }
}

static void the_policy_sets_the_margins(void **state)
{
    (void)state;
    figures f;
    an_gate_verdict v;
    make(&f);
    old_forgotten(&f);
    shadow_alarms(&f);
    blinder(&f);
    more_loss(&f);
    f.policy.gate_alarms = f.policy.gate_challenge = 0.5;
    f.policy.gate_loss = 0.5;
    f.policy.gate_band = 20;
    an_gate_judge(&f.e, &f.s, &f.policy, INC, &v);
    assert_true(v.passed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_held_to_account),
        cmocka_unit_test(the_policy_sets_the_margins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
