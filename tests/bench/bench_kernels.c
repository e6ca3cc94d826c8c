/* How near the products come to what the processor can do.
 *
 *     bench_kernels [--json]
 *
 * For every instruction set of this processor and for OpenBLAS: GFLOP/s of one thread on the shapes
 * that layers make, and the share of the peak that the same run measures with multiplications that
 * stay in registers.  All of a shape take turns; figures are the medians of the turns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "models/kernels/kernels.h"
#include "models/kernels/mm.h"
#include "models/kernels/peak.h"

#define TURNS 15
#define TURN_FLOPS 2e7 /* a turn repeats a product until it has done so much */
#define WAYS_MAX 8

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, ascending);
    return v[n / 2];
}

/* ---- shapes ---- */

typedef struct shape {
    const char *name;
    an_mm p; /* steps and lengths; times: that often, one after the other (lines of an image) */
    size_t times;
    size_t a_next, c_next; /* from one to the next */
    bool blas;             /* it is a matrix product that OpenBLAS can do */
} shape;

static shape dense(const char *name, size_t m, size_t n, size_t k)
{
    return (shape){name, {.m = m, .n = n, .nk = k, .a_i = k, .a_k = 1, .b_k = n, .c_i = n}, 1, 0, 0, true};
}

/* A line of y for each product; `size` squared, without padding. */
static shape conv(const char *name, size_t h, size_t c, size_t size, size_t f)
{
    const size_t o = h - size + 1;
    return (shape){name,
                   {.m = o,
                    .n = f,
                    .nr = size,
                    .nk = size * c,
                    .a_i = c,
                    .a_r = h * c,
                    .a_k = 1,
                    .b_r = size * c * f,
                    .b_k = f,
                    .c_i = f},
                   o,
                   h * c,
                   o * f,
                   false};
}

static double flops(const shape *s)
{
    const size_t nr = s->p.nr ? s->p.nr : 1;
    return 2.0 * (double)(s->p.m * s->p.n * nr * s->p.nk * s->times);
}

static void run_once(const shape *s, const char *way, const float *a, const float *b, float *c)
{
    if (strcmp(way, "openblas") == 0) {
        an_gemm(s->p.m, s->p.n, s->p.nk, a, b, c);
        return;
    }
    for (size_t t = 0; t < s->times; t++) {
        an_mm p = s->p;
        p.a = a + t * s->a_next;
        p.b = b;
        p.c = c + t * s->c_next;
        an_mm_run(&p);
    }
}

static void run_shape(const shape *s, const char *const ways[], size_t n_ways, double top, bool json)
{
    const size_t nr = s->p.nr ? s->p.nr : 1;
    const size_t n_a = s->times * s->a_next + s->p.m * s->p.a_i + nr * s->p.a_r + s->p.nk;
    float *a = an_alloc(n_a, sizeof *a), *b = an_alloc(nr * s->p.nk * s->p.n, sizeof *b),
          *c = an_alloc(s->times * s->p.m * s->p.n, sizeof *c);
    double rate[WAYS_MAX][TURNS];
    an_rng r;
    if (!a || !b || !c)
        exit(1);
    an_rng_init(&r, 1, 0);
    for (size_t i = 0; i < n_a; i++)
        a[i] = (float)an_rng_unit(&r);
    for (size_t i = 0; i < nr * s->p.nk * s->p.n; i++)
        b[i] = (float)an_rng_unit(&r);
    const size_t repeat = (size_t)(TURN_FLOPS / flops(s)) + 1;
    for (int t = 0; t < TURNS; t++)
        for (size_t w = 0; w < n_ways; w++) {
            (void)an_mm_choose(ways[w]);
            double from = now();
            for (size_t i = 0; i < repeat; i++)
                run_once(s, ways[w], a, b, c);
            rate[w][t] = flops(s) * (double)repeat / (now() - from) * 1e-9;
        }
    if (!json)
        printf("%-26s", s->name);
    for (size_t w = 0; w < n_ways; w++) {
        if (strcmp(ways[w], "openblas") == 0 && !s->blas) {
            if (!json)
                printf("           -  ");
            continue;
        }
        double g = median(rate[w], TURNS);
        if (json)
            printf("{\"shape\": \"%s\", \"kernel\": \"%s\", \"gflops\": %.1f, \"peak\": %.1f, \"share\": "
                   "%.3f}\n",
                   s->name, ways[w], g, top, g / top);
        else
            printf("  %6.1f %3.0f %%", g, 100 * g / top);
    }
    if (!json)
        printf("\n");
    an_free(a);
    an_free(b);
    an_free(c);
}

int main(int argc, char **argv)
{
    const bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 2 || (argc == 2 && !json)) {
        fprintf(stderr, "usage: bench_kernels [--json]\n");
        return 2;
    }
    const shape shapes[] = {
        dense("dense 16x128x64", 16, 128, 64),      dense("dense 32x8x32", 32, 8, 32),
        dense("dense 64x128x64", 64, 128, 64),      dense("dense 64x256x600", 64, 256, 600),
        dense("dense dx 64x600x256", 64, 600, 256), dense("dense dw 256x600x64", 256, 600, 64),
        dense("lstm gates 64x256x64", 64, 256, 64), dense("lstm inputs 3840x256x16", 3840, 256, 16),
        dense("one row 1x256x600", 1, 256, 600),    dense("square 256", 256, 256, 256),
        dense("square 1024", 1024, 1024, 1024),     conv("conv 28x28x1 3 32", 28, 1, 3, 32),
        conv("conv 13x13x32 3 64", 13, 32, 3, 64),  conv("conv 5x5x64 3 64", 5, 64, 3, 64),
        conv("conv 34x34x64 3 64", 34, 64, 3, 64),  conv("conv 130x130x16 3 32", 130, 16, 3, 32),
    };
    const char *ways[WAYS_MAX];
    size_t n_ways = 0;
    if (!an_kernels_init())
        return 77; /* the instruction set that was asked for is not here */
    for (size_t k = 0; an_mm_kernel_at(k) && n_ways + 1 < WAYS_MAX; k++)
        if (an_mm_kernel_at(k)->usable())
            ways[n_ways++] = an_mm_kernel_at(k)->name;
    ways[n_ways++] = "openblas";
    const double top = an_kernels_peak();
    if (!json) {
        printf("peak of one thread, in registers: %.1f GFLOP/s; BLAS: %s\n%-26s", top, an_blas_name(), "");
        for (size_t w = 0; w < n_ways; w++)
            printf("%14s", ways[w]);
        printf("\n");
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        run_shape(&shapes[i], ways, n_ways, top, json);
    return 0;
}
