#include <poll.h>
#include <string.h>

#include "agent/writeback_ask.h"
#include "agent/writeback_main.h"
#include "agent/writeback_run.h"
#include "base/clock.h"
#include "base/log.h"

static an_err check(const an_agent_conf *conf, an_note *why)
{
    return conf->writeback.there ? AN_OK : an_fail(AN_ERR_INVAL, why, "the configuration has no `writeback`");
}

an_err an_writeback_run(const an_agent_conf *conf, int stop_fd, an_note *why)
{
    an_wb *w = NULL;
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    an_err err = check(conf, why);
    if (err == AN_OK)
        err = an_wb_start(&conf->writeback, conf->site, conf->data, &w, why);
    if (err != AN_OK)
        return err;
    an_log(AN_LOG_INFO, "writeback_started", "site=%s targets=%zu dry_run=%d", conf->site, conf->writeback.n,
           conf->writeback.dry_run);
    while (poll(&stop, 1, -1) < 0)
        ; /* a signal, which is in the pipe */
    an_wb_stop(w);
    return AN_OK;
}

static bool is_person(const an_wb_conf *c, const char *name)
{
    for (size_t i = 0; i < c->n_persons; i++)
        if (strcmp(c->persons[i].name, name) == 0)
            return true;
    return false;
}

an_err an_writeback_leave(const an_agent_conf *conf, bool enable, const char *by, const char *key_file,
                          FILE *out, an_note *why)
{
    an_err err = check(conf, why);
    if (err == AN_OK && (!by || (enable && !key_file)))
        err = an_fail(AN_ERR_INVAL, why, "%s is missing", by ? "--key-file FILE" : "--by NAME");
    if (err == AN_OK && enable && !is_person(&conf->writeback, by))
        err = an_fail(AN_ERR_NOTFOUND, why, "%.63s is none of writeback.people", by);
    if (err == AN_OK)
        err = an_wb_leave(conf->data, conf->site, by, enable ? key_file : NULL,
                          an_clock_system()->wall_ms(an_clock_system()), why);
    if (err == AN_OK)
        fprintf(
            out,
            "left for the write-back: %s by %s; writeback.jsonl in the data folder says what became of it\n",
            enable ? "enable" : "end", by);
    return err;
}
