/* scorer.h - version + overlay, ready to score.  This is what an agent swaps: it is built
 * beside the running one, warmed, and put in its place between two windows.
 *
 *     an_scorer *s;
 *     an_scorer_new(&bundle, overlay, &s, &why);
 *     an_scorer_work *w;
 *     an_scorer_work_new(s, 1, &w);
 *     an_scorer_score(s, w, window, 1, &score, contributions);
 *     if (score > an_scorer_threshold(s)) ...
 *
 * Threads: a scorer is immutable and may be shared; each thread has its own work. */
#ifndef AN_MODELS_SCORER_H
#define AN_MODELS_SCORER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "models/bundle.h"
#include "models/overlay.h"
#include "models/quant.h"

typedef struct an_scorer an_scorer;
typedef struct an_scorer_work an_scorer_work;

/* Copies what it needs.  overlay may be NULL; that it belongs to the bundle is checked by
 * an_overlay_fits, shapes again here.  Errors: INVAL, NOMEM. */
an_err an_scorer_new(const an_bundle *bundle, const an_overlay *overlay, an_scorer **ret, an_note *why);
void an_scorer_free(an_scorer *s);

/* From now on windows go through the model in bytes; q is borrowed and must outlive the scorer.  Before
 * any work is made.  That q is of this version is the caller's to check (an_quant_version).
 * Errors: INVAL another architecture, or the overlay brought parameters of its own. */
an_err an_scorer_use_quant(an_scorer *s, const an_quant *q, an_note *why);

/* Memory for up to `batch` windows at a time.  Errors: INVAL, NOMEM. */
an_err an_scorer_work_new(const an_scorer *s, size_t batch, an_scorer_work **ret);
void an_scorer_work_free(an_scorer_work *w);

/* windows: (n, input), n <= the work's batch.  scores: (n); contributions: (n, width) or
 * NULL, of each sensor all of its features. A window scores the same bits alone as in a batch.  Never allocates. Errors: NUMERIC a
 * score is not finite (a window with NAN, or a broken model). */
an_err an_scorer_score(const an_scorer *s, an_scorer_work *w, const float *windows, size_t n, float *scores,
                       float *contributions);

/* What the model made of the windows of the last call (n, input); NULL: no model.  Borrowed. */
const float *an_scorer_reconstruction(const an_scorer_work *w);

/* The sensors that the model answers for without looking at them: ret (most), in order; returns how many there are, which may be more.
 * 0: none, or rows go through steps. */
size_t an_scorer_answered(const an_scorer *s, size_t *ret, size_t most);
/* What it has answered for one of them, as of the last row of the last window scored, in the sensor's unit. */
double an_scorer_answer(const an_scorer *s, const an_scorer_work *w, size_t sensor);

/* How odd each value of one window is, ret: (input), if the detector says so by itself (detector.h: map).  Errors: NUMERIC;
 * UNSUPPORTED it does not. */
bool an_scorer_maps(const an_scorer *s);
an_err an_scorer_map(const an_scorer *s, an_scorer_work *w, const float *window, float *ret);

/* What the other sensors of one window say that this one should be, ret: (prep's window), scaled as the window is.
 * Of a model: what it makes of the window with the sensor hidden, that is at its mean.
 * Errors: NUMERIC, UNSUPPORTED nothing here can say it. */
an_err an_scorer_expected(const an_scorer *s, an_scorer_work *w, const float *window, size_t sensor,
                          float *ret);

/* Do contributions leave each sensor out in turn?  Else a fault's neighbours may get a part of it. */
bool an_scorer_leaves_out(const an_scorer *s);

const an_prep *an_scorer_prep(const an_scorer *s); /* borrowed */
double an_scorer_threshold(const an_scorer *s);
const char *an_scorer_policy(const an_scorer *s);
size_t an_scorer_input(const an_scorer *s);
size_t an_scorer_width(const an_scorer *s); /* sensors */

#endif
