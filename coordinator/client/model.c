/* Models, versions, production. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "coordinator/client/client.h"
#include "coordinator/client/flow.h"
#include "coordinator/client/grid.h"
#include "coordinator/client/show.h"
#include "doors/yaml.h"

#define ARCH_MAX ((size_t)256 << 10)
#define STEPS_MAX ((size_t)256 << 10)

static void print_models(const an_jval *list)
{
    an_grid g;
    an_grid_init(&g, "MODEL  PRODUCTION  CANDIDATE  VERSIONS  SITES CONNECTED");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *m = an_jval_at(list, i);
        char production[AN_CLI_SHORT], candidate[AN_CLI_SHORT];
        an_cli_hash(production, an_cli_text(m, "production"));
        an_cli_hash(candidate, an_cli_text(m, "candidate"));
        an_grid_cell(&g, "%s", an_cli_text(m, "name"));
        an_grid_cell(&g, "%s", production);
        an_grid_cell(&g, "%s", candidate);
        an_grid_cell(&g, "%lld", (long long)an_cli_int(m, "versions"));
        an_grid_cell(&g, "%lld", (long long)an_cli_int(m, "sites_connected"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

int an_cli_model_list(an_cli *c)
{
    an_json_doc *doc;
    int code = an_cli_get(c, &doc, "/models");
    if (doc)
        print_models(an_jval_get(an_json_root(doc), "models"));
    an_json_doc_free(doc);
    return code;
}

static void value_text(const an_jval *v, char *out, size_t size)
{
    const char *text = "";
    bool yes = false;
    double num = 0;
    if (an_jval_text(v, NULL, &text, NULL) == AN_OK)
        snprintf(out, size, "%s", text);
    else if (an_jval_bool(v, NULL, &yes, NULL) == AN_OK)
        snprintf(out, size, "%s", yes ? "true" : "false");
    else if (an_jval_num(v, NULL, -1e300, 1e300, &num, NULL) == AN_OK)
        snprintf(out, size, "%.15g", num);
    else
        snprintf(out, size, "-");
}

/* The server says times in ms and sizes in bytes; people write 30s, 20G. */
static void with_unit(char *text, size_t size, const char *unit)
{
    static const struct {
        const char *suffix;
        int64_t unit;
    } times[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}},
      sizes[] = {{"G", INT64_C(1) << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
    int64_t n;
    if (!an_parse_int(text, &n) || n <= 0)
        return;
    const bool is_time = strcmp(unit, "ms") == 0, is_size = strcmp(unit, "bytes") == 0;
    for (size_t i = 0; is_time && i < sizeof times / sizeof *times; i++) {
        if (n % times[i].unit == 0) {
            snprintf(text, size, "%lld%s", (long long)(n / times[i].unit), times[i].suffix);
            return;
        }
    }
    for (size_t i = 0; is_size && i < sizeof sizes / sizeof *sizes; i++) {
        if (n % sizes[i].unit == 0) {
            snprintf(text, size, "%lld%s", (long long)(n / sizes[i].unit), sizes[i].suffix);
            return;
        }
    }
}

/* Was it among the KEY=VALUE words behind the model's name? */
static bool was_given(const an_cli *c, const char *key)
{
    const size_t len = strlen(key);
    for (size_t i = 1; i < c->args->n_positionals; i++)
        if (strncmp(c->args->positionals[i], key, len) == 0 && c->args->positionals[i][len] == '=')
            return true;
    return false;
}

/* Only what was given: of c; NULL: all. */
static void print_policy(const an_jval *list, const an_cli *c)
{
    an_grid g;
    an_grid_init(&g, "OPTION  VALUE  DEFAULT  MEANING");
    for (size_t i = 0; i < an_jval_count(list); i++) {
        const an_jval *o = an_jval_at(list, i);
        char value[120];
        if (c && !was_given(c, an_cli_text(o, "key")))
            continue;
        value_text(an_jval_get(o, "value"), value, sizeof value);
        with_unit(value, sizeof value, an_cli_text(o, "unit"));
        an_grid_cell(&g, "%s", an_cli_text(o, "key"));
        an_grid_cell(&g, "%s", value);
        an_grid_cell(&g, "%s", an_cli_text(o, "default"));
        an_grid_cell(&g, "%s", an_cli_text(o, "meaning"));
    }
    an_grid_print(&g, stdout);
    an_grid_done(&g);
}

static void print_model(const an_jval *m)
{
    static const char *const hashes[] = {"production", "canary", "candidate", "blank", "schema", "layout"};
    printf("model %s\n", an_cli_text(m, "name"));
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        const char *hash = an_cli_text(m, hashes[i]);
        printf("  %-11s %s\n", hashes[i], hash[0] ? hash : "-");
    }
    printf("  versions    %lld\n  sites       %lld connected\n", (long long)an_cli_int(m, "versions"),
           (long long)an_cli_int(m, "sites_connected"));
    printf("  privacy     %s\n", an_cli_text(an_jval_get(m, "privacy"), "text"));
}

