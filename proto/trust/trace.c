#include "trust/trace.h"

#include <string.h>

#include "base/buf.h"
#include "doors/crypto.h"

an_trace an_trace_of(const an_hash *plan, const char *site, const char *step)
{
    static const char context[] = "andon-span-1";
    an_trace ret;
    an_hasher h;
    an_hash span;
    an_hasher_init(&h);
    an_hasher_add(&h, context, sizeof context);
    an_hasher_add(&h, plan->b, sizeof plan->b);
    an_hasher_add(&h, site, strlen(site) + 1);
    an_hasher_add(&h, step, strlen(step) + 1);
    an_hasher_end(&h, &span);
    an_hex(ret.trace, plan->b, 16);
    an_hex(ret.span, span.b, 8);
    return ret;
}
