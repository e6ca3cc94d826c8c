/* writeback.h - a write-back under test: an agent that is played by status.json and a log of alarms, two people with keys,
 * and what the journal says.
 *
 *     an_wb_test *f = an_wb_test_new();
 *     f->conf = ...;
 *     an_wb_test_people(f);
 *     an_wb_test_start(f);
 *     an_wb_test_enable(f);
 *     an_wb_test_until_verdict(f, AN_WB_GOOD);
 *     an_wb_stop(f->w);
 *     an_wb_test_free(f);
 *
 * Threads: one. */
#ifndef AN_TEST_WRITEBACK_H
#define AN_TEST_WRITEBACK_H

#include "agent/writeback_ask.h"
#include "agent/writeback_run.h"
#include "tests/support/sinks.h"

typedef struct an_wb_test {
    an_test_log t;
    an_wb_conf conf;
    an_wb *w;
    char keys[2][AN_PATH_MAX], status[AN_PATH_MAX];
    uint64_t scored;
    int64_t asked_ms; /* of the last request: two of one moment would be one that is repeated */
    bool silent;      /* the agent says nothing any more */
    bool open;        /* it says that an alarm is open */
    bool advised;     /* it shows advice, by an_wb_test_advise */
    an_note why;
} an_wb_test;

an_wb_test *an_wb_test_new(void);
void an_wb_test_free(an_wb_test *f);   /* after an_wb_stop */
void an_wb_test_people(an_wb_test *f); /* anna and ben, into conf */
void an_wb_test_start(an_wb_test *f);
void an_wb_test_tick(an_wb_test *f); /* the agent lives: it says that another row was scored */
/* Advice stands in status.json and beside alarm 1 of line-1, as the agent leaves it; it would move x to AN_WB_ADVISED. */
#define AN_WB_ADVISED "-77.25" /* as no time and no sequence reads */
void an_wb_test_advise(an_wb_test *f);
void an_wb_test_ask(an_wb_test *f, size_t who);
void an_wb_test_enable(an_wb_test *f); /* both, and waits for it */
void an_wb_test_until_verdict(an_wb_test *f,
                              an_wb_verdict_kind v);        /* ... stands there, with two heartbeats */
size_t an_wb_test_said(an_wb_test *f, const char *text);    /* how often the journal has the text */
size_t an_wb_test_journal(an_wb_test *f, const char *what); /* ... an entry of that kind */
void an_wb_test_until_said(an_wb_test *f, const char *text);
int64_t an_test_wall_ms(void);

/* Until a figure of the statistics is at least n. */
#define AN_WB_UNTIL(f, figure, n)                                                                            \
    do {                                                                                                     \
        const int64_t an_until = an_test_mono_ms() + 30000;                                                  \
        while (an_wb_stats_get((f)->w).figure < (n)) {                                                       \
            if (an_test_mono_ms() > an_until)                                                                \
                fail_msg("waited for " #figure);                                                             \
            an_wb_test_tick(f);                                                                              \
        }                                                                                                    \
    } while (0)

#endif
