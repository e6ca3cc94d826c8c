#include "tests/bench/support_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "models/model.h"
#include "models/train.h"

static const char arch[] =
    "model: bench\n"
    "input: {features: input, window: %u}\n"
    "layers: [flatten, {dense: {units: 128}}, relu, {dense: {units: 32}}, relu,\n"
    "  {dense: {units: 8}}, relu, {dense: {units: 32}}, relu, {dense: {units: 128}}, relu,\n"
    "  {dense: {units: input}}]\n"
    "loss: mse\n"
    "target: input\n";

static const char *data_dir(void)
{
    const char *dir = getenv("ANDON_DATA");
    return dir ? dir : "../shared/data";
}

static bool read_table(const char *folder, const char *name, char delimiter, an_table *ret)
{
    char path[512];
    an_table_conf conf;
    an_table_conf_init(&conf);
    conf.header = AN_TABLE_HEADER_NO;
    conf.time_column = NULL;
    conf.delimiter = delimiter;
    snprintf(path, sizeof path, "%s/%s/%s", data_dir(), folder, name);
    return an_table_read(path, &conf, ret, NULL) == AN_OK;
}

/* "760-765:4,5,7" with sensors from 1. */
static bool read_segment(const char *line, size_t n_rows, bench_segment *ret)
{
    bench_segment s = {0};
    char *end;
    s.from = strtoul(line, &end, 10);
    s.to = *end == '-' ? strtoul(end + 1, &end, 10) : 0;
    while (*end == ':' || *end == ',') {
        const unsigned long sensor = strtoul(end + 1, &end, 10);
        if (sensor < 1 || sensor > BENCH_ASD_WIDTH)
            return false;
        s.n_guilty += !s.guilty[sensor - 1];
        s.guilty[sensor - 1] = true;
    }
    *ret = s;
    return s.n_guilty > 0 && s.from <= s.to && s.to < n_rows;
}

static bool read_segments(const char *folder, bench_machine *m)
{
    char path[512], line[256];
    bool good = true;
    snprintf(path, sizeof path, "%s/%s/interpretation_label.txt", data_dir(), folder);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    while (good && fgets(line, sizeof line, f)) {
        good =
            m->n_segments < BENCH_ASD_SEGMENTS && read_segment(line, m->test.n, &m->segments[m->n_segments]);
        m->n_segments += good;
    }
    return fclose(f) == 0 && good && m->n_segments > 0;
}

static bool read_machine(const char *folder, bench_machine *m)
{
    an_table labels = {0};
    bool good = read_table(folder, "train.csv", ',', &m->train) &&
                read_table(folder, "test.csv", ',', &m->test) &&
                read_table(folder, "test_label.csv", ',', &labels) && m->train.width == BENCH_ASD_WIDTH &&
                m->test.width == BENCH_ASD_WIDTH && labels.n == m->test.n && read_segments(folder, m) &&
                (m->anomalous = an_alloc(m->test.n, sizeof *m->anomalous)) != NULL;
    for (size_t i = 0; good && i < m->test.n; i++)
        m->anomalous[i] = labels.rows[i * labels.width] > 0.5f;
    an_table_done(&labels);
    return good;
}

bool bench_asd(bench_machine *machines)
{
    bool good = true;
    memset(machines, 0, BENCH_ASD_MACHINES * sizeof *machines);
    for (size_t i = 0; good && i < BENCH_ASD_MACHINES; i++) {
        char folder[32];
        snprintf(folder, sizeof folder, "asd/omi-%zu", i + 1);
        good = read_machine(folder, &machines[i]);
    }
    if (!good)
        bench_machines_free(machines);
    return good;
}

void bench_machines_free(bench_machine *machines)
{
    for (size_t i = 0; i < BENCH_ASD_MACHINES; i++) {
        an_table_done(&machines[i].train);
        an_table_done(&machines[i].test);
        an_free(machines[i].anomalous);
        machines[i] = (bench_machine){0};
    }
}

