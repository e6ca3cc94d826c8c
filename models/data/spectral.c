/* The spectrum as mean squares: line k of a windowed frame holds c_k |X_k|^2 / (n sum of w^2), with c_k 2 but for the
 * first and the last line, so that all lines together give the mean square of the windowed frame, scaled to that of the
 * frame itself for a signal that is steady in it. */
#include "models/data/spectral.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define TIME_FIGURES 4
#define PI 3.14159265358979323846

struct an_spectral {
    an_spectral_conf conf;
    an_band bands[AN_SPECTRAL_BANDS_MAX], envelope_bands[AN_SPECTRAL_BANDS_MAX];
    double orders[AN_SPECTRAL_ORDERS_MAX];
    double line_hz; /* between two lines */
    an_fft *fft;
    float *window;      /* (frame) */
    double window_sum;  /* of squares */
    float *x, *re, *im; /* (frame) work */
    double *power;      /* (frame / 2 + 1) mean squares */
};

const char *an_window_name(an_window window)
{
    static const char *const names[AN_WINDOWS] = {"hann", "hamming", "blackman", "none"};
    return names[window];
}

static double window_at(an_window window, size_t i, size_t n)
{
    const double a = 2 * PI * (double)i / (double)n; /* periodic: for spectra */
    switch (window) {
    case AN_WINDOW_HANN:
        return 0.5 - 0.5 * cos(a);
    case AN_WINDOW_HAMMING:
        return 0.54 - 0.46 * cos(a);
    case AN_WINDOW_BLACKMAN:
        return 0.42 - 0.5 * cos(a) + 0.08 * cos(2 * a);
    case AN_WINDOW_NONE:
        break;
    }
    return 1;
}

void an_bands_log(an_band *ret, size_t n, double from, double to)
{
    for (size_t i = 0; i < n; i++) {
        ret[i].from = from * pow(to / from, (double)i / (double)n);
        ret[i].to = from * pow(to / from, (double)(i + 1) / (double)n);
    }
}

static an_err check_band(const an_band *b, double limit, const char *what, an_note *why)
{
    if (b->from >= 0 && b->from < b->to && b->to <= limit)
        return AN_OK;
    return an_fail(AN_ERR_INVAL, why, "%s %g..%g Hz: must rise and end at %g Hz at the latest, half the rate",
                   what, b->from, b->to, limit);
}

static an_err check(const an_spectral_conf *c, an_note *why)
{
    const double limit = c->rate_hz / 2;
    an_err err = AN_OK;
    if (!(c->rate_hz > 0) || !(c->rate_hz <= 1e9) || c->frame < AN_SPECTRAL_FRAME_MIN ||
        c->frame > AN_FFT_MAX)
        return an_fail(AN_ERR_INVAL, why, "frames of %zu at %g Hz: must be %d..%d at a rate above 0",
                       c->frame, c->rate_hz, AN_SPECTRAL_FRAME_MIN, AN_FFT_MAX);
    if (c->n_bands > AN_SPECTRAL_BANDS_MAX || c->n_envelope_bands > AN_SPECTRAL_BANDS_MAX ||
        c->n_orders > AN_SPECTRAL_ORDERS_MAX || c->mel > AN_SPECTRAL_MEL_MAX)
        return an_fail(AN_ERR_INVAL, why, "at most %d bands, %d orders, %d triangles", AN_SPECTRAL_BANDS_MAX,
                       AN_SPECTRAL_ORDERS_MAX, AN_SPECTRAL_MEL_MAX);
    for (size_t i = 0; i < c->n_bands && !err; i++)
        err = check_band(&c->bands[i], limit, "band", why);
    if (!err && c->envelope.to > 0)
        err = check_band(&c->envelope, limit, "envelope", why);
    if (!err && c->n_envelope_bands > 0 && !(c->envelope.to > 0))
        err = an_fail(AN_ERR_INVAL, why, "bands of the envelope need to be told of which band it is");
    for (size_t i = 0; i < c->n_envelope_bands && !err; i++)
        err = check_band(&c->envelope_bands[i], limit, "band of the envelope", why);
    if (!err && c->mel > 0)
        err = check_band(&c->mel_range, limit, "mel", why);
    for (size_t i = 0; i < c->n_orders && !err; i++)
        if (!(c->orders[i] > 0) || !(c->orders[i] < 1e4))
            err = an_fail(AN_ERR_INVAL, why, "order %g: must be above 0", c->orders[i]);
    if (!err && c->n_orders > 0 && !(c->order_width > 0 && c->order_width <= 0.5))
        err =
            an_fail(AN_ERR_INVAL, why, "width of orders %g: must be above 0 and at most 0.5", c->order_width);
    return err;
}

