/* Durable round events a second into a store: one an append, and in the batches that the coordinator makes of what
 * came in together; and how long the journal takes to be read again.
 *
 *     bench_store URL FOLDER [BATCH SECONDS]...      prints `batch N: R events/s, one append M ms`
 *
 * An event has the size that a site's update has in the journal. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "coordinator/store.h"
#include "tests/bench/bench.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char body[] =
    "{\"event\":\"UPDATE\",\"site\":\"plant-a\",\"hash\":"
    "\"4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a\",\"at\":1773057600000,"
    "\"rows\":4096,\"loss\":0.0123456}";

static void append(an_store *s, size_t n, uint64_t first)
{
    static char keys[AN_RECORD_BATCH_MAX][40];
    static an_record r[AN_RECORD_BATCH_MAX];
    an_note why = {{0}};
    for (size_t i = 0; i < n; i++) {
        snprintf(keys[i], sizeof keys[i], "bench/%llu", (unsigned long long)(first + i));
        r[i] = (an_record){.kind = "round.event",
                           .subject = "round/1",
                           .actor = "site/plant-a",
                           .idem = keys[i],
                           .body = body,
                           .body_len = sizeof body - 1};
    }
    bench_need(an_store_append(s, r, n, NULL, &why), "append", &why);
}

static void measure(an_store *s, size_t batch, double seconds)
{
    uint64_t first = 0, n = 0;
    bench_need(an_store_head_get(s, &first, NULL, NULL), "head", NULL);
    double began = now_s(), slowest = 0, at = began;
    while (at - began < seconds) {
        append(s, batch, first + n);
        n += batch;
        double then = now_s();
        slowest = then - at > slowest ? then - at : slowest;
        at = then;
    }
    printf("batch %zu: %.0f events/s, one append %.2f ms, the slowest %.1f ms\n", batch,
           (double)n / (at - began), (at - began) / (double)n * (double)batch * 1e3, slowest * 1e3);
}

static an_err count(void *ctx, const an_record *r, an_note *why)
{
    (void)why;
    *(uint64_t *)ctx += r->body_len > 0;
    return AN_OK;
}

int main(int argc, char **argv)
{
    an_note why = {{0}};
    an_store *s = NULL;
    uint64_t n = 0;
    if (argc < 3 || an_crypto_init() != AN_OK) {
        fprintf(stderr, "usage: bench_store URL FOLDER [BATCH SECONDS]...\n");
        return 2;
    }
    const an_store_place place = {.url = argv[1], .folder = argv[2]};
    bench_need(an_store_open(&place, an_clock_system(), &s, &why), "store", &why);
    for (int i = 3; i + 1 < argc; i += 2)
        measure(s, strtoul(argv[i], NULL, 10), strtod(argv[i + 1], NULL));
    double began = now_s();
    bench_need(an_store_scan(s, NULL, count, &n, &why), "scan", &why);
    printf("read again: %llu records in %.2f s\n", (unsigned long long)n, now_s() - began);
    an_store_close(s);
    return 0;
}
