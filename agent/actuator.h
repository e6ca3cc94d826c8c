/* actuator.h - what a write-back writes to: one table row per kind (actuators.def).  What may be written, and when, is not
 * its affair (writeback.h): it does what it is told, and says whether that is done.
 *
 * Threads: one per object. */
#ifndef AN_AGENT_ACTUATOR_H
#define AN_AGENT_ACTUATOR_H

#include "agent/writeback_conf.h"

typedef struct an_actuator_write {
    size_t place; /* of the configuration */
    uint16_t value;
    an_wb_verdict_kind verdict;
    uint64_t sequence; /* one more with each write, and higher after each start */
    int64_t now_ms;
} an_actuator_write;

typedef struct an_actuator_type {
    const char *name;
    /* Opens nothing outside.  Errors: INVAL, NOMEM. */
    an_err (*open)(const an_wb_conf *conf, const char *site, void **ret, an_note *why);
    void (*close)(void *a); /* NULL is fine */
    /* Both connect where they must.  OK: it is done, as far as the other end says so within the time; on an error
     * nobody knows, and the connection is given up. */
    an_err (*write)(void *a, const an_actuator_write *w, an_note *why);
    an_err (*beat)(void *a, uint64_t n, int64_t now_ms, an_note *why);
    bool (*connected)(const void *a);
    void (*disconnect)(void *a);
} an_actuator_type;

const an_actuator_type *an_actuator_find(const char *name); /* NULL: not in this build */

#endif
