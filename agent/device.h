/* device.h - the thread that keeps up the connection to one device.
 *
 *     connect --ok--> turn, turn, turn ... --error--> disconnect --> wait --> connect
 *
 * One thread for each device: what one of them does not answer holds up no other.  After a failure it
 * waits retry_min_ms, twice as long with each further one, up to retry_max_ms, each time shortened by
 * chance to no less than half, so that a hundred agents do not come back in one instant.  A turn that succeeds
 * begins anew.
 *
 *     an_device_conf conf = {.type = &modbus_device, .ctx = &link, .name = "10.0.0.7"};
 *     err = an_device_start(&conf, &dev);
 *     an_device_stop(dev);             asks the thread to end, and joins
 *
 * Threads: start and stop belong to one thread; stats to any. */
#ifndef AN_AGENT_DEVICE_H
#define AN_AGENT_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define AN_DEVICE_NAME_MAX 128

typedef struct an_device an_device;

/* Called on the device's thread only. */
typedef struct an_device_type {
    /* May wait as long as the device's own time-out says, which bounds how long stop takes. */
    an_err (*connect)(void *ctx, an_note *why);
    /* One exchange.  OK: asked again after *ret_wait_ms (0: at once), or when fd is readable.  An error ends the
     * connection; a bad answer of one part of a device is for the variant itself to count. */
    an_err (*turn)(void *ctx, int64_t *ret_wait_ms, an_note *why);
    void (*disconnect)(void *ctx); /* after a failed connect, too */
    int (*fd)(const void *ctx);    /* NULL or -1: none */
} an_device_type;

typedef struct an_device_conf {
    const an_device_type *type;
    void *ctx;
    const char *name;     /* for logs; copied */
    int64_t retry_min_ms; /* 0: 500 */
    int64_t retry_max_ms; /* 0: 30 s */
} an_device_conf;

typedef struct an_device_stats {
    bool reached;      /* the last turn succeeded */
    uint64_t connects; /* that succeeded */
    uint64_t failures; /* connects and turns that did not */
    uint64_t turns;
    char error[160]; /* the last one; "" if none */
} an_device_stats;

/* Errors: NOMEM (also: the system gives no thread), IO no descriptor. */
an_err an_device_start(const an_device_conf *conf, an_device **ret);
void an_device_end(an_device *d);  /* asks the thread to end, and does not wait for it: stop does */
void an_device_stop(an_device *d); /* NULL is fine */
void an_device_wake(an_device *d); /* a turn now, from any thread */
bool an_device_is_stopping(const an_device *d);
an_device_stats an_device_stats_get(an_device *d);

#endif
