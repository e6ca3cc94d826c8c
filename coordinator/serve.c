#include "coordinator/serve.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "coordinator/runtime.h"
#include "coordinator/standby.h"

#define FAILED_SIGNAL                                                                                        \
    SIGUSR1 /* our own, so that it cannot be taken for somebody's wish that this process ends */
#define AGAIN_MS 500
#define SOON_MS 50 /* the store has waited for its lease already, as a rule */

typedef struct ending {
    sigset_t signals;
    an_err failed;       /* written before the signal, read after it */
    an_standby *standby; /* at the port until the runtime takes it; NULL: nobody is */
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

/* While this thread waits for the one that calls it. */
static void on_opening(void *ctx)
{
    ending *end = ctx;
    an_standby_stop(end->standby);
    end->standby = NULL;
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

/* Probes are answered, and whoever started this program need not wait for a death elsewhere. */
static void stand_by(const an_coordinator_conf *conf, ending *end, const an_note *why)
{
    char status[300];
    an_note note = {{0}};
    snprintf(status, sizeof status, "READY=1\nSTATUS=standing by: %.200s", why->text);
    (void)an_notify(status);
    if (!end->standby && conf->http_port != 0 && an_standby_start(conf, &end->standby, &note) != AN_OK)
        an_log(AN_LOG_WARN, "probes_not_answered", "why=\"%s\"", note.text);
}

/* Waits for its turn: while another coordinator is active and, once it has been seen to be well, while the store
 * is away.  CANCELLED: it was ended first. */
static an_err start(const an_coordinator_conf *conf, ending *end, bool *was_well, an_runtime **ret,
                    an_note *why)
{
    an_err err, said = AN_OK;
    const an_runtime_calls calls = {.failed = on_failed, .opening = on_opening, .ctx = end};
    while ((err = an_runtime_start(conf, &calls, ret, why)) == AN_ERR_AGAIN ||
           (err == AN_ERR_IO && *was_well)) {
        an_notify_alive(an_clock_system()->mono_ms(an_clock_system()));
        if (is_ended(end, err == AN_ERR_IO ? AGAIN_MS : SOON_MS))
            return AN_ERR_CANCELLED;
        *was_well = true;
        if (said == err)
            continue;
        an_log(AN_LOG_INFO, "standing_by", "why=\"%s\"", why->text);
        printf("standby %s\n", why->text);
        fflush(stdout);
        stand_by(conf, end, why);
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
        on_opening(end); /* it may have ended before */
        if (err == AN_ERR_CANCELLED) {
            (void)an_notify("STOPPING=1");
            return 0;
        }
        if (err != AN_OK) {
            fprintf(stderr, "andon-coordinator: %s\n", why.text[0] ? why.text : an_err_text(err));
            return AN_SERVE_FAILED;
        }
        const an_runtime_endpoints *e = an_runtime_endpoints_get(rt);
        printf("http %s\ncontrol %s\nbulk %s\nenrol %s\ntoken %s\n", e->http, e->control, e->bulk, e->enrol,
               e->token_file);
        fflush(stdout);
        (void)an_notify("READY=1");
        while (sigwait(&end->signals, &got) != 0)
            continue;
        if (got != FAILED_SIGNAL)
            (void)an_notify("STOPPING=1\nSTATUS=stopping");
        an_runtime_stop(rt);
    } while (got == FAILED_SIGNAL && end->failed == AN_ERR_STATE); /* another one is active: stands by */
    return got == FAILED_SIGNAL ? AN_SERVE_FAILED : 0;
}
