/* A threshold that moves, at its line: told when it has, kept over restarts. */
#include <string.h>

#include "agent/runtime_internal.h"
#include "base/log.h"

void an_line_threshold_moved(void *line, double before, double now)
{
    const an_line *l = line;
    an_log(AN_LOG_INFO, "threshold_moved", "line=%s from=%.4g to=%.4g calibrated=%.4g", l->conf->name, before,
           now, an_pipeline_live(l->pipe)->threshold);
}

/* The length of the threshold's state, and itself; then the watch, to the end. */
void an_line_rest_save(const an_line *l, an_buf *mark)
{
    an_buf state;
    an_buf_init(&state, 1 << 20);
    an_pipeline_threshold_save(l->pipe, &state);
    const bool good = an_buf_err(&state) == AN_OK;
    an_buf_u32(mark, good ? (uint32_t)state.len : 0);
    if (good)
        an_buf_put(mark, state.data, state.len);
    an_buf_done(&state);
    an_pipeline_watch_save(l->pipe, mark);
}

void an_line_rest_find(an_line *l, an_reader *kept)
{
    const size_t len = kept->left > 0 ? an_read_u32(kept) : 0;
    l->threshold_at = l->kept.len - kept->left;
    l->threshold_len = an_read_bytes(kept, len) ? len : 0;
    l->watch_at = l->kept.len - kept->left;
}

void an_line_threshold_resume(an_line *l)
{
    an_reader saved = an_reader_of(l->kept.data + l->threshold_at, l->threshold_len);
    if (l->threshold_len > 0 && an_pipeline_threshold_resume(l->pipe, &saved) != AN_OK)
        an_log(AN_LOG_WARN, "threshold_not_taken_up", "line=%s", l->conf->name);
    l->threshold_len = 0;
}
