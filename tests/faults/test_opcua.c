/* The source opcua against real servers: killed, restarted, stopped, cut off, with variables that change their type or go
 * away, and with certificates and passwords that are wrong.  A server counts what it writes in a variable, so that what is
 * lost or out of order shows. */
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "doors/crypto.h"
#include "doors/yaml.h"
#include "tests/support/folder.h"
#include "tests/support/live.h"
#include "tests/support/opcua_server.h"

#define FAST                                                                                                 \
    "step_ms: 0, sampling_ms: 0, publishing_ms: 50, keepalive_ms: 200, timeout_ms: 1000, retry_max_ms: 500"
#define NODE(name) "node: 'nsu=" AN_UA_NAMESPACE ";s=" name "'"

static void until(an_live *l, size_t tag, an_value_quality quality, float more_than)
{
    an_live_until_tag(l, tag, quality, more_than);
}

static void open_plain(an_live *l, const an_ua *s, const char *tags, an_live_see see, void *ctx)
{
    char yaml[4096];
    snprintf(yaml, sizeof yaml, "{endpoint: 'opc.tcp://127.0.0.1:%s', security: none, " FAST ", tags: [%s]}",
             s->port, tags);
    an_live_open(l, "opcua", yaml, see, ctx);
}

static bool said(an_live *l, void *ctx)
{
    an_source_device device;
    assert_int_equal(an_source_devices(l->src, &device), 1);
    return strstr(device.error, ctx) != NULL;
}

static void reads_every_type(void **state)
{
    (void)state;
    an_ua s;
    an_live l;
    an_ua_init(&s);
    an_ua_start(&s, "");
    open_plain(&l, &s,
               "{name: double, " NODE("Double") ", scale: 2, offset: 1, unit: bar}, {name: float, " NODE("Flo"
                                                                                                         "at") "}, {name: int, " NODE("Int16") "}, {name: long, " NODE("UInt64") "}, {name: bool, " NODE("Bool") "}, {name: third, " NODE("Array") ", index: 2}, {name: doubted, " NODE("Doubted") "}, {name: array, " NODE("Array") "}, {name: text, " NODE("Text") "}, {name: absent, " NODE("Absent") "}, {name: "
                                                                                                                                                                                                                                                                                                                                                                                                         "elsewhere, "
                                                                                                                                                                                                                                                                                                                                                                                                         "node: "
                                                                                                                                                                                                                                                                                                                                                                                                         "'nsu=http://"
                                                                                                                                                                                                                                                                                                                                                                                                         "nowhere/"
                                                                                                                                                                                                                                                                                                                                                                                                         ";s=Double'},"
                                                                                                                                                                                                                                                                                                                                                                                                         " {name: "
                                                                                                                                                                                                                                                                                                                                                                                                         "beyond,"
                                                                                                                                                                                                                                                                                                                                                                                                         " " NODE(
                                                                                                                                                                                                                                                                                                                                                                                                             "Arr"
                                                                                                                                                                                                                                                                                                                                                                                                             "ay") ", index: 9}, {name: number, node: 'ns=2;s=Fixed'}, {name: count, " NODE("Count") "}",
               NULL, NULL);
    until(&l, 13, AN_VALUE_GOOD, 2);
    static const double expected[] = {-2468, 3.25, -5, 5e9, 1, 3.5, 11};
    for (size_t j = 0; j < sizeof expected / sizeof *expected; j++) {
        assert_int_equal(l.quality[j], j == 6 ? AN_VALUE_UNCERTAIN : AN_VALUE_GOOD);
        assert_float_equal(l.value[j], expected[j], 1e-3);
    }
    for (size_t j = 7; j < 12; j++) {
        assert_int_equal(l.quality[j], AN_VALUE_BAD);
        assert_true(isnan(l.value[j]));
    }
    assert_int_equal(l.quality[12], AN_VALUE_GOOD);
    assert_float_equal(l.value[12], 77, 0);
    assert_string_equal(an_source_unit(l.src, 0), "bar");
    assert_true(an_live_counter(&l, "refused") >= 2);
    assert_int_equal(an_live_counter(&l, "losses"), 0);
    assert_true(an_live_run(&l, said, (void *)(uintptr_t) "tags are refused", 5000));
    an_live_close(&l);
    an_ua_done(&s);
}