int an_cli_model_show(an_cli *c)
{
    an_json_doc *doc;
    const char *name = an_cli_word(c, 0);
    int code = name ? an_cli_get(c, &doc, "/models/%s", name) : AN_CLI_USAGE;
    if (!name || !doc)
        return code;
    print_model(an_jval_get(an_json_root(doc), "model"));
    printf("\n");
    print_policy(an_jval_get(an_json_root(doc), "policy"), NULL);
    an_json_doc_free(doc);
    return code;
}

/* "key=value" into the object.  False: it is not that. */
static bool add_option(an_json *o, const char *text)
{
    char key[128];
    const char *eq = strchr(text, '=');
    if (!eq || eq == text || (size_t)(eq - text) >= sizeof key)
        return false;
    snprintf(key, sizeof key, "%.*s", (int)(eq - text), text);
    an_json_set_text(o, key, eq + 1);
    return true;
}

int an_cli_model_policy(an_cli *c)
{
    an_json_doc *doc = NULL;
    int code;
    const char *name = an_cli_word(c, 0);
    if (!name)
        return AN_CLI_USAGE;
    if (c->args->n_positionals == 1) {
        code = an_cli_get(c, &doc, "/models/%s/policy", name);
    } else {
        an_json *o = an_json_object(), *body = an_json_object();
        const char *reason = an_args_get(c->args, "reason");
        for (size_t i = 1; i < c->args->n_positionals; i++) {
            if (!add_option(o, c->args->positionals[i])) {
                an_json_free(o);
                an_json_free(body);
                return an_cli_fail(AN_CLI_USAGE, "%.80s: give KEY=VALUE", c->args->positionals[i]);
            }
        }
        an_json_set(body, "policy", o);
        if (reason)
            an_json_set_text(body, "reason", reason);
        code = an_cli_post(c, &doc, body, "/models/%s/policy", name);
    }
    const an_jval *list = an_jval_get(an_json_root(doc), "policy");
    const bool changed = c->args->n_positionals > 1;
    if (doc)
        print_policy(list, changed ? c : NULL);
    if (doc && changed)
        printf("all %zu options: andon model policy %s\n", an_jval_count(list), name);
    an_json_doc_free(doc);
    return code;
}

/* ---- creating ---- */

static bool schema_sensors(an_json *body, const an_node *list, an_note *why)
{
    an_json *names = an_json_array(), *units = an_json_array();
    bool any_unit = false, good = list != NULL && an_node_count(list) > 0;
    for (size_t i = 0; good && i < an_node_count(list); i++) {
        const an_node *n = an_node_at(list, i);
        const char *name = "", *unit = "";
        bool map = an_node_kind(n) == AN_YAML_MAP;
        good = map ? an_node_need_text(n, "name", &name, why) == AN_OK &&
                         an_node_get_text(n, "unit", "", &unit, why) == AN_OK
                   : an_node_text(n, &name, why) == AN_OK;
        any_unit = any_unit || unit[0];
        an_json_push_text(names, name);
        an_json_push_text(units, unit);
    }
    an_json_set(body, "sensors", names);
    if (any_unit)
        an_json_set(body, "units", units);
    else
        an_json_free(units);
    if (!good && !why->text[0])
        an_note_set(why, "the schema has no list \"sensors\"");
    return good;
}

