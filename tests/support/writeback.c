#include "tests/support/writeback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

int64_t an_test_wall_ms(void)
{
    return an_clock_system()->wall_ms(an_clock_system());
}

an_wb_test *an_wb_test_new(void)
{
    an_wb_test *f = an_alloc(1, sizeof *f);
    assert_non_null(f);
    an_test_log_open(&f->t, 0);
    assert_int_equal(an_path_join(f->status, f->t.dir, "status.json"), AN_OK);
    return f;
}

void an_wb_test_free(an_wb_test *f)
{
    an_test_log_close(&f->t);
    an_free(f);
}

void an_wb_test_people(an_wb_test *f)
{
    static const char *const names[] = {"anna", "ben"};
    f->conf.n_persons = 2;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(an_path_join(f->keys[i], f->t.dir, names[i]), AN_OK);
        assert_int_equal(an_file_write(f->keys[i], names[i], strlen(names[i]), 0600, NULL), AN_OK);
        snprintf(f->conf.persons[i].name, AN_NAME_MAX, "%s", names[i]);
        f->conf.persons[i].key_file = f->keys[i];
    }
}

void an_wb_test_start(an_wb_test *f)
{
    if (an_wb_start(&f->conf, "plant-a", f->t.dir, &f->w, &f->why) != AN_OK)
        fail_msg("%s", f->why.text);
}

#define MOVE "{\"sensor\":\"x\",\"unit\":\"\",\"from\":1,\"to\":" AN_WB_ADVISED "}"
#define ADVICE "{\"outcome\":\"moves\",\"moves\":[" MOVE "]}"

void an_wb_test_advise(an_wb_test *f)
{
    char path[AN_PATH_MAX];
    f->advised = true;
    assert_int_equal(an_path_join(path, f->t.dir, "pictures"), AN_OK);
    assert_int_equal(an_dir_make(path, NULL), AN_OK);
    assert_int_equal(an_path_join(path, path, "line-1-1.advice.json"), AN_OK);
    assert_int_equal(an_file_write(path, ADVICE, strlen(ADVICE), 0640, NULL), AN_OK);
}

/* The agent lives: it says that another row was scored. */
void an_wb_test_tick(an_wb_test *f)
{
    char text[512];
    if (!f->silent) {
        snprintf(text, sizeof text,
                 "{\"time_ms\":%lld,\"lines\":[{\"line\":\"line-1\",\"version\":\"abc\",\"scored\":%llu,"
                 "\"alarm_open\":%s%s}]}",
                 (long long)an_test_wall_ms(), (unsigned long long)++f->scored, f->open ? "true" : "false",
                 f->advised ? ",\"advice\":" ADVICE : "");
        assert_int_equal(an_file_write(f->status, text, strlen(text), 0644, NULL), AN_OK);
    }
    an_test_moment();
}

void an_wb_test_until_verdict(an_wb_test *f, an_wb_verdict_kind v)
{
    const int64_t until = an_test_mono_ms() + 30000;
    const uint64_t beats = an_wb_stats_get(f->w).beats;
    while (an_wb_stats_get(f->w).verdicts[0] != v || an_wb_stats_get(f->w).beats < beats + 2) {
        if (an_test_mono_ms() > until)
            fail_msg("it does not become %s", an_wb_verdict_name(v));
        an_wb_test_tick(f);
    }
}

void an_wb_test_ask(an_wb_test *f, size_t who)
{
    const int64_t now = an_test_wall_ms();
    f->asked_ms = now > f->asked_ms ? now : f->asked_ms + 1;
    assert_int_equal(
        an_wb_leave(f->t.dir, "plant-a", f->conf.persons[who].name, f->keys[who], f->asked_ms, &f->why),
        AN_OK);
}

void an_wb_test_enable(an_wb_test *f)
{
    an_wb_test_ask(f, 0);
    an_wb_test_ask(f, 1);
    AN_WB_UNTIL(f, enabled, true);
}

/* How often the journal has the text. */
size_t an_wb_test_said(an_wb_test *f, const char *text)
{
    char path[AN_PATH_MAX];
    size_t n = 0;
    an_buf b;
    an_buf_init(&b, 1u << 20);
    assert_int_equal(an_path_join(path, f->t.dir, "writeback.jsonl"), AN_OK);
    const an_err err = an_file_read(&b, path, NULL);
    assert_true(err == AN_OK || err == AN_ERR_NOTFOUND); /* not yet */
    an_buf_u8(&b, 0);
    for (const char *at = (const char *)b.data; (at = strstr(at, text)); at++)
        n++;
    an_buf_done(&b);
    return n;
}

size_t an_wb_test_journal(an_wb_test *f, const char *what)
{
    char quoted[80];
    snprintf(quoted, sizeof quoted, "\"what\":\"%s\"", what);
    return an_wb_test_said(f, quoted);
}

void an_wb_test_until_said(an_wb_test *f, const char *text)
{
    const int64_t until = an_test_mono_ms() + 30000;
    while (an_wb_test_said(f, text) == 0) {
        if (an_test_mono_ms() > until)
            fail_msg("the journal never has %s", text);
        an_wb_test_tick(f);
    }
}
