/* Twelve running sums hide the latency of two multiplying units; nothing is loaded or stored. */
#include "models/kernels/peak.h"

#include <stdlib.h>
#include <time.h>

#ifdef AN_HAVE_AVX
#include <immintrin.h>
#endif

#define TURNS 15
#define SUMS 12
#define STEPS 20000

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double rate(double lanes, double took)
{
    return 2.0 * lanes * SUMS * STEPS / took * 1e-9;
}

#ifdef AN_HAVE_AVX

/* The sums are named one by one, so that they stay in registers in every build. */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

#define PEAK(name, isa, vec, lanes, set1)                                                                    \
    __attribute__((target(isa))) static double name(void)                                                    \
    {                                                                                                        \
        const vec x = set1(1.0000001f), y = set1(1e-9f);                                                     \
        EACH(PEAK_DECLARE_##name)                                                                            \
        const double from = now();                                                                           \
        for (int k = 0; k < STEPS; k++) {                                                                    \
            EACH(PEAK_STEP_##name)                                                                           \
        }                                                                                                    \
        const double took = now() - from;                                                                    \
        volatile float keep = 0;                                                                             \
        float out[16];                                                                                       \
        EACH(PEAK_KEEP_##name)                                                                               \
        return rate(lanes, took);                                                                            \
    }

#define PEAK_DECLARE_wide(i) __m512 s##i = _mm512_set1_ps((float)(i));
#define PEAK_STEP_wide(i) s##i = _mm512_fmadd_ps(s##i, x, y);
#define PEAK_KEEP_wide(i)                                                                                    \
    _mm512_storeu_ps(out, s##i);                                                                             \
    keep = keep + out[0];
#define PEAK_DECLARE_narrow(i) __m256 s##i = _mm256_set1_ps((float)(i));
#define PEAK_STEP_narrow(i) s##i = _mm256_fmadd_ps(s##i, x, y);
#define PEAK_KEEP_narrow(i)                                                                                  \
    _mm256_storeu_ps(out, s##i);                                                                             \
    keep = keep + out[0];

PEAK(wide, "avx512f", __m512, 16, _mm512_set1_ps)
PEAK(narrow, "avx2,fma", __m256, 8, _mm256_set1_ps)

#endif

/* What is left where the widest instructions are not known: whatever the compiler makes of this. */
static double plain(void)
{
    float s[4 * SUMS];
    for (int i = 0; i < 4 * SUMS; i++)
        s[i] = (float)i;
    const double from = now();
    for (int k = 0; k < STEPS; k++)
        for (int i = 0; i < 4 * SUMS; i++)
            s[i] = s[i] * 1.0000001f + 1e-9f;
    const double took = now() - from;
    volatile float keep = 0;
    for (int i = 0; i < 4 * SUMS; i++)
        keep = keep + s[i];
    return rate(4, took);
}

static double once(void)
{
#ifdef AN_HAVE_AVX
    if (__builtin_cpu_supports("avx512f")) {
        const double w = wide(), n = narrow();
        return w > n ? w : n;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return narrow();
#endif
    return plain();
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double an_kernels_peak(void)
{
    double v[TURNS];
    for (int i = 0; i < TURNS; i++)
        v[i] = once();
    qsort(v, TURNS, sizeof *v, ascending);
    return v[TURNS / 2];
}
