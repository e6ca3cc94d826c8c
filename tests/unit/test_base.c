/* The ground everything stands on: errors, memory, buffers, random numbers, files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

static void an_error_has_a_name_and_a_text(void **state)
{
    (void)state;
    assert_string_equal(an_err_name(AN_ERR_PROTO), "PROTO");
    assert_string_equal(an_err_text(AN_ERR_NOMEM), "out of memory");
    an_note note;
    an_err err = an_fail(AN_ERR_INVAL, &note, "line %d", 3);
    assert_int_equal(err, AN_ERR_INVAL);
    assert_string_equal(note.text, "line 3");
    err = an_fail(AN_ERR_INVAL, &note, "%s", "a\nb\tc \x1b[31m\r\x7f");
    assert_string_equal(note.text, "a\nb\tc ?[31m??"); /* nothing that moves a cursor */
}

static void an_allocation_that_would_overflow_is_refused(void **state)
{
    (void)state;
    assert_null(an_alloc(SIZE_MAX / 2, 3));
    assert_null(an_alloc(SIZE_MAX, 1));
}

static void a_buffer_gives_back_what_was_put_and_stops_at_its_maximum(void **state)
{
    (void)state;
    an_buf b;
    an_buf_init(&b, 64);
    an_buf_u8(&b, 7);
    an_buf_u16(&b, 0x1234);
    an_buf_u32(&b, 0xdeadbeef);
    an_buf_u64(&b, UINT64_C(0x0123456789abcdef));
    an_buf_f32(&b, -1.5f);
    an_buf_f64(&b, 0.1);
    an_buf_printf(&b, "%s-%d", "ab", 12);
    an_err err = an_buf_err(&b);
    assert_int_equal(err, AN_OK);
    an_reader r = an_reader_of(b.data, b.len);
    assert_int_equal(an_read_u8(&r), 7);
    assert_int_equal(an_read_u16(&r), 0x1234);
    assert_int_equal(an_read_u32(&r), 0xdeadbeef);
    assert_true(an_read_u64(&r) == UINT64_C(0x0123456789abcdef));
    assert_true(an_read_f32(&r) == -1.5f);
    assert_true(an_read_f64(&r) == 0.1);
    assert_memory_equal(an_read_bytes(&r, 5), "ab-12", 5);
    assert_false(r.failed);
    assert_int_equal(an_read_u8(&r), 0);
    assert_true(r.failed);
    uint8_t much[65] = {0};
    an_buf_put(&b, much, sizeof much);
    err = an_buf_err(&b);
    assert_int_equal(err, AN_ERR_LIMIT);
    an_buf_done(&b);
}

static void hexadecimal_is_strict(void **state)
{
    (void)state;
    uint8_t in[3] = {0x00, 0xab, 0xff}, out[3];
    char text[7];
    an_hex(text, in, 3);
    assert_string_equal(text, "00abff");
    assert_true(an_unhex(out, 3, text));
    assert_memory_equal(in, out, 3);
    assert_false(an_unhex(out, 3, "00abf"));
    assert_false(an_unhex(out, 3, "00abfg"));
}

/* Known answer of Philox4x32-10 for all-zero and all-one input (Random123's published vectors). */
static void philox_matches_its_published_vectors(void **state)
{
    (void)state;
    uint32_t out[4];
    an_philox(out, (uint32_t[2]){0, 0}, (uint32_t[4]){0, 0, 0, 0});
    const uint32_t zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    assert_memory_equal(out, zero, sizeof zero);
    const uint32_t f = 0xffffffff;
    an_philox(out, (uint32_t[2]){f, f}, (uint32_t[4]){f, f, f, f});
    const uint32_t ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    assert_memory_equal(out, ones, sizeof ones);
}

static void normal_numbers_have_mean_zero_and_variance_one(void **state)
{
    (void)state;
    an_rng r;
    an_rng_init(&r, 42, 0);
    double sum = 0, sq = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        double x = an_rng_normal(&r);
        sum += x;
        sq += x * x;
    }
    assert_true(fabs(sum / n) < 0.02);
    assert_true(fabs(sq / n - 1.0) < 0.02);
}

