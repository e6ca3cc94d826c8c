/* Versions that have run here, with the overlay they ran with, from their files. */
#include <string.h>

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

/* A line that does not say its rate or window takes the version's. */
static an_err match_schema(const an_schema *want, const an_schema *stream, an_note *why)
{
    an_schema have = *stream;
    if (!(have.rate_hz > 0))
        have.rate_hz = want->rate_hz;
    if (have.window == 0)
        have.window = want->window;
    return an_schema_match(want, &have, why);
}

static an_err read_version(an_session *s, const an_line_state *line, const an_hash *version, an_bundle *ret,
                           an_note *why)
{
    char path[AN_PATH_MAX];
    an_hash hash;
    an_err err = an_versions_path(s->versions, version, path);
    if (err == AN_OK)
        err = an_bundle_read(ret, &hash, path, why);
    if (err != AN_OK)
        return err;
    if (!an_hash_equal(&hash, version))
        err = an_fail(AN_ERR_PROTO, why, "the version's file is damaged");
    else if (strcmp(ret->model, line->conf->model) != 0)
        err = an_fail(AN_ERR_PROTO, why, "the version is one of %s", ret->model);
    if (err != AN_OK)
        an_bundle_done(ret);
    return err;
}

an_err an_session_schema_check(an_session *s, const an_line_state *line, const an_hash *version, an_note *why)
{
    an_bundle b;
    an_err err = read_version(s, line, version, &b, why);
    if (err != AN_OK)
        return err;
    err = match_schema(&b.schema, line->conf->schema, why);
    an_bundle_done(&b);
    return err;
}

an_err an_session_schema_same(an_session *s, const an_line_state *line, const an_hash *version, an_note *why)
{
    an_bundle b;
    an_err err = read_version(s, line, version, &b, why);
    if (err != AN_OK)
        return err;
    err = an_schema_match(&b.schema, line->conf->schema, why);
    an_bundle_done(&b);
    return err;
}
