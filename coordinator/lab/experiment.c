#include "coordinator/lab/experiment_internal.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "coordinator/lab/tasks.h"
#include "coordinator/lab/tradeoff.h"
#include "doors/crypto.h"
#include "models/detector.h"
#include "models/model.h"
#include "models/prep.h"

static an_err get_u32(const an_node *map, const char *key, uint32_t min, uint32_t max, uint32_t dflt,
                      uint32_t *ret, an_note *why)
{
    int64_t v = 0;
    an_err err = an_node_get_int(map, key, min, max, dflt, &v, why);
    if (err == AN_OK)
        *ret = (uint32_t)v;
    return err;
}

/* A part of the file that may be left out; what is there is a map of known keys. */
static an_err get_map(const an_node *top, const char *key, const char *const *keys, const an_node **ret,
                      an_note *why)
{
    const an_node *map = an_node_get(top, key);
    *ret = map;
    return map ? an_node_only_keys(map, keys, why) : AN_OK;
}

static an_err get_texts(const an_node *map, const char *key, const char **ret, size_t *ret_n, an_note *why)
{
    const an_node *list = an_node_get(map, key);
    if (!list)
        return AN_OK;
    if (an_node_kind(list) != AN_YAML_LIST || an_node_count(list) > AN_LAB_NAMES_MAX)
        return an_node_fail(list, why, "%s: a list of at most %d names", key, AN_LAB_NAMES_MAX);
    for (size_t i = 0; i < an_node_count(list); i++) {
        an_err err = an_node_text(an_node_at(list, i), &ret[i], why);
        if (err != AN_OK)
            return err;
    }
    *ret_n = an_node_count(list);
    return AN_OK;
}

/* ---- the parts ---- */

static an_err read_format(const an_node *m, an_lab_layout *l, an_note *why)
{
    const char *delimiter = "";
    an_err err = an_node_get_text(m, "delimiter", "", &delimiter, why);
    if (err != AN_OK)
        return err;
    if (strlen(delimiter) > 1)
        return an_node_fail(an_node_get(m, "delimiter"), why,
                            "delimiter: one character, or none to find it out");
    l->delimiter = delimiter[0];
    l->header = AN_TABLE_HEADER_AUTO;
    if (an_node_get(m, "header")) {
        bool header = false;
        if ((err = an_node_get_bool(m, "header", false, &header, why)) != AN_OK)
            return err;
        l->header = header ? AN_TABLE_HEADER_YES : AN_TABLE_HEADER_NO;
    }
    if ((err = an_node_get_text(m, "time", NULL, &l->time, why)) != AN_OK)
        return err;
    if ((err = get_texts(m, "ignore", l->ignore, &l->n_ignore, why)) != AN_OK)
        return err;
    return get_texts(m, "sites", l->sites, &l->n_sites, why);
}

static an_err read_segments(const an_node *m, an_lab_layout *l, an_note *why)
{
    int64_t segments = 0, row = 0;
    l->kind = AN_LAB_SEGMENTS;
    an_err err = an_node_need_text(m, "train", &l->train, why);
    if (err == AN_OK)
        err = an_node_need_int(m, "segments", 1, 1000, &segments, why);
    if (err == AN_OK)
        err = an_node_need_int(m, "fault_row", 0, 100000000, &row, why);
    if (err == AN_OK)
        err = an_node_get_bool(m, "transposed", false, &l->transposed, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "calibrate", NULL, &l->calibrate, why);
    if (err == AN_OK)
        err = get_texts(m, "tests", l->tests, &l->n_tests, why);
    if (err == AN_OK)
        err = get_texts(m, "normal", l->normal, &l->n_normal, why);
    if (err == AN_OK)
        err = get_texts(m, "apart", l->apart, &l->n_apart, why);
    l->n_segments = (size_t)segments;
    l->fault_row = (size_t)row;
    return err;
}