static void what_happens_to_one_variable_happens_to_no_other(void **state)
{
    (void)state;
    enum { FICKLE, COUNT };
    an_ua s;
    an_live l;
    an_ua_init(&s);
    an_ua_start(&s, "");
    open_plain(&l, &s, "{name: fickle, " NODE("Fickle") "}, {name: count, " NODE("Count") "}", NULL, NULL);
    until(&l, COUNT, AN_VALUE_GOOD, 1);
    until(&l, FICKLE, AN_VALUE_GOOD, 9);
    static const int ways[] = {AN_UA_TEXT, AN_UA_BAD, AN_UA_EMPTY};
    for (size_t i = 0; i < 3; i++) {
        atomic_store(&s.shared->broken, ways[i]);
        until(&l, FICKLE, AN_VALUE_BAD, 0);
        until(&l, COUNT, AN_VALUE_GOOD, l.value[COUNT]);
        atomic_store(&s.shared->broken, AN_UA_WELL);
        until(&l, FICKLE, AN_VALUE_GOOD, 19);
    }
    assert_true(an_live_counter(&l, "not_numbers") >= 2);
    assert_int_equal(an_live_counter(&l, "losses"), 0);
    an_live_close(&l);
    /* One that is taken away is bad, as soon as the server looks at it. */
    char yaml[1024];
    snprintf(
        yaml, sizeof yaml,
        "{endpoint: 'opc.tcp://127.0.0.1:%s', security: none, sampling_ms: 50, step_ms: 0, tags: [{name: "
        "fleeting, " NODE("Fleeting") "}]}",
        s.port);
    an_live_open(&l, "opcua", yaml, NULL, NULL);
    until(&l, 0, AN_VALUE_GOOD, 3);
    atomic_store(&s.shared->taken, 1);
    until(&l, 0, AN_VALUE_BAD, 0);
    an_live_close(&l);
    /* One that is not there yet is asked for until it is. */
    open_plain(&l, &s, "{name: fleeting, " NODE("Fleeting") "}, {name: count, " NODE("Count") "}", NULL,
               NULL);
    until(&l, 1, AN_VALUE_GOOD, 1);
    assert_int_equal(l.quality[0], AN_VALUE_BAD);
    assert_int_equal(an_live_counter(&l, "refused"), 1);
    atomic_store(&s.shared->taken, 0);
    until(&l, 0, AN_VALUE_GOOD, 3);
    assert_int_equal(an_live_counter(&l, "refused"), 0);
    assert_int_equal(an_live_counter(&l, "subscriptions"), 1);
    an_live_close(&l);
    an_ua_done(&s);
}

/* The namespaces of a server that was changed have other numbers. */
static void a_namespace_is_found_by_its_name(void **state)
{
    (void)state;
    an_ua s;
    an_live l;
    an_ua_init(&s);
    an_ua_start(&s, "");
    open_plain(&l, &s, "{name: double, " NODE("Double") "}, {name: number, node: 'ns=2;s=Double'}", NULL,
               NULL);
    until(&l, 0, AN_VALUE_GOOD, -2000);
    until(&l, 1, AN_VALUE_GOOD, -2000);
    an_ua_kill(&s);
    until(&l, 0, AN_VALUE_UNREACHED, 0);
    atomic_store(&s.shared->shift, 3);
    an_ua_start(&s, "");
    until(&l, 0, AN_VALUE_GOOD, -2000);
    until(&l, 1, AN_VALUE_BAD, 0);
    an_live_close(&l);
    an_ua_done(&s);
}

static void a_session_is_ended_with_the_source(void **state)
{
    (void)state;
    const an_clock *clock = an_clock_system();
    an_ua s;
    an_live l;
    an_ua_init(&s);
    an_ua_start(&s, "");
    open_plain(&l, &s, "{name: count, " NODE("Count") "}", NULL, NULL);
    until(&l, 0, AN_VALUE_GOOD, 5);
    until(&l, 0, AN_VALUE_GOOD, l.value[0] + 3);
    assert_int_equal(atomic_load(&s.shared->sessions), 1);
    an_live_close(&l);
    const int64_t end = clock->mono_ms(clock) + 5000;
    while (atomic_load(&s.shared->sessions) > 0 && clock->mono_ms(clock) < end)
        poll(NULL, 0, 5);
    assert_int_equal(atomic_load(&s.shared->sessions), 0);
    assert_int_equal(atomic_load(&s.shared->made), 1);
    an_ua_done(&s);
}

