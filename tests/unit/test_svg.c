/* Pictures are XML that any viewer reads, whatever texts and numbers they are made from. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/plots.h"
#include "models/data/table.h"
#include "models/svg.h"
#include "tests/support/folder.h"

#define N 3000u
#define DEPTH 16

typedef struct fixture {
    char dir[AN_PATH_MAX], path[AN_PATH_MAX];
    an_buf text; /* of the last picture, with a terminator */
    float scores[N];
    uint8_t labels[N];
    int64_t times[N];
} fixture;

static int setup(void **state)
{
    fixture *f = an_alloc(1, sizeof *f);
    if (!f)
        return -1;
    an_test_folder_make(f->dir);
    assert_int_equal(an_path_join(f->path, f->dir, "picture.svg"), AN_OK);
    an_buf_init(&f->text, AN_SVG_BYTES_MAX);
    for (size_t i = 0; i < N; i++) {
        f->labels[i] = i >= 1000 && i < 1300;
        f->scores[i] = 1 + 0.1f * (float)(i * 7919 % 100) + (f->labels[i] ? 4.0f : 0.0f);
        f->times[i] = (int64_t)i * 60000;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    an_buf_done(&f->text);
    an_test_folder_remove(f->dir);
    an_free(f);
    return 0;
}

/* What XML wants of texts: no lone &, no <, no control characters. */
static const char *skip_text(const char *c, char end)
{
    for (; *c && *c != end; c++) {
        assert_true(*c != '<' && ((unsigned char)*c >= 0x20 || *c == '\n'));
        if (*c == '&')
            assert_true(strncmp(c, "&amp;", 5) == 0 || strncmp(c, "&lt;", 4) == 0 ||
                        strncmp(c, "&gt;", 4) == 0 || strncmp(c, "&quot;", 6) == 0);
    }
    return c;
}

static size_t name_size(const char *c)
{
    return strcspn(c, " />\n");
}

/* Tags are closed in order, attributes are quoted and hold no number that is none. */
static void is_well_formed(const char *c)
{
    const char *open[DEPTH];
    size_t depth = 0;
    assert_int_equal(strncmp(c, "<?xml ", 6), 0);
    for (c = strchr(c, '>') + 1; *(c = skip_text(c, '<')); c++) {
        if (*++c == '/') {
            assert_true(depth > 0);
            const size_t size = name_size(open[--depth]);
            assert_true(name_size(c + 1) == size && strncmp(c + 1, open[depth], size) == 0);
            c = strchr(c, '>');
            continue;
        }
        assert_true(depth < DEPTH);
        open[depth++] = c;
        c += name_size(c);
        while (*c == ' ') {
            c += strcspn(c, "=");
            assert_int_equal(strncmp(c, "=\"", 2), 0);
            const char *end = skip_text(c + 2, '"');
            for (; c < end; c++)
                assert_true(strncmp(c, "nan", 3) != 0 && strncmp(c, "inf", 3) != 0);
            assert_int_equal(*c++, '"');
        }
        depth -= *c == '/';
        c += *c == '/';
        assert_int_equal(*c, '>');
    }
    assert_int_equal(depth, 0);
}

static const char *picture_of(fixture *f, an_err err)
{
    assert_int_equal(err, AN_OK);
    an_buf_clear(&f->text);
    assert_int_equal(an_file_read(&f->text, f->path, NULL), AN_OK);
    an_buf_u8(&f->text, 0);
    assert_int_equal(an_buf_err(&f->text), AN_OK);
    const char *text = (const char *)f->text.data;
    is_well_formed(text);
    return text;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

static void texts_of_files_are_escaped(void **state)
{
    fixture *f = *state;
    const char *text = picture_of(f, an_lab_plot_trace(f->path, "<script>&\"'\x01\xff\xef\xbf\xbf\xc3\xa4",
                                                       NULL, f->scores, NULL, N, 3, NULL));
    assert_null(strstr(text, "<script"));
    assert_int_equal(count(text, "&lt;script&gt;&amp;&quot;'???\xc3\xa4<"),
                     2); /* below the title, for readers */
}

static void a_long_text_is_cut_between_two_letters(void **state)
{
    fixture *f = *state;
    char about[601];
    for (size_t i = 0; i < 300; i++)
        memcpy(about + 2 * i, "\xc3\xa4", 2);
    about[600] = '\0';
    const char *text = picture_of(f, an_lab_plot_scores(f->path, about, f->scores, NULL, N, 3, NULL));
    assert_int_equal(count(text, "\xc3\xa4\xe2\x80\xa6</text>"), 1);
}

static void a_trace_marks_alarms_and_labels_and_stays_small(void **state)
{
    fixture *f = *state;
    const char *text =
        picture_of(f, an_lab_plot_trace(f->path, "t", f->times, f->scores, f->labels, N, 12, NULL));
    assert_int_equal(count(text, "class=\"band f2\""), 1);
    assert_true(count(text, "class=\"strip f1\"") > 0);
    assert_non_null(strstr(text, "time since 1970-01-01 00:00:00 UTC, days"));
    assert_true(strlen(text) < 100000);
    f->times[5] = AN_TIME_NONE;
    text = picture_of(f, an_lab_plot_trace(f->path, "t", f->times, f->scores, NULL, N, 1e6, NULL));
    assert_int_equal(count(text, "class=\"band"), 0);
    assert_int_equal(count(text, "class=\"strip"), 0);
    assert_non_null(strstr(text, ">row</text>"));
}

static void the_bars_of_a_histogram_sum_to_all_rows_of_their_kind(void **state)
{
    fixture *f = *state;
    double sum[2] = {0};
    const char *c = picture_of(f, an_lab_plot_scores(f->path, "h", f->scores, f->labels, N, 3, NULL));
    const char *legend = strstr(c, "clip-path");
    assert_non_null(legend);
    while ((c = strstr(legend, "<rect class=\"bar f")) && strchr(c, '\n') < strstr(legend, "</g>")) {
        const int kind = c[18] - '0';
        double height = 0;
        const char *h = strstr(c, "height=\"");
        assert_true(h && kind >= 0 && kind < 2 && sscanf(h, "height=\"%lf", &height) == 1);
        sum[kind] += height;
        legend = h;
    }
    assert_true(sum[0] > 0 && fabs(sum[0] - sum[1]) < 1); /* both are 100 % */
    assert_int_equal(count(legend, "normal (2700)"), 1);
    assert_int_equal(count(legend, "anomalous (300)"), 1);
}

static void curves_say_their_areas_or_that_there_is_none(void **state)
{
    fixture *f = *state;
    an_curve c = {0};
    const an_confusion m = an_confusion_at(f->scores, f->labels, N, 6);
    an_rates r = an_rates_of(&m);
    assert_int_equal(an_curve_make(f->scores, f->labels, N, &c), AN_OK);
    char area[32];
    snprintf(area, sizeof area, ">area %.3f<", c.auroc);
    assert_int_equal(count(picture_of(f, an_lab_plot_roc(f->path, "r", &c, &r, NULL)), area), 1);
    assert_int_equal(count(picture_of(f, an_lab_plot_pr(f->path, "p", &c, &r, 0.1, NULL)), ">chance 0.100<"),
                     1);
    an_curve_done(&c);
    memset(f->labels, 0, sizeof f->labels);
    const an_confusion none = an_confusion_at(f->scores, f->labels, N, 6);
    r = an_rates_of(&none);
    assert_int_equal(an_curve_make(f->scores, f->labels, N, &c), AN_OK);
    assert_int_equal(count(picture_of(f, an_lab_plot_roc(f->path, "r", &c, &r, NULL)), ">not defined"), 1);
    assert_int_equal(count(picture_of(f, an_lab_plot_pr(f->path, "p", &c, &r, 0, NULL)), ">not defined"), 1);
    an_curve_done(&c);
}

static void a_matrix_has_a_cell_for_each_pair_of_classes(void **state)
{
    fixture *f = *state;
    uint32_t truth[N], guess[N];
    for (uint32_t i = 0; i < N; i++) {
        truth[i] = i % 7;
        guess[i] = i % 5;
    }
    static const size_t sizes[] = {7, 40, AN_LAB_PLOT_CLASSES};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        an_classes c = {0};
        assert_int_equal(an_classes_count(truth, guess, N, sizes[i], &c), AN_OK);
        const char *text = picture_of(f, an_lab_plot_classes(f->path, "c", &c, NULL, 0, NULL));
        assert_int_equal(count(text, "<rect class=\"f0\""), sizes[i] * sizes[i]);
        an_classes_done(&c);
    }
    an_classes many = {0};
    assert_int_equal(an_classes_count(truth, guess, N, AN_LAB_PLOT_CLASSES + 1, &many), AN_OK);
    assert_int_equal(an_lab_plot_classes(f->path, "c", &many, NULL, 0, NULL), AN_ERR_LIMIT);
    an_classes_done(&many);
}

static void losses_of_any_size_have_an_axis(void **state)
{
    fixture *f = *state;
    static const double sizes[] = {0, 1e-30, 1, -3, 1e30, 1e308, (double)INFINITY, (double)NAN};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        an_train_epoch e[3];
        for (size_t k = 0; k < 3; k++)
            e[k] = (an_train_epoch){.epoch = k, .loss = sizes[i] * (double)(3 - k), .valid_loss = sizes[i]};
        picture_of(f, an_lab_plot_loss(f->path, "l", "mse", e, 3, true, 2, NULL));
        picture_of(f, an_lab_plot_loss(f->path, "l", "mse", e, 1, false, 0, NULL));
    }
    an_train_epoch e[2] = {{.epoch = 0, .loss = 2, .valid_loss = 3},
                           {.epoch = 1, .loss = 1, .valid_loss = 4}};
    const char *text = picture_of(f, an_lab_plot_loss(f->path, "l", "mse", e, 2, true, 0, NULL));
    assert_int_equal(count(text, "given back: epoch 1, 3<"), 1);
    assert_int_equal(count(text, "loss (mse)"), 1);
}

