/* One line of delimited text into fields (RFC 4180 quoting, without line breaks inside quotes),
 * and one field into a number. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "models/data/table_internal.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

char an_fields_delimiter(const char *line, size_t len)
{
    /* A comma comes last: it is also a decimal sign, and stands inside dates and names. */
    static const char order[] = {';', '\t', '|', ','};
    for (size_t k = 0; k < sizeof order; k++) {
        bool quoted = false;
        for (size_t i = 0; i < len; i++) {
            if (line[i] == '"')
                quoted = !quoted;
            else if (!quoted && line[i] == order[k])
                return order[k];
        }
    }
    size_t from = 0;
    while (from < len && line[from] == ' ')
        from++;
    while (len > from && line[len - 1] == ' ')
        len--;
    return memchr(line + from, ' ', len - from) ? ' ' : ',';
}

/* A quoted field at *at (on its opening quote), unquoted in place.  False: it does not end
 * well. */
static bool take_quoted(char **at, char *end, char delimiter, an_field *f)
{
    char *in = *at + 1, *out = *at;
    f->text = out;
    for (;; in++) {
        if (in == end)
            return false;
        if (*in == '"') {
            if (in + 1 < end && in[1] == '"')
                in++;
            else
                break;
        }
        *out++ = *in;
    }
    in++;
    while (in < end && is_blank(*in) && *in != delimiter)
        in++;
    if (in < end && *in != delimiter && !(delimiter == ' ' && is_blank(in[-1])))
        return false;
    f->len = (size_t)(out - f->text);
    *at = in;
    return true;
}

static void take_plain(char **at, char *end, char delimiter, an_field *f)
{
    char *stop = *at;
    while (stop < end && *stop != delimiter && !(delimiter == ' ' && *stop == '\t'))
        stop++;
    char *last = stop;
    while (last > *at && is_blank(last[-1]))
        last--;
    f->text = *at;
    f->len = (size_t)(last - *at);
    *at = stop;
}

size_t an_fields_split(char *line, size_t len, char delimiter, an_field *fields, size_t max,
                       const char **ret_why)
{
    char *at = line, *end = line + len;
    size_t n = 0;
    if (memchr(line, '\0', len)) {
        *ret_why = "it holds a zero byte";
        return 0;
    }
    if (delimiter == ' ')
        while (end > at && is_blank(end[-1]))
            end--;
    for (;;) {
        while (at < end && is_blank(*at) && *at != (delimiter == ' ' ? '\0' : delimiter))
            at++;
        if (n == max) {
            *ret_why = "it has too many fields";
            return 0;
        }
        if (at < end && *at == '"') {
            if (!take_quoted(&at, end, delimiter, &fields[n])) {
                *ret_why = "a quote does not end";
                return 0;
            }
        } else {
            take_plain(&at, end, delimiter, &fields[n]);
        }
        n++;
        if (at == end)
            break;
        at++; /* the delimiter */
    }
    for (size_t i = 0; i < n; i++)
        fields[i].text[fields[i].len] = '\0';
    return n;
}

static bool is_missing_word(const an_field *f)
{
    static const char *const words[] = {"nan", "na",   "n/a",  "null",     "none",      "-",   "?",
                                        "inf", "-inf", "+inf", "infinity", "-infinity", "-nan"};
    if (f->len == 0)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(f->text, words[i]) == 0)
            return true;
    return false;
}

an_field_kind an_field_number(const an_field *f, bool decimal_comma, float *ret)
{
    *ret = NAN;
    if (is_missing_word(f))
        return AN_FIELD_MISSING;
    for (size_t i = 0; i < f->len; i++) {
        char *c = &f->text[i];
        if (decimal_comma && *c == ',')
            *c = '.';
        if (!((*c >= '0' && *c <= '9') || *c == '.' || *c == '-' || *c == '+' || *c == 'e' || *c == 'E'))
            return AN_FIELD_TEXT;
    }
    char *end;
    double v = strtod(f->text, &end);
    if (end != f->text + f->len)
        return AN_FIELD_TEXT;
    float narrow = fabs(v) <= 3.4028234663852886e38 ? (float)v : NAN;
    if (!isfinite(narrow))
        return AN_FIELD_MISSING;
    *ret = narrow;
    return AN_FIELD_NUMBER;
}
