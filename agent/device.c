#include "agent/device.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"
#include "doors/crypto.h"

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000

struct an_device {
    an_device_conf conf;
    char name[AN_DEVICE_NAME_MAX];
    pthread_t thread;
    int wake_fd;
    atomic_bool stop;
    an_rng rng;

    pthread_mutex_t lock; /* guards stats, held for copies only */
    an_device_stats stats;
};

bool an_device_is_stopping(const an_device *d)
{
    return atomic_load(&d->stop);
}

void an_device_wake(an_device *d)
{
    const uint64_t one = 1;
    ssize_t n = write(d->wake_fd, &one, sizeof one);
    (void)n; /* full: it is awake */
}

an_device_stats an_device_stats_get(an_device *d)
{
    pthread_mutex_lock(&d->lock);
    const an_device_stats s = d->stats;
    pthread_mutex_unlock(&d->lock);
    return s;
}

/* Until the time is over, somebody wakes it, or fd is readable. */
static void rest(const an_device *d, int64_t ms, int fd)
{
    struct pollfd items[] = {{.fd = d->wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    uint64_t woken;
    const int wait = ms > 3600000 ? 3600000 : (int)ms;
    if (poll(items, fd >= 0 ? 2 : 1, wait) > 0 && (items[0].revents & POLLIN)) {
        ssize_t n = read(d->wake_fd, &woken, sizeof woken);
        (void)n;
    }
}

static void note_failure(an_device *d, an_err err, const an_note *why, bool first)
{
    const char *text = why->text[0] ? why->text : an_err_text(err);
    pthread_mutex_lock(&d->lock);
    d->stats.reached = false;
    d->stats.failures++;
    snprintf(d->stats.error, sizeof d->stats.error, "%.150s", text);
    pthread_mutex_unlock(&d->lock);
    if (first) /* said once, not at each attempt */
        an_log(AN_LOG_WARN, "device_lost", "device=\"%s\" why=\"%.200s\"", d->name, text);
}

static void note_turn(an_device *d, bool connected)
{
    pthread_mutex_lock(&d->lock);
    d->stats.reached = true;
    d->stats.turns++;
    d->stats.connects += connected;
    pthread_mutex_unlock(&d->lock);
    if (connected)
        an_log(AN_LOG_INFO, "device_reached", "device=\"%s\"", d->name);
}

/* Connects and serves until something fails.  *ret_served: a turn has succeeded. */
static an_err serve(an_device *d, bool *ret_served, an_note *why)
{
    const an_device_type *type = d->conf.type;
    int64_t wait_ms = 0;
    an_err err = type->connect(d->conf.ctx, why);
    *ret_served = false;
    while (err == AN_OK && !an_device_is_stopping(d)) {
        err = type->turn(d->conf.ctx, &wait_ms, why);
        if (err != AN_OK)
            break;
        note_turn(d, !*ret_served);
        *ret_served = true;
        if (wait_ms > 0 && !an_device_is_stopping(d))
            rest(d, wait_ms, type->fd ? type->fd(d->conf.ctx) : -1);
    }
    type->disconnect(d->conf.ctx);
    return err;
}

static void *device_main(void *arg)
{
    an_device *d = arg;
    (void)an_thread_prompt(); /* an older system knows nothing of it */
    int64_t pause = d->conf.retry_min_ms;
    bool said = false;
    while (!an_device_is_stopping(d)) {
        an_note why = {{0}};
        bool served = false;
        const an_err err = serve(d, &served, &why);
        if (err == AN_OK)
            continue;
        if (served) {
            pause = d->conf.retry_min_ms;
            said = false;
        }
        note_failure(d, err, &why, !said);
        said = true;
        if (!an_device_is_stopping(d))
            rest(d, (int64_t)((double)pause * (0.5 + 0.5 * an_rng_unit(&d->rng))), -1);
        pause = pause * 2 < d->conf.retry_max_ms ? pause * 2 : d->conf.retry_max_ms;
    }
    return NULL;
}

/* The program's signals belong to its main thread. */
static bool start_thread(an_device *d)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool ok = pthread_create(&d->thread, NULL, device_main, d) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

an_err an_device_start(const an_device_conf *conf, an_device **ret)
{
    uint64_t seed;
    an_device *d = an_alloc(1, sizeof *d);
    if (!d)
        return AN_ERR_NOMEM;
    d->conf = *conf;
    d->conf.retry_min_ms = conf->retry_min_ms > 0 ? conf->retry_min_ms : RETRY_MIN_MS;
    d->conf.retry_max_ms = conf->retry_max_ms > 0 ? conf->retry_max_ms : RETRY_MAX_MS;
    snprintf(d->name, sizeof d->name, "%s", conf->name);
    an_random(&seed, sizeof seed);
    an_rng_init(&d->rng, seed, 0);
    pthread_mutex_init(&d->lock, NULL);
    d->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->wake_fd >= 0 && start_thread(d)) {
        *ret = d;
        return AN_OK;
    }
    const an_err err = d->wake_fd < 0 ? AN_ERR_IO : AN_ERR_NOMEM;
    if (d->wake_fd >= 0)
        close(d->wake_fd);
    pthread_mutex_destroy(&d->lock);
    an_free(d);
    return err;
}

void an_device_end(an_device *d)
{
    atomic_store(&d->stop, true);
    an_device_wake(d);
}

void an_device_stop(an_device *d)
{
    if (!d)
        return;
    an_device_end(d);
    pthread_join(d->thread, NULL);
    close(d->wake_fd);
    pthread_mutex_destroy(&d->lock);
    an_free(d);
}
