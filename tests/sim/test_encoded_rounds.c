/* Rounds whose updates are encoded: fewer bytes, a version about as good, the same bits when replayed; what a
 * site keeps back is there after a restart, and only where it means something. */
#include <stdio.h>
#include <string.h>

#include "agent/residual.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/combine.h"
#include "doors/crypto.h"
#include "tests/support/federation.h"
#include "tests/support/folder.h"

static void choose(world *w, const char *encoding, const char *topk, const char *rule)
{
    an_note why = {{0}};
    const char *const policy[][2] = {{"privacy", "trusted"},  {"update.encoding", encoding},
                                     {"update.topk", topk},   {"rule", rule},
                                     {"rule.hostile", "0.3"}, {"gate.alarms", "1"},
                                     {"gate.loss", "100"},    {"gate.challenge", "1"},
                                     {"train.rounds", "24"},  {"train.epochs", "1"}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, sizeof policy / sizeof *policy, &why) !=
        AN_OK)
        fail_msg("%s", why.text);
}

static double loss_of(world *w, uint64_t id)
{
    an_note why = {{0}};
    an_buf text;
    an_evaluate_out figures;
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    an_buf_init(&text, 65536);
    assert_int_equal(an_store_object_get(w->store, &c->evaluation, &text, &why), AN_OK);
    assert_int_equal(an_evaluation_parse(text.data, text.len, &figures, &why), AN_OK);
    an_buf_done(&text);
    return figures.candidate.loss_sum / (double)figures.candidate.n;
}

typedef struct outcome {
    double loss;
    uint64_t bytes; /* of the training rounds' updates */
} outcome;

static bool forgetful; /* sites keep nothing back */

static an_err run(site *s, an_job *job, an_note *why)
{
    if (forgetful)
        job->local_dir[0] = '\0';
    return an_job_run(job, &s->data, why);
}

static outcome campaign_with(const char *encoding, const char *topk, const char *rule, bool restart)
{
    void *state = NULL;
    outcome ret = {.bytes = 0};
    an_federation_setup_kind(&state, &(an_federation_kind){.run = run});
    world *w = state;
    choose(w, encoding, topk, rule);
    connect_all(w);
    uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    while (restart && (c->step < 4 || w->head != w->tail)) { /* between two rounds' work */
        if (w->head == w->tail)
            tick(w);
        else
            step(w);
        if (c->step >= 4)
            break;
    }
    for (size_t i = 0; restart && i < w->n; i++) {
        kill_site(&w->sites[i]);
        an_hub_lost(w->hub, w->sites[i].name);
        start_site(&w->sites[i]);
        an_session_connected(w->sites[i].session);
    }
    pass(w, 120000);
    assert_promoted(w, id);
    const an_state *st = an_hub_state(w->hub);
    for (size_t i = 0; i < st->rounds.n; i++) {
        an_hash result;
        an_note why = {{0}};
        bool same = false;
        const an_round_entry *r = &st->rounds.items[i];
        if (!r->committed)
            continue;
        assert_int_equal(replay(w, r->id, &result, &same, &why), AN_OK);
        assert_true(same);
        ret.bytes += r->kind == AN_PAYLOAD_TRAIN ? r->update_bytes : 0;
    }
    ret.loss = loss_of(w, id);
    an_federation_teardown(&state);
    return ret;
}

static void an_encoding_costs_little_and_saves_bytes(void **state)
{
    (void)state;
    const outcome plain = campaign_with("plain", "0.01", "mean", false),
                  int8 = campaign_with("int8", "0.01", "mean", false),
                  topk = campaign_with("topk", "0.5", "mean", false);
    print_message("plain %.5f %llu, int8 %.5f %llu, topk %.5f %llu\n", plain.loss,
                  (unsigned long long)plain.bytes, int8.loss, (unsigned long long)int8.bytes, topk.loss,
                  (unsigned long long)topk.bytes);
    assert_true(int8.bytes < plain.bytes &&
                topk.bytes < plain.bytes); /* a model of 130 parameters: mostly frame */
    assert_true(int8.loss < 1.2 * plain.loss);
    assert_true(topk.loss < 2 * plain.loss);
}

