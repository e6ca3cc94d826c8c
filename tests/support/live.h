/* live.h - a source that reads a device, as a line would read it: rows are taken as they come, until something holds.
 *
 *     an_live l;
 *     an_live_open(&l, "modbus", "{devices: [...]}", see, ctx);
 *     an_live_until(&l, has_come, ctx, 10000);
 *     an_live_close(&l);
 *
 * Threads: one. */
#ifndef AN_TEST_LIVE_H
#define AN_TEST_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/source.h"

typedef struct an_live an_live;
typedef void (*an_live_see)(an_live *l, size_t row, void *ctx); /* row of l->batch */
typedef bool (*an_live_holds)(an_live *l, void *ctx);

struct an_live {
    an_source *src;
    an_batch batch;
    an_live_see see; /* NULL: nobody looks */
    void *ctx;
    uint64_t rows;
    /* The last row. */
    float value[64];
    uint8_t quality[64];
    int64_t time_ms;
    char part[AN_PART_MAX];
};

/* A tag that counts 1, 2, 3 ...: what came of it.  take: of a row; fails if it goes back. */
typedef struct an_live_count {
    float last;
    uint64_t values, missed;
} an_live_count;
void an_live_count_take(an_live_count *c, const an_live *l, size_t row, size_t tag);

void an_live_open(an_live *l, const char *type, const char *yaml, an_live_see see, void *ctx);
void an_live_close(an_live *l);
/* Takes rows for so long, or until holds does (NULL: never).  Returns whether it did. */
bool an_live_run(an_live *l, an_live_holds holds, void *ctx, int64_t ms);
/* The same, and fails the test if it does not. */
void an_live_until(an_live *l, an_live_holds holds, void *ctx, int64_t ms);
/* Until a tag stands so, and, if that is a value, above more_than. */
void an_live_until_tag(an_live *l, size_t tag, an_value_quality quality, float more_than);
uint64_t an_live_counter(const an_live *l, const char *name);
void an_live_print_counters(const an_live *l);

/* Seconds that a test under faults takes: $AN_FAULT_SECONDS, or so many. */
int64_t an_fault_seconds(int64_t otherwise);

#endif
