/* andon-agent: verbs, signals, and the runtime between them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/about.h"
#include "agent/conf_check.h"
#include "agent/doctor.h"
#include "agent/enrol.h"
#include "agent/import.h"
#include "agent/init.h"
#include "agent/report.h"
#include "agent/runtime.h"
#include "agent/show.h"
#include "agent/show_alarms.h"
#include "agent/verdicts_args.h"
#include "agent/writeback_main.h"
#include "base/args.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "doors/crypto.h"
#include "doors/http_client.h"
#include "doors/json.h"
#include "models/kernels/kernels.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_WAITING 3 /* enrolment: nothing is decided yet */

#define DATA_FLAG                                                                                            \
    {                                                                                                        \
        "data", "DIR", "the agent's data folder"                                                             \
    }

static const an_flag run_flags[] = {{"config", "FILE", "the site's configuration"},
                                    {"check", NULL,
                                     "check the configuration, the files of secrets and keys that it names, "
                                     "and its budget; connects to nothing"}};
static const an_flag enrol_flags[] = {{"site", "NAME", "this site's name"},
                                      DATA_FLAG,
                                      {"timeout", "TIME", "how long to wait for the decision; 0: for ever"}};
static const an_flag status_flags[] = {DATA_FLAG, {"json", NULL, "for programs"}};
static const an_flag doctor_flags[] = {DATA_FLAG,
                                       {"config", "FILE", "the site's configuration, looked over too"},
                                       {"json", NULL, "for programs"}};
static const an_flag ledger_flags[] = {DATA_FLAG,
                                       {"last", "N", "the latest N entries; 0: all"},
                                       {"verify", NULL, "compute its chain of hashes again instead"}};
static const an_flag data_flags[] = {DATA_FLAG};
static const an_flag alarms_flags[] = {
    DATA_FLAG,
    {"json", NULL, "for programs"},
    {"all", NULL, "also those that are over and acknowledged"},
    {"log", NULL, "what happened to them instead, oldest first; JSON: a record a line"},
    {"last", "N", "the latest N; 0: all"},
    {"quality", NULL, "how good they are for people: figures of ISA-18.2"},
    {"span", "TIME", "... over so long until now; 0: all that is kept"},
    {"save", "DIR", "of show: write its picture there, the heat map over the image"}};
#define BY_FLAG                                                                                              \
    {                                                                                                        \
        "by", "NAME", "who does it; the user of this computer if not given"                                  \
    }
static const an_flag by_flags[] = {DATA_FLAG, BY_FLAG, {"comment", "TEXT", "kept with it"}};
static const an_flag judge_flags[] = {
    DATA_FLAG, BY_FLAG, {"class", "NAME", "what kind of defect it was"}, {"comment", "TEXT", "kept with it"}};
static const an_flag import_flags[] = {
    DATA_FLAG,
    {"line", "LINE", "of rows that name none"},
    {"by", "NAME", "of rows that say not who has judged; mes if not given"},
    {"columns", "NAMES", "the table's own names, such as part=SerialNo,verdict=Result"},
    {"words", "WORDS", "its words for verdicts, such as NOK=true,OK=false"},
    {"zone", "ZONE", "of times without one, such as Europe/Berlin; UTC if not given"},
    {"skip", NULL, "leave out rows that are refused; else they keep the others out"},
    {"dry-run", NULL, "only say what would be"}};
static const an_flag figures_flags[] = {DATA_FLAG,
                                        {"line", "LINE", "of this one alone"},
                                        {"by", "all|day|week|shift", "over time; all if not given"},
                                        {"shifts", "HOURS", "at which shifts begin; 6,14,22 if not given"},
                                        {"span", "TIME", "so long until now, such as 30d; all that is kept"},
                                        {"json", NULL, "for programs"}};
static const an_flag suggest_flags[] = {DATA_FLAG,
                                        {"far", "SHARE", "of good pieces that may raise an alarm; 0.01"},
                                        {"json", NULL, "for programs"}};
static const an_flag samples_flags[] = {
    DATA_FLAG,
    {"part", "NAME", "train, recent, old, new, held or confirmed; all if not given"},
    {"label", "NAME", "normal, defect, a class, none or any"},
    {"list", NULL, "one by one"},
    {"json", NULL, "for programs"},
    {"out", "FILE", "where to write"}};
static const an_flag threshold_flags[] = {
    DATA_FLAG, BY_FLAG, {"reason", "TEXT", "kept in the site's journal"}};
