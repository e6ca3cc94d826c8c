/* A finite low-pass filter: a sinc in a Hamming window, `taps` rows long, that lets through what is slower
 * than `cutoff` times the rate of rows (Oppenheim, Schafer 1989, ch. 7).  It is symmetric, so it delays all
 * frequencies alike, by half its length.
 *
 * Its coefficients are whole multiples of 2^-30 that add up to 1: a constant comes out as it went in, and
 * machines whose sines differ in the last bit agree. */
#include "models/prep_step.h"

#define TAPS_MAX 511
#define ONE 1073741824.0 /* 2^30 */
#define PI 3.14159265358979323846

typedef struct settings {
    uint32_t taps;
    double cutoff;
    double weight[TAPS_MAX / 2 + 1]; /* of the middle, and of those to both sides */
} settings;

static void design(settings *o)
{
    const uint32_t half = o->taps / 2;
    double sum = 0.0, whole = 0.0;
    for (uint32_t i = 0; i <= half; i++) {
        const double sinc = i ? sin(2 * PI * o->cutoff * i) / (PI * i) : 2 * o->cutoff;
        o->weight[i] = sinc * (0.54 + 0.46 * cos(PI * i / (half + 1)));
        sum += (i ? 2 : 1) * o->weight[i];
    }
    for (uint32_t i = half; i > 0; i--) {
        o->weight[i] = rint(o->weight[i] / sum * ONE) / ONE;
        whole += 2 * o->weight[i];
    }
    o->weight[0] = 1.0 - whole;
}

static an_err read(an_prep_step *s, const an_node *map, an_note *why)
{
    settings *o = s->own;
    an_err err = an_prep_need_odd(map, "taps", 3, TAPS_MAX, &o->taps, why);
    if (err == AN_OK)
        err = an_node_need_num(map, "cutoff", 0.001, 0.499, &o->cutoff, why);
    if (err != AN_OK)
        return err;
    design(o);
    s->memory = o->taps;
    s->delay = o->taps / 2;
    return AN_OK;
}

static void text(const an_prep_step *s, an_buf *out)
{
    const settings *o = s->own;
    an_buf_printf(out, ", taps: %u", o->taps);
    an_prep_put_number(out, "cutoff", o->cutoff);
}

static void apply(const an_prep_step *s, const an_prep_past *past, float *out)
{
    const settings *o = s->own;
    const size_t half = o->taps / 2;
    for (uint32_t i = 0; i < s->n_sensors; i++) {
        const uint32_t k = s->sensors[i];
        double sum = o->weight[0] * (double)out[k];
        for (size_t j = 1; j <= half; j++)
            sum += o->weight[j] *
                   ((double)an_prep_ago(past, half + j)[k] + (double)an_prep_ago(past, half - j)[k]);
        out[k] = (float)sum;
    }
}

static const char *const keys[] = {"taps", "cutoff", NULL};
static const char *const examples[] = {"taps: 5, cutoff: 0.1", "sensors: [1, 2], taps: 31, cutoff: 0.25",
                                       NULL};

const an_prep_step_type an_prep_step_lowpass = {
    .name = "lowpass",
    .meaning = "a filter of `taps` rows that takes out what is faster than `cutoff` of the rate",
    .keys = keys,
    .examples = examples,
    .own = sizeof(settings),
    .read = read,
    .text = text,
    .apply = apply,
};
