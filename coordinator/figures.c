#include "coordinator/figures.h"

#include <string.h>

const an_figure an_figures[] = {
#define AN_FIGURE(key, better, part, whole, meaning) {key, AN_BETTER_##better, meaning},
#include "coordinator/figures.def"
#undef AN_FIGURE
};
const size_t an_figures_n = sizeof an_figures / sizeof *an_figures;

static double sizes_of(const an_evaluation *e, bool raised)
{
    double sum = 0;
    for (size_t i = 0; i < AN_EVAL_SIZES; i++)
        sum += (double)(raised ? e->sizes[i].raised : e->sizes[i].total);
    return sum;
}

bool an_figure_of(size_t i, const an_evaluation *e, double *ret)
{
    const struct {
        double part, whole;
    } values[] = {
#define AN_FIGURE(key, better, part, whole, meaning) {part, whole},
#include "coordinator/figures.def"
#undef AN_FIGURE
    };
    if (!(values[i].whole > 0))
        return false;
    *ret = values[i].part / values[i].whole;
    return true;
}

const char *an_better_name(an_better better)
{
    return better == AN_BETTER_LOWER ? "lower" : "higher";
}

int an_figure_compare(const an_figure *f, double a, double b)
{
    const int more = (a > b) - (a < b);
    return f->better == AN_BETTER_HIGHER ? more : -more;
}
