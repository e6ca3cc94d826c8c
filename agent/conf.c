#include "agent/conf.h"

#include <stdio.h>
#include <string.h>

#include "agent/sim.h"
#include "agent/source.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "doors/conf.h"
#include "models/threshold.h"

static const char *const levels[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const whens[] = {"always", "idle", NULL};
static const char *const keeps[] = {"nothing", "maps", "images", NULL};
static const char *const scales[] = {"fleet", "site", NULL};

#define CONF an_agent_conf
const an_opt an_agent_rows[] = {
    AN_OPT_TEXT(CONF, site, "site", 1, AN_NAME_MAX - 1, NULL, "this site's name, as it was enrolled"),
    AN_OPT_TEXT(CONF, data, "data", 1, AN_PATH_MAX / 2, "andon-data",
                "folder of keys, spool, pools and versions"),
    AN_OPT_INT(CONF, threads, "threads", 1, 64, "1", "threads of training"),
    AN_OPT_INT(CONF, nice, "nice", 0, 19, "10", "how far training stands back behind the line's own work"),
    AN_OPT_INT(CONF, train_share, "train.share", 1, 100, "100",
               "percent of the time in which training may work; the rest it pauses"),
    AN_OPT_CHOICE(CONF, train_when, "train.when", whens, "always",
                  "idle: only while all lines are idle (see idle.* of a line); policy.hours bounds the day"),
    AN_OPT_BYTES(CONF, budget_memory, "budget.memory", 0, 1e15, "0",
                 "memory of the whole process: with less than its lines take it does not start, and training "
                 "that does not fit in what is left is declined; 0: no bound"),
    AN_OPT_BYTES(CONF, budget_training, "budget.training", 0, 1e15, "0",
                 "... of a training job with its data; 0: what is left"),
    AN_OPT_NUM(CONF, budget_cpu, "budget.cpu", 0, 1024, "0",
               "processors that the whole process takes, such as 0.5: training waits for it; 0: no bound"),
    AN_OPT_TEXT(CONF, api_socket, "api.socket", 1, 107, NULL,
                "Unix socket of the local API (docs/OPERATIONS.md); without it and api.port there is none"),
    AN_OPT_INT(CONF, api_port, "api.port", 0, 65535, "0",
               "instead: a port of 127.0.0.1, which needs a token; 0: none"),
    AN_OPT_TEXT(
        CONF, api_token_file, "api.token_file", 1, AN_PATH_MAX - 1, NULL,
        "file with the token that each request brings as Authorization: Bearer, and people once at the "
        "site's page"),
    AN_OPT_TEXT(CONF, api_names, "api.names", 1, 255, NULL,
                "names besides localhost by which browsers may ask api.port, such as that of a proxy before "
                "it: `panel.plant, hall-3.plant`"),
    AN_OPT_INT(CONF, metrics_port, "metrics.port", 0, 65535, "0",
               "port of 127.0.0.1 for /metrics, /healthz and /readyz, without a token; 0: none"),
    AN_OPT_MS(CONF, stall_ms, "health.stall", 1000, 3600000, "30s",
              "/healthz fails when the loop has not turned for so long"),
    AN_OPT_BYTES(CONF, versions_quota, "versions_quota", 0, 1e15, "4G", "disk for versions; 0: no limit"),
    AN_OPT_BYTES(CONF, spool_quota, "spool_quota", 1 << 20, 1e15, "64M",
                 "disk for facts that wait to be sent"),
    AN_OPT_BYTES(
        CONF, alarms_quota, "alarms_quota", 1 << 16, 1e15, "64M",
        "disk for the log of alarms; beyond it the oldest records go, those that all sinks have had first"),
    AN_OPT_CHOICE(
        CONF, keep, "keep", keeps, "maps",
        "what is kept of an alarm at a line of images, in the folder pictures: nothing, its heat map, or "
        "the image as the model saw it, too; with the local API also, of other lines, what the sensors did"),
    AN_OPT_BYTES(CONF, pictures_quota, "pictures_quota", 1 << 16, 1e15, "64M",
                 "disk for these; beyond it the oldest go"),
    AN_OPT_MS(CONF, save_ms, "save", 1000, 86400000, "60s", "how often sample pools are saved"),
    AN_OPT_CHOICE(CONF, log_level, "log", levels, "info", "least level that is logged"),
    AN_OPT_CHOICE(CONF, log_format, "log.format", an_log_formats, "text",
                  "form of its lines; systemd-prefix: for a journal that has the time itself"),
};
const size_t an_agent_n_rows = sizeof an_agent_rows / sizeof *an_agent_rows;
#undef CONF

#define LINE an_agent_line
const an_opt an_agent_line_rows[] = {
    AN_OPT_TEXT(LINE, name, "name", 1, AN_NAME_MAX - 1, NULL, "the line's name at this site"),
    AN_OPT_TEXT(LINE, model, "model", 1, AN_NAME_MAX - 1, NULL, "the model that it runs"),
    AN_OPT_TEXT(LINE, stream, "stream", 1, AN_NAME_MAX - 1, NULL,
                "instead of a source: the rows of this line, which stands above; `sensors` names those that "
                "it takes"),
    AN_OPT_NUM(LINE, rate_hz, "rate_hz", 0, 1e6, "0",
               "rows a second, as the model's schema says; 0: not regular"),
    AN_OPT_INT(
        LINE, window, "window", 0, AN_PREP_WINDOW_MAX, "0",
        "rows of a window, as the model's schema says; 0: 1, or as many as an image of the source has"),
    AN_OPT_INT(LINE, known_normal_rows, "known_normal_rows", 0, 1e15, "0",
               "so many first rows are known to be normal operation; 0: not known, all are "
               "taken for it until a version runs"),
    AN_OPT_BOOL(LINE, wait_for_version, "wait_for_version", "no",
                "read no further than known_normal_rows before a version runs: for recorded data"),
    AN_OPT_TEXT(LINE, threshold, "threshold", 1, AN_THRESHOLD_TEXT - 1, NULL,
                "threshold policy; the version's if not given"),
    AN_OPT_TEXT(LINE, scores_out, "scores_out", 1, AN_PATH_MAX - 1, NULL,
                "CSV file of every row's score, for reports"),
    AN_OPT_NUM(LINE, bad_share_max, "bad_share_max", 0.01, 1, "0.34",
               "share of broken sensors above which a row is not scored"),
    AN_OPT_TEXT(LINE, idle_sensor, "idle.sensor", 1, AN_SOURCE_NAME_MAX - 1, NULL,
                "the line is idle while this sensor is below idle.below, such as a speed; without it, while "
                "no rows come"),
    AN_OPT_NUM(LINE, idle_below, "idle.below", -1e30, 1e30, "0", "... in the source's units"),
    AN_OPT_MS(LINE, idle_after_ms, "idle.after", 0, 86400000, "10s", "... for so long"),
    AN_OPT_INT(
        LINE, alarm_k, "alarm.k", 0, AN_ALARM_PERSIST_MAX, "0",
        "so many of the last n scores over the threshold raise an alarm, of images: of the last n of the "
        "same part; 0: 3, of images 1"),
    AN_OPT_INT(LINE, alarm_n, "alarm.n", 0, AN_ALARM_PERSIST_MAX, "0", "... of so many; 0: 5, of images k"),
    AN_OPT_NUM(LINE, alarm_clear_level, "alarm.clear_level", 0.01, 1, "0.8",
               "share of the threshold below which an alarm clears"),
    AN_OPT_MS(LINE, alarm_min_open_ms, "alarm.min_open", 0, 86400000, "10s",
              "shortest alarm; of images it ends with the part"),
    AN_OPT_MS(LINE, alarm_cooldown_ms, "alarm.cooldown", 0, 86400000, "30s",
              "after an alarm no new one for so long; of images only of the same part"),
    AN_OPT_MS(LINE, alarm_update_ms, "alarm.update", 0, 86400000, "60s",
              "an open alarm is reported again so often; 0: never"),
    AN_OPT_CHOICE(LINE, alarm_severity, "alarm.severity", an_severity_names, "medium",
                  "how much an alarm of the model matters"),
    AN_OPT_INT(LINE, missing_rows, "quality.missing_rows", 1, 1e6, "5",
               "rows without a value that make a sensor missing"),
    AN_OPT_INT(LINE, stuck_rows, "quality.stuck_rows", 0, 1e9, "60",
               "equal values that make a sensor stuck; 0: not watched"),
    AN_OPT_INT(LINE, range_rows, "quality.range_rows", 1, 1e6, "3",
               "values outside the instrument's range that make it bad"),
    AN_OPT_INT(LINE, clear_rows, "quality.clear_rows", 1, 1e6, "5", "good rows that end it"),
    AN_OPT_INT(LINE, drift_rows, "drift.rows", 0, 1e7, "0", "rows of one input test; 0: 512"),
    AN_OPT_INT(LINE, drift_block, "drift.block", 0, 1e5, "0",
               "scores averaged before the score tests; 0: 16"),
    AN_OPT_INT(LINE, drift_warmup_rows, "drift.warmup_rows", 0, 1e9, "0", "no alert before; 0: rows"),
    AN_OPT_INT(LINE, drift_cooldown_rows, "drift.cooldown_rows", 0, 1e9, "0",
               "between two alerts of one kind; 0: 8 times rows"),
    AN_OPT_INT(LINE, drift_confirm, "drift.confirm", 0, 100, "0",
               "input tests in a row that must agree; 0: 2"),
    AN_OPT_NUM(LINE, drift_psi_floor, "drift.psi_floor", 0, 100, "0", "least PSI worth an alert; 0: 0.25"),
    AN_OPT_NUM(LINE, drift_margin, "drift.margin", 0, 100, "0",
               "limit over the largest figure of the reference; 0: 1.5"),
    AN_OPT_MS(
        LINE, watch_time_ms, "watch.time", 0, 2592000000, "30m",
        "after a new version has gone live, so long (by the rows' time) it is held against the one before "
        "it, and left if it is worse; 0: never"),
    AN_OPT_MS(LINE, watch_report_ms, "watch.report", 0, 2592000000, "5m",
              "its figures are reported so often; 0: at the begin and the end only"),
    AN_OPT_NUM(LINE, watch_band, "watch.band", 1.1, 100, "2",
               "worse: so many times the alarms, or blocks of rows over the threshold"),
    AN_OPT_INT(LINE, watch_floor, "watch.floor", 1, 1000000, "4", "... and at least so many more"),
    AN_OPT_NUM(LINE, watch_alpha, "watch.alpha", 1e-9, 0.2, "0.01",
               "... and by chance so seldom in a whole watch"),
    AN_OPT_NUM(LINE, watch_latency, "watch.latency", 1, 1000, "1.2",
               "worse: so many times slower in scoring (95 % of the rows)"),
    AN_OPT_INT(LINE, watch_latency_floor_us, "watch.latency_floor_us", 0, 1000000000, "1000",
               "... and so many microseconds"),
    AN_OPT_INT(
        LINE, pool_window, "pool.window", 0, AN_CHAIN_ROWS_MAX, "0",
        "rows of a stored window, at least those that a score depends on, as andon-lab inspect says: of "
        "window, smoothing and steps; 0: window"),
    AN_OPT_BOOL(LINE, pool_gaps, "pool.gaps", "no",
                "windows with missing values are stored, too: for a version whose steps deal with them"),
    AN_OPT_BYTES(LINE, pool_bytes, "pool.bytes", 0, 1e12, "256M",
                 "memory and disk of the sample pool; up to three times the memory while it is saved"),
    AN_OPT_INT(LINE, pool_holdout, "pool.holdout_percent", 1, 50, "20", "share of windows kept for judging"),
    AN_OPT_INT(LINE, pool_train, "pool.train", 0, 1e7, "0", "windows to train on; 0: 8192"),
    AN_OPT_INT(LINE, pool_recent, "pool.recent", 0, 1e7, "0", "latest windows; 0: 4096"),
    AN_OPT_INT(LINE, pool_reference, "pool.reference", 0, 1e7, "0",
               "holdout frozen when full, and as much rolling; 0: 1024"),
    AN_OPT_CHOICE(LINE, personalise_scale, "personalise.scale", scales, "fleet",
                  "whose scaler: the version's or the site's own"),
    AN_OPT_INT(LINE, tune_epochs, "personalise.tune_epochs", 0, 10000, "0",
               "fine-tuning at the site; 0: none"),
    AN_OPT_NUM(LINE, tune_lr, "personalise.lr", 1e-9, 10, "0.001", "its learning rate"),
    AN_OPT_NUM(LINE, tune_l2sp, "personalise.l2sp", 0, 1e3, "0", "its pull towards the version"),
    AN_OPT_BOOL(LINE, personalise_all, "personalise.all", "no",
                "tune all parameters, not only those marked local"),
};
const size_t an_agent_line_n_rows = sizeof an_agent_line_rows / sizeof *an_agent_line_rows;
#undef LINE

/* ---- failure modes ---- */

static an_err read_part(const an_node *node, an_failure_mode *mode, an_note *why)
{
    static const char *const keys[] = {"sensor", "sigmas", NULL};
    const char *sensor = NULL;
    double sigmas = 0;
    an_err err = an_node_only_keys(node, keys, why);
    if (err == AN_OK)
        err = an_node_need_text(node, "sensor", &sensor, why);
    if (err == AN_OK)
        err = an_node_need_num(node, "sigmas", -1000, 1000, &sigmas, why);
    if (err != AN_OK)
        return err;
    if (strlen(sensor) >= AN_MODE_NAME_MAX)
        return an_node_fail(node, why, "sensor: at most %d characters", AN_MODE_NAME_MAX - 1);
    snprintf(mode->part[mode->n].sensor, AN_MODE_NAME_MAX, "%s", sensor);
    mode->part[mode->n++].sigmas = sigmas;
    return AN_OK;
}

static an_err read_mode(const an_node *node, an_failure_mode *mode, an_note *why)
{
    static const char *const keys[] = {"name", "parts", NULL};
    const char *name = NULL;
    const an_node *parts = NULL;
    an_err err = an_node_only_keys(node, keys, why);
    if (err == AN_OK)
        err = an_node_need_text(node, "name", &name, why);
    if (err == AN_OK)
        err = an_node_need(node, "parts", AN_YAML_LIST, &parts, why);
    if (err != AN_OK)
        return err;
    if (strlen(name) >= AN_MODE_NAME_MAX || an_node_count(parts) < 1 ||
        an_node_count(parts) > AN_MODE_SENSORS_MAX)
        return an_node_fail(node, why, "a failure mode has a name of at most %d characters and 1 to %d parts",
                            AN_MODE_NAME_MAX - 1, AN_MODE_SENSORS_MAX);
    snprintf(mode->name, sizeof mode->name, "%s", name);
    for (size_t i = 0; i < an_node_count(parts) && err == AN_OK; i++)
        err = read_part(an_node_at(parts, i), mode, why);
    return err;
}

static an_err declared_modes(const an_node *node, an_agent_line *l, an_note *why)
{
    const char *name = NULL;
    if (strcmp(l->source_type, "sim") != 0)
        return an_node_fail(node, why,
                            "failure_modes: only a source of type sim declares its own; list them");
    an_err err = an_node_need_text(l->source, "line", &name, why);
    if (err != AN_OK)
        return err;
    const an_sim_line *sim = an_sim_line_find(name);
    if (!sim)
        return an_node_fail(an_node_get(l->source, "line"), why, "no simulated line \"%.60s\"", name);
    if (!(l->modes = an_alloc(sim->n_modes, sizeof *l->modes)))
        return AN_ERR_NOMEM;
    memcpy(l->modes, sim->modes, sim->n_modes * sizeof *l->modes);
    l->n_modes = sim->n_modes;
    return AN_OK;
}

static an_err read_modes(const an_node *map, an_agent_line *l, an_note *why)
{
    const an_node *node = an_node_get(map, "failure_modes");
    const char *text = NULL;
    if (an_node_is_null(node))
        return AN_OK;
    if (an_node_kind(node) == AN_YAML_SCALAR && an_node_text(node, &text, NULL) == AN_OK &&
        strcmp(text, "declared") == 0)
        return declared_modes(node, l, why);
    const size_t n = an_node_count(node);
    if (an_node_kind(node) != AN_YAML_LIST || n > AN_AGENT_MODES_MAX)
        return an_node_fail(node, why, "failure_modes: \"declared\", or a list of at most %d",
                            AN_AGENT_MODES_MAX);
    if (!(l->modes = an_alloc(n, sizeof *l->modes)))
        return AN_ERR_NOMEM;
    an_err err = AN_OK;
    for (size_t i = 0; i < n && err == AN_OK; i++)
        err = read_mode(an_node_at(node, i), &l->modes[l->n_modes++], why);
    return err;
}

/* ---- one line ---- */

static an_err check_name(const an_node *map, const char *key, const char *name, an_note *why)
{
    if (!name)
        return an_node_fail(map, why, "\"%s\" is missing", key);
    if (!an_name_ok(name))
        return an_node_fail(an_node_get(map, key), why,
                            "%s: letters, digits, '.', '_' and '-' only, not beginning with '.'", key);
    return AN_OK;
}

static an_err read_sensors(const an_node *map, an_agent_line *l, an_note *why)
{
    const char *name;
    l->sensors = an_node_get(map, "sensors");
    if (l->sensors && an_node_kind(l->sensors) != AN_YAML_LIST)
        return an_node_fail(l->sensors, why, "sensors: must be a list of names");
    for (size_t i = 0; i < an_node_count(l->sensors); i++) {
        an_err err = an_node_text(an_node_at(l->sensors, i), &name, why);
        if (err != AN_OK)
            return err;
    }
    return AN_OK;
}

/* Several models on one stream: the line has the source of one above it. */
static an_err read_stream(const an_node *map, const an_agent_conf *conf, an_agent_line *l, an_note *why)
{
    const an_node *node = an_node_get(map, "stream");
    if (!an_node_is_null(an_node_get(map, "source")))
        return an_node_fail(node, why, "a line has a source or a stream, not both");
    for (size_t i = 0; i + 1 < conf->n_lines; i++) {
        const an_agent_line *other = &conf->lines[i];
        if (strcmp(other->name, l->stream) != 0)
            continue;
        if (other->stream)
            return an_node_fail(node, why, "stream: line \"%.60s\" has no source of its own; name \"%.60s\"",
                                l->stream, other->stream);
        l->leader = i;
        l->source = other->source;
        l->source_type = other->source_type;
        return AN_OK;
    }
    return an_node_fail(node, why, "stream: no line \"%.60s\" stands above this one", l->stream);
}

static an_err read_source(const an_node *map, const an_agent_conf *conf, an_agent_line *l, an_note *why)
{
    l->leader = conf->n_lines - 1;
    if (l->stream)
        return read_stream(map, conf, l, why);
    an_err err = an_node_need(map, "source", AN_YAML_MAP, &l->source, why);
    if (err == AN_OK)
        err = an_node_need_text(l->source, "type", &l->source_type, why);
    if (err == AN_OK && (err = an_source_check(l->source_type, l->source, why)) == AN_ERR_NOTFOUND)
        err =
            an_node_fail(an_node_get(l->source, "type"), why, "no source of type \"%.60s\"", l->source_type);
    return err;
}

static an_err check_line(const an_node *map, const an_agent_line *l, an_note *why)
{
    an_note note = {{0}};
    an_err err = check_name(map, "name", l->name, why);
    if (err == AN_OK)
        err = check_name(map, "model", l->model, why);
    if (err != AN_OK)
        return err;
    if (l->threshold && an_threshold_check(l->threshold, &note) != AN_OK)
        return an_node_fail(an_node_get(map, "threshold"), why, "threshold: %.200s", note.text);
    const an_alarm_conf alarm = an_agent_line_alarm(l);
    if (alarm.k > alarm.n)
        return an_node_fail(an_node_get(map, "alarm"), why, "alarm: k = %u must not be above n = %u", alarm.k,
                            alarm.n);
    if (l->pool_window && l->pool_window < l->window)
        return an_node_fail(an_node_get(map, "pool"), why, "pool.window must not be below window = %lld",
                            (long long)l->window);
    if (l->wait_for_version && l->known_normal_rows == 0)
        return an_node_fail(an_node_get(map, "wait_for_version"), why,
                            "wait_for_version needs known_normal_rows");
    return AN_OK;
}

static an_err read_line(const an_node *map, an_agent_conf *conf, an_note *why)
{
    static const char *const others[] = {"source", "sensors", "failure_modes", "rules", "advice", NULL};
    an_agent_line *l = &conf->lines[conf->n_lines];
    an_err err = an_opt_defaults(an_agent_line_rows, an_agent_line_n_rows, l);
    if (err != AN_OK)
        return err;
    conf->n_lines++;
    if ((err = an_conf_from_node_but(an_agent_line_rows, an_agent_line_n_rows, l, map, others, why)) !=
            AN_OK ||
        (err = read_source(map, conf, l, why)) != AN_OK || (err = check_line(map, l, why)) != AN_OK ||
        (err = read_sensors(map, l, why)) != AN_OK || (err = read_modes(map, l, why)) != AN_OK ||
        (err = an_line_rules_read(an_node_get(map, "rules"), &l->rules, why)) != AN_OK ||
        (err = an_advice_conf_read(an_node_get(map, "advice"), true, &l->advice, why)) != AN_OK)
        return err;
    for (size_t i = 0; i + 1 < conf->n_lines; i++)
        if (strcmp(conf->lines[i].name, l->name) == 0)
            return an_node_fail(an_node_get(map, "name"), why, "there is a line \"%s\" already", l->name);
    return AN_OK;
}

/* ---- the whole ---- */

static bool is_line(const void *ctx, const char *name)
{
    const an_agent_conf *conf = ctx;
    for (size_t i = 0; i < conf->n_lines; i++)
        if (strcmp(conf->lines[i].name, name) == 0)
            return true;
    return false;
}

static an_err read_all(an_agent_conf *conf, an_note *why)
{
    static const char *const others[] = {"lines", "sinks", "writeback", "policy", NULL};
    const an_node *top = an_yaml_root(conf->doc), *lines = NULL;
    an_err err;
    if ((err = an_conf_from_node_but(an_agent_rows, an_agent_n_rows, conf, top, others, why)) != AN_OK ||
        (err = check_name(top, "site", conf->site, why)) != AN_OK ||
        (err = an_node_need(top, "lines", AN_YAML_LIST, &lines, why)) != AN_OK)
        return err;
    if (an_node_count(lines) < 1 || an_node_count(lines) > AN_LINES_MAX)
        return an_node_fail(lines, why, "lines: 1 to %d", AN_LINES_MAX);
    for (size_t i = 0; i < an_node_count(lines); i++)
        if ((err = read_line(an_node_at(lines, i), conf, why)) != AN_OK)
            return err;
    if ((err = an_sinks_conf_read(an_node_get(top, "sinks"), conf->sinks, &conf->n_sinks, is_line, conf,
                                  why)) != AN_OK ||
        (err = an_wb_conf_read(an_node_get(top, "writeback"), &conf->writeback, is_line, conf, why)) != AN_OK)
        return err;
    const an_node *policy = an_node_get(top, "policy");
    if (an_node_is_null(policy))
        return AN_OK;
    return an_conf_from_node(an_site_policy_rows, an_site_policy_n_rows, &conf->policy, policy, why);
}

static an_err from_doc(an_yaml *doc, an_agent_conf *ret, an_note *why)
{
    an_agent_conf conf = {.doc = doc};
    an_err err = an_opt_defaults(an_agent_rows, an_agent_n_rows, &conf);
    if (err == AN_OK)
        err = an_site_policy_init(&conf.policy);
    if (err == AN_OK)
        err = read_all(&conf, why);
    if (err != AN_OK) {
        an_agent_conf_done(&conf);
        return err;
    }
    *ret = conf;
    return AN_OK;
}

an_err an_agent_conf_load(const char *path, an_agent_conf *ret, an_note *why)
{
    an_yaml *doc = NULL;
    an_err err = an_yaml_load(path, &doc, why);
    return err == AN_OK ? from_doc(doc, ret, why) : err;
}

an_err an_agent_conf_parse(const char *text, size_t len, const char *name, an_agent_conf *ret, an_note *why)
{
    an_yaml *doc = NULL;
    an_err err = an_yaml_parse(text, len, name, &doc, why);
    return err == AN_OK ? from_doc(doc, ret, why) : err;
}

void an_agent_conf_done(an_agent_conf *conf)
{
    for (size_t i = 0; i < conf->n_lines; i++) {
        an_opt_done(an_agent_line_rows, an_agent_line_n_rows, &conf->lines[i]);
        an_free(conf->lines[i].modes);
        an_line_rules_done(&conf->lines[i].rules);
        an_advice_conf_free(conf->lines[i].advice);
    }
    an_site_policy_done(&conf->policy);
    an_opt_done(an_agent_rows, an_agent_n_rows, conf);
    an_yaml_free(conf->doc);
    *conf = (an_agent_conf){.site = NULL};
}