static const an_flag shelve_flags[] = {DATA_FLAG,
                                       BY_FLAG,
                                       {"for", "TIME", "such as 2h; then it comes back"},
                                       {"reason", "TEXT", "why nobody is to see it"}};
static const an_flag remove_flags[] = {DATA_FLAG, BY_FLAG, {"reason", "TEXT", "why nobody is to see it"}};
static const an_flag wb_flags[] = {{"config", "FILE", "the site's configuration"}};
static const an_flag wb_enable_flags[] = {{"config", "FILE", "the site's configuration"},
                                          {"by", "NAME", "who, as in writeback.people"},
                                          {"key-file", "FILE", "this person's secret"}};
static const an_flag report_flags[] = {DATA_FLAG,
                                       {"day", "YYYY-MM-DD", "the day, in this computer's time zone"},
                                       {"out", "FILE", "where to write; standard output if not given"}};
static const an_flag probe_flags[] = {
    {"rows", "N", "how many rows to show"},
    {"for", "TIME", "of a source that reads a device: how long to listen, such as 30s"},
    {"browse", NULL, "list what there is to read at the device, or with the broker"}};

static const an_flag init_flags[] = {
    {"source", "KIND", "csv, images, wav, sql, modbus, mqtt ...; asked if not given"},
    {"path", "PATH", "its file or folder"},
    {"address", "ADDRESS", "its device, broker or database"},
    {"set", "KEY=VALUE", "a further option of the source, such as tz=Europe/Berlin; may be given again"},
    {"for", "TIME",
     "how long it looks at most, each of up to three times: for tags, at their values, and again if they "
     "were taken anew; 10s if not given"},
    {"site", "NAME", "this site's name"},
    DATA_FLAG,
    {"line", "NAME", "the line's name"},
    {"model", "NAME", "the model that it will run"},
    {"out", "FILE", "the configuration; site.yaml if not given"},
    {"yes", NULL, "ask nothing: what is not given is taken as proposed"},
    {"force", NULL, "write over a file that is there"}};

#define N(a) (sizeof(a) / sizeof *(a))
static const an_verb verbs[] = {
    {"", NULL, 0, 0, run_flags, N(run_flags), "score this site's lines and take part in the federation"},
    {"run", NULL, 0, 0, run_flags, N(run_flags), "the same as without a command: score this site's lines"},
    {"init", NULL, 0, 0, init_flags, N(init_flags), "write the first configuration from what a source shows"},
    {"enrol", "TOKEN", 1, 1, enrol_flags, N(enrol_flags), "ask the coordinator to admit this site"},
    {"status", NULL, 0, 0, status_flags, N(status_flags), "what a running agent does"},
    {"doctor", NULL, 0, 0, doctor_flags, N(doctor_flags),
     "look over this site: what is to be mended, in one line each; exit 1 if anything is"},
    {"ledger", NULL, 0, 0, ledger_flags, N(ledger_flags), "all that left this site, in plain words"},
    {"verdict", "LINE ALARM true|false|unsure", 3, 3, judge_flags, N(judge_flags),
     "say whether an alarm was right; the agent learns from it"},
    {"verdicts import", "FILE", 1, 1, import_flags, N(import_flags),
     "what the MES says of alarms, parts and times: a table with a header; see docs/OPERATIONS.md"},
    {"verdicts", NULL, 0, 0, figures_flags, N(figures_flags),
     "how good the alarms are, by what was said of them: precision, recall, F1"},
    {"verdicts suggest", "LINE", 1, 1, suggest_flags, N(suggest_flags),
     "the threshold that the verdicts suggest, and what it would have cost and gained"},
    {"samples", "LINE", 1, 1, samples_flags, N(samples_flags) - 1,
     "the windows of a line's pool, by part and label"},
    {"samples export", "LINE", 1, 1, samples_flags, N(samples_flags), "the same as a table"},
    {"threshold", "LINE FACTOR|calibrated", 2, 2, threshold_flags, N(threshold_flags),
     "another threshold, in parts of the calibrated one, until another version runs"},
    {"missed", "LINE REASON", 2, 2, judge_flags, N(judge_flags) - 1,
     "say that a fault of the line has raised no alarm"},
    {"alarms", "[show LINE ALARM]", 0, 3, alarms_flags, N(alarms_flags),
     "the site's alarms: those that are open, or more; or one of them with what it is about"},
    {"report", NULL, 0, 0, report_flags, N(report_flags),
     "the quality report of a day: one HTML file that prints well"},
    {"ack", "LINE ALARM", 2, 2, by_flags, N(by_flags), "acknowledge an alarm"},
    {"comment", "LINE ALARM TEXT", 3, 3, remove_flags, 2, "keep a comment with an alarm"},
    {"shelve", "LINE|LINE/ALARM", 1, 1, shelve_flags, N(shelve_flags),
     "set an alarm, or all of a line, aside for a time"},
    {"unshelve", "LINE|LINE/ALARM", 1, 1, by_flags, N(by_flags), "bring back what was shelved"},
    {"out-of-service", "LINE|LINE/ALARM", 1, 1, remove_flags, N(remove_flags),
     "take an alarm, or a line, out of service until it is brought back"},
    {"in-service", "LINE|LINE/ALARM", 1, 1, by_flags, N(by_flags), "bring back what was out of service"},
    {"rollback", "LINE REASON", 2, 2, data_flags, N(data_flags),
     "go back to the version the line ran before, until a newer release"},
    {"import", "FILE", 1, 1, data_flags, N(data_flags),
     "a release that came on a stick: checked, judged and followed as if it had come over the link"},
    {"rotate", NULL, 0, 0, data_flags, N(data_flags),
     "go over to new keys; the former ones are valid until then"},
    {"writeback", NULL, 0, 0, wb_flags, N(wb_flags),
     "write verdicts to the controller, once two people have enabled it: a process of its own"},
    {"writeback-enable", NULL, 0, 0, wb_enable_flags, N(wb_enable_flags),
     "enable it, as the first or the second person"},
    {"writeback-end", NULL, 0, 0, wb_enable_flags, 2, "end it at once; one person is enough"},
    {"probe", "SOURCE.yaml", 1, 1, probe_flags, N(probe_flags),
     "open a source, list its sensors, show some rows"},
};

