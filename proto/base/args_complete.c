/* Completion: what may stand at the end of a command line, and the scripts by which shells ask for it. */
#include <ctype.h>
#include <string.h>

#include "base/args_pages.h"

/* ---- words ---- */

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void offer(FILE *out, const char *word, size_t len, const char *meaning)
{
    fprintf(out, "%.*s%s%s\n", (int)len, word, meaning ? "\t" : "", meaning ? meaning : "");
}

/* The i-th word of a list with blanks between; *len 0: there are fewer. */
static const char *word_at(const char *list, size_t i, size_t *len)
{
    const char *at = list + strspn(list, " ");
    while (i-- > 0 && *at) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    *len = strcspn(at, " ");
    return at;
}

/* Are the first n words of the verb's name these? */
static bool agrees(const an_verb *v, size_t n, const char *const *words)
{
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *w = word_at(v->name, i, &len);
        if (len == 0 || strlen(words[i]) != len || strncmp(w, words[i], len) != 0)
            return false;
    }
    return true;
}

static size_t n_words_of(const an_verb *v)
{
    size_t n = 0, len = 1;
    while (len > 0) {
        word_at(v->name, n, &len);
        n += len > 0;
    }
    return n;
}

/* The next words of all verbs that begin as it stands, each once. */
static void offer_verbs(const an_args *a, size_t n, const char *const *words, FILE *out)
{
    for (size_t i = 0; i < a->n_verbs; i++) {
        size_t len, other;
        const char *w = word_at(a->verbs[i].name, n, &len);
        bool said = false;
        if (len == 0 || !agrees(&a->verbs[i], n, words) || !begins_with(w, words[n]))
            continue;
        for (size_t k = 0; k < i && !said; k++) {
            const char *before = word_at(a->verbs[k].name, n, &other);
            said = other == len && strncmp(before, w, len) == 0 && agrees(&a->verbs[k], n, words);
        }
        if (!said)
            offer(out, w, len, w[len] ? NULL : a->verbs[i].help);
    }
}

static void offer_flags(const an_verb *v, const char *begun, bool first, FILE *out)
{
    static const char *const all[] = {"help", "version", "man", "completion"};
    char word[64];
    for (size_t i = 0; v && i < v->n_flags; i++) {
        const int n = snprintf(word, sizeof word, "--%s", v->flags[i].name);
        if (n > 0 && (size_t)n < sizeof word && begins_with(word, begun))
            offer(out, word, (size_t)n, v->flags[i].help);
    }
    for (size_t i = 0; i < (first ? 4 : 1); i++) {
        const int n = snprintf(word, sizeof word, "--%s", all[i]);
        if (begins_with(word, begun))
            offer(out, word, (size_t)n, NULL);
    }
}

/* ---- values ---- */

/* true|false|unsure: words to choose from; LINE|LINE/ALARM are none. */
static bool offer_choice(const char *what, const char *begun, FILE *out)
{
    bool any = false;
    for (const char *at = what; *at;) {
        const size_t len = strcspn(at, "|");
        if (islower((unsigned char)*at) && strchr(what, '|')) {
            any = true;
            if (begins_with(at, begun))
                offer(out, at, len, NULL);
        }
        at += len + (at[len] == '|');
    }
    return any;
}

static void offer_value(const an_args *given, const an_args_about *about, const char *flag, const char *what,
                        const char *begun, FILE *out)
{
    if (offer_choice(what, begun, out))
        return;
    if (strstr(what, "DIR") || strstr(what, "FOLDER"))
        fputs(":dirs\n", out);
    else if (strstr(what, "FILE") || strstr(what, ".yaml") || strstr(what, "PATH"))
        fputs(":files\n", out);
    else if (about->names)
        about->names(given, flag, what, out);
}

static const an_flag *flag_of(const an_verb *v, const char *word)
{
    for (size_t i = 0; v && begins_with(word, "--") && i < v->n_flags; i++)
        if (strcmp(word + 2, v->flags[i].name) == 0)
            return &v->flags[i];
    return NULL;
}

/* The words between the verb and the last one.  NULL: the last one is a positional; else it is this flag's value. */
static const an_flag *take_words(an_args *given, size_t n, const char *const *words)
{
    for (size_t i = 0; i < n; i++) {
        const an_flag *f = flag_of(given->verb, words[i]);
        if (f && f->value && i + 1 == n)
            return f;
        if (f && given->n_given < AN_ARGS_MAX_FLAGS) {
            given->given[given->n_given].flag = f;
            given->given[given->n_given++].value = f->value ? words[i + 1] : "";
        } else if (words[i][0] != '-' && given->n_positionals < AN_ARGS_MAX_POSITIONALS) {
            given->positionals[given->n_positionals++] = words[i];
        }
        i += f && f->value;
    }
    return NULL;
}

