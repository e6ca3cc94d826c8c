/* The worker thread: sums that may take long, away from the core. */
#include "coordinator/runtime_internal.h"

#include "base/log.h"

void an_work_main(an_pipe *pipe, void *args)
{
    (void)args;
    an_actor_ready(pipe, AN_OK, NULL);
    for (;;) {
        an_work *w = NULL;
        size_t len = 0;
        an_err err = an_pipe_recv(pipe, &w, sizeof w, &len);
        if (err == AN_ERR_AGAIN) {
            err = an_pipe_wait(pipe, -1);
            if (err == AN_OK || err == AN_ERR_AGAIN)
                continue;
        }
        if (err != AN_OK)
            return;
        w->err = an_combine_run(w->job, &w->why);
        err = an_pipe_send(pipe, &w, sizeof w);
        if (err != AN_OK) /* cannot be: the core has room for every open round */
            an_log(AN_LOG_ERROR, "sum_not_reported", "err=%s", an_err_name(err));
    }
}
