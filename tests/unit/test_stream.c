/* Rows of one source for several lines. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/stream.h"
#include "base/mem.h"

#define WIDTH 4
#define ROWS 8

static const char *const names[] = {"d", "b"}, *const units[] = {"bar", ""};

static an_source *share(bool paced, an_stream **ret)
{
    static const size_t columns[] = {3, 1};
    an_source *s = NULL;
    assert_int_equal(an_stream_new(columns, names, units, 2, ROWS, paced, ret), AN_OK);
    assert_int_equal(an_source_of(&an_stream_source, ret, an_clock_system(), &s), AN_OK);
    return s;
}

/* Rows from `first` on; sensor j of row i is 10 i + j. */
static void fill(an_batch *b, uint64_t first, size_t n)
{
    b->n = n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < WIDTH; j++) {
            b->values[i * WIDTH + j] = (float)(10 * (first + i) + j);
            b->quality[i * WIDTH + j] = j == 1 ? AN_VALUE_UNCERTAIN : AN_VALUE_GOOD;
        }
        b->row[i] = first + i;
        b->time_ms[i] = (int64_t)(1000 * (first + i));
        b->flags[i] = first + i == 0 ? AN_ROW_RESTART : 0;
        b->label[i] = AN_LABEL_UNKNOWN;
        snprintf(b->part[i], AN_PART_MAX, "P%zu", (size_t)(first + i));
    }
}

static void put(an_stream *s, an_batch *b, uint64_t first, size_t n)
{
    fill(b, first, n);
    const uint64_t behind = first + n;
    an_stream_put(s, b, &behind, sizeof behind);
}

/* The row behind which the saved position lies; 0: none is known. */
static uint64_t position_of(const an_source *s)
{
    an_buf saved;
    uint64_t row = 0;
    an_note why = {{0}};
    an_buf_init(&saved, 1 << 12);
    assert_int_equal(an_source_save(s, &saved), AN_OK);
    an_reader in = an_reader_of(saved.data, saved.len), inner;
    assert_int_equal(an_stream_position(&in, &inner, &why), AN_OK);
    if (inner.left > 0) {
        assert_int_equal(inner.left, sizeof row);
        memcpy(&row, inner.at, sizeof row);
    }
    an_buf_done(&saved);
    return row;
}

static void each_line_gets_its_sensors_of_each_row(void **state)
{
    (void)state;
    an_stream *stream = NULL;
    an_source *s = share(false, &stream);
    an_batch in, out;
    int64_t wait_ms = 0;
    assert_int_equal(an_batch_init(&in, WIDTH, ROWS), AN_OK);
    assert_int_equal(an_batch_init(&out, 2, 3), AN_OK);
    assert_string_equal(an_source_sensor(s, 0), "d");
    assert_string_equal(an_source_unit(s, 0), "bar");
    assert_int_equal(an_source_next(s, &out, &wait_ms, NULL), AN_ERR_AGAIN);
    put(stream, &in, 0, 8);
    put(stream, &in, 8, 1);
    an_stream_end(stream);
    uint64_t row = 0;
    an_err err;
    while ((err = an_source_next(s, &out, &wait_ms, NULL)) == AN_OK)
        for (size_t i = 0; i < out.n; i++, row++) {
            char part[AN_PART_MAX];
            snprintf(part, sizeof part, "P%zu", (size_t)row);
            assert_true(out.values[2 * i] == (float)(10 * row + 3));
            assert_true(out.values[2 * i + 1] == (float)(10 * row + 1));
            assert_int_equal(out.quality[2 * i], AN_VALUE_GOOD);
            assert_int_equal(out.quality[2 * i + 1], AN_VALUE_UNCERTAIN);
            assert_int_equal(out.row[i], row);
            assert_int_equal(out.time_ms[i], 1000 * row);
            assert_int_equal(out.flags[i], row == 0 ? AN_ROW_RESTART : 0);
            assert_string_equal(out.part[i], part);
        }
    assert_int_equal(err, AN_ERR_NOTFOUND);
    assert_int_equal(row, 9);
    an_batch_done(&in);
    an_batch_done(&out);
    an_source_close(s);
}

static void a_position_lies_behind_no_row_that_was_not_taken(void **state)
{
    (void)state;
    an_stream *stream = NULL, *second = NULL;
    an_source *s = share(false, &stream), *after = share(false, &second);
    an_batch in, out;
    int64_t wait_ms;
    an_buf saved;
    an_buf_init(&saved, 1 << 12);
    assert_int_equal(an_batch_init(&in, WIDTH, ROWS), AN_OK);
    assert_int_equal(an_batch_init(&out, 2, 5), AN_OK);
    assert_int_equal(position_of(s), 0);
    put(stream, &in, 0, 8);
    put(stream, &in, 8, 8);
    static const uint64_t behind[] = {0, 8, 8, 16}; /* after rows 5, 8, 13, 16 */
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(an_source_next(s, &out, &wait_ms, NULL), AN_OK);
        assert_int_equal(position_of(s), behind[i]);
    }
    fill(&in, 16, 2);
    an_stream_put(stream, &in, NULL, 0); /* unknown: the one before holds */
    assert_int_equal(an_source_next(s, &out, &wait_ms, NULL), AN_OK);
    assert_int_equal(position_of(s), 16);

    assert_int_equal(an_source_save(s, &saved), AN_OK);
    an_reader kept = an_reader_of(saved.data, saved.len);
    assert_int_equal(an_source_restore(after, &kept, NULL), AN_OK);
    assert_int_equal(position_of(after), 16);
    for (size_t cut = 0; cut < saved.len; cut++) {
        an_note why = {{0}};
        kept = an_reader_of(saved.data, cut);
        assert_int_equal(an_source_restore(after, &kept, &why), AN_ERR_PROTO);
    }
    an_buf_done(&saved);
    an_batch_done(&in);
    an_batch_done(&out);
    an_source_close(s);
    an_source_close(after);
}

