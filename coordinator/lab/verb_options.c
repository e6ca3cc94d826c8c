/* andon-lab options: every option of every configuration, as docs/CONFIGURATION.md holds it.
 * The rows are those that the programs themselves parse by. */
#include "agent/conf.h"
#include "agent/sink.h"
#include "agent/source.h"
#include "agent/writeback_conf.h"
#include "coordinator/conf.h"
#include "coordinator/lab/lab.h"
#include "coordinator/policy.h"

static const char opening[] = "# Configuration\n\n"
                              "Made by `andon-lab options`; do not edit. "
                              "`tests/check_configuration.sh` holds this page to the\n"
                              "program. A key with a dot is a nested mapping or written as it "
                              "stands: `http: {port: 0}` is\n"
                              "`http.port: 0`. Times are `250ms`, `1.5s`, `10m`, `2h`, `7d`; "
                              "sizes are `64k`, `1.5M`, `2G` in powers\n"
                              "of 1024. An unknown key or a value outside its bounds is an "
                              "error with file, line and column.\n";

typedef struct section {
    const char *title, *words;
    const an_opt *rows;
    const size_t *n;
} section;

static const section sections[] = {
    {"andon-coordinator", "Keys of the file of `--config`, and flags of the same names, which win over it.",
     an_coordinator_rows, &an_coordinator_n_rows},
    {"A model's policy",
     "Kept in the journal, set with `andon model create --policy KEY=VALUE` and `andon model "
     "policy`. A\n"
     "change holds for rounds that open after it.",
     an_policy_rows, &an_policy_n_rows},
    {"andon-agent", "Keys at the top of the file of `--config`; beside them stand `lines` and `policy`.",
     an_agent_rows, &an_agent_n_rows},
    {"A line of an agent",
     "Keys of each entry of `lines`. Beside them stand `source` (below; or `stream`), `sensors` (a list of\n"
     "names, if they are not the source's), `failure_modes` (a list of\n"
     "`{name: bearing, parts: [{sensor: vibration, sigmas: 4}]}`, or `declared`: those of the\n"
     "simulated line), `rules` and `advice` (below).",
     an_agent_line_rows, &an_agent_line_n_rows},
    {"Advice at a line",
     "Keys of `advice` in a line. Beside them stand `inputs`, the sensors that people may move\n"
     "(`TIT: {low: 1050, high: 1100, step: 10}`: limits, and the largest move at a time, above 0), and "
     "`caps`, a list of\n"
     "`{version: co.andon, most: 3}`: what other versions of the same sensors may predict at most. Nothing "
     "is written by\n"
     "itself.",
     an_advice_rows, &an_advice_n_rows},
    {"The policy of a site",
     "Keys of `policy` in the agent's file. What it forbids is refused with a reason.", an_site_policy_rows,
     &an_site_policy_n_rows},
};

static const char *kind_text(an_option_kind kind)
{
    switch (kind) {
    case AN_OPTION_TEXT:
        return "text";
    case AN_OPTION_INT:
        return "integer";
    case AN_OPTION_REAL:
        return "number";
    case AN_OPTION_BOOL:
        return "true or false";
    case AN_OPTION_LIST:
        return "list";
    case AN_OPTION_MAP:
        return "mapping";
    }
    return "";
}

/* A bar would end the table's cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_options(const an_option *rows, FILE *out)
{
    fputs("| Option | Type | Allowed | Default | Meaning |\n|---|---|---|---|---|\n", out);
    for (const an_option *o = rows; o->key; o++) {
        fprintf(out, "| `%s` | %s | ", o->key, kind_text(o->kind));
        if (o->kind == AN_OPTION_INT || o->kind == AN_OPTION_REAL)
            fprintf(out, "%.15g..%.15g", o->min, o->max);
        fputs(" | ", out);
        if (!o->initial)
            fputs("must be given", out);
        else if (!o->initial[0])
            fputs("none", out);
        else
            fprintf(out, "`%s`", o->initial);
        fputs(" | ", out);
        print_cell(out, o->meaning);
        fputs(" |\n", out);
    }
}

static an_err run(an_lab *lab, an_note *why)
{
    FILE *out = lab->out;
    fputs(opening, out);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        fprintf(out, "\n## %s\n\n%s\n\n", sections[i].title, sections[i].words);
        an_opt_markdown(sections[i].rows, *sections[i].n, out);
    }
    fputs("\n## Sources\n\nKeys of `source` in a line, and of the file of `andon-agent probe`. "
          "All understand these:\n\n",
          out);
    print_options(an_source_common_get(), out);
    const an_source_type *type;
    for (size_t i = 0; (type = an_source_type_at(i)); i++) {
        fprintf(out, "\n### type: %s\n\n%s.\n\n", type->name, type->meaning);
        print_options(type->options, out);
    }
    fputs("\n## Sinks\n\nKeys of each item of `sinks` in the agent's file. All understand these:\n\n", out);
    print_options(an_sink_common_get(), out);
    const an_sink_type *sink;
    for (size_t i = 0; (sink = an_sink_type_at(i)); i++) {
        fprintf(out, "\n### type: %s\n\n%s.\n\n", sink->name, sink->meaning);
        print_options(sink->options, out);
    }
    fputs("\n## Write-back\n\nKeys of `writeback` in the agent's file; without them nothing is ever "
          "written.\n\n",
          out);
    print_options(an_wb_options, out);
    fputs("\nOf each of `people`:\n\n", out);
    print_options(an_wb_person_options, out);
    fputs("\nOf each of `targets`:\n\n", out);
    print_options(an_wb_place_options, out);
    fputs("\n### Write-back with type: mqtt\n\nOther keys, and the same `people`:\n\n", out);
    print_options(an_wb_mqtt_options, out);
    fputs("\nOf each of `targets`:\n\n", out);
    print_options(an_wb_mqtt_place_options, out);
    return ferror(out) ? an_fail(AN_ERR_IO, why, "the output cannot be written") : AN_OK;
}

const an_lab_verb an_lab_verb_options = {
    .verb = {"options", NULL, 0, 0, NULL, 0, "print every option of every configuration, as Markdown"},
    .run = run,
};
