/* Secrets that systemd hands over: found by name, and readable by a group without being anybody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/secret_file.h"
#include "base/credential.h"
#include "coordinator/store.h"
#include "doors/crypto.h"
#include "tests/support/folder.h"

static char folder[AN_PATH_MAX], file[AN_PATH_MAX];

static int make(void **state)
{
    (void)state;
    an_note why;
    an_test_folder_make(folder);
    assert_int_equal(an_path_join(file, folder, "broker"), AN_OK);
    assert_int_equal(an_file_write(file, "host=x nonsense\n", 16, 0440, &why), AN_OK);
    return setenv("CREDENTIALS_DIRECTORY", folder, 1);
}

static int drop(void **state)
{
    (void)state;
    an_test_folder_remove(folder);
    return unsetenv("CREDENTIALS_DIRECTORY");
}

static void a_credential_is_found_by_its_name_and_a_path_stays(void **state)
{
    (void)state;
    char path[AN_PATH_MAX], *secret = NULL;
    size_t len = 0;
    an_note why = {{0}};
    assert_int_equal(an_credential_path(path, "/etc/andon/x", &why), AN_OK);
    assert_string_equal(path, "/etc/andon/x");
    assert_int_equal(an_credential_path(path, "credential:broker", &why), AN_OK);
    assert_string_equal(path, file);
    assert_int_equal(an_secret_file_read("credential:broker", &secret, &len, &why), AN_OK);
    assert_string_equal(secret, "host=x nonsense");
    an_secret_free(secret);
    assert_int_equal(an_secret_file_read("credential:other", &secret, &len, &why), AN_ERR_NOTFOUND);
}

static void what_is_no_name_leads_nowhere(void **state)
{
    (void)state;
    static const char *const wrong[] = {"credential:", "credential:../x", "credential:a/b",
                                        "credential:.hidden"};
    char path[AN_PATH_MAX], longest[AN_PATH_MAX + 1];
    an_note why = {{0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (an_credential_path(path, wrong[i], &why) != AN_ERR_INVAL)
            fail_msg("%s", wrong[i]);
    memset(longest, 'a', AN_PATH_MAX);
    longest[AN_PATH_MAX] = '\0';
    assert_int_equal(an_credential_path(path, longest, &why), AN_ERR_LIMIT);
    memcpy(longest, "credential:", 11);
    assert_int_equal(an_credential_path(path, longest, &why), AN_ERR_INVAL);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(an_credential_path(path, "credential:broker", &why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "LoadCredential"));
}

static void opens_store(const char *url, const char *complaint)
{
    an_store *store = NULL;
    an_note why = {{0}};
    const an_store_place place = {.url = url, .folder = folder, .holder = "test", .wait_ms = 500};
    assert_int_equal(an_store_open(&place, an_clock_system(), &store, &why), AN_ERR_INVAL);
    if (!strstr(why.text, complaint))
        fail_msg("%s: %s", url, why.text);
}

static void the_address_of_a_store_may_be_a_credential_that_its_group_can_read(void **state)
{
    (void)state;
    char url[AN_PATH_MAX + 16];
    snprintf(url, sizeof url, "postgresql:@%s", file);
    opens_store(url, "others may read it");
    opens_store("postgresql:@credential:broker", "not an address of PostgreSQL"); /* it was read */
    assert_int_equal(chmod(file, 0444), 0);
    opens_store("postgresql:@credential:broker", "others may read it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_credential_is_found_by_its_name_and_a_path_stays, make, drop),
        cmocka_unit_test_setup_teardown(what_is_no_name_leads_nowhere, make, drop),
        cmocka_unit_test_setup_teardown(the_address_of_a_store_may_be_a_credential_that_its_group_can_read,
                                        make, drop),
    };
    return an_crypto_init() == AN_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
