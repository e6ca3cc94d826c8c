/* resources.h - what the agent may take of its machine, and what it takes.
 *
 *     memory |-- measured at the start: program, lines, pools --|-- pools while they are saved --|---- left: training ----|
 *
 * What is there when the lines are open is measured; what will be taken later is planned: each pool twice more while it is
 * saved, as a copy and as a file.  If that is more than the budget, the agent does not start.  What is left is for
 * training: a job says before it begins what it will take at most (job_memory.c), and one that does not fit is declined.
 * What is measured while the agent runs takes the place of the plan where it is more.
 *
 *     an_resources_open(&b, &conf, twins, &why);              at the start
 *     an_resources_left(&b)                                    before a job
 *     an_resources_look(&b, now_ms);                           every second
 *
 * Processor time is kept by the governor, which lets training wait (governor.h).
 *
 * Threads: one, but for trainer_here, which is of the trainer's. */
#ifndef AN_AGENT_RESOURCES_H
#define AN_AGENT_RESOURCES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

#define AN_RESOURCES_NONE UINT64_MAX

typedef struct an_resources_conf {
    uint64_t memory;   /* bytes of the whole process; 0: no bound */
    uint64_t training; /* ... of a training job; 0: what is left */
    double cpu;        /* processors; 0: no bound */
} an_resources_conf;

/* Measured, but for planned. */
typedef struct an_resources_figures {
    uint64_t memory, memory_most;       /* now, and the most that was seen */
    uint64_t planned;                   /* without training */
    double cpu_s, trainer_cpu_s;        /* since the start; the second of the trainer's own thread */
    double cpu_now;                     /* processors, over the last ten seconds or so */
    uint64_t memory_over_s, cpu_over_s; /* seconds in which more was taken than the budget has */
    uint64_t refused;                   /* jobs */
} an_resources_figures;

typedef struct an_resources {
    an_resources_conf conf;
    uint64_t (*measure)(void); /* an_usage_memory */
    uint64_t twins;
    an_resources_figures figures;
    int64_t look_ms, since_ms; /* 0: none yet */
    double since_cpu_s;
    clockid_t trainer;
    atomic_bool has_trainer;
} an_resources;

/* twins: bytes that saving takes beside what is there now.  measure NULL: an_usage_memory.
 * Errors: LIMIT the budget is too small. */
an_err an_resources_open(an_resources *b, const an_resources_conf *conf, uint64_t (*measure)(void),
                         uint64_t twins, an_note *why);
void an_resources_trainer_here(an_resources *b); /* from the trainer's thread, once */

/* Bytes that a job may take now, the data that are copied for it included; AN_RESOURCES_NONE: no bound. */
uint64_t an_resources_left(const an_resources *b);
/* REFUSED, with what is needed and what there is, and counted. */
an_err an_resources_refuse(an_resources *b, uint64_t need, uint64_t left, an_note *why);

/* Every second or so.  True: the budget of memory or of processor time was kept until now, and is not any more. */
bool an_resources_look(an_resources *b, int64_t now_ms);

#endif
