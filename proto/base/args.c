#include "base/args.h"

#include <string.h>

#include "base/opt.h"

/* The next word of a verb's name: *len is 0 at its end. */
static const char *next_word(const char *at, size_t *len)
{
    at += strspn(at, " ");
    *len = strcspn(at, " ");
    return at;
}

/* How many arguments the verb's name takes up; -1: it does not fit. */
static int verb_fits(const an_verb *verb, int argc, char **argv)
{
    int used = 0;
    size_t len;
    for (const char *w = next_word(verb->name, &len); len; w = next_word(w + len, &len)) {
        int i = used + 1;
        if (i >= argc || strlen(argv[i]) != len || strncmp(argv[i], w, len) != 0)
            return -1;
        used++;
    }
    return used;
}

static int find_verb(an_args *a, int argc, char **argv)
{
    int best = -1;
    for (size_t i = 0; i < a->n_verbs; i++) {
        int used = verb_fits(&a->verbs[i], argc, argv);
        if (used > best) {
            best = used;
            a->verb = &a->verbs[i];
        }
    }
    return best;
}

static const an_flag *find_flag(const an_verb *verb, const char *name, size_t len)
{
    for (size_t i = 0; i < verb->n_flags; i++) {
        if (strlen(verb->flags[i].name) == len && strncmp(verb->flags[i].name, name, len) == 0)
            return &verb->flags[i];
    }
    return NULL;
}

static bool asks_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

/* Takes argv[*i], and argv[*i + 1] if it is the flag's value. */
static an_err take_flag(an_args *a, int argc, char **argv, int *i, an_note *why)
{
    const char *arg = argv[*i];
    const char *name = arg + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const an_flag *flag = arg[1] == '-' ? find_flag(a->verb, name, len) : NULL;
    if (!flag)
        return an_fail(AN_ERR_INVAL, why, "unknown flag %.80s; try: %s %s%s--help", arg, a->program,
                       a->verb->name, a->verb->name[0] ? " " : "");
    if (!flag->value && value)
        return an_fail(AN_ERR_INVAL, why, "--%s takes no value", flag->name);
    if (flag->value && !value) {
        if (*i + 1 >= argc)
            return an_fail(AN_ERR_INVAL, why, "--%s needs a value: --%s %s", flag->name, flag->name,
                           flag->value);
        value = argv[++*i];
    }
    if (a->n_given == AN_ARGS_MAX_FLAGS)
        return an_fail(AN_ERR_LIMIT, why, "more than %d flags", AN_ARGS_MAX_FLAGS);
    a->given[a->n_given].flag = flag;
    a->given[a->n_given++].value = value ? value : "";
    return AN_OK;
}

static an_err check_positionals(const an_args *a, an_note *why)
{
    const an_verb *v = a->verb;
    if (a->n_positionals < v->min_positionals)
        return an_fail(AN_ERR_INVAL, why, "%s%sneeds %s; try: %s %s%s--help", v->name, v->name[0] ? " " : "",
                       v->positionals ? v->positionals : "more arguments", a->program, v->name,
                       v->name[0] ? " " : "");
    if (a->n_positionals > v->max_positionals)
        return an_fail(AN_ERR_INVAL, why, "unexpected argument %.80s", a->positionals[v->max_positionals]);
    return AN_OK;
}

/* The first command of several words of which this is the first. */
static const an_verb *find_begun(const an_args *a, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i < a->n_verbs; i++) {
        if (strncmp(a->verbs[i].name, word, len) == 0 && a->verbs[i].name[len] == ' ')
            return &a->verbs[i];
    }
    return NULL;
}

/* argv[0] is the program, or nothing at all when argc is 0. */
static const char *program_name(int argc, char **argv)
{
    const char *path = argc > 0 && argv[0] ? argv[0] : "program";
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The program does something without a command, and takes no words: one that is none of its commands is a mistake. */
static bool takes_commands_alone(const an_args *a)
{
    return !a->verb->name[0] && a->verb->max_positionals == 0 && a->n_verbs > 1;
}

/* Whatever is typed behind --complete is half a command line, not one of this program. */
static an_err about_itself(an_args *a, int argc, char **argv, an_note *why)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    static const struct {
        const char *word;
        an_args_asked asked;
    } words[] = {{"--version", AN_ARGS_VERSION},
                 {"--man", AN_ARGS_MAN},
                 {"--completion", AN_ARGS_COMPLETION},
                 {"--complete", AN_ARGS_COMPLETE}};
    for (size_t i = 0; argc > 1 && i < sizeof words / sizeof *words; i++)
        if (strcmp(argv[1], words[i].word) == 0)
            a->asked = words[i].asked;
    a->help = a->help && a->asked != AN_ARGS_COMPLETE;
    a->n_words = argc > 2 ? (size_t)argc - 2 : 0;
    a->words = argc > 2 ? (const char *const *)argv + 2 : NULL;
    if (a->asked != AN_ARGS_COMPLETION)
        return AN_OK;
    for (size_t i = 0; i < 3 && a->n_words > 0; i++)
        if (strcmp(a->words[0], shells[i]) == 0)
            return AN_OK;
    return an_fail(AN_ERR_INVAL, why, "--completion bash, zsh or fish");
}