static an_err read_data(const an_node *top, an_lab_layout *l, an_note *why)
{
    static const char *const keys[] = {"layout", "train",     "test",       "labels",    "train_rows",
                                       "label",  "delimiter", "header",     "time",      "ignore",
                                       "sites",  "segments",  "transposed", "calibrate", "tests",
                                       "normal", "fault_row", "apart",      NULL};
    const char *layout = NULL;
    const an_node *m = NULL;
    an_err err = an_node_need(top, "data", AN_YAML_MAP, &m, why);
    if (err != AN_OK || (err = an_node_only_keys(m, keys, why)) != AN_OK)
        return err;
    if ((err = an_node_need_text(m, "layout", &layout, why)) != AN_OK)
        return err;
    if (strcmp(layout, "folders") == 0) {
        l->kind = AN_LAB_FOLDERS;
        if ((err = an_node_get_text(m, "train", "train.csv", &l->train, why)) != AN_OK ||
            (err = an_node_get_text(m, "test", "test.csv", &l->test, why)) != AN_OK ||
            (err = an_node_get_text(m, "labels", "test_label.csv", &l->labels, why)) != AN_OK)
            return err;
    } else if (strcmp(layout, "split") == 0) {
        int64_t rows = 0;
        l->kind = AN_LAB_SPLIT;
        if ((err = an_node_need_int(m, "train_rows", 2, 100000000, &rows, why)) != AN_OK ||
            (err = an_node_need_text(m, "label", &l->label, why)) != AN_OK)
            return err;
        l->train_rows = (size_t)rows;
    } else if (strcmp(layout, "segments") == 0) {
        if ((err = read_segments(m, l, why)) != AN_OK)
            return err;
    } else {
        return an_node_fail(an_node_get(m, "layout"), why, "layout = %s: must be folders, split or segments",
                            layout);
    }
    return read_format(m, l, why);
}

static an_err read_prep(const an_node *top, an_experiment *e, an_note *why)
{
    static const char *const keys[] = {"window",  "stride", "smooth",  "scale",
                                       "version", "steps",  "missing", NULL};
    const an_node *m;
    const char *scale = "site";
    an_err err = get_map(top, "prep", keys, &m, why);
    if (err == AN_OK)
        err = get_u32(m, "window", 1, AN_PREP_WINDOW_MAX, 1, &e->window, why);
    if (err == AN_OK)
        err = get_u32(m, "stride", 1, AN_PREP_WINDOW_MAX, 1, &e->stride, why);
    if (err == AN_OK)
        err = get_u32(m, "smooth", 1, AN_PREP_SMOOTH_MAX, 1, &e->smooth, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "scale", "site", &scale, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "missing", NULL, &e->missing, why);
    e->prep = m;
    if (err != AN_OK)
        return err;
    e->site_scaler = strcmp(scale, "site") == 0;
    if (!e->site_scaler && strcmp(scale, "fleet") != 0)
        return an_node_fail(an_node_get(m, "scale"), why, "scale = %s: must be site or fleet", scale);
    return AN_OK;
}

static an_err read_train(const an_node *top, an_experiment *e, an_note *why)
{
    static const char *const keys[] = {"rounds",    "epochs",      "batch",     "lr",
                                       "clip_norm", "weight_cap",  "server_lr", "server_momentum",
                                       "holdout",   "holdout_min", "schedule",  NULL};
    const an_node *m;
    an_err err = get_map(top, "train", keys, &m, why);
    if (err == AN_OK)
        err = get_u32(m, "rounds", 1, 10000, 10, &e->rounds, why);
    if (err == AN_OK)
        err = get_u32(m, "epochs", 1, 1000, 1, &e->epochs, why);
    if (err == AN_OK)
        err = get_u32(m, "batch", 1, 4096, 64, &e->batch, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "lr", 1e-9, 10, 1e-3, &e->lr, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "schedule", "constant", &e->schedule, why);
    if (err == AN_OK && strcmp(e->schedule, "constant") != 0 && strcmp(e->schedule, "cosine") != 0)
        err = an_node_fail(m, why, "schedule is constant or cosine, not \"%.40s\"", e->schedule);
    if (err == AN_OK)
        err = an_node_get_num(m, "clip_norm", 1e-6, 1e6, 100, &e->clip_norm, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "weight_cap", 0, 1e9, 0, &e->weight_cap, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "server_lr", 1e-6, 10, 1, &e->server_lr, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "server_momentum", 0, 0.999, 0, &e->server_momentum, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "holdout", 0, 0.5, 0.1, &e->holdout, why);
    return err == AN_OK ? get_u32(m, "holdout_min", 1, 1000000, 100, &e->holdout_min, why) : err;
}

