/* bf16_blocks.h - a product of packed operands, block by block of 32 x 32 outputs.  A file defines
 *
 *     BEGIN() END()    around a product
 *
 *     static void multiply(const factors *f, float *c, size_t c_row)      writes the block at c
 *
 * after it has included bf16_pack.h and before this, and gets a `run`:
 *
 *     for some terms, for some columns:    b is packed once, up to 64 Ki values of it
 *         for 32 rows:                     a is packed
 *             for 32 columns:              multiply; the sums rest in c until there are more terms */
#ifndef AN_MODELS_KERNELS_BF16_BLOCKS_H
#define AN_MODELS_KERNELS_BF16_BLOCKS_H

#define ROWS 32u
#define COLS 32u
#define BANDS 4u
#define PACKED_A 16384u /* values, of up to so many bands: they stay in the first cache */

/* Some rows: where they are in a and c. */
typedef struct band {
    size_t n, a[ROWS], c[ROWS];
    bool even; /* rows of c have the same step between them */
} band;

/* How far the sums have come. */
typedef struct stage {
    const an_mm *p;
    bool first, last; /* terms */
} stage;

/* Where the next row is: x in its line, which begins at a and c, and y of that line in its image. */
typedef struct walk {
    size_t x, y, a, c;
} walk;

static void next_line(const an_mm *p, walk *w)
{
    const bool image = p->lines > 0 && w->y + 1 == p->lines;
    w->a += image ? p->a_image - w->y * p->a_line : p->a_line;
    w->c += image ? p->c_image - w->y * p->c_line : p->c_line;
    w->y = image ? 0 : w->y + 1;
    w->x = 0;
}

static void next_band(const an_mm *p, walk *w, size_t n, band *ret)
{
    ret->n = n;
    ret->even = true;
    for (size_t i = 0; i < n;) {
        const size_t left = p->line > 0 ? p->line - w->x : n, end = i + (left < n - i ? left : n - i);
        size_t a = w->a + w->x * p->a_i, c = w->c + w->x * p->c_i;
        ret->even = ret->even && (i == 0 || c == ret->c[i - 1] + p->c_i);
        w->x += end - i;
        for (; i < end; i++, a += p->a_i, c += p->c_i) {
            ret->a[i] = a;
            ret->c[i] = c;
        }
        if (w->x == p->line)
            next_line(p, w);
    }
}

static void start_block(const stage *s, const band *b, size_t j, size_t cols, float *sums)
{
    const an_mm *p = s->p;
    const float *bias = s->first ? p->bias : NULL;
    for (size_t x = 0; x < cols; x += LANES) {
        const __mmask16 some = first_of(cols - x);
        const __m512 base = bias ? _mm512_maskz_loadu_ps(some, bias + j + x) : _mm512_setzero_ps();
        for (size_t i = 0; i < b->n; i++) {
            const __m512 c = p->add || !s->first ? _mm512_maskz_loadu_ps(some, p->c + b->c[i] + j + x)
                                                 : _mm512_setzero_ps();
            _mm512_storeu_ps(sums + i * COLS + x, _mm512_add_ps(c, base));
        }
    }
}

/* v where y > 0 or no number, else slope v. */
static inline __m512 positive(__m512 y, __m512 v, float slope)
{
    const __mmask16 yes = _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_NLE_UQ);
    return _mm512_mask_blend_ps(yes, _mm512_mul_ps(v, _mm512_set1_ps(slope)), v);
}

static void finish_block(const stage *s, const band *b, size_t j, size_t cols, const float *sums)
{
    const an_mm *p = s->p;
    const bool act = s->last && p->act != AN_EPILOGUE_NONE;
    const bool mask = s->last && p->mask && p->mask_act != AN_EPILOGUE_NONE;
    for (size_t x = 0; x < cols; x += LANES) {
        const __mmask16 some = first_of(cols - x);
        for (size_t i = 0; i < b->n; i++) {
            const size_t to = b->c[i] + j + x;
            __m512 v = _mm512_loadu_ps(sums + i * COLS + x);
            if (act)
                v = positive(v, v, p->slope);
            if (mask)
                v = positive(_mm512_maskz_loadu_ps(some, p->mask + to), v, p->mask_slope);
            _mm512_mask_storeu_ps(p->c + to, some, v);
        }
    }
}

