/* The product with AMX-BF16: eight tiles of 16 lines of 64 bytes.  Four hold the sums of a block, two
 * a chunk of its rows, two a chunk of its columns:
 *
 *                 4: b0    5: b1
 *     6: a0       0        1
 *     7: a1       2        3 */
#include "models/kernels/bf16_pack.h"

typedef struct config {
    uint8_t palette, start_row, none[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} config;

static const config sixteen = {
    .palette = 1,
    .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

#define BEGIN() _tile_loadconfig(&sixteen)
#define END() _tile_release()

/* gcc does not know that a tile is loaded from memory: what is to be loaded must have been stored. */
#define STORED(f) __asm__ volatile("" : : "r"((f)->a), "r"((f)->b), "r"((f)->start) : "memory")

#define SECOND(c, row) ((c) + 16 * (row))
/* The start of a tile, some rows and columns on. */
#define START(tile, f, i, j)                                                                                 \
    do {                                                                                                     \
        if ((f)->start)                                                                                      \
            _tile_loadd(tile, (f)->start + (i) * (f)->start_row + (j), (f)->start_row * sizeof(float));      \
        else                                                                                                 \
            _tile_zero(tile);                                                                                \
    } while (0)

static void two_by_two(const factors *f, float *c, size_t c_row)
{
    const uint16_t *a0 = f->a, *a1 = a0 + 16 * f->terms, *b0 = f->b, *b1 = b0 + 16 * f->terms;
    const size_t step = c_row * sizeof *c, line = f->terms * sizeof *a0;
    START(0, f, 0, 0);
    START(1, f, 0, 16);
    START(2, f, 16, 0);
    START(3, f, 16, 16);
    for (size_t k = 0; k < f->terms; k += CHUNK) {
        _tile_loadd(4, b0 + k * 16, 64);
        _tile_loadd(6, a0 + k, line);
        _tile_loadd(5, b1 + k * 16, 64);
        _tile_dpbf16ps(0, 6, 4);
        _tile_loadd(7, a1 + k, line);
        _tile_dpbf16ps(1, 6, 5);
        _tile_dpbf16ps(2, 7, 4);
        _tile_dpbf16ps(3, 7, 5);
    }
    _tile_stored(0, c, step);
    _tile_stored(1, c + 16, step);
    _tile_stored(2, SECOND(c, c_row), step);
    _tile_stored(3, SECOND(c, c_row) + 16, step);
}

static void two_by_one(const factors *f, float *c, size_t c_row)
{
    const uint16_t *a0 = f->a, *a1 = a0 + 16 * f->terms;
    const size_t step = c_row * sizeof *c, line = f->terms * sizeof *a0;
    START(0, f, 0, 0);
    START(2, f, 16, 0);
    for (size_t k = 0; k < f->terms; k += CHUNK) {
        _tile_loadd(4, f->b + k * 16, 64);
        _tile_loadd(6, a0 + k, line);
        _tile_loadd(7, a1 + k, line);
        _tile_dpbf16ps(0, 6, 4);
        _tile_dpbf16ps(2, 7, 4);
    }
    _tile_stored(0, c, step);
    _tile_stored(2, SECOND(c, c_row), step);
}

static void one_by_two(const factors *f, float *c, size_t c_row)
{
    const uint16_t *b0 = f->b, *b1 = b0 + 16 * f->terms;
    const size_t step = c_row * sizeof *c, line = f->terms * sizeof *b0;
    START(0, f, 0, 0);
    START(1, f, 0, 16);
    for (size_t k = 0; k < f->terms; k += CHUNK) {
        _tile_loadd(6, f->a + k, line);
        _tile_loadd(4, b0 + k * 16, 64);
        _tile_loadd(5, b1 + k * 16, 64);
        _tile_dpbf16ps(0, 6, 4);
        _tile_dpbf16ps(1, 6, 5);
    }
    _tile_stored(0, c, step);
    _tile_stored(1, c + 16, step);
}

static void one_by_one(const factors *f, float *c, size_t c_row)
{
    const size_t step = c_row * sizeof *c, line = f->terms * sizeof *f->a;
    START(0, f, 0, 0);
    for (size_t k = 0; k < f->terms; k += CHUNK) {
        _tile_loadd(6, f->a + k, line);
        _tile_loadd(4, f->b + k * 16, 64);
        _tile_dpbf16ps(0, 6, 4);
    }
    _tile_stored(0, c, step);
}

static void multiply(const factors *f, float *c, size_t c_row)
{
    STORED(f);
    if (f->rows > 16 && f->cols > 16)
        two_by_two(f, c, c_row);
    else if (f->rows > 16)
        two_by_one(f, c, c_row);
    else if (f->cols > 16)
        one_by_two(f, c, c_row);
    else
        one_by_one(f, c, c_row);
}

#include "models/kernels/bf16_blocks.h"

void an_bf16_amx(const an_mm *p)
{
    run(p);
}

void an_bf16_amx_pack(const an_mm *p, float *to)
{
    pack_whole(p, to);
}
