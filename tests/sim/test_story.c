/* The whole loop in one process: simulated lines with their own pipelines, a session each, the
 * hub.  A tool is changed and the federation learns it; a bearing wears out and nobody learns
 * that; a link is cut and nothing is lost. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "tests/support/pumps.h"

#define SEED 2
#define CHANGED 1 /* the site where something happens */

typedef struct story {
    world *w;
    uint64_t training;
} story;

/* What happens at that site, and how many rows after the normal ones. */
typedef struct script {
    const char *name;
    uint64_t start, length;
} script;

/* Production at all sites, after the normal rows. */
static story begin(bool backwards, const script *scripts, size_t n)
{
    void *state = NULL;
    const an_federation_kind kind = an_pumps(SEED, backwards);
    an_federation_setup_kind(&state, &kind);
    story t = {.w = state};
    for (size_t i = 0; i < n; i++)
        pumps_script(t.w, CHANGED, scripts[i].name, scripts[i].start, scripts[i].length);
    pumps_begin(t.w);
    connect_all(t.w);
    t.training = campaign(t.w, AN_CAMPAIGN_TRAINING);
    settle(t.w);
    pumps_run(t.w, 60);
    assert_promoted(t.w, t.training);
    pumps_count_anew(t.w);
    return t;
}

static void end(const story *t)
{
    void *state = t->w;
    an_federation_teardown(&state);
}

static an_hash production(world *w)
{
    return an_state_model(an_hub_state(w->hub), "pump")->alias[AN_ALIAS_PRODUCTION - 1];
}

static const an_campaign *last_campaign(world *w)
{
    const an_state *st = an_hub_state(w->hub);
    return &st->campaigns.items[st->campaigns.n - 1];
}

static size_t n_campaigns(world *w)
{
    return an_hub_state(w->hub)->campaigns.n;
}

static void show(world *w, const char *when)
{
    for (size_t i = 0; i < SITES; i++) {
        const pump *p = pump_of(w, i);
        print_message("%s: %s row %llu: %.2f %% over, mean log %.2f, %u alarms, %u drift alerts, "
                      "pool %zu %zu %zu %zu held %zu\n",
                      when, w->sites[i].name, (unsigned long long)p->row, 100 * pump_over(p),
                      p->scored ? p->sum / (double)p->scored : 0, p->raised, p->drifts,
                      an_pool_n(p->pool, AN_POOL_TRAIN), an_pool_n(p->pool, AN_POOL_RECENT),
                      an_pool_n(p->pool, AN_POOL_OLD), an_pool_n(p->pool, AN_POOL_NEW),
                      an_pool_n(p->pool, AN_POOL_HELD));
    }
}

static void lines_that_run_as_they_did_are_quiet(void **state)
{
    (void)state;
    story t = begin(false, NULL, 0);
    pumps_run(t.w, 1200);
    show(t.w, "normal");
    for (size_t i = 0; i < SITES; i++) {
        const pump *p = pump_of(t.w, i);
        assert_int_equal(p->scored, 1200);
        assert_true(pump_over(p) < 0.01);
        assert_int_equal(p->drifts, 0);
        assert_int_equal(p->unwatched, 0);
    }
    assert_int_equal(n_campaigns(t.w), 1);
    end(&t);
}

static void a_tool_change_is_learned_and_the_line_is_quiet_again(void **state)
{
    (void)state;
    const uint64_t start = 300;
    const script scripts[] = {{"cavitation", 100, 120}, {"tool_change", start, 0}};
    story t = begin(false, scripts, 2);
    pump *p = pump_of(t.w, CHANGED);
    const an_hash before = production(t.w);
    pumps_run(t.w, start - 60);
    const size_t of_fault = an_pool_n(p->pool, AN_POOL_HELD);
    assert_true(of_fault > 20);
    pumps_count_anew(t.w);
    uint64_t rows = 0;
    while (n_campaigns(t.w) == 1 && rows++ < 3000)
        pumps_run(t.w, 1);
    show(t.w, "campaign opened");
    assert_int_equal(n_campaigns(t.w), 2);
    assert_true(pump_over(p) > 0.2);
    assert_int_equal(last_campaign(t.w)->kind, AN_CAMPAIGN_INCREMENTAL);
    while (!an_campaign_is_over(last_campaign(t.w)))
        pumps_run(t.w, 1);
    print_message("%s\n", last_campaign(t.w)->reason);
    pumps_run(t.w, 60);
    assert_promoted(t.w, last_campaign(t.w)->id);
    pumps_run(t.w, 1000); /* another campaign may finish what few windows could begin */
    const an_hash after = production(t.w);
    assert_false(an_hash_equal(&before, &after));
    assert_true(p->released > 0);
    assert_true(an_pool_n(p->pool, AN_POOL_HELD) >= of_fault); /* a fault stays a fault */
    assert_true(an_pool_n(p->pool, AN_POOL_OLD) > 0);
    pumps_count_anew(t.w);
    pumps_run(t.w, 400);
    show(t.w, "learned");
    for (size_t i = 0; i < SITES; i++) {
        const pump *q = pump_of(t.w, i);
        assert_true(pump_over(q) < 0.05);
        assert_int_equal(q->unwatched, 0);
        assert_int_equal(q->scored, 400);
        assert_false(an_alarm_is_open(an_pipeline_alarm(q->pipe)));
        const an_pipeline_stats stats = an_pipeline_stats_get(q->pipe);
        assert_int_equal(stats.unscored_filling, 0);
        assert_int_equal(stats.unscored_numeric, 0);
    }
    end(&t);
}

