#include "tests/support/postgresql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doors/pq.h"

static char dir[128], address[192];

static void die(const char *what)
{
    fprintf(stderr, "PostgreSQL for tests: %s\n", what);
    abort();
}

/* Runs the script; its first line of output goes to `line`.  The exit code. */
static int script(const char *verb, const char *argument, char *line, size_t size)
{
    int fds[2], status = 0;
    if (pipe(fds) != 0)
        die("no pipe");
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        die("no process");
    if (child == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        execl("/bin/sh", "sh", AN_TEST_DIR "/support/postgresql.sh", verb, argument, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    size_t len = 0;
    for (ssize_t n; len + 1 < size && (n = read(fds[0], line + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    close(fds[0]);
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        die(verb);
    return WEXITSTATUS(status);
}

static void must(const char *verb)
{
    char line[256];
    if (script(verb, dir, line, sizeof line) != 0)
        die(verb);
}

bool pg_server_start(void)
{
    char pid[24], line[sizeof dir];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    int code = script("start", pid, line, sizeof line);
    if (code != 0) {
        printf("no PostgreSQL server: %s\n", line);
        if (code != 77)
            die("start");
        return false;
    }
    snprintf(dir, sizeof dir, "%s", line);
    snprintf(address, sizeof address, "host=%s user=andon dbname=andon", dir);
    return true;
}

const char *pg_server_dir(void)
{
    return dir;
}

const char *pg_server_address(void)
{
    return address;
}

void pg_server_kill(void)
{
    must("kill");
}

void pg_server_restart(void)
{
    must("restart");
}

void pg_server_stop(void)
{
    if (dir[0])
        must("stop");
    dir[0] = '\0';
}

bool pg_server_sql_may(const char *sql)
{
    an_pq *c = NULL;
    an_note why = {{0}};
    an_err err = an_pq_open(address, 10000, &c, &why);
    if (err == AN_OK)
        err = an_pq_script(c, sql, 600000, &why);
    if (err != AN_OK)
        fprintf(stderr, "%s: %s\n", sql, why.text);
    an_pq_close(c);
    return err == AN_OK;
}

void pg_server_sql(const char *sql)
{
    if (!pg_server_sql_may(sql))
        die("SQL failed");
}

void pg_server_clear(void)
{
    pg_server_sql("SET client_min_messages = warning; DROP SCHEMA IF EXISTS andon CASCADE");
}
