/* By which name and port the coordinator is asked: whether it answers to that name, and what its cookie is called there. */
#include "coordinator/runtime_auth_internal.h"

#include <stdio.h>

#include "base/host.h"

/* Who names none is no browser.  Over TLS the browser has held the name against the certificate; an address is nobody's to
 * point elsewhere. */
bool an_auth_host(an_auth *a, const an_http_request *http, an_api_answer *refusal)
{
    const char *text = an_http_header(http, "Host");
    an_host h;
    an_note why;
    if (!text || http->secure)
        return true;
    const bool read = an_host_read(text, &h);
    if (read && (h.address || an_host_among(&h, "localhost") || an_host_among(&h, a->own) ||
                 an_host_among(&h, a->names)))
        return true;
    an_note_set(&why, "asked by the name %.*s, which is not in http.names", read ? (int)h.len : 0, text);
    an_auth_note(a, http, why.text);
    an_note_set(
        &why,
        "this coordinator does not answer to the name \"%.100s\"; if it is one of its own, such as that "
        "of a proxy before it, it belongs in http.names of its configuration",
        text);
    an_api_problem(421, why.text, refusal);
    return false;
}

/* Browsers give the cookies of one computer to all of its ports: two coordinators, or one and a proxy to another, would log
 * each other's people out.  The port is the one that the browser knows, which a proxy or a container may have mapped. */
void an_auth_cookie_name(const an_http_request *http, char ret[static AN_COOKIE_NAME])
{
    const char *text = an_http_header(http, "Host");
    an_host h;
    if (text && an_host_read(text, &h) && h.port > 0)
        snprintf(ret, AN_COOKIE_NAME, "andon-%u", (unsigned)h.port);
    else
        snprintf(ret, AN_COOKIE_NAME, "andon");
}
