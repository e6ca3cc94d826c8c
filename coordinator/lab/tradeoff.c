#include "coordinator/lab/tradeoff.h"

#include <math.h>

#include "base/file.h"
#include "models/svg.h"

an_err an_lab_tradeoff_read(const an_node *top, an_experiment *e, an_note *why)
{
    const an_node *list = an_node_get(top, "tradeoff");
    an_err err = AN_OK;
    if (!list)
        return AN_OK;
    if (e->task->items || an_node_kind(list) != AN_YAML_LIST || an_node_count(list) > AN_LAB_TRADEOFF_MAX)
        return an_node_fail(list, why,
                            "tradeoff: a list of at most %d threshold policies, of the task detect",
                            AN_LAB_TRADEOFF_MAX);
    for (size_t i = 0; i < an_node_count(list) && err == AN_OK; i++) {
        an_note inner = {{0}};
        err = an_node_text(an_node_at(list, i), &e->tradeoff[i], why);
        if (err == AN_OK && an_threshold_check(e->tradeoff[i], &inner) != AN_OK)
            err = an_node_fail(an_node_at(list, i), why, "tradeoff: %s", inner.text);
        e->n_tradeoff = i + 1;
    }
    return err;
}

an_err an_lab_tradeoff_run(const an_arms_conf *conf, const int64_t *seeds, size_t n_seeds,
                           an_lab_tradeoff *ret, an_note *why)
{
    an_experiment e = *conf->experiment; /* but for the threshold; it owns nothing */
    an_arms_conf one = *conf;
    an_err err = AN_OK;
    one.experiment = &e;
    one.plots = NULL;
    *ret = (an_lab_tradeoff){.n = 0};
    for (size_t i = 0; i < e.n_tradeoff && err == AN_OK; i++) {
        an_arms_result r = {0};
        e.threshold = e.tradeoff[i];
        err = an_arms_run(&one, seeds, n_seeds, &r, why);
        for (size_t a = 0; a < AN_ARMS && err == AN_OK; a++) {
            an_lab_mean mean = {.n = {0}};
            for (size_t s = 0; s < r.n_seeds; s++)
                an_lab_mean_add(&mean, &r.seeds[s].arms[a].all);
            ret->points[i].mean[a] = an_lab_mean_get(&mean);
            ret->points[i].spread[a] = an_lab_mean_spread(&mean);
        }
        ret->n = i + 1;
        an_arms_result_done(&r);
    }
    return err;
}

static const an_lab_figure shown[] = {AN_LAB_f1, AN_LAB_far, AN_LAB_mar, AN_LAB_FIGURES_N};

void an_lab_tradeoff_json(const an_arms_conf *conf, const an_lab_tradeoff *t, an_json *object)
{
    an_json *list = an_json_array();
    for (size_t i = 0; i < t->n; i++) {
        an_json *o = an_json_object(), *arms = an_json_object();
        an_json_set_text(o, "threshold", conf->experiment->tradeoff[i]);
        for (size_t a = 0; a < AN_ARMS; a++) {
            if (!an_arm_runs(conf, a))
                continue;
            an_json *arm = an_json_object(), *spread = an_json_object();
            an_lab_figures_json(arm, &t->points[i].mean[a], shown);
            an_lab_figures_json(spread, &t->points[i].spread[a], shown);
            an_json_set(arm, "spread", spread);
            an_json_set(arms, an_arm_name((an_arm)a), arm);
        }
        an_json_set(o, "arms", arms);
        an_json_push(list, o);
    }
    if (t->n > 0)
        an_json_set(object, "tradeoff", list);
    else
        an_json_free(list);
}

void an_lab_tradeoff_print(const an_arms_conf *conf, const an_lab_tradeoff *t, FILE *out)
{
    if (t->n > 0)
        fprintf(out, "\n%-28s %9s %9s %9s  personalised\n", "threshold", "f1", "far", "mar");
    for (size_t i = 0; i < t->n; i++) {
        const an_lab_figures *f = &t->points[i].mean[AN_ARM_PERSONALISED];
        fprintf(out, "%-28s %9.3f %9.3f %9.3f\n", conf->experiment->tradeoff[i], f->f1, f->far, f->mar);
    }
}

an_err an_lab_tradeoff_plot(const an_arms_conf *conf, const an_lab_tradeoff *t, const char *dir, an_note *why)
{
    static const struct {
        an_arm arm;
        an_svg_tone tone;
    } lines[] = {{AN_ARM_PERSONALISED, AN_SVG_FIRST}, {AN_ARM_FEDERATED, AN_SVG_THIRD}};
    const an_experiment *e = conf->experiment;
    char path[AN_PATH_MAX];
    an_svg s;
    an_err err = an_path_join(path, dir, "tradeoff.svg");
    if (err != AN_OK || t->n == 0)
        return err;
    an_svg_begin(&s, "What false alarms buy", e->name);
    an_svg_axes(&s, &(an_svg_axis){.label = "false alarm rate, % of the normal rows", .min = 0, .max = 60},
                &(an_svg_axis){.label = "share of the anomalous rows found", .min = 0, .max = 1});
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        double x[AN_LAB_TRADEOFF_MAX], y[AN_LAB_TRADEOFF_MAX];
        for (size_t i = 0; i < t->n; i++) {
            x[i] = 100 * t->points[i].mean[lines[k].arm].far;
            y[i] = 1 - t->points[i].mean[lines[k].arm].mar;
        }
        an_svg_line(&s, lines[k].tone, x, y, t->n);
        an_svg_legend(&s, lines[k].tone, an_arm_name(lines[k].arm));
    }
    for (size_t i = 0; i < e->n_board; i++) {
        const an_lab_figures *f = &e->board[i].figures;
        an_svg_dot(&s, AN_SVG_SECOND, 100 * f->far, 1 - f->mar, 4);
        an_svg_note(&s, 100 * f->far, 1 - f->mar, e->board[i].name);
    }
    an_svg_legend_dot(&s, AN_SVG_SECOND, "as others reported");
    return an_svg_write(&s, path, why);
}
