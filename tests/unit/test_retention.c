/* What must never be removed is never removed, whatever has happened: random histories against a second opinion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/registry.h"
#include "doors/crypto.h"
#include "doors/json.h"

#define VERSIONS 80
#define SITES 4
#define LINES 2
#define STEPS 400

typedef struct world {
    an_state st;
    an_rng rng;
    uint64_t seq;
    int64_t now;
    size_t n; /* versions */
    int keep;
    bool pruned[VERSIONS];
    /* The second opinion. */
    int alias[3], runs[SITES][LINES], before[SITES][LINES], base, wait;
    int productions[STEPS];
    size_t n_productions, n_pruned;
} world;

static an_hash hash_of(size_t i)
{
    an_hash h;
    an_hash_of(&h, &i, sizeof i);
    return h;
}

static size_t draw(world *w, size_t n)
{
    return (size_t)an_rng_below(&w->rng, n);
}

static void set_hash(an_json *o, const char *key, size_t i)
{
    char hex[AN_HASH_TEXT];
    an_hash h = hash_of(i);
    an_hash_text(hex, &h);
    an_json_set_text(o, key, hex);
}

static void apply(world *w, const char *kind, const char *subject, an_json *o)
{
    an_note why = {{0}};
    char *text = an_json_print(o, 0);
    const an_record r = {.seq = ++w->seq,
                         .time_ms = w->now++,
                         .kind = kind,
                         .subject = subject,
                         .actor = "test",
                         .body = text,
                         .body_len = strlen(text)};
    if (an_state_check(&w->st, &r, 0, &why) != AN_OK || an_state_apply(&w->st, &r, &why) != AN_OK)
        fail_msg("%s: %s", kind, why.text);
    an_free(text);
    an_json_free(o);
}

static void register_version(world *w)
{
    an_json *o = an_json_object();
    if (w->n == VERSIONS) {
        an_json_free(o);
        return;
    }
    set_hash(o, "hash", w->n);
    if (w->n > 0)
        set_hash(o, "parent", draw(w, w->n));
    an_json_set_int(o, "size", 100);
    apply(w, "version.registered", "pump", o);
    w->n++;
}

static void open_world(world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    an_rng_init(&w->rng, seed, 0);
    an_state_init(&w->st);
    w->now = 1000;
    w->keep = 1 + (int)(seed % 5);
    w->base = w->wait = -1;
    for (size_t i = 0; i < 3; i++)
        w->alias[i] = -1;
    for (size_t i = 0; i < SITES * LINES; i++)
        w->runs[i / LINES][i % LINES] = w->before[i / LINES][i % LINES] = -1;
    char text[8];
    an_json *o = an_json_object(), *policy = an_json_object();
    set_hash(o, "blank", 0);
    set_hash(o, "schema", 1000);
    set_hash(o, "layout", 1001);
    snprintf(text, sizeof text, "%d", w->keep);
    an_json_set_text(policy, "keep.versions", text);
    an_json_set(o, "policy", policy);
    apply(w, "model.created", "pump", o);
    register_version(w);
}

/* Nobody can promote, report or begin from what is gone. */
static int present(world *w)
{
    for (int i = 0; i < 50; i++) {
        const size_t v = draw(w, w->n);
        if (!w->pruned[v])
            return (int)v;
    }
    return 0;
}

static void move_alias(world *w)
{
    static const char *const names[] = {"candidate", "canary", "production"};
    const size_t alias = draw(w, 3);
    const int to = present(w);
    an_json *o = an_json_object();
    an_json_set_text(o, "alias", names[alias]);
    set_hash(o, "to", (size_t)to);
    apply(w, "alias.moved", "pump", o);
    w->alias[alias] = to;
    if (alias != 2)
        return;
    w->productions[w->n_productions++] = to;
    if (w->wait != to)
        w->wait = -1; /* nobody renews the release of what is production no longer */
}

static void report(world *w)
{
    static const char *const states[] = {"ready", "running", "refused", "rolled-back"};
    const size_t site = draw(w, SITES), line = draw(w, LINES), state = draw(w, 4);
    const int v = present(w);
    char name[16], subject[16];
    an_json *o = an_json_object();
    snprintf(subject, sizeof subject, "plant-%zu", site);
    snprintf(name, sizeof name, "line-%zu", line);
    an_json_set_text(o, "model", "pump");
    an_json_set_text(o, "line", name);
    set_hash(o, "version", (size_t)v);
    an_json_set_text(o, "state", states[state]);
    apply(w, "site.report", subject, o);
    if (state >= 2)
        return;
    if (w->runs[site][line] != v)
        w->before[site][line] = w->runs[site][line];
    w->runs[site][line] = v;
}

static void campaign(world *w)
{
    an_json *o = an_json_object();
    if (w->base < 0) {
        w->base = present(w);
        an_json_set_int(o, "id", (int64_t)w->st.next_id);
        an_json_set_text(o, "kind", "training");
        an_json_set_int(o, "rounds", 1);
        set_hash(o, "base", (size_t)w->base);
        apply(w, "campaign.opened", "pump", o);
        return;
    }
    an_json_set_int(o, "id", (int64_t)w->st.campaigns.items[w->st.campaigns.n - 1].id);
    an_json_set_bool(o, "promoted", false);
    an_json_set_text(o, "reason", "test");
    apply(w, "campaign.ended", "pump", o);
    w->base = -1;
}

static void release(world *w)
{
    an_json *o = an_json_object();
    if (w->wait < 0) {
        w->wait = present(w);
        an_json_set_int(o, "id", (int64_t)w->st.waits.n + 1);
        set_hash(o, "version", (size_t)w->wait);
        an_json_set_text(o, "reason", "test");
        apply(w, "release.wanted", "pump", o);
        return;
    }
    an_json_set_int(o, "id", (int64_t)w->st.waits.n);
    an_json_set_text(o, "reason", "test");
    apply(w, "release.dropped", "pump", o);
    w->wait = -1;
}

