/* In place of http_client.c in a build without libcurl. */
#include "doors/http_client.h"

an_err an_http_client_init(void)
{
    return AN_OK;
}

void an_http_client_done(void)
{
}

an_err an_http_call(const an_http_ask *ask, an_http_answer *ret, an_note *why)
{
    (void)ask;
    (void)ret;
    return an_fail(AN_ERR_UNSUPPORTED, why, "this program was built without libcurl");
}

void an_http_answer_done(an_http_answer *answer)
{
    (void)answer;
}
