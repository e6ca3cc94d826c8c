#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *an_err_name(an_err err)
{
    switch (err) {
    case AN_OK:
        return "OK";
#define AN_ERR_ROW(name, text)                                                                               \
    case AN_ERR_##name:                                                                                      \
        return #name;
        AN_ERR_LIST(AN_ERR_ROW)
#undef AN_ERR_ROW
    }
    return "UNKNOWN";
}

const char *an_err_text(an_err err)
{
    switch (err) {
    case AN_OK:
        return "success";
#define AN_ERR_ROW(name, text)                                                                               \
    case AN_ERR_##name:                                                                                      \
        return text;
        AN_ERR_LIST(AN_ERR_ROW)
#undef AN_ERR_ROW
    }
    return "unknown error";
}

/* What a file or another process says may hold sequences that move a terminal's cursor or forge a line. */
static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = *text == '\n' || *text == '\t' ? *text : '?';
}

void an_note_set(an_note *note, const char *fmt, ...)
{
    if (!note)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(note->text, sizeof note->text, fmt, args);
    va_end(args);
    clean(note->text);
}

an_err an_fail(an_err err, an_note *why, const char *fmt, ...)
{
    if (why) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(why->text, sizeof why->text, fmt, args);
        va_end(args);
        clean(why->text);
    }
    return err;
}