an_err an_spectral_new(const an_spectral_conf *conf, an_spectral **ret, an_note *why)
{
    an_err err = check(conf, why);
    if (err)
        return err;
    an_spectral *s = an_alloc(1, sizeof *s);
    if (!s)
        return AN_ERR_NOMEM;
    s->conf = *conf;
    if (conf->n_bands > 0)
        memcpy(s->bands, conf->bands, conf->n_bands * sizeof *s->bands);
    if (conf->n_envelope_bands > 0)
        memcpy(s->envelope_bands, conf->envelope_bands, conf->n_envelope_bands * sizeof *s->bands);
    if (conf->n_orders > 0)
        memcpy(s->orders, conf->orders, conf->n_orders * sizeof *s->orders);
    s->line_hz = conf->rate_hz / (double)conf->frame;
    s->window = an_alloc(conf->frame, sizeof *s->window);
    s->x = an_alloc(conf->frame, sizeof *s->x);
    s->re = an_alloc(conf->frame, sizeof *s->re);
    s->im = an_alloc(conf->frame, sizeof *s->im);
    s->power = an_alloc(conf->frame / 2 + 1, sizeof *s->power);
    err = s->window && s->x && s->re && s->im && s->power ? an_fft_new(conf->frame, &s->fft, why)
                                                          : AN_ERR_NOMEM;
    if (err) {
        an_spectral_free(s);
        return err;
    }
    for (size_t i = 0; i < conf->frame; i++) {
        s->window[i] = (float)window_at(conf->window, i, conf->frame);
        s->window_sum += (double)s->window[i] * (double)s->window[i];
    }
    *ret = s;
    return AN_OK;
}

void an_spectral_free(an_spectral *s)
{
    if (!s)
        return;
    an_fft_free(s->fft);
    an_free(s->window);
    an_free(s->x);
    an_free(s->re);
    an_free(s->im);
    an_free(s->power);
    an_free(s);
}

/* ---- names ---- */

size_t an_spectral_width(const an_spectral *s)
{
    const an_spectral_conf *c = &s->conf;
    return TIME_FIGURES + c->n_bands + c->n_envelope_bands + c->mel + c->n_orders;
}

void an_spectral_name(const an_spectral *s, size_t i, char out[static AN_SPECTRAL_NAME_MAX])
{
    static const char *const names[TIME_FIGURES] = {"rms", "peak", "crest", "kurtosis"};
    const an_spectral_conf *c = &s->conf;
    if (i < TIME_FIGURES) {
        snprintf(out, AN_SPECTRAL_NAME_MAX, "%s", names[i]);
    } else if ((i -= TIME_FIGURES) < c->n_bands) {
        snprintf(out, AN_SPECTRAL_NAME_MAX, "band_%.4g_%.4g", s->bands[i].from, s->bands[i].to);
    } else if ((i -= c->n_bands) < c->n_envelope_bands) {
        snprintf(out, AN_SPECTRAL_NAME_MAX, "env_%.4g_%.4g", s->envelope_bands[i].from,
                 s->envelope_bands[i].to);
    } else if ((i -= c->n_envelope_bands) < c->mel) {
        snprintf(out, AN_SPECTRAL_NAME_MAX, "mel_%zu", i);
    } else {
        snprintf(out, AN_SPECTRAL_NAME_MAX, "order_%.4g", s->orders[i - c->mel]);
    }
}

const char *an_spectral_unit(const an_spectral *s, size_t i, const char *own)
{
    const size_t mel = TIME_FIGURES + s->conf.n_bands + s->conf.n_envelope_bands;
    if (i == 2 || i == 3)
        return "";
    return i >= mel && i < mel + s->conf.mel ? "dB" : own;
}

/* ---- figures ---- */

/* x without its mean, and the figures in time. */
static void in_time(an_spectral *s, float *ret, const float *x)
{
    const size_t n = s->conf.frame;
    double sum = 0, m2 = 0, m4 = 0, peak = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    const double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)x[i] - mean, d2 = d * d;
        s->x[i] = (float)d;
        m2 += d2;
        m4 += d2 * d2;
        peak = fabs(d) > peak ? fabs(d) : peak;
    }
    m2 /= (double)n;
    m4 /= (double)n;
    ret[0] = (float)sqrt(m2);
    ret[1] = (float)peak;
    ret[2] = m2 > 0 ? (float)(peak / sqrt(m2)) : 0.0f;
    ret[3] = m2 > 0 ? (float)(m4 / (m2 * m2)) : 0.0f;
}