static bool is_quiet_for_long(an_live *l, void *ctx)
{
    (void)ctx;
    return an_live_counter(l, "keepalives") >= 5;
}

static void a_server_of_which_nothing_changes_is_not_lost(void **state)
{
    (void)state;
    an_ua s;
    an_live l;
    an_ua_init(&s);
    an_ua_start(&s, "");
    open_plain(&l, &s, "{name: fixed, " NODE("Fixed") "}", NULL, NULL);
    until(&l, 0, AN_VALUE_GOOD, 76);
    an_live_until(&l, is_quiet_for_long, NULL, 10000);
    assert_int_equal(l.quality[0], AN_VALUE_GOOD);
    assert_int_equal(an_live_counter(&l, "losses"), 0);
    an_live_close(&l);
    an_ua_done(&s);
}

/* As when somebody loads another program into a controller. */
static void a_session_that_the_server_ends_is_made_anew(void **state)
{
    (void)state;
    an_ua s;
    an_live l;
    an_ua_init(&s);
    an_ua_start(&s, "");
    open_plain(&l, &s, "{name: count, " NODE("Count") "}, {name: fixed, " NODE("Fixed") "}", NULL, NULL);
    for (unsigned i = 1; i <= 3; i++) {
        until(&l, 0, AN_VALUE_GOOD, l.rows ? l.value[0] : 1);
        atomic_store(&s.shared->evict, 1);
        while (an_live_counter(&l, "subscriptions") == i)
            an_live_run(&l, NULL, NULL, 20);
        until(&l, 1, AN_VALUE_GOOD, 76);
    }
    until(&l, 0, AN_VALUE_GOOD, 1);
    assert_int_equal(atomic_load(&s.shared->sessions), 1);
    assert_true(an_live_counter(&l, "failures") <= 6);
    assert_int_equal(an_live_counter(&l, "resumed"), 0);
    an_live_close(&l);
    an_ua_done(&s);
}

typedef struct heard {
    unsigned n, good;
    double fixed;
    char array[64];
} heard;

static void hear(void *ctx, const an_source_find *find)
{
    heard *h = ctx;
    h->n++;
    h->good += !isnan(find->value) ? 1 : 0;
    if (strcmp(find->tag, "nsu=" AN_UA_NAMESPACE ";s=Fixed") == 0 &&
        strcmp(find->kind, "Int32, Line 4/Fixed") == 0)
        h->fixed = find->value;
    if (strstr(find->tag, ";s=Array"))
        snprintf(h->array, sizeof h->array, "%s", find->kind);
}

static void browsing_finds_what_is_there(void **state)
{
    (void)state;
    char text[512];
    heard h = {0};
    an_ua s;
    an_yaml *doc = NULL;
    const an_source_type *type = an_source_type_find("opcua");
    an_ua_init(&s);
    an_ua_start(&s, "");
    snprintf(text, sizeof text, "{endpoint: 'opc.tcp://127.0.0.1:%s', security: none, timeout_ms: 1000}",
             s.port);
    assert_int_equal(an_yaml_parse(text, strlen(text), "browse", &doc, NULL), AN_OK);
    assert_int_equal(type->browse(an_yaml_root(doc), 10000, hear, &h, NULL), AN_OK);
    assert_int_equal(h.n, 13);
    assert_int_equal(h.good, 11);
    assert_float_equal(h.fixed, 77, 0);
    assert_string_equal(h.array, "Double[4], Line 4/Array");
    an_ua_kill(&s);
    assert_int_equal(type->browse(an_yaml_root(doc), 1000, hear, &h, NULL), AN_ERR_IO);
    an_yaml_free(doc);
    an_ua_done(&s);
}

/* ---- trust ---- */

#define MAKE_CERT(name, uri)                                                                                 \
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout " name ".key -out " name ".pem -subj /CN=" name       \
    " -days 2 -addext 'subjectAltName=URI:" uri                                                              \
    ",DNS:localhost' -addext basicConstraints=critical,CA:FALSE "                                            \
    "-addext keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment "                     \
    "-addext extendedKeyUsage=serverAuth,clientAuth; "                                                       \
    "openssl x509 -in " name ".pem -outform der -out " name ".der; "                                         \
    "openssl rsa -in " name ".key -outform der -traditional -out " name ".key.der; "