/* Where the sums of a block start: at 0, in c, at the bias, or in `room`, where they are made. */
static void place_start(const stage *s, const band *b, size_t j, size_t cols, bool whole, factors *f,
                        float *room)
{
    const an_mm *p = s->p;
    const float *bias = s->first ? p->bias : NULL;
    const bool add = p->add || !s->first;
    f->start = NULL;
    f->start_row = 0;
    if (!add && !bias)
        return;
    if (!add && cols % LANES == 0) {
        f->start = bias + j;
    } else if (!bias && whole) {
        f->start = p->c + b->c[0] + j;
        f->start_row = p->c_i;
    } else {
        start_block(s, b, j, cols, room);
        f->start = room;
        f->start_row = COLS;
    }
}

static void block(const stage *s, const band *b, size_t j, size_t cols, factors *f)
{
    _Alignas(64) float sums[ROWS * COLS];
    const an_mm *p = s->p;
    const bool whole = b->even && b->n % LANES == 0 && cols % LANES == 0;
    const bool done =
        !s->last || (p->act == AN_EPILOGUE_NONE && (!p->mask || p->mask_act == AN_EPILOGUE_NONE));
    f->rows = b->n;
    f->cols = cols;
    place_start(s, b, j, cols, whole, f, sums);
    if (whole && done) {
        multiply(f, p->c + b->c[0] + j, p->c_i);
        return;
    }
    multiply(f, sums, COLS);
    finish_block(s, b, j, cols, sums);
}

/* The columns [j, j + cols), whose b is packed.  Several bands are packed before the first is multiplied:
 * a tile cannot be loaded before what was stored to it has left the processor's store buffer. */
static void stripe(const stage *s, const terms *t, size_t j, size_t cols, const uint16_t *b)
{
    _Alignas(64) uint16_t a[PACKED_A]; /* a tile of whole cache lines loads twice as fast */
    walk w = {0};
    band bands[BANDS];
    const size_t each = ROWS * t->padded, most = PACKED_A / each < BANDS ? PACKED_A / each : BANDS;
    factors f = {.terms = t->padded};
    for (size_t i = 0; i < s->p->m;) {
        size_t n = 0;
        for (; n < most && i < s->p->m; i += bands[n++].n) {
            next_band(s->p, &w, s->p->m - i < ROWS ? s->p->m - i : ROWS, &bands[n]);
            pack_a(t, bands[n].a, bands[n].n, a + n * each);
        }
        for (size_t k = 0; k < n; k++) {
            f.a = a + k * each;
            for (size_t x = 0; x < cols; x += COLS) {
                f.b = b + x * t->padded;
                block(s, &bands[k], j + x, cols - x < COLS ? cols - x : COLS, &f);
            }
        }
    }
}

/* n in parts of nearly equal size, of at most `most`, and whole multiples of `grain`. */
static size_t part_of(size_t n, size_t most, size_t grain)
{
    const size_t parts = (n + most - 1) / most, each = (n + parts - 1) / parts;
    return (each + grain - 1) / grain * grain;
}

/* Small enough to be one stripe of one pack of terms: see an_bf16_packed. */
static void pack_whole(const an_mm *p, float *to)
{
    an_mm q = *p;
    terms t;
    q.nq = q.nr = 1;
    terms_of(&t, &q, 0, q.nk);
    pack_b(&t, 0, q.n, (uint16_t *)to);
}

static void run(const an_mm *p)
{
    _Alignas(64) uint16_t b[AN_BF16_PACKED_MOST];
    terms t;
    const size_t all = p->nq * p->nr * p->nk, n_terms = part_of(all, AN_BF16_TERMS_MOST, CHUNK);
    const size_t n_cols = part_of(p->n, AN_BF16_PACKED_MOST / n_terms / COLS * COLS, COLS);
    BEGIN();
    for (size_t k = 0; k < all; k += n_terms) {
        const stage s = {p, k == 0, k + n_terms >= all};
        terms_of(&t, p, k, s.last ? all - k : n_terms);
        for (size_t j = 0; j < p->n; j += n_cols) {
            const size_t cols = p->n - j < n_cols ? p->n - j : n_cols;
            if (!p->packed)
                pack_b(&t, j, cols, b);
            stripe(&s, &t, j, cols, p->packed ? (const uint16_t *)p->packed : b);
        }
    }
    END();
}

#endif
