/* What is told to the one who started the program: against datagram sockets, as systemd has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/notify.h"
#include "tests/support/folder.h"

/* Listens at a path, or with '@' at a name of the abstract kind. */
static int listen_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const size_t len = strlen(path);
    memcpy(a.sun_path, path, len);
    if (path[0] == '@')
        a.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
    return fd;
}

static const char *heard(int fd)
{
    static char text[256];
    const ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (n < 0)
        return "";
    text[n] = '\0';
    return text;
}

static void a_file_and_an_abstract_name_are_told(void **state)
{
    (void)state;
    char dir[AN_PATH_MAX], file[AN_PATH_MAX], name[64];
    an_test_folder_make(dir);
    assert_int_equal(an_path_join(file, dir, "notify"), AN_OK);
    snprintf(name, sizeof name, "@andon-notify-%ld", (long)getpid());
    const char *const places[] = {file, name};
    for (size_t i = 0; i < 2; i++) {
        const int fd = listen_at(places[i]);
        setenv("NOTIFY_SOCKET", places[i], 1);
        an_notify_open();
        assert_null(getenv("NOTIFY_SOCKET")); /* children do not speak for us */
        assert_true(an_notify("READY=1\nSTATUS=active"));
        assert_string_equal(heard(fd), "READY=1\nSTATUS=active");
        assert_int_equal(an_notify_watchdog_ms(), 0);
        an_notify_alive(1); /* nobody asked for it */
        assert_string_equal(heard(fd), "");
        an_notify_close();
        close(fd);
    }
    an_test_folder_remove(dir);
}

static void signs_of_life_come_twice_in_the_time_asked_for(void **state)
{
    (void)state;
    char name[64], pid[32];
    snprintf(name, sizeof name, "@andon-alive-%ld", (long)getpid());
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    const int fd = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    an_notify_open();
    assert_int_equal(an_notify_watchdog_ms(), 15000);
    an_notify_alive(1000000);
    assert_string_equal(heard(fd), "WATCHDOG=1");
    an_notify_alive(1014999);
    assert_string_equal(heard(fd), "");
    an_notify_alive(1015000);
    assert_string_equal(heard(fd), "WATCHDOG=1");
    an_notify_close();
    close(fd);
}

static void the_watchdog_of_another_process_is_not_ours(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@andon-other-%ld", (long)getpid());
    const int fd = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    an_notify_open();
    assert_int_equal(an_notify_watchdog_ms(), 0);
    an_notify_close();
    close(fd);
}

static void without_a_socket_nothing_happens(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "@", "relative", "vsock:2:1234"};
    char longer[300];
    unsetenv("NOTIFY_SOCKET");
    an_notify_open();
    assert_false(an_notify("READY=1"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        an_notify_open();
        assert_false(an_notify("READY=1"));
    }
    memset(longer, 'x', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    setenv("NOTIFY_SOCKET", longer, 1);
    an_notify_open();
    assert_false(an_notify("READY=1"));
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_and_an_abstract_name_are_told),
        cmocka_unit_test(signs_of_life_come_twice_in_the_time_asked_for),
        cmocka_unit_test(the_watchdog_of_another_process_is_not_ours),
        cmocka_unit_test(without_a_socket_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
