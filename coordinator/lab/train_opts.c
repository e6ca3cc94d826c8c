#include "coordinator/lab/train_opts.h"

static an_err read_counts(const an_args *a, an_train_opts *o, an_note *why)
{
    const struct {
        const char *flag;
        int64_t min, max;
        size_t *at;
    } counts[] = {
        {"epochs", 1, 100000, &o->epochs},
        {"batch", 1, 65536, &o->batch},
        {"patience", 0, 100000, &o->patience},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int64_t n = 0;
        an_err err =
            an_args_int(a, counts[i].flag, counts[i].min, counts[i].max, (int64_t)*counts[i].at, &n, why);
        if (err != AN_OK)
            return err;
        *counts[i].at = (size_t)n;
    }
    return AN_OK;
}

static an_err read_numbers(const an_args *a, an_train_opts *o, an_note *why)
{
    const struct {
        const char *flag;
        double min, max;
        double *at;
    } numbers[] = {
        {"lr", 1e-9, 10, &o->lr},
        {"momentum", 0, 0.9999, &o->momentum},
        {"weight-decay", 0, 1e3, &o->weight_decay},
        {"clip-norm", 0, 1e12, &o->clip_norm},
        {"warmup", 0, 100000, &o->warmup},
        {"lr-every", 1e-3, 100000, &o->lr_every},
        {"lr-factor", 1e-6, 1, &o->lr_factor},
        {"lr-floor", 0, 1, &o->lr_floor},
        {"validation", 0, 0.9, &o->validation},
        {"min-gain", 0, 1, &o->min_gain},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        an_err err = an_args_num(a, numbers[i].flag, numbers[i].min, numbers[i].max, *numbers[i].at,
                                 numbers[i].at, why);
        if (err != AN_OK)
            return err;
    }
    return AN_OK;
}

/* Refused here, before tables are read, as training would refuse it after. */
static an_err read_precision(const an_args *a, an_train_opts *o, an_note *why)
{
    if (!an_args_has(a, "precision"))
        return AN_OK;
    const char *name = an_args_get(a, "precision");
    if (!an_train_precision_find(name, &o->precision))
        return an_fail(AN_ERR_INVAL, why, "--precision %.40s: must be float or bf16", name);
    return an_train_precision_check(o->precision, why);
}

an_err an_lab_train_opts(an_lab *lab, an_train_opts *ret, an_note *why)
{
    an_train_opts o = an_train_defaults();
    o.cancel = lab->cancel;
    if (an_args_has(lab->args, "optimiser"))
        o.optimiser = an_args_get(lab->args, "optimiser");
    if (an_args_has(lab->args, "schedule"))
        o.schedule = an_args_get(lab->args, "schedule");
    an_err err = read_counts(lab->args, &o, why);
    if (err == AN_OK)
        err = read_numbers(lab->args, &o, why);
    if (err == AN_OK && o.patience > 0 && o.validation <= 0.0)
        err = an_fail(AN_ERR_INVAL, why, "--patience needs windows to watch: add --validation 0.2");
    if (err == AN_OK)
        err = an_lab_seed(lab, 1, &o.seed, why);
    if (err == AN_OK)
        err = an_lab_threads(lab, &o.n_threads, why);
    if (err == AN_OK)
        err = read_precision(lab->args, &o, why);
    if (err == AN_OK)
        *ret = o;
    return err;
}