static int stop_pipe[2] = {-1, -1};

static void on_signal(int number)
{
    const int kept = errno;
    const char byte = (char)number;
    const ssize_t n = write(stop_pipe[1], &byte, 1);
    (void)n; /* full: it was told already */
    errno = kept;
}

static an_err catch_signals(an_note *why)
{
    struct sigaction act = {.sa_handler = on_signal};
    sigemptyset(&act.sa_mask);
    if (pipe(stop_pipe) != 0 || fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK) != 0 ||
        sigaction(SIGTERM, &act, NULL) != 0 || sigaction(SIGINT, &act, NULL) != 0)
        return an_fail(AN_ERR_IO, why, "signals: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    return AN_OK;
}

static an_err run(const an_args *args, an_note *why)
{
    an_agent_conf conf = {.site = NULL};
    const char *file = an_args_get(args, "config");
    if (!file)
        return an_fail(AN_ERR_INVAL, why, "--config FILE is missing; try: andon-agent --help");
    an_err err = an_agent_conf_load(file, &conf, why);
    if (err == AN_OK && an_args_has(args, "check")) {
        if ((err = an_agent_conf_check(&conf, why)) == AN_OK)
            printf("%s: site %s, %zu line%s\n", file, conf.site, conf.n_lines, conf.n_lines == 1 ? "" : "s");
    } else if (err == AN_OK) {
        an_notify_open();
        an_log_init((an_log_level)conf.log_level, "andon-agent");
        an_log_form((an_log_format)conf.log_format, conf.site);
        if ((err = catch_signals(why)) == AN_OK && (err = an_http_client_init()) == AN_OK) {
            err = an_agent_run(&conf, stop_pipe[0], why);
            an_http_client_done();
        }
    }
    an_agent_conf_done(&conf);
    return err;
}

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    printf("%s\n", line);
    fflush(stdout);
}

static const char *data_of(const an_args *args)
{
    const char *dir = an_args_get(args, "data");
    return dir ? dir : "andon-data";
}

static an_err enrol(const an_args *args, an_note *why)
{
    an_coordinator c;
    an_enrol_conf conf = {.dir = data_of(args),
                          .site = an_args_get(args, "site"),
                          .token = args->positionals[0],
                          .say = print_line};
    const char *timeout = an_args_get(args, "timeout");
    if (!conf.site)
        return an_fail(AN_ERR_INVAL, why, "--site NAME is missing");
    if (timeout && !an_parse_ms(timeout, &conf.timeout_ms))
        return an_fail(AN_ERR_INVAL, why, "--timeout %.60s: a time such as 30s or 10m", timeout);
    an_err err = an_enrol(&conf, &c, why);
    if (err == AN_OK)
        printf("approved: %s talks to %s\n", c.site, c.control[0]);
    return err;
}

