/* The verb init: what it takes a tag for, and the configurations that it writes of files and databases. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/init_judge.h"
#include "agent/source.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/sqlite.h"
#include "tests/support/init.h"

/* ---- one tag ---- */

static bool judged(double (*value)(int i), int n, const char *reason)
{
    an_init_stats s = {.rows = 0};
    char why[AN_INIT_WHY_MAX];
    for (int i = 0; i < n; i++) {
        const double v = value(i);
        an_init_stats_add(&s, v, isnan(v) ? AN_VALUE_BAD : AN_VALUE_GOOD, 1000 * (int64_t)i);
    }
    const bool taken = an_init_judge(&s, why);
    if (!strstr(why, reason))
        fail_msg("\"%s\" is not in \"%s\"", reason, why);
    return taken;
}

static double wave(int i)
{
    return sin(i / 5.0);
}
static double same(int i)
{
    (void)i;
    return 7;
}
static double text(int i)
{
    (void)i;
    return NAN;
}
static double count(int i)
{
    return 100 + 2 * i;
}
static double wrapping(int i)
{
    return i % 200;
}
static double seconds(int i)
{
    return 1.7e9 + i;
}
static double millis(int i)
{
    return 1.7e12 + 1000.0 * i;
}
static double meter(int i)
{
    return 12.5 + i * 0.01;
}
static double warming(int i)
{
    return 20.5 + i * 0.1;
}
static double on_off(int i)
{
    return i / 3 % 2;
}
static double once(int i)
{
    return i > 5;
}
static double mostly_away(int i)
{
    return i % 4 == 0 ? i % 7 : (double)NAN;
}

static void a_tag_is_taken_for_what_it_is(void **state)
{
    (void)state;
    assert_true(judged(wave, 40, ""));
    assert_false(judged(same, 40, "constant: 7 in all of 40"));
    assert_false(judged(text, 40, "no number"));
    assert_false(judged(text, 0, "no row"));
    assert_false(judged(count, 40, "a counter"));
    assert_false(judged(wrapping, 1000, "a counter"));
    assert_false(judged(seconds, 40, "a clock"));
    assert_false(judged(millis, 40, "a clock"));
    assert_false(judged(meter, 1000, "a counter"));
    assert_true(judged(warming, 40, "")); /* too short to be sure */
    assert_true(judged(on_off, 40, "a state: 0 or 1"));
    assert_true(judged(once, 40, ""));
    assert_true(judged(mostly_away, 40, "without a value in 75 %"));
}

static void the_step_is_not_longer_than_the_changes(void **state)
{
    (void)state;
    assert_int_equal(an_init_round_step(1000), 1000);
    assert_int_equal(an_init_round_step(990), 1000);
    assert_int_equal(an_init_round_step(700), 500);
    assert_int_equal(an_init_round_step(3), 10);
    assert_int_equal(an_init_round_step(1 << 30), 60000);
}

/* ---- CSV ---- */