static void open_secure(an_live *l, const an_ua *s, const char *dir, const char *security, const char *trust,
                        const char *cert, const char *password)
{
    char yaml[8192];
    snprintf(yaml, sizeof yaml,
             "{endpoint: 'opc.tcp://127.0.0.1:%s', security: %s, trust: '%s/%s', cert: '%s/%s.pem', "
             "key: '%s/%s.key', user: andon, password_file: '%s/%s', " FAST
             ", tags: [{name: count, " NODE("Count") "}]}",
             s->port, security, dir, trust, dir, cert, dir, cert, dir, password);
    an_live_open(l, "opcua", yaml, NULL, NULL);
}

static void refused(const an_ua *s, const char *dir, const char *security, const char *trust,
                    const char *cert, const char *password, const char *why)
{
    an_live l;
    open_secure(&l, s, dir, security, trust, cert, password);
    if (!an_live_run(&l, said, (void *)(uintptr_t)why, 10000)) {
        an_source_device device;
        an_source_devices(l.src, &device);
        fail_msg("\"%s\" instead of \"%s\"", device.error, why);
    }
    assert_int_equal(an_live_counter(&l, "connects"), 0);
    assert_int_equal(l.quality[0], AN_VALUE_UNREACHED);
    an_live_close(&l);
}

static void who_is_not_trusted_is_not_spoken_to(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX];
    an_ua s;
    an_live l;
    an_test_folder_make(dir);
    an_test_shell(dir, "set -e; umask 077; " MAKE_CERT("server", "urn:andon:test:server"));
    an_test_shell(dir, "set -e; umask 077; " MAKE_CERT("agent", "urn:andon:test:agent"));
    an_test_shell(dir, "set -e; umask 077; " MAKE_CERT("stranger", "urn:andon:test:stranger"));
    an_test_shell(dir, "set -e; umask 077; " MAKE_CERT("impostor", "urn:andon:test:server"));
    an_test_shell(dir, "set -e; umask 077; mkdir trusted known; cp agent.der trusted; cp server.pem known; "
                       "printf secret >right; printf wrong >wrong");
    an_ua_init(&s);
    an_ua_start(&s, dir);
    static const char *const securities[] = {"Basic256Sha256", "Aes128_Sha256_RsaOaep",
                                             "Aes256_Sha256_RsaPss"};
    for (size_t i = 0; i < 3; i++) {
        open_secure(&l, &s, dir, securities[i], "known", "agent", "right");
        until(&l, 0, AN_VALUE_GOOD, 3);
        an_live_close(&l);
    }
    refused(&s, dir, "Basic256Sha256", "stranger.pem", "agent", "right",
            "the server's certificate is not accepted");
    refused(&s, dir, "Basic256Sha256", "known", "stranger", "right",
            "does not accept this agent's certificate");
    refused(&s, dir, "Basic256Sha256", "known", "agent", "wrong", "refuses this user or password");
    /* A session that goes on after a restart is checked as the first one was. */
    open_secure(&l, &s, dir, "Basic256Sha256", "server.pem", "agent", "right");
    until(&l, 0, AN_VALUE_GOOD, 3);
    an_ua_kill(&s);
    until(&l, 0, AN_VALUE_UNREACHED, 0);
    an_test_shell(dir, "cp server.der old.der; cp server.key.der old.key.der; "
                       "cp impostor.der server.der; cp impostor.key.der server.key.der");
    an_ua_start(&s, dir);
    assert_true(an_live_run(&l, said, (void *)(uintptr_t) "the server's certificate is not accepted", 10000));
    an_ua_kill(&s);
    an_test_shell(dir, "cp old.der server.der; cp old.key.der server.key.der");
    an_ua_start(&s, dir);
    until(&l, 0, AN_VALUE_GOOD, 3);
    an_live_close(&l);
    an_ua_done(&s);
    an_test_folder_remove(dir);
}

