/* The source opcua against a server of another make (node-opcua): what it reads, with and without security, and what a
 * killed server and a cut connection cost.  Skipped where the package cannot be had (tests/support/packages.sh). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"
#include "tests/support/live.h"
#include "tests/support/process.h"

#define FAST                                                                                                 \
    "step_ms: 0, sampling_ms: 0, publishing_ms: 50, keepalive_ms: 500, timeout_ms: 3000, retry_max_ms: "     \
    "500, "                                                                                                  \
    "server_queue: 1000"
#define NODE(name) "node: 'nsu=http://andon.test/line;s=" name "'"
#define TAGS                                                                                                 \
    "tags: [{name: count, " NODE("Count") "}, {name: fixed, " NODE("Fixed") "}, {name: none, " NODE(         \
        "None") "}]"

enum { COUNT, FIXED, NONE };

static char packages[256];

typedef struct far {
    char dir[AN_PATH_MAX], port[16];
    an_process process;
    an_live_count count;
} far;

static int run(const char *log, const char *dir, const char *command)
{
    char script[2 * AN_PATH_MAX];
    int status = 1;
    snprintf(script, sizeof script, "cd '%.1000s' && { %.900s; }", dir, command);
    an_process p = an_process_start(log, "/bin/sh", "-c", script, NULL);
    waitpid(p.pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void start(far *s)
{
    char log[AN_PATH_MAX];
    snprintf(log, sizeof log, "%.900s/log", s->dir);
    s->process = an_process_start(log, "/usr/bin/env", "node", "tests/opcua/server.js", packages, s->port,
                                  s->dir, NULL);
    an_port_wait((int)strtol(s->port, NULL, 10));
}

static void begin(far *s)
{
    memset(s, 0, sizeof *s);
    an_test_folder_make(s->dir);
    snprintf(s->port, sizeof s->port, "%d", an_free_port());
    start(s);
}

static void end(far *s)
{
    an_process_kill(&s->process);
    an_test_folder_remove(s->dir);
}

static void see(an_live *l, size_t row, void *ctx)
{
    far *s = ctx;
    an_live_count_take(&s->count, l, row, COUNT);
}

static void it_comes_back_and_loses_nothing_that_was_there(void **state)
{
    (void)state;
    char yaml[2048], relay_port[16];
    far s;
    an_live l;
    begin(&s);
    snprintf(relay_port, sizeof relay_port, "%d", an_free_port());
    an_process relay = an_part_start("relay", relay_port, s.port, NULL);
    snprintf(yaml, sizeof yaml,
             "{endpoint: 'opc.tcp://127.0.0.1:%s/line', security: none, " FAST ", " TAGS "}", relay_port);
    an_live_open(&l, "opcua", yaml, see, &s);
    an_live_until_tag(&l, COUNT, AN_VALUE_GOOD, 50);
    an_live_until_tag(&l, FIXED, AN_VALUE_GOOD, 76);
    assert_int_equal(l.quality[NONE], AN_VALUE_BAD);
    assert_int_equal(s.count.missed, 0);
    for (int i = 0; i < 3; i++) {
        an_process_kill(&relay);
        an_live_until_tag(&l, COUNT, AN_VALUE_UNREACHED, 0);
        relay = an_part_start("relay", relay_port, s.port, NULL);
        an_live_until_tag(&l, COUNT, AN_VALUE_GOOD, s.count.last + 20);
        an_live_until_tag(&l, FIXED, AN_VALUE_GOOD, 76);
    }
    an_live_print_counters(&l);
    assert_int_equal(s.count.missed, 0);
    assert_int_equal(an_live_counter(&l, "resumed"), 3);
    assert_int_equal(an_live_counter(&l, "gaps"), 0);
    assert_int_equal(an_live_counter(&l, "overflows"), 0);
    an_process_kill(&s.process);
    an_live_until_tag(&l, COUNT, AN_VALUE_UNREACHED, 0);
    start(&s);
    an_live_until_tag(&l, COUNT, AN_VALUE_GOOD, s.count.last + 20);
    assert_int_equal(an_live_counter(&l, "subscriptions"), 2);
    an_live_close(&l);
    an_process_kill(&relay);
    end(&s);
}

static bool said(an_live *l, void *ctx)
{
    an_source_device device;
    assert_int_equal(an_source_devices(l->src, &device), 1);
    return strstr(device.error, ctx) != NULL;
}

static void open_secure(an_live *l, const far *s, const char *security)
{
    char yaml[8 * AN_PATH_MAX];
    snprintf(yaml, sizeof yaml,
             "{endpoint: 'opc.tcp://127.0.0.1:%s/line', security: %s, cert: '%.900s/agent.pem', key: "
             "'%.900s/agent.key', trust: '%.900s/pki/own/certs/certificate.pem', user: andon, password_file: "
             "'%.900s/password', " FAST ", " TAGS "}",
             s->port, security, s->dir, s->dir, s->dir, s->dir);
    an_live_open(l, "opcua", yaml, NULL, NULL);
}

static void it_is_spoken_to_behind_certificates(void **state)
{
    (void)state;
    static const char *const securities[] = {"Basic256Sha256", "Aes128_Sha256_RsaOaep",
                                             "Aes256_Sha256_RsaPss"};
    far s;
    an_live l;
    begin(&s);
    assert_int_equal(
        run(NULL, s.dir,
            "umask 077 && printf secret >password && openssl req -x509 -newkey rsa:2048 -nodes -keyout "
            "agent.key -out agent.pem -subj /CN=agent -days 2 -addext "
            "subjectAltName=URI:urn:andon:test:agent -addext basicConstraints=critical,CA:FALSE -addext "
            "keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyCertSign "
            "-addext extendedKeyUsage=clientAuth"),
        0);
    open_secure(&l, &s, securities[0]);
    assert_true(an_live_run(&l, said, (void *)(uintptr_t) "certificate", 15000));
    assert_int_equal(an_live_counter(&l, "connects"), 0);
    an_live_close(&l);
    assert_int_equal(run(NULL, s.dir, "rm -f pki/rejected/* && cp agent.pem pki/trusted/certs/"), 0);
    an_process_kill(&s.process);
    start(&s);
    for (size_t i = 0; i < 3; i++) {
        open_secure(&l, &s, securities[i]);
        an_live_until_tag(&l, COUNT, AN_VALUE_GOOD, 10);
        an_live_until_tag(&l, FIXED, AN_VALUE_GOOD, 76);
        an_live_close(&l);
    }
    end(&s);
}

/* False: the packages cannot be had; it has been said why. */
static bool get_packages(void)
{
    char dir[AN_PATH_MAX], log[AN_PATH_MAX], line[256] = "";
    an_test_folder_make(dir);
    snprintf(log, sizeof log, "%.900s/packages", dir);
    const int rc = run(log, ".", "sh tests/support/packages.sh opcua && node --version >/dev/null");
    FILE *f = fopen(log, "r");
    if (f && fgets(line, sizeof line, f))
        line[strcspn(line, "\n")] = '\0';
    if (f)
        fclose(f);
    an_test_folder_remove(dir);
    snprintf(packages, sizeof packages, "%s", line);
    if (rc != 0)
        printf("skipped: %s\n", line);
    return rc == 0;
}

int main(int argc, char **argv)
{
    const int rc = an_part_main(argc, argv);
    if (rc >= 0)
        return rc;
    an_log_init(AN_LOG_OFF, "test");
    if (an_crypto_init() != AN_OK)
        return 1;
    if (!get_packages())
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_back_and_loses_nothing_that_was_there),
        cmocka_unit_test(it_is_spoken_to_behind_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
