/* conf.h - how a coordinator is set up: one struct, one row per option.
 *
 *     an_coordinator_conf conf;
 *     err = an_coordinator_conf_init(&conf);
 *     err = an_conf_load_yaml(an_coordinator_rows, an_coordinator_n_rows, &conf, path, &why);
 *     err = an_coordinator_conf_check(&conf, &why);
 *     an_coordinator_conf_done(&conf);
 *
 * The same keys are flags of andon-coordinator: --listen.control tcp://0.0.0.0:7701.
 *
 * Threads: plain data. */
#ifndef AN_COORDINATOR_CONF_H
#define AN_COORDINATOR_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opt.h"
#include "msg/msg.h"

enum { AN_METRICS_TOKEN, AN_METRICS_OPEN };

typedef struct an_coordinator_conf {
    char *data;                   /* folder of identity, administrator's token, endpoints.json and store */
    char *store_url;              /* NULL: "sqlite:DATA/store" */
    char *control, *bulk, *enrol; /* "tcp://address:port", port * allowed */
    char *advertise_control, *advertise_bulk, *advertise_enrol; /* told to sites; NULL: as bound */
    char *coordinators; /* "tcp://a:7701,tcp://b:7701"; NULL: there is this one alone */
    char *http_address;
    int64_t http_port;                 /* 0: any free one */
    char *http_certificate, *http_key; /* PEM files; NULL: no TLS */
    char *http_names;                  /* by which it is asked, besides its own; NULL: none */
    bool http_plain;                   /* no TLS although others than this computer can connect */
    int64_t http_per_address;          /* connections from one address; 0: no bound of their own */
    int64_t lease_ms;
    int64_t heartbeat_ms; /* a stream of events is not silent for longer */
    int64_t answer_ms;    /* how long an HTTP request waits for the core */
    int metrics;          /* AN_METRICS_* */
    int64_t stall_ms;     /* of the core, before it counts as hung */
    int64_t session_idle_ms, session_max_ms;
    int64_t people; /* that a release needs */
    int64_t enrol_rate;
    char *release_root; /* the public half of the release root, 64 hexadecimal digits; NULL: none */
    int log_level, log_format;
} an_coordinator_conf;

extern const an_opt an_coordinator_rows[];
extern const size_t an_coordinator_n_rows;

an_err an_coordinator_conf_init(an_coordinator_conf *conf); /* the defaults.  Errors: NOMEM */
void an_coordinator_conf_done(an_coordinator_conf *conf);
/* Do the values agree with one another?  Errors: INVAL. */
an_err an_coordinator_conf_check(const an_coordinator_conf *conf, an_note *why);
/* How many connections one address may have; 0: no bound, since all of loopback is one address. */
unsigned an_coordinator_conf_per_address(const an_coordinator_conf *conf);
/* conf->coordinators, one by one.  Errors: INVAL one is no endpoint, or too long; LIMIT too many. */
an_err an_coordinator_conf_list(const an_coordinator_conf *conf,
                                an_msg_coordinator ret[static AN_COORDINATORS_MAX], uint32_t *ret_n,
                                an_note *why);

#endif
