/* What goes with each file is strict, for the pages need nothing from elsewhere: no script, style or picture that is
 * not a file of theirs, no frame around them, no address told to others. */
#include "doors/asset.h"

#include <string.h>

#define POLICY                                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "             \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define FOREVER "public, max-age=31536000, immutable"

static const an_asset *find(const an_assets *assets, const char *path)
{
    for (size_t i = 0; i < assets->n; i++)
        if (strcmp(assets->items[i].path, path) == 0)
            return &assets->items[i];
    return NULL;
}

static const an_asset *choose(const an_assets *assets, const an_http_request *req)
{
    const char *accept = an_http_header(req, "Accept");
    const an_asset *a = find(assets, req->path);
    if (a || assets->n == 0)
        return a;
    if (strcmp(req->path, "/") != 0 &&
        (strncmp(req->path, "/assets/", 8) == 0 || !accept || !strstr(accept, "text/html")))
        return NULL;
    return find(assets, assets->page);
}

/* Who says nothing takes all; the files lie here in one form only. */
static bool takes_gzip(const an_http_request *req)
{
    const char *encodings = an_http_header(req, "Accept-Encoding");
    return !encodings || strstr(encodings, "gzip") || strstr(encodings, "*");
}

bool an_asset_answer(const an_assets *assets, const an_http_request *req, an_http_reply *reply)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy", POLICY}, {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},  {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Vary", "Accept-Encoding"},
    };
    if (strcmp(req->method, "GET") != 0 && strcmp(req->method, "HEAD") != 0)
        return false;
    const an_asset *a = choose(assets, req);
    if (!a)
        return false;
    if (!takes_gzip(req)) {
        static const char refusal[] = "This is sent compressed: Accept-Encoding: gzip\n";
        reply->status = 406;
        reply->type = "text/plain";
        reply->fixed = refusal;
        reply->body_len = sizeof refusal - 1;
        return true;
    }
    const char *known = an_http_header(req, "If-None-Match");
    const bool same = known && strstr(known, a->etag);
    an_err err = an_http_reply_header(reply, "ETag", a->etag);
    if (err == AN_OK)
        err = an_http_reply_header(reply, "Cache-Control", a->hashed ? FOREVER : "no-cache");
    for (size_t i = 0; i < sizeof headers / sizeof *headers && err == AN_OK; i++)
        err = an_http_reply_header(reply, headers[i][0], headers[i][1]);
    if (err == AN_OK && !same)
        err = an_http_reply_header(reply, "Content-Encoding", "gzip");
    reply->status = err != AN_OK ? 500 : same ? 304 : 200;
    if (reply->status == 200) {
        reply->type = a->type;
        reply->fixed = a->gz;
        reply->body_len = a->gz_len;
    }
    return true;
}
