/* vitals.h - what the coordinator's threads tell of themselves, so that whoever asks whether it is well never waits for
 * a thread that is busy, or hangs.
 *
 *     core thread    an_vitals_turned each time its loop turns; active, store_ok
 *     HTTP threads   an_vitals_asked of each request; an_vitals_probe answers /healthz and /readyz
 *     bulk thread    the bytes that pass
 *
 * Two questions, after the words of Kubernetes: *alive* is a process that answers and whose core loop has turned, or has
 * read on in the journal, within `stall_ms`; one that is not is to be started anew.  *Ready* is one that is active and reaches its store: it is the one
 * to talk to.  A standby is alive and not ready.
 *
 * Threads: all of it, from any; nothing here locks or allocates. */
#ifndef AN_COORDINATOR_VITALS_H
#define AN_COORDINATOR_VITALS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/meter.h"
#include "coordinator/api/api.h"
#include "doors/http_server.h"

#define AN_METRICS_PATH "/metrics"

/* The routes of the API, then what is none of them: pages, probes, what does not exist. */
#define AN_VITALS_ROUTES (AN_API_ROUTES + 1)
#define AN_VITALS_CLASSES 5 /* of a status: 1xx to 5xx */

enum { AN_VITALS_CONTROL, AN_VITALS_BULK, AN_VITALS_CHANNELS };

typedef struct an_vitals {
    int64_t stall_ms;               /* set before any thread */
    atomic_int_least64_t turned_ms; /* monotonic; 0: the core has not begun */
    atomic_int_least64_t kept_ms;   /* ... when the lease was last renewed */
    atomic_bool active, store_ok;
    _Atomic(const an_store_figures *) store; /* of the open store, as long as anybody may ask; NULL: none */
    atomic_uint_least64_t epoch;             /* of the lease */
    an_tick bytes_in[AN_VITALS_CHANNELS], bytes_out[AN_VITALS_CHANNELS];
    an_tick refused; /* messages of sites */
    an_tick denied;  /* HTTP requests without a valid token, session or password */
    an_tick requests[AN_VITALS_ROUTES][AN_VITALS_CLASSES];
    an_times latency[AN_VITALS_ROUTES];
} an_vitals;

void an_vitals_turned(an_vitals *v);
bool an_vitals_alive(const an_vitals *v);
/* NULL: ready; else the one word that says why not. */
const char *an_vitals_unready(const an_vitals *v);

/* Answers GET and HEAD of /healthz and /readyz, which need no token and say one word.  False: it is for neither. */
bool an_vitals_probe(const an_vitals *v, const an_http_request *http, an_http_reply *reply);
/* Counts a request that was answered. */
void an_vitals_asked(an_vitals *v, const an_http_request *http, unsigned status, uint64_t ns);

/* Its share of /metrics, and that of the process: to be written last. */
void an_vitals_meters(const an_vitals *v, an_meter_page *p, const char *data);

#endif
