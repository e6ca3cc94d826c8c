/* Control variates: where sites differ a federation needs fewer rounds for the same loss; a secure sum, restarts and rounds that
 * come to nothing change none of it, and nothing but the usual update leaves a site. */
#include <stdio.h>
#include <string.h>

#include "agent/variates.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/support/federation.h"
#include "tests/support/folder.h"

typedef struct course {
    const char *privacy, *control;
    bool restart; /* of all sites, in the middle */
} course;

/* Sites that see other parts of the same thing: each its own columns larger than all others. */
static void differ(world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        float *rows = w->sites[i].rows;
        for (size_t k = 0; k < 5 * WINDOWS / 2 * WIDTH; k++) {
            const float middle = 20.0f * (float)(k % WIDTH);
            rows[k] = middle + (rows[k] - middle) * (k % WIDTH / 2 == i ? 3.0f : 0.3f);
        }
    }
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

static void restart_sites(world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        kill_site(&w->sites[i]);
        an_hub_lost(w->hub, w->sites[i].name);
        start_site(&w->sites[i]);
        an_session_connected(w->sites[i].session);
    }
}

static double loss_after(const char *rounds, course how)
{
    void *state = NULL;
    an_note why = {{0}};
    an_federation_setup(&state);
    world *w = state;
    const char *const policy[][2] = {
        {"privacy", how.privacy},       {"train.optimiser", "sgd"},  {"train.lr", "0.01"},
        {"train.batch", "16"},          {"train.epochs", "3"},       {"train.rounds", rounds},
        {"train.control", how.control}, {"update.clip_norm", "100"}, {"gate.alarms", "1"},
        {"gate.loss", "100"},           {"gate.challenge", "1"},     {"gate.first", "no"}};
    if (an_hub_model_policy(w->hub, "user/admin", "pump", policy, sizeof policy / sizeof *policy, &why) !=
        AN_OK)
        fail_msg("%s", why.text);
    differ(w);
    connect_all(w);
    const uint64_t id = campaign(w, AN_CAMPAIGN_TRAINING);
    const an_campaign *c = an_state_campaign(an_hub_state(w->hub), id);
    while (how.restart && an_campaign_n_trained(c) < 4) { /* between two rounds' work */
        if (w->head == w->tail)
            tick(w);
        else
            step(w);
    }
    if (how.restart)
        restart_sites(w);
    pass(w, 600000);
    assert_promoted(w, id);
    const double loss = loss_of(w, id);
    print_message("%s rounds, %s, control %s%s: %.6f\n", rounds, how.privacy, how.control,
                  how.restart ? ", restarted" : "", loss);
    an_federation_teardown(&state);
    return loss;
}

static void sites_that_differ_need_fewer_rounds(void **state)
{
    (void)state;
    const double plain = loss_after("30", (course){"trusted", "no", false}),
                 control = loss_after("10", (course){"trusted", "yes", false});
    assert_true(control < plain);
}

static void a_secure_sum_says_as_much(void **state)
{
    (void)state;
    const double open = loss_after("8", (course){"trusted", "yes", false}),
                 masked = loss_after("8", (course){"secure-sum", "yes", false});
    assert_true(masked < 1.001 * open && open < 1.001 * masked);
}

static void a_restart_of_the_sites_changes_nothing(void **state)
{
    (void)state;
    const double one = loss_after("8", (course){"trusted", "yes", false}),
                 other = loss_after("8", (course){"trusted", "yes", true});
    assert_true(other < 1.001 * one && one < 1.001 * other);
}

static void what_would_mislead_is_refused(void **state)
{
    static const char *const policies[][2] = {{"train.optimiser", "adam"},
                                              {"server.lr", "0.5"},
                                              {"server.momentum", "0.9"},
                                              {"async.staleness", "2"}};
    static const char *const wants[] = {"sgd only", "server.lr: 1", "server.momentum: 0", "async"};
    (void)state;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        an_policy p;
        an_note why = {{0}};
        const char *const texts[][2] = {{"train.control", "yes"},
                                        {"privacy", "trusted"},
                                        {"train.optimiser", "sgd"},
                                        {policies[i][0], policies[i][1]}};
        assert_int_equal(an_policy_init(&p), AN_OK);
        assert_int_equal(an_policy_set_all(&p, texts, 3, &why), AN_OK);
        assert_int_equal(an_policy_set_all(&p, texts, 4, &why), AN_ERR_INVAL);
        assert_non_null(strstr(why.text, wants[i]));
    }
}

/* ---- what is kept ---- */

static an_plan *plan_of(uint32_t control, double lr)
{
    an_plan *p = an_alloc(1, sizeof *p);
    p->campaign = 3;
    p->n_tensors = 2;
    p->tensors[0] = (an_tensor_scale){.n = 1, .local = true};
    p->tensors[1] = (an_tensor_scale){.n = 2};
    p->control = control;
    p->lr = lr;
    return p;
}

static void round_at(const char *path, uint32_t control, double lr, float at, float own, float want)
{
    an_plan *p = plan_of(control, lr);
    an_variates c = {.n = 2};
    const float params[3] = {9, at, 0};
    assert_int_equal(an_variates_load(&c, path, p, params, NULL), AN_OK);
    if (c.pull)
        assert_float_equal(c.pull[0], want, 1e-6);
    else
        assert_true(want > 1e6f);
    c.own = an_alloc(2, sizeof *c.own);
    c.own[0] = own;
    assert_int_equal(an_variates_save(&c, path, p, NULL), AN_OK);
    an_variates_done(&c);
    an_free(p);
}

static void what_all_moved_less_what_it_moved_itself(void **state)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    const float none = 1e7f;
    (void)state;
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(path, dir, "x.variates"), AN_OK);
    round_at(path, 1, 0.1, 5, 3, none);
    round_at(path, 1, 0.1, 5, 4, none);            /* again: nothing was known before it */
    round_at(path, 2, 0.1, 6, 2, 1 - 4);           /* all moved by 1, it by 4 */
    round_at(path, 2, 0.1, 6, 2.5f, 1 - 4);        /* again: as before */
    round_at(path, 3, 0.05, 8, 1, (2 - 2.5f) / 2); /* half the rate */
    round_at(path, 6, 0.05, 14, 1, 2 - 1);         /* three rounds, the site in the first of them alone */

    an_plan *p = plan_of(7, 0.05);
    an_variates other = {.n = 2};
    const float params[3] = {0};
    p->campaign = 4;
    assert_int_equal(an_variates_load(&other, path, p, params, NULL), AN_OK);
    assert_null(other.pull);
    an_variates_done(&other);
    p->campaign = 3;
    an_buf b;
    an_buf_init(&b, 4096);
    assert_int_equal(an_file_read(&b, path, NULL), AN_OK);
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 1;
        other = (an_variates){.n = 2};
        assert_int_equal(an_file_write(path, b.data, b.len, 0600, NULL), AN_OK);
        assert_int_equal(an_variates_load(&other, path, p, params, NULL), AN_OK);
        assert_null(other.pull); /* a damaged file is no file */
        an_variates_done(&other);
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
        cmocka_unit_test(what_all_moved_less_what_it_moved_itself),
        cmocka_unit_test(what_would_mislead_is_refused),
        cmocka_unit_test(sites_that_differ_need_fewer_rounds),
        cmocka_unit_test(a_secure_sum_says_as_much),
        cmocka_unit_test(a_restart_of_the_sites_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
