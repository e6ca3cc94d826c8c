/* The server optimiser over all parameters of a model, block by block, beside the stream of its state. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "coordinator/combine_internal.h"
#include "doors/crypto.h"
#include "sum/fixed.h"

struct an_stepper {
    an_combine_job *job;
    float *weights;   /* of the next parameter */
    size_t at;        /* its number */
    uint32_t tensor;  /* it is in, and ... */
    size_t in_tensor; /* ... its place there */
    size_t n_state;
    FILE *in, *out;
    an_hasher hasher;
    float state[AN_SERVER_STATE_MAX][AN_STEP_MAX];
    uint8_t bytes[AN_SERVER_STATE_MAX * AN_STEP_MAX * 4];
};

static an_err open_state(an_stepper *s, an_note *why)
{
    an_combine_job *job = s->job;
    if (job->state_path[0] && !(s->in = fopen(job->state_path, "rb")))
        return an_fail(AN_ERR_IO, why, "%s: cannot open the optimiser's state", job->state_path);
    an_err err = an_combine_path(job, "optimiser", job->new_state_path);
    if (err != AN_OK)
        return err;
    if (!(s->out = fopen(job->new_state_path, "wb")))
        return an_fail(AN_ERR_IO, why, "%s: cannot be written", job->new_state_path);
    an_hasher_init(&s->hasher);
    return AN_OK;
}

an_err an_stepper_open(an_combine_job *job, float *weights, an_stepper **ret, an_note *why)
{
    an_err err = an_server_args_check(&job->server, why);
    if (err != AN_OK)
        return err;
    an_stepper *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->job = job;
    s->weights = weights;
    s->n_state = job->optimiser->n_state(&job->server);
    if (s->n_state > 0 && (err = open_state(s, why)) != AN_OK)
        return an_stepper_close(s, err, why);
    *ret = s;
    return AN_OK;
}

static an_err read_state(an_stepper *s, size_t n, an_note *why)
{
    const an_server_optimiser *o = s->job->optimiser;
    if (!s->in) {
        for (size_t k = 0; k < s->n_state; k++)
            for (size_t i = 0; i < n; i++)
                s->state[k][i] = an_server_optimiser_start(o, &s->job->server, k);
        return AN_OK;
    }
    const size_t len = 4 * n * s->n_state;
    if (fread(s->bytes, 1, len, s->in) != len)
        return an_fail(AN_ERR_PROTO, why, "the server optimiser's state is cut short");
    an_reader r = an_reader_of(s->bytes, len);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s->n_state; k++)
            s->state[k][i] = an_read_f32(&r);
    return AN_OK;
}

static an_err write_state(an_stepper *s, size_t n, an_note *why)
{
    const size_t len = 4 * n * s->n_state;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s->n_state; k++) {
            uint32_t u;
            memcpy(&u, &s->state[k][i], sizeof u);
            an_put_u32(s->bytes + 4 * (i * s->n_state + k), u);
        }
    an_hasher_add(&s->hasher, s->bytes, len);
    return fwrite(s->bytes, 1, len, s->out) == len
               ? AN_OK
               : an_fail(AN_ERR_IO, why, "cannot write the server optimiser's state");
}

static an_err step(an_stepper *s, const double *delta, size_t n, an_note *why)
{
    float *state[AN_SERVER_STATE_MAX];
    for (size_t k = 0; k < AN_SERVER_STATE_MAX; k++)
        state[k] = s->state[k];
    an_err err = s->n_state > 0 ? read_state(s, n, why) : AN_OK;
    if (err != AN_OK)
        return err;
    if (!s->job->optimiser->step(&s->job->server, n, s->weights, state, delta))
        return an_fail(AN_ERR_NUMERIC, why, "a parameter from %zu on is not finite after the step", s->at);
    s->weights += n;
    s->at += n;
    return s->n_state > 0 ? write_state(s, n, why) : AN_OK;
}

/* Local tensors from here to the next shared one, or to the end. */
static an_err step_local(an_stepper *s, an_note *why)
{
    static const double nothing[AN_STEP_MAX];
    const an_plan *plan = s->job->plan;
    an_err err = AN_OK;
    for (; s->tensor < plan->n_tensors && plan->tensors[s->tensor].local; s->tensor++)
        for (size_t left = plan->tensors[s->tensor].n; left > 0 && err == AN_OK;) {
            size_t n = left < AN_STEP_MAX ? left : AN_STEP_MAX;
            err = step(s, nothing, n, why);
            left -= n;
        }
    return err;
}

an_err an_stepper_shared(an_stepper *s, const double *delta, size_t n, an_note *why)
{
    const an_plan *plan = s->job->plan;
    an_err err = step_local(s, why);
    while (n > 0 && err == AN_OK) {
        size_t part = plan->tensors[s->tensor].n - s->in_tensor;
        part = part < n ? part : n;
        part = part < AN_STEP_MAX ? part : AN_STEP_MAX;
        err = step(s, delta, part, why);
        delta += part;
        n -= part;
        s->in_tensor += part;
        if (s->in_tensor < plan->tensors[s->tensor].n)
            continue;
        s->tensor++;
        s->in_tensor = 0;
        if (err == AN_OK)
            err = step_local(s, why);
    }
    return err;
}

void an_combine_decode(const an_plan *plan, uint64_t from, size_t n, const uint32_t *q, double *ret)
{
    uint64_t start = 0; /* of the tensor */
    for (uint32_t t = 0; t < plan->n_tensors && n > 0; t++) {
        const an_tensor_scale *ts = &plan->tensors[t];
        if (ts->local)
            continue;
        if (from < start + ts->n) {
            const uint64_t left = start + ts->n - from;
            const size_t part = left < n ? (size_t)left : n;
            an_fixed_decode(ret, q, part, ts->unit_exp);
            ret += part;
            q += part;
            from += part;
            n -= part;
        }
        start += ts->n;
    }
}

an_err an_stepper_close(an_stepper *s, an_err err, an_note *why)
{
    if (!s)
        return err;
    if (s->in)
        fclose(s->in);
    if (s->out) {
        /* The round is committed with this state, so a power cut must not take it. */
        bool kept = err != AN_OK || (fflush(s->out) == 0 && fsync(fileno(s->out)) == 0);
        if ((fclose(s->out) != 0 || !kept) && err == AN_OK)
            err = an_fail(AN_ERR_IO, why, "%s: cannot be written", s->job->new_state_path);
        an_hasher_end(&s->hasher, &s->job->new_state);
    }
    an_free(s);
    return err;
}
