/* A table that lists images: what they show and what they are for; and what a hostile one cannot do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/lab/image_set.h"
#include "tests/support/folder.h"

#define HEAD "image,mask,class,site,tile_group,split\n"

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_image_set_conf conf;
    an_image_set set;
    an_note why;
} fixture;

static void put(const fixture *f, const char *name, const char *text)
{
    char path[AN_PATH_MAX];
    assert_int_equal(an_path_join(path, f->dir, name), AN_OK);
    assert_int_equal(an_file_write(path, text, strlen(text), 0644, NULL), AN_OK);
}

static int set_up(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    char path[AN_PATH_MAX];
    an_test_folder_make(f->dir);
    f->conf = (an_image_set_conf){
        .index = "split.csv", .height = 2, .width = 2, .channels = 1, .normal = "free", .masks = true};
    assert_int_equal(an_path_join(path, f->dir, "a"), AN_OK);
    assert_int_equal(an_dir_make(path, NULL), AN_OK);
    put(f, "a/1.pgm", "P2 2 2 10\n0 10 5 5\n");
    put(f, "a/2.pgm", "P2 4 2 10\n0 0 10 10 2 2 4 4\n");
    put(f, "a/1m.pgm", "P2 2 2 10\n0 10 0 0\n");
    put(f, "a/2m.pgm", "P2 4 2 10\n10 0 0 0 0 0 0 0\n");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    an_image_set_done(&f->set);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

static void reads(fixture *f, const char *table)
{
    put(f, "split.csv", table);
    an_image_set_done(&f->set);
    if (an_image_set_read(f->dir, &f->conf, &f->set, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
}

static void refuses(fixture *f, const char *table, an_err want, const char *says)
{
    put(f, "split.csv", table);
    const an_err err = an_image_set_read(f->dir, &f->conf, &f->set, &f->why);
    if (err != want || !strstr(f->why.text, says))
        fail_msg("%s: \"%s\" and not \"%s\"", an_err_name(err), f->why.text, says);
    assert_true(f->set.n == 0 && !f->set.x);
}

static void it_says_what_each_image_shows_and_what_it_is_for(void **state)
{
    fixture *f = *state;
    reads(f, HEAD "a/1.pgm,a/1m.pgm,scratch,s10,4,train\r\na/2.pgm,,free,s2,5,test\n");
    const an_image_set *s = &f->set;
    assert_true(s->n == 2 && s->classes.n == 2 && s->sites.n == 2);
    assert_string_equal(s->classes.items[0], "free"); /* as asked for */
    assert_string_equal(s->sites.items[0], "s2");     /* 2 before 10 */
    assert_true(s->items[0].class == 1 && s->items[0].site == 1 && s->items[0].group == 4);
    assert_true(!s->items[0].test && s->items[0].marked && s->items[1].test && !s->items[1].marked);
    assert_true(s->x[0] == 0 && s->x[1] == 1 && s->x[2] == 0.5f);
    assert_true(s->x[4] == 0 && s->x[5] == 1 && fabsf(s->x[6] - 0.2f) < 1e-6f); /* made smaller */
    assert_true(s->masks[0] == 0 && s->masks[1] == 1 && s->masks[4] == 0);
}

static void a_pixel_is_marked_if_more_than_a_quarter_of_it_is(void **state)
{
    fixture *f = *state;
    reads(f, HEAD "a/2.pgm,a/2m.pgm,scratch,s,1,train\na/1.pgm,,free,s,2,test\n");
    assert_true(f->set.masks[0] == 1 && f->set.masks[1] == 0 && f->set.masks[2] == 0);
}

static void images_are_levelled_cut_and_left_out_as_asked(void **state)
{
    fixture *f = *state;
    static const char *const sites[] = {"s1"};
    f->conf.level = true;
    f->conf.sites = sites;
    f->conf.n_sites = 1;
    reads(f, HEAD "a/1.pgm,,free,s1,1,train\na/2.pgm,,other,s2,2,train\n");
    assert_true(f->set.n == 1 && f->set.sites.n == 1 && f->set.classes.n == 1);
    double sum = 0, square = 0;
    for (size_t i = 0; i < 4; i++) {
        sum += (double)f->set.x[i];
        square += (double)f->set.x[i] * (double)f->set.x[i];
    }
    assert_true(fabs(sum) < 1e-5 && fabs(square - 4) < 1e-4);
    f->conf.level = false;
    f->conf.roi[0] = 0.5;
    f->conf.roi[2] = 0.5;
    f->conf.roi[3] = 1;
    reads(f, HEAD "a/2.pgm,,free,s1,1,train\n");
    assert_true(f->set.x[0] == 1 && f->set.x[1] == 1 && fabsf(f->set.x[2] - 0.4f) < 1e-6f);
    f->conf.roi[0] = 0.6;
    assert_int_equal(an_image_set_read(f->dir, &f->conf, &f->set, &f->why), AN_ERR_INVAL);
}

static void columns_that_are_not_needed_may_be_missing(void **state)
{
    fixture *f = *state;
    reads(f, "split,line,class,image\ntrain,7,free,a/1.pgm\ntest,8,free,a/1.pgm\n");
    assert_true(f->set.n == 2 && f->set.sites.n == 1 && f->set.items[0].group != f->set.items[1].group);
    assert_string_equal(f->set.sites.items[0], "all");
}

