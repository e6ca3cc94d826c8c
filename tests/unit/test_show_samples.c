/* The pool of a line as people see it, and as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pool.h"
#include "agent/show_samples.h"
#include "base/file.h"
#include "base/mem.h"
#include "doors/crypto.h"
#include "doors/json.h"
#include "tests/support/folder.h"

typedef struct fixture {
    char dir[AN_PATH_MAX], table[AN_PATH_MAX];
    char *text;
    size_t len;
    FILE *out;
    an_note why;
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    const an_pool_conf c = {.width = 2, .window = 3, .block = 4, .seed = 1};
    const an_pool_mark marks[] = {{20000, 20900, true, "crack, deep"}, {30000, 30900, false, ""}};
    char pools[AN_PATH_MAX], path[AN_PATH_MAX];
    an_pool *p = NULL;
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->table, f->dir, "table.csv"), AN_OK);
    assert_int_equal(an_path_join(pools, f->dir, "pools"), AN_OK);
    assert_int_equal(an_dir_make(pools, NULL), AN_OK);
    assert_int_equal(an_path_join(path, pools, "press.pool"), AN_OK);
    assert_int_equal(an_pool_new(&c, &p, NULL), AN_OK);
    for (size_t i = 0; i < 60; i++) {
        const float v = (float)i, window[6] = {v, v + 0.5f, v, v + 0.5f, v, v + 0.25f};
        an_pool_add_span(p, window, (int64_t)i * 1000, (int64_t)i * 1000 + 900, i >= 50 ? 7 : 0);
    }
    assert_int_equal(an_pool_mark_all(p, marks, 2, NULL), AN_OK);
    assert_int_equal(an_pool_save(p, path, NULL), AN_OK);
    an_pool_free(p);
    assert_non_null(f->out = open_memstream(&f->text, &f->len));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    fclose(f->out);
    free(f->text);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static void expect(fixture *f, const char *text)
{
    assert_int_equal(fflush(f->out), 0);
    if (!strstr(f->text, text))
        fail_msg("no \"%s\" in: %s", text, f->text);
}

static void windows_are_counted_by_part_and_label(void **state)
{
    fixture *f = *state;
    an_samples_opts o = {.json = true};
    assert_int_equal(an_show_samples(f->dir, "press", &o, f->out, &f->why), AN_OK);
    expect(f, "{\"part\":\"held\",\"label\":\"\",\"windows\":10}");
    expect(f, "{\"part\":\"confirmed\",\"label\":\"crack, deep\",\"windows\":1}");
    expect(f, "\"label\":\"normal\",\"windows\":1}");
    o = (an_samples_opts){.each = true, .label = "crack, deep"};
    assert_int_equal(an_show_samples(f->dir, "press", &o, f->out, &f->why), AN_OK);
    expect(f, "       1  confirmed  crack, deep                   0  1970-01-01T00:00:20.000Z  "
              "1970-01-01T00:00:20.900Z\n");
    o = (an_samples_opts){.part = "nowhere"};
    assert_int_equal(an_show_samples(f->dir, "press", &o, f->out, &f->why), AN_ERR_INVAL);
    o.part = NULL;
    assert_int_equal(an_show_samples(f->dir, "other", &o, f->out, &f->why), AN_ERR_NOTFOUND);
    assert_int_equal(an_show_samples(f->dir, "../press", &o, f->out, &f->why), AN_ERR_INVAL);
}

static void a_table_has_a_line_for_each_row_of_a_window(void **state)
{
    fixture *f = *state;
    an_buf b;
    an_samples_opts o = {.part = "held"};
    assert_int_equal(an_export_samples(f->dir, "press", &o, f->table, f->out, &f->why), AN_OK);
    expect(f, "10 windows of 3 rows and 2 sensors\n");
    an_buf_init(&b, 1 << 20);
    assert_int_equal(an_file_read(&b, f->table, &f->why), AN_OK);
    an_buf_u8(&b, 0);
    assert_non_null(strstr((const char *)b.data, "sample,pool,label,alarm,from,to,row,c1,c2\n"
                                                 "1,held,\"\",7,1970-01-01T00:00:50.000Z,"
                                                 "1970-01-01T00:00:50.900Z,0,50,50.5\n"));
    assert_non_null(strstr((const char *)b.data, "Z,2,50,50.25\n2,held,"));
    an_buf_done(&b);
    o = (an_samples_opts){.label = "any"};
    assert_int_equal(an_export_samples(f->dir, "press", &o, f->table, f->out, &f->why), AN_OK);
    expect(f, "2 windows of 3 rows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(windows_are_counted_by_part_and_label, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_has_a_line_for_each_row_of_a_window, setup, teardown),
    };
    if (an_crypto_init() != AN_OK)
        return 1;
    an_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
