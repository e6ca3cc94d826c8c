/* syslog and journald against real sockets: their form, and receivers that come and go. */
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
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sink_socket.h"
#include "base/mem.h"
#include "tests/support/sinks.h"

typedef struct fixture {
    an_test_log t;
    char path[AN_PATH_MAX], yaml[2 * AN_PATH_MAX];
    char got[1u << 16];
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_log_open(&f->t, 0);
    assert_int_equal(an_path_join(f->path, f->t.dir, "sock"), AN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_test_log_close(&f->t);
    an_free(f);
    return 0;
}

static int local_server(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static int inet_server(int type, uint16_t *port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(*port)};
    socklen_t len = sizeof a;
    const int one = 1, fd = socket(AF_INET, type, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static const char *take(fixture *f, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 60000), 1);
    const ssize_t n = recv(fd, f->got, sizeof f->got - 1, 0);
    assert_true(n > 0);
    f->got[n] = '\0';
    return f->got;
}

static an_sink *start(fixture *f, const char *options)
{
    snprintf(f->yaml, sizeof f->yaml, "{name: log, retry_min: 0.01, retry_max: 0.02, timeout: 2, %s}",
             options);
    return an_test_sink_start(&f->t, f->yaml);
}

static void check_message(const char *message, unsigned alarm)
{
    char host[256], want[2048];
    assert_int_equal(gethostname(host, sizeof host), 0);
    snprintf(want, sizeof want,
             "<131>1 2026-02-25T06:13:20.00%uZ %s andon-agent - raised [andon@32473 id=\"plant-a:%u\" "
             "site=\"plant-a\""
             " line=\"line-1\" alarm=\"%u\" severity=\"high\" state=\"unacknowledged\" part=\"LOT7-0042\"]"
             " \xEF\xBB\xBFline line-1, alarm %u raised (high), part LOT7-0042: Flow is low.",
             alarm, host, alarm, alarm, alarm);
    assert_string_equal(message, want);
}

static void speaks_rfc_5424_to_a_local_socket(void **state)
{
    fixture *f = *state;
    char options[AN_PATH_MAX + 64];
    const int fd = local_server(f->path);
    snprintf(options, sizeof options, "type: syslog, address: 'unix:%.100s'", f->path);
    an_sink *s = start(f, options);
    an_test_log_raise(&f->t, 2);
    check_message(take(f, fd), 1);
    check_message(take(f, fd), 2);
    an_sink_stop(s);
    close(fd);
}

static void what_would_end_a_value_is_escaped(void **state)
{
    fixture *f = *state;
    uint16_t port = 0;
    char options[64];
    const int fd = inet_server(SOCK_DGRAM, &port);
    snprintf(options, sizeof options, "type: syslog, address: 'udp://127.0.0.1:%u', facility: 1", port);
    an_sink *s = start(f, options);
    const an_alarm_record r = {.kind = AN_LOGGED_RAISED,
                               .line = "line-1",
                               .alarm = 1,
                               .rows = 1,
                               .severity = AN_SEVERITY_CRITICAL,
                               .part = "a\"]\\ b",
                               .reason = "two lines"};
    an_test_log_store(&f->t, r);
    const char *got = take(f, fd);
    assert_int_equal(strncmp(got, "<10>1 ", 6), 0);
    assert_non_null(strstr(got, "part=\"a\\\"\\]\\\\ b\"] "));
    assert_non_null(strstr(got, ": two lines"));
    an_sink_stop(s);
    close(fd);
}

/* Counted frames, whole, whatever pieces the stream comes in. */
static void read_frames(fixture *f, int c, unsigned from, unsigned to)
{
    size_t len = 0;
    for (unsigned alarm = from; alarm <= to;) {
        const size_t frame = strtoul(f->got, NULL, 10);
        const char *blank = memchr(f->got, ' ', len);
        if (!blank || len < (size_t)(blank + 1 - f->got) + frame) {
            const ssize_t n = recv(c, f->got + len, sizeof f->got - 1 - len, 0);
            assert_true(n > 0);
            len += (size_t)n;
            f->got[len] = '\0';
            continue;
        }
        char message[4096];
        snprintf(message, sizeof message, "%.*s", (int)frame, blank + 1);
        check_message(message, alarm++);
        const size_t whole = (size_t)(blank + 1 - f->got) + frame;
        memmove(f->got, f->got + whole, len - whole + 1);
        len -= whole;
    }
    assert_int_equal(len, 0);
}

static void comes_back_to_a_stream_that_was_cut(void **state)
{
    fixture *f = *state;
    uint16_t port = 0;
    char options[64];
    int fd = inet_server(SOCK_STREAM, &port);
    snprintf(options, sizeof options, "type: syslog, address: 'tcp://127.0.0.1:%u'", port);
    an_sink *s = start(f, options);
    int c = accept(fd, NULL, NULL);
    an_test_log_raise(&f->t, 3);
    read_frames(f, c, 1, 3);
    an_test_sink_until(s, cursor, 3);
    close(c);
    close(fd);
    an_test_log_raise(&f->t, 3); /* nobody is there: they wait */
    an_test_sink_until(s, retried, 3);
    assert_int_equal(an_sink_stats_get(s).cursor, 3);
    fd = inet_server(SOCK_STREAM, &port);
    c = accept(fd, NULL, NULL);
    read_frames(f, c, 4, 6);
    an_test_sink_until(s, cursor, 6);
    an_sink_stop(s);
    close(c);
    close(fd);
}

static void waits_for_a_local_socket_that_is_not_there(void **state)
{
    fixture *f = *state;
    char options[AN_PATH_MAX + 64];
    snprintf(options, sizeof options, "type: journald, socket: '%.100s'", f->path);
    an_sink *s = start(f, options);
    an_test_log_raise(&f->t, 1);
    an_test_sink_until(s, retried, 2);
    const int fd = local_server(f->path);
    const char *got = take(f, fd);
    assert_int_equal(
        strncmp(got, "MESSAGE=line line-1, alarm 1 raised (high), part LOT7-0042: Flow is low.\n", 72), 0);
    assert_non_null(strstr(got, "\nPRIORITY=3\nSYSLOG_IDENTIFIER=andon-agent\nANDON_ID=plant-a:1\n"));
    assert_non_null(
        strstr(got, "\nANDON_KIND=raised\nANDON_ALARM=1\nANDON_SEVERITY=high\nANDON_PART=LOT7-0042\n"));
    assert_non_null(strstr(got, "\nANDON_RECORD={\"seq\":1,"));
    an_test_sink_until(s, cursor, 1);
    an_sink_stop(s);
    close(fd);
}

static void addresses_are_checked(void **state)
{
    static const struct {
        const char *text;
        an_err err;
    } cases[] = {
        {"unix:/dev/log", AN_OK},
        {"udp://log.example:514", AN_OK},
        {"tcp://[fd00::5]:601", AN_OK},
        {"udp://log.example", AN_ERR_INVAL},
        {"tcp://:601", AN_ERR_INVAL},
        {"tcp://[fd00::5]601", AN_ERR_INVAL},
        {"tcp://a:123456", AN_ERR_INVAL},
        {"tcp://a:x", AN_ERR_INVAL},
        {"unix:dev/log", AN_ERR_INVAL},
        {"http://a:1", AN_ERR_INVAL},
        {"", AN_ERR_INVAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (an_sink_socket_check(cases[i].text, NULL) != cases[i].err)
            fail_msg("%s", cases[i].text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(speaks_rfc_5424_to_a_local_socket),    T(what_would_end_a_value_is_escaped),
        T(comes_back_to_a_stream_that_was_cut),  T(waits_for_a_local_socket_that_is_not_there),
        cmocka_unit_test(addresses_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