static void write_csv(const an_init_test *t, const char *name, const char *header, int from, int to,
                      void (*line)(FILE *f, int i))
{
    char path[AN_PATH_MAX];
    snprintf(path, sizeof path, "%.900s/%s", t->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(header, f);
    for (int i = from; i < to; i++)
        line(f, i);
    fclose(f);
}

static void german(FILE *f, int i)
{
    fprintf(f, "09.03.2026 10:%02d:%02d;5,%03d;%d;7;OK;T%04d;%d\n", i / 60 % 60, i % 60, i * 37 % 1000, i,
            i / 5, 1772000000 + i);
}

static void a_csv_folder_is_understood(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_init_test_begin(&t);
    write_csv(&t, "a-1.csv", "Zeit;Druck;Zaehler;Fest;Status;Teil;Epoche\n", 0, 300, german);
    write_csv(&t, "a-2.csv", "Zeit;Druck;Zaehler;Fest;Status;Teil;Epoche\n", 300, 500, german);
    if (an_init_test_run(&t, "csv", t.dir, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "decimal_comma: true"));
    assert_true(an_init_test_has(&t, "time: Zeit"));
    assert_true(an_init_test_has(&t, "tz: "));
    assert_true(an_init_test_has(&t, "part: Teil"));
    assert_true(an_init_test_has(&t, "gap_ms: 10000"));
    assert_true(an_init_test_has(&t, "rate_hz: 1 "));
    assert_true(an_init_test_has(&t, "#   Zaehler: a counter"));
    assert_true(an_init_test_has(&t, "#   Fest: constant"));
    assert_true(an_init_test_has(&t, "#   Status: no number"));
    assert_true(an_init_test_has(&t, "#   Epoche: a clock"));
    assert_true(an_init_test_has(&t, "# sensors:\n#   - Druck\n# rate_hz: 1\n# window: 10\n"));
    assert_int_equal(an_init_test_rows(&t, 500), 1);
    /* What is there is not written over. */
    assert_int_equal(an_init_test_run(&t, "csv", t.dir, NULL, &why), AN_ERR_EXISTS);
    an_init_test_end(&t);
}

static void hostile(FILE *f, int i)
{
    fprintf(f, "%d,%d.5,%d,%s\n", 1772000000 + i, i * 7 % 11, i * 3 % 5, i % 2 ? "192" : "0");
}

static void names_of_any_kind_and_times_that_are_numbers(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    char path[AN_PATH_MAX];
    an_init_test_begin(&t);
    write_csv(&t, "b.csv", "stamp,\"a: {b}\\ #\"\"c\"\"\",*yes,*yes_q\n", 0, 250, hostile);
    snprintf(path, sizeof path, "%.900s/b.csv", t.dir);
    if (an_init_test_run(&t, "csv", path, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "time: stamp  # seconds or milliseconds since 1970"));
    assert_true(an_init_test_has(&t, "quality_suffix: _q"));
    assert_true(an_init_test_has(&t, "\"a: {b}\\\\ #\\\"c\\\"\""));
    assert_true(an_init_test_has(&t, "\"*yes\""));
    assert_int_equal(an_init_test_rows(&t, 100), 2);
    an_init_test_end(&t);
}

static void still(FILE *f, int i)
{
    fprintf(f, "2026-03-09 10:00:%02d,7\n", i % 60);
}

static void nothing_is_written_of_what_says_nothing(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    char path[AN_PATH_MAX];
    an_init_test_begin(&t);
    write_csv(&t, "c.csv", "time,x\n", 0, 250, still);
    snprintf(path, sizeof path, "%.900s/c.csv", t.dir);
    assert_int_equal(an_init_test_run(&t, "csv", path, NULL, &why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "nothing that changes"));
    assert_false(an_file_exists(t.out));
    assert_int_equal(an_init_test_run(&t, "csv", "/nowhere/at.csv", NULL, &why), AN_ERR_NOTFOUND);
    assert_int_equal(an_init_test_run(&t, "csv", NULL, NULL, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "--path"));
    assert_int_equal(an_init_test_run(&t, NULL, NULL, NULL, &why), AN_ERR_INVAL);
    assert_int_equal(an_init_test_run(&t, "sql", "/nowhere.db", NULL, &why), AN_ERR_NOTFOUND);
    assert_non_null(strstr(why.text, "/nowhere.db: no such file"));
    assert_int_equal(an_init_test_run(&t, "cvs", path, NULL, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "this agent has csv, images"));
    assert_int_equal(an_init_test_run(&t, "csv", path, "nonsense=1", &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "nonsense"));
    assert_false(an_file_exists(t.out));
    an_init_test_end(&t);
}

static void a_person_is_asked_what_is_not_given(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    char path[AN_PATH_MAX], answers[AN_PATH_MAX + 100];
    an_init_test_begin(&t);
    write_csv(&t, "a.csv", "Zeit;Druck;Zaehler;Fest;Status;Teil;Epoche\n", 0, 300, german);
    snprintf(path, sizeof path, "%.900s/a.csv", t.dir);
    /* kind, path (once empty), zone, site, line, model, data as proposed */
    snprintf(answers, sizeof answers, "csv\n\n%.900s\nEurope/Berlin\nplant-q\npress\n\n\n", path);
    t.in = fmemopen(answers, strlen(answers), "r");
    if (an_init_test_run(&t, NULL, NULL, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "site: plant-q"));
    assert_true(an_init_test_has(&t, "name: press"));
    assert_true(an_init_test_has(&t, "model: press"));
    assert_true(an_init_test_has(&t, "tz: Europe/Berlin"));
    assert_int_equal(an_init_test_rows(&t, 300), 1);
    an_init_test_end(&t);
}

/* ---- a database ---- */

static void exec(an_db *db, const char *sql)
{
    an_note why = {{0}};
    if (an_db_exec(db, sql, &why) != AN_OK)
        fail_msg("%s", why.text);
}

static void tables_of_a_historian_are_told_apart(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_db *db = NULL;
    char path[AN_PATH_MAX];
    an_init_test_begin(&t);
    t.for_ms = 1500;
    snprintf(path, sizeof path, "%.900s/plant.db", t.dir);
    assert_int_equal(an_db_open(path, &db, &why), AN_OK);
    exec(db, "CREATE TABLE notes (id INTEGER PRIMARY KEY, said TEXT)");
    exec(db, "CREATE TABLE wide (id INTEGER PRIMARY KEY, ts TEXT, force REAL, heat REAL, fixed REAL)");
    exec(db, "CREATE TABLE hist (id INTEGER PRIMARY KEY, ts TEXT, tag TEXT, val REAL)");
    exec(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) INSERT INTO wide "
             "SELECT i, "
             "datetime(1772000000 + i, 'unixepoch'), i * 37 % 101 / 7.0, i * 53 % 89 / 3.0, 4 FROM n");
    exec(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800) INSERT INTO hist "
             "SELECT i, "
             "datetime(1772000000 + i / 2, 'unixepoch'), CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, i * 37 % "
             "101 / 7.0 "
             "FROM n");
    an_db_close(db);
    if (an_init_test_run(&t, "sql", path, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "query: wide"));
    assert_true(an_init_test_has(&t, "bookmark: id"));
    assert_true(an_init_test_has(&t, "time: ts"));
    assert_true(an_init_test_has(&t, "#   fixed: constant"));
    assert_int_equal(an_init_test_rows(&t, 400), 2);
    assert_int_equal(an_file_remove(t.out, NULL), AN_OK);
    /* The same as a person who names the other table. */
    char answers[] = "hist\nplant-q\nline-1\n\n\n";
    t.in = fmemopen(answers, strlen(answers), "r");
    if (an_init_test_run(&t, "sql", path, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "tag: tag"));
    assert_true(an_init_test_has(&t, "value: val"));
    assert_int_equal(an_init_test_rows(&t, 300), 2);
    assert_int_equal(an_file_remove(t.out, NULL), AN_OK);
    fclose(t.in);
    t.in = NULL;
    if (an_init_test_run(&t, "sql", path, "query=hist", &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_int_equal(an_init_test_rows(&t, 300), 2);
    assert_int_equal(an_file_remove(t.out, NULL), AN_OK);
    assert_int_equal(an_init_test_run(&t, "sql", path, "query=notes", &why), AN_ERR_NOTFOUND);
    an_init_test_end(&t);
}

/* ---- images and sound ---- */

static void write_pgm(const an_init_test *t, int i)
{
    char path[AN_PATH_MAX];
    snprintf(path, sizeof path, "%.900s/P%03d_%d.pgm", t->dir, i / 2, i % 2);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "P5 8 6 255\n");
    for (int k = 0; k < 48; k++)
        fputc((i * 31 + k * 17) % 200, f);
    fclose(f);
}

