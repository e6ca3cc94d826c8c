/* An alarm opens when k of the last n scores are above the threshold, that is when the k-th largest of them is: its highest
 * value within a piece is the lowest threshold that would have kept quiet. */
#include "agent/pieces.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void an_pieces_init(an_pieces *p, const char *line, unsigned k, unsigned n, bool apart)
{
    *p = (an_pieces){.k = k, .n = n, .apart = apart};
    snprintf(p->now.line, sizeof p->now.line, "%s", line);
}

static double kth_largest(const an_pieces *p)
{
    double sorted[AN_ALARM_PERSIST_MAX];
    size_t n = 0;
    if (p->n_last < p->k)
        return NAN;
    for (size_t i = 0; i < p->n_last; i++) {
        size_t at = n++;
        for (; at > 0 && sorted[at - 1] < p->last[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = p->last[i];
    }
    return sorted[p->k - 1];
}

static void remember(an_pieces *p, double raw)
{
    p->last[p->at] = raw;
    p->at = (p->at + 1) % p->n;
    p->n_last += p->n_last < p->n;
}

static bool same_model(const an_piece *a, const an_piece_row *row)
{
    static const uint8_t none[AN_ALARM_HASH];
    return memcmp(a->version, row->version ? row->version : none, AN_ALARM_HASH) == 0 &&
           memcmp(a->overlay, row->overlay ? row->overlay : none, AN_ALARM_HASH) == 0;
}

static int64_t minute_of(int64_t ms)
{
    const int64_t rest = ms % AN_PIECE_MS;
    return ms - rest - (rest < 0 ? AN_PIECE_MS : 0);
}

/* Does the row belong to the piece? */
static bool goes_on(const an_pieces *p, const an_piece_row *row, const char *part)
{
    return p->any && row->time_ms >= p->now.from_ms && strncmp(p->now.part, part, AN_NAME_MAX - 1) == 0 &&
           same_model(&p->now, row) && (part[0] || minute_of(row->time_ms) == minute_of(p->now.from_ms));
}

static void begin(an_pieces *p, const an_piece_row *row, const char *part)
{
    an_piece *now = &p->now;
    /* Of a minute in which another version took over the rest is a piece of its own. */
    const bool rest = p->any && !now->part[0] && minute_of(now->from_ms) == minute_of(row->time_ms);
    p->any = true;
    snprintf(now->part, sizeof now->part, "%s", part);
    now->from_ms = part[0] || rest ? row->time_ms : minute_of(row->time_ms);
    now->to_ms = row->time_ms;
    now->peak = now->level = NAN;
    memset(now->version, 0, sizeof now->version);
    memset(now->overlay, 0, sizeof now->overlay);
    if (row->version)
        memcpy(now->version, row->version, sizeof now->version);
    if (row->overlay)
        memcpy(now->overlay, row->overlay, sizeof now->overlay);
}

bool an_pieces_row(an_pieces *p, const an_piece_row *row, an_piece *ret)
{
    const char *part = row->part ? row->part : "";
    const bool other = p->any && !goes_on(p, row, part);
    if (other)
        *ret = p->now;
    if ((p->apart && row->restart && (other || !part[0])) || (p->any && !same_model(&p->now, row)))
        p->n_last = p->at = 0;
    if (!p->any || other)
        begin(p, row, part);
    if (row->time_ms > p->now.to_ms)
        p->now.to_ms = row->time_ms;
    p->told = false;
    if (!row->scored || !isfinite(row->raw))
        return other;
    remember(p, row->raw);
    p->now.peak = fmax(p->now.peak, row->score);
    if (!(row->raw <= p->now.level)) /* the k-th largest grows with a larger one alone */
        p->now.level = fmax(p->now.level, kth_largest(p));
    return other;
}

bool an_pieces_now(an_pieces *p, an_piece *ret)
{
    if (!p->any || p->told)
        return false;
    p->told = true;
    *ret = p->now;
    return true;
}