static an_err read_personal(const an_node *top, an_experiment *e, an_note *why)
{
    static const char *const keys[] = {"epochs", "lr", "l2sp", "parameters", "for", NULL};
    const an_node *m;
    const char *which = "all", *each = "site";
    an_err err = get_map(top, "personal", keys, &m, why);
    if (err == AN_OK)
        err = get_u32(m, "epochs", 0, 10000, 5, &e->personal_epochs, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "lr", 1e-9, 10, 1e-3, &e->personal_lr, why);
    if (err == AN_OK)
        err = an_node_get_num(m, "l2sp", 0, 1000, 0, &e->personal_l2sp, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "parameters", "all", &which, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "for", "site", &each, why);
    if (err != AN_OK)
        return err;
    e->personal_all = strcmp(which, "all") == 0;
    if (!e->personal_all && strcmp(which, "local") != 0)
        return an_node_fail(an_node_get(m, "parameters"), why, "parameters = %s: must be all or local",
                            which);
    e->personal_series = strcmp(each, "series") == 0;
    if (!e->personal_series && strcmp(each, "site") != 0)
        return an_node_fail(an_node_get(m, "for"), why, "for = %s: must be site or series", each);
    return AN_OK;
}

static an_err read_figures(const an_node *top, an_experiment *e, an_note *why)
{
    const char *figures = e->task->items ? "pooled" : "mean";
    an_note inner = {{0}};
    an_err err = an_node_get_text(top, "threshold", "target_far:0.01", &e->threshold, why);
    if (err != AN_OK)
        return err;
    if (an_threshold_check(e->threshold, &inner) != AN_OK)
        return an_node_fail(an_node_get(top, "threshold"), why, "threshold: %s", inner.text);
    if ((err = an_node_get_text(top, "figures", figures, &figures, why)) != AN_OK)
        return err;
    e->worst_part = strcmp(figures, "worst") == 0;
    e->pooled_scores = e->worst_part || strcmp(figures, "pooled") == 0;
    if (!e->pooled_scores && strcmp(figures, "mean") != 0)
        return an_node_fail(an_node_get(top, "figures"), why,
                            "figures = %s: must be mean or pooled, or worst, of the parts", figures);
    return AN_OK;
}

static an_err read_seeds(const an_node *top, an_experiment *e, an_note *why)
{
    const an_node *list = an_node_get(top, "seeds");
    e->seeds[0] = 1;
    e->n_seeds = 1;
    if (!list)
        return AN_OK;
    size_t n = an_node_count(list);
    if (an_node_kind(list) != AN_YAML_LIST || n < 1 || n > AN_LAB_SEEDS_MAX)
        return an_node_fail(list, why, "seeds: a list of 1 to %d numbers", AN_LAB_SEEDS_MAX);
    for (size_t i = 0; i < n; i++) {
        an_err err = an_node_int(an_node_at(list, i), 0, INT64_C(1000000000), &e->seeds[i], why);
        if (err != AN_OK)
            return err;
    }
    e->n_seeds = n;
    return AN_OK;
}

static an_err read_arms(const an_node *top, an_experiment *e, an_note *why)
{
    const char *arms;
    an_err err = an_node_get_text(top, "arms", "all", &arms, why);
    if (err != AN_OK)
        return err;
    e->federation_only = strcmp(arms, "federation") == 0;
    if (!e->federation_only && strcmp(arms, "all") != 0)
        return an_node_fail(an_node_get(top, "arms"), why, "arms: all or federation");
    return AN_OK;
}

static an_err read_cold(const an_node *top, an_experiment *e, an_note *why)
{
    static const char *const keys[] = {"sites", "keep", NULL};
    const an_node *m;
    int64_t sites = 0;
    an_err err = get_map(top, "cold_start", keys, &m, why);
    if (err != AN_OK || !m)
        return err;
    if ((err = an_node_need_int(m, "sites", 1, 1000, &sites, why)) != AN_OK)
        return err;
    e->cold_sites = (size_t)sites;
    return an_node_need_num(m, "keep", 1e-4, 1, &e->cold_keep, why);
}

