#include "agent/data.h"

#include <string.h>

#include "base/mem.h"

#define HELD_BLOCKS 10 /* of ten blocks of held windows, eight are trained on */
#define HELD_TRAIN 8
#define REPEATS_MAX 16

static size_t block_of(const an_data_part *part)
{
    size_t block = part->n / 10;
    return block > AN_DATA_BLOCK ? AN_DATA_BLOCK : block > 0 ? block : 1;
}

static bool is_taken(const an_data_pick *pick, size_t block, size_t i)
{
    if (pick->modulus == 0)
        return true;
    size_t number = i / block % pick->modulus;
    return number >= pick->from && number < pick->to;
}

static size_t count(const an_data_pick *pick)
{
    size_t n = 0, block = block_of(pick->part);
    for (size_t i = 0; i < pick->part->n; i++)
        n += is_taken(pick, block, i);
    return n;
}

void an_data_set_done(an_data_set *s)
{
    an_free(s->raw);
    an_free(s->labels);
    *s = (an_data_set){.n = 0};
}

static void copy_pick(const an_site_data *data, const an_data_pick *pick, an_data_set *to)
{
    const an_data_part *part = pick->part;
    const size_t sample = data->context * data->width, block = block_of(part);
    for (size_t i = 0; i < part->n; i++) {
        if (!is_taken(pick, block, i))
            continue;
        memcpy(to->raw + to->n * sample, part->raw + i * sample, sample * sizeof *to->raw);
        if (to->labels)
            memcpy(to->labels + to->n * data->n_labels, part->labels + i * data->n_labels,
                   data->n_labels * sizeof *to->labels);
        to->n++;
    }
}

an_err an_data_gather(const an_site_data *data, const an_data_pick *picks, size_t n_picks, an_data_set *ret)
{
    size_t n = 0;
    bool labelled = data->n_labels > 0;
    for (size_t p = 0; p < n_picks; p++) {
        const size_t taken = count(&picks[p]);
        n += taken;
        labelled = labelled && (taken == 0 || picks[p].part->labels);
    }
    an_data_set s = {.raw = an_alloc(n, data->context * data->width * sizeof *s.raw)};
    if (labelled)
        s.labels = an_alloc(n, data->n_labels * sizeof *s.labels);
    if (!s.raw || (labelled && !s.labels)) {
        an_data_set_done(&s);
        return AN_ERR_NOMEM;
    }
    for (size_t p = 0; p < n_picks; p++)
        copy_pick(data, &picks[p], &s);
    *ret = s;
    return AN_OK;
}

static an_data_pick whole(const an_data_part *part)
{
    return (an_data_pick){.part = part};
}

/* What was seen since the drift began. */
static an_data_part newest(const an_site_data *data, const an_data_part *part, size_t since)
{
    const size_t from = since < part->n ? since : part->n;
    an_data_part p = {.n = part->n - from};
    p.raw = p.n ? part->raw + from * data->context * data->width : NULL;
    p.labels = p.n && part->labels ? part->labels + from * data->n_labels : NULL;
    return p;
}

static an_data_pick half_of(const an_data_part *part, int half)
{
    if (half < 0)
        return whole(part);
    return (an_data_pick){.part = part, .modulus = 2, .from = (uint32_t)half, .to = (uint32_t)half + 1};
}

static an_data_pick held_train(const an_site_data *data)
{
    return (an_data_pick){.part = &data->held, .modulus = HELD_BLOCKS, .from = 0, .to = HELD_TRAIN};
}

/* Two blocks in ten are held out; one for each half. */
static an_data_pick held_out(const an_site_data *data, int half)
{
    an_data_pick pick = {.part = &data->held, .modulus = HELD_BLOCKS, .from = HELD_TRAIN, .to = HELD_BLOCKS};
    if (half >= 0) {
        pick.from = HELD_TRAIN + (uint32_t)half;
        pick.to = pick.from + 1;
    }
    return pick;
}

/* As many times as it takes until half of all is of the line as it is now, but not more than that. */
static size_t n_repeats(const an_site_data *data, const an_data_pick *fresh, size_t n)
{
    size_t once = 0;
    for (size_t i = 0; i < n; i++)
        once += count(&fresh[i]);
    const size_t times = once ? data->train.n / once : 1;
    return times < 1 ? 1 : times > REPEATS_MAX ? REPEATS_MAX : times;
}

an_err an_data_fit(const an_site_data *data, bool held, an_data_set *ret)
{
    const an_data_part recent = newest(data, &data->recent, data->recent_since);
    const an_data_pick fresh[] = {whole(&recent), held_train(data)};
    const size_t n_fresh = held ? 2 : 1, times = data->recent_since ? n_repeats(data, fresh, n_fresh) : 1;
    an_data_pick picks[1 + 2 * REPEATS_MAX] = {whole(&data->train)};
    size_t n = 1;
    for (size_t i = 0; i < times; i++)
        for (size_t k = 0; k < n_fresh; k++)
            picks[n++] = fresh[k];
    return an_data_gather(data, picks, n, ret);
}

an_err an_data_new(const an_site_data *data, bool held, an_data_set *ret)
{
    const an_data_part recent = newest(data, &data->recent, data->recent_since);
    const an_data_pick picks[] = {whole(&recent), held_train(data)};
    return an_data_gather(data, picks, held ? 2 : 1, ret);
}

an_err an_data_holdout_old(const an_site_data *data, int half, an_data_set *ret)
{
    const an_data_pick pick = half_of(&data->old, half);
    return an_data_gather(data, &pick, 1, ret);
}

an_err an_data_holdout_new(const an_site_data *data, bool held, int half, an_data_set *ret)
{
    const an_data_part since = newest(data, &data->fresh, data->fresh_since);
    const bool some = since.n > 0 || (held && data->held.n > 0);
    const an_data_pick picks[] = {half_of(some ? &since : &data->fresh, half), held_out(data, half)};
    return an_data_gather(data, picks, held ? 2 : 1, ret);
}

an_err an_data_holdout(const an_site_data *data, bool held, int half, an_data_set *ret)
{
    const an_data_pick picks[] = {half_of(&data->old, half), half_of(&data->fresh, half),
                                  held_out(data, half)};
    return an_data_gather(data, picks, held ? 3 : 2, ret);
}