static void streams_of_one_seed_differ_and_repeat(void **state)
{
    (void)state;
    an_rng a, b, c;
    an_rng_init(&a, 1, 0);
    an_rng_init(&b, 1, 1);
    an_rng_init(&c, 1, 0);
    uint64_t x = an_rng_u64(&a);
    assert_true(x != an_rng_u64(&b));
    assert_true(x == an_rng_u64(&c));
}

static void time_is_written_in_utc(void **state)
{
    (void)state;
    char text[25];
    an_time_text(text, 1583748873250);
    assert_string_equal(text, "2020-03-09T10:14:33.250Z");
}

static void a_folder_has_one_holder_at_a_time(void **state)
{
    (void)state;
    char dir[] = "/tmp/andon-test-XXXXXX", path[AN_PATH_MAX], pid[32];
    an_note why = {{0}};
    int first = -1, second = -1;
    assert_non_null(mkdtemp(dir));
    an_err err = an_dir_lock(dir, "agent", &first, &why);
    assert_int_equal(err, AN_OK);
    err = an_dir_lock(dir, "agent", &second, &why);
    assert_int_equal(err, AN_ERR_STATE);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(why.text, "another agent"));
    assert_non_null(strstr(why.text, pid));
    assert_int_equal(second, -1);
    close(first);
    err = an_dir_lock(dir, "agent", &second, &why);
    assert_int_equal(err, AN_OK);
    close(second);
    err = an_path_join(path, dir, "lock");
    assert_int_equal(err, AN_OK);
    unlink(path);
    rmdir(dir);
    err = an_dir_lock(dir, "agent", &second, &why);
    assert_int_equal(err, AN_ERR_IO);
}

static void files_are_written_whole_and_read_within_bounds(void **state)
{
    (void)state;
    char dir[] = "/tmp/andon-test-XXXXXX", path[AN_PATH_MAX];
    assert_non_null(mkdtemp(dir));
    an_err err = an_path_join(path, dir, "a/b");
    assert_int_equal(err, AN_OK);
    err = an_dir_make(path, NULL);
    assert_int_equal(err, AN_OK);
    err = an_path_join(path, dir, "a/b/secret");
    assert_int_equal(err, AN_OK);
    err = an_file_write(path, "hello", 5, 0600, NULL);
    assert_int_equal(err, AN_OK);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    an_buf b;
    an_buf_init(&b, 5);
    err = an_file_read(&b, path, NULL);
    assert_int_equal(err, AN_OK);
    assert_memory_equal(b.data, "hello", 5);
    an_buf_done(&b);
    an_buf_init(&b, 4);
    an_note why;
    err = an_file_read(&b, path, &why);
    assert_int_equal(err, AN_ERR_LIMIT);
    an_buf_done(&b);

    char sub[AN_PATH_MAX];
    an_names names;
    err = an_path_join(sub, dir, "a/b");
    assert_int_equal(err, AN_OK);
    err = an_dir_list(sub, &names, NULL);
    assert_int_equal(err, AN_OK);
    assert_int_equal(names.n, 1); /* no ".part" file stays behind */
    an_names_done(&names);

    for (size_t n = 0;; n++) {
        an_mem_fail_after(n);
        err = an_dir_list(sub, &names, NULL);
        an_mem_fail_never();
        if (err == AN_OK)
            break;
        assert_int_equal(err, AN_ERR_NOMEM);
    }
    an_names_done(&names);
    assert_int_equal(an_mem_live(), 0);
    unlink(path);
    rmdir(sub);
    err = an_path_join(sub, dir, "a");
    assert_int_equal(err, AN_OK);
    rmdir(sub);
    rmdir(dir);
}

