#include "tests/support/sources.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doors/yaml.h"
#include "tests/support/folder.h"

char sources_dir[AN_PATH_MAX];

int sources_make_dir(void **state)
{
    (void)state;
    an_test_folder_make(sources_dir);
    return 0;
}

int sources_remove_dir(void **state)
{
    (void)state;
    an_test_folder_remove(sources_dir);
    return 0;
}

static FILE *open_in(const char *name, const char *mode)
{
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, sources_dir, name), AN_OK);
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    return f;
}

void sources_put(const char *name, const char *mode, const char *text)
{
    FILE *f = open_in(name, mode);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

void sources_put_bytes(const char *name, const void *bytes, size_t len)
{
    FILE *f = open_in(name, "w");
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

void sources_move(const char *from, const char *to)
{
    char a[AN_PATH_MAX], b[AN_PATH_MAX];
    assert_int_equal(an_path_join(a, sources_dir, from), AN_OK);
    assert_int_equal(an_path_join(b, sources_dir, to), AN_OK);
    assert_int_equal(rename(a, b), 0);
}

an_err sources_try(const char *type, const char *options, const an_clock *clock, an_source **ret,
                   an_note *why)
{
    char text[2 * AN_PATH_MAX + 512];
    an_yaml *doc = NULL;
    snprintf(text, sizeof text, options, sources_dir, sources_dir);
    an_err err = an_yaml_parse(text, strlen(text), "test", &doc, why);
    if (!err)
        err = an_source_open(type, an_yaml_root(doc), clock, ret, why);
    an_yaml_free(doc);
    return err;
}

an_source *sources_open(const char *type, const char *options)
{
    an_source *s = NULL;
    an_note why = {{0}};
    an_err err = sources_try(type, options, an_clock_system(), &s, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    return s;
}

an_err sources_drain(an_source *s, size_t column, char *ret, size_t cap)
{
    static const char *const marks[] = {"", "~", "!", "*", "?", "(focus)", "(clipped)", "(dirty)"};
    an_batch b;
    an_note why = {{0}};
    int64_t wait_ms = 0;
    an_err err = an_batch_init(&b, an_source_width(s), 3);
    assert_int_equal(err, AN_OK);
    size_t len = 0;
    ret[0] = '\0';
    while ((err = an_source_next(s, &b, &wait_ms, &why)) == AN_OK)
        for (size_t i = 0; i < b.n; i++) {
            len += (size_t)snprintf(
                ret + len, cap - len, "%s%s%g%s", len ? " " : "", b.flags[i] & AN_ROW_RESTART ? "|" : "",
                (double)b.values[i * b.width + column], marks[b.quality[i * b.width + column] % 8]);
            assert_true(len < cap);
        }
    if (err == AN_ERR_AGAIN)
        assert_true(wait_ms > 0);
    else if (err != AN_ERR_NOTFOUND)
        print_error("%s\n", why.text);
    an_batch_done(&b);
    return err;
}

void sources_await(an_source *s, size_t column, char *ret, size_t cap)
{
    const int64_t until = an_clock_system()->mono_ms(an_clock_system()) + 20000;
    do {
        assert_int_equal(sources_drain(s, column, ret, cap), AN_ERR_AGAIN);
        assert_true(an_clock_system()->mono_ms(an_clock_system()) < until);
        (void)poll(NULL, 0, 1);
    } while (!ret[0]);
}

uint64_t sources_count(const an_source *s, const char *counter)
{
    const an_source_stats stats = an_source_stats_get(s);
    for (size_t i = 0; i < stats.n_counters; i++)
        if (strcmp(stats.counters[i].name, counter) == 0)
            return stats.counters[i].value;
    fail_msg("no counter \"%s\"", counter);
    return 0;
}

an_source *sources_reopen(an_source *s, const char *type, const char *options)
{
    an_buf at;
    an_note why = {{0}};
    an_buf_init(&at, 1 << 20);
    assert_int_equal(an_source_save(s, &at), AN_OK);
    an_source_close(s);
    s = sources_open(type, options);
    an_reader in = an_reader_of(at.data, at.len);
    an_err err = an_source_restore(s, &in, &why);
    if (err)
        print_error("%s\n", why.text);
    assert_int_equal(err, AN_OK);
    an_buf_done(&at);
    return s;
}
