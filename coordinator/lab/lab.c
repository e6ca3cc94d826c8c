#include "coordinator/lab/lab.h"

#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/workers.h"
#include "doors/crypto.h"
#include "models/kernels/kernels.h"

#define X(name) extern const an_lab_verb an_lab_verb_##name;
#include "coordinator/lab/verbs.def"
#undef X

static const an_lab_verb *const verbs[] = {
#define X(name) &an_lab_verb_##name,
#include "coordinator/lab/verbs.def"
#undef X
};
#define N_VERBS (sizeof verbs / sizeof *verbs)

static atomic_bool interrupted;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

/* The first interrupt asks politely, a second one ends the program. */
static void listen_to_signals(void)
{
    struct sigaction a = {.sa_handler = on_signal};
    a.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

const an_lab_verb *an_lab_verb_at(size_t i)
{
    return i < N_VERBS ? verbs[i] : NULL;
}

void an_lab_resume(void)
{
    atomic_store(&interrupted, false);
}

static an_err print_object(an_lab *lab, an_json *object, unsigned indent, an_note *why)
{
    char *text = an_json_print(object, indent);
    an_json_free(object);
    if (!text)
        return AN_ERR_NOMEM;
    bool ok = fputs(text, lab->out) >= 0 && fputc('\n', lab->out) != EOF && fflush(lab->out) == 0;
    an_free(text);
    return ok ? AN_OK : an_fail(AN_ERR_IO, why, "the output cannot be written");
}

an_err an_lab_print_json(an_lab *lab, an_json *object, an_note *why)
{
    return print_object(lab, object, 2, why);
}

an_err an_lab_print_json_line(an_lab *lab, an_json *object, an_note *why)
{
    return print_object(lab, object, 0, why);
}

an_err an_lab_seed(const an_lab *lab, int64_t dflt, uint64_t *ret, an_note *why)
{
    int64_t seed = 0;
    an_err err = an_args_int(lab->args, "seed", 0, INT64_C(1000000000), dflt, &seed, why);
    if (err == AN_OK)
        *ret = (uint64_t)seed;
    return err;
}

an_err an_lab_threads(const an_lab *lab, size_t *ret, an_note *why)
{
    int64_t n = 0;
    an_err err = an_args_int(lab->args, "threads", 1, AN_WORKERS_MAX, (int64_t)an_cpu_count(), &n, why);
    if (err == AN_OK)
        *ret = (size_t)n;
    return err;
}

static int run(const an_lab_verb *verb, const an_args *args, FILE *out, FILE *errors)
{
    an_note why = {{0}};
    an_lab lab = {.args = args, .json = an_args_has(args, "json"), .cancel = &interrupted, .out = out};
    listen_to_signals();
    an_err err = verb->run(&lab, &why);
    if (err == AN_OK && fflush(out) != 0)
        err = an_fail(AN_ERR_IO, &why, "the output cannot be written");
    if (err == AN_OK)
        return 0;
    fprintf(errors, "andon-lab %s: %s\n", verb->verb.name, why.text[0] ? why.text : an_err_text(err));
    return err == AN_ERR_CANCELLED ? 130 : 1;
}

static const an_args_about about = {
    .program = "andon-lab",
    .section = 1,
    .purpose = "models and federations on files",
    .text = "andon-lab trains, scores, evaluates, inspects and exports models on tables, images and sound, "
            "and runs whole "
            "federations in one process, with the same code as coordinator and agents and without a network.",
    .see_also = "andon(1), andon-agent(8), andon-coordinator(8)",
};

int an_lab_main(int argc, char **argv, FILE *out, FILE *errors)
{
    an_note why = {{0}};
    an_args args;
    an_verb all[N_VERBS];
    for (size_t i = 0; i < N_VERBS; i++)
        all[i] = verbs[i]->verb;
    if (an_crypto_init() != AN_OK) {
        fprintf(errors, "andon-lab: the cryptographic library does not start\n");
        return 1;
    }
    if (!an_kernels_init()) {
        fprintf(errors, "andon-lab: ANDON_KERNELS or ANDON_BF16 names an instruction set that is not here\n");
        return 2;
    }
    an_json_init();
    an_log_init(AN_LOG_ERROR, "andon-lab");
    if (an_args_parse(&args, all, N_VERBS, argc, argv, &why) != AN_OK) {
        fprintf(errors, "andon-lab: %s\n", why.text);
        return 2;
    }
    if (an_args_answer_about(&args, &about, out))
        return 0;
    if (!args.verb) {
        an_args_help(&args, errors);
        return 2;
    }
    return run(verbs[args.verb - all], &args, out, errors);
}
