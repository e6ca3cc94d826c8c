/* An sql source on a PostgreSQL server that is killed and restarted, while rows are written and the source itself is
 * closed and goes on at its position: every row once and in order.  AN_FAULT_SECONDS says how long (60). */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source.h"
#include "base/rng.h"
#include "doors/pq.h"
#include "doors/yaml.h"
#include "tests/support/postgresql.h"

static const char *failed;

static int64_t now_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static an_source *open_source(void)
{
    char text[1024];
    an_yaml *doc = NULL;
    an_source *s = NULL;
    an_note why = {{0}};
    snprintf(text, sizeof text,
             "{database: postgresql, address: '%s', query: 'SELECT * FROM h', time: ts, bookmark: id, "
             "columns: [id, v], "
             "quality: q, page: 50, poll_ms: 20, timeout_ms: 2000, skew: 0}",
             pg_server_address());
    an_err err = an_yaml_parse(text, strlen(text), "test", &doc, &why);
    if (!err)
        err = an_source_open("sql", an_yaml_root(doc), an_clock_system(), &s, &why);
    an_yaml_free(doc);
    if (err) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    return s;
}

/* Takes what there is; returns the number of the last row. */
static uint64_t take(an_source *s, uint64_t last)
{
    static an_batch b;
    int64_t wait_ms;
    an_note why = {{0}};
    if (b.cap == 0 && an_batch_init(&b, 2, 16) != AN_OK)
        exit(1);
    an_err err;
    while ((err = an_source_next(s, &b, &wait_ms, &why)) == AN_OK)
        for (size_t i = 0; i < b.n; i++, last++) {
            const uint64_t id = last + 1;
            const float want = (float)(id * 7 % 1000);
            const bool good = id % 5 != 0;
            if (b.time_ms[i] != INT64_C(1700000000000) + (int64_t)id * 10 || b.row[i] != last ||
                b.quality[i * 2] != (good ? AN_VALUE_GOOD : AN_VALUE_BAD) ||
                (good && (b.values[i * 2] != (float)id || b.values[i * 2 + 1] != want))) {
                fprintf(stderr, "row %g of %" PRId64 " after %" PRIu64 "\n", (double)b.values[i * 2],
                        b.time_ms[i], last);
                failed = "a row is lost, twice, out of order or wrong";
            }
        }
    if (err != AN_ERR_AGAIN)
        failed = "the source gave up";
    return last;
}

static an_source *reopen(an_source *s)
{
    an_buf at;
    an_note why = {{0}};
    an_buf_init(&at, 1 << 16);
    if (an_source_save(s, &at) != AN_OK)
        failed = "no position";
    an_source_close(s);
    s = open_source();
    an_reader in = an_reader_of(at.data, at.len);
    if (an_source_restore(s, &in, &why) != AN_OK)
        failed = "the position is not taken";
    an_buf_done(&at);
    return s;
}

/* Rows from + 1 ... from + n, in one transaction: all or none, and what is not known is asked for. */
static uint64_t insert(uint64_t from, uint64_t n)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO h SELECT i, to_timestamp(1700000000 + i * 0.01), i * 7 %% 1000, CASE WHEN i %% 5 = "
             "0 THEN 'Bad' ELSE "
             "'Good' END FROM generate_series(%" PRIu64 "::bigint, %" PRIu64
             "::bigint) i ON CONFLICT DO NOTHING",
             from + 1, from + n);
    return pg_server_sql_may(sql) ? from + n : from;
}

int main(void)
{
    const char *seconds = getenv("AN_FAULT_SECONDS");
    const int64_t until = now_ms() + 1000 * (seconds ? strtoll(seconds, NULL, 10) : 60);
    if (!pg_server_start())
        return 77;
    an_rng rng;
    an_rng_init(&rng, (uint64_t)an_clock_system()->wall_ms(an_clock_system()), 0);
    an_source *s = open_source(); /* there is no table yet */
    uint64_t written = 0, last = take(s, 0), kills = 0, reopened = 0, connects = 0, recovery_ms = 0;
    pg_server_sql("CREATE TABLE h(id bigint PRIMARY KEY, ts timestamptz, v double precision, q text)");
    while (!failed && now_ms() < until) {
        for (int turn = 0; turn < 40 && !failed; turn++) {
            written = insert(written, 1 + an_rng_below(&rng, 30));
            last = take(s, last);
            if (an_rng_below(&rng, 20) == 0) {
                for (size_t i = 0; i < an_source_stats_get(s).n_counters; i++)
                    if (strcmp(an_source_stats_get(s).counters[i].name, "connects") == 0)
                        connects += an_source_stats_get(s).counters[i].value;
                s = reopen(s);
                reopened++;
            }
            (void)poll(NULL, 0, (int)an_rng_below(&rng, 10)); /* the pace of the world outside */
        }
        pg_server_kill();
        kills++;
        last = take(s, last); /* what had been fetched, and then no row that there is not */
        (void)poll(NULL, 0, 100);
        last = take(s, last);
        pg_server_restart();
        const int64_t back = now_ms();
        while (!failed && last < written && now_ms() < back + 60000) {
            last = take(s, last);
            (void)poll(NULL, 0, 5);
        }
        const uint64_t took = (uint64_t)(now_ms() - back);
        recovery_ms = took > recovery_ms ? took : recovery_ms;
        if (last < written)
            failed = "it does not come back";
    }
    printf("%" PRIu64 " rows, %" PRIu64 " given out; server killed %" PRIu64
           " times, source reopened %" PRIu64 " times, at most %" PRIu64
           " ms after a restart until all was there; connects %" PRIu64 "\n",
           written, last, kills, reopened, recovery_ms, connects);
    an_source_close(s);
    pg_server_stop();
    if (failed)
        fprintf(stderr, "%s\n", failed);
    return failed || written == 0 || kills == 0 ? 1 : 0;
}
