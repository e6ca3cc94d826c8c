/* Data of which parts come one after the other, as years do.  One federation lives through all of it: it is trained on
 * what is there first, and answers each part with an incremental campaign.  Beside it, at each part, what training from the
 * beginning on all that has come so far gives: at each site alone, in one place, and in a federation. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/lab/arms_internal.h"

typedef struct stream {
    an_arms_world world; /* the federation that lives on */
    an_arms_target *targets, *scratch;
    size_t n, n_said;
    an_seed_result *ret;
    uint64_t bytes; /* up to the stage before */
    size_t rounds;
    an_hash version;
    an_hasher hasher; /* what all sites run, part by part */
} stream;

/* The answers that are of the part; those of the first parts, which are held back only, with the first of a stream. */
static void keep(const stream *s, size_t t, size_t from, size_t to, uint32_t part)
{
    const uint32_t first = (uint32_t)s->world.conf->data->n_first;
    const an_arms_target *target = &s->targets[t];
    for (size_t i = 0; i < target->n; i++) {
        if (target->parts[i] != part && !(part == first && target->parts[i] < first))
            continue;
        memcpy(target->said[to] + i * s->n_said, s->scratch[t].said[from] + i * s->n_said,
               s->n_said * sizeof **target->said);
    }
}

/* What the sites learn from when the part has come. */
static void give(stream *s, uint32_t part)
{
    const an_lab_data *d = s->world.conf->data;
    const size_t sample = d->context * d->width;
    for (size_t i = 0; i < d->n_sites; i++) {
        const an_lab_items *const items[2] = {&d->sites[i].fit, &d->sites[i].hold};
        an_data_part before[2], now[2];
        for (size_t k = 0; k < 2; k++) {
            size_t from = 0, to;
            while (from < items[k]->n && items[k]->parts[from] < part)
                from++;
            for (to = from; to < items[k]->n && items[k]->parts[to] == part;)
                to++;
            before[k] = (an_data_part){.raw = items[k]->raw, .n = from, .labels = items[k]->labels};
            now[k] = (an_data_part){.raw = items[k]->raw + from * sample,
                                    .n = to - from,
                                    .labels = items[k]->labels + from * d->n_labels};
        }
        an_site_data *to = &s->world.cuts[i].data;
        to->train = before[0];
        to->recent = now[0];
        to->old = before[1];
        to->fresh = now[1];
    }
}

static uint64_t bytes_of(const an_federation_result *f)
{
    return f->update_bytes + f->version_bytes + f->message_bytes;
}

/* With the version as it is, and tuned further at each site on all it has seen. */
static an_err answer(stream *s, const an_federation_result *f, uint32_t part, an_note *why)
{
    const an_arms_conf *conf = s->world.conf;
    an_lab_cut_opts cutting = an_arms_cut_opts(conf->experiment, &s->world.blank.prep.conf);
    const an_calibrate_opts opts = an_arms_calibrate_opts(&s->world, true);
    an_err err = AN_OK;
    cutting.upto = part + 1;
    for (size_t t = 0; t < s->n && err == AN_OK; t++) {
        const size_t site = s->targets[t].site;
        an_lab_cut cut = {0};
        an_hash own;
        err = an_arms_predict(conf, site, &f->bundle, &f->overlays[site],
                              s->scratch[t].said[AN_ARM_FEDERATED], why);
        if (err == AN_OK)
            err = an_lab_cut_new(conf->data, site, SIZE_MAX, &cutting, &cut, why);
        if (err == AN_OK)
            err = an_arms_calibrate_judge(conf, site, &cut, &cutting, &f->bundle, &f->version, &opts, false,
                                          s->scratch[t].said[AN_ARM_PERSONALISED], &own, why);
        if (err != AN_OK)
            break;
        an_hasher_add(&s->hasher, own.b, sizeof own.b);
        keep(s, t, AN_ARM_FEDERATED, AN_ARM_FEDERATED, part);
        keep(s, t, AN_ARM_PERSONALISED, AN_ARM_PERSONALISED, part);
        an_lab_cut_done(&cut);
    }
    return err;
}

static an_err freeze(stream *s, const an_federation_result *f, an_note *why)
{
    an_err err = AN_OK;
    for (size_t t = 0; t < s->n && err == AN_OK; t++)
        err = an_arms_predict(s->world.conf, s->targets[t].site, &f->bundle, &f->overlays[s->targets[t].site],
                              s->targets[t].said[AN_ARM_FROZEN], why);
    s->ret->arms[AN_ARM_FROZEN].model = f->version;
    return err;
}