static void prune(world *w)
{
    an_need *needs = an_alloc(w->st.versions.n, sizeof *needs);
    assert_non_null(needs);
    an_registry_needs(&w->st, w->now, needs);
    for (size_t i = 0; i < w->n; i++) {
        if (needs[i] != AN_NEED_NOT || w->pruned[i])
            continue;
        an_json *o = an_json_object();
        set_hash(o, "hash", i);
        an_json_set_int(o, "size", 100);
        apply(w, "version.pruned", "pump", o);
        w->pruned[i] = true;
        w->n_pruned++;
    }
    an_free(needs);
}

static void keep(const world *w, int v, const char *what)
{
    if (v >= 0 && w->pruned[v])
        fail_msg("version %d is gone, and %s needs it (keep %d)", v, what, w->keep);
}

static void look(const world *w)
{
    keep(w, 0, "the model");
    for (size_t i = 0; i < 3; i++)
        keep(w, w->alias[i], "an alias");
    for (size_t i = 0; i < SITES * LINES; i++) {
        keep(w, w->runs[i / LINES][i % LINES], "a line");
        keep(w, w->before[i / LINES][i % LINES], "a line that goes back");
    }
    keep(w, w->base, "a campaign");
    keep(w, w->wait, "a release that waits");
    int seen[STEPS], n_seen = 0;
    for (size_t i = w->n_productions; i-- > 0 && n_seen <= w->keep;) {
        bool again = false;
        for (int k = 0; k < n_seen; k++)
            again = again || seen[k] == w->productions[i];
        if (!again)
            seen[n_seen++] = w->productions[i];
        keep(w, w->productions[i], "a rollback");
    }
    for (int i = 0; i < w->keep && (size_t)i < w->n; i++)
        keep(w, (int)w->n - 1 - i, "the policy");
    for (size_t i = 0; i < w->n; i++) {
        const an_hash h = hash_of(i);
        const an_version *v = an_state_version((an_state *)(uintptr_t)&w->st, &h);
        assert_non_null(v); /* lineage stays */
        assert_true(v->pruned == w->pruned[i]);
    }
}

static void what_is_needed_is_never_removed(void **state)
{
    (void)state;
    static void (*const ops[])(world *) = {register_version, move_alias, report, campaign,
                                           release,          prune,      prune,  register_version};
    size_t pruned = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        static world w;
        open_world(&w, seed);
        for (int i = 0; i < STEPS; i++) {
            ops[draw(&w, sizeof ops / sizeof *ops)](&w);
            look(&w);
        }
        pruned += w.n_pruned;
        an_state_done(&w.st);
    }
    assert_true(pruned > 12 * VERSIONS / 8); /* and much is removed */
}

static void the_way_to_a_delegations_ancestor_stays_while_it_is_in_force(void **state)
{
    (void)state;
    static world w;
    open_world(&w, 5);
    w.st.models.items[0].policy.keep_versions = 1;
    for (size_t i = 1; i < 12; i++) {
        an_json *o = an_json_object();
        set_hash(o, "hash", i);
        set_hash(o, "parent", i - 1);
        an_json_set_int(o, "size", 1);
        apply(&w, "version.registered", "pump", o);
        w.n++;
    }
    w.st.models.items[0].alias[AN_ALIAS_PRODUCTION - 1] = hash_of(8);
    an_delegation_entry d = {
        .d = {.number = 1, .models = "pump", .ancestor = hash_of(3), .expires_ms = 1 << 20}};
    assert_true(an_grow(&w.st.delegations.items, &w.st.delegations.cap, 1, sizeof d));
    w.st.delegations.items[w.st.delegations.n++] = d;
    an_need needs[12];
    an_registry_needs(&w.st, w.now, needs);
    for (size_t i = 0; i < 12; i++)
        assert_true((needs[i] == AN_NEED_NOT) == (i == 1 || i == 2));
    an_registry_needs(&w.st, 1 << 20, needs); /* it has expired */
    for (size_t i = 0; i < 12; i++)
        assert_true((needs[i] == AN_NEED_NOT) == (i != 0 && i != 8 && i != 11));
    w.st.delegations.items[0].revocation.len = 1;
    an_registry_needs(&w.st, w.now, needs);
    assert_true(needs[5] == AN_NEED_NOT && needs[8] == AN_NEED_ALIAS);
    w.st.models.items[0].policy.keep_versions = 0;
    an_registry_needs(&w.st, w.now, needs);
    for (size_t i = 0; i < 12; i++)
        assert_true(needs[i] != AN_NEED_NOT && an_need_text(needs[i])[0]);
    an_state_done(&w.st);
}

static void a_site_that_names_lines_without_end_fills_nothing(void **state)
{
    (void)state;
    static world w;
    open_world(&w, 5);
    for (int i = 0; i < 1000; i++) {
        char line[16];
        an_json *o = an_json_object();
        snprintf(line, sizeof line, "line-%d", i);
        an_json_set_text(o, "model", "pump");
        an_json_set_text(o, "line", line);
        set_hash(o, "version", 0);
        an_json_set_text(o, "state", "running");
        apply(&w, "site.report", "plant-a", o);
    }
    assert_int_equal(w.st.reported.n, AN_REPORTED_MAX);
    assert_string_equal(w.st.reported.items[999 % AN_REPORTED_MAX].line, "line-999");
    an_state_done(&w.st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_needed_is_never_removed),
        cmocka_unit_test(the_way_to_a_delegations_ancestor_stays_while_it_is_in_force),
        cmocka_unit_test(a_site_that_names_lines_without_end_fills_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
