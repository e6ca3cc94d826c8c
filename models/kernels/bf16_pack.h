/* bf16_pack.h - operands rounded to bfloat16 and laid out as the tiles of a product want them, with
 * AVX-512 (BF16).  Some terms at a time, whatever the steps are:
 *
 *     a   (row, term)                     rows of `padded` terms, a tile is 16 rows of a chunk
 *     b   (16 columns, pair of terms)     each column's two terms side by side
 *
 * Between them lie zeros where a chunk is not filled. */
#ifndef AN_MODELS_KERNELS_BF16_PACK_H
#define AN_MODELS_KERNELS_BF16_PACK_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "models/kernels/bf16_internal.h"

#define LANES 16u
#define CHUNK AN_BF16_CHUNK

/* What a block is made of: packed rows and columns, each at most 32.  c has room for whole 16s. */
typedef struct factors {
    const uint16_t *a, *b;
    size_t rows, cols, terms; /* terms: whole chunks */
    const float *start;       /* of the sums; NULL: 0 */
    size_t start_row;         /* from a row to the next, 0: all start alike */
} factors;

/* Which terms, and where they are. */
typedef struct terms {
    const an_mm *p;
    size_t n, padded; /* to whole chunks */
    size_t a[AN_BF16_TERMS_MOST], b[AN_BF16_TERMS_MOST];
    uint16_t run[AN_BF16_TERMS_MOST]; /* terms from here on that have one k after the other */
} terms;

static void terms_of(terms *t, const an_mm *p, size_t first, size_t n)
{
    size_t line = first / p->nk, k = first - line * p->nk, q = line / p->nr, r = line - q * p->nr;
    t->p = p;
    t->n = n;
    t->padded = (n + CHUNK - 1) / CHUNK * CHUNK;
    for (size_t i = 0; i < n; k = 0) {
        const size_t run = p->nk - k < n - i ? p->nk - k : n - i, end = i + run;
        size_t a = q * p->a_q + r * p->a_r + k * p->a_k, b = q * p->b_q + r * p->b_r + k * p->b_k;
        for (; i < end; i++, a += p->a_k, b += p->b_k) {
            t->a[i] = a;
            t->b[i] = b;
            t->run[i] = (uint16_t)(end - i);
        }
        q += ++r == p->nr;
        r = r == p->nr ? 0 : r;
    }
}

static inline __mmask16 first_of(size_t n)
{
    return (__mmask16)(n < LANES ? (1u << n) - 1u : 0xffffu);
}

/* The words of two vectors: all of `low`, all of `high`. */
static inline __m512i rounded(__m512 low, __m512 high)
{
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* n terms that lie side by side in each of some rows; to: rows of `padded` terms.  over: what follows
 * them in a row may be overwritten with zeros. */
static inline void pack_run(const float *a, const size_t *row, size_t rows, size_t n, bool over, uint16_t *to,
                            size_t padded)
{
    const size_t whole = n / CHUNK * CHUNK, left = n - whole, beyond = left > LANES ? LANES : 0;
    const __mmask16 some = first_of(left), more = beyond ? first_of(left - LANES) : 0;
    const __mmask32 words = over ? 0xffffffffu : (__mmask32)((UINT64_C(1) << left) - 1u);
    for (size_t i = 0; i < rows; i++, to += padded) {
        const float *at = a + row[i];
        for (size_t k = 0; k < whole; k += CHUNK)
            _mm512_storeu_si512(to + k, rounded(_mm512_loadu_ps(at + k), _mm512_loadu_ps(at + k + LANES)));
        if (left == 0)
            continue;
        const __m512 low = _mm512_maskz_loadu_ps(some, at + whole);
        const __m512 high = _mm512_maskz_loadu_ps(more, at + whole + beyond);
        if (over)
            _mm512_storeu_si512(to + whole, rounded(low, high));
        else
            _mm512_mask_storeu_epi16(to + whole, words, rounded(low, high));
    }
}

/* a_k is 1: a run is read as it lies. */
static void pack_runs(const terms *t, const size_t *row, size_t rows, uint16_t *to)
{
    for (size_t i = 0; t->n < t->padded && i < rows; i++)
        _mm512_storeu_si512(to + (i + 1) * t->padded - CHUNK, _mm512_setzero_si512());
    for (size_t k = 0; k < t->n; k += t->run[k]) {
        const size_t n = t->run[k], end = k + (n + CHUNK - 1) / CHUNK * CHUNK;
        pack_run(t->p->a + t->a[k], row, rows, n, end <= t->padded, to + k, t->padded);
    }
}

static void pack_scattered(const terms *t, const size_t *row, size_t rows, uint16_t *to)
{
    for (size_t i = 0; i < rows; i++, to += t->padded) {
        float some[CHUNK] = {0};
        for (size_t k = 0; k < t->n; k += CHUNK) {
            const size_t n = t->n - k < CHUNK ? t->n - k : CHUNK;
            for (size_t x = 0; x < n; x++)
                some[x] = t->p->a[row[i] + t->a[k + x]];
            for (size_t x = n; x < CHUNK; x++)
                some[x] = 0.0f;
            _mm512_storeu_si512(to + k, rounded(_mm512_loadu_ps(some), _mm512_loadu_ps(some + LANES)));
        }
    }
}

/* Word i of the first half beside word i of the second. */
static inline __m512i in_pairs(__m512i v)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, v);
}

