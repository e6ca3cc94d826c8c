/* Lines that share a source, opened with the marks that an agent before has left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/runtime_line.h"
#include "base/log.h"
#include "tests/support/folder.h"

#define LINES 3
#define ROWS 4000

typedef struct world {
    char dir[AN_PATH_MAX], csv[AN_PATH_MAX];
    an_agent_conf conf;
    an_line lines[LINES];
    an_board board;
    an_buf marks[LINES];
    an_net *net;
    an_pipe *ends[LINES][2];
    an_line_run run[LINES];
} world;

static void write_csv(const char *path, int from)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("time,a,b\n", f) >= 0);
    for (int i = 0; i < ROWS; i++)
        assert_true(fprintf(f, "2026-01-01T%02d:%02d:%02dZ,%d,%d\n", i / 3600, i / 60 % 60, i % 60, from + i,
                            -i) > 0);
    assert_int_equal(fclose(f), 0);
}

static void set_up(world *w)
{
    an_note why;
    *w = (world){.net = NULL};
    an_test_folder_make(w->dir);
    assert_int_equal(an_path_join(w->csv, w->dir, "rows.csv"), AN_OK);
    write_csv(w->csv, 0);
    assert_int_equal(an_net_open(1, &w->net, &why), AN_OK);
    for (size_t i = 0; i < LINES; i++) {
        an_buf_init(&w->marks[i], 4u << 20);
        assert_int_equal(an_pipe_pair(w->net, w->ends[i]), AN_OK);
    }
}

static void open_lines(world *w, const char *lines)
{
    char text[4096];
    an_note why = {{0}};
    snprintf(text, sizeof text, "site: s\ndata: %s\nlines:\n%s", w->dir, lines);
    if (an_agent_conf_parse(text, strlen(text), "s.yaml", &w->conf, &why) != AN_OK)
        fail_msg("%s", why.text);
    an_board_init(&w->board);
    for (size_t i = 0; i < w->conf.n_lines; i++) {
        if (an_line_open(w->lines, &w->conf, i, &w->board, w->marks, &why) != AN_OK)
            fail_msg("%s", why.text);
        w->run[i] = (an_line_run){.l = &w->lines[i], .pipe = w->ends[i][0]};
        w->lines[i].run = &w->run[i];
    }
}

static void close_lines(world *w)
{
    for (size_t i = 0; i < w->conf.n_lines; i++) {
        an_line_close(&w->lines[i]);
        w->lines[i] = (an_line){.leader = NULL};
    }
    an_agent_conf_done(&w->conf);
}

static void tear_down(world *w)
{
    for (size_t i = 0; i < LINES; i++) {
        an_buf_done(&w->marks[i]);
        an_pipe_close(w->ends[i][0]);
        an_pipe_close(w->ends[i][1]);
    }
    an_net_close(w->net);
    an_test_folder_remove(w->dir);
}

/* What the line would leave if the agent were killed now. */
static void mark(world *w, size_t i)
{
    an_say s;
    size_t len;
    an_line_mark(&w->run[i]);
    assert_int_equal(an_pipe_wait(w->ends[i][1], 10000), AN_OK);
    assert_int_equal(an_pipe_recv(w->ends[i][1], &s, sizeof s, &len), AN_OK);
    assert_int_equal(s.kind, AN_SAY_MARK);
    an_buf_done(&w->marks[i]);
    w->marks[i] = s.u.mark;
}

/* The line takes batches as its thread does, without scoring them: *ret_first is the first row that is new to it. */
static float take(world *w, size_t i, size_t batches)
{
    an_line *l = &w->lines[i];
    float first = -1;
    int64_t wait_ms;
    for (size_t k = 0; k < batches; k++) {
        assert_int_equal(an_source_next(l->source, &l->batch, &wait_ms, NULL), AN_OK);
        an_line_stream_put(l);
        for (size_t j = 0; j < l->batch.n; j++) {
            if (l->batch.row[j] < l->next_row)
                continue;
            if (first < 0)
                first = l->batch.values[j * l->batch.width];
            l->next_row = l->batch.row[j] + 1;
        }
    }
    return first;
}

#define LEADER "  - {name: one, model: m, source: {type: csv, path: %s}}\n"
#define SHARES "  - {name: two, model: n, stream: one, sensors: [a]}\n"

static const char *lines_of(const world *w, const char *format)
{
    static char text[2 * AN_PATH_MAX + 512];
    snprintf(text, sizeof text, format, w->csv, w->csv);
    return text;
}

static void a_slow_line_that_is_killed_before_its_first_batch_misses_none(void **state)
{
    (void)state;
    world w;
    set_up(&w);
    open_lines(&w, lines_of(&w, LEADER SHARES));
    mark(&w, 1);
    assert_true(take(&w, 0, 5) == 0);
    mark(&w, 0);
    close_lines(&w);
    open_lines(&w, lines_of(&w, LEADER SHARES));
    const uint64_t had = w.lines[0].next_row;
    assert_true(had > 0);
    assert_true(take(&w, 0, 6) == (float)had);
    assert_true(take(&w, 1, 6) == 0);
    close_lines(&w);
    tear_down(&w);
}

