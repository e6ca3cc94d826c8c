/* The webhook against a receiver that checks the signature, refuses, hangs, cuts the connection and dies. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/http_client.h"
#include "doors/json.h"
#include "tests/support/receiver.h"
#include "tests/support/sinks.h"

#define SECRET "a secret of both ends"

typedef struct fixture {
    an_test_log t;
    an_test_receiver r;
    char secret[AN_PATH_MAX], yaml[4 * AN_PATH_MAX];
    an_note why;
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_log_open(&f->t, 0);
    an_test_receiver_start(&f->r, 0);
    assert_int_equal(an_path_join(f->secret, f->t.dir, "secret"), AN_OK);
    assert_int_equal(an_file_write(f->secret, SECRET "\n", sizeof SECRET, 0600, &f->why), AN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_test_receiver_done(&f->r);
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

static an_sink *start_at(fixture *f, uint16_t port, const char *more)
{
    snprintf(f->yaml, sizeof f->yaml,
             "{name: hook, type: webhook, url: 'http://127.0.0.1:%u/in', secret_file: %s, retry_min: 0.01,"
             " retry_max: 0.02%s}",
             (unsigned)port, f->secret, more);
    return an_test_sink_start(&f->t, f->yaml);
}

static an_sink *start(fixture *f, const char *more)
{
    return start_at(f, f->r.port, more);
}

/* As a receiver would: t=SECONDS,v1=HEX, HMAC over "SECONDS." and the body. */
static void check_signature(const an_test_got *g)
{
    char text[8192], hex[65];
    uint8_t mac[AN_HMAC_BYTES];
    char *end = NULL;
    assert_int_equal(strncmp(g->signature, "t=", 2), 0);
    const long long at = strtoll(g->signature + 2, &end, 10);
    assert_in_range(at, 1700000000, 4000000000);
    assert_int_equal(strncmp(end, ",v1=", 4), 0);
    const int n = snprintf(text, sizeof text, "%lld.%s", at, g->body);
    assert_in_range(n, 1, sizeof text - 1);
    an_hmac_sha256(mac, SECRET, strlen(SECRET), text, (size_t)n);
    an_hex(hex, mac, sizeof mac);
    assert_string_equal(end + 4, hex);
}

static void check_event(const an_test_got *g, uint64_t seq)
{
    an_json_doc *doc = NULL;
    an_note why = {{0}};
    char id[64], sequence[32];
    assert_int_equal(an_json_parse(g->body, strlen(g->body), "event", &doc, &why), AN_OK);
    snprintf(id, sizeof id, "plant-a:%" PRIu64, seq);
    snprintf(sequence, sizeof sequence, "%020" PRIu64, seq);
    const struct {
        const char *key, *value;
    } texts[] = {{"specversion", "1.0"},
                 {"id", id},
                 {"source", "/andon/plant-a/line-1"},
                 {"type", "andon.alarm.raised"},
                 {"datacontenttype", "application/json"},
                 {"sequence", sequence}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *value = NULL;
        assert_int_equal(an_jval_text(an_json_root(doc), texts[i].key, &value, &why), AN_OK);
        assert_string_equal(value, texts[i].value);
    }
    an_alarm_record r;
    assert_int_equal(an_alarm_record_read(an_jval_get(an_json_root(doc), "data"), &r, &why), AN_OK);
    assert_int_equal(r.seq, seq);
    assert_string_equal(r.part, "LOT7-0042");
    an_json_doc_free(doc);
    assert_string_equal(g->method, "POST");
    assert_string_equal(g->path, "/in");
    assert_string_equal(g->type, "application/cloudevents+json; charset=utf-8");
    check_signature(g);
}

/* Of what was answered with 2xx: the numbers from 1 to n, each once and in order. */
static void check_taken(fixture *f, uint64_t n)
{
    uint64_t seq = 0;
    an_test_receiver_stop(&f->r);
    for (size_t i = 0; i < f->r.n_got; i++) {
        check_event(&f->r.got[i], seq + 1);
        seq += f->r.got[i].answered == 200;
    }
    assert_int_equal(seq, n);
}

