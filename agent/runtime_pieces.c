/* A line's pieces on their way to the log, and what people say of them on its way to the pool and the counts. */
#include <inttypes.h>
#include <string.h>

#include "agent/runtime_internal.h"
#include "agent/source.h"
#include "base/log.h"
#include "base/mem.h"

void an_line_piece(an_line *l, const an_pipeline_in *in, const an_pipeline_out *out)
{
    const an_live *live = an_pipeline_live(l->pipe);
    const an_piece_row row = {.time_ms = in->time_ms,
                              .part = in->part,
                              .scored = out->scored,
                              .restart = (in->flags & AN_ROW_RESTART) != 0,
                              .raw = out->raw,
                              .score = out->score,
                              .version = live ? live->version : NULL,
                              .overlay = live ? live->overlay : NULL};
    an_piece done;
    if (!an_pieces_row(&l->pieces, &row, &done))
        return;
    if (l->n_made == AN_LINE_PIECES - 1) /* one place is for the piece that is not done */
        an_line_pieces_say(l);
    l->made[l->n_made++] = done;
}

void an_line_pieces_say(an_line *l)
{
    if (an_pieces_now(&l->pieces, &l->made[l->n_made]))
        l->n_made++;
    if (l->n_made == 0)
        return;
    an_say s = {.kind = AN_SAY_PIECES,
                .u.pieces = {.items = an_alloc(l->n_made, sizeof *l->made), .n = l->n_made}};
    if (s.u.pieces.items) {
        memcpy(s.u.pieces.items, l->made, l->n_made * sizeof *l->made);
        an_line_say(l, &s);
    } else {
        an_log(AN_LOG_ERROR, "pieces_lost", "line=%s why=\"out of memory\"", l->conf->name);
    }
    l->n_made = 0;
}

static void count(an_line *l, const an_judgement *j)
{
    static const uint8_t none[AN_ALARM_HASH];
    const bool this_one = memcmp(j->version, none, sizeof none) == 0 ||
                          memcmp(j->version, l->tally.version, sizeof l->tally.version) == 0;
    if (j->alarm && !j->of_rule) /* of an earlier version: it is not counted */
        (void)an_tally_verdict(&l->tally, j->alarm, j->verdict);
    else if (j->missed > 0 && this_one)
        an_tally_missed(&l->tally);
    else if (j->missed < 0 && this_one)
        an_tally_found(&l->tally);
}

static size_t mark(an_line *l, const an_judgement *items, size_t n)
{
    an_pool_mark *marks = an_alloc(n, sizeof *marks);
    size_t k = 0, changed = 0;
    for (size_t i = 0; marks && i < n; i++)
        if (items[i].alarm == 0 && items[i].verdict != AN_VERDICT_UNSURE)
            marks[k++] = (an_pool_mark){.from_ms = items[i].from_ms,
                                        .to_ms = items[i].to_ms,
                                        .defective = items[i].verdict == AN_VERDICT_TRUE,
                                        .defect = items[i].defect};
    if (!marks || an_pool_mark_all(l->pool, marks, k, &changed) != AN_OK)
        an_log(AN_LOG_ERROR, "windows_not_labelled", "line=%s why=\"out of memory\"", l->conf->name);
    an_free(marks);
    return changed;
}

void an_line_judged(an_line *l, const an_judgement *items, size_t n)
{
    /* What is known of pieces first: the rest of an alarm follows the alarm. */
    size_t windows = n > 0 ? mark(l, items, n) : 0;
    for (size_t i = 0; i < n; i++) {
        const an_judgement *j = &items[i];
        if (j->alarm && j->verdict == AN_VERDICT_TRUE)
            windows += an_pool_confirm_as(l->pool, j->alarm, j->defect);
        else if (j->alarm && j->verdict == AN_VERDICT_FALSE)
            windows += an_pool_release(l->pool, j->alarm);
        count(l, j);
    }
    an_log(AN_LOG_INFO, "judged", "line=%s verdicts=%zu windows=%zu", l->conf->name, n, windows);
}
