/* What --check says of a configuration whose form is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/conf_check.h"
#include "agent/writeback_main.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"

#define LINE                                                                                                 \
    "lines: [{name: l, model: m, sensors: [a, b], pool: {bytes: %s}, source: {type: sim, line: pump}}]\n"

typedef struct fixture {
    char dir[AN_PATH_MAX], secret[AN_PATH_MAX], other[AN_PATH_MAX];
    char text[4096];
    an_note why;
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->secret, f->dir, "secret"), AN_OK);
    assert_int_equal(an_path_join(f->other, f->dir, "other"), AN_OK);
    assert_int_equal(an_file_write(f->secret, "anna", 4, 0600, NULL), AN_OK);
    assert_int_equal(an_file_write(f->other, "ben", 3, 0600, NULL), AN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static an_err check(fixture *f, const char *pool, const char *fmt, const char *path)
{
    an_agent_conf c;
    int n = snprintf(f->text, sizeof f->text, "site: a\ndata: /tmp/x\n" LINE, pool);
    n += snprintf(f->text + n, sizeof f->text - (size_t)n, fmt, path);
    assert_true(n < (int)sizeof f->text);
    if (an_agent_conf_parse(f->text, strlen(f->text), "s.yaml", &c, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
    f->why = (an_note){{0}};
    const an_err err = an_agent_conf_check(&c, &f->why);
    an_agent_conf_done(&c);
    return err;
}

static void assert_said(const fixture *f, const char *words)
{
    if (!strstr(f->why.text, words))
        fail_msg("no \"%s\" in: %s", words, f->why.text);
}

static const char api[] = "api: {port: 7799, token_file: %s}\n";

static void a_secret_that_is_not_there_is_named_with_its_place(void **state)
{
    fixture *f = *state;
#ifdef AN_HAVE_API
    assert_int_equal(check(f, "1M", api, f->secret), AN_OK);
    assert_int_not_equal(check(f, "1M", api, "/nowhere/token"), AN_OK);
    assert_said(f, "s.yaml:4:");
    assert_said(f, "token_file: ");
    assert_said(f, "/nowhere/token");
    assert_int_equal(chmod(f->secret, 0644), 0);
    assert_int_not_equal(check(f, "1M", api, f->secret), AN_OK);
    assert_said(f, "token_file: ");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(check(f, "1M", api, "credential:api"), AN_OK); /* of the service, which this is not */
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
    assert_int_not_equal(check(f, "1M", api, "credential:api"), AN_OK);
    assert_int_not_equal(check(f, "1M", "api: {port: 7799}\n# %s", ""), AN_OK);
    assert_said(f, "api.port needs api.token_file");
#else
    assert_int_equal(check(f, "1M", api, f->secret), AN_ERR_UNSUPPORTED);
    assert_said(f, "built without it");
#endif
}

static const char writeback[] = "writeback:\n"
                                "  device: '127.0.0.1:1'\n"
                                "  heartbeat: 100\n"
                                "  sequence: 101\n"
                                "  people: [{name: anna, key_file: %s}, {name: ben, key_file: /dev/null}]\n"
                                "  targets: [{name: t, line: l, table: holding, address: 102, min: 0, max: "
                                "2, unknown: 0, good: 1, bad: 2}]\n";

static void keys_of_people_need_only_be_there(void **state)
{
    fixture *f = *state;
    assert_int_equal(chmod(f->secret, 0644), 0); /* the write-back itself minds, as its own user */
    assert_int_equal(check(f, "1M", writeback, f->secret), AN_OK);
    assert_int_not_equal(check(f, "1M", writeback, "/nowhere/anna.key"), AN_OK);
    assert_said(f, "s.yaml:8:");
    assert_said(f, "key_file: /nowhere/anna.key: No such file");
}

static void only_a_person_of_the_configuration_enables_the_write_back(void **state)
{
    fixture *f = *state;
    an_agent_conf c;
    FILE *out = tmpfile();
    assert_non_null(out);
    int n = snprintf(f->text, sizeof f->text, "site: a\ndata: %s\n" LINE, f->dir, "1M");
    snprintf(f->text + n, sizeof f->text - (size_t)n, writeback, f->secret);
    if (an_agent_conf_parse(f->text, strlen(f->text), "s.yaml", &c, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
    assert_int_equal(an_writeback_leave(&c, true, "carl", f->other, out, &f->why), AN_ERR_NOTFOUND);
    assert_said(f, "carl is none of writeback.people");
    assert_int_equal(an_writeback_leave(&c, true, "anna", f->secret, out, &f->why), AN_OK);
    fclose(out);
    an_agent_conf_done(&c);
}

static void a_budget_that_the_pools_alone_exceed_is_refused(void **state)
{
    fixture *f = *state;
    assert_int_equal(check(f, "64k", "budget: {memory: 100G}\n# %s", ""), AN_OK);
    assert_int_equal(check(f, "64k", "budget: {memory: 1M}\n# %s", ""), AN_ERR_LIMIT);
    assert_said(f, "budget.memory is 1 MiB, and without training the agent takes ");
}

int main(void)
{
    if (an_crypto_init() != AN_OK)
        return 1;
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_secret_that_is_not_there_is_named_with_its_place),
        T(keys_of_people_need_only_be_there),
        T(only_a_person_of_the_configuration_enables_the_write_back),
        T(a_budget_that_the_pools_alone_exceed_is_refused),
    };
#undef T
    return cmocka_run_group_tests_name("conf_check", tests, NULL, NULL);
}
