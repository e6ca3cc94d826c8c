/* runtime_line.h - what a line's thread keeps while it runs: runtime_line.c and runtime_orders.c. */
#ifndef AN_AGENT_RUNTIME_LINE_H
#define AN_AGENT_RUNTIME_LINE_H

#include "agent/held.h"
#include "agent/runtime_internal.h"

typedef struct an_line_run {
    an_line *l;
    an_pipe *pipe;
    const an_clock *clock;
    size_t at; /* next row of the batch */
    int64_t status_ms, save_ms, retry_ms;
    an_held held;
    bool marked; /* nothing has happened since the last mark */
    bool go, stop;
    an_line_status status;
} an_line_run;

void an_line_mark(an_line_run *r); /* says where the line is, after the facts of the rows before */
void an_line_save_pool(an_line_run *r);
void an_line_obey(an_line_run *r); /* takes all orders that wait */

#endif
