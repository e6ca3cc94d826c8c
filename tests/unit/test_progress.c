/* The progress line, onto a memory stream and under a fake clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/progress.h"

typedef struct screen {
    char *text;
    size_t len;
    FILE *out;
    an_clock_fake clock;
} screen;

static void screen_open(screen *s)
{
    s->text = NULL;
    s->len = 0;
    s->out = open_memstream(&s->text, &s->len);
    assert_non_null(s->out);
    an_clock_fake_init(&s->clock, 1000000);
}

static void screen_close(screen *s)
{
    fclose(s->out);
    free(s->text); /* open_memstream's own memory */
}

static void a_terminal_sees_percentage_rate_and_time_left(void **state)
{
    (void)state;
    screen s;
    screen_open(&s);
    an_progress p;
    an_progress_start_on(&p, "train", 200, s.out, true, &s.clock.clock);
    an_progress_step(&p, 1);
    assert_int_equal(s.len, 0);
    an_clock_fake_advance(&s.clock, 10000);
    an_progress_step(&p, 49);
    assert_non_null(strstr(s.text, " 25 %"));
    assert_non_null(strstr(s.text, "5/s"));
    assert_non_null(strstr(s.text, "ETA 0:30"));
    size_t len = s.len;
    an_progress_step(&p, 1);
    assert_int_equal(s.len, len);
    an_progress_set(&p, 999);
    an_progress_end(&p);
    assert_non_null(strstr(s.text, "100 %"));
    assert_int_equal(s.text[s.len - 1], '\n');
    screen_close(&s);
}

static void a_pipe_sees_a_line_every_ten_seconds_and_nothing_of_a_short_step(void **state)
{
    (void)state;
    screen s;
    screen_open(&s);
    an_progress p;
    an_progress_start_on(&p, "short", 10, s.out, false, &s.clock.clock);
    an_clock_fake_advance(&s.clock, 9999);
    an_progress_set(&p, 10);
    an_progress_end(&p);
    fflush(s.out);
    assert_int_equal(s.len, 0);
    an_progress_start_on(&p, "long", 0, s.out, false, &s.clock.clock);
    an_clock_fake_advance(&s.clock, 10000);
    an_progress_set(&p, 30);
    assert_string_equal(s.text, "long  30  3/s  0:10\n");
    const size_t len = s.len;
    an_progress_start_on(&p, "share", 100, s.out, false, &s.clock.clock);
    p.no_rate = true;
    an_clock_fake_advance(&s.clock, 10000);
    an_progress_set(&p, 50);
    assert_string_equal(s.text + len, "share  [==========>         ]  50 %  ETA 0:10\n");
    screen_close(&s);
}

static void a_quiet_process_writes_nothing(void **state)
{
    (void)state;
    an_progress_quiet(true);
    an_progress p;
    an_progress_start(&p, "quiet", 3);
    assert_null(p.out);
    an_progress_step(&p, 3);
    assert_int_equal(p.done, 3);
    an_progress_end(&p);
    an_progress_quiet(false);
    an_progress_start(&p, "heard", 3);
    assert_non_null(p.out);
    an_progress_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_sees_percentage_rate_and_time_left),
        cmocka_unit_test(a_pipe_sees_a_line_every_ten_seconds_and_nothing_of_a_short_step),
        cmocka_unit_test(a_quiet_process_writes_nothing),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
