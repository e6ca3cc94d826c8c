/* andon-coordinator: options, signals, and the runtime between them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/args.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/runtime.h"
#include "doors/conf.h"
#include "doors/crypto.h"
#include "doors/json.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define FLAGS_MAX 40

/* The rows of the configuration are the flags, after these. */
static size_t make_flags(an_flag *flags)
{
    size_t n = 0;
    flags[n++] = (an_flag){"config", "FILE", "read options from this YAML file; flags go before it"};
    for (size_t i = 0; i < an_coordinator_n_rows && n < FLAGS_MAX; i++)
        flags[n++] = (an_flag){an_coordinator_rows[i].key, "VALUE", an_coordinator_rows[i].meaning};
    return n;
}

static an_err configure(an_coordinator_conf *conf, const an_args *args, an_note *why)
{
    const char *file = an_args_get(args, "config");
    an_err err =
        file ? an_conf_load_yaml(an_coordinator_rows, an_coordinator_n_rows, conf, file, why) : AN_OK;
    for (size_t i = 0; i < an_coordinator_n_rows && err == AN_OK; i++) {
        const char *key = an_coordinator_rows[i].key, *value = an_args_get(args, key);
        if (value)
            err =
                an_opt_set(an_coordinator_rows, an_coordinator_n_rows, conf, key, value, "command line", why);
    }
    return err == AN_OK ? an_coordinator_conf_check(conf, why) : err;
}

/* sigwait below takes it. */
static void on_failed(void *ctx)
{
    int *failed = ctx;
    *failed = 1;
    if (kill(getpid(), SIGTERM) != 0)
        an_log(AN_LOG_ERROR, "signal_not_sent", "signal=SIGTERM");
}

static int serve(const an_coordinator_conf *conf, const sigset_t *ends)
{
    an_runtime *rt = NULL;
    an_note why = {{0}};
    static int failed; /* written before the signal, read after it */
    an_err err = an_runtime_start(conf, on_failed, &failed, &rt, &why);
    if (err != AN_OK) {
        fprintf(stderr, "andon-coordinator: %s\n", why.text[0] ? why.text : an_err_text(err));
        return EXIT_FAILED;
    }
    const an_runtime_endpoints *e = an_runtime_endpoints_get(rt);
    printf("http %s\ncontrol %s\nbulk %s\nenrol %s\ntoken %s\n", e->http, e->control, e->bulk, e->enrol,
           e->token_file);
    fflush(stdout);
    int got = 0;
    while (sigwait(ends, &got) != 0)
        continue;
    an_runtime_stop(rt);
    return failed ? EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
    an_flag flags[FLAGS_MAX];
    const an_verb verb = {"", NULL, 0, 0, flags, make_flags(flags), "coordinate the sites of a federation"};
    an_args args;
    an_note why = {{0}};
    an_coordinator_conf conf;
    sigset_t ends;
    if (an_args_parse(&args, &verb, 1, argc, argv, &why) != AN_OK) {
        fprintf(stderr, "andon-coordinator: %s\n", why.text);
        return EXIT_USAGE;
    }
    if (args.help) {
        an_args_help(&args, stdout);
        return 0;
    }
    if (an_coordinator_conf_init(&conf) != AN_OK)
        return EXIT_FAILED;
    if (configure(&conf, &args, &why) != AN_OK) {
        fprintf(stderr, "andon-coordinator: %s\n", why.text);
        an_coordinator_conf_done(&conf);
        return EXIT_USAGE;
    }
    /* Blocked before any thread starts, so that every thread has them blocked and sigwait alone
     * sees them. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    an_mem_no_core();
    umask(077); /* keys, updates and the journal are nobody else's business on the machine */
    an_log_init((an_log_level)conf.log_level, "andon-coordinator");
    an_json_init();
    int code = EXIT_FAILED;
    if (an_crypto_init() == AN_OK)
        code = serve(&conf, &ends);
    an_coordinator_conf_done(&conf);
    return code;
}
