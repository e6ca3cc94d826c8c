/* andon-lab simulate: rows of a line that exists only as equations. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/sim.h"
#include "base/clock.h"
#include "base/opt.h"
#include "coordinator/lab/lab.h"

#define START_MS INT64_C(1767225600000) /* 2026-01-01 */

/* The next field of "name,start,length,size,sensor"; false: too long. */
static bool next_field(const char **at, char *ret, size_t size)
{
    size_t n = strcspn(*at, ",");
    if (n >= size)
        return false;
    memcpy(ret, *at, n);
    ret[n] = '\0';
    *at += n + ((*at)[n] == ',');
    return true;
}

static an_err parse_event(const char *text, an_sim_event *ret, an_note *why)
{
    const char *at = text;
    char start[32], length[32], size[32];
    int64_t first = 0, rows = 0;
    an_sim_event e = {.size = 1};
    bool ok = next_field(&at, e.name, sizeof e.name) && next_field(&at, start, sizeof start) &&
              next_field(&at, length, sizeof length) && next_field(&at, size, sizeof size) &&
              next_field(&at, e.sensor, sizeof e.sensor) && *at == '\0';
    ok = ok && an_parse_int(start, &first) && an_parse_int(length, &rows) && first >= 0 && rows >= 0;
    if (ok && size[0])
        ok = an_parse_num(size, &e.size) && e.size > 0;
    if (!ok)
        return an_fail(AN_ERR_INVAL, why, "--event %.80s: must be NAME,START,LENGTH[,SIZE[,SENSOR]]", text);
    e.start = (uint64_t)first;
    e.length = (uint64_t)rows;
    *ret = e;
    return AN_OK;
}

static an_err read_conf(const an_lab *lab, an_sim_conf *ret, an_note *why)
{
    int64_t rows = 0, site = 0, step = 0;
    const char *line = an_args_get(lab->args, "line"), *event;
    an_sim_conf c = {.start_ms = START_MS, .steady = an_args_has(lab->args, "steady")};
    snprintf(c.line, sizeof c.line, "%s", line ? line : "pump");
    an_err err = an_args_int(lab->args, "rows", 1, 100000000, 3600, &rows, why);
    if (err == AN_OK)
        err = an_args_int(lab->args, "site", 0, 1000000, 0, &site, why);
    if (err == AN_OK)
        err = an_args_int(lab->args, "step", 1, 86400000, 1000, &step, why);
    if (err == AN_OK)
        err = an_lab_seed(lab, 1, &c.seed, why);
    for (size_t i = 0; err == AN_OK && (event = an_args_at(lab->args, "event", i)); i++) {
        if (c.n_events == AN_SIM_EVENTS_MAX)
            return an_fail(AN_ERR_LIMIT, why, "at most %d events", AN_SIM_EVENTS_MAX);
        err = parse_event(event, &c.events[c.n_events++], why);
    }
    c.rows = (uint64_t)rows;
    c.site = (uint64_t)site;
    c.step_ms = step;
    if (err == AN_OK)
        *ret = c;
    return err;
}

static void put_row(FILE *out, const float *row, size_t width, const an_sim_info *info)
{
    char time[25];
    an_time_text(time, info->time_ms);
    fputs(time, out);
    for (size_t j = 0; j < width; j++) {
        if (isfinite(row[j]))
            fprintf(out, ",%.7g", (double)row[j]);
        else
            fputc(',', out);
    }
    fprintf(out, ",%d\n", info->label);
}

static an_err write_rows(an_lab *lab, an_sim *sim, FILE *out, uint64_t *ret_rows, uint64_t *ret_faulty,
                         an_note *why)
{
    float row[AN_SIM_SENSORS_MAX];
    an_sim_info info;
    const an_sim_line *line = an_sim_line_get(sim);
    fputs("time", out);
    for (size_t j = 0; j < line->n_sensors; j++)
        fprintf(out, ",%s", line->sensors[j].name);
    fputs(",label\n", out);
    while (an_sim_next(sim, row, &info)) {
        if (atomic_load(lab->cancel))
            return an_fail(AN_ERR_CANCELLED, why, "interrupted");
        put_row(out, row, line->n_sensors, &info);
        ++*ret_rows;
        *ret_faulty += info.label == 1;
    }
    return ferror(out) ? an_fail(AN_ERR_IO, why, "the rows cannot be written") : AN_OK;
}

static an_err run(an_lab *lab, an_note *why)
{
    an_sim_conf conf;
    an_sim *sim = NULL;
    FILE *out = NULL;
    uint64_t rows = 0, faulty = 0;
    const char *path = an_args_get(lab->args, "out");
    if (lab->json && !path)
        return an_fail(AN_ERR_INVAL, why, "--json needs --out FILE for the rows");
    an_err err = read_conf(lab, &conf, why);
    if (err == AN_OK)
        err = an_sim_new(&conf, &sim, why);
    if (err == AN_OK) {
        out = path ? fopen(path, "w") : lab->out;
        err = out ? write_rows(lab, sim, out, &rows, &faulty, why)
                  : an_fail(AN_ERR_IO, why, "%s cannot be written", path);
    }
    if (path && out && fclose(out) != 0 && err == AN_OK)
        err = an_fail(AN_ERR_IO, why, "%s cannot be written", path);
    if (err == AN_OK && lab->json) {
        an_json *o = an_json_object();
        an_json_set_text(o, "file", path);
        an_json_set_text(o, "line", conf.line);
        an_json_set_int(o, "rows", (int64_t)rows);
        an_json_set_int(o, "faulty_rows", (int64_t)faulty);
        err = an_lab_print_json(lab, o, why);
    }
    an_sim_free(sim);
    return err;
}

static const an_flag flags[] = {
    {"line", "NAME", "pump (default) or press"},
    {"rows", "N", "how many (default 3600)"},
    {"site", "N", "which plant: its gains, offsets and noise (default 0: the nominal one)"},
    {"step", "MS", "between two rows (default 1000)"},
    {"steady", NULL, "without stops"},
    {"event", "EVENT", "NAME,START,LENGTH[,SIZE[,SENSOR]] in rows; may be repeated"},
    {"out", "FILE", "write the rows there instead of to standard output"},
    AN_LAB_FLAG_SEED,
    AN_LAB_FLAG_JSON,
};

const an_lab_verb an_lab_verb_simulate = {
    .verb = {"simulate", NULL, 0, 0, flags, sizeof flags / sizeof *flags,
             "write the rows of a simulated line, with labels"},
    .run = run,
};
