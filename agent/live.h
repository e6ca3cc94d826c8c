/* live.h - makes what the pipeline runs out of a version and the site's overlay, and the drift
 * reference that belongs to it.
 *
 *     an_live live = {0};
 *     err = an_live_make(&bundle, &hash, &overlay, &overlay_hash, &live, &why);
 *     err = an_live_reference(&live, &conf, pool, INT64_MIN, bundle.edges, bins, &live.reference, &why);
 *     err = an_pipeline_swap(pipe, &live, &why);
 *     an_live_done(&live);          nothing is left in it if the swap succeeded
 *
 * Threads: an an_live belongs to one thread. */
#ifndef AN_AGENT_LIVE_H
#define AN_AGENT_LIVE_H

#include "agent/pipeline.h"
#include "models/bundle.h"
#include "models/overlay.h"

/* overlay and overlay_hash may both be NULL: the version as it came.  bundle and overlay are
 * not needed after the call.  On success *ret is owned (an_live_done). Errors: INVAL they do
 * not fit, or a threshold that is not above 0; NOMEM. */
an_err an_live_make(const an_bundle *bundle, const an_hash *hash, const an_overlay *overlay,
                    const an_hash *overlay_hash, an_live *ret, an_note *why);

/* Scores the pool's windows (OLD, NEW and RECENT) in time order as if they came from the line,
 * with those of RECENT raised to the level of the held-out ones, and calibrates the drift watch
 * on them.  changed_ms: since when the line is as it is now, INT64_MIN always (held.h, settled_ms): the
 * scores before are moved to the level of those since.  The pool must have been fed with windows that do not overlap (pool_stride =
 * window).  edges: (width, bins - 1).  live is reset. Errors: INVAL too few rows (why says how
 * many are needed), NOMEM. */
an_err an_live_reference(an_live *live, const an_driftwatch_conf *conf, const an_pool *pool,
                         int64_t changed_ms, const float *edges, size_t bins, an_drift_reference **ret,
                         an_note *why);

/* Learns from the pool's windows of OLD and NEW, which nothing was fitted on, how rarely a normal score is as high; from those of
 * RECENT too, raised to their level, if there are too few.  live is reset.  Errors: INVAL too few scores or another shape, NOMEM. */
an_err an_live_chance(an_live *live, const an_pool *pool, int64_t changed_ms, an_note *why);

/* Learns from normal windows of the pool how far sensors usually are from what the others suggest, so that live->why can
 * answer (explain.h).  live is reset.  Errors: INVAL too few windows or another shape, UNSUPPORTED, NUMERIC, NOMEM. */
an_err an_live_explain(an_live *live, const an_pool *pool, an_note *why);

/* The same of a version of images, whose windows are (height, width, channels): learns from normal ones what is usual at
 * each place, so that live->map can answer.  live is reset.  Errors: as above; UNSUPPORTED it has no model, and its detector no map. */
an_err an_live_map_learn(an_live *live, const an_pool *pool, size_t channels, an_note *why);

#endif