/* prep: {steps: [...], missing: ...}.  The coordinator reads the steps. */
static bool schema_prep(an_json *body, const an_node *prep, an_note *why)
{
    static const char *const keys[] = {"version", "steps", "missing", NULL};
    const char *missing = NULL;
    an_buf text;
    if (!prep)
        return true;
    bool good = an_node_only_keys(prep, keys, why) == AN_OK &&
                an_node_get_text(prep, "missing", NULL, &missing, why) == AN_OK;
    an_buf_init(&text, STEPS_MAX);
    for (size_t i = 0; good && i < 2; i++)
        if (an_node_get(prep, keys[i])) {
            an_buf_printf(&text, "%s: ", keys[i]);
            an_cli_flow(&text, an_node_get(prep, keys[i]));
            an_buf_text(&text, "\n");
        }
    an_buf_u8(&text, 0);
    if (good && text.failed) {
        an_note_set(why, "the steps are longer than %zu bytes", STEPS_MAX);
        good = false;
    }
    if (good)
        an_json_set_text(body, "steps", (const char *)text.data);
    if (good && missing)
        an_json_set_text(body, "missing", missing);
    an_buf_done(&text);
    return good;
}

static bool read_schema(an_json *body, const char *path, an_note *why)
{
    static const char *const keys[] = {"sensors", "rate_hz",   "window", "stride",
                                       "smooth",  "threshold", "prep",   NULL};
    an_yaml *doc = NULL;
    bool good = an_yaml_load(path, &doc, why) == AN_OK;
    const an_node *top = an_yaml_root(doc);
    good = good && an_node_only_keys(top, keys, why) == AN_OK &&
           schema_sensors(body, an_node_get(top, "sensors"), why) &&
           schema_prep(body, an_node_get(top, "prep"), why);
    for (size_t i = 2; good && i < 5; i++) {
        int64_t v = 0;
        good = an_node_get_int(top, keys[i], 1, 65536, 0, &v, why) == AN_OK;
        if (good && v > 0)
            an_json_set_int(body, keys[i], v);
    }
    double rate = 0;
    const char *threshold = NULL;
    good = good && an_node_get_num(top, "rate_hz", 0, 1e6, 0, &rate, why) == AN_OK &&
           an_node_get_text(top, "threshold", NULL, &threshold, why) == AN_OK;
    if (good && rate > 0)
        an_json_set_num(body, "rate_hz", rate);
    if (good && threshold)
        an_json_set_text(body, "threshold", threshold);
    an_yaml_free(doc);
    return good;
}

static void sensors_from_list(an_json *body, const char *list)
{
    an_json *names = an_json_array();
    while (*list) {
        char name[128];
        size_t len = strcspn(list, ",");
        snprintf(name, sizeof name, "%.*s", (int)len, list);
        an_json_push_text(names, name);
        list += len;
        list += *list == ',';
    }
    an_json_set(body, "sensors", names);
}

static bool read_flags(an_cli *c, an_json *body, an_note *why)
{
    static const char *const numbers[][2] = {
        {"window", "window"}, {"stride", "stride"}, {"smooth", "smooth"}};
    const char *sensors = an_args_get(c->args, "sensors"), *threshold = an_args_get(c->args, "threshold");
    for (size_t i = 0; i < 3; i++) {
        int64_t v = 0;
        if (an_args_int(c->args, numbers[i][0], 1, 65536, 0, &v, why) != AN_OK)
            return false;
        if (v > 0)
            an_json_set_int(body, numbers[i][1], v);
    }
    double rate = 0;
    if (an_args_num(c->args, "rate-hz", 0, 1e6, 0, &rate, why) != AN_OK)
        return false;
    if (rate > 0)
        an_json_set_num(body, "rate_hz", rate);
    if (sensors)
        sensors_from_list(body, sensors);
    if (threshold)
        an_json_set_text(body, "threshold", threshold);
    an_json *policy = an_json_object();
    for (size_t i = 0; an_args_at(c->args, "policy", i); i++) {
        if (!add_option(policy, an_args_at(c->args, "policy", i))) {
            an_json_free(policy);
            an_note_set(why, "--policy %.80s: give KEY=VALUE", an_args_at(c->args, "policy", i));
            return false;
        }
    }
    an_json_set(body, "policy", policy);
    return true;
}

