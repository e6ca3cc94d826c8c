#include "tests/support/init.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/conf.h"
#include "agent/source.h"
#include "base/clock.h"
#include "tests/support/folder.h"

void an_init_test_begin(an_init_test *t)
{
    *t = (an_init_test){.for_ms = 3000};
    an_test_folder_make(t->dir);
    snprintf(t->out, sizeof t->out, "%.900s/site.yaml", t->dir);
    an_buf_init(&t->text, 1 << 20);
    t->say = tmpfile();
    assert_non_null(t->say);
}

void an_init_test_end(an_init_test *t)
{
    an_buf_done(&t->text);
    fclose(t->say);
    if (t->in)
        fclose(t->in);
    an_test_folder_remove(t->dir);
}

an_err an_init_test_run(an_init_test *t, const char *kind, const char *where, const char *set, an_note *why)
{
    const an_init_opts opts = {.kind = kind,
                               .where = where,
                               .out = t->out,
                               .site = t->in ? NULL : "plant-a",
                               .line = t->in ? NULL : "line-1",
                               .set = {set},
                               .n_set = set != NULL,
                               .for_ms = t->for_ms,
                               .yes = !t->in,
                               .in = t->in,
                               .say = t->say};
    an_err err = an_init(&opts, why);
    an_buf_clear(&t->text);
    if (err == AN_OK)
        err = an_file_read(&t->text, t->out, why);
    an_buf_u8(&t->text, 0);
    return err;
}

bool an_init_test_has(const an_init_test *t, const char *text)
{
    const bool has = strstr((const char *)t->text.data, text) != NULL;
    if (!has)
        fprintf(stderr, "there is no \"%s\" in\n%s\n", text, (const char *)t->text.data);
    return has;
}

static uint64_t whole_rows(const an_batch *b)
{
    uint64_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        bool whole = true;
        for (size_t j = 0; j < b->width; j++)
            whole = whole && !isnan(b->values[i * b->width + j]);
        n += whole;
    }
    return n;
}

size_t an_init_test_rows(const an_init_test *t, uint64_t rows)
{
    an_agent_conf conf = {.site = NULL};
    an_source *src = NULL;
    an_batch batch = {.n = 0};
    an_note why = {{0}};
    const an_clock *clock = an_clock_system();
    const int64_t end = clock->mono_ms(clock) + 10000;
    int64_t wait_ms = 0;
    uint64_t n = 0;
    if (an_agent_conf_load(t->out, &conf, &why) != AN_OK)
        fail_msg("%s", why.text);
    if (an_source_open(conf.lines[0].source_type, conf.lines[0].source, clock, &src, &why) != AN_OK)
        fail_msg("%s", why.text);
    const size_t width = an_source_width(src);
    assert_int_equal(an_batch_init(&batch, width, 64), AN_OK);
    while (n < rows && clock->mono_ms(clock) < end) {
        const an_err err = an_source_next(src, &batch, &wait_ms, &why);
        if (err == AN_OK) {
            n += whole_rows(&batch);
        } else {
            assert_int_equal(err, AN_ERR_AGAIN);
            struct pollfd item = {.fd = an_source_fd(src), .events = POLLIN};
            poll(&item, 1, (int)wait_ms);
        }
    }
    assert_true(n >= rows);
    an_batch_done(&batch);
    an_source_close(src);
    an_agent_conf_done(&conf);
    return width;
}
