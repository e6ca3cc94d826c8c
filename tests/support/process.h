/* process.h - further processes of a test: this program again in another part, or a server; and what is free for it.
 *
 *     int main(int argc, char **argv)
 *     {
 *         const int rc = an_part_main(argc, argv);      a part that this process was started as
 *         if (rc >= 0)
 *             return rc;
 *
 *     p = an_part_start("relay", "5001", "5002", NULL);
 *     an_process_kill(&p);
 *
 * All of them end with the test.  A part is a function of (argc, argv), known by an_part_add or built in: "relay LISTEN
 * TARGET", which passes on what comes to one port of the loopback to the other.
 *
 * Threads: one. */
#ifndef AN_TEST_PROCESS_H
#define AN_TEST_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct an_process {
    pid_t pid; /* 0: none */
} an_process;

typedef int (*an_part)(int argc, char **argv); /* argv[0] is the part's name */

void an_part_add(const char *name, an_part run);
int an_part_main(int argc, char **argv); /* -1: this is the test itself */

/* Up to 15 arguments, ended by NULL.  Ends the test program if there is no process to be had. */
an_process an_part_start(const char *name, ...);
/* A program of the system; what it says goes to the file log, or nowhere. */
an_process an_process_start(const char *log, const char *path, ...);
/* Commands of the shell in a folder of the test's own; what they say goes to its log.shell.  Ends the test program if they
 * fail. */
void an_test_shell(const char *dir, const char *commands);
void an_process_kill(an_process *p);            /* SIGKILL, and wait; none is fine */
void an_process_signal(an_process *p, int sig); /* does not wait */

int an_free_port(void); /* of the loopback */
/* Does somebody listen there? */
bool an_port_open(int port);
void an_port_wait(int port); /* until it does; ends the test program after 20 s */

/* A file that processes share, of zeros; path holds 64 bytes.  map: of one that is there. */
void *an_shared_make(char *path, size_t len);
void *an_shared_map(const char *path, size_t len);

#endif
