/* Versions that have run here, with the overlay they ran with, from their files. */
#include "agent/session_internal.h"

void an_kept_done(an_kept *k)
{
    an_bundle_done(&k->bundle);
    an_overlay_done(&k->overlay);
}

static an_err read_overlay(an_session *s, const an_hash *version, const an_hash *overlay, an_overlay *ret,
                           an_note *why)
{
    char path[AN_PATH_MAX];
    an_hash found;
    an_buf bytes;
    an_buf_init(&bytes, AN_BUNDLE_BYTES_MAX);
    an_err err = an_versions_overlay_path(s->versions, version, overlay, path);
    if (err == AN_OK)
        err = an_file_read(&bytes, path, why);
    if (err == AN_OK) {
        an_overlay_hash(&found, bytes.data, bytes.len);
        err = an_hash_equal(&found, overlay) ? an_overlay_decode(ret, bytes.data, bytes.len, why)
                                             : an_fail(AN_ERR_PROTO, why, "the overlay's file is damaged");
    }
    an_buf_done(&bytes);
    return err;
}

an_err an_kept_read(an_session *s, const an_hash *version, const an_hash *overlay, an_kept *ret, an_note *why)
{
    char path[AN_PATH_MAX];
    an_kept k = {.bundle = {.arch = NULL}};
    an_hash found;
    an_err err = an_versions_path(s->versions, version, path);
    if (err == AN_OK)
        err = an_bundle_read(&k.bundle, &found, path, why);
    if (err == AN_OK && !an_hash_equal(&found, version))
        err = an_fail(AN_ERR_PROTO, why, "the version's file is damaged");
    if (err == AN_OK)
        err = read_overlay(s, version, overlay, &k.overlay, why);
    if (err == AN_OK)
        err = an_overlay_fits(&k.overlay, &k.bundle, version, why);
    if (err != AN_OK) {
        an_kept_done(&k);
        return err;
    }
    *ret = k;
    ret->running = (an_running){
        .version = *version, .overlay = *overlay, .bundle = &ret->bundle, .values = &ret->overlay};
    return AN_OK;
}
