/* Products in plain C.  Sizes alone decide in which order the terms of an output are added. */
#include "models/kernels/kernels.h"

#define LANES 8u /* independent sums in a dot product, so that they fit vector registers */

static float dot(size_t n, const float *a, const float *b)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += a[i + l] * b[i + l];
    float sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void axpy(size_t n, float alpha, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += alpha * x[i];
}

/* beta = 0 must also clear what is not a number. */
static void scale(size_t n, float beta, float *y)
{
    if (beta == 0.0f)
        for (size_t i = 0; i < n; i++)
            y[i] = 0.0f;
    else if (beta != 1.0f)
        for (size_t i = 0; i < n; i++)
            y[i] *= beta;
}

/* One row of a product; the row's k numbers lie `step` floats apart. */
static void row(bool trans_b, size_t n, size_t k, float alpha, const float *x, size_t step, const float *b,
                float beta, float *y)
{
    scale(n, beta, y);
    if (!trans_b) {
        for (size_t p = 0; p < k; p++)
            axpy(n, alpha * x[p * step], b + p * n, y);
    } else if (step == 1) {
        for (size_t j = 0; j < n; j++)
            y[j] += alpha * dot(k, x, b + j * k);
    } else {
        for (size_t j = 0; j < n; j++) {
            float sum = 0.0f;
            for (size_t p = 0; p < k; p++)
                sum += x[p * step] * b[j * k + p];
            y[j] += alpha * sum;
        }
    }
}

void an_gemv(bool trans_b, size_t n, size_t k, float alpha, const float *x, const float *b, float beta,
             float *y)
{
    row(trans_b, n, k, alpha, x, 1, b, beta, y);
}

void an_gemm_plain(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                   const float *b, float beta, float *c)
{
    for (size_t i = 0; i < m; i++)
        row(trans_b, n, k, alpha, trans_a ? a + i : a + i * k, trans_a ? m : 1, b, beta, c + i * n);
}