an_err an_experiment_policy(an_experiment *e, const char *key, const char *value, an_note *why)
{
    if (e->n_policy == AN_LAB_POLICY_MAX)
        return an_fail(AN_ERR_LIMIT, why, "policy: more than %d rows", AN_LAB_POLICY_MAX);
    e->policy[e->n_policy][0] = key;
    e->policy[e->n_policy++][1] = value;
    return AN_OK;
}

static an_err read_policy(const an_node *top, an_experiment *e, an_note *why)
{
    const an_node *map = an_node_get(top, "policy");
    if (map && an_node_kind(map) != AN_YAML_MAP)
        return an_node_fail(map, why, "policy: a map of the rows of a model's policy");
    for (size_t i = 0; i < an_node_count(map); i++) {
        const char *value = NULL;
        an_err err = an_node_text(an_node_value(map, i), &value, why);
        if (err == AN_OK)
            err = an_experiment_policy(e, an_node_key(map, i), value, why);
        if (err != AN_OK)
            return err;
    }
    return AN_OK;
}

an_err an_experiment_hostile(an_experiment *e, size_t sites, const char *attack, double by, an_note *why)
{
    e->hostile = (an_hostile){.attack = an_hostile_find(attack), .by = by, .seed = 1};
    e->hostile_sites = sites;
    return e->hostile.attack != AN_HOSTILE_NONE
               ? AN_OK
               : an_fail(AN_ERR_INVAL, why, "attack = %s: must be sign_flip, scale, noise or nan", attack);
}

static an_err read_hostile(const an_node *top, an_experiment *e, an_note *why)
{
    static const char *const keys[] = {"sites", "attack", "by", NULL};
    const an_node *m;
    const char *attack = NULL;
    int64_t sites = 0;
    double by = 1;
    an_note inner = {{0}};
    an_err err = get_map(top, "hostile", keys, &m, why);
    if (err != AN_OK || !m)
        return err;
    if ((err = an_node_need_int(m, "sites", 1, 1000, &sites, why)) != AN_OK ||
        (err = an_node_need_text(m, "attack", &attack, why)) != AN_OK ||
        (err = an_node_get_num(m, "by", 0, 1e6, 1, &by, why)) != AN_OK)
        return err;
    err = an_experiment_hostile(e, (size_t)sites, attack, by, &inner);
    return err == AN_OK ? AN_OK : an_node_fail(an_node_get(m, "attack"), why, "%s", inner.text);
}

static an_err read_board_row(const an_node *m, an_lab_board_row *r, an_note *why)
{
    an_err err = an_node_need_text(m, "name", &r->name, why);
    if (err == AN_OK)
        err = an_node_get_text(m, "part", NULL, &r->part, why);
    r->figures = an_lab_figures_none();
    for (size_t i = 0; i < an_node_count(m) && err == AN_OK; i++) {
        const char *key = an_node_key(m, i);
        const an_lab_figure which = an_lab_figure_find(key);
        if (strcmp(key, "name") == 0 || strcmp(key, "part") == 0)
            continue;
        if (which == AN_LAB_FIGURES_N)
            return an_node_fail(an_node_value(m, i), why, "%s: no figure has that name", key);
        const bool share = which < AN_LAB_rmse && which != AN_LAB_delay;
        err = an_node_need_num(m, key, 0, share ? 1 : 1e9, an_lab_figure_at(&r->figures, which), why);
    }
    return err;
}

static an_err read_board(const an_node *top, an_experiment *e, an_note *why)
{
    const an_node *list = an_node_get(top, "leaderboard");
    if (!list)
        return AN_OK;
    if (an_node_kind(list) != AN_YAML_LIST || an_node_count(list) > AN_LAB_BOARD_MAX)
        return an_node_fail(list, why, "leaderboard: a list of at most %d rows", AN_LAB_BOARD_MAX);
    for (size_t i = 0; i < an_node_count(list); i++) {
        an_err err = read_board_row(an_node_at(list, i), &e->board[i], why);
        if (err != AN_OK)
            return err;
        e->n_board = i + 1;
    }
    return AN_OK;
}