static void nothing_outside_the_folder_is_read(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX];
    static const char *const names[] = {"../a/1.pgm", "/etc/passwd", "a/../a/1.pgm", "a//1.pgm", "./a/1.pgm",
                                        "",           "a",           "a/",           ".."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char table[256];
        snprintf(table, sizeof table, HEAD "%s,,free,s,1,train\n", names[i]);
        refuses(f, table, AN_ERR_PROTO, "split.csv:2: ");
        snprintf(table, sizeof table, HEAD "a/1.pgm,%s,free,s,1,train\n", names[i]);
        if (names[i][0]) /* no mask is no fault */
            refuses(f, table, AN_ERR_PROTO, "split.csv:2: ");
    }
    assert_int_equal(an_path_join(path, f->dir, "a/link.pgm"), AN_OK);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    refuses(f, HEAD "a/link.pgm,,free,s,1,train\n", AN_ERR_PROTO, "a link");
    assert_int_equal(an_path_join(path, f->dir, "up"), AN_OK);
    assert_int_equal(symlink("a", path), 0);
    refuses(f, HEAD "up/1.pgm,,free,s,1,train\n", AN_ERR_PROTO, "a link");
}

static void what_is_no_such_table_is_refused_with_its_line(void **state)
{
    fixture *f = *state;
    refuses(f, "", AN_ERR_PROTO, "no image");
    refuses(f, HEAD, AN_ERR_PROTO, "no image");
    refuses(f, "image,class\n", AN_ERR_PROTO, "split.csv:1: the first line names no such column: split");
    refuses(f, HEAD "a/1.pgm,,free,s,1\n", AN_ERR_PROTO, "split.csv:2: another number of fields");
    refuses(f, HEAD "a/1.pgm,,free,s,1,valid\n", AN_ERR_PROTO, "neither train nor test");
    refuses(f, HEAD "a/1.pgm,,free,s,-1,train\n", AN_ERR_PROTO, "whole number");
    refuses(f, HEAD "a/1.pgm,,free,s,4294967297,train\n", AN_ERR_PROTO, "whole number");
    refuses(f, HEAD "a/1.pgm,,free,s,,train\n", AN_ERR_PROTO, "empty");
    refuses(f, HEAD "a/1.pgm,,\x1b[2J,s,1,train\n", AN_ERR_PROTO, "no name");
    refuses(f, HEAD "a/3.pgm,,free,s,1,train\n", AN_ERR_NOTFOUND, "no such file");
    refuses(f, HEAD "a/2.pgm,a/1m.pgm,free,s,1,train\n", AN_ERR_PROTO, "a mask of 2 x 2");
    refuses(f, HEAD "a/1.pgm,,bad,s,1,train\n", AN_ERR_INVAL, "no image is of the class \"free\"");
    refuses(f, HEAD "a/1.pgm,,free,s,1,train\na/1.pgm,,free,t,1,test\n", AN_ERR_PROTO,
            "group 1 is in train and in test");
}

static void too_many_classes_are_refused(void **state)
{
    fixture *f = *state;
    char table[4096];
    int n = snprintf(table, sizeof table, "%s", HEAD);
    for (int i = 0; i < 66; i++)
        n += snprintf(table + n, sizeof table - (size_t)n, "a/1.pgm,,c%d,s,1,train\n", i);
    refuses(f, table, AN_ERR_LIMIT, "more names than 64");
}

static void groups_fall_into_parts_by_their_number_alone(void **state)
{
    (void)state;
    size_t counts[5] = {0};
    for (uint32_t g = 0; g < 1000; g++) {
        assert_int_equal(an_image_set_fold(g, 5, 1), an_image_set_fold(g, 5, 1));
        counts[an_image_set_fold(g, 5, 1)]++;
    }
    for (size_t i = 0; i < 5; i++)
        assert_true(counts[i] > 150 && counts[i] < 250);
}

static void it_survives_every_failing_allocation(void **state)
{
    fixture *f = *state;
    an_err err = AN_ERR_NOMEM;
    put(f, "split.csv", HEAD "a/1.pgm,a/1m.pgm,bad,s1,4,train\na/2.pgm,,free,s2,5,test\n");
    for (size_t n = 0; err != AN_OK; n++) {
        const size_t live = an_mem_live();
        an_mem_fail_after(n);
        err = an_image_set_read(f->dir, &f->conf, &f->set, &f->why);
        an_mem_fail_never();
        assert_true(err == AN_OK || (err == AN_ERR_NOMEM && an_mem_live() == live));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_says_what_each_image_shows_and_what_it_is_for),
        TEST(a_pixel_is_marked_if_more_than_a_quarter_of_it_is),
        TEST(images_are_levelled_cut_and_left_out_as_asked),
        TEST(columns_that_are_not_needed_may_be_missing),
        TEST(nothing_outside_the_folder_is_read),
        TEST(what_is_no_such_table_is_refused_with_its_line),
        TEST(too_many_classes_are_refused),
        TEST(groups_fall_into_parts_by_their_number_alone),
        TEST(it_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
