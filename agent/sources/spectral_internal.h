/* spectral_internal.h - the state of a spectral source, shared by spectral.c (frames) and spectral_options.c (what the
 * configuration says). */
#ifndef AN_AGENT_SOURCES_SPECTRAL_INTERNAL_H
#define AN_AGENT_SOURCES_SPECTRAL_INTERNAL_H

#include "agent/options.h"
#include "agent/source.h"
#include "models/data/spectral.h"

#define AN_SPECTRAL_KEEP_MAX 131072 /* values of a frame of all sensors: they are kept with the position */

typedef struct spectral_lists {
    an_band bands[AN_SPECTRAL_BANDS_MAX], envelope_bands[AN_SPECTRAL_BANDS_MAX];
    double orders[AN_SPECTRAL_ORDERS_MAX];
} spectral_lists;

typedef struct spectral {
    an_spectral_conf conf;
    spectral_lists lists;
    size_t hop;
    const char *speed; /* name of the sensor of the turning speed, borrowed while open runs; "": none */
    double speed_hz;   /* turns a second in a unit of that sensor */

    an_source *inner;
    an_spectral *spectrum;
    size_t inner_width, n_channels, per_channel;
    size_t *channels;                  /* (n_channels) sensors of the inner source */
    size_t speed_at;                   /* inner_width: none */
    char (*names)[AN_SOURCE_NAME_MAX]; /* (n_channels * per_channel) */

    an_batch batch;   /* of the inner source */
    float *window;    /* (frame, inner_width) rows that wait */
    size_t n_window;  /* rows there */
    uint8_t *quality; /* (inner_width) the worst in the window's newest rows */
    float *column;    /* (frame) */
    bool restart;
    uint64_t row, cut; /* frames given out; begun and not finished because the rows broke off */
} spectral;

extern const an_option an_spectral_options[];

/* Fills conf, lists, hop, speed and speed_hz.  Errors: INVAL. */
an_err an_spectral_options_read(spectral *s, const an_node *map, an_note *why);

#endif
