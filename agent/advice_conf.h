/* advice_conf.h - what is asked for as advice: in a line of the agent's file, and in the ask file of `andon-lab advise`.
 *
 *     advice:
 *       version: nox.andon           # predicts one number of one row
 *       known: known.csv             # rows that it learnt from
 *       reach: below                 # less, more, below or above
 *       limit: 65                    # of below and above
 *       inputs:
 *         TIT: {low: 1050, high: 1100, step: 10}
 *       caps:
 *         - {version: co.andon, most: 3}
 *
 *     an_advice_conf *conf = NULL;
 *     err = an_advice_conf_read(an_node_get(line, "advice"), true, &conf, &why);    "site.yaml:7:9: ..."
 *     an_advice_conf_free(conf);
 *
 * Threads: plain data. */
#ifndef AN_AGENT_ADVICE_CONF_H
#define AN_AGENT_ADVICE_CONF_H

#include "base/err.h"
#include "base/opt.h"
#include "doors/yaml.h"
#include "models/advice.h"

enum { AN_REACH_LESS, AN_REACH_MORE, AN_REACH_BELOW, AN_REACH_ABOVE };

typedef struct an_advice_conf {
    int reach;             /* AN_REACH_* */
    double limit;          /* of BELOW and ABOVE */
    char *version, *known; /* paths; NULL in an ask file */
    int64_t every_ms;
    struct {
        const char *sensor; /* borrowed from the document, as what follows */
        const an_node *node;
        double low, high, step; /* step > 0 */
    } inputs[AN_ADVICE_INPUTS_MAX];
    size_t n_inputs;
    struct {
        const char *version; /* path */
        double most;
    } caps[AN_ADVICE_CAPS_MAX];
    size_t n_caps;
} an_advice_conf;

/* The first AN_ADVICE_ASK_ROWS are those of an ask file, too. */
#define AN_ADVICE_ASK_ROWS 2
extern const an_opt an_advice_rows[];
extern const size_t an_advice_n_rows;

/* whole: of a line, else an ask file.  map absent or null: *ret is NULL.  Errors: INVAL with file, line and column;
 * NOMEM. */
an_err an_advice_conf_read(const an_node *map, bool whole, an_advice_conf **ret, an_note *why);
void an_advice_conf_free(an_advice_conf *c); /* NULL is fine */

static inline bool an_advice_has_limit(const an_advice_conf *c)
{
    return c->reach == AN_REACH_BELOW || c->reach == AN_REACH_ABOVE;
}
static inline bool an_advice_raises(const an_advice_conf *c)
{
    return c->reach == AN_REACH_MORE || c->reach == AN_REACH_ABOVE;
}

#endif