static an_err ledger(const an_args *args, an_note *why)
{
    int64_t last = 0;
    an_err err = an_args_int(args, "last", 0, INT64_C(1) << 40, 0, &last, why);
    if (err == AN_OK && an_args_has(args, "verify"))
        return an_show_ledger_verify(data_of(args), stdout, why);
    return err == AN_OK ? an_show_ledger(data_of(args), last, stdout, why) : err;
}

static an_err probe(const an_args *args, an_note *why)
{
    int64_t rows = 0;
    const char *time = an_args_get(args, "for");
    an_log_init(AN_LOG_WARN, "andon-agent"); /* it speaks to a person */
    an_show_source_opts opts = {.for_ms = 10000, .browse = an_args_has(args, "browse")};
    an_err err = an_args_int(args, "rows", 0, 10000, 5, &rows, why);
    if (err == AN_OK && time && (!an_parse_ms(time, &opts.for_ms) || opts.for_ms < 1))
        err = an_fail(AN_ERR_INVAL, why, "--for %.60s: a time such as 30s", time);
    opts.rows = (size_t)rows;
    return err == AN_OK ? an_show_source(args->positionals[0], &opts, stdout, why) : err;
}

static an_err show_alarm(const an_args *args, an_note *why)
{
    const char *const *p = args->positionals;
    int64_t id = 0;
    if (strcmp(p[0], "show") != 0 || args->n_positionals != 3 || !an_parse_int(p[2], &id) || id < 1)
        return an_fail(AN_ERR_INVAL, why, "alarms: nothing, or show LINE ALARM");
    const an_show_alarm_opts opts = {.line = p[1],
                                     .alarm = (uint64_t)id,
                                     .json = an_args_has(args, "json"),
                                     .save = an_args_get(args, "save")};
    return an_show_alarm(data_of(args), &opts, stdout, why);
}

static an_err alarms(const an_args *args, an_note *why)
{
    if (args->n_positionals > 0)
        return show_alarm(args, why);
    const char *span = an_args_get(args, "span");
    int64_t span_ms = 0;
    an_show_alarms_opts opts = {
        .json = an_args_has(args, "json"), .all = an_args_has(args, "all"), .log = an_args_has(args, "log")};
    an_err err = an_args_int(args, "last", 0, INT64_C(1) << 40, 0, &opts.last, why);
    if (err != AN_OK)
        return err;
    if (span && !an_parse_ms(span, &span_ms))
        return an_fail(AN_ERR_INVAL, why, "--span %.60s: a time such as 12h or 7d", span);
    return an_args_has(args, "quality")
               ? an_show_alarm_figures(data_of(args), span_ms, opts.json, stdout, why)
               : an_show_alarms(data_of(args), &opts, stdout, why);
}

static an_err writeback(const an_args *args, an_note *why)
{
    an_agent_conf conf = {.site = NULL};
    const char *file = an_args_get(args, "config"), *verb = args->verb->name;
    if (!file)
        return an_fail(AN_ERR_INVAL, why, "--config FILE is missing");
    an_err err = an_agent_conf_load(file, &conf, why);
    if (err == AN_OK && strcmp(verb, "writeback") == 0) {
        an_log_init((an_log_level)conf.log_level, "andon-writeback");
        an_log_form((an_log_format)conf.log_format, conf.site);
        if ((err = catch_signals(why)) == AN_OK)
            err = an_writeback_run(&conf, stop_pipe[0], why);
    } else if (err == AN_OK) {
        err = an_writeback_leave(&conf, strcmp(verb, "writeback-enable") == 0, an_args_get(args, "by"),
                                 an_args_get(args, "key-file"), stdout, why);
    }
    an_agent_conf_done(&conf);
    return err;
}

static an_err report(const an_args *args, an_note *why)
{
    const char *day = an_args_get(args, "day");
    if (!day)
        return an_fail(AN_ERR_INVAL, why, "--day YYYY-MM-DD is missing");
    return an_report_write(data_of(args), day, an_args_get(args, "out"), why);
}

static const struct {
    const char *verb;
    an_logged_kind kind;
} deeds[] = {{"ack", AN_LOGGED_ACKED},
             {"comment", AN_LOGGED_COMMENTED},
             {"shelve", AN_LOGGED_SHELVED},
             {"unshelve", AN_LOGGED_UNSHELVED},
             {"out-of-service", AN_LOGGED_REMOVED},
             {"in-service", AN_LOGGED_RESTORED}};

