/* eigen.h - the eigenvalues and eigenvectors of a symmetric matrix.
 *
 * By Jacobi's rotations in a fixed order: the same bits everywhere that doubles are the same, small eigenvalues as
 * exact as large ones, and no library.  The time is some 40 m^3 operations, so it is for matrices of sensors, not for
 * images.
 *
 * Threads: a pure function. */
#ifndef AN_MODELS_EIGEN_H
#define AN_MODELS_EIGEN_H

#include <stdbool.h>
#include <stddef.h>

#define AN_EIGEN_MAX 512 /* rows: a few seconds */

/* a: (m, m), symmetric, is used up.  values: (m), largest first; vectors: (m, m), row i belongs to values[i] and has
 * the length 1.  False: not finite, or no end was reached. */
bool an_eigen(double *a, size_t m, double *values, double *vectors);

#endif