static void offer_positional(const an_args *given, const an_args_about *about, const char *begun, FILE *out)
{
    char what[80];
    size_t len, i = given->n_positionals;
    const char *list = given->verb->positionals ? given->verb->positionals : "";
    const char *w = word_at(list, i, &len);
    while (len == 0 && i > 0) { /* the last one may stand again: FILE... */
        w = word_at(list, --i, &len);
        if (len > 0 && !strstr(w, "..."))
            return;
    }
    if (len == 0 || len >= sizeof what)
        return;
    snprintf(what, sizeof what, "%.*s", (int)len, w);
    offer_value(given, about, NULL, what, begun, out);
}

void an_args_complete(const an_args *args, const an_args_about *about, size_t n_words,
                      const char *const *words, FILE *out)
{
    an_args given = {.program = args->program, .verbs = args->verbs, .n_verbs = args->n_verbs};
    static const char *const nothing[] = {""};
    if (n_words == 0)
        words = nothing, n_words = 1;
    const size_t n = n_words - 1;
    size_t used = 0;
    for (size_t i = 0; i < args->n_verbs; i++) {
        const an_verb *v = &args->verbs[i];
        const size_t k = n_words_of(v);
        if (k <= n && agrees(v, k, words) && (k > used || (k == 0 && !given.verb))) {
            given.verb = v;
            used = k;
        }
    }
    const char *begun = words[n];
    if (n == 1 && strcmp(words[0], "--completion") == 0) {
        offer_choice("bash|zsh|fish", begun, out);
        return;
    }
    const an_flag *open = take_words(&given, n - used, words + used);
    if (open) {
        offer_value(&given, about, open->name, open->value, begun, out);
        return;
    }
    if (begun[0] == '-') {
        offer_flags(given.verb, begun, n == 0, out);
        return;
    }
    offer_verbs(args, n, words, out);
    if (given.verb)
        offer_positional(&given, about, begun, out);
}

/* ---- scripts ---- */

static const char bash_script[] =
    "# Completion of @ for bash: source <( @ --completion bash ), or "
    "/usr/share/bash-completion/completions/@\n"
    "_#()\n"
    "{\n"
    "    local typed=${COMP_LINE:0:COMP_POINT} line cur\n"
    "    local -a words\n"
    "    read -ra words <<<\"$typed\"\n"
    "    [[ $typed == *[[:space:]] ]] && words+=(\"\")\n"
    "    cur=${words[-1]}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "        :dirs) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
    "        \"$cur\"*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[0]}\" --complete \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _# @\n";

static const char zsh_script[] =
    "#compdef @\n"
    "# Completion of @ for zsh: as _@ in a folder of $fpath, or source <( @ --completion zsh )\n"
    "_#()\n"
    "{\n"
    "    local line name\n"
    "    local -a found\n"
    "    for line in \"${(@f)$(\"${words[1]}\" --complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "        case $line in\n"
    "        (:files) _files; return ;;\n"
    "        (:dirs) _files -/; return ;;\n"
    "        (*$'\\t'*) name=${line%%$'\\t'*}; found+=(\"${name//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        (?*) found+=(\"${line//:/\\\\:}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    _describe '@' found\n"
    "}\n"
    "if [ \"${funcstack[1]}\" = _@ ] || [ \"${funcstack[1]}\" = _# ]; then\n"
    "    _# \"$@\"\n"
    "else\n"
    "    compdef _# @\n"
    "fi\n";

static const char fish_script[] =
    "# Completion of @ for fish: @ --completion fish | source, or ~/.config/fish/completions/@.fish\n"
    "function __#\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    for line in ($words[1] --complete $words[2..-1] 2>/dev/null)\n"
    "        switch $line\n"
    "            case ':files'\n"
    "                __fish_complete_path (commandline -ct)\n"
    "            case ':dirs'\n"
    "                __fish_complete_directories (commandline -ct)\n"
    "            case '*'\n"
    "                echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c @ -f -a '(__#)'\n";

bool an_args_completion(const char *program, const char *shell, FILE *out)
{
    const char *script = strcmp(shell, "bash") == 0   ? bash_script
                         : strcmp(shell, "zsh") == 0  ? zsh_script
                         : strcmp(shell, "fish") == 0 ? fish_script
                                                      : NULL;
    /* @ is the program, where it is not the shell's: "$@", (@f), [@]; _# is a function's name of it. */
    for (const char *at = script; at && *at; at++) {
        const char before = at > script ? at[-1] : ' ';
        const bool name = *at == '#' && before == '_';
        if (!name && (*at != '@' || strchr("$([", before))) {
            fputc(*at, out);
            continue;
        }
        for (const char *p = program; *p; p++)
            fputc(name && !isalnum((unsigned char)*p) ? '_' : *p, out);
    }
    return script != NULL;
}

bool an_args_answer_about(const an_args *args, const an_args_about *about, FILE *out)
{
    if (args->asked == AN_ARGS_MAN) {
        an_args_man(args, about, out);
    } else if (args->asked == AN_ARGS_COMPLETE) {
        an_args_complete(args, about, args->n_words, args->words, out);
    } else if (args->asked == AN_ARGS_COMPLETION) {
        an_args_completion(about->program, args->words[0], out);
    } else {
        return an_args_answer(args, out);
    }
    return true;
}
