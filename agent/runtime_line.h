/* runtime_line.h - what a line's thread keeps while it runs: runtime_line.c, runtime_orders.c, runtime_errand.c. */
#ifndef AN_AGENT_RUNTIME_LINE_H
#define AN_AGENT_RUNTIME_LINE_H

#include "agent/held.h"
#include "agent/runtime_internal.h"

typedef struct an_errand an_errand;

typedef struct an_line_run {
    an_line *l;
    an_pipe *pipe;
    const an_clock *clock;
    size_t at; /* next row of the batch */
    int64_t status_ms, save_ms, retry_ms;
    an_held held;
    bool marked; /* nothing has happened since the last mark */
    bool go, stop;
    an_going *going;   /* waits to be made ready; NULL: none */
    bool readying;     /* the second thread makes one ready */
    bool save_wanted;  /* of the pool */
    bool copying;      /* the pool, for the second thread */
    an_errand *errand; /* with the second thread; NULL: none */
    an_line_phase phase_said;
    an_line_status status;
} an_line_run;

void an_line_mark(an_line_run *r); /* says where the line is, after the facts of the rows before */
void an_line_obey(an_line_run *r); /* takes the orders that wait; those behind a version, when that is live */
void an_line_live(an_line_run *r, an_going *g); /* what was made ready goes live; takes g */

/* runtime_errand.c.  Once a turn: true if it wants the next one soon. */
bool an_line_errands(an_line_run *r);
bool an_line_is_readying(const an_line_run *r); /* a version is made ready */
void an_line_save_pool(an_line_run *r);         /* soon, by the second thread */
void an_line_errands_end(an_line_run *r);       /* waits for the second thread; what was not begun is left */
void an_line_save_pool_now(an_line_run *r);     /* after that */

#endif
