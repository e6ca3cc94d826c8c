/* The manual page of a program, from the rows of its verbs. */
#include <ctype.h>
#include <string.h>

#include "base/args_pages.h"

/* Plain text: no line of it is a request, no sign of it an escape. */
static void put(FILE *out, const char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        begins = *text == '\n';
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
    }
}

static void put_upper(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '-' ? "\\-" : "%c", toupper((unsigned char)*text));
}

static void put_paragraphs(FILE *out, const char *text)
{
    for (const char *at = text; *at;) {
        const char *end = strstr(at, "\n\n");
        const size_t len = end ? (size_t)(end - at) : strlen(at);
        char part[2048];
        snprintf(part, sizeof part, "%.*s", (int)(len < sizeof part ? len : sizeof part - 1), at);
        fputs(at == text ? "" : ".PP\n", out);
        put(out, part);
        fputc('\n', out);
        at += end ? len + 2 : len;
    }
}

static void put_rows(FILE *out, const char *title, const an_args_row *rows)
{
    if (!rows)
        return;
    fprintf(out, ".SH %s\n", title);
    for (; rows->word; rows++) {
        fputs(".TP\n.B ", out);
        put(out, rows->word);
        fputc('\n', out);
        put(out, rows->meaning);
        fputc('\n', out);
    }
}

static bool has_flag(const an_verb *v, const char *name)
{
    for (size_t i = 0; i < v->n_flags; i++)
        if (strcmp(v->flags[i].name, name) == 0)
            return true;
    return false;
}

/* Every verb knows it: once is enough. */
static bool is_common(const an_args *a, const an_flag *f)
{
    for (size_t i = 0; i < a->n_verbs; i++)
        if (!has_flag(&a->verbs[i], f->name))
            return false;
    return a->n_verbs > 1;
}

static void put_flag(FILE *out, const an_flag *f)
{
    fputs(".TP\n.B \\-\\-", out);
    put(out, f->name);
    if (f->value) {
        fputs(" \\fI", out);
        put(out, f->value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put(out, f->help);
    fputc('\n', out);
}

static void put_flags(const an_args *a, const an_verb *v, bool common, FILE *out)
{
    for (size_t i = 0; i < v->n_flags; i++)
        if (is_common(a, &v->flags[i]) == common)
            put_flag(out, &v->flags[i]);
}

static bool has_common(const an_args *a, const an_verb *v)
{
    for (size_t i = 0; i < v->n_flags; i++)
        if (is_common(a, &v->flags[i]))
            return true;
    return false;
}

static void put_verb(const an_args *a, const an_verb *v, FILE *out)
{
    fputs(".SS ", out);
    put(out, v->name);
    if (v->positionals) {
        fputs(" ", out);
        put(out, v->positionals);
    }
    fputs("\n", out);
    put(out, v->help);
    fputs(".\n", out);
    put_flags(a, v, false, out);
}

static void put_synopsis(const an_args *a, const an_args_about *about, FILE *out)
{
    fputs(".SH SYNOPSIS\n", out);
    for (size_t i = 0; i < a->n_verbs; i++)
        if (!a->verbs[i].name[0]) {
            fputs(".B ", out);
            put(out, about->program);
            fputs(a->verbs[i].n_flags ? "\n.RI [ flags ]\n" : "\n", out);
            fputs(a->n_verbs > 1 ? ".br\n" : "", out);
        }
    if (a->n_verbs > 1) {
        fputs(".B ", out);
        put(out, about->program);
        fputs("\n.I command\n.RI [ flags ]\n.RI [ arguments ]\n", out);
    }
    for (size_t i = 0; i < 4; i++) {
        static const char *const words[] = {"--help", "--version", "--man", "--completion"};
        fputs(".br\n.B ", out);
        put(out, about->program);
        fputs(" ", out);
        put(out, words[i]);
        fputs(i == 3 ? "\n.BR bash | zsh | fish\n" : "\n", out);
    }
}

void an_args_man(const an_args *a, const an_args_about *about, FILE *out)
{
    const an_verb *plain = NULL;
    for (size_t i = 0; i < a->n_verbs; i++)
        plain = a->verbs[i].name[0] ? plain : &a->verbs[i];
    fputs(".TH ", out);
    put_upper(out, about->program);
    fprintf(out, " %d \"\" \"Andon %s\" \"Andon\"\n.SH NAME\n", about->section, AN_VERSION);
    put(out, about->program);
    fputs(" \\- ", out);
    put(out, about->purpose);
    fputs("\n", out);
    put_synopsis(a, about, out);
    fputs(".SH DESCRIPTION\n", out);
    put_paragraphs(out, about->text);
    if (plain ? plain->n_flags > 0 : has_common(a, &a->verbs[0])) {
        fputs(".SH OPTIONS\n", out);
        put_flags(a, plain ? plain : &a->verbs[0], true, out);
        if (plain)
            put_flags(a, plain, false, out);
    }
    if (a->n_verbs > 1)
        fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < a->n_verbs; i++)
        if (&a->verbs[i] != plain)
            put_verb(a, &a->verbs[i], out);
    put_rows(out, "EXIT STATUS", about->exits);
    put_rows(out, "ENVIRONMENT", about->environment);
    put_rows(out, "FILES", about->files);
    if (about->see_also) {
        fputs(".SH SEE ALSO\n", out);
        put(out, about->see_also);
        fputs("\n", out);
    }
}
