/* The vector functions in plain C: vectors of one float, for processors without the others. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "models/kernels/vec_internal.h"

#define LANES 1
#define VEC float
#define IVEC uint32_t
#define MASK int
#define SOME(n) 1
#define LOAD(at) (*(at))
#define LOAD_SOME(some, at) (*(at))
#define STORE(at, v) (*(at) = (v))
#define STORE_SOME(at, some, v) (*(at) = (v))
#define SET1(x) (x)
#define ADD(x, y) ((x) + (y))
#define SUB(x, y) ((x) - (y))
#define MUL(x, y) ((x) * (y))
#define DIV(x, y) ((x) / (y))
#define FMA(x, y, z) ((x) * (y) + (z))
#define SQRT(x) sqrtf(x)
#define ABS(x) fabsf(x)
#define MIN(x, y) min_of(x, y)
#define MAX(x, y) max_of(x, y)
#define POSITIVE(y, v, w) positive(y, v, w)
#define WITH_SIGN(v, s) copysignf(v, s)
#define BITS(v) bits_of(v)
#define FLOATS(i) float_of(i)
#define ISET1(k) ((uint32_t)(k))
#define IADD(x, y) ((x) + (y))
#define ISUB(x, y) ((x) - (y))
#define SHL(x, k) ((x) << (k))
#define SHR(x, k) ((x) >> (k))

static inline float min_of(float x, float y)
{
    return x < y ? x : y;
}

static inline float max_of(float x, float y)
{
    return x > y ? x : y;
}

static inline float positive(float y, float v, float w)
{
    return y <= 0.0f ? w : v;
}

static inline uint32_t bits_of(float v)
{
    uint32_t i;
    memcpy(&i, &v, sizeof i);
    return i;
}

static inline float float_of(uint32_t i)
{
    float v;
    memcpy(&v, &i, sizeof v);
    return v;
}

static bool usable(void)
{
    return true;
}

#define SQUARE_SIDE 8
#define TRANSPOSE_SQUARE(from, from_row, to, to_row) transpose_plain(8, 8, from, from_row, to, to_row)

#define TABLE an_vec_plain
#define NAME "plain"
#define USABLE usable

#include "models/kernels/vec_math.h"

#include "models/kernels/vec_loops.h"