static void what_is_kept_back_is_not_lost(void **state)
{
    (void)state;
    const outcome kept = campaign_with("topk", "0.1", "mean", false);
    forgetful = true;
    const outcome lost = campaign_with("topk", "0.1", "mean", false);
    forgetful = false;
    print_message("kept %.5f, lost %.5f\n", kept.loss, lost.loss);
    assert_true(kept.loss < 0.9 * lost.loss);
}

static void a_restart_of_the_sites_changes_nothing(void **state)
{
    (void)state;
    const outcome one = campaign_with("topk", "0.2", "mean", false),
                  other = campaign_with("topk", "0.2", "mean", true);
    assert_true(other.loss < 1.2 * one.loss && one.loss < 1.2 * other.loss);
}

static void a_rule_sees_what_came_out_of_an_encoding(void **state)
{
    (void)state;
    const outcome mean = campaign_with("int8", "0.01", "mean", false),
                  median = campaign_with("int8", "0.01", "median", false);
    assert_true(median.loss < 2 * mean.loss);
}

static void a_secure_sum_refuses_an_encoding(void **state)
{
    an_note why = {{0}};
    an_federation_setup(state);
    world *w = *state;
    const char *const policy[][2] = {{"privacy", "secure-sum"}, {"update.encoding", "int8"}};
    assert_int_equal(an_hub_model_policy(w->hub, "user/admin", "pump", policy, 2, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "only plain"));
    an_federation_teardown(state);
}

/* ---- what is kept back ---- */

static void what_is_kept_back_belongs_to_its_campaign_and_base(void **state)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_plan *p = an_alloc(1, sizeof *p);
    (void)state;
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(path, dir, "x.residual"), AN_OK);
    p->campaign = 3;
    p->base.b[0] = 1;
    an_residual first = {.n = 2};
    assert_int_equal(an_residual_load(&first, path, p, NULL), AN_OK);
    assert_null(first.now); /* no file yet */
    first.next = an_alloc(2, sizeof *first.next);
    first.next[0] = 1.5f;
    first.next[1] = -2;
    assert_int_equal(an_residual_save(&first, path, p, NULL), AN_OK);
    an_residual_done(&first);

    an_residual again = {.n = 2}; /* the round did not come to anything: nothing had been kept before it */
    assert_int_equal(an_residual_load(&again, path, p, NULL), AN_OK);
    assert_true(again.now && again.now[0] == 0 && again.now[1] == 0);
    an_residual_done(&again);

    p->base.b[0] = 2; /* the next version */
    an_residual next = {.n = 2};
    assert_int_equal(an_residual_load(&next, path, p, NULL), AN_OK);
    assert_true(next.now && next.now[0] == 1.5f && next.now[1] == -2);
    an_residual_done(&next);

    an_residual other = {.n = 3}; /* another model */
    assert_int_equal(an_residual_load(&other, path, p, NULL), AN_OK);
    assert_null(other.now);
    p->campaign = 4;
    other.n = 2;
    assert_int_equal(an_residual_load(&other, path, p, NULL), AN_OK);
    assert_null(other.now);

    p->campaign = 3;
    an_buf b;
    an_buf_init(&b, 4096);
    assert_int_equal(an_file_read(&b, path, NULL), AN_OK);
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 1;
        assert_int_equal(an_file_write(path, b.data, b.len, 0600, NULL), AN_OK);
        assert_int_equal(an_residual_load(&other, path, p, NULL), AN_OK);
        assert_null(other.now); /* a damaged file is no file */
        b.data[i] ^= 1;
    }
    an_buf_done(&b);
    an_free(p);
    an_test_folder_remove(dir);
}

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_encoding_costs_little_and_saves_bytes),
        cmocka_unit_test(what_is_kept_back_is_not_lost),
        cmocka_unit_test(a_restart_of_the_sites_changes_nothing),
        cmocka_unit_test(a_rule_sees_what_came_out_of_an_encoding),
        cmocka_unit_test(a_secure_sum_refuses_an_encoding),
        cmocka_unit_test(what_is_kept_back_belongs_to_its_campaign_and_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
