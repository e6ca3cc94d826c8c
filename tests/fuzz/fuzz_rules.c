/* Any bytes as a line's rules: an error with its place, or rules that work through rows, are saved and go on. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rules.h"
#include "base/mem.h"

#define W 4
#define ROWS 24

static void must(bool ok)
{
    if (!ok)
        abort();
}

static const char *const sensors[W] = {"flow", "speed", "x", "y"};
static const char *const lines[] = {"line-1", "line-2"};

static void feed(an_rulebook *b, an_quality *q, an_alarm *alarm, const an_board *board, const uint8_t *data,
                 size_t size)
{
    for (size_t i = 0; i < ROWS; i++) {
        an_rule_said said[AN_RULES_MAX];
        an_quality_event events[AN_QUALITY_EVENTS_MAX];
        float values[W];
        for (size_t j = 0; j < W; j++) {
            const uint8_t v = data[(i * W + j) % size];
            values[j] = v == 0xff ? NAN : (float)v - 50;
        }
        an_quality_step(q, (int64_t)i * 700, values, NULL, events, AN_QUALITY_EVENTS_MAX);
        const an_rule_in in = {.time_ms = (int64_t)i * 700,
                               .restart = data[i % size] == 0xfe,
                               .values = values,
                               .quality = q,
                               .score = i % 3 ? (double)values[0] / 10 : (double)NAN,
                               .alarm_open = i % 5 == 0,
                               .board = board,
                               .numbers = alarm};
        const size_t n = an_rulebook_step(b, &in, said);
        must(n <= an_rulebook_n(b));
        for (size_t k = 0; k < n; k++)
            must(said[k].rule < an_rulebook_n(b) && said[k].event.id > 0 &&
                 said[k].event.n_top <= AN_ALARM_TOP);
    }
}

static void work(const an_line_rules *rules, const uint8_t *data, size_t size)
{
    const an_rulebook_at at = {
        .sensors = sensors, .width = W, .lines = lines, .n_lines = 2, .update_ms = 2000};
    const an_quality_conf qc = AN_QUALITY_CONF_DEFAULT;
    const an_alarm_conf ac = AN_ALARM_CONF_DEFAULT;
    an_rulebook *book = NULL, *again = NULL;
    an_quality *q = NULL;
    an_alarm *alarm = NULL;
    an_board board;
    an_note why = {{0}};
    an_board_init(&board);
    an_board_show(&board, 1, 1.5, NAN, true);
    if (an_rulebook_new(rules, &at, &book, &why) != AN_OK) {
        must(!book && why.text[0] != '\0');
        return;
    }
    must(!book || (an_quality_new(&qc, W, &q) == AN_OK && an_alarm_new(&ac, W, &alarm) == AN_OK));
    if (book) {
        an_rule_gone gone[AN_RULES_MAX];
        size_t n_gone = 0;
        an_buf b;
        feed(book, q, alarm, &board, data, size);
        an_buf_init(&b, 1u << 20);
        must(an_rulebook_save(book, &b) == AN_OK);
        must(an_rulebook_new(rules, &at, &again, &why) == AN_OK);
        an_reader in = an_reader_of(b.data, b.len);
        must(an_rulebook_restore(again, &in, gone, &n_gone) == AN_OK && in.left == 0 && n_gone == 0);
        for (unsigned e = 0; e < AN_RULE_EFFECTS; e++)
            must(an_rulebook_active(book, (an_rule_effect)e) == an_rulebook_active(again, (an_rule_effect)e));
        feed(again, q, alarm, &board, data, size);
        an_buf_done(&b);
    }
    an_alarm_free(alarm);
    an_quality_free(q);
    an_rulebook_free(book);
    an_rulebook_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    an_yaml *doc = NULL;
    an_line_rules rules = {.n = 0};
    an_note why = {{0}};
    if (an_yaml_parse((const char *)data, size, "fuzz", &doc, &why) == AN_OK) {
        const an_node *list = an_node_get(an_yaml_root(doc), "rules");
        if (an_line_rules_read(list ? list : an_yaml_root(doc), &rules, &why) != AN_OK)
            must(rules.n == 0 && strncmp(why.text, "fuzz:", 5) == 0);
        else if (size > 0)
            work(&rules, data, size);
    }
    an_line_rules_done(&rules);
    an_yaml_free(doc);
    must(an_mem_live() == 0);
    return 0;
}