/* A device's rows come one by one: a line that is held up for a moment holds up nobody, and has as many to catch up with. */
static void rows_that_come_one_by_one_take_no_more_room(void **state)
{
    (void)state;
    an_stream *stream = NULL;
    an_source *s = share(true, &stream);
    an_batch in, out;
    int64_t wait_ms;
    uint64_t row = 0;
    assert_int_equal(an_batch_init(&in, WIDTH, ROWS), AN_OK);
    assert_int_equal(an_batch_init(&out, 2, ROWS), AN_OK);
    for (uint64_t i = 0; i < 60 * ROWS; i++) {
        assert_true(an_stream_has_room(stream));
        put(stream, &in, i, 1);
    }
    for (; row < 60 * ROWS; row += ROWS) {
        assert_int_equal(an_source_next(s, &out, &wait_ms, NULL), AN_OK);
        assert_int_equal(out.n, ROWS); /* so that it is known to be late */
        for (uint64_t i = 0; i < ROWS; i++)
            assert_true(out.row[i] == row + i && out.values[2 * i] == (float)(10 * (row + i) + 3));
        assert_true(position_of(s) <= row + ROWS);
    }
    assert_int_equal(an_source_next(s, &out, &wait_ms, NULL), AN_ERR_AGAIN);
    put(stream, &in, row, 3);
    assert_int_equal(an_source_next(s, &out, &wait_ms, NULL), AN_OK);
    assert_int_equal(position_of(s), row + 3); /* it keeps up: as exact as it can be */
    an_batch_done(&in);
    an_batch_done(&out);
    an_source_close(s);
}

static void a_pace_is_that_of_the_source(void **state)
{
    (void)state;
    an_stream *stream = NULL;
    an_source *s = share(true, &stream);
    assert_true(an_source_is_paced(s));
    an_source_close(s);
    s = share(false, &stream);
    assert_false(an_source_is_paced(s));
    an_source_close(s);
}

#define MANY UINT64_C(200000)

static void *reads(void *arg)
{
    an_source *s = arg;
    an_batch out;
    an_err err;
    int64_t wait_ms;
    uint64_t row = 0;
    assert_int_equal(an_batch_init(&out, 2, ROWS), AN_OK);
    while ((err = an_source_next(s, &out, &wait_ms, NULL)) != AN_ERR_NOTFOUND)
        for (size_t i = 0; err == AN_OK && i < out.n; i++, row++)
            if (out.row[i] != row || out.values[2 * i] != (float)(10 * row + 3))
                row = MANY * 2; /* stays wrong */
    an_batch_done(&out);
    return row == MANY ? s : NULL;
}

static void nothing_is_lost_between_two_threads_and_a_full_ring_says_so(void **state)
{
    (void)state;
    an_stream *stream = NULL;
    an_source *s = share(false, &stream);
    an_batch in;
    pthread_t thread;
    void *good = NULL;
    uint64_t row = 0, full = 0;
    assert_int_equal(an_batch_init(&in, WIDTH, ROWS), AN_OK);
    for (; an_stream_has_room(stream); row += ROWS)
        put(stream, &in, row, ROWS);
    assert_true(row > 0);
    assert_int_equal(pthread_create(&thread, NULL, reads, s), 0);
    while (row < MANY) {
        if (!an_stream_has_room(stream)) {
            full++;
            continue;
        }
        const size_t n = MANY - row < ROWS ? (size_t)(MANY - row) : 1 + (size_t)(row % ROWS);
        put(stream, &in, row, n);
        row += n;
    }
    an_stream_end(stream);
    assert_int_equal(pthread_join(thread, &good), 0);
    assert_non_null(good);
    assert_true(full > 0);
    an_batch_done(&in);
    an_source_close(s);
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    static const size_t columns[] = {3, 1};
    const size_t live = an_mem_live();
    size_t n = 0;
    an_err err;
    do {
        an_stream *stream = NULL;
        an_source *s = NULL;
        an_mem_fail_after(n++);
        err = an_stream_new(columns, names, units, 2, ROWS, false, &stream);
        if (err == AN_OK && (err = an_source_of(&an_stream_source, &stream, an_clock_system(), &s)) != AN_OK)
            an_stream_free(stream);
        an_mem_fail_never();
        an_source_close(s);
        assert_int_equal(an_mem_live(), live);
    } while (err == AN_ERR_NOMEM);
    assert_int_equal(err, AN_OK);
    assert_true(n > 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_gets_its_sensors_of_each_row),
        cmocka_unit_test(a_position_lies_behind_no_row_that_was_not_taken),
        cmocka_unit_test(rows_that_come_one_by_one_take_no_more_room),
        cmocka_unit_test(a_pace_is_that_of_the_source),
        cmocka_unit_test(nothing_is_lost_between_two_threads_and_a_full_ring_says_so),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
