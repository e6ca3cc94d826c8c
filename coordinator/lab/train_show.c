#include "coordinator/lab/train_show.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "models/kernels/bf16.h"

#define LINES_MAX 100 /* of plain text: longer trainings leave epochs out */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void on_progress(void *arg, size_t epoch, double loss, double fraction)
{
    an_lab_train_show *s = arg;
    char valid[32] = "";
    const size_t shown = epoch < s->planned ? epoch + 1 : s->planned;
    if (s->validation && s->n > 0)
        snprintf(valid, sizeof valid, "  valid %.3g", s->epochs[s->n - 1].valid_loss);
    snprintf(s->progress.label, sizeof s->progress.label, "epoch %zu/%zu  loss %.3g%s", shown, s->planned,
             loss, valid);
    an_progress_set(&s->progress, (uint64_t)(fraction * 1000));
}

static void put_line(const an_lab_train_show *s, const an_train_epoch *e)
{
    const size_t done = e->epoch + 1;
    if (done > 1 && done < s->planned && s->planned > LINES_MAX &&
        done * LINES_MAX / s->planned == (done - 1) * LINES_MAX / s->planned)
        return;
    fprintf(stderr, "epoch %zu/%zu  loss %.6g", done, s->planned, e->loss);
    if (s->validation)
        fprintf(stderr, "  validation %.6g%s", e->valid_loss, e->best ? " *" : "");
    fprintf(stderr, "  rate %.3g  %.1f s\n", e->lr, now() - s->started_s);
}

static void put_object(const an_lab_train_show *s, const an_train_epoch *e)
{
    an_json *o = an_json_object();
    an_json_set_text(o, "event", "epoch");
    an_json_set_int(o, "epoch", (int64_t)e->epoch + 1);
    an_json_set_int(o, "epochs", (int64_t)s->planned);
    an_json_set_num(o, "loss", e->loss);
    if (s->validation) {
        an_json_set_num(o, "validation_loss", e->valid_loss);
        an_json_set_bool(o, "best", e->best);
    }
    an_json_set_num(o, "rate", e->lr);
    an_json_set_num(o, "seconds", now() - s->started_s);
    (void)an_lab_print_json_line(s->lab, o, NULL); /* the last object tells, if output fails */
}

static void on_epoch(void *arg, const an_train_epoch *e)
{
    an_lab_train_show *s = arg;
    if (an_grow(&s->epochs, &s->cap, s->n + 1, sizeof *s->epochs))
        s->epochs[s->n++] = *e;
    if (s->lab->json)
        put_object(s, e);
    else if (!s->tty)
        put_line(s, e);
}

void an_lab_train_show_start(an_lab_train_show *s, an_lab *lab, an_train_opts *opts)
{
    *s = (an_lab_train_show){.lab = lab,
                             .planned = opts->epochs,
                             .validation = opts->validation > 0,
                             .bf16 = opts->precision == AN_TRAIN_BF16};
    s->tty = isatty(STDERR_FILENO) == 1;
    s->started_s = now();
    an_progress_start_on(&s->progress, "train", 1000, s->tty && !lab->json ? stderr : NULL, s->tty,
                         an_clock_system());
    s->progress.no_rate = true;
    opts->progress = on_progress;
    opts->epoch_end = on_epoch;
    opts->progress_arg = s;
    opts->keep = true;
}

void an_lab_train_show_end(an_lab_train_show *s)
{
    an_progress_end(&s->progress);
    an_lab_resume();
}

void an_lab_train_show_done(an_lab_train_show *s)
{
    an_free(s->epochs);
    *s = (an_lab_train_show){.lab = NULL};
}

void an_lab_train_show_print(const an_lab_train_show *s, const an_train_stats *stats, FILE *out)
{
    fprintf(out, "  loss %.6g -> %.6g in %zu epoch%s\n", stats->first_loss, stats->last_loss, stats->epochs,
            stats->epochs == 1 ? "" : "s");
    if (s->validation)
        fprintf(out, "  validation loss %.6g, of epoch %zu%s\n", stats->valid_loss, stats->best_epoch + 1,
                stats->stopped || stats->cancelled ? ", whose parameters are kept" : "");
    if (s->bf16)
        fprintf(out, "  products in bf16, by %s\n", an_bf16_name());
    if (stats->stopped)
        fprintf(out, "  stopped early: %zu epochs without a lower validation loss, %zu of %zu not needed\n",
                stats->epochs - 1 - stats->best_epoch, s->planned - stats->epochs, s->planned);
    if (stats->cancelled)
        fprintf(out, "  interrupted after %zu of %zu epochs%s\n", stats->epochs, s->planned,
                s->validation ? "" : ": the parameters are as they were then");
}

void an_lab_train_show_json(const an_lab_train_show *s, const an_train_stats *stats, an_json *object)
{
    an_json_set_int(object, "epochs", (int64_t)stats->epochs);
    an_json_set_num(object, "first_loss", stats->first_loss);
    an_json_set_num(object, "last_loss", stats->last_loss);
    if (s->validation) {
        an_json_set_num(object, "validation_loss", stats->valid_loss);
        an_json_set_int(object, "best_epoch", (int64_t)stats->best_epoch + 1);
        an_json_set_bool(object, "stopped_early", stats->stopped);
    }
    an_json_set_bool(object, "interrupted", stats->cancelled);
    an_json_set_text(object, "precision", s->bf16 ? "bf16" : "float");
    if (s->bf16)
        an_json_set_text(object, "bf16_kernels", an_bf16_name());
}