/* power of s->x, which is windowed in place. */
static void spectrum(an_spectral *s)
{
    const size_t n = s->conf.frame;
    const double scale = 1 / ((double)n * s->window_sum);
    for (size_t i = 0; i < n; i++)
        s->x[i] *= s->window[i];
    an_fft_forward(s->fft, s->re, s->im, s->x);
    for (size_t k = 0; k <= n / 2; k++) {
        const double re = (double)s->re[k], im = (double)s->im[k];
        s->power[k] = (re * re + im * im) * scale * (k == 0 || k == n / 2 ? 1 : 2);
    }
}

/* Lines at from <= f < to; the last line belongs to the band that ends there. */
static double in_band(const an_spectral *s, double from, double to)
{
    const size_t last = s->conf.frame / 2;
    double sum = 0;
    for (size_t k = (size_t)fmax(0, ceil(from / s->line_hz - 1e-9)); k <= last; k++) {
        const double f = (double)k * s->line_hz;
        if (f >= to - 1e-9 * s->line_hz && !(k == last && to >= f - 1e-9))
            break;
        sum += s->power[k];
    }
    return sum;
}

static double mel_of(double hz)
{
    return 2595 * log10(1 + hz / 700);
}

static void in_mel(const an_spectral *s, float *ret)
{
    const an_spectral_conf *c = &s->conf;
    const double from = mel_of(c->mel_range.from),
                 step = (mel_of(c->mel_range.to) - from) / (double)(c->mel + 1);
    double sums[AN_SPECTRAL_MEL_MAX] = {0};
    for (size_t k = 1; k <= c->frame / 2; k++) {
        const double at = (mel_of((double)k * s->line_hz) - from) / step; /* triangle i peaks at i + 1 */
        if (at <= 0 || at >= (double)(c->mel + 1))
            continue;
        const size_t i = (size_t)at;
        const double share = at - (double)i;
        if (i < c->mel)
            sums[i] += share * s->power[k];
        if (i > 0)
            sums[i - 1] += (1 - share) * s->power[k];
    }
    for (size_t i = 0; i < c->mel; i++)
        ret[i] = (float)(10 * log10(sums[i] + 1e-12));
}

/* The envelope of s->x, which is overwritten: of the analytic signal only the lines of its band are kept. */
static void envelope(an_spectral *s)
{
    const size_t n = s->conf.frame;
    double sum = 0;
    memcpy(s->re, s->x, n * sizeof *s->re);
    memset(s->im, 0, n * sizeof *s->im);
    an_fft_complex(s->fft, s->re, s->im, 0);
    for (size_t k = 0; k < n; k++) {
        const double f = (double)k * s->line_hz;
        const float factor =
            k > 0 && k < n / 2 && f >= s->conf.envelope.from && f < s->conf.envelope.to ? 2.0f : 0.0f;
        s->re[k] *= factor;
        s->im[k] *= factor;
    }
    an_fft_complex(s->fft, s->re, s->im, 1);
    for (size_t i = 0; i < n; i++) {
        s->x[i] = hypotf(s->re[i], s->im[i]);
        sum += (double)s->x[i];
    }
    for (size_t i = 0; i < n; i++)
        s->x[i] -= (float)(sum / (double)n);
}

static void in_orders(const an_spectral *s, float *ret, double speed_hz)
{
    const an_spectral_conf *c = &s->conf;
    const double half = fmax(c->order_width * speed_hz, 1.5 * s->line_hz);
    for (size_t i = 0; i < c->n_orders; i++) {
        const double at = s->orders[i] * speed_hz;
        ret[i] = speed_hz > 0 && at < c->rate_hz / 2 ? (float)sqrt(in_band(s, fmax(0, at - half), at + half))
                                                     : NAN;
    }
}

void an_spectral_frame(an_spectral *s, float *ret, const float *x, double speed_hz)
{
    const an_spectral_conf *c = &s->conf;
    for (size_t i = 0; i < c->frame; i++)
        if (!isfinite(x[i])) {
            for (size_t k = 0; k < an_spectral_width(s); k++)
                ret[k] = NAN;
            return;
        }
    in_time(s, ret, x);
    ret += TIME_FIGURES;
    float *env = ret + c->n_bands;
    if (c->n_envelope_bands > 0) { /* first: it needs the frame without its window */
        envelope(s);
        spectrum(s);
        for (size_t i = 0; i < c->n_envelope_bands; i++)
            env[i] = (float)sqrt(in_band(s, s->envelope_bands[i].from, s->envelope_bands[i].to));
        float again[TIME_FIGURES];
        in_time(s, again, x);
    }
    spectrum(s);
    for (size_t i = 0; i < c->n_bands; i++)
        ret[i] = (float)sqrt(in_band(s, s->bands[i].from, s->bands[i].to));
    if (c->mel > 0)
        in_mel(s, env + c->n_envelope_bands);
    in_orders(s, env + c->n_envelope_bands + c->mel, speed_hz);
}