static bool read_arch(an_json *body, const char *path, an_note *why)
{
    an_buf b;
    an_buf_init(&b, ARCH_MAX);
    bool good = an_file_read(&b, path, why) == AN_OK;
    an_buf_u8(&b, 0);
    good = good && !b.failed;
    if (good)
        an_json_set_text(body, "arch", (const char *)b.data);
    an_buf_done(&b);
    return good;
}

int an_cli_model_create(an_cli *c)
{
    an_json_doc *doc = NULL;
    an_note why = {{0}};
    const char *name = an_cli_word(c, 0), *arch = an_args_get(c->args, "arch"),
               *schema = an_args_get(c->args, "schema"), *detector = an_args_get(c->args, "detector");
    if (!name)
        return AN_CLI_USAGE;
    if ((!arch && !detector) || (!schema && !an_args_has(c->args, "sensors")))
        return an_cli_fail(AN_CLI_USAGE,
                           "give --arch FILE or --detector NAME, and --schema FILE or --sensors A,B,C");
    an_json *body = an_json_object();
    an_json_set_text(body, "name", name);
    if (detector)
        an_json_set_text(body, "detector", detector);
    if (an_args_has(c->args, "from"))
        an_json_set_text(body, "from", an_args_get(c->args, "from"));
    if ((arch && !read_arch(body, arch, &why)) || (schema && !read_schema(body, schema, &why)) ||
        !read_flags(c, body, &why)) {
        an_json_free(body);
        return an_cli_fail(AN_CLI_USAGE, "%s", why.text);
    }
    int code = an_cli_post(c, &doc, body, "/models");
    if (doc)
        print_model(an_jval_get(an_json_root(doc), "model"));
    an_json_doc_free(doc);
    return code;
}

/* ---- versions and production ---- */

static void add_version(an_grid *g, const an_jval *v)
{
    char hash[AN_CLI_SHORT], parent[AN_CLI_SHORT], ago[AN_CLI_SHORT], size[AN_CLI_SHORT], aliases[80] = "";
    const an_jval *list = an_jval_get(v, "aliases");
    size_t at = 0;
    for (size_t i = 0; i < an_jval_count(list) && at < sizeof aliases; i++) {
        const char *alias = "";
        if (an_jval_text(an_jval_at(list, i), NULL, &alias, NULL) != AN_OK)
            continue;
        int n = snprintf(aliases + at, sizeof aliases - at, "%s%.20s", at ? "," : "", alias);
        at += n > 0 ? (size_t)n : 0;
    }
    an_cli_hash(hash, an_cli_text(v, "hash"));
    an_cli_hash(parent, an_cli_text(v, "parent"));
    an_cli_ago(ago, an_cli_int(v, "created_ms"));
    an_cli_bytes(size, an_cli_int(v, "size"));
    an_grid_cell(g, "%s", hash);
    an_grid_cell(g, "%s", an_cli_text(v, "model"));
    an_grid_cell(g, "%s", parent);
    an_grid_cell(g, "%lld", (long long)an_cli_int(v, "round"));
    an_grid_cell(g, "%s", ago);
    an_grid_cell(g, "%s", size);
    an_grid_cell(g, "%s", an_cli_text(v, "quarantined")[0] ? "quarantined" : aliases);
}

