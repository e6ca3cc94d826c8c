/* The verb's flags. */
#include <unistd.h>

#include "agent/init.h"
#include "base/log.h"
#include "base/opt.h"

an_err an_init_by_args(const an_args *args, an_note *why)
{
    const char *path = an_args_get(args, "path"), *time = an_args_get(args, "for"), *set;
    an_log_init(AN_LOG_WARN, "andon-agent"); /* it speaks to a person */
    an_init_opts opts = {.kind = an_args_get(args, "source"),
                         .where = path ? path : an_args_get(args, "address"),
                         .out = an_args_get(args, "out"),
                         .site = an_args_get(args, "site"),
                         .data = an_args_get(args, "data"),
                         .line = an_args_get(args, "line"),
                         .model = an_args_get(args, "model"),
                         .for_ms = 10000,
                         .yes = an_args_has(args, "yes"),
                         .force = an_args_has(args, "force"),
                         .in = isatty(STDIN_FILENO) ? stdin : NULL,
                         .say = stdout};
    while (opts.n_set < AN_INIT_SET_MAX && (set = an_args_at(args, "set", opts.n_set)))
        opts.set[opts.n_set++] = set;
    if (time && (!an_parse_ms(time, &opts.for_ms) || opts.for_ms < 1))
        return an_fail(AN_ERR_INVAL, why, "--for %.60s: a time such as 30s", time);
    return an_init(&opts, why);
}
