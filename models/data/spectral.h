/* spectral.h - one frame of a vibration or of sound -> a few figures that say how it is.
 *
 *     an_spectral_conf conf = AN_SPECTRAL_CONF_DEFAULT;
 *     conf.rate_hz = 25600; conf.frame = 4096;
 *     conf.bands = bands; conf.n_bands = 3;
 *     err = an_spectral_new(&conf, &s, &why);
 *     an_spectral_frame(s, ret, x, NAN);      x: (frame), ret: (an_spectral_width(s))
 *
 * The mean is taken out first.  In this order:
 *
 *     rms, peak, crest, kurtosis   crest = peak / rms, kurtosis = m4 / m2^2 (3 for noise); both 0 of a frame that is all zeros
 *     band_<from>_<to>             root mean square of what lies in the band, in the signal's unit: the bands from 0 to rate / 2
 *                                  together give rms (Parseval), whatever the window
 *     env_<from>_<to>              the same of the envelope: the length of the analytic signal (Hilbert) of what lies between
 *                                  envelope_from and envelope_to; where the knocks of a damaged bearing show
 *     mel_<i>                      10 log10 of the mean square in a triangle of the mel scale (2595 log10(1 + f / 700)), dB
 *     order_<o>                    root mean square around o times the turning speed
 *
 * A value that is missing (NAN) makes all of the frame's figures NAN; a speed that is missing or not above 0 those of orders.
 *
 * Threads: pure; one thread per object. */
#ifndef AN_MODELS_DATA_SPECTRAL_H
#define AN_MODELS_DATA_SPECTRAL_H

#include <stddef.h>

#include "base/err.h"
#include "doors/fft.h"

#define AN_SPECTRAL_BANDS_MAX 128
#define AN_SPECTRAL_ORDERS_MAX 32
#define AN_SPECTRAL_MEL_MAX 128
#define AN_SPECTRAL_FRAME_MIN 16
#define AN_SPECTRAL_NAME_MAX 48

typedef enum an_window { AN_WINDOW_HANN, AN_WINDOW_HAMMING, AN_WINDOW_BLACKMAN, AN_WINDOW_NONE } an_window;
#define AN_WINDOWS 4
const char *an_window_name(an_window window);

typedef struct an_band {
    double from, to; /* Hz, from <= f < to */
} an_band;

/* Lists are borrowed for an_spectral_new. */
typedef struct an_spectral_conf {
    double rate_hz;
    size_t frame; /* numbers; AN_SPECTRAL_FRAME_MIN .. AN_FFT_MAX, as an_fft_new takes them */
    an_window window;
    const an_band *bands;
    size_t n_bands;
    an_band envelope; /* to = 0: none */
    const an_band *envelope_bands;
    size_t n_envelope_bands;
    size_t mel; /* triangles; 0: none */
    an_band mel_range;
    const double *orders;
    size_t n_orders;
    double order_width; /* share of the turning speed, on both sides; at least one and a half lines */
} an_spectral_conf;

#define AN_SPECTRAL_CONF_DEFAULT                                                                             \
    {                                                                                                        \
        .frame = 1024, .order_width = 0.1                                                                    \
    }

typedef struct an_spectral an_spectral;

/* Errors: INVAL a band beyond half the rate, a count, a size; NOMEM. */
an_err an_spectral_new(const an_spectral_conf *conf, an_spectral **ret, an_note *why);
void an_spectral_free(an_spectral *s); /* NULL is fine */

size_t an_spectral_width(const an_spectral *s);
void an_spectral_name(const an_spectral *s, size_t i, char out[static AN_SPECTRAL_NAME_MAX]);
/* own: the signal's unit. */
const char *an_spectral_unit(const an_spectral *s, size_t i, const char *own);

/* speed_hz: turns a second. */
void an_spectral_frame(an_spectral *s, float *ret, const float *x, double speed_hz);

/* n bands of equal width on a logarithmic scale. */
void an_bands_log(an_band *ret, size_t n, double from, double to);

#endif
