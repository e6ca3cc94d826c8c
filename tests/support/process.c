#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 17
#define PARTS_MAX 8
#define PAIRS_MAX 16

extern char **environ;

static struct {
    const char *name;
    an_part run;
} parts[PARTS_MAX];
static size_t n_parts;

void an_part_add(const char *name, an_part run)
{
    parts[n_parts].name = name;
    parts[n_parts++].run = run;
}

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int an_free_port(void)
{
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) ||
        getsockname(fd, (struct sockaddr *)&at, &len))
        give_up("free port");
    close(fd);
    return ntohs(at.sin_port);
}

static int dial(int port)
{
    const struct sockaddr_in at = loopback(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool an_port_open(int port)
{
    const int fd = dial(port);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void an_port_wait(int port)
{
    for (int i = 0; i < 2000; i++) {
        if (an_port_open(port))
            return;
        poll(NULL, 0, 10);
    }
    fprintf(stderr, "nobody listens on port %d\n", port);
    exit(1);
}

static an_process start(const char *log, const char *path, char **argv)
{
    an_process p = {.pid = 0};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (log) {
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
    }
    if (posix_spawn(&p.pid, path, &actions, NULL, argv, environ) != 0)
        give_up(path);
    posix_spawn_file_actions_destroy(&actions);
    return p;
}

static size_t gather(char **argv, size_t n, va_list more)
{
    char *one;
    while (n < ARGS_MAX - 1 && (one = va_arg(more, char *)) != NULL)
        argv[n++] = one;
    argv[n] = NULL;
    return n;
}

an_process an_part_start(const char *name, ...)
{
    char self[] = "/proc/self/exe", flag[] = "--part", part[32], *argv[ARGS_MAX] = {self, flag, part};
    va_list more;
    snprintf(part, sizeof part, "%s", name);
    va_start(more, name);
    gather(argv, 3, more);
    va_end(more);
    return start(NULL, self, argv);
}

an_process an_process_start(const char *log, const char *path, ...)
{
    char program[256], *argv[ARGS_MAX] = {program};
    va_list more;
    snprintf(program, sizeof program, "%s", path);
    va_start(more, path);
    gather(argv, 1, more);
    va_end(more);
    return start(log ? log : "/dev/null", program, argv);
}

void an_process_signal(an_process *p, int sig)
{
    if (p->pid > 0)
        kill(p->pid, sig);
}

void an_test_shell(const char *dir, const char *commands)
{
    char script[4096];
    int status = 1;
    snprintf(script, sizeof script, "cd '%s' && {\n%s\n} >log.shell 2>&1", dir, commands);
    const an_process p = an_process_start(NULL, "/bin/sh", "-c", script, NULL);
    if (waitpid(p.pid, &status, 0) == p.pid && status == 0)
        return;
    fprintf(stderr, "failed: %s\n", commands);
    exit(1);
}

void an_process_kill(an_process *p)
{
    if (p->pid <= 0)
        return;
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
}

/* ---- the part "relay" ---- */

typedef struct relay {
    struct pollfd items[1 + 2 * PAIRS_MAX]; /* the listener, then pairs */
} relay;

static void part_pair(struct pollfd *a)
{
    close(a[0].fd);
    close(a[1].fd);
    a[0].fd = a[1].fd = -1;
}

static bool pass_on(int from, int to)
{
    char bytes[4096];
    const ssize_t n = read(from, bytes, sizeof bytes);
    return n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static void admit(relay *r, int target)
{
    const int fd = accept(r->items[0].fd, NULL, NULL), other = fd >= 0 ? dial(target) : -1;
    for (size_t i = 1; other >= 0 && i < 1 + 2 * PAIRS_MAX; i += 2)
        if (r->items[i].fd < 0) {
            r->items[i] = (struct pollfd){.fd = fd, .events = POLLIN};
            r->items[i + 1] = (struct pollfd){.fd = other, .events = POLLIN};
            return;
        }
    if (fd >= 0)
        close(fd);
    if (other >= 0)
        close(other);
}

static int relay_main(int argc, char **argv)
{
    relay r;
    const int one = 1;
    if (argc < 3)
        return 2;
    const struct sockaddr_in at = loopback((int)strtol(argv[1], NULL, 10));
    const int target = (int)strtol(argv[2], NULL, 10);
    for (size_t i = 0; i < 1 + 2 * PAIRS_MAX; i++)
        r.items[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    r.items[0].fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(r.items[0].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(r.items[0].fd, (const struct sockaddr *)&at, sizeof at) || listen(r.items[0].fd, 8))
        give_up("relay");
    while (poll(r.items, 1 + 2 * PAIRS_MAX, -1) >= 0) {
        for (size_t i = 1; i < 1 + 2 * PAIRS_MAX; i += 2) {
            struct pollfd *a = &r.items[i];
            if (a[0].fd >= 0 && ((a[0].revents && !pass_on(a[0].fd, a[1].fd)) ||
                                 (a[1].revents && !pass_on(a[1].fd, a[0].fd))))
                part_pair(a);
        }
        if (r.items[0].revents)
            admit(&r, target);
    }
    return 0;
}

int an_part_main(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], "--part") != 0)
        return -1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1)
        return 1;
    for (size_t i = 0; i < n_parts; i++)
        if (strcmp(parts[i].name, argv[2]) == 0)
            return parts[i].run(argc - 2, argv + 2);
    return strcmp(argv[2], "relay") == 0 ? relay_main(argc - 2, argv + 2) : 2;
}

void *an_shared_map(const char *path, size_t len)
{
    const int fd = open(path, O_RDWR);
    if (fd < 0 || ftruncate(fd, (off_t)len) != 0)
        give_up(path);
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        give_up("mmap");
    return p;
}

void *an_shared_make(char *path, size_t len)
{
    snprintf(path, 64, "/tmp/andon-shared-XXXXXX");
    const int fd = mkstemp(path);
    if (fd < 0)
        give_up("mkstemp");
    close(fd);
    return an_shared_map(path, len);
}
