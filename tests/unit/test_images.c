/* Folders of images become tables: where an image lies says what it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/lab/images.h"
#include "tests/support/folder.h"

#define SIDE 4

typedef struct fixture {
    char dir[AN_PATH_MAX];
    an_model *m;
    an_lab_files files;
    an_note why;
} fixture;

static int set_up(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    an_test_folder_make(f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    an_model_free(f->m);
    an_lab_files_done(&f->files);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

/* A grey image all of one value, with the largest 10. */
static void put(const fixture *f, const char *folder, const char *name, int width, int value)
{
    char dir[AN_PATH_MAX], path[AN_PATH_MAX], text[256];
    int n = snprintf(text, sizeof text, "P2 %d %d 10\n", width, SIDE);
    assert_int_equal(an_path_join(dir, f->dir, folder), AN_OK);
    assert_int_equal(an_dir_make(dir, NULL), AN_OK);
    assert_int_equal(an_path_join(path, dir, name), AN_OK);
    for (int i = 0; i < width * SIDE; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%d ", value);
    assert_int_equal(an_file_write(path, text, (size_t)n, 0644, NULL), AN_OK);
}

static void model(fixture *f, const char *layers, const char *rest)
{
    char text[512];
    snprintf(text, sizeof text, "model: m\ninput: {height: 4, width: 4, channels: 1}\nlayers: [%s]\n%s\n",
             layers, rest);
    if (an_model_new(text, strlen(text), "m.yaml", 0, &f->m, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
}

static void autoencoder(fixture *f)
{
    model(f, "{conv2d: {filters: 1, size: 3, padding: same}}", "loss: mse\ntarget: input");
}

static void classifier(fixture *f)
{
    model(f, "flatten, {dense: {units: 3}}", "loss: cross_entropy\ntarget: labels");
}

static an_err take(fixture *f, const char *extra)
{
    const char *path = f->dir;
    an_lab_files_done(&f->files);
    return an_lab_images_read(&path, 1, f->m, (const uint8_t *)extra, extra ? strlen(extra) : 0, &f->files,
                              &f->why);
}

static void complains(const fixture *f, const char *what)
{
    if (!strstr(f->why.text, what))
        fail_msg("\"%s\" is not in \"%s\"", what, f->why.text);
}

static void folders_beside_the_normal_ones_are_anomalous(void **state)
{
    fixture *f = *state;
    autoencoder(f);
    put(f, "good", "b.pgm", SIDE, 1);
    put(f, "good", "a.pgm", SIDE, 2);
    put(f, "scratch", "1.pgm", SIDE, 9);
    put(f, ".", "top.pgm", SIDE, 5);
    put(f, ".", ".hidden.pgm", SIDE, 5);
    assert_true(an_lab_images_at(f->dir));
    if (take(f, NULL) != AN_OK)
        fail_msg("%s", f->why.text);
    const an_lab_files *x = &f->files;
    assert_true(x->n == 3 && x->height == SIDE && x->width == SIDE && x->n_images == 4 && !x->masks);
    assert_true(x->tables[0].n == SIDE && x->tables[1].n == 2 * SIDE && x->tables[2].n == SIDE);
    assert_true(x->tables[0].labels[0] == 0 && x->tables[1].labels[SIDE] == 0 && x->tables[2].labels[3] == 1);
    assert_true(x->tables[1].rows[0] == 0.2f && x->tables[1].rows[SIDE * SIDE] == 0.1f);
    assert_non_null(strstr(x->images[1], "good/a.pgm"));
    assert_string_equal(x->tables[0].names[3], "x3");
}

static void classes_are_numbered_by_their_names_or_as_they_were_learnt(void **state)
{
    fixture *f = *state;
    classifier(f);
    put(f, "class10", "1.pgm", SIDE, 1);
    put(f, "class2", "1.pgm", SIDE, 2);
    assert_int_equal(take(f, NULL), AN_OK);
    assert_int_equal(f->files.classes.n, 2);
    assert_string_equal(f->files.classes.items[0], "class2");
    assert_true(f->files.tables[0].labels[0] == 0 && f->files.tables[1].labels[0] == 1);
    assert_int_equal(take(f, "classes\nother\nclass10\nclass2\n"), AN_OK);
    assert_true(f->files.tables[0].labels[0] == 2 && f->files.tables[1].labels[0] == 1);
    assert_int_equal(f->files.classes.n, 3);
    assert_int_equal(take(f, "classes\nclass2\n"), AN_ERR_PROTO);
    complains(f, "class10");
    assert_int_equal(take(f, "classes\nclass2"), AN_ERR_PROTO);
    put(f, "a", "1.pgm", SIDE, 1);
    put(f, "b", "1.pgm", SIDE, 1);
    assert_int_equal(take(f, NULL), AN_ERR_INVAL);
    complains(f, "3 classes");
}

static void masks_go_with_the_images_of_their_names(void **state)
{
    fixture *f = *state;
    model(f, "{conv2d: {filters: 1, size: 3, padding: same}}", "loss: bce\ntarget: labels");
    put(f, "images", "a.pgm", SIDE, 1);
    put(f, "images", "b.pgm", SIDE, 2);
    assert_int_equal(take(f, NULL), AN_ERR_INVAL);
    complains(f, "masks/");
    put(f, "masks", "b.pgm", SIDE, 1);
    assert_int_equal(take(f, NULL), AN_ERR_PROTO);
    complains(f, "a.pgm has no mask");
    put(f, "masks", "a.pnm", SIDE, 0);
    if (take(f, NULL) != AN_OK)
        fail_msg("%s", f->why.text);
    for (size_t i = 0; i < SIDE * SIDE; i++)
        assert_true(f->files.masks[i] == 0 && f->files.masks[SIDE * SIDE + i] == 1);
    put(f, "masks", "c.pgm", SIDE, 0);
    assert_int_equal(take(f, NULL), AN_ERR_PROTO);
    complains(f, "c.pgm is the mask of no image");
}

static void an_image_of_another_size_is_named_with_both_sizes(void **state)
{
    fixture *f = *state;
    autoencoder(f);
    put(f, "normal", "a.pgm", SIDE, 1);
    put(f, "normal", "wide.pgm", SIDE + 1, 1);
    assert_int_equal(take(f, NULL), AN_ERR_PROTO);
    complains(f, "wide.pgm is 5 x 4 pixels, the model takes 4 x 4");
}

static void what_holds_no_images_is_refused(void **state)
{
    fixture *f = *state;
    classifier(f);
    assert_false(an_lab_images_at(f->dir));
    assert_int_equal(take(f, NULL), AN_ERR_NOTFOUND);
    put(f, ".", "a.pgm", SIDE, 1);
    assert_int_equal(take(f, NULL), AN_ERR_INVAL);
    complains(f, "folder of its class");
    an_model_free(f->m);
    f->m = NULL;
    static const char rows[] =
        "model: r\ninput: {features: 4}\nlayers: [{dense: {units: 4}}]\nloss: mse\ntarget: input";
    assert_int_equal(an_model_new(rows, sizeof rows - 1, "r.yaml", 4, &f->m, NULL), AN_OK);
    assert_int_equal(take(f, NULL), AN_ERR_INVAL);
    complains(f, "rows of a table");
}

static void names_of_classes_come_back_as_they_were(void **state)
{
    (void)state;
    const char *const names[] = {"circle", "a b", "\xc3\xa4"};
    uint8_t *extra = NULL;
    size_t len = 0;
    an_names back = {0};
    assert_int_equal(an_lab_classes_pack(names, 3, &extra, &len), AN_OK);
    assert_int_equal(an_lab_classes_unpack(extra, len, &back, NULL), AN_OK);
    assert_int_equal(back.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(back.items[i], names[i]);
    an_names_done(&back);
    assert_int_equal(an_lab_classes_unpack((const uint8_t *)"else", 4, &back, NULL), AN_OK);
    assert_int_equal(back.n, 0);
    assert_int_equal(an_lab_classes_unpack((const uint8_t *)"classes\n\n", 9, &back, NULL), AN_ERR_PROTO);
    assert_int_equal(an_lab_classes_unpack((const uint8_t *)"classes\na\0b\n", 12, &back, NULL),
                     AN_ERR_PROTO);
    assert_int_equal(an_lab_classes_unpack((const uint8_t *)"classes\n\x1b[2J\n", 13, &back, NULL),
                     AN_ERR_PROTO);
    an_free(extra);
}

/* It would be two names in the version, and the numbers of all that follow would be others. */
static void a_folder_whose_name_has_two_lines_is_no_class(void **state)
{
    fixture *f = *state;
    classifier(f);
    put(f, "a\nb", "1.pgm", SIDE, 1);
    assert_int_equal(take(f, NULL), AN_ERR_INVAL);
    complains(f, "rename the folder");
}

static void a_version_with_more_names_than_classes_gives_no_number_beyond_them(void **state)
{
    fixture *f = *state;
    classifier(f);
    put(f, "e", "1.pgm", SIDE, 1);
    assert_int_equal(take(f, "classes\na\nb\nc\nd\ne\n"), AN_ERR_INVAL);
    complains(f, "3 classes");
}

static void what_is_called_an_image_but_is_no_file_is_not_opened(void **state)
{
    fixture *f = *state;
    char path[AN_PATH_MAX];
    autoencoder(f);
    put(f, "normal", "a.pgm", SIDE, 1);
    assert_int_equal(an_path_join(path, f->dir, "normal/b.pgm"), AN_OK);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_int_equal(take(f, NULL), AN_ERR_PROTO);
    complains(f, "is no file");
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
    fixture *f = *state;
    classifier(f);
    put(f, "a", "1.pgm", SIDE, 1);
    put(f, "b", "1.pgm", SIDE, 2);
    const size_t live = an_mem_live();
    an_err err = AN_ERR_NOMEM;
    for (size_t n = 0; err != AN_OK; n++) {
        assert_true(n < 300);
        an_mem_fail_after(n);
        err = take(f, n % 2 ? "classes\na\nb\n" : NULL);
        an_mem_fail_never();
        assert_true(err == AN_OK || err == AN_ERR_NOMEM);
    }
    an_lab_files_done(&f->files);
    assert_int_equal(an_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folders_beside_the_normal_ones_are_anomalous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(classes_are_numbered_by_their_names_or_as_they_were_learnt, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(masks_go_with_the_images_of_their_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_of_another_size_is_named_with_both_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_holds_no_images_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_classes_come_back_as_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_whose_name_has_two_lines_is_no_class, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_version_with_more_names_than_classes_gives_no_number_beyond_them,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_called_an_image_but_is_no_file_is_not_opened, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(running_out_of_memory_leaves_nothing_behind, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
