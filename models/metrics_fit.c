#include "models/metrics_fit.h"

#include <math.h>
#include <stdbool.h>

#include "base/mem.h"

uint32_t an_class_of(const float *scores, size_t k)
{
    size_t best = 0;
    for (size_t j = 1; j < k; j++)
        best = scores[j] > scores[best] ? j : best;
    return (uint32_t)best;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

static void rate(an_classes *c, size_t n)
{
    double right = 0, recalls = 0, occur = 0, f1 = 0, either = 0;
    for (size_t i = 0; i < c->k; i++) {
        double is = 0, taken = 0;
        const double hit = (double)c->counts[i * c->k + i];
        for (size_t j = 0; j < c->k; j++) {
            is += (double)c->counts[i * c->k + j];
            taken += (double)c->counts[j * c->k + i];
        }
        c->rates[i] = (an_class_rates){.n = (uint64_t)is,
                                       .precision = ratio(hit, taken),
                                       .recall = ratio(hit, is),
                                       .f1 = ratio(2 * hit, is + taken)};
        right += hit;
        if (is > 0) {
            recalls += hit / is;
            occur++;
        }
        if (is + taken > 0) {
            f1 += c->rates[i].f1;
            either++;
        }
    }
    c->accuracy = ratio(right, (double)n);
    c->balanced = ratio(recalls, occur);
    c->macro_f1 = ratio(f1, either);
}

an_err an_classes_count(const uint32_t *truth, const uint32_t *guess, size_t n, size_t k, an_classes *ret)
{
    an_classes c = {.k = k};
    an_err err = AN_ERR_INVAL;
    if (k == 0 || k > AN_CLASSES_MAX)
        return err;
    c.counts = an_alloc(k * k, sizeof *c.counts);
    c.rates = an_alloc(k, sizeof *c.rates);
    if (!c.counts || !c.rates) {
        err = AN_ERR_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (truth[i] >= k || guess[i] >= k)
            goto out;
        c.counts[truth[i] * k + guess[i]]++;
    }
    rate(&c, n);
    *ret = c;
    c = (an_classes){0};
    err = AN_OK;
out:
    an_classes_done(&c);
    return err;
}

void an_classes_done(an_classes *c)
{
    an_free(c->counts);
    an_free(c->rates);
    *c = (an_classes){0};
}

an_fit an_fit_of(const float *truth, const float *guess, size_t n)
{
    double mean = 0, absolute = 0, squares = 0, spread = 0, bias = 0;
    for (size_t i = 0; i < n; i++)
        mean += (double)truth[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)guess[i] - (double)truth[i], m = (double)truth[i] - mean;
        absolute += fabs(d);
        squares += d * d;
        spread += m * m;
        bias += d;
    }
    const double rows = (double)n;
    return (an_fit){.mae = ratio(absolute, rows),
                    .rmse = sqrt(ratio(squares, rows)),
                    .r2 = n && spread > 0 ? 1 - squares / spread : (double)NAN,
                    .bias = n ? bias / rows : (double)NAN};
}

an_overlap an_overlap_of(const float *truth, const float *guess, size_t n, size_t each)
{
    an_overlap o = {.tp = 0};
    for (size_t i = 0; i < n; i++) {
        uint64_t tp = 0, fp = 0, fn = 0;
        for (size_t k = i * each; k < (i + 1) * each; k++) {
            const bool is = truth[k] > 0.5f, said = guess[k] > 0.0f;
            tp += is && said;
            fp += !is && said;
            fn += is && !said;
        }
        o.mean_iou += tp + fp + fn > 0 ? (double)tp / (double)(tp + fp + fn) : 1;
        o.tp += tp;
        o.fp += fp;
        o.fn += fn;
        o.tn += each - tp - fp - fn;
    }
    const double tp = (double)o.tp, fp = (double)o.fp, fn = (double)o.fn;
    o.precision = ratio(tp, tp + fp);
    o.recall = ratio(tp, tp + fn);
    o.dice = ratio(2 * tp, 2 * tp + fp + fn);
    o.iou = ratio(tp, tp + fp + fn);
    o.mean_iou = ratio(o.mean_iou, (double)n);
    o.all_dice = ratio(2 * (tp + fn), tp + fn + (double)n * (double)each);
    return o;
}