static an_err on_stage(void *arg, size_t stage, const an_federation_result *f, bool *ret_more, an_note *why)
{
    stream *s = arg;
    const an_lab_data *d = s->world.conf->data;
    const size_t n = d->n_parts - d->n_first;
    an_err err = AN_OK;
    if (stage == 0) {
        err = freeze(s, f, why);
    } else {
        an_stream_result *r = &s->ret->stream[stage - 1];
        r->part = (uint32_t)(d->n_first + stage - 1);
        r->promoted = !an_hash_equal(&f->version, &s->version);
        r->bytes = bytes_of(f) - s->bytes;
        r->rounds = (uint32_t)(f->n_rounds - s->rounds);
        snprintf(r->reason, sizeof r->reason, "%s", f->reason);
        err = answer(s, f, r->part, why);
    }
    s->bytes = bytes_of(f);
    s->rounds = f->n_rounds;
    s->version = f->version;
    if (stage < n)
        give(s, (uint32_t)(d->n_first + stage));
    *ret_more = stage < n;
    return err;
}

/* Everything from the beginning, with what has come up to the part. */
static an_err run_anew(stream *s, an_stream_result *r, an_note *why)
{
    an_seed_result counts = {.seed = s->ret->seed};
    an_arms_world w = {.conf = s->world.conf,
                       .seed = s->world.seed,
                       .targets = s->scratch,
                       .n_targets = s->n,
                       .cold = SIZE_MAX,
                       .upto = (size_t)r->part + 1,
                       .anew = true};
    static const size_t arms[] = {AN_ARM_LOCAL, AN_ARM_POOLED, AN_ARM_RETRAINED};
    an_err err = an_arms_world_run(&w, &counts, why);
    r->retrain_bytes = counts.update_bytes + counts.version_bytes + counts.message_bytes;
    r->retrain_rounds = (uint32_t)counts.n_rounds;
    for (size_t a = 0; a < sizeof arms / sizeof *arms && err == AN_OK; a++) {
        for (size_t t = 0; t < s->n && an_arm_runs(s->world.conf, arms[a]); t++)
            keep(s, t, arms[a], arms[a], r->part);
        s->ret->arms[arms[a]].model = w.models[arms[a]];
    }
    return err;
}

static void scratch_done(stream *s)
{
    for (size_t t = 0; s->scratch && t < s->n; t++)
        for (size_t a = 0; a < AN_ARMS; a++)
            an_free(s->scratch[t].said[a]);
    an_free(s->scratch);
}

static an_err scratch_new(stream *s)
{
    bool ok = (s->scratch = an_alloc(s->n, sizeof *s->scratch)) != NULL;
    for (size_t t = 0; ok && t < s->n; t++) {
        s->scratch[t] = (an_arms_target){
            .site = s->targets[t].site, .n_hold = s->targets[t].n_hold, .n = s->targets[t].n};
        for (size_t a = 0; a < AN_ARMS; a++)
            ok = (s->scratch[t].said[a] = an_alloc(s->targets[t].n, s->n_said * sizeof(float))) && ok;
    }
    return ok ? AN_OK : AN_ERR_NOMEM;
}

an_err an_arms_stream_run(const an_arms_conf *conf, int64_t seed, an_arms_target *targets, size_t n,
                          size_t n_said, an_seed_result *ret, an_note *why)
{
    const an_lab_data *d = conf->data;
    stream s = {.world = {.conf = conf, .seed = seed, .n_targets = n, .cold = SIZE_MAX, .upto = d->n_first},
                .targets = targets,
                .n = n,
                .n_said = n_said,
                .ret = ret};
    ret->n_stream = d->n_parts - d->n_first;
    ret->stream = an_alloc(ret->n_stream, sizeof *ret->stream);
    an_hasher_init(&s.hasher);
    an_err err = ret->stream ? scratch_new(&s) : AN_ERR_NOMEM;
    if (err == AN_OK)
        err = an_arms_world_open(&s.world, why);
    if (err == AN_OK)
        err = an_arms_world_federate(&s.world, on_stage, &s, why);
    if (err == AN_OK) {
        an_arms_take_counts(&s.world.federation, ret);
        ret->arms[AN_ARM_FEDERATED].model = s.world.federation.version;
    }
    an_hasher_end(&s.hasher, &ret->arms[AN_ARM_PERSONALISED].model);
    for (size_t i = 0; i < ret->n_stream && err == AN_OK; i++)
        err = run_anew(&s, &ret->stream[i], why);
    an_arms_world_done(&s.world);
    scratch_done(&s);
    return err;
}
