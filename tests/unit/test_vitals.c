/* Alive and ready: what probes are told, whatever the core is at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/meters.h"
#include "coordinator/vitals.h"

static an_vitals *vitals(void)
{
    an_vitals *v = an_alloc(1, sizeof *v);
    assert_non_null(v);
    v->stall_ms = 30000;
    return v;
}

static unsigned asked(const an_vitals *v, const char *method, const char *path, const char **ret_word)
{
    an_http_reply reply = {.status = 0};
    const an_http_request http = {.method = method, .path = path, .body = ""};
    if (!an_vitals_probe(v, &http, &reply))
        return 0;
    *ret_word = reply.fixed;
    assert_int_equal(reply.body_len, strlen(reply.fixed));
    return reply.status;
}

#define PROBE(v, path, status, word)                                                                         \
    do {                                                                                                     \
        const char *said = "";                                                                               \
        assert_int_equal(asked(v, "GET", path, &said), status);                                              \
        assert_string_equal(said, word);                                                                     \
    } while (0)

static int64_t now(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static void a_standby_is_alive_and_not_ready(void **state)
{
    (void)state;
    an_vitals *v = vitals();
    PROBE(v, "/healthz", 200, "ok");
    PROBE(v, "/readyz", 503, "standby");
    an_free(v);
}

static void an_active_one_is_ready_while_its_store_answers(void **state)
{
    (void)state;
    an_vitals *v = vitals();
    an_vitals_turned(v);
    atomic_store(&v->active, true);
    PROBE(v, "/readyz", 503, "store");
    atomic_store(&v->store_ok, true);
    PROBE(v, "/readyz", 200, "ok");
    atomic_store(&v->store_ok, false);
    PROBE(v, "/readyz", 503, "store");
    PROBE(v, "/healthz", 200, "ok"); /* starting it anew would not help */
    an_free(v);
}

static void a_core_that_hangs_is_neither(void **state)
{
    (void)state;
    an_vitals *v = vitals();
    atomic_store(&v->active, true);
    atomic_store(&v->store_ok, true);
    atomic_store(&v->turned_ms, now() - v->stall_ms + 5000);
    PROBE(v, "/healthz", 200, "ok"); /* busy */
    atomic_store(&v->turned_ms, now() - v->stall_ms - 1);
    PROBE(v, "/healthz", 503, "stalled");
    PROBE(v, "/readyz", 503, "stalled");
    an_vitals_turned(v);
    PROBE(v, "/healthz", 200, "ok");
    an_free(v);
}

/* A journal that is checked from its start takes as long as it takes. */
static void a_core_that_reads_on_is_alive(void **state)
{
    (void)state;
    an_store_figures figures = {.errors = 0};
    an_vitals *v = vitals();
    atomic_store(&v->active, true);
    atomic_store(&v->store_ok, true);
    atomic_store(&v->turned_ms, now() - 10 * v->stall_ms);
    atomic_store(&v->store, &figures);
    PROBE(v, "/healthz", 503, "stalled");
    atomic_store(&figures.read_ms, now());
    PROBE(v, "/healthz", 200, "ok");
    PROBE(v, "/readyz", 200, "ok");
    an_free(v);
}

static void probes_are_read_and_are_these_two(void **state)
{
    (void)state;
    const char *said = "";
    an_vitals *v = vitals();
    assert_int_equal(asked(v, "HEAD", "/healthz", &said), 200);
    assert_int_equal(asked(v, "POST", "/healthz", &said), 405);
    assert_int_equal(asked(v, "GET", "/healthz/", &said), 0);
    assert_int_equal(asked(v, "GET", "/", &said), 0);
    an_free(v);
}

/* Labels come from the table of routes: what people ask for cannot make new ones. */
static void requests_are_counted_by_route_and_class(void **state)
{
    (void)state;
    an_vitals *v = vitals();
    an_buf b;
    an_meter_page p;
    const an_http_request site = {.method = "GET", .path = "/api/v1/sites/plant-a", .body = ""};
    const an_http_request other = {.method = "GET", .path = "/api/v1/no/such/thing", .body = ""};
    const an_http_request strange = {.method = "BREW", .path = "/api/v1/sites", .body = ""};
    an_vitals_asked(v, &site, 200, 2000000);
    an_vitals_asked(v, &site, 401, 1000);
    an_vitals_asked(v, &other, 404, 1000);
    an_vitals_asked(v, &strange, 700, 1000); /* no status at all: a failure */
    an_buf_init(&b, AN_METER_PAGE_MAX);
    an_meter_begin(&p, an_coordinator_meters, AN_COORDINATOR_METERS, &b);
    an_vitals_meters(v, &p, "/");
    an_buf_u8(&b, 0);
    assert_int_equal(an_meter_end(&p), AN_OK);
    const char *text = (const char *)b.data;
    assert_non_null(
        strstr(text, "andon_http_requests_total{method=\"GET\",route=\"/sites/{name}\",class=\"2xx\"} 1\n"));
    assert_non_null(
        strstr(text, "andon_http_requests_total{method=\"GET\",route=\"/sites/{name}\",class=\"4xx\"} 1\n"));
    assert_non_null(strstr(text, "andon_http_requests_total{method=\"\",route=\"other\",class=\"4xx\"} 1\n"));
    assert_non_null(strstr(text, "andon_http_requests_total{method=\"\",route=\"other\",class=\"5xx\"} 1\n"));
    assert_non_null(strstr(
        text, "andon_http_request_duration_seconds_sum{method=\"GET\",route=\"/sites/{name}\"} 0.002001\n"));
    assert_non_null(strstr(text, "andon_login_failures_total 1\n"));
    assert_non_null(strstr(text, "andon_active 0\n"));
    assert_null(strstr(text, "BREW"));
    assert_null(strstr(text, "such"));
    an_buf_done(&b);
    an_free(v);
}

/* What promtool says of live pages, of every row. */
static void every_row_is_named_as_its_type_asks(void **state)
{
    (void)state;
    for (size_t i = 0; i < AN_COORDINATOR_METERS; i++) {
        const an_meter *m = &an_coordinator_meters[i];
        const size_t len = strlen(m->name);
        const bool total = len > 6 && strcmp(m->name + len - 6, "_total") == 0;
        if (total != (m->type == AN_METER_COUNTER))
            fail_msg("%s", m->name);
        if (m->type == AN_METER_HISTOGRAM && strcmp(m->name + len - 8, "_seconds") != 0)
            fail_msg("%s", m->name);
        assert_int_equal(strspn(m->name, "abcdefghijklmnopqrstuvwxyz_"), len);
        assert_true(m->help[0]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(m->name, an_coordinator_meters[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_standby_is_alive_and_not_ready),
        cmocka_unit_test(an_active_one_is_ready_while_its_store_answers),
        cmocka_unit_test(a_core_that_hangs_is_neither),
        cmocka_unit_test(a_core_that_reads_on_is_alive),
        cmocka_unit_test(probes_are_read_and_are_these_two),
        cmocka_unit_test(requests_are_counted_by_route_and_class),
        cmocka_unit_test(every_row_is_named_as_its_type_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
