/* pumps.h - lines as sites of a federation (federation.h): each has its own pipeline, sample pool and drift
 * watch, which see one row a second of the fake clock.  Simulated pump stations, or recorded rows of whatever.
 *
 *     an_federation_setup_kind(&state, &kind);            kind = an_pumps(1, false)
 *     pumps_script(w, 1, "tool_change", 1200, 0);          1200 rows after the normal start
 *     pumps_run(w, 3000);
 *
 * Threads: one. */
#ifndef AN_TEST_PUMPS_H
#define AN_TEST_PUMPS_H

#include "agent/held.h"
#include "agent/pipeline.h"
#include "agent/sim.h"
#include "agent/tally.h"
#include "tests/support/federation.h"

#define PUMP_WIDTH_MAX 32

/* Rows of a site that were recorded; a second of the clock stands for whatever is between two of them. */
typedef struct recorded {
    const float *rows;     /* (n, width) borrowed */
    const uint8_t *labels; /* (n) or NULL */
    size_t n, normal;      /* the first are known to be normal */
} recorded;

typedef struct pumps_recorded {
    const an_model_spec *spec;
    const recorded *sites; /* (n_sites) borrowed */
    size_t n_sites;
    an_driftwatch_conf drift;
    an_quality_conf quality;
    an_calibrate_opts calibrate;
} pumps_recorded;

typedef enum pump_spoiled {
    PUMP_TRUE,
    PUMP_TRAINS_ON_NOISE, /* what it judges by is not spoiled */
    PUMP_MISPLUGGED, /* whatever a job is given: each sensor's values are another's; live rows are true */
} pump_spoiled;

typedef struct pump {
    site *s;
    an_sim *sim;
    an_sim_conf script;
    const recorded *table; /* NULL: simulated */
    size_t width, window, n_modes;
    const an_failure_mode *modes;
    an_driftwatch_conf drift;
    an_quality_conf quality;
    pump_spoiled spoiled;
    size_t next; /* row of the recording */
    an_pool *pool;
    an_pipeline *pipe;
    const char *names[PUMP_WIDTH_MAX];
    uint64_t row;
    double score; /* of that row; NaN: none */
    int8_t label;
    bool told;                                   /* what happens here */
    uint64_t scored, over;                       /* since pumps_count_anew: scores, and those at or above 1 */
    double sum;                                  /* of the scores' logarithms */
    unsigned raised, cleared, drifts, unwatched; /* unwatched: swaps without a drift watch */
    an_live_verdict watched;                     /* the last verdict; 0: none */
    char watch_reason[AN_REASON_MAX];
    an_hash candidate; /* scores beside what runs */
    bool shadow_ends;  /* it is asked what it came to */
    unsigned returns;  /* that the line has asked for */
    an_held held;
    an_tally tally;
    uint64_t last_alarm; /* that was raised; 0: none */
    size_t released;     /* held windows that became normal operation */
} pump;

/* conf is borrowed for as long as the federation lasts. */
an_federation_kind an_pumps_recorded(const pumps_recorded *conf);
an_federation_kind an_pumps(uint64_t seed, bool backwards);
/* Four of them with the policy of deploy/demo, whose 200 rows a second are one row a second here: the
 * same rows, but the clock is 200 times slower, and so are rounds. */
an_federation_kind an_pumps_demo(uint64_t seed);
pump *pump_of(world *w, size_t i);
/* Before the first row: an event, so many rows after the normal start. */
void pumps_script(world *w, size_t i, const char *name, uint64_t start, uint64_t length);
void pumps_begin(world *w); /* the normal rows, without a version */
/* pumps_begin, and all sites train a version that is promoted; its campaign. */
const an_campaign *pumps_first_version(world *w);
void pumps_run(world *w, uint64_t rows); /* a row at each site and a second of the clock */
void pumps_count_anew(world *w);
void pump_judge(pump *p, uint64_t alarm, an_verdict verdict); /* as `andon-agent verdict` */
void pump_missed(pump *p);                                    /* as `andon-agent missed` */
double pump_over(const pump *p);                              /* share of scores at or above the threshold */

#endif
