#include "agent/verdicts_args.h"

#include <stdio.h>
#include <string.h>

#include "agent/show.h"
#include "agent/show_samples.h"
#include "agent/show_verdicts.h"
#include "base/opt.h"

#define N(list) (sizeof(list) / sizeof *(list))

static const char *data_of(const an_args *args)
{
    const char *dir = an_args_get(args, "data");
    return dir ? dir : "andon-data";
}

static an_err import_verdicts(const an_args *args, an_note *why)
{
    const an_import_opts opts = {.table = {.line = an_args_get(args, "line"),
                                           .by = an_args_get(args, "by"),
                                           .columns = an_args_get(args, "columns"),
                                           .words = an_args_get(args, "words"),
                                           .zone = an_args_get(args, "zone")},
                                 .skip = an_args_has(args, "skip"),
                                 .dry = an_args_has(args, "dry-run")};
    return an_import_verdicts(data_of(args), args->positionals[0], &opts, stdout, why);
}

static an_err figures(const an_args *args, an_note *why)
{
    static const char *const names[] = {"all", "day", "week", "shift"};
    const char *by = an_args_get(args, "by"), *shifts = an_args_get(args, "shifts"),
               *span = an_args_get(args, "span");
    an_verdict_how how = {.versions = true, .line = an_args_get(args, "line")};
    int64_t span_ms = 0;
    size_t i = 0;
    while (by && i < N(names) && strcmp(names[i], by) != 0)
        i++;
    if (i == N(names))
        return an_fail(AN_ERR_INVAL, why, "--by %.20s: all, day, week or shift", by);
    how.by = (an_verdict_by)i;
    if (!an_verdict_shifts_parse(shifts ? shifts : "6,14,22", &how))
        return an_fail(AN_ERR_INVAL, why, "--shifts %.40s: hours such as 6,14,22", shifts);
    if (span && (!an_parse_ms(span, &span_ms) || span_ms < 1))
        return an_fail(AN_ERR_INVAL, why, "--span %.40s: a time such as 30d", span);
    return an_show_verdicts(data_of(args), &how, span_ms, an_args_has(args, "json"), stdout, why);
}

static an_err samples(const an_args *args, an_note *why)
{
    const an_samples_opts o = {.part = an_args_get(args, "part"),
                               .label = an_args_get(args, "label"),
                               .each = an_args_has(args, "list"),
                               .json = an_args_has(args, "json")};
    const char *line = args->positionals[0], *path = an_args_get(args, "out");
    if (strcmp(args->verb->name, "samples") == 0)
        return an_show_samples(data_of(args), line, &o, stdout, why);
    if (!path)
        return an_fail(AN_ERR_INVAL, why, "--out FILE is missing");
    return an_export_samples(data_of(args), line, &o, path, stdout, why);
}

static an_err suggest(const an_args *args, an_note *why)
{
    double far = 0;
    an_err err = an_args_num(args, "far", 0.00001, 0.5, 0.01, &far, why);
    return err == AN_OK ? an_show_suggestion(data_of(args), args->positionals[0], far,
                                             an_args_has(args, "json"), stdout, why)
                        : err;
}

an_err an_verdicts_by_args(const an_args *args, an_note *why)
{
    const char *verb = args->verb->name;
    if (strcmp(verb, "verdicts import") == 0)
        return import_verdicts(args, why);
    if (strcmp(verb, "verdicts") == 0)
        return figures(args, why);
    return strcmp(verb, "verdicts suggest") == 0 ? suggest(args, why) : samples(args, why);
}
