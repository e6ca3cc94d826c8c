/* Two senses of one machine, each a line with a model, and a rule that fuses their scores: generated rows with small faults
 * through two whole pipelines.  What counts is rows: how many faulty ones are found at the same rate of false alarms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pipeline.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/threshold.h"

#define W 4
#define SENSES 2
#define NORMAL 20000 /* rows that nothing was fitted on */
#define ROWS 40000
#define PERIOD 200 /* rows; the last ones of each are faulty */
#define FAULTY 50
#define FAR 0.01

static const char *const lines[SENSES] = {"vibration", "sound"};
static const double units[SENSES] = {0.001, 3000}; /* scores of the two have nothing in common */

typedef struct world {
    an_pipeline *p[SENSES];
    an_rulebook *book;
    an_board board;
    an_rng rng;
    uint64_t row;
    size_t raised, named;
} world;

typedef struct counts {
    double found[SENSES + 1], false_alarms[SENSES + 1]; /* each sense, then fused */
} counts;

static double normal(an_rng *r)
{
    const double u = ((double)an_rng_below(r, 1u << 30) + 0.5) / (1u << 30);
    const double v = ((double)an_rng_below(r, 1u << 30) + 0.5) / (1u << 30);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

static void generate(world *w, bool faulty, float ret[W])
{
    for (size_t j = 0; j < W; j++)
        ret[j] = (float)(normal(&w->rng) + (faulty ? 1.1 : 0));
}

static double distance(const float *x)
{
    double sum = 0;
    for (size_t j = 0; j < W; j++)
        sum += (double)x[j] * (double)x[j];
    return sqrt(sum);
}

static an_err push(void *ctx, const float *row, double *ret_raw, float *ret_contribution)
{
    *ret_raw = distance(row) * *(const double *)ctx;
    for (size_t j = 0; j < W; j++)
        ret_contribution[j] = row[j] * row[j];
    return AN_OK;
}

static void reset(void *ctx)
{
    (void)ctx;
}

static void on_spoken(void *ctx, const an_spoken *s)
{
    world *w = ctx;
    if (s->rule < 0 || s->kind != AN_LOGGED_RAISED)
        return;
    w->raised++;
    w->named += s->n_members == SENSES && s->members[0].share >= s->members[1].share &&
                strcmp(s->members[0].line, s->members[1].line) != 0 && s->event->score > 1;
}

static an_rulebook *book_of(const char *text)
{
    static const char *const sensors[W] = {"a", "b", "c", "d"};
    const an_rulebook_at at = {
        .sensors = sensors, .width = W, .lines = lines, .n_lines = SENSES, .line = SENSES - 1};
    an_yaml *doc = NULL;
    an_line_rules rules;
    an_rulebook *book = NULL;
    assert_int_equal(an_yaml_parse(text, strlen(text), "t", &doc, NULL), AN_OK);
    assert_int_equal(an_line_rules_read(an_yaml_root(doc), &rules, NULL), AN_OK);
    assert_int_equal(an_rulebook_new(&rules, &at, &book, NULL), AN_OK);
    assert_true(an_line_rules_fuse(&rules, "sound") && !an_line_rules_fuse(&rules, "camera"));
    an_line_rules_done(&rules);
    an_yaml_free(doc);
    return book;
}

static void go_live(world *w, size_t sense)
{
    static double scores[NORMAL];
    static float rounded[NORMAL];
    double threshold = 0;
    float x[W];
    an_live l = {
        .ctx = (void *)(uintptr_t)&units[sense], .width = W, .history = 1, .push = push, .reset = reset};
    for (size_t i = 0; i < NORMAL; i++) {
        generate(w, false, x);
        scores[i] = distance(x) * units[sense];
        rounded[i] = (float)scores[i];
    }
    assert_int_equal(an_threshold_from("target_far:0.01", rounded, NORMAL, &threshold, NULL), AN_OK);
    assert_int_equal(an_chance_new(scores, NORMAL, &l.chance, NULL), AN_OK);
    l.threshold = threshold;
    assert_int_equal(an_pipeline_swap(w->p[sense], &l, false, NULL), AN_OK);
}

static void begin(world *w, const char *by)
{
    char text[128];
    snprintf(text, sizeof text, "[{name: both, when: {fused: [vibration, sound], by: %s, far: %g}}]", by,
             FAR);
    *w = (world){.book = book_of(text)};
    an_board_init(&w->board);
    an_rng_init(&w->rng, 11, 0);
    for (size_t i = 0; i < SENSES; i++) {
        const an_pipeline_conf c = {.width = W,
                                    .window = 1,
                                    .alarm = {.k = 1, .n = 1, .clear_level = 1},
                                    .quality = {.missing_rows = 2, .range_rows = 2, .clear_rows = 1},
                                    .rules = i == SENSES - 1 ? w->book : NULL,
                                    .board = &w->board,
                                    .board_line = i,
                                    .hooks = {.ctx = w, .spoken = on_spoken}};
        assert_int_equal(an_pipeline_new(&c, &w->p[i], NULL), AN_OK);
        go_live(w, i);
    }
}

static void end(world *w)
{
    for (size_t i = 0; i < SENSES; i++)
        an_pipeline_free(w->p[i]);
    an_rulebook_free(w->book);
}

static counts run(const char *by)
{
    world w;
    counts c = {{0}, {0}};
    const double faulty_rows = (double)ROWS / PERIOD * FAULTY, normal_rows = ROWS - faulty_rows;
    begin(&w, by);
    for (; w.row < ROWS; w.row++) {
        const bool faulty = w.row % PERIOD >= PERIOD - FAULTY;
        for (size_t i = 0; i < SENSES; i++) {
            float x[W];
            generate(&w, faulty, x);
            const an_pipeline_in in = {.row = w.row, .time_ms = (int64_t)w.row * 1000, .values = x};
            assert_int_equal(an_pipeline_row(w.p[i], &in, NULL, NULL), AN_OK);
        }
        for (size_t i = 0; i <= SENSES; i++) {
            const bool on = i < SENSES ? an_alarm_is_open(an_pipeline_alarm(w.p[i]))
                                       : an_rulebook_active(w.book, AN_RULE_RAISE) != 0;
            c.found[i] += on && faulty ? 1 / faulty_rows : 0;
            c.false_alarms[i] += on && !faulty ? 1 / normal_rows : 0;
        }
    }
    print_message("%s: found %.3f %.3f, fused %.3f; false alarms %.4f %.4f, fused %.4f\n", by, c.found[0],
                  c.found[1], c.found[2], c.false_alarms[0], c.false_alarms[1], c.false_alarms[2]);
    assert_true(w.raised > 0 && w.named == w.raised);
    end(&w);
    return c;
}

static void two_senses_together_find_what_neither_finds_alone(void **state)
{
    (void)state;
    const counts c = run("fisher");
    for (size_t i = 0; i <= SENSES; i++)
        assert_true(c.false_alarms[i] < 1.5 * FAR);
    for (size_t i = 0; i < SENSES; i++)
        assert_true(c.found[SENSES] > 1.5 * c.found[i] && c.false_alarms[SENSES] < 1.15 * c.false_alarms[i]);
}

static void what_holds_whatever_depends_on_what_raises_no_more(void **state)
{
    (void)state;
    assert_true(run("max").false_alarms[SENSES] < 1.2 * FAR);
    assert_true(run("mean").false_alarms[SENSES] < 1.2 * FAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_senses_together_find_what_neither_finds_alone),
        cmocka_unit_test(what_holds_whatever_depends_on_what_raises_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