static void a_folder_of_images_gives_windows_of_their_height(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_init_test_begin(&t);
    for (int i = 0; i < 40; i++)
        write_pgm(&t, i);
    if (an_init_test_run(&t, "images", t.dir, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "window: 6 "));
    assert_true(an_init_test_has(&t, "part: \"{part}_{n}.pgm\""));
    assert_int_equal(an_init_test_rows(&t, 100), 8);
    an_init_test_end(&t);
}

#ifdef AN_HAVE_ARAVIS
static void a_camera_gives_images_of_a_size_that_models_take(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_init_test_begin(&t);
    t.for_ms = 1000;
    if (an_init_test_run(&t, "genicam", "Fake_1", "height=32", &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "device: Fake_1"));
    assert_true(an_init_test_has(&t, "window: 32 "));
    assert_true(an_init_test_has(&t, "part: \"{run}-{n}\""));
    assert_int_equal(an_init_test_rows(&t, 64), 128);
    an_init_test_end(&t);
}
#endif

#if defined(AN_HAVE_SNDFILE) && defined(AN_HAVE_FFT)
static void put_le(FILE *f, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(v >> (8 * i) & 0xff), f);
}

enum { RATE = 8000 };

static void write_wav(const char *dir, const char *name, int samples)
{
    char path[AN_PATH_MAX];
    snprintf(path, sizeof path, "%.900s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("RIFF", f);
    put_le(f, 36 + (uint32_t)samples * 2, 4);
    fputs("WAVEfmt ", f);
    put_le(f, 16, 4);
    put_le(f, 1 | 1 << 16, 4); /* PCM, one channel */
    put_le(f, RATE, 4);
    put_le(f, RATE * 2, 4);
    put_le(f, 2 | 16 << 16, 4);
    fputs("data", f);
    put_le(f, (uint32_t)samples * 2, 4);
    for (int i = 0; i < samples; i++)
        put_le(f, (uint32_t)(int32_t)(8000 * sin(i * (0.3 + i * 1e-6))), 2);
    fclose(f);
}

static void sound_is_seen_as_its_spectra(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    char path[AN_PATH_MAX];
    an_init_test_begin(&t);
    write_wav(t.dir, "bearing.wav", 4 * RATE);
    snprintf(path, sizeof path, "%.900s/bearing.wav", t.dir);
    if (an_init_test_run(&t, "wav", path, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "type: spectral"));
    assert_true(an_init_test_has(&t, "rate_hz: 8000"));
    assert_true(an_init_test_rows(&t, 20) > 12);
    an_init_test_end(&t);
}

static void no_window_is_longer_than_a_recording(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_init_test_begin(&t);
    write_wav(t.dir, "a-1.wav", 12 * 1024); /* 1024 samples make a spectrum */
    write_wav(t.dir, "a-2.wav", 12 * 1024);
    write_wav(t.dir, "a-3.wav", 12 * 1024);
    if (an_init_test_run(&t, "wav", t.dir, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "window: 12 "));
    assert_false(an_init_test_has(&t, "time: name"));
    an_init_test_end(&t);
}

static void times_in_names_are_taken_and_one_recording_says_how_long_they_are(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_init_test_begin(&t);
    write_wav(t.dir, "press_2026-03-09_10-14-33.wav", 9 * 1024);
    t.for_ms = 1500; /* there are few rows: more are waited for */
    if (an_init_test_run(&t, "wav", t.dir, NULL, &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, ", time: name}"));
    assert_true(an_init_test_has(&t, "window: 9 "));
    an_init_test_end(&t);
}
#endif

/* ---- sources that it knows by their options alone ---- */

static void any_source_is_taken_as_its_options_say(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    an_init_test_begin(&t);
    t.for_ms = 500;
    if (an_init_test_run(&t, "sim", "pump", "steady=true", &why) != AN_OK)
        fail_msg("%s", why.text);
    assert_true(an_init_test_has(&t, "line: pump"));
    assert_true(an_init_test_has(&t, "steady: true"));
    assert_int_equal(an_init_test_rows(&t, 100), 11);
    an_init_test_end(&t);
}

static void memory_that_ends_is_an_error(void **state)
{
    (void)state;
    an_init_test t;
    an_note why = {{0}};
    char path[AN_PATH_MAX];
    an_err err = AN_ERR_NOMEM;
    an_init_test_begin(&t);
    write_csv(&t, "a.csv", "Zeit;Druck;Zaehler;Fest;Status;Teil;Epoche\n", 0, 60, german);
    snprintf(path, sizeof path, "%.900s/a.csv", t.dir);
    t.for_ms = 50;
    for (uint64_t i = 0; i < 4000 && err != AN_OK; i += 1 + i / 8) {
        an_mem_fail_after(i);
        err = an_init_test_run(&t, "csv", path, "tz=UTC", &why);
        an_mem_fail_never();
    }
    assert_int_equal(err, AN_OK);
    an_init_test_end(&t);
}

int main(void)
{
    an_log_init(AN_LOG_OFF, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_is_taken_for_what_it_is),
        cmocka_unit_test(the_step_is_not_longer_than_the_changes),
        cmocka_unit_test(a_csv_folder_is_understood),
        cmocka_unit_test(names_of_any_kind_and_times_that_are_numbers),
        cmocka_unit_test(nothing_is_written_of_what_says_nothing),
        cmocka_unit_test(a_person_is_asked_what_is_not_given),
        cmocka_unit_test(tables_of_a_historian_are_told_apart),
        cmocka_unit_test(a_folder_of_images_gives_windows_of_their_height),
#ifdef AN_HAVE_ARAVIS
        cmocka_unit_test(a_camera_gives_images_of_a_size_that_models_take),
#endif
#if defined(AN_HAVE_SNDFILE) && defined(AN_HAVE_FFT)
        cmocka_unit_test(sound_is_seen_as_its_spectra),
        cmocka_unit_test(no_window_is_longer_than_a_recording),
        cmocka_unit_test(times_in_names_are_taken_and_one_recording_says_how_long_they_are),
#endif
        cmocka_unit_test(any_source_is_taken_as_its_options_say),
        cmocka_unit_test(memory_that_ends_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
