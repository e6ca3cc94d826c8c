/* calibrate.h - makes a site's overlay: what the site adds to a version before it runs it.
 *
 *     an_calibrate_opts opts = an_calibrate_defaults();
 *     opts.site_scaler = true;
 *     an_calibrate_data data = {width, context, .fit = train, .holdout = holdout};
 *     err = an_calibrate(&bundle, &hash, &data, &opts, now_ms, &overlay, &report, &why);
 *
 * In this order: the site's own scaler (optional), its own parameters (optional fine-tuning),
 * the detector on the fit windows (one that sites have made together, of sums, stays the version's), the threshold by policy from scores of windows that nothing
 * was fitted on (split conformal needs that; with too few, from the fit windows), the reference
 * counts in the version's bins.  At the end it is checked whether the result may go live.
 *
 * All windows are of known-normal operation.
 *
 * A model that learns from labels has no detector and so no threshold: its overlay is the scaler and the
 * parameters alone, and tuning learns from the labels of the fit windows.
 *
 * Threads: pure but for the worker threads of training, which live for the call. */
#ifndef AN_AGENT_CALIBRATE_H
#define AN_AGENT_CALIBRATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/alarm.h"
#include "agent/data.h"
#include "base/err.h"
#include "base/pace.h"
#include "models/bundle.h"
#include "models/model.h"
#include "models/overlay.h"

typedef struct an_calibrate_opts {
    bool site_scaler;     /* fit a scaler on the site's rows; else the version's is used */
    uint32_t tune_epochs; /* fine-tuning at the site; 0: none */
    uint32_t tune_batch;
    double tune_lr;
    const char *tune_schedule; /* a row of schedules.def; NULL: constant */
    double tune_l2sp;          /* pull towards the version's parameters, 0: none */
    bool tune_all;             /* all parameters; else those marked local */
    bool own_detector;         /* fitted here also where sites have made the version's together */
    const char *policy;        /* threshold policy; NULL or "": the version's */
    an_alarm_conf alarm;       /* how the line makes alarms of scores, for a policy that counts them */
    size_t holdout_min;        /* with fewer holdout windows the threshold comes from the fit windows */
    double alarm_share_max;    /* a larger share of alarms on normal windows: REFUSED; 0: not
                               checked */
    uint64_t seed;
    size_t n_threads;
    const atomic_bool *cancel; /* may be NULL */
    const an_pace *pace;       /* asked before each step of tuning and each batch of windows; may be NULL */
} an_calibrate_opts;

an_calibrate_opts an_calibrate_defaults(void); /* no scaler, no tuning, 100 windows, share 0.25 */

typedef struct an_calibrate_data {
    size_t width, context;
    size_t n_labels;      /* values of a label, as an_site_data; 0: none */
    size_t step;          /* rows of the line from one window to the next; 0: context, they do not overlap */
    an_data_part fit;     /* at least one window */
    an_data_part holdout; /* may be empty */
    const float *local;   /* (n_local) local parameters to start from; NULL: the version's */
    size_t n_local;
} an_calibrate_data;

typedef struct an_calibrate_report {
    size_t n_fit, n_holdout;
    bool from_holdout; /* the threshold comes from holdout windows */
    double threshold;
    double alarm_share; /* on windows that the threshold does not come from, where there are */
    double tune_first_loss, tune_last_loss; /* 0 without tuning */
} an_calibrate_report;

/* On success *ret is filled (an_overlay_done) and belongs to the bundle.  ret_report may be
 * NULL. Errors: INVAL no windows, another width, a policy; NUMERIC something is not finite;
 * REFUSED it may not go live (why says the figure); CANCELLED; NOMEM. */
an_err an_calibrate(const an_bundle *bundle, const an_hash *hash, const an_calibrate_data *data,
                    const an_calibrate_opts *opts, int64_t now_ms, an_overlay *ret,
                    an_calibrate_report *ret_report, an_note *why);

/* Local tensors one after the other, out of the whole parameters (n_params) and back.
 * Returns how many floats; values may be NULL to ask. */
size_t an_local_take(const an_model *m, const float *params, float *ret_values);
void an_local_put(const an_model *m, float *params, const float *values);

/* The model of a bundle.  Errors: INVAL it has none, PROTO its text or layout, NOMEM. */
an_err an_bundle_model(const an_bundle *bundle, an_model **ret, an_note *why);

/* What the model makes of n windows (n, inputs), *ret the caller's.  Errors: UNSUPPORTED it does not give back its
 * input, NOMEM. */
an_err an_model_reconstruct(const an_model *m, const float *params, const float *x, size_t n, float **ret,
                            an_note *why);

#endif
