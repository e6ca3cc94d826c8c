/* What every source must do, whatever it reads: found by name, documented options, rows
 * numbered without gaps, a position that resumes, unknown options refused, memory failures
 * survived.  A new source needs one row in `samples` and no test. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/source.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/yaml.h"

#define ROWS 200

/* Options that give at least one and at most ROWS rows, and an end; of a live source such that name a device
 * that is not there.  %s is a scratch folder. */
typedef struct sample {
    const char *type;
    const char *options;
} sample;
static const sample samples[] = {
    {"csv", "path: %s/data.csv, follow: false"},
    {"images", "path: %s, follow: false"},
#ifdef AN_HAVE_ARAVIS
    {"genicam", "device: Fake_1, trigger: None, width: 4, height: 2"}, /* it has no such trigger */
#endif
#ifdef AN_HAVE_MODBUS
    {"modbus",
     "devices: [{tcp: '127.0.0.1:1', timeout_ms: 50, tags: [{name: a, table: input, address: 7}]}]"},
#endif
#ifdef AN_HAVE_FFT
    {"spectral", "of: {type: csv, path: %s/data.csv, follow: false}, rate_hz: 1, frame: 16, hop: 4, "
                 "log_bands: 2, log_from: 0.1"},
#endif
#ifdef AN_HAVE_SNDFILE
    {"wav", "path: %s/sound.wav, follow: false"},
#endif
#ifdef AN_HAVE_MQTT
    {"mqtt", "broker: 'mqtt://127.0.0.1:1', client: c, tags: [{name: a, topic: a/b}]"},
#endif
#ifdef AN_HAVE_OPCUA
    {"opcua", "endpoint: 'opc.tcp://127.0.0.1:1', security: none, tags: [{name: a, node: i=2258}]"},
#endif
    {"v4l2", "device: /dev/null, width: 4, height: 2"},
    {"sql", "database: sqlite, address: %s/none.db, query: t, time: t, columns: [a, b]"},
    {"sim", "line: pump, rows: 150, site: 3, seed: 9"},
};

static char dir[64];

static const char *options_of(const char *type)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (strcmp(samples[i].type, type) == 0)
            return samples[i].options;
    fail_msg("source %s has no row in samples", type);
    return NULL;
}

static an_err open_with(const an_source_type *type, const char *more, an_source **ret, an_note *why)
{
    char options[256], text[512];
    an_yaml *doc = NULL;
    snprintf(options, sizeof options, options_of(type->name), dir);
    snprintf(text, sizeof text, "{%s%s}", options, more);
    an_err err = an_yaml_parse(text, strlen(text), "sample", &doc, why);
    assert_int_equal(err, AN_OK);
    err = an_source_open(type->name, an_yaml_root(doc), an_clock_system(), ret, why);
    an_yaml_free(doc);
    return err;
}