/* d00.dat is the other way round: a line for each variable. */
bool bench_tep(const char *name, float **rows, size_t *n)
{
    char file[64];
    an_table t = {0};
    float *copy = NULL;
    snprintf(file, sizeof file, "%s.dat", name);
    bool good = read_table("tep", file, ' ', &t);
    const bool turned = good && t.n == BENCH_TEP_WIDTH;
    good = good && (turned || t.width == BENCH_TEP_WIDTH);
    *n = turned ? t.width : t.n;
    good = good && (copy = an_alloc(*n * BENCH_TEP_WIDTH, sizeof *copy)) != NULL;
    for (size_t i = 0; good && i < *n; i++)
        for (size_t j = 0; j < BENCH_TEP_WIDTH; j++)
            copy[i * BENCH_TEP_WIDTH + j] = turned ? t.rows[j * t.width + i] : t.rows[i * t.width + j];
    *rows = copy;
    an_table_done(&t);
    return good;
}

static an_err train_model(const bench_version_conf *conf, const an_windows *fit, size_t width, an_bundle *b,
                          float **made, an_note *why)
{
    char text[sizeof arch + 16];
    an_model *m = NULL;
    an_ws *ws = NULL;
    an_train_opts opts = an_train_defaults();
    snprintf(text, sizeof text, arch, conf->window);
    opts.epochs = conf->epochs;
    opts.seed = conf->seed;
    an_err err = an_model_new(text, strlen(text), "bench", width, &m, why);
    if (err != AN_OK)
        return err;
    an_model_layout_hash(m, &b->layout);
    b->n_weights = an_model_n_params(m);
    b->arch = an_strdup(an_model_text(m));
    b->weights = an_alloc(b->n_weights, sizeof *b->weights);
    *made = an_alloc(fit->n * fit->input, sizeof **made);
    err = b->arch && b->weights && *made ? an_ws_new(m, AN_WS_FORWARD, 1, &ws) : AN_ERR_NOMEM;
    if (err == AN_OK) {
        an_model_init(m, conf->seed, b->weights);
        err = an_train(m, b->weights, &opts, fit->x, NULL, fit->n, NULL, why);
    }
    for (size_t i = 0; err == AN_OK && i < fit->n; i++)
        memcpy(*made + i * fit->input, an_model_forward(m, ws, b->weights, 1, fit->x + i * fit->input),
               fit->input * sizeof **made);
    an_ws_free(ws);
    an_model_free(m);
    return err;
}

an_err bench_version_make(const bench_version_conf *conf, const float *rows, size_t n, size_t width,
                          bench_version *ret, an_note *why)
{
    an_bundle b = {.model = "bench", .threshold = 1, .policy = "quantile"};
    bench_version v = {.scorer = NULL};
    float *made = NULL;
    an_prep_conf prep;
    an_prep_conf_init(&prep);
    prep.window = conf->window;
    prep.smooth = conf->smooth ? conf->smooth : 1;
    an_err err = an_prep_fit(&b.prep, &prep, rows, 1, n, width, why);
    if (err == AN_OK)
        err = an_prep_windows(&b.prep, rows, n, &v.fit);
    if (err == AN_OK)
        err = an_detector_new(conf->detector, conf->window, (uint32_t)width, &b.detector, why);
    if (err == AN_OK && b.detector->type->needs_model)
        err = train_model(conf, &v.fit, width, &b, &made, why);
    if (err == AN_OK)
        err = an_detector_fit(b.detector, v.fit.x, made, v.fit.n, why);
    if (err == AN_OK)
        err = an_scorer_new(&b, NULL, &v.scorer, why);
    if (err == AN_OK)
        err = an_scorer_work_new(v.scorer, 1, &v.work);
    an_free(made);
    v.detector = b.detector;
    b.detector = NULL;
    an_bundle_done(&b);
    if (err == AN_OK)
        *ret = v;
    else
        bench_version_done(&v);
    return err;
}

void bench_version_done(bench_version *v)
{
    an_scorer_work_free(v->work);
    an_scorer_free(v->scorer);
    an_detector_free(v->detector);
    an_windows_done(&v->fit);
    *v = (bench_version){.scorer = NULL};
}
