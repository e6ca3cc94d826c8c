/* bench.h - a federation for measurements: the coordinator as its own process, its sites as
 * light agents in this one, each with the real session and real CURVE sockets, but next to no
 * training.
 *
 * Threads: bench_sites_start makes one thread for some sites each; the rest is the main
 * thread's. */
#ifndef AN_BENCH_H
#define AN_BENCH_H

#include <stdatomic.h>
#include <sys/types.h>

#include "agent/enrol.h"
#include "agent/runtime_internal.h"
#include "net/keys.h"
#include "tests/support/folder.h"

#define BENCH_WIDTH 8
#define BENCH_SITES_MAX 1024
#define BENCH_MODEL "pump"

typedef struct bench_conf {
    size_t n_sites, n_rounds, hidden; /* n_rounds 0: there is no model, and nothing to be trained */
    const char *program;              /* the coordinator */
    char dir[AN_PATH_MAX], sites_dir[AN_PATH_MAX];
    bool momentum;       /* of the server's optimiser, whose state is as large as the model */
    bool secure;         /* secure sums */
    bool share_versions; /* sites take versions from the coordinator's disk, not over the wire */
} bench_conf;

typedef struct bench_site {
    char name[AN_NAME_MAX], dir[AN_PATH_MAX];
    an_identity id;
} bench_site;

typedef struct bench {
    bench_conf conf;
    bench_site sites[BENCH_SITES_MAX];
    an_coordinator coordinator;
    an_schema schema;
    float *rows; /* of every site the same */
    an_site_data data;
    float *delta; /* (n_delta) what each site says it learned */
    size_t n_delta;
    an_net *net;
    an_actor *actors[BENCH_SITES_MAX];
    size_t n_actors;
    atomic_size_t welcomes; /* of all sites, one for each process of the coordinator */
} bench;

extern const char *const bench_sensors[BENCH_WIDTH];

/* Makes the coordinator's folder: the sites are enrolled, the model and its campaign are open.
 */
void bench_found(bench *b);
void bench_block_signals(void); /* before there is any thread: for bench_wait_ms */
void bench_wait_ms(long ms);    /* for the coordinator's end, which would be news, or for so long */
/* Starts it, at the same addresses if it ran before; what it says goes to the end of the log.  Call it for the first
 * time before there is any thread. */
pid_t bench_coordinator_start(bench *b, const char *log);
void bench_sites_start(bench *b);
void bench_sites_stop(bench *b);
/* Ends the program with a message. */
void bench_need(an_err err, const char *what, const an_note *why);

#endif
