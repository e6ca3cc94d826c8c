/* A line whose sensors are not the model's, or whose model nobody knows: the site says so to its own people. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"
#include "tests/support/federation.h"

/* The site begins anew with a line of this model and these sensors. */
static void restart(site *s, const char *model, const char *const *names, uint32_t n, double rate_hz)
{
    kill_site(s);
    an_schema_done(&s->schema);
    assert_int_equal(an_schema_new(&s->schema, names, NULL, n, rate_hz, 1, NULL), AN_OK);
    s->line.model = model;
    start_site(s);
}

static void names_of(const site *s, const char *ret[WIDTH])
{
    for (size_t i = 0; i < WIDTH; i++)
        ret[i] = s->data.sensors[i];
}

static void assert_remark(site *s, const char *text)
{
    assert_string_equal(an_session_remark(s->session, "line-1"), text);
}

static void a_line_with_other_sensors_says_which(void **state)
{
    world *w = *state;
    const char *names[WIDTH];
    char expected[AN_REASON_MAX];
    names_of(&w->sites[1], names);
    const char *wanted = names[2];
    names[2] = "torque";
    restart(&w->sites[1], "pump", names, WIDTH, 1);
    names[2] = wanted;
    restart(&w->sites[2], "pump", names, WIDTH, 10);
    connect_all(w);
    settle(w);
    snprintf(expected, sizeof expected,
             "it is not as model pump wants it: sensor 2 is \"torque\", the version wants \"%s\"", wanted);
    assert_remark(&w->sites[0], "");
    assert_remark(&w->sites[1], expected);
    assert_remark(&w->sites[2],
                  "it is not as model pump wants it: the stream has 10 Hz, the version wants 1 Hz");

    restart(&w->sites[1], "pump", names, WIDTH, 1);
    connect_all(w);
    settle(w);
    assert_remark(&w->sites[1], "");
}

static void a_model_that_nobody_knows_is_named_until_it_is_made(void **state)
{
    world *w = *state;
    const char *names[WIDTH];
    an_note why = {{0}};
    names_of(&w->sites[1], names);
    restart(&w->sites[1], "press", names, WIDTH, 1);
    connect_all(w);
    settle(w);
    assert_remark(&w->sites[1], "the coordinator knows no model press");
    static const char arch[] = "model: press\n"
                               "input: {features: input, window: 1}\n"
                               "layers:\n"
                               "  - flatten\n"
                               "  - dense: {units: 3}\n"
                               "  - dense: {units: input}\n"
                               "loss: mse\n"
                               "target: input\n";
    const an_model_spec spec = {.name = "press",
                                .arch = arch,
                                .sensors = names,
                                .n_sensors = WIDTH,
                                .rate_hz = 1,
                                .window = 1,
                                .stride = 1,
                                .smooth = 1,
                                .threshold = "quantile:0.99*1.2"};
    if (an_hub_model_create(w->hub, "user/admin", &spec, &why) != AN_OK)
        fail_msg("%s", why.text);
    settle(w);
    assert_remark(&w->sites[1], "");
    assert_remark(&w->sites[0], "");
}

int main(void)
{
    an_log_init(AN_LOG_ERROR, "test");
    if (!an_kernels_init() || an_crypto_init() != AN_OK)
        return 1;
#define T(f) cmocka_unit_test_setup_teardown(f, an_federation_setup, an_federation_teardown)
    const struct CMUnitTest tests[] = {
        T(a_line_with_other_sensors_says_which),
        T(a_model_that_nobody_knows_is_named_until_it_is_made),
    };
#undef T
    return cmocka_run_group_tests_name("remarks", tests, NULL, NULL);
}
