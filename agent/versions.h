/* versions.h - the versions a site has at hand: files named by their hash, in one folder.
 *
 *     err = an_versions_open("/var/lib/andon/versions", 1 << 30, &store, &why);
 *     if (an_versions_path(store, &hash, path) != AN_OK) ... fetch it to an_versions_part(...)
 * ... err = an_versions_adopt(store, &hash, part_path, &why);
 *
 * A bundle is checked against its name when it comes in.  Overlays
 * stand beside bundles as <version>.overlay.<hash>.
 *
 * Threads: one thread per an_versions; paths may be read from anywhere. */
#ifndef AN_AGENT_VERSIONS_H
#define AN_AGENT_VERSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "doors/crypto.h"

typedef struct an_versions an_versions;

/* Makes the folder.  quota_bytes 0: none.  Errors: IO, LIMIT path too long, NOMEM. */
an_err an_versions_open(const char *dir, uint64_t quota_bytes, an_versions **ret, an_note *why);
void an_versions_close(an_versions *v);

/* Errors: NOTFOUND. */
an_err an_versions_path(const an_versions *v, const an_hash *version, char out[static AN_PATH_MAX]);
/* Where a fetch may write the object before it is adopted; a broken-off fetch goes on there. */
an_err an_versions_part(const an_versions *v, const an_hash *version, char out[static AN_PATH_MAX]);
/* Takes the file over under its name.  Errors: PROTO its content has another hash (the file is
 * removed), NOTFOUND, IO. */
an_err an_versions_adopt(an_versions *v, const an_hash *version, const char *path, an_note *why);

an_err an_versions_overlay_path(const an_versions *v, const an_hash *version, const an_hash *overlay,
                                char out[static AN_PATH_MAX]);

/* Removes the oldest versions, with their overlays, until the quota holds; those in
 * keep stay.  Errors: IO, NOMEM. */
an_err an_versions_trim(an_versions *v, const an_hash *keep, size_t n_keep, an_note *why);
uint64_t an_versions_bytes(const an_versions *v);

#endif
