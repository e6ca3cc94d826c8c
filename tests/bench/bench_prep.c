/* What steps of preprocessing take for a row of 64 sensors, and what they remember.
 *
 *     build/release/bin/bench_prep */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "models/prep_chain.h"

enum { WIDTH = 64, ROWS = 1000, TIMES = 20 };

static const char *const chains[] = {
    "convert: {gain: 2}, range: {below: -100, above: 100}",
    "stuck: {rows: 60}",
    "hold: {limit: 5}",
    "interpolate: {limit: 5}",
    "median: {rows: 5}",
    "median: {rows: 31}",
    "lowpass: {taps: 31, cutoff: 0.1}",
    "resample: {rows: 10, by: mean}",
    "lag: {rows: [1, 2]}",
    "convert: {gain: 2}, range: {below: -100, above: 100}, stuck: {rows: 60}, interpolate: {limit: 5}, "
    "median: {rows: "
    "5}, lowpass: {taps: 31, cutoff: 0.1}, lag: {rows: [1]}",
};

static an_err measure(const char *steps, const float *rows)
{
    char text[512];
    an_note why = {{0}};
    an_prep_chain *c = NULL;
    an_chain_stream *s = NULL;
    snprintf(text, sizeof text, "steps: [%s]", steps);
    an_err err = an_chain_parse(text, strlen(text), NULL, WIDTH, &c, &why);
    if (err == AN_OK)
        err = an_chain_stream_new(c, &s);
    if (err == AN_OK) {
        const uint64_t begin = an_clock_ns();
        for (size_t i = 0; i < (size_t)ROWS * TIMES; i++) {
            const float *out = NULL;
            size_t regime = 0;
            (void)an_chain_push(s, rows + i % ROWS * WIDTH, &out, &regime);
        }
        printf("%8.2f us a row, %4zu rows back, %3zu late   %s\n",
               (double)(an_clock_ns() - begin) / ROWS / TIMES / 1e3, an_chain_rows(c, 1), an_chain_delay(c),
               steps);
    } else {
        fprintf(stderr, "%s: %s\n", steps, why.text);
    }
    an_chain_stream_free(s);
    an_chain_free(c);
    return err;
}

int main(void)
{
    an_rng r;
    float *rows = an_alloc((size_t)ROWS * WIDTH, sizeof *rows);
    an_err err = rows ? AN_OK : AN_ERR_NOMEM;
    an_rng_init(&r, 1, 0);
    for (size_t i = 0; rows && i < (size_t)ROWS * WIDTH; i++)
        rows[i] = (float)an_rng_normal(&r);
    for (size_t k = 0; err == AN_OK && k < sizeof chains / sizeof *chains; k++)
        err = measure(chains[k], rows);
    an_free(rows);
    return err != AN_OK;
}
