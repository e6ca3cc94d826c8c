#include "coordinator/serve.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "coordinator/runtime.h"

#define FAILED_SIGNAL                                                                                        \
    SIGUSR1 /* our own, so that it cannot be taken for somebody's wish that this process ends */
#define AGAIN_MS 500
#define SOON_MS 50 /* the store has waited for its lease already, as a rule */

typedef struct ending {
    sigset_t signals;
    an_err failed; /* written before the signal, read after it */
} ending;

static void choose_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigaddset(ret, FAILED_SIGNAL);
}

static void on_failed(void *ctx, an_err err)
{
    ending *end = ctx;
    end->failed = err;
    if (kill(getpid(), FAILED_SIGNAL) != 0)
        an_log(AN_LOG_ERROR, "signal_not_sent", "err=%s", an_err_name(err));
}

static bool is_ended(const ending *end, long wait_ms)
{
    const struct timespec wait = {.tv_nsec = wait_ms * 1000000};
    const int got = sigtimedwait(&end->signals, NULL, &wait);
    return got > 0 && got != FAILED_SIGNAL;
}

static void forget_endpoints(const an_coordinator_conf *conf)
{
    char path[AN_PATH_MAX];
    if (an_path_join(path, conf->data, "endpoints.json") == AN_OK && an_file_remove(path, NULL) != AN_OK)
        an_log(AN_LOG_WARN, "endpoints_stay", "path=\"%s\"", path);
}

/* Waits for its turn: while another coordinator is active and, once it has been seen to be well, while the store
 * is away.  CANCELLED: it was ended first. */
static an_err start(const an_coordinator_conf *conf, ending *end, bool *was_well, an_runtime **ret,
                    an_note *why)
{
    an_err err, said = AN_OK;
    while ((err = an_runtime_start(conf, on_failed, end, ret, why)) == AN_ERR_AGAIN ||
           (err == AN_ERR_IO && *was_well)) {
        if (is_ended(end, err == AN_ERR_IO ? AGAIN_MS : SOON_MS))
            return AN_ERR_CANCELLED;
        *was_well = true;
        if (said == err)
            continue;
        an_log(AN_LOG_INFO, "standing_by", "why=\"%s\"", why->text);
        printf("standby %s\n", why->text);
        fflush(stdout);
        forget_endpoints(conf); /* of an earlier life: nobody is there */
        said = err;
    }
    *was_well = *was_well || err == AN_OK;
    return err;
}

void an_serve_block_signals(void)
{
    sigset_t signals;
    choose_signals(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int an_serve(const an_coordinator_conf *conf)
{
    static ending ends; /* the runtime's threads write to it */
    ending *end = &ends;
    bool was_well = false;
    int got = 0;
    choose_signals(&end->signals);
    do {
        an_runtime *rt = NULL;
        an_note why = {{0}};
        end->failed = AN_OK;
        an_err err = start(conf, end, &was_well, &rt, &why);
        if (err == AN_ERR_CANCELLED)
            return 0;
        if (err != AN_OK) {
            fprintf(stderr, "andon-coordinator: %s\n", why.text[0] ? why.text : an_err_text(err));
            return AN_SERVE_FAILED;
        }
        const an_runtime_endpoints *e = an_runtime_endpoints_get(rt);
        printf("http %s\ncontrol %s\nbulk %s\nenrol %s\ntoken %s\n", e->http, e->control, e->bulk, e->enrol,
               e->token_file);
        fflush(stdout);
        while (sigwait(&end->signals, &got) != 0)
            continue;
        an_runtime_stop(rt);
    } while (got == FAILED_SIGNAL && end->failed == AN_ERR_STATE); /* another one is active: stands by */
    return got == FAILED_SIGNAL ? AN_SERVE_FAILED : 0;
}