static an_err do_deed(const an_args *args, an_logged_kind kind, an_note *why)
{
    char target[200];
    const char *const *p = args->positionals;
    const bool two = args->n_positionals > 1; /* LINE ALARM */
    const char *comment = an_args_get(args, "comment");
    const int n = snprintf(target, sizeof target, "%s%s%s", p[0], two ? "/" : "", two ? p[1] : "");
    if (n < 0 || (size_t)n >= sizeof target)
        return an_fail(AN_ERR_INVAL, why, "no line has so long a name");
    const an_deed_words w = {.kind = kind,
                             .target = target,
                             .by = an_args_get(args, "by"),
                             .comment = kind == AN_LOGGED_COMMENTED ? p[2]
                                        : comment                   ? comment
                                                                    : an_args_get(args, "reason"),
                             .duration = an_args_get(args, "for")};
    return an_leave_deed(data_of(args), &w, stdout, why);
}

static an_err dispatch(const an_args *args, an_note *why)
{
    const char *verb = args->verb->name;
    const char *const *p = args->positionals;
    const an_verdict_words words = {.by = an_args_get(args, "by"),
                                    .defect = an_args_get(args, "class"),
                                    .comment = an_args_get(args, "comment")};
    if (strcmp(verb, "init") == 0)
        return an_init_by_args(args, why);
    if (strcmp(verb, "enrol") == 0)
        return enrol(args, why);
    if (strcmp(verb, "status") == 0)
        return an_show_status(data_of(args), an_args_has(args, "json"), stdout, why);
    if (strcmp(verb, "doctor") == 0)
        return an_agent_doctor(an_args_get(args, "config"), an_args_get(args, "data"),
                               an_args_has(args, "json"), stdout, why);
    if (strcmp(verb, "ledger") == 0)
        return ledger(args, why);
    if (strcmp(verb, "verdict") == 0)
        return an_leave_verdict(data_of(args), p[0], p[1], p[2], &words, stdout, why);
    if (strncmp(verb, "verdicts", 8) == 0 || strncmp(verb, "samples", 7) == 0)
        return an_verdicts_by_args(args, why);
    if (strcmp(verb, "threshold") == 0)
        return an_leave_threshold(data_of(args), p[0], p[1], words.by, an_args_get(args, "reason"), stdout,
                                  why);
    if (strcmp(verb, "missed") == 0)
        return an_leave_missed(data_of(args), p[0], p[1], &words, stdout, why);
    if (strcmp(verb, "rollback") == 0)
        return an_leave_rollback(data_of(args), p[0], p[1], stdout, why);
    if (strcmp(verb, "import") == 0)
        return an_leave_import(data_of(args), p[0], stdout, why);
    if (strcmp(verb, "alarms") == 0)
        return alarms(args, why);
    if (strcmp(verb, "report") == 0)
        return report(args, why);
    for (size_t i = 0; i < N(deeds); i++)
        if (strcmp(verb, deeds[i].verb) == 0)
            return do_deed(args, deeds[i].kind, why);
    if (strcmp(verb, "rotate") == 0)
        return an_leave_rotate(data_of(args), stdout, why);
    if (strncmp(verb, "writeback", 9) == 0)
        return writeback(args, why);
    if (strcmp(verb, "probe") == 0)
        return probe(args, why);
    return run(args, why);
}

int main(int argc, char **argv)
{
    an_args args;
    an_note why = {{0}};
    if (an_args_parse(&args, verbs, N(verbs), argc, argv, &why) != AN_OK) {
        fprintf(stderr, "andon-agent: %s\n", why.text);
        return EXIT_USAGE;
    }
    if (an_args_answer_about(&args, &an_agent_about, stdout))
        return 0;
    an_mem_no_core();
    umask(027); /* samples, spool and versions: the group may read them, others may not */
    an_log_init(AN_LOG_INFO, "andon-agent");
    an_json_init();
    if (!an_kernels_init()) {
        fprintf(stderr,
                "andon-agent: ANDON_KERNELS or ANDON_BF16 names an instruction set that is not here\n");
        return EXIT_USAGE;
    }
    an_err err = an_crypto_init();
    if (err == AN_OK)
        err = dispatch(&args, &why);
    if (err == AN_OK)
        return 0;
    fprintf(stderr, "andon-agent: %s\n", why.text[0] ? why.text : an_err_text(err));
    return err == AN_ERR_AGAIN ? EXIT_WAITING : err == AN_ERR_INVAL ? EXIT_USAGE : EXIT_FAILED;
}
