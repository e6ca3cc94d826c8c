/* What the manual page of `andon` says beside its verbs. */
#include "coordinator/client/client.h"
#include "coordinator/client/names.h"

static const an_args_row exits[] = {
    {"0", "it is done, or nothing is wrong."}, {"1", "the coordinator refused it, or something is wrong."},
    {"2", "the command line is wrong."},       {"3", "no coordinator could be reached."},
    {"4", "there is no such thing."},          {NULL, NULL},
};

static const an_args_row environment[] = {
    {"ANDON_URL", "the coordinator's API, or several, separated by commas, where --url is not given."},
    {"ANDON_TOKEN_FILE", "the file with the token, where --token-file is not given."},
    {"ANDON_CA_FILE", "certificates to trust for https, where --ca-file is not given."},
    {NULL, NULL},
};

static const an_args_row files[] = {
    {"andon-data/admin.token", "the administrator's token, where nothing else is said."},
    {"DIR/endpoints.json, DIR/admin.token",
     "with --data DIR: where the coordinator that runs on this computer listens, and its token."},
    {NULL, NULL},
};

const an_args_about an_cli_about = {
    .program = "andon",
    .section = 1,
    .purpose = "the central team's client of an Andon coordinator",
    .text = "andon admits sites, makes models, starts and follows campaigns, approves and rolls out "
            "versions, signs "
            "releases with a key that does not leave this computer, and reads and checks the journal.\n\n"
            "Lists are tables for people; with --json the server's own answer is printed. Where there are "
            "several "
            "coordinators, the first that answers is asked.",
    .exits = exits,
    .environment = environment,
    .files = files,
    .see_also = "andon-coordinator(8), andon-agent(8), andon-lab(1)",
    .names = an_cli_names,
};

int an_cli_completion(an_cli *c)
{
    const char *shell = c->args->positionals[0];
    return an_args_completion(an_cli_about.program, shell, stdout)
               ? AN_CLI_OK
               : an_cli_fail(AN_CLI_USAGE, "completion bash, zsh or fish");
}
