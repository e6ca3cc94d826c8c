/* asset.h - the files of a web page, built into the program and sent as they lie there.
 *
 *     if (an_asset_answer(&an_console_assets, req, reply))
 *         return;                                  a file, or the page
 *     ... the request is for something else ...
 *
 * The tables are made by the build (coordinator/console/embed.mjs): compressed files under names that hold the hash of
 * what is in them, and one page.  Of a build without npm they are empty.
 *
 * Threads: the tables never change; calls share nothing. */
#ifndef AN_DOORS_ASSET_H
#define AN_DOORS_ASSET_H

#include <stdbool.h>
#include <stddef.h>

#include "doors/http_server.h"

typedef struct an_asset {
    const char *path; /* "/assets/console-Cu2eGCt8.js" */
    const char *type;
    const char *etag; /* with its quotes */
    const unsigned char *gz;
    size_t gz_len;
    bool hashed; /* another content would have another path: kept by browsers without asking again */
} an_asset;

typedef struct an_assets {
    const an_asset *items;
    size_t n;
    const char *page; /* path of the one that "/" is, and each address that people are at */
} an_assets;

extern const an_assets an_console_assets; /* the coordinator's console */
extern const an_assets an_site_assets;    /* the agent's own page */

/* Answers GET and HEAD of a file by its path, and of any other path outside /assets/ with the page if HTML is asked
 * for; with 304 where the tag is known already, and 406 to who takes no gzip.  False: it is for none of them, and
 * reply is untouched. */
bool an_asset_answer(const an_assets *assets, const an_http_request *req, an_http_reply *reply);

#endif
