#include "models/eigen.h"

#include <math.h>
#include <string.h>

#define SWEEPS 60
#define EPSILON 1e-30 /* of the squares: what is left beside the diagonal */

/* Turns rows and columns p and q so that a[p][q] becomes 0 (Golub and Van Loan, 8.5). */
static void rotate(double *a, double *v, size_t m, size_t p, size_t q)
{
    const double apq = a[p * m + q], theta = (a[q * m + q] - a[p * m + p]) / (2 * apq);
    const double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    const double c = 1 / sqrt(t * t + 1), s = t * c;
    a[p * m + p] -= t * apq;
    a[q * m + q] += t * apq;
    a[p * m + q] = a[q * m + p] = 0;
    for (size_t i = 0; i < m; i++) {
        if (i != p && i != q) {
            const double aip = a[p * m + i], aiq = a[q * m + i];
            a[p * m + i] = a[i * m + p] = c * aip - s * aiq;
            a[q * m + i] = a[i * m + q] = s * aip + c * aiq;
        }
        const double vp = v[p * m + i], vq = v[q * m + i];
        v[p * m + i] = c * vp - s * vq;
        v[q * m + i] = s * vp + c * vq;
    }
}

static void swap_rows(double *v, size_t m, size_t i, size_t j)
{
    for (size_t k = 0; k < m; k++) {
        const double t = v[i * m + k];
        v[i * m + k] = v[j * m + k];
        v[j * m + k] = t;
    }
}

static void sort(double *values, double *v, size_t m)
{
    for (size_t i = 0; i < m; i++) {
        size_t most = i;
        for (size_t j = i + 1; j < m; j++)
            if (values[j] > values[most])
                most = j;
        const double t = values[i];
        values[i] = values[most];
        values[most] = t;
        if (most != i)
            swap_rows(v, m, i, most);
    }
}

bool an_eigen(double *a, size_t m, double *values, double *vectors)
{
    memset(vectors, 0, m * m * sizeof *vectors);
    for (size_t i = 0; i < m; i++)
        vectors[i * m + i] = 1;
    for (size_t sweep = 0; sweep < SWEEPS; sweep++) {
        double on = 0, off = 0;
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j <= i; j++)
                *(i == j ? &on : &off) += a[i * m + j] * a[i * m + j];
        if (!isfinite(on + off))
            return false;
        if (off <= EPSILON * on) {
            for (size_t i = 0; i < m; i++)
                values[i] = a[i * m + i];
            sort(values, vectors, m);
            return true;
        }
        for (size_t p = 0; p + 1 < m; p++)
            for (size_t q = p + 1; q < m; q++)
                if (a[p * m + q] * a[p * m + q] > EPSILON * EPSILON * on)
                    rotate(a, vectors, m, p, q);
    }
    return false;
}