static void a_picture_that_does_not_come_about_leaves_the_old_one(void **state)
{
    fixture *f = *state;
    const float truth[3] = {1, 2, 3}, guess[3] = {1, 2, 4};
    const an_fit fit = an_fit_of(truth, guess, 3);
    assert_int_equal(an_file_write(f->path, "old", 3, 0644, NULL), AN_OK);
    size_t n = 0, live = an_mem_live();
    an_err err;
    do {
        uint64_t size = 0;
        assert_int_equal(an_file_size(f->path, &size, NULL), AN_OK);
        assert_int_equal(size, 3);
        an_mem_fail_after(n++);
        err = an_lab_plot_fit(f->path, "f", "power, kW", truth, guess, 3, &fit, NULL);
        an_mem_fail_never();
    } while (err == AN_ERR_NOMEM);
    assert_int_equal(an_mem_live(), live);
    assert_int_equal(count(picture_of(f, err), "<circle"), 3);
    n = 0;
    do {
        an_mem_fail_after(n++);
        err = an_lab_plot_trace(f->path, "t", f->times, f->scores, f->labels, N, 3, NULL);
        an_mem_fail_never();
    } while (err == AN_ERR_NOMEM);
    picture_of(f, err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_of_files_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_text_is_cut_between_two_letters, setup, teardown),
        cmocka_unit_test_setup_teardown(a_trace_marks_alarms_and_labels_and_stays_small, setup, teardown),
        cmocka_unit_test_setup_teardown(the_bars_of_a_histogram_sum_to_all_rows_of_their_kind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(curves_say_their_areas_or_that_there_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_matrix_has_a_cell_for_each_pair_of_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(losses_of_any_size_have_an_axis, setup, teardown),
        cmocka_unit_test_setup_teardown(a_picture_that_does_not_come_about_leaves_the_old_one, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