/* 16 x 16 pairs. */
static inline void transpose(__m512i v[16])
{
    __m512i u[16];
    for (int i = 0; i < 16; i += 2) {
        u[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        u[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(u[i], u[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(u[i], u[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(u[i + 1], u[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(u[i + 1], u[i + 3]);
    }
    for (int i = 0; i < 4; i++) { /* v[4 g + i] has columns i, 4 + i, 8 + i, 12 + i of rows 4 g .. */
        u[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        u[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
        u[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        u[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm512_shuffle_i32x4(u[i], u[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(u[i], u[i + 8], 0xdd);
        v[i + 4] = _mm512_shuffle_i32x4(u[i + 4], u[i + 12], 0x88);
        v[i + 12] = _mm512_shuffle_i32x4(u[i + 4], u[i + 12], 0xdd);
    }
}

/* Up to 16 rows of which those of a line lie side by side: pieces of lines. */
typedef struct pieces {
    size_t n;
    __mmask16 lanes[LANES];
    const float *at[LANES];
} pieces;

static pieces pieces_of(const float *a, const size_t *row, size_t rows)
{
    pieces s = {.n = 0};
    for (size_t i = 0; i < rows;) {
        size_t end = i + 1;
        while (end < rows && row[end] == row[end - 1] + 1)
            end++;
        s.lanes[s.n] = (__mmask16)(first_of(end) & ~first_of(i));
        s.at[s.n++] = a + row[i];
        i = end;
    }
    return s;
}

static inline __m512 load_pieces(const pieces *s, bool whole, size_t at)
{
    if (whole)
        return _mm512_loadu_ps(s->at[0] + at);
    __m512 v = _mm512_maskz_loadu_ps(s->lanes[0], s->at[0] + at);
    for (size_t i = 1; i < s->n; i++)
        v = _mm512_mask_expandloadu_ps(v, s->lanes[i], s->at[i] + at);
    return v;
}

/* A chunk of 16 rows, of which n >= 1 terms are there; to: rows of `padded` terms. */
static inline __attribute__((always_inline)) void turn_chunk(const pieces *s, bool whole, const size_t *at,
                                                             size_t n, uint16_t *to, size_t padded)
{
    __m512i v[16];
    for (size_t x = 0; x < 16; x++) {
        __m512 low = _mm512_setzero_ps(), high = _mm512_setzero_ps();
        if (n == CHUNK || 2 * x < n)
            low = load_pieces(s, whole, at[2 * x]);
        if (n == CHUNK || 2 * x + 1 < n)
            high = load_pieces(s, whole, at[2 * x + 1]);
        v[x] = in_pairs(rounded(low, high));
    }
    transpose(v);
    for (size_t x = 0; x < 16; x++)
        _mm512_storeu_si512(to + x * padded, v[x]);
}

/* a_i is 1: 16 rows at a time are read across and turned. */
static void pack_turned(const terms *t, const size_t *row, size_t rows, uint16_t *to)
{
    for (size_t i = 0; i < rows; i += LANES, to += LANES * t->padded) {
        const pieces s = pieces_of(t->p->a, row + i, rows - i < LANES ? rows - i : LANES);
        const size_t chunks = s.lanes[0] == 0xffffu ? t->n / CHUNK * CHUNK : 0;
        for (size_t k = 0; k < chunks; k += CHUNK)
            turn_chunk(&s, true, t->a + k, CHUNK, to + k, t->padded);
        for (size_t k = chunks; k < t->n; k += CHUNK)
            turn_chunk(&s, false, t->a + k, t->n - k < CHUNK ? t->n - k : CHUNK, to + k, t->padded);
    }
}

/* The rows that begin at row[0 .. rows), filled up with zeros to a multiple of 16. */
static void pack_a(const terms *t, const size_t *row, size_t rows, uint16_t *to)
{
    const size_t left = (LANES - rows % LANES) % LANES;
    if (t->p->a_k != 1 && t->p->a_i == 1) {
        pack_turned(t, row, rows, to);
        return;
    }
    if (t->p->a_k == 1)
        pack_runs(t, row, rows, to);
    else
        pack_scattered(t, row, rows, to);
    memset(to + rows * t->padded, 0, left * t->padded * sizeof *to);
}

/* A pair of terms of `cols` columns; high NULL: the second is 0.  Tiles of b lie `tile` apart. */
static inline void pack_pair(const float *low, const float *high, size_t cols, uint16_t *to, size_t tile)
{
    const __m512 none = _mm512_setzero_ps();
    for (; cols >= LANES && high; cols -= LANES, low += LANES, high += LANES, to += tile)
        _mm512_storeu_si512(to, in_pairs(rounded(_mm512_loadu_ps(low), _mm512_loadu_ps(high))));
    for (; cols > 0; low += LANES, high = high ? high + LANES : NULL, to += tile) {
        const __mmask16 some = first_of(cols);
        const __m512 v = _mm512_maskz_loadu_ps(some, low);
        const __m512 w = high ? _mm512_maskz_loadu_ps(some, high) : none;
        _mm512_storeu_si512(to, in_pairs(rounded(v, w)));
        cols -= cols < LANES ? cols : LANES;
    }
}

/* The columns [j, j + cols). */
static void pack_b(const terms *t, size_t j, size_t cols, uint16_t *to)
{
    const size_t tile = t->padded * LANES, tiles = (cols + LANES - 1) / LANES;
    const float *b = t->p->b + j;
    size_t k = 0;
    for (; k < t->n; k += 2)
        pack_pair(b + t->b[k], k + 1 < t->n ? b + t->b[k + 1] : NULL, cols, to + k * LANES, tile);
    for (; k < t->padded; k += 2)
        for (size_t x = 0; x < tiles; x++)
            _mm512_storeu_si512(to + x * tile + k * LANES, _mm512_setzero_si512());
}

#endif
