#include "doors/sndfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sndfile.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct an_sound {
    SNDFILE *file;
};

an_err an_sound_open(const char *path, an_sound **ret, an_sound_info *ret_info, an_note *why)
{
    SF_INFO info = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return an_fail(errno == ENOENT ? AN_ERR_NOTFOUND : AN_ERR_IO, why, "%s: %s", path, strerror(errno));
    an_sound *s = an_alloc(1, sizeof *s);
    if (!s) {
        close(fd);
        return AN_ERR_NOMEM;
    }
    s->file = sf_open_fd(fd, SFM_READ, &info, SF_TRUE); /* closes fd, also if it fails */
    an_err err = AN_OK;
    if (!s->file)
        err = an_fail(AN_ERR_PROTO, why, "%.100s: %.100s", path, sf_strerror(NULL));
    else if (info.channels < 1 || info.channels > AN_SOUND_CHANNELS_MAX)
        err = an_fail(AN_ERR_LIMIT, why, "%s: %d channels: must be 1..%d", path, info.channels,
                      AN_SOUND_CHANNELS_MAX);
    else if (info.samplerate < 1 || info.frames < 0)
        err = an_fail(AN_ERR_PROTO, why, "%s: it tells no rate or length", path);
    if (err) {
        an_sound_close(s);
        return err;
    }
    *ret_info = (an_sound_info){.rate_hz = (uint32_t)info.samplerate,
                                .channels = (uint32_t)info.channels,
                                .n = (uint64_t)info.frames};
    *ret = s;
    return AN_OK;
}

void an_sound_close(an_sound *sound)
{
    if (!sound)
        return;
    if (sound->file)
        sf_close(sound->file);
    an_free(sound);
}

an_err an_sound_seek(an_sound *sound, uint64_t at, an_note *why)
{
    if (at > INT64_MAX || sf_seek(sound->file, (sf_count_t)at, SEEK_SET) != (sf_count_t)at)
        return an_fail(AN_ERR_PROTO, why, "it has no instant %llu", (unsigned long long)at);
    return AN_OK;
}

an_err an_sound_read(an_sound *sound, float *values, size_t cap, size_t *ret_n, an_note *why)
{
    const sf_count_t n = sf_readf_float(sound->file, values, (sf_count_t)cap);
    if (n < 0 || sf_error(sound->file) != SF_ERR_NO_ERROR)
        return an_fail(AN_ERR_PROTO, why, "%.150s", sf_strerror(sound->file));
    *ret_n = (size_t)n;
    return AN_OK;
}
