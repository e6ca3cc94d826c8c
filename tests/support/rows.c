#include "tests/support/rows.h"

#include <math.h>

#define TAU 6.28318530717958647692
#define CLASSES 10u

void an_rows_sensors(an_rng *r, const an_model *m, bool odd, float *x, float *t)
{
    const size_t n = an_model_n_inputs(m);
    (void)t;
    for (size_t turn = 0; turn < (odd ? 2u : 1u); turn++) {
        const double a = an_rng_normal(r), b = an_rng_normal(r), c = an_rng_normal(r);
        const size_t only = an_rng_below(r, n);
        for (size_t k = 0; k < n; k++) {
            const double at = (double)k;
            const double v = sin(0.9 * at) * a + cos(1.7 * at) * b + sin(2.3 * at + 1.0) * c;
            if (turn == 0 || k == only || k == (only + 1) % n)
                x[k] = (float)(v + 0.05 * an_rng_normal(r));
        }
    }
}

void an_rows_swing(an_rng *r, const an_model *m, bool odd, float *x, float *t)
{
    const size_t c = an_model_n_features(m);
    const double start = TAU * an_rng_unit(r), pace = TAU / (odd ? 6.0 : 9.0);
    (void)t;
    for (size_t i = 0; i < an_model_n_inputs(m); i++)
        x[i] = (float)(sin(start + pace * (double)(i / c) + (double)(i % c)) + 0.05 * an_rng_normal(r));
}

/* A square image's stripes across direction `angle`. */
static void stripes(an_rng *r, size_t side, size_t channels, double angle, double noise, float *x)
{
    const double start = TAU * an_rng_unit(r), pace = TAU / 6.0;
    for (size_t i = 0; i < side * side * channels; i++) {
        const double row = (double)(i / channels / side), col = (double)(i / channels % side);
        const double colour = 1.0 / (1.0 + (double)(i % channels));
        x[i] = (float)(colour * sin(start + pace * (row * cos(angle) + col * sin(angle))) +
                       noise * an_rng_normal(r));
    }
}

static size_t side_of(const an_model *m)
{
    return (size_t)(sqrt((double)(an_model_n_inputs(m) / an_model_n_features(m))) + 0.5);
}

void an_rows_surface(an_rng *r, const an_model *m, bool odd, float *x, float *t)
{
    (void)t;
    stripes(r, side_of(m), an_model_n_features(m), odd ? TAU / 4 : 0.0, 0.05, x);
}

void an_rows_directions(an_rng *r, const an_model *m, bool odd, float *x, float *t)
{
    (void)odd;
    *t = (float)an_rng_below(r, CLASSES);
    stripes(r, side_of(m), an_model_n_features(m), (double)*t * TAU / 2 / CLASSES, 0.2, x);
}

void an_rows_paces(an_rng *r, const an_model *m, bool odd, float *x, float *t)
{
    static const double periods[] = {16.0, 9.0, 5.0, 3.0};
    const size_t c = an_model_n_features(m);
    const double start = TAU * an_rng_unit(r);
    (void)odd;
    *t = (float)an_rng_below(r, 4);
    for (size_t i = 0; i < an_model_n_inputs(m); i++) {
        const double at = TAU * (double)(i / c) / periods[(size_t)*t];
        x[i] = (float)(sin(start + at + (double)(i % c)) + 0.1 * an_rng_normal(r));
    }
}

void an_rows_forecast(an_rng *r, const an_model *m, bool odd, float *x, float *t)
{
    const size_t c = an_model_n_features(m), window = an_model_window(m);
    const double a = TAU * an_rng_unit(r), b = TAU * an_rng_unit(r);
    (void)odd;
    for (size_t i = 0; i <= window; i++) {
        const double at = (double)i, v = sin(a + TAU * at / 9.0) + 0.5 * sin(b + TAU * at / 4.0);
        if (i == window)
            *t = (float)v;
        for (size_t k = 0; k < c && i < window; k++)
            x[i * c + k] = (float)(k == 0 ? v : an_rng_normal(r)); /* the other sensors say nothing */
    }
}

void an_rows_formula(an_rng *r, const an_model *m, bool odd, float *x, float *t)
{
    (void)odd;
    for (size_t k = 0; k < an_model_n_inputs(m); k++)
        x[k] = (float)(2.0 * an_rng_unit(r) - 1.0);
    *t = sinf(3.0f * x[0]) + 2.0f * x[1] * x[2] - x[3] * x[3];
}

void an_rows_disc(an_rng *r, const an_model *m, bool odd, float *x, float *t)
{
    const size_t side = side_of(m);
    const double w = (double)side, radius = w * (0.12 + 0.13 * an_rng_unit(r));
    const double row = w * an_rng_unit(r), col = w * an_rng_unit(r);
    (void)odd;
    for (size_t i = 0; i < side * side; i++) {
        t[i] = hypot((double)(i / side) - row, (double)(i % side) - col) <= radius ? 1.0f : 0.0f;
        x[i] = t[i] + (float)(0.5 * an_rng_normal(r));
    }
}
