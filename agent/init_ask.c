/* Questions on a terminal.  An empty answer is the proposal; without a terminal every answer is. */
#include <string.h>

#include "agent/init_internal.h"

an_err init_ask(const init *w, const char *question, const char *flag, const char *dflt, char *ret,
                size_t cap, an_note *why)
{
    const bool asks = w->opts->in && !w->opts->yes;
    char line[AN_PATH_MAX] = "";
    if (dflt && strlen(dflt) >= cap)
        return an_fail(AN_ERR_LIMIT, why, "--%s: too long", flag);
    if (!asks && !dflt)
        return an_fail(AN_ERR_INVAL, why, "--%s is missing: %s", flag, question);
    while (asks) {
        fprintf(w->opts->say, dflt && *dflt ? "%s [%s]: " : "%s: ", question, dflt);
        fflush(w->opts->say);
        if (!fgets(line, sizeof line, w->opts->in))
            return an_fail(AN_ERR_IO, why, "no answer to: %s", question);
        line[strcspn(line, "\r\n")] = '\0';
        if ((line[0] || dflt) && strlen(line) < cap)
            break;
    }
    const char *text = line[0] ? line : dflt;
    memcpy(ret, text, strlen(text) + 1);
    return AN_OK;
}
