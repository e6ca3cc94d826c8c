/* What a look over a set-up finds: files, clocks, doors; what is wrong comes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "base/doctor.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/support/folder.h"

static int setup(void **state)
{
    *state = an_alloc(1, sizeof(an_doctor));
    return 0;
}

static int teardown(void **state)
{
    an_free(*state);
    return 0;
}

static void put(const char *dir, const char *name, mode_t mode)
{
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, dir, name), AN_OK);
    assert_int_equal(an_file_write(path, "x", 1, mode, NULL), AN_OK);
    assert_int_equal(chmod(path, mode), 0);
}

static const an_doctor_finding *found(const an_doctor *d, const char *what)
{
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->items[i].what, what) == 0)
            return &d->items[i];
    fail_msg("nothing is said of %s", what);
    return NULL;
}

static void secrets_that_all_may_read_are_named_with_what_mends_it(void **state)
{
    an_doctor *d = *state;
    char dir[AN_PATH_MAX];
    an_test_folder_make(dir);
    assert_int_equal(chmod(dir, 0700), 0);
    put(dir, "identity", 0644);
    put(dir, "admin.token", 0640);
    put(dir, "status.json", 0644);
    put(dir, "inbox.json", 0646);
    an_doctor_folder(d, dir);
    assert_int_equal(found(d, "data folder")->level, AN_DOCTOR_OK);
    assert_int_equal(found(d, "identity")->level, AN_DOCTOR_MEND);
    assert_non_null(strstr(found(d, "identity")->mend, "chmod o-rwx /"));
    assert_int_equal(found(d, "admin.token")->level, AN_DOCTOR_OK);
    assert_int_equal(found(d, "inbox.json")->level, AN_DOCTOR_MEND);
    assert_non_null(found(d, "disk space"));
    for (size_t i = 0; i < d->n; i++)
        assert_string_not_equal(d->items[i].what, "status.json");
    assert_int_equal(chmod(dir, 0755), 0);
    d->n = 0;
    an_doctor_folder(d, dir);
    assert_int_equal(found(d, "data folder")->level, AN_DOCTOR_LOOK);
    d->n = 0;
    an_doctor_folder(d, "/nowhere/at/all");
    assert_int_equal(d->n, 1);
    assert_int_equal(d->items[0].level, AN_DOCTOR_MEND);
    an_test_folder_remove(dir);
}

static void clocks_may_differ_by_seconds_and_not_by_minutes(void **state)
{
    an_doctor *d = *state;
    static const struct {
        int64_t ms;
        an_doctor_level level;
    } offs[] = {{0, AN_DOCTOR_OK},        {-4999, AN_DOCTOR_OK},   {5000, AN_DOCTOR_LOOK},
                {-59999, AN_DOCTOR_LOOK}, {60000, AN_DOCTOR_MEND}, {-86400000, AN_DOCTOR_MEND}};
    for (size_t i = 0; i < sizeof offs / sizeof *offs; i++) {
        an_doctor_clock(d, "the other", offs[i].ms);
        assert_int_equal(d->items[i].level, offs[i].level);
    }
    assert_non_null(strstr(d->items[3].text, "60.0 s behind"));
}

static void a_door_is_tried(void **state)
{
    an_doctor *d = *state;
    char endpoint[64];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    an_doctor_endpoint(d, "door", endpoint, "open it"); /* bound, and nobody listens */
    assert_int_equal(d->items[0].level, AN_DOCTOR_MEND);
    assert_string_equal(d->items[0].mend, "open it");
    assert_int_equal(listen(fd, 4), 0);
    an_doctor_endpoint(d, "door", endpoint, "open it");
    assert_int_equal(d->items[1].level, AN_DOCTOR_OK);
    close(fd);
    an_doctor_endpoint(d, "door", "tcp://*:7701", NULL);
    an_doctor_endpoint(d, "door", "nothing", NULL);
    assert_int_equal(d->items[2].level, AN_DOCTOR_LOOK);
    assert_int_equal(d->items[3].level, AN_DOCTOR_LOOK);
}

static void what_is_wrong_comes_first_and_commands_no_terminal(void **state)
{
    an_doctor *d = *state;
    char text[1024] = "";
    an_doctor_say(d, AN_DOCTOR_OK, "a", NULL, "fine");
    an_doctor_say(d, AN_DOCTOR_LOOK, "b", NULL, "site \033[2J");
    assert_int_equal(an_doctor_worst(d), AN_DOCTOR_LOOK);
    an_doctor_say(d, AN_DOCTOR_MEND, "c", "do this", "wrong");
    assert_int_equal(an_doctor_worst(d), AN_DOCTOR_MEND);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    an_doctor_print(d, out);
    fclose(out);
    assert_string_equal(text, "mend  c: wrong -> do this\n"
                              "look  b: site ?[2J\n"
                              "ok    a: fine\n"
                              "1 to mend, 1 to look at, 1 in order\n");
}

static void more_than_there_is_room_for_is_counted(void **state)
{
    an_doctor *d = *state;
    for (size_t i = 0; i < AN_DOCTOR_MAX + 3; i++)
        an_doctor_say(d, AN_DOCTOR_OK, "x", NULL, "%zu", i);
    assert_int_equal(d->n, AN_DOCTOR_MAX);
    assert_int_equal(d->more, 3);
    assert_int_equal(an_doctor_worst(d), AN_DOCTOR_OK);
    an_doctor_say(d, AN_DOCTOR_MEND, "y", NULL, "wrong");
    assert_int_equal(an_doctor_worst(d), AN_DOCTOR_MEND);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(secrets_that_all_may_read_are_named_with_what_mends_it),
        T(clocks_may_differ_by_seconds_and_not_by_minutes),
        T(a_door_is_tried),
        T(what_is_wrong_comes_first_and_commands_no_terminal),
        T(more_than_there_is_room_for_is_counted),
    };
#undef T
    return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