static void the_hmac_is_that_of_rfc_4231(void **state)
{
    uint8_t mac[AN_HMAC_BYTES];
    char hex[65], key[131];
    (void)state;
    an_hmac_sha256(mac, "Jefe", 4, "what do ya want for nothing?", 28);
    an_hex(hex, mac, sizeof mac);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key); /* longer than a block */
    an_hmac_sha256(mac, key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54);
    an_hex(hex, mac, sizeof mac);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void sends_signed_events_in_their_order(void **state)
{
    fixture *f = *state;
    an_sink *s = start(f, "");
    an_test_log_raise(&f->t, 20);
    an_sink_wake(s);
    an_test_sink_until(s, cursor, 20);
    assert_int_equal(an_sink_stats_get(s).retried, 0);
    an_sink_stop(s);
    assert_int_equal(f->r.n_got, 20);
    check_taken(f, 20);
}

static void tries_again_what_may_be_mended(void **state)
{
    fixture *f = *state;
    static const unsigned answers[] = {500, 429, 408, 503, 401, 403, 301, 200, 502};
    an_test_receiver_script(&f->r, answers, sizeof answers / sizeof *answers);
    an_sink *s = start(f, "");
    an_test_log_raise(&f->t, 4);
    an_test_sink_until(s, cursor, 4);
    const an_sink_stats st = an_sink_stats_get(s);
    assert_int_equal(st.sent, 4);
    assert_int_equal(st.retried, 8);
    assert_int_equal(st.refused, 0);
    assert_string_equal(st.error, "answered 502: said");
    an_sink_stop(s);
    check_taken(f, 4);
}

static void sets_aside_what_is_refused_for_good(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX];
    an_buf b;
    an_test_receiver_script(&f->r, (const unsigned[]){200, 422, 200}, 3);
    an_sink *s = start(f, "");
    an_test_log_raise(&f->t, 3);
    an_test_sink_until(s, cursor, 3);
    const an_sink_stats st = an_sink_stats_get(s);
    assert_int_equal(st.sent, 2);
    assert_int_equal(st.refused, 1);
    assert_int_equal(st.retried, 0);
    an_sink_stop(s);
    an_test_receiver_stop(&f->r);
    assert_int_equal(f->r.n_got, 3);
    check_event(&f->r.got[2], 3);
    assert_int_equal(an_path_join(path, f->t.dir, "sinks/hook.refused.jsonl"), AN_OK);
    an_buf_init(&b, 1u << 16);
    assert_int_equal(an_file_read(&b, path, &f->why), AN_OK);
    an_buf_u8(&b, 0);
    assert_non_null(strstr(
        (char *)b.data, "{\"id\":\"plant-a:2\",\"refused\":\"answered 422: said\",\"record\":{\"seq\":2,"));
    assert_ptr_equal(strchr((char *)b.data, '\n'), (char *)b.data + b.len - 2); /* one line */
    an_buf_done(&b);
}

static void a_receiver_that_hangs_holds_up_only_its_own_sink(void **state)
{
    fixture *f = *state;
    char yaml[2 * AN_PATH_MAX];
    an_test_receiver_hang(&f->r, true);
    an_sink *s = start(f, ", timeout: 0.1");
    snprintf(yaml, sizeof yaml, "{name: file, type: file, path: %s/out}", f->t.dir);
    an_sink *other = an_test_sink_start(&f->t, yaml);
    an_test_log_raise(&f->t, 5);
    an_test_sink_until(other, cursor, 5);
    an_test_sink_until(s, retried, 2);
    assert_int_equal(an_sink_stats_get(s).sent, 0);
    const int64_t begin = an_test_mono_ms();
    an_sink_stop(s);
    assert_true(an_test_mono_ms() - begin < 5000);
    an_sink_stop(other);
    an_test_receiver_hang(&f->r, false);
    s = start(f, "");
    an_test_sink_until(s, cursor, 5);
    an_sink_stop(s);
    an_test_receiver_stop(&f->r);
    assert_true(f->r.n_got > 5);
    check_event(&f->r.got[0], 1); /* the same id, at each attempt */
    check_event(&f->r.got[1], 1);
}