/* A line that was away while the source was replaced has counted other rows. */
static void what_a_line_has_kept_of_another_file_does_not_count(void **state)
{
    (void)state;
    world w;
    set_up(&w);
    open_lines(&w, lines_of(&w, LEADER SHARES));
    take(&w, 0, 20);
    take(&w, 1, 20);
    mark(&w, 0);
    mark(&w, 1);
    const uint64_t had = w.lines[1].next_row;
    close_lines(&w);

    write_csv(w.csv, 100000);
    open_lines(&w, lines_of(&w, LEADER)); /* without the second line */
    assert_true(take(&w, 0, 2) == 100000);
    mark(&w, 0);
    close_lines(&w);

    open_lines(&w, lines_of(&w, LEADER SHARES));
    const uint64_t at = w.lines[0].next_row;
    assert_true(at > 0 && at < had);
    assert_true(take(&w, 0, 2) == (float)(100000 + at));
    assert_true(take(&w, 1, 2) == (float)(100000 + at));
    close_lines(&w);
    tear_down(&w);
}

/* It shares another line's rows now: that one goes on where it was. */
static void a_line_that_has_moved_to_another_source_takes_that_nowhere_else(void **state)
{
    (void)state;
    static const char before[] = LEADER "  - {name: other, model: m, source: {type: csv, path: %s.2}}\n"
                                        "  - {name: two, model: n, stream: one, sensors: [a]}\n",
                      after[] = LEADER "  - {name: other, model: m, source: {type: csv, path: %s.2}}\n"
                                       "  - {name: two, model: n, stream: other, sensors: [a]}\n";
    world w;
    char second[AN_PATH_MAX];
    set_up(&w);
    snprintf(second, sizeof second, "%.1000s.2", w.csv);
    write_csv(second, 50000);
    open_lines(&w, lines_of(&w, before));
    take(&w, 0, 2);
    take(&w, 1, 10);
    take(&w, 2, 2);
    for (size_t i = 0; i < LINES; i++)
        mark(&w, i);
    const uint64_t had = w.lines[1].next_row;
    close_lines(&w);

    open_lines(&w, lines_of(&w, after));
    assert_int_equal(w.lines[1].next_row, had);
    assert_true(take(&w, 1, 1) == (float)(50000 + had));
    assert_true(take(&w, 2, 1) == (float)(50000 + had));
    close_lines(&w);
    tear_down(&w);
}

static void put_mark(an_buf *ret, uint64_t row, uint64_t run, const void *source, size_t len)
{
    an_buf_clear(ret);
    an_buf_u64(ret, row);
    an_buf_u64(ret, run);
    an_buf_u32(ret, (uint32_t)len);
    an_buf_put(ret, source, len);
}

/* Of the line that shares, at `row` of `run`: "stream", and in it a position of one letter. */
static void put_shared(an_buf *ret, uint64_t row, uint64_t run, char letter)
{
    const uint8_t saved[] = {1, 6, 's', 't', 'r', 'e', 'a', 'm', 1, 0, 0, 0, (uint8_t)letter};
    put_mark(ret, row, run, saved, sizeof saved);
}

static char chosen(const char *type, const an_buf *marks)
{
    an_agent_conf conf = {.n_lines = LINES};
    an_reader position;
    for (size_t i = 0; i < LINES; i++)
        conf.lines[i].source_type = type;
    if (!an_line_stream_position(&conf, marks, 0, &position))
        return 0;
    assert_int_equal(position.left, 1);
    return (char)*position.at;
}

static void the_furthest_behind_counts_unless_what_was_said_is_gone(void **state)
{
    (void)state;
    an_buf marks[LINES];
    for (size_t i = 0; i < LINES; i++)
        an_buf_init(&marks[i], 1000);
    put_mark(&marks[0], 100, 7, "x", 1);
    assert_int_equal(chosen("csv", marks), 0);
    put_shared(&marks[1], 90, 7, 'b');
    put_shared(&marks[2], 110, 7, 'c');
    assert_int_equal(chosen("csv", marks), 'b');
    if (an_source_type_find("sql"))
        assert_int_equal(chosen("sql", marks), 'b'); /* a database says it again */
    if (an_source_type_find("modbus"))
        assert_int_equal(chosen("modbus", marks), 'c');
    put_shared(&marks[2], 80, 8, 'c'); /* of another run */
    assert_int_equal(chosen("csv", marks), 'b');
    put_shared(&marks[2], 80, 7, 'c');
    assert_int_equal(chosen("csv", marks), 'c');
    for (size_t len = marks[2].len; len-- > 0;) { /* damaged */
        marks[2].len = len;
        assert_int_equal(chosen("csv", marks), 'b');
    }
    for (size_t i = 0; i < LINES; i++)
        an_buf_done(&marks[i]);
}

/* The position of the one behind is gone: the line itself goes on where it was. */
static void a_place_that_is_gone_does_not_take_the_line_back(void **state)
{
    (void)state;
    world w;
    set_up(&w);
    open_lines(&w, lines_of(&w, LEADER SHARES));
    take(&w, 0, 10);
    take(&w, 1, 2);
    mark(&w, 0);
    const uint64_t had = w.lines[0].next_row;
    put_shared(&w.marks[1], 128, w.lines[0].source_run, '?');
    close_lines(&w);
    open_lines(&w, lines_of(&w, LEADER SHARES));
    assert_int_equal(w.lines[0].next_row, had);
    assert_true(take(&w, 0, 1) == (float)had);
    close_lines(&w);
    tear_down(&w);
}

int main(void)
{
    an_log_init(AN_LOG_ERROR, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_line_that_is_killed_before_its_first_batch_misses_none),
        cmocka_unit_test(what_a_line_has_kept_of_another_file_does_not_count),
        cmocka_unit_test(a_line_that_has_moved_to_another_source_takes_that_nowhere_else),
        cmocka_unit_test(the_furthest_behind_counts_unless_what_was_said_is_gone),
        cmocka_unit_test(a_place_that_is_gone_does_not_take_the_line_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
