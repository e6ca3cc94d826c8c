#include "agent/board.h"

#include <math.h>
#include <string.h>

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double load(const _Atomic uint64_t *from)
{
    const uint64_t bits = atomic_load_explicit(from, memory_order_relaxed);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

void an_board_init(an_board *b)
{
    for (size_t i = 0; i < AN_LINES_MAX; i++) {
        atomic_init(&b->lines[i].score, bits_of((double)NAN));
        atomic_init(&b->lines[i].ln_p, bits_of((double)NAN));
        atomic_init(&b->lines[i].open, -1);
    }
}

void an_board_show(an_board *b, size_t line, double score, double ln_p, bool open)
{
    atomic_store_explicit(&b->lines[line].ln_p, bits_of(ln_p), memory_order_relaxed);
    atomic_store_explicit(&b->lines[line].score, bits_of(score), memory_order_relaxed);
    atomic_store_explicit(&b->lines[line].open, open, memory_order_relaxed);
}

void an_board_clear(an_board *b, size_t line)
{
    an_board_show(b, line, (double)NAN, (double)NAN, false);
    atomic_store_explicit(&b->lines[line].open, -1, memory_order_relaxed);
}

bool an_board_look(const an_board *b, size_t line, double *ret_score, bool *ret_open)
{
    const int open = atomic_load_explicit(&b->lines[line].open, memory_order_relaxed);
    if (open < 0)
        return false;
    *ret_score = load(&b->lines[line].score);
    *ret_open = open != 0;
    return true;
}

double an_board_ln_p(const an_board *b, size_t line)
{
    return load(&b->lines[line].ln_p);
}