static void a_certificate_that_cannot_be_used_is_named_at_the_start(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX], text[4096];
    static const struct {
        const char *cert, *key, *trust, *why;
    } cases[] = {{"absent.pem", "agent.key", "agent.pem", "absent.pem"},
                 {"agent.pem", "other.key", "agent.pem", "not the key of"},
                 {"agent.pem", "agent.pem", "agent.pem", "not a key"},
                 {"nameless.pem", "nameless.key", "agent.pem", "names no application"},
                 {"agent.pem", "agent.key", "empty", "holds no certificate"},
                 {"agent.pem", "agent.key", "agent.key", "not a certificate"}};
    an_test_folder_make(dir);
    an_test_shell(
        dir, "set -e; " MAKE_CERT("agent", "urn:andon:test:agent") MAKE_CERT(
                 "other", "urn:andon:test:other") "mkdir empty; openssl req -x509 -newkey rsa:2048 -nodes "
                                                  "-keyout nameless.key -out nameless.pem -subj /CN=a");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_source *src = NULL;
        an_yaml *doc = NULL;
        an_note why = {{0}};
        snprintf(text, sizeof text,
                 "{endpoint: 'opc.tcp://127.0.0.1:1', cert: '%s/%s', key: '%s/%s', trust: '%s/%s', "
                 "tags: [{name: a, node: i=1}]}",
                 dir, cases[i].cert, dir, cases[i].key, dir, cases[i].trust);
        assert_int_equal(an_yaml_parse(text, strlen(text), "conf", &doc, NULL), AN_OK);
        assert_int_not_equal(an_source_open("opcua", an_yaml_root(doc), an_clock_system(), &src, &why),
                             AN_OK);
        if (!strstr(why.text, cases[i].why))
            fail_msg("\"%s\" instead of \"%s\"", why.text, cases[i].why);
        an_yaml_free(doc);
    }
    an_test_folder_remove(dir);
}

/* ---- all faults, one after the other ---- */

typedef struct soak {
    an_ua server;
    an_process relay;
    char relay_port[16];
    an_live_count count;
} soak;

enum { SOAK_COUNT, SOAK_FIXED };

static void see(an_live *l, size_t row, void *ctx)
{
    soak *s = ctx;
    an_live_count_take(&s->count, l, row, SOAK_COUNT);
}

enum { KILL, STOP_SHORT, STOP_LONG, CUT, CUT_LONG, FAULTS };
static const char *const fault_names[FAULTS] = {"killed", "stopped for a moment", "stopped", "cut",
                                                "cut for long"};

static void harm(soak *s, an_live *l, size_t which)
{
    const float before = s->count.last;
    const uint64_t missed = s->count.missed, gaps = an_live_counter(l, "gaps");
    switch (which) {
    case KILL:
        an_ua_kill(&s->server);
        until(l, SOAK_COUNT, AN_VALUE_UNREACHED, 0);
        an_ua_start(&s->server, "");
        break;
    case STOP_SHORT:
        an_process_signal(&s->server.process, SIGSTOP);
        an_live_run(l, NULL, NULL, 400);
        an_process_signal(&s->server.process, SIGCONT);
        break;
    case STOP_LONG:
        an_process_signal(&s->server.process, SIGSTOP);
        until(l, SOAK_COUNT, AN_VALUE_UNREACHED, 0);
        an_process_signal(&s->server.process, SIGCONT);
        break;
    default:
        an_process_kill(&s->relay);
        until(l, SOAK_COUNT, AN_VALUE_UNREACHED, 0);
        if (which == CUT_LONG)
            an_live_run(l, NULL, NULL, 1500);
        s->relay = an_part_start("relay", s->relay_port, s->server.port, NULL);
    }
    /* Back within seconds, the one that changes and the one that does not. */
    const int64_t begin = an_clock_system()->mono_ms(an_clock_system());
    until(l, SOAK_COUNT, AN_VALUE_GOOD, before + 1);
    until(l, SOAK_FIXED, AN_VALUE_GOOD, 76);
    const int64_t took = an_clock_system()->mono_ms(an_clock_system()) - begin;
    if (took > 5000)
        fail_msg("%lld ms until it was back after the server was %s", (long long)took, fault_names[which]);
    /* Its session was still there, and kept all that came meanwhile. */
    if (which != KILL && (s->count.missed != missed || an_live_counter(l, "gaps") != gaps))
        fail_msg("%llu values missed when the server was %s", (unsigned long long)(s->count.missed - missed),
                 fault_names[which]);
}

