/* serve.h - a coordinator from start to end: stands by while another one is active, serves when it is its turn, and
 * stands by again if another one takes the store over.
 *
 *     an_serve_block_signals();          before any thread starts: every thread has them blocked, and
 *     code = an_serve(&conf);            sigwait in here alone sees them
 *
 * Threads: the main thread. */
#ifndef AN_COORDINATOR_SERVE_H
#define AN_COORDINATOR_SERVE_H

#include "coordinator/conf.h"

#define AN_SERVE_FAILED 1

void an_serve_block_signals(void);

/* Until SIGTERM or SIGINT.  Prints the endpoints whenever it begins to serve, or one line that it stands by.
 * 0, or AN_SERVE_FAILED and it was said why. */
int an_serve(const an_coordinator_conf *conf);

#endif
