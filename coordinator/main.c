/* andon-coordinator: options and verbs. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/args_pages.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "coordinator/migrate.h"
#include "coordinator/serve.h"
#include "doors/conf.h"
#include "doors/crypto.h"
#include "doors/json.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define FLAGS_MAX 40

static const an_args_row exits[] = {{"0", "it was told to end."},
                                    {"1", "it failed."},
                                    {"2", "the command line or the configuration is wrong."},
                                    {NULL, NULL}};
static const an_args_row environment[] = {
    {"CREDENTIALS_DIRECTORY", "where secrets named credential:NAME lie; systemd sets it."}, {NULL, NULL}};
static const an_args_row files[] = {
    {"/etc/andon/coordinator.yaml", "the configuration of the Debian package's service."},
    {"DATA/endpoints.json", "where it listens, written when it does."},
    {"DATA/admin.token", "the administrator's token, for andon(1)."},
    {"DATA/journal.db", "the journal, unless the store is PostgreSQL."},
    {NULL, NULL}};
static const an_args_about about = {
    .program = "andon-coordinator",
    .section = 8,
    .purpose = "coordinate the sites of a federation",
    .text =
        "andon-coordinator admits sites, opens rounds, adds up what the sites have learned, makes signed "
        "versions of "
        "models of it, and rolls them out in stages. It is told what to do by andon(1) over HTTP, or in a "
        "browser.\n\n"
        "Every option may stand in a file of YAML, which --config names; a flag goes before it.",
    .exits = exits,
    .environment = environment,
    .files = files,
    .see_also = "andon(1), andon-agent(8)",
};

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

static void say_moved(void *ctx, const char *what, uint64_t n, uint64_t of)
{
    (void)ctx;
    if (of)
        fprintf(stderr, "%s: %llu of %llu\n", what, (unsigned long long)n, (unsigned long long)of);
    else
        fprintf(stderr, "%s: %llu\n", what, (unsigned long long)n);
}

static int migrate(const an_args *args)
{
    an_note why = {{0}};
    an_migrate_report r;
    char chain[AN_HASH_TEXT];
    const char *from = an_args_get(args, "from"), *to = an_args_get(args, "to");
    if (!from || !to) {
        fprintf(stderr, "andon-coordinator migrate: --from sqlite:FOLDER --to postgresql:... are needed\n");
        return EXIT_USAGE;
    }
    an_err err = an_migrate(from, to, say_moved, NULL, &r, &why);
    if (err != AN_OK) {
        fprintf(stderr, "andon-coordinator migrate: %s\n", why.text[0] ? why.text : an_err_text(err));
        return EXIT_FAILED;
    }
    an_hash_text(chain, &r.chain);
    printf("%s %llu records and %llu objects; the last record's chain is %s\n",
           r.already ? "already there, and checked:" : "moved and checked:", (unsigned long long)r.records,
           (unsigned long long)r.objects, chain);
    if (r.local)
        printf("%llu large updates of sites stay files in %s: keep that folder\n",
               (unsigned long long)r.local, from + 7);
    return 0;
}

int main(int argc, char **argv)
{
    an_flag flags[FLAGS_MAX];
    const an_flag move_flags[] = {{"from", "URL", "the store to be moved, sqlite:FOLDER"},
                                  {"to", "URL", "an empty database, postgresql:..."}};
    const an_verb verbs[] = {
        {"", NULL, 0, 0, flags, make_flags(flags),
         "coordinate the sites of a federation (`andon-coordinator migrate` moves a store into PostgreSQL)"},
        {"migrate", NULL, 0, 0, move_flags, 2, "move a store of SQLite into PostgreSQL"}};
    an_args args;
    an_note why = {{0}};
    an_coordinator_conf conf;
    if (an_args_parse(&args, verbs, 2, argc, argv, &why) != AN_OK) {
        fprintf(stderr, "andon-coordinator: %s\n", why.text);
        return EXIT_USAGE;
    }
    if (an_args_answer_about(&args, &about, stdout))
        return 0;
    if (args.verb == &verbs[1]) {
        umask(077);
        return an_crypto_init() == AN_OK ? migrate(&args) : EXIT_FAILED;
    }
    if (an_coordinator_conf_init(&conf) != AN_OK)
        return EXIT_FAILED;
    if (configure(&conf, &args, &why) != AN_OK) {
        fprintf(stderr, "andon-coordinator: %s\n", why.text);
        an_coordinator_conf_done(&conf);
        return EXIT_USAGE;
    }
    an_serve_block_signals();
    an_notify_open();
    an_mem_no_core();
    umask(077); /* keys, updates and the journal are nobody else's business on the machine */
    an_log_init((an_log_level)conf.log_level, "andon-coordinator");
    an_log_form((an_log_format)conf.log_format, NULL);
    an_json_init();
    int code = EXIT_FAILED;
    if (an_crypto_init() == AN_OK)
        code = an_serve(&conf);
    an_coordinator_conf_done(&conf);
    return code;
}