static an_source *must_open(const an_source_type *type)
{
    an_source *s = NULL;
    an_note why = {0};
    an_err err = open_with(type, "", &s, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    return s;
}

/* Reads up to `most` rows; returns how many.  values: (most, width). */
static size_t read_rows(an_source *s, size_t batch, size_t most, float *values, uint64_t *rows)
{
    an_batch b;
    int64_t wait_ms;
    size_t n = 0;
    an_err err = an_batch_init(&b, an_source_width(s), batch);
    assert_int_equal(err, AN_OK);
    while (n < most && (err = an_source_next(s, &b, &wait_ms, NULL)) == AN_OK) {
        assert_in_range(b.n, 1, batch);
        for (size_t i = 0; i < b.n && n < most; i++, n++) {
            memcpy(values + n * b.width, b.values + i * b.width, b.width * sizeof *values);
            rows[n] = b.row[i];
            assert_in_range(b.label[i] + 1, 0, 2);
        }
    }
    if (n < most)
        assert_int_equal(err, AN_ERR_NOTFOUND);
    an_batch_done(&b);
    return n;
}

static void is_found_by_its_name_and_documents_its_options(void **state)
{
    const an_source_type *type = *state;
    assert_ptr_equal(an_source_type_find(type->name), type);
    assert_true(type->meaning[0] != '\0');
    assert_true(type->state_size > 0);
    for (const an_source_option *o = type->options; o->key; o++) {
        assert_true(o->meaning && o->meaning[0]);
        assert_true(o->min <= o->max);
    }
}

static void names_its_sensors(void **state)
{
    an_source *s = must_open(*state);
    assert_in_range(an_source_width(s), 1, AN_SOURCE_WIDTH_MAX);
    for (size_t i = 0; i < an_source_width(s); i++) {
        assert_true(an_source_sensor(s, i)[0] != '\0');
        assert_non_null(an_source_unit(s, i));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(an_source_sensor(s, i), an_source_sensor(s, j));
    }
    an_source_close(s);
}

static void gives_the_same_rows_in_batches_of_any_size(void **state)
{
    static float one[ROWS * 64], many[ROWS * 64];
    static uint64_t rows[ROWS];
    an_source *s = must_open(*state);
    const size_t w = an_source_width(s);
    assert_in_range(w, 1, 64);
    size_t n = read_rows(s, 1, ROWS, one, rows);
    an_source_close(s);
    assert_in_range(n, 2, ROWS);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(rows[i], i);
    s = must_open(*state);
    assert_int_equal(read_rows(s, 37, ROWS, many, rows), n);
    assert_memory_equal(one, many, n * w * sizeof *one);
    an_source_close(s);
}

static void resumes_where_it_stopped(void **state)
{
    static float all[ROWS * 64], rest[ROWS * 64];
    static uint64_t rows[ROWS];
    an_source *s = must_open(*state);
    const size_t w = an_source_width(s), n = read_rows(s, 8, ROWS, all, rows), stop = n / 3;
    an_source_close(s);
    s = must_open(*state);
    read_rows(s, 1, stop, rest, rows);
    an_buf at;
    an_buf_init(&at, 1 << 16);
    assert_int_equal(an_source_save(s, &at), AN_OK);
    an_source_close(s);
    s = must_open(*state);
    an_reader in = an_reader_of(at.data, at.len);
    assert_int_equal(an_source_restore(s, &in, NULL), AN_OK);
    assert_int_equal(read_rows(s, 8, ROWS, rest, rows), n - stop);
    assert_int_equal(rows[0], stop);
    assert_memory_equal(all + stop * w, rest, (n - stop) * w * sizeof *all);
    in = an_reader_of("\x01\x03xyz", 5);
    assert_int_equal(an_source_restore(s, &in, NULL), AN_ERR_PROTO);
    an_source_close(s);
    an_buf_done(&at);
}

static void refuses_an_unknown_option_by_name(void **state)
{
    an_source *s = NULL;
    an_note why = {0};
    assert_int_equal(open_with(*state, ", frobnicate: 3", &s, &why), AN_ERR_INVAL);
    assert_non_null(strstr(why.text, "frobnicate"));
    assert_non_null(strstr(why.text, "sample:1:"));
    assert_int_equal(open_with(*state, ", speed: -1", &s, &why), AN_ERR_INVAL);
    assert_null(s);
}

static void survives_every_allocation_failure(void **state)
{
    const an_source_type *type = *state;
    char options[256], text[300];
    an_yaml *doc = NULL;
    snprintf(options, sizeof options, options_of(type->name), dir);
    snprintf(text, sizeof text, "{%s}", options);
    an_err err = an_yaml_parse(text, strlen(text), "sample", &doc, NULL);
    assert_int_equal(err, AN_OK);
    size_t n = 0, live = an_mem_live();
    do {
        an_source *s = NULL;
        an_batch b = {0};
        int64_t wait_ms;
        an_mem_fail_after(n++);
        err = an_source_open(type->name, an_yaml_root(doc), an_clock_system(), &s, NULL);
        if (!err)
            err = an_batch_init(&b, an_source_width(s), 8);
        if (!err)
            err = an_source_next(s, &b, &wait_ms, NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM || (type->live && err == AN_ERR_AGAIN));
        an_batch_done(&b);
        an_source_close(s);
        assert_int_equal(an_mem_live(), live);
    } while (err == AN_ERR_NOMEM);
    assert_true(n > 4);
    an_yaml_free(doc);
}

/* A device is seldom there at the moment at which the agent starts. */
static void opens_while_its_device_is_away(void **state)
{
    an_source *s = must_open(*state);
    an_batch b;
    int64_t wait_ms = 0;
    assert_int_equal(an_batch_init(&b, an_source_width(s), 8), AN_OK);
    an_err err = an_source_next(s, &b, &wait_ms, NULL);
    assert_true(err == AN_OK || err == AN_ERR_AGAIN);
    if (err == AN_OK)
        for (size_t i = 0; i < b.n * b.width; i++)
            assert_int_equal(b.quality[i], AN_VALUE_UNREACHED);
    else
        assert_true(wait_ms > 0);
    an_batch_done(&b);
    an_source_close(s);
}

int main(void)
{
    int failed = 0;
    char path[96];
    an_buf b;
    snprintf(dir, sizeof dir, "/tmp/andon-sources-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/data.csv", dir);
    an_buf_init(&b, 1 << 20);
    an_buf_text(&b, "time,flow,heat\n");
    for (int i = 0; i < 100; i++)
        an_buf_printf(&b, "2026-01-01 00:%02d:%02d,%d.5,%d\n", i / 60, i % 60, i, i * i);
    if (an_file_write(path, b.data, b.len, 0644, NULL) != AN_OK)
        return 1;
    an_buf_clear(&b);
    static const char header[] =
        "RIFF\x6c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\x48\0\0";
    an_buf_put(&b, header, sizeof header);
    for (int i = 0; i < 72; i++)
        an_buf_u8(&b, (uint8_t)(i * i));
    snprintf(path, sizeof path, "%s/sound.wav", dir);
    if (an_file_write(path, b.data, b.len, 0644, NULL) != AN_OK)
        return 1;
    for (int i = 0; i < 3; i++) {
        an_buf_clear(&b);
        an_buf_printf(&b, "P2 3 2 9 1 2 3 4 %d 6", i);
        snprintf(path, sizeof path, "%s/%d.pgm", dir, i);
        if (an_file_write(path, b.data, b.len, 0644, NULL) != AN_OK)
            return 1;
    }
    an_buf_done(&b);
    for (size_t i = 0; an_source_type_at(i); i++) {
        union {
            const an_source_type *type;
            void *state;
        } row = {.type = an_source_type_at(i)};
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(is_found_by_its_name_and_documents_its_options, row.state),
            cmocka_unit_test_prestate(names_its_sensors, row.state),
            cmocka_unit_test_prestate(gives_the_same_rows_in_batches_of_any_size, row.state),
            cmocka_unit_test_prestate(resumes_where_it_stopped, row.state),
            cmocka_unit_test_prestate(refuses_an_unknown_option_by_name, row.state),
            cmocka_unit_test_prestate(survives_every_allocation_failure, row.state),
        };
        const struct CMUnitTest live[] = {
            cmocka_unit_test_prestate(is_found_by_its_name_and_documents_its_options, row.state),
            cmocka_unit_test_prestate(names_its_sensors, row.state),
            cmocka_unit_test_prestate(refuses_an_unknown_option_by_name, row.state),
            cmocka_unit_test_prestate(survives_every_allocation_failure, row.state),
            cmocka_unit_test_prestate(opens_while_its_device_is_away, row.state),
        };
        failed += row.type->live ? cmocka_run_group_tests_name(row.type->name, live, NULL, NULL)
                                 : cmocka_run_group_tests_name(row.type->name, tests, NULL, NULL);
    }
    static const char *const made[] = {"data.csv", "sound.wav", "0.pgm", "1.pgm", "2.pgm"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, made[i]);
        unlink(path);
    }
    rmdir(dir);
    return failed ? 1 : 0;
}