/* Takes n connections on a port of its own and cuts each after the first bytes. */
static uint16_t cut_connections(fixture *f, an_sink **ret, int n)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    char byte;
    const int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret = start_at(f, ntohs(a.sin_port), "");
    an_test_log_raise(&f->t, 3);
    an_sink_wake(*ret);
    for (int i = 0; i < n; i++) {
        const int c = accept(fd, NULL, NULL);
        assert_true(c >= 0);
        assert_int_equal(recv(c, &byte, 1, 0), 1);
        close(c);
    }
    close(fd);
    return ntohs(a.sin_port);
}

static void comes_back_when_a_receiver_that_cut_it_off_and_died_lives_again(void **state)
{
    fixture *f = *state;
    an_sink *s = NULL;
    const uint16_t port = cut_connections(f, &s, 4);
    an_test_sink_until(s, retried, 6); /* four were cut, and nobody listens any more */
    assert_int_equal(an_sink_stats_get(s).sent, 0);
    an_test_receiver_done(&f->r);
    an_test_receiver_start(&f->r, port);
    an_test_sink_until(s, cursor, 3);
    an_sink_stop(s);
    assert_int_equal(f->r.n_got, 3);
    check_taken(f, 3);
}

static void a_secret_that_others_can_read_is_not_used(void **state)
{
    fixture *f = *state;
    assert_int_equal(chmod(f->secret, 0644), 0);
    an_sink *s = start(f, "");
    an_test_log_raise(&f->t, 1);
    an_test_sink_until(s, retried, 2);
    assert_non_null(strstr(an_sink_stats_get(s).error, "others can read"));
    assert_int_equal(an_test_receiver_count(&f->r), 0);
    assert_int_equal(chmod(f->secret, 0640), 0);
    an_test_sink_until(s, cursor, 1);
    an_sink_stop(s);
    check_taken(f, 1);
}

static void shows_its_token(void **state)
{
    fixture *f = *state;
    char token[AN_PATH_MAX], more[2 * AN_PATH_MAX];
    assert_int_equal(an_path_join(token, f->t.dir, "token"), AN_OK);
    assert_int_equal(an_file_write(token, "Bearer 12345\r\n", 14, 0600, &f->why), AN_OK);
    snprintf(more, sizeof more, ", authorization_file: %s", token);
    an_sink *s = start(f, more);
    an_test_log_raise(&f->t, 1);
    an_test_sink_until(s, cursor, 1);
    an_sink_stop(s);
    assert_string_equal(f->r.got[0].authorization, "Bearer 12345");
    check_taken(f, 1);
}

static void where_it_may_send_is_checked(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *url, *more, *says;
    } cases[] = {
        {"https://pager.example/in", "", ""},
        {"http://[::1]:8080/in", "", ""},
        {"http://localhost/in", "", ""},
        {"http://10.0.0.5/in", ", plain: true", ""},
        {"http://10.0.0.5/in", "", "sink a: url: http:// to another computer needs plain: true"},
        {"http://localhost.example/in", "", "plain: true"},
        {"http://127.0.0.1@example/in", "", "no password"},
        {"https://me:pass@pager.example/in", "", "no password"},
        {"ftp://pager.example/in", "", "must begin with"},
        {"https:///in", "", "no fixed host"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        an_sink_conf c;
        an_note why = {{0}};
        snprintf(f->yaml, sizeof f->yaml, "{name: a, type: webhook, url: '%s'%s}", cases[i].url,
                 cases[i].more);
        an_test_sink_conf(&f->t, f->yaml, &c, &why);
        if (cases[i].says[0] ? !strstr(why.text, cases[i].says) : why.text[0] != '\0')
            fail_msg("%s: %s", cases[i].url, why.text);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hmac_is_that_of_rfc_4231),
        T(sends_signed_events_in_their_order),
        T(tries_again_what_may_be_mended),
        T(sets_aside_what_is_refused_for_good),
        T(a_receiver_that_hangs_holds_up_only_its_own_sink),
        T(comes_back_when_a_receiver_that_cut_it_off_and_died_lives_again),
        T(a_secret_that_others_can_read_is_not_used),
        T(shows_its_token),
        T(where_it_may_send_is_checked),
    };
    if (an_crypto_init() != AN_OK || an_http_client_init() != AN_OK)
        return 1;
    an_json_init();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    an_http_client_done();
    return failed;
}
