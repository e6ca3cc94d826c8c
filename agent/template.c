#include "agent/template.h"

#include <stdio.h>
#include <string.h>

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

static void put_json(an_buf *b, unsigned char c)
{
    if (c == '"' || c == '\\')
        an_buf_printf(b, "\\%c", c);
    else if (c < 0x20)
        an_buf_printf(b, "\\u%04x", c);
    else
        an_buf_u8(b, c);
}

static void put_xml(an_buf *b, unsigned char c)
{
    switch (c) {
    case '<':
        an_buf_text(b, "&lt;");
        break;
    case '>':
        an_buf_text(b, "&gt;");
        break;
    case '&':
        an_buf_text(b, "&amp;");
        break;
    case '"':
        an_buf_text(b, "&quot;");
        break;
    case '\'':
        an_buf_text(b, "&#39;");
        break;
    default:
        an_buf_u8(b, c < 0x20 && c != '\t' && c != '\n' ? '?' : c);
    }
}

void an_escape_put(an_buf *ret, const char *text, an_escape escape)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (escape == AN_ESCAPE_JSON)
            put_json(ret, *c);
        else if (escape == AN_ESCAPE_XML)
            put_xml(ret, *c);
        else if (escape == AN_ESCAPE_URL && !is_unreserved(*c))
            an_buf_printf(ret, "%%%02X", *c);
        else
            an_buf_u8(ret, *c < 0x20 || *c == 0x7f ? ' ' : *c);
    }
}

an_err an_template_fill(an_buf *ret, const char *text, an_escape escape, an_template_value *value, void *ctx,
                        an_note *why)
{
    const char *open;
    while ((open = strstr(text, "{{"))) {
        char name[AN_TEMPLATE_FIELD_MAX];
        bool raw = false;
        const char *close = strstr(open, "}}");
        if (!close || close - open - 2 >= (long)sizeof name)
            return an_fail(AN_ERR_INVAL, why, "\"%.20s\": a field is {{name}}", open);
        snprintf(name, sizeof name, "%.*s", (int)(close - open - 2), open + 2);
        const char *v = value(ctx, name, &raw);
        if (!v)
            return an_fail(AN_ERR_INVAL, why, "{{%s}}: there is no such field", name);
        an_buf_put(ret, text, (size_t)(open - text));
        if (raw)
            an_buf_text(ret, v);
        else
            an_escape_put(ret, v, escape);
        text = close + 2;
    }
    an_buf_text(ret, text);
    return an_buf_err(ret);
}
