/* sndfile.h - the door to libsndfile: WAV files (also WAV64, FLAC, AIFF ...) as numbers in -1..1, or as they are if the file
 * holds floats.
 *
 *     err = an_sound_open("bearing-4.wav", &sound, &info, &why);
 *     while ((err = an_sound_read(sound, values, 1024, &n, &why)) == AN_OK && n > 0) ...
 *     an_sound_close(sound);
 *
 * Threads: one thread per file. */
#ifndef AN_DOORS_SNDFILE_H
#define AN_DOORS_SNDFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_SOUND_CHANNELS_MAX 64

typedef struct an_sound an_sound;

typedef struct an_sound_info {
    uint32_t rate_hz, channels;
    uint64_t n; /* instants, each with a value of each channel */
} an_sound_info;

/* Errors: NOTFOUND, IO, PROTO not such a file, LIMIT too many channels, NOMEM. */
an_err an_sound_open(const char *path, an_sound **ret, an_sound_info *ret_info, an_note *why);
void an_sound_close(an_sound *sound); /* NULL is fine */

/* The next instant is number `at`.  Errors: PROTO. */
an_err an_sound_seek(an_sound *sound, uint64_t at, an_note *why);

/* values: (cap, channels).  *ret_n 0: the end.  Errors: PROTO. */
an_err an_sound_read(an_sound *sound, float *values, size_t cap, size_t *ret_n, an_note *why);

#endif