an_err an_args_parse(an_args *ret, const an_verb *verbs, size_t n_verbs, int argc, char **argv, an_note *why)
{
    an_args *a = ret;
    an_err err;
    memset(a, 0, sizeof *a);
    a->verbs = verbs;
    a->n_verbs = n_verbs;
    a->program = program_name(argc, argv);
    int used = find_verb(a, argc, argv);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        a->help = a->help || asks_help(argv[i]);
    err = about_itself(a, argc, argv, why);
    if (err != AN_OK || a->help || a->asked)
        return err;
    if (used == 0 && takes_commands_alone(a) && argc > 1 && argv[1][0] != '-')
        used = -1;
    if (used < 0) {
        const an_verb *begun = argc > 1 ? find_begun(a, argv[1]) : NULL;
        if (begun)
            return an_fail(AN_ERR_INVAL, why, "unknown command %.80s%s%.80s, but there is %s; try: %s --help",
                           argv[1], argc > 2 ? " " : "", argc > 2 ? argv[2] : "", begun->name, a->program);
        if (argc > 1)
            return an_fail(AN_ERR_INVAL, why, "unknown command %.80s; try: %s --help", argv[1], a->program);
        return an_fail(AN_ERR_INVAL, why, "a command is needed; try: %s --help", a->program);
    }
    bool flags_over = false;
    for (int i = 1 + used; i < argc; i++) {
        if (!flags_over && strcmp(argv[i], "--") == 0) {
            flags_over = true;
        } else if (!flags_over && argv[i][0] == '-' && argv[i][1] != '\0') {
            if ((err = take_flag(a, argc, argv, &i, why)) != AN_OK)
                return err;
        } else if (a->n_positionals == AN_ARGS_MAX_POSITIONALS) {
            return an_fail(AN_ERR_LIMIT, why, "more than %d arguments", AN_ARGS_MAX_POSITIONALS);
        } else {
            a->positionals[a->n_positionals++] = argv[i];
        }
    }
    return check_positionals(a, why);
}

const char *an_args_at(const an_args *args, const char *flag, size_t i)
{
    for (size_t k = 0; k < args->n_given; k++) {
        if (strcmp(args->given[k].flag->name, flag) == 0 && i-- == 0)
            return args->given[k].value;
    }
    return NULL;
}

const char *an_args_get(const an_args *args, const char *flag)
{
    for (size_t k = args->n_given; k-- > 0;) {
        if (strcmp(args->given[k].flag->name, flag) == 0)
            return args->given[k].value;
    }
    return NULL;
}

bool an_args_has(const an_args *args, const char *flag)
{
    return an_args_get(args, flag) != NULL;
}

an_err an_args_int(const an_args *args, const char *flag, int64_t min, int64_t max, int64_t dflt,
                   int64_t *ret, an_note *why)
{
    const char *text = an_args_get(args, flag);
    int64_t v = dflt;
    if (text && (!an_parse_int(text, &v) || v < min || v > max))
        return an_fail(AN_ERR_INVAL, why, "--%s = %.80s: must be an integer %lld..%lld", flag, text,
                       (long long)min, (long long)max);
    *ret = v;
    return AN_OK;
}

an_err an_args_num(const an_args *args, const char *flag, double min, double max, double dflt, double *ret,
                   an_note *why)
{
    const char *text = an_args_get(args, flag);
    double v = dflt;
    if (text && (!an_parse_num(text, &v) || v < min || v > max))
        return an_fail(AN_ERR_INVAL, why, "--%s = %.80s: must be a number %.15g..%.15g", flag, text, min,
                       max);
    *ret = v;
    return AN_OK;
}

/* What does not fit beside its column has the line for itself. */
static void help_row(const char *left, int width, const char *help, FILE *out)
{
    const bool fits = strlen(left) <= (size_t)width;
    fprintf(out, "  %-*s%s", width, left, fits ? "" : "\n");
    fprintf(out, "%*s%s\n", fits ? 1 : width + 3, "", help);
}

static void help_usage(const an_args *a, const an_verb *v, FILE *out)
{
    fprintf(out, "usage: %s%s%s%s%s%s\n", a->program, v->name[0] ? " " : "", v->name,
            v->n_flags ? " [flags]" : "", v->positionals ? " " : "", v->positionals ? v->positionals : "");
    fprintf(out, "\n%s\n", v->help);
    for (size_t i = 0; i < v->n_flags; i++) {
        const an_flag *f = &v->flags[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", f->name, f->value ? " " : "", f->value ? f->value : "");
        fprintf(out, "%s", i ? "" : "\n");
        help_row(left, 26, f->help, out);
    }
}

static void help_commands(const an_args *a, FILE *out)
{
    for (size_t i = 0; i < a->n_verbs; i++) {
        const an_verb *v = &a->verbs[i];
        char left[64];
        if (!v->name[0])
            continue;
        snprintf(left, sizeof left, "%s%s%s", v->name, v->positionals ? " " : "",
                 v->positionals ? v->positionals : "");
        help_row(left, 28, v->help, out);
    }
    fprintf(out, "\n%s COMMAND --help says more of one command.\n", a->program);
}

void an_args_help(const an_args *args, FILE *out)
{
    if (!args->verb) {
        fprintf(out, "usage: %s COMMAND [flags] [arguments]\n\n", args->program);
        help_commands(args, out);
        return;
    }
    help_usage(args, args->verb, out);
    if (!args->verb->name[0] && args->n_verbs > 1) {
        fprintf(out, "\nother commands:\n\n");
        help_commands(args, out);
    }
}

bool an_args_answer(const an_args *args, FILE *out)
{
    if (args->help)
        an_args_help(args, out);
    else if (args->asked == AN_ARGS_VERSION)
        fprintf(out, "%s %s\n", args->program, AN_VERSION);
    return args->help || args->asked == AN_ARGS_VERSION;
}
