#include "agent/about.h"

static const an_args_row exits[] = {
    {"0", "it is done."},
    {"1", "it failed."},
    {"2", "the command line or the configuration is wrong."},
    {"3", "enrolment: nothing is decided yet."},
    {NULL, NULL},
};

static const an_args_row environment[] = {
    {"CREDENTIALS_DIRECTORY", "where secrets named credential:NAME lie; systemd sets it."},
    {"ANDON_KERNELS",
     "avx512, avx2 or plain: the instruction set to compute with, in place of the best that is here."},
    {"ANDON_BF16",
     "amx, avx512bf16 or plain: the one to compute with bfloat16, where a model asks for that."},
    {NULL, NULL},
};

static const an_args_row files[] = {
    {"site.yaml", "the site's configuration; andon-agent init writes a first one."},
    {"DIR/status.json", "what a running agent does, anew each second."},
    {"DIR/inbox", "commands of people, which a running agent takes up."},
    {"DIR/spool.db", "what waits to be sent, and the ledger of all that has left the site."},
    {"DIR/alarms.db", "the log of alarms."},
    {NULL, NULL},
};

const an_args_about an_agent_about = {
    .program = "andon-agent",
    .section = 8,
    .purpose = "score a site's lines, and take part in a federation",
    .text = "andon-agent reads the sensors and cameras of a site's lines, scores them with the version that "
            "it runs, "
            "raises alarms, and trains on what it keeps. Rows do not leave the site; all that does is in its "
            "ledger.\n\n"
            "Without a command, or with run, it is the service itself. The other commands look at its data "
            "folder, or "
            "leave a command there that the service takes up.",
    .exits = exits,
    .environment = environment,
    .files = files,
    .see_also = "andon(1), andon-coordinator(8)",
};