static void lines_that_others_cause_are_bounded(void **state)
{
    an_log_quota q = {0};
    unsigned n = 0;
    (void)state;
    an_log_init(AN_LOG_OFF, "test");
    for (int i = 0; i < 1000; i++)
        n += an_log_allow(&q, 5000 + i);
    assert_int_equal(n, AN_LOG_QUOTA_MINUTE);
    assert_true(an_log_allow(&q, 65000)); /* another minute */
    assert_true(an_log_allow(&q, 10));    /* a clock that was set back does not mute it */
}

/* What the one line that an_log writes has behind its event. */
#define LOGGED(out, ...)                                                                                     \
    do {                                                                                                     \
        char path[] = "/tmp/andon-test-XXXXXX";                                                              \
        const int file = mkstemp(path), kept = dup(STDERR_FILENO);                                           \
        assert_true(file >= 0 && kept >= 0 && dup2(file, STDERR_FILENO) >= 0);                               \
        an_log(AN_LOG_INFO, "heard", __VA_ARGS__);                                                           \
        assert_true(dup2(kept, STDERR_FILENO) >= 0);                                                         \
        const ssize_t n = pread(file, out, sizeof out - 1, 0);                                               \
        assert_true(n > 0);                                                                                  \
        out[n] = '\0';                                                                                       \
        close(file);                                                                                         \
        close(kept);                                                                                         \
        unlink(path);                                                                                        \
        char *at = strstr(out, "event=heard ");                                                              \
        assert_non_null(at);                                                                                 \
        memmove(out, at + 12, strlen(at + 12) + 1);                                                          \
    } while (0)

static void a_value_from_outside_stays_one_value_of_its_line(void **state)
{
    char out[4096], longer[4000];
    (void)state;
    an_log_init(AN_LOG_INFO, "test");
    LOGGED(out, "site=%s round=%llu why=\"%s\"", "plant-7", 12ULL, "it is late");
    assert_string_equal(out, "site=plant-7 round=12 why=\"it is late\"\n");
    LOGGED(out, "why=\"%s\" n=%d", "no \"x\" in C:\\y\nts=0\tlevel=error\r\x1b\x7f", 3);
    assert_string_equal(out, "why=\"no \\\"x\\\" in C:\\\\y\\nts=0\\tlevel=error\\r\\u001b\\u007f\" n=3\n");
    LOGGED(out, "site=%s why=\"%.3s\"", "a level=error", "\"\"\"\"");
    assert_string_equal(out, "site=\"a level=error\" why=\"\\\"\\\"\\\"\"\n");
    LOGGED(out, "a=%s b=%s c=%s d=%s e=\"%s\"", "", "x=y", "\"", "b\u00e9ton", "\1\2\3\4");
    assert_string_equal(out, "a= b=\"x=y\" c=\"\\\"\" d=b\u00e9ton e=\"\\u0001\\u0002\\u0003\\u0004\"\n");
    memset(longer, '\n', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    LOGGED(out, "why=\"%s\" n=%d", longer, 3);
    const size_t len = strlen(out);
    assert_true(len > 1900 && len < 2048);
    assert_string_equal(out + len - 4, "\\n\"\n"); /* cut, and still a line of its form */
    an_log_init(AN_LOG_OFF, "test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_has_a_name_and_a_text),
        cmocka_unit_test(an_allocation_that_would_overflow_is_refused),
        cmocka_unit_test(a_buffer_gives_back_what_was_put_and_stops_at_its_maximum),
        cmocka_unit_test(hexadecimal_is_strict),
        cmocka_unit_test(philox_matches_its_published_vectors),
        cmocka_unit_test(normal_numbers_have_mean_zero_and_variance_one),
        cmocka_unit_test(streams_of_one_seed_differ_and_repeat),
        cmocka_unit_test(time_is_written_in_utc),
        cmocka_unit_test(lines_that_others_cause_are_bounded),
        cmocka_unit_test(a_value_from_outside_stays_one_value_of_its_line),
        cmocka_unit_test(a_folder_has_one_holder_at_a_time),
        cmocka_unit_test(files_are_written_whole_and_read_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