static an_err read_task(const an_node *top, an_experiment *e, an_note *why)
{
    const char *name = NULL;
    an_err err = an_node_get_text(top, "task", "detect", &name, why);
    if (err == AN_OK && !(e->task = an_lab_task_find(name)))
        err = an_node_fail(an_node_get(top, "task"), why, "task = %s: must be one of %s", name,
                           an_lab_task_names());
    if (err == AN_OK && !an_node_get(top, "data"))
        err = an_node_need(top, "data", AN_YAML_MAP, &e->data, why);
    if (err != AN_OK)
        return err;
    e->data = an_node_get(top, "data");
    e->target = an_node_get(top, "target");
    if (e->target && !e->task->items)
        return an_node_fail(e->target, why, "target: the task %s has none", name);
    return e->task->items ? AN_OK : read_data(top, &e->layout, why);
}

static an_err read_all(const an_node *top, const char *dir, an_experiment *e, an_note *why)
{
    static const char *const keys[] = {
        "experiment",  "detector", "task",     "about",   "model",     "data",     "target",
        "prep",        "train",    "personal", "figures", "threshold", "seeds",    "cold_start",
        "leaderboard", "policy",   "hostile",  "arms",    "from",      "tradeoff", NULL};
    an_err err = an_node_only_keys(top, keys, why);
    if (err == AN_OK)
        err = an_node_need_text(top, "experiment", &e->name, why);
    if (err == AN_OK)
        err = an_node_get_text(top, "about", "", &e->about, why);
    if (err == AN_OK)
        err = an_experiment_read_model(top, dir, e, why);
    if (err == AN_OK)
        err = read_task(top, e, why);
    if (err == AN_OK)
        err = read_prep(top, e, why);
    if (err == AN_OK)
        err = read_train(top, e, why);
    if (err == AN_OK)
        err = read_personal(top, e, why);
    if (err == AN_OK)
        err = read_figures(top, e, why);
    if (err == AN_OK)
        err = read_seeds(top, e, why);
    if (err == AN_OK)
        err = read_cold(top, e, why);
    if (err == AN_OK)
        err = read_arms(top, e, why);
    if (err == AN_OK)
        err = read_policy(top, e, why);
    if (err == AN_OK)
        err = read_hostile(top, e, why);
    if (err == AN_OK)
        err = an_lab_tradeoff_read(top, e, why);
    return err == AN_OK ? read_board(top, e, why) : err;
}

/* Lines that change no seed's answers are passed over: comments, and which seeds there are. */
static void hash_text(const char *text, size_t len, an_hash *ret)
{
    static const char seeds[] = "seeds:";
    an_hasher h;
    an_hasher_init(&h);
    for (size_t at = 0, next; at < len; at = next) {
        const char *newline = memchr(text + at, '\n', len - at);
        next = newline ? (size_t)(newline - text) + 1 : len;
        const bool is_seeds = next - at >= strlen(seeds) && memcmp(text + at, seeds, strlen(seeds)) == 0;
        if (text[at] != '#' && !is_seeds)
            an_hasher_add(&h, text + at, next - at);
    }
    an_hasher_end(&h, ret);
}

an_err an_experiment_parse(const char *text, size_t len, const char *name, const char *dir,
                           an_experiment *ret, an_note *why)
{
    an_experiment e = {.doc = NULL};
    an_err err = an_yaml_parse(text, len, name, &e.doc, why);
    if (err == AN_OK)
        err = read_all(an_yaml_root(e.doc), dir, &e, why);
    hash_text(text, len, &e.text);
    if (err == AN_OK)
        *ret = e;
    else
        an_experiment_done(&e);
    return err;
}

an_err an_experiment_load(const char *path, an_experiment *ret, an_note *why)
{
    char dir[AN_PATH_MAX] = ".";
    an_buf bytes;
    const char *slash = strrchr(path, '/');
    if (slash && slash > path && (size_t)(slash - path) < sizeof dir) {
        memcpy(dir, path, (size_t)(slash - path));
        dir[slash - path] = '\0';
    }
    an_buf_init(&bytes, AN_YAML_MAX_BYTES);
    an_err err = an_file_read(&bytes, path, why);
    if (err == AN_OK)
        err = an_experiment_parse((const char *)bytes.data, bytes.len, path, dir, ret, why);
    an_buf_done(&bytes);
    return err;
}

void an_experiment_done(an_experiment *e)
{
    an_yaml_free(e->doc);
    an_free(e->arch_file);
    an_free(e->from);
    *e = (an_experiment){.doc = NULL};
}
