/* The coordinator as its own process. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

void bench_block_signals(void)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void bench_wait_ms(long ms)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    sigtimedwait(&child, NULL, &wait);
}

static void take_word(char *to, size_t room, const char *line, const char *key)
{
    size_t n = strlen(key);
    if (strncmp(line, key, n) == 0)
        snprintf(to, room, "%.*s", (int)strcspn(line + n, "\n"), line + n);
}

pid_t bench_coordinator_start(bench *b, const char *log)
{
    int out[2];
    char line[400];
    if (pipe(out) != 0)
        bench_need(AN_ERR_IO, "pipe", NULL);
    an_coordinator *c = &b->coordinator;
    const bool again = c->control[0][0] != '\0'; /* where the sites know it */
    pid_t pid = fork();
    if (pid == 0) {
        int err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        dup2(out[1], STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        close(out[0]);
        execl(b->conf.program, b->conf.program, "--data", b->conf.dir, "--listen.control",
              again ? c->control[0] : "tcp://127.0.0.1:*", "--listen.bulk",
              again ? c->bulk : "tcp://127.0.0.1:*", "--listen.enrol", "tcp://127.0.0.1:*", "--http.port",
              "0", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    while (f && fgets(line, sizeof line, f)) {
        take_word(c->control[0], AN_ENDPOINT_MAX, line, "control ");
        take_word(c->bulk, AN_ENDPOINT_MAX, line, "bulk ");
        if (strncmp(line, "token ", 6) == 0)
            break;
    }
    c->n_control = 1;
    if (!c->control[0][0])
        bench_need(AN_ERR_IO, b->conf.program, NULL);
    return pid; /* the pipe stays open: what it says later must not end it */
}