static void wear_is_not_learned_and_its_alarm_stays(void **state)
{
    (void)state;
    const script wear = {"bearing_wear", 200, 1600};
    story t = begin(false, &wear, 1);
    pump *p = pump_of(t.w, CHANGED);
    const an_hash before = production(t.w);
    uint64_t rows = 0;
    while (n_campaigns(t.w) == 1 && rows++ < 1400)
        pumps_run(t.w, 1);
    show(t.w, "campaign opened");
    assert_int_equal(n_campaigns(t.w), 2);
    pumps_run(t.w, 1400 - rows);
    show(t.w, "worn");
    const an_state *st = an_hub_state(t.w->hub);
    for (size_t i = 1; i < st->campaigns.n; i++) {
        const an_campaign *c = &st->campaigns.items[i];
        print_message("campaign %zu: %s: %s\n", i, an_campaign_state_name(c->state), c->reason);
        assert_int_equal(c->state, AN_CAMPAIGN_STOPPED);
        assert_non_null(strstr(c->reason, "possible fault, not drift"));
    }
    const an_hash after = production(t.w);
    assert_true(an_hash_equal(&before, &after));
    assert_true(an_alarm_is_open(an_pipeline_alarm(p->pipe)));
    end(&t);
}

typedef struct facts {
    uint64_t n, raised, cleared, last;
    bool ordered;
} facts;

static an_err visit(void *ctx, const an_record *record, an_note *why)
{
    facts *x = ctx;
    (void)why;
    unsigned long long id = 0;
    const char *at = strstr(record->idem ? record->idem : "", "alarm/");
    if (!at || sscanf(at, "alarm/%llu/", &id) != 1 || strcmp(record->subject, "plant-b") != 0)
        return AN_OK;
    x->ordered = x->ordered && id >= x->last && id <= x->last + 1;
    x->last = id;
    x->n++;
    return AN_OK;
}

static facts facts_of(world *w)
{
    facts x = {.ordered = true};
    assert_int_equal(an_store_scan(w->store, &(an_store_filter){.kind = "alarm.summary"}, visit, &x, NULL),
                     AN_OK);
    return x;
}

static void a_cut_link_of_ten_minutes_loses_nothing(void **state)
{
    (void)state;
    void *again = NULL;
    const an_federation_kind kind = an_pumps(SEED, false);
    an_federation_setup_kind(&again, &kind);
    world *w = again;
    pumps_script(w, CHANGED, "cavitation", 200, 90);
    pumps_script(w, CHANGED, "leak", 380, 90);
    pumps_script(w, CHANGED, "blockage", 560, 90);
    pumps_begin(w);
    connect_all(w);
    campaign(w, AN_CAMPAIGN_TRAINING);
    settle(w);
    pumps_run(w, 100);
    pumps_count_anew(w);
    site *s = &w->sites[CHANGED];
    pump *p = pump_of(w, CHANGED);
    s->cut = true;
    const facts none = facts_of(w);
    pumps_run(w, 600);
    assert_int_equal(p->scored, 600);
    assert_true(p->raised >= 2);
    const facts cut = facts_of(w);
    assert_int_equal(cut.n, none.n);
    s->cut = false;
    pumps_run(w, 300);
    const facts late = facts_of(w);
    print_message("%u raised, %u cleared, %llu arrived\n", p->raised, p->cleared, (unsigned long long)late.n);
    assert_int_equal(late.n, p->raised + p->cleared);
    assert_true(late.ordered);
    an_federation_teardown(&again);
}

static an_hash hash_of_run(bool backwards)
{
    const script change = {"tool_change", 100, 0};
    story t = begin(backwards, &change, 1);
    const an_hash first = production(t.w);
    pumps_run(t.w, 1100);
    const an_hash last = production(t.w);
    assert_int_equal(n_campaigns(t.w), 2);
    assert_false(an_hash_equal(&first, &last));
    end(&t);
    return last;
}

static void the_same_seed_gives_the_same_version_whoever_comes_first(void **state)
{
    (void)state;
    const an_hash once = hash_of_run(false), backwards = hash_of_run(true);
    assert_true(an_hash_equal(&once, &backwards));
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
    an_log_init(AN_LOG_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_run_as_they_did_are_quiet),
        cmocka_unit_test(a_tool_change_is_learned_and_the_line_is_quiet_again),
        cmocka_unit_test(wear_is_not_learned_and_its_alarm_stays),
        cmocka_unit_test(a_cut_link_of_ten_minutes_loses_nothing),
        cmocka_unit_test(the_same_seed_gives_the_same_version_whoever_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