static void nothing_is_lost_or_out_of_order_whatever_fails(void **state)
{
    (void)state;
    const an_clock *clock = an_clock_system();
    char yaml[2048];
    soak s;
    an_live l;
    an_rng rng;
    an_rng_init(&rng, 7, 0);
    memset(&s, 0, sizeof s);
    an_ua_init(&s.server);
    an_ua_start(&s.server, "");
    snprintf(s.relay_port, sizeof s.relay_port, "%d", an_free_port());
    s.relay = an_part_start("relay", s.relay_port, s.server.port, NULL);
    snprintf(yaml, sizeof yaml,
             "{endpoint: 'opc.tcp://127.0.0.1:%s', security: none, server_queue: 1000, " FAST
             ", tags: [{name: count, " NODE("Count") "}, {name: fixed, " NODE("Fixed") "}]}",
             s.relay_port);
    an_live_open(&l, "opcua", yaml, see, &s);
    until(&l, SOAK_COUNT, AN_VALUE_GOOD, 0);
    const int64_t begin = clock->mono_ms(clock), end = begin + 1000 * an_fault_seconds(15);
    uint64_t faults = 0, kills = 0;
    for (; clock->mono_ms(clock) < end; faults++) {
        const size_t which = faults < FAULTS ? (size_t)faults : (size_t)(an_rng_u64(&rng) % FAULTS);
        harm(&s, &l, which);
        kills += which == KILL;
        an_live_run(&l, NULL, NULL, 100);
    }
    an_live_print_counters(&l);
    print_message(
        "%llu faults (%llu kills) in %lld s: %llu values, %llu missed, all of them with a killed server\n",
        (unsigned long long)faults, (unsigned long long)kills,
        (long long)(clock->mono_ms(clock) - begin) / 1000, (unsigned long long)s.count.values,
        (unsigned long long)s.count.missed);
    /* The counters tell what was. */
    assert_int_equal(an_live_counter(&l, "subscriptions"), kills + 1);
    assert_true(an_live_counter(&l, "resumed") > 0);
    assert_true(an_live_counter(&l, "losses") >= kills);
    assert_int_equal(an_live_counter(&l, "gaps"), 0);
    assert_int_equal(an_live_counter(&l, "overflows"), 0);
    assert_int_equal(an_live_counter(&l, "revised"), 0);
    an_live_close(&l);
    an_process_kill(&s.relay);
    an_ua_done(&s.server);
}

/* A queue that is too small loses values, and says so. */
static void what_the_server_drops_is_counted(void **state)
{
    (void)state;
    char yaml[1024];
    an_ua s;
    an_live l;
    an_ua_init(&s);
    an_ua_start(&s, "");
    snprintf(yaml, sizeof yaml,
             "{endpoint: 'opc.tcp://127.0.0.1:%s', security: none, step_ms: 0, sampling_ms: 0, "
             "publishing_ms: 300, "
             "server_queue: 2, tags: [{name: count, " NODE("Count") "}]}",
             s.port);
    an_live_open(&l, "opcua", yaml, NULL, NULL);
    until(&l, 0, AN_VALUE_GOOD, 60);
    assert_true(an_live_counter(&l, "overflows") > 0);
    an_live_close(&l);
    an_ua_done(&s);
}

int main(int argc, char **argv)
{
    an_part_add("opcua", an_ua_main);
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    if (an_crypto_init() != AN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(what_happens_to_one_variable_happens_to_no_other),
        cmocka_unit_test(a_namespace_is_found_by_its_name),
        cmocka_unit_test(a_session_is_ended_with_the_source),
        cmocka_unit_test(a_server_of_which_nothing_changes_is_not_lost),
        cmocka_unit_test(a_session_that_the_server_ends_is_made_anew),
        cmocka_unit_test(browsing_finds_what_is_there),
        cmocka_unit_test(a_certificate_that_cannot_be_used_is_named_at_the_start),
        cmocka_unit_test(who_is_not_trusted_is_not_spoken_to),
        cmocka_unit_test(what_the_server_drops_is_counted),
        cmocka_unit_test(nothing_is_lost_or_out_of_order_whatever_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