static const char version_titles[] = "VERSION  MODEL  PARENT  ROUND  MADE  SIZE  IS";

int an_cli_version_list(an_cli *c)
{
    an_json_doc *doc;
    const char *model = an_cli_query(c, "model"), *limit = an_cli_query(c, "limit"),
               *before = an_cli_query(c, "before");
    if (!model || !limit || !before)
        return AN_CLI_USAGE;
    int code =
        an_cli_get(c, &doc, "/versions?model=%s&limit=%s&before=%s", model, limit[0] ? limit : "50", before);
    if (!doc)
        return code;
    an_grid g;
    an_grid_init(&g, version_titles);
    const an_jval *list = an_jval_get(an_json_root(doc), "versions");
    for (size_t i = 0; i < an_jval_count(list); i++)
        add_version(&g, an_jval_at(list, i));
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_cli_show_next(an_json_root(doc));
    an_json_doc_free(doc);
    return code;
}

int an_cli_version_show(an_cli *c)
{
    an_json_doc *doc;
    const char *hash = an_cli_word(c, 0);
    int code = hash ? an_cli_get(c, &doc, "/versions/%s", hash) : AN_CLI_USAGE;
    if (!hash || !doc)
        return code;
    const an_jval *v = an_jval_get(an_json_root(doc), "version"),
                  *lineage = an_jval_get(an_json_root(doc), "lineage");
    printf("version %s\n\nlineage\n", an_cli_text(v, "hash"));
    an_grid g;
    an_grid_init(&g, version_titles);
    add_version(&g, v);
    for (size_t i = 0; i < an_jval_count(lineage); i++)
        add_version(&g, an_jval_at(lineage, i));
    an_grid_print(&g, stdout);
    an_grid_done(&g);
    an_cli_show_facts(an_jval_get(an_json_root(doc), "facts"));
    an_cli_show_gate(an_jval_get(an_json_root(doc), "gate"));
    an_json_doc_free(doc);
    return code;
}

/* wanted: the beginning of the version that production is to become; by stages that is so later. */
static int move(an_cli *c, const char *model, const char *what, const char *wanted, an_json *body)
{
    an_json_doc *doc;
    const char *reason = an_args_get(c->args, "reason");
    if (reason)
        an_json_set_text(body, "reason", reason);
    int code = an_cli_post(c, &doc, body, "/models/%s/%s", model, what);
    if (doc) {
        const an_jval *m = an_jval_get(an_json_root(doc), "model");
        const an_jval *rollouts = an_jval_get(an_json_root(doc), "rollouts");
        const char *production = an_cli_text(m, "production");
        const int64_t waits = an_cli_int(an_json_root(doc), "waiting");
        if (waits)
            printf("release %lld waits for the signature of the release root: andon release sign --key FILE "
                   "%lld\n",
                   (long long)waits, (long long)waits);
        else
            printf("production of model %s is %s %s\n", an_cli_text(m, "name"),
                   strncmp(production, wanted, strlen(wanted)) == 0 ? "now" : "still",
                   production[0] ? production : "none");
        if (an_jval_count(rollouts) > 0)
            an_cli_show_rollouts(rollouts);
    }
    an_json_doc_free(doc);
    return code;
}

int an_cli_promote(an_cli *c)
{
    const char *model = an_cli_word(c, 0), *hash = model ? an_cli_word(c, 1) : NULL;
    if (!hash)
        return AN_CLI_USAGE;
    an_json *body = an_json_object();
    an_json_set_text(body, "version", hash);
    if (an_args_has(c->args, "at-once"))
        an_json_set_bool(body, "at_once", true);
    return move(c, model, "promote", hash, body);
}

int an_cli_rollback(an_cli *c)
{
    const char *model = an_cli_word(c, 0);
    if (!model)
        return AN_CLI_USAGE;
    if (!an_args_has(c->args, "reason"))
        return an_cli_fail(AN_CLI_USAGE, "say why: --reason TEXT");
    return move(c, model, "rollback", "", an_json_object());
}
