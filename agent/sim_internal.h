/* sim_internal.h - what the simulator's core and its lines share.  A line is one file with its
 * equations and one row in sim_lines.def. */
#ifndef AN_AGENT_SIM_INTERNAL_H
#define AN_AGENT_SIM_INTERNAL_H

#include "agent/sim.h"
#include "base/rng.h"

#define AN_SIM_STATES 8 /* slow variables of a line: temperatures, speeds */
#define AN_SIM_COEFS 8  /* physical constants that differ from plant to plant */
#define AN_SIM_ACTS 16  /* events a line may declare */

/* One instant of a line, before its instruments see it. */
typedef struct an_sim_moment {
    double load;                /* what the process asks for: 0 = stopped, about 0.4 .. 1 running */
    double ambient;             /* degrees Celsius */
    double hours;               /* running hours so far: ordinary ageing */
    double coef[AN_SIM_COEFS];  /* about 1 */
    double slow[AN_SIM_STATES]; /* kept from row to row */
    double act[AN_SIM_ACTS];    /* strength of each event of the line now; 0 = not acting */
    double wobble[2];           /* autocorrelated disturbances of the process, variance 1 */
    an_rng *rng;                /* for what a fault shakes */
} an_sim_moment;

typedef struct an_sim_physics {
    an_sim_line line;
    const double *noise; /* (n_sensors) standard deviation of each instrument's noise */
    const double *scale; /* (n_sensors) typical spread in operation: the unit of sensor faults */
    void (*start)(an_sim_moment *m);
    void (*step)(double *ret, an_sim_moment *m); /* ret: (n_sensors) true values */
} an_sim_physics;

const an_sim_physics *an_sim_physics_at(size_t i);

/* One step of a first-order lag with time constant tau (in rows): returns the new value. */
static inline double an_sim_lag(double *state, double target, double tau)
{
    *state += (target - *state) / tau;
    return *state;
}

#endif
