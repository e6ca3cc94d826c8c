/* federation.h - a hub and three sessions in one process, for tests: messages through the real
 * wire format, a fake clock, stores in a folder of the test's own.  What happens next is an
 * event in a queue, so that a test can stop between any two of them, lose messages, cut links,
 * kill.
 *
 *     cmocka_unit_test_setup_teardown(some_test, an_federation_setup, an_federation_teardown)
 *
 * Threads: one. */
#ifndef AN_TEST_FEDERATION_H
#define AN_TEST_FEDERATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/session.h"
#include "base/clock.h"
#include "coordinator/hub.h"

#define SITES 3 /* of a federation whose kind does not say */
#define SITES_MAX 12
#define WIDTH 6
#define WINDOWS 240
#define EVENTS_MAX 4096

typedef enum event_type { TO_HUB, TO_SITE, HUB_FETCH, SITE_FETCH, COMBINE, JOB } event_type;
typedef struct event {
    event_type type;
    size_t site;
    an_buf bytes;
    an_hash hash;
    uint64_t round;
    an_job *job;
    an_combine_job *combine;
    char path[AN_PATH_MAX];
} event;

typedef struct world world;
typedef struct site site;

/* What the sites are made of, where it is not the usual: points of a curved sheet, which nobody
 * scores. */
typedef struct an_federation_kind {
    const an_model_spec *spec;
    void (*open)(site *s);  /* sets own */
    void (*close)(site *s); /* own may be NULL */
    an_err (*run)(site *s, an_job *job, an_note *why);
    an_err (*go_live)(site *s, const an_running *running, an_note *why);
    an_err (*shadow)(site *s, const an_running *running, an_note *why); /* NULL: windows are replayed */
    void (*shadow_end)(site *s);
    uint64_t seed;    /* for open */
    size_t sites;     /* at most SITES_MAX; 0: SITES */
    bool backwards;   /* the last site comes first */
    size_t normal;    /* rows before anything runs; of lines */
    int64_t watch_ms; /* of lines: how long a new version is watched; 0: not */
    size_t slow;      /* rows of lines that a job at a site takes; 0: none */
    bool offline;     /* the release root is a key that the coordinator does not have */
} an_federation_kind;

struct site {
    world *w;
    size_t i;
    char name[AN_NAME_MAX], dir[AN_PATH_MAX];
    uint8_t sign_public[AN_SIGN_PUBLIC_BYTES], sign_secret[AN_SIGN_SECRET_BYTES];
    uint8_t link_public[AN_LINK_KEY_BYTES], link_secret[AN_LINK_KEY_BYTES];
    an_schema schema;
    an_session_line line;
    an_calibrate_opts calibrate;
    an_site_policy policy;
    an_spool *spool;
    an_session *session;
    float *rows;
    an_site_data data;
    bool cut; /* the link: messages are lost */
    unsigned live, jobs;
    bool with_held; /* what runs has learned the held windows */
    an_hash runs;
    void *own; /* of the kind */
};

struct world {
    char dir[AN_PATH_MAX];
    an_federation_kind kind;
    an_clock_fake clock;
    an_store *store;
    an_hub *hub;
    uint64_t instance; /* of the hub */
    uint8_t sign_public[AN_SIGN_PUBLIC_BYTES], sign_secret[AN_SIGN_SECRET_BYTES];
    uint8_t root_public[AN_SIGN_PUBLIC_BYTES]; /* of releases; without `offline` the same as sign */
    uint8_t root_secret[AN_SIGN_SECRET_BYTES];
    site sites[SITES_MAX];
    size_t n;      /* sites */
    event *events; /* a ring */
    size_t head, tail;
    size_t waited; /* rows, for the job that is next */
    uint64_t lost; /* messages of every nth number are lost; 0: none */
    uint64_t sent;
    bool scarce;      /* memory may run out during a step: then NOMEM is an answer, too */
    bool full;        /* the disk may be full: then IO is an answer, too */
    uint64_t no_sums; /* so many sums cannot be started, as memory has run out */
    uint64_t strange; /* messages that made no sense to the hub */
};

int an_federation_setup(void **state); /* *state is a world; the model "pump" has no version yet */
void an_federation_setup_kind(void **state, const an_federation_kind *kind);
int an_federation_teardown(void **state);

void step(world *w);   /* one event; there must be one */
void tick(world *w);   /* a second goes by; what follows from it waits in the queue */
void settle(world *w); /* until nothing is left to do */
an_err replay(world *w, uint64_t round, an_hash *ret_result, bool *ret_same, an_note *why); /* to its end */
void pass(world *w, int64_t ms); /* time goes by, in seconds */
void connect_all(world *w);
an_session_conf an_federation_conf(site *s);
void admit_site(world *w, site *s); /* by name and keys: no more than these need be set */
void start_site(site *s);
void kill_site(site *s); /* as a power cut: nothing is said to anybody */
void start_hub(world *w);
void kill_hub(world *w);
/* At the enrolment door, with a token of the hub's. */
an_enrol_status ask_to_enrol(world *w, const char *name, const uint8_t link_public[static AN_KEY_BYTES],
                             const uint8_t sign_public[static AN_SIGN_PUBLIC_BYTES],
                             const uint8_t token_id[static AN_TOKEN_ID_BYTES],
                             const uint8_t secret[static 32]);
void sign_roster(world *w); /* of a federation with an offline root: who was admitted since */
uint64_t campaign(world *w, an_campaign_kind kind); /* opens one */
void assert_promoted(world *w, uint64_t campaign);  /* and every site runs what it made */
bool journal_says(const site *s, const char *what); /* a row of the site's journal has these words */

#endif
