/* Hours of the week. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/calendar.h"

#define HOUR INT64_C(3600000)
#define MONDAY (INT64_C(1780272000000)) /* 1 June 2026, 0:00 UTC */
#define AT(day, hour) (MONDAY + ((day)*24 + (hour)) * HOUR)

static void a_time_is_inside_or_outside(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at, next; /* next: hours until it is open; 0: it is */
    } rows[] = {
        {"", AT(0, 0), 0},
        {"Mon-Fri 22:00-05:00", AT(0, 21), 1},
        {"Mon-Fri 22:00-05:00", AT(0, 22), 0},
        {"Mon-Fri 22:00-05:00", AT(1, 4), 0},
        {"Mon-Fri 22:00-05:00", AT(0, 4), 18}, /* Sunday's night is not in it */
        {"Mon-Fri 22:00-05:00", AT(5, 4), 0},  /* Friday's goes on into Saturday */
        {"Mon-Fri 22:00-05:00", AT(5, 5), 65},
        {"Sun 22:00-05:00", AT(0, 3), 0}, /* over the end of the week */
        {"Sat,Sun 00:00-24:00", AT(4, 23), 1},
        {"Sat,Sun 00:00-24:00", AT(6, 23), 0},
        {"Sat,Sun 00:00-24:00", AT(7, 0), 120},
        {"02:00-04:00", AT(3, 3), 0},
        {"02:00-04:00", AT(3, 4), 22},
        {"Fri-Mon 6:00-7:00; Wed 12:00-13:00", AT(2, 12), 0},
        {"Fri-Mon 6:00-7:00; Wed 12:00-13:00", AT(1, 6), 30},
        {"Fri-Mon 6:00-7:00; Wed 12:00-13:00", AT(6, 6), 0},
        {"Mon 00:00-01:00 UTC+1", AT(-1, 23), 0}, /* Sunday, 23:00 UTC */
        {"Mon 00:00-01:00 UTC+1", AT(0, 0), 167},
        {"Sun 22:00-23:00; Mon 00:00-01:00 UTC-03:00", AT(0, 0), 1},
        {"Sun 22:00-23:00 UTC", AT(0, 0), 166},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        an_calendar c;
        an_note why = {{0}};
        if (an_calendar_parse(rows[i].text, &c, &why) != AN_OK)
            fail_msg("%s", why.text);
        const int64_t next = an_calendar_next(&c, rows[i].at);
        if (an_calendar_open(&c, rows[i].at) != (rows[i].next == 0) ||
            next != rows[i].at + rows[i].next * HOUR)
            fail_msg("row %zu (%s): opens in %lld hours", i, rows[i].text,
                     (long long)((next - rows[i].at) / HOUR));
    }
}

static void a_text_that_says_no_hours_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Mon",
                                        "Monday 1:00-2:00",
                                        "25:00-26:00",
                                        "22:00",
                                        "22:00-22:00",
                                        "Mon- 1:00-2:00",
                                        "1:60-2:00",
                                        "1:0-2:00",
                                        "24:00-1:00",
                                        "1:00-2:00 Mon",
                                        "Mon,1:00-2:00",
                                        "1:00-2:00,3:00-4:00",
                                        "always",
                                        "1:00-2:00 UTC+",
                                        "1:00-2:00 UTC1",
                                        "1:00-2:00 UTC+1; 3:00-4:00",
                                        "1:00-2:00 UTC+15"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        an_calendar c;
        an_note why = {{0}};
        if (an_calendar_parse(wrong[i], &c, &why) != AN_ERR_INVAL || !why.text[0])
            fail_msg("%s was taken", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_inside_or_outside),
        cmocka_unit_test(a_text_that_says_no_hours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
