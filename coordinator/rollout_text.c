#include "coordinator/rollout_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "msg/msg.h"

/* ---- words ---- */

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* The next item before a comma, without blanks around it; *at: behind it, NULL: there was none after it.
 * False: it is empty or too long. */
static bool next_item(const char **at, char *ret, size_t cap)
{
    const char *from = skip_blanks(*at), *comma = strchr(from, ',');
    size_t len = comma ? (size_t)(comma - from) : strlen(from);
    while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
        len--;
    *at = comma ? comma + 1 : NULL;
    if (len == 0 || len >= cap)
        return false;
    memcpy(ret, from, len);
    ret[len] = '\0';
    return true;
}

/* ---- shares ---- */

an_err an_share_parse(const char *text, an_share *ret, an_note *why)
{
    char number[16];
    double v = 0;
    size_t len = strlen(text);
    const bool percent = len > 0 && text[len - 1] == '%';
    len -= percent;
    if (len > 0 && len < sizeof number) {
        memcpy(number, text, len);
        number[len] = '\0';
        if (an_parse_num(number, &v) && percent && v > 0 && v <= 100) {
            *ret = (an_share){.percent = true, .value = v / 100};
            return AN_OK;
        }
        if (an_parse_num(number, &v) && !percent && v >= 1 && v <= 1e6 && v == floor(v)) {
            *ret = (an_share){.percent = false, .value = v};
            return AN_OK;
        }
    }
    return an_fail(AN_ERR_INVAL, why, "\"%.40s\" is neither a number of sites (3) nor a share of them (25%%)",
                   text);
}

uint32_t an_share_of(const an_share *s, uint32_t total)
{
    /* What is a share's rounding error is no site more. */
    const double n = s->percent ? ceil(s->value * total - 1e-9) : s->value;
    if (total == 0)
        return 0;
    return n < 1 ? 1 : n > total ? total : (uint32_t)n;
}

/* ---- stages ---- */

static an_err parse_stage(const char *word, an_stage_spec *ret, an_note *why)
{
    snprintf(ret->text, sizeof ret->text, "%s", word);
    if (strcmp(word, "all") == 0) {
        ret->kind = AN_STAGE_ALL;
    } else if (strcmp(word, "drifting") == 0) {
        ret->kind = AN_STAGE_DRIFTING;
    } else if (word[0] == '@') {
        if (!an_name_ok(word + 1))
            return an_fail(AN_ERR_INVAL, why, "\"%.63s\" is not a group's name", word);
        ret->kind = AN_STAGE_GROUP;
        snprintf(ret->group, sizeof ret->group, "%.63s", word + 1);
    } else {
        ret->kind = AN_STAGE_SHARE;
        return an_share_parse(word, &ret->share, why);
    }
    return AN_OK;
}

an_err an_stages_parse(const char *text, an_stage_spec ret[static AN_STAGES_MAX], size_t *ret_n, an_note *why)
{
    size_t n = 0;
    bool all = false;
    for (const char *at = text; at && skip_blanks(text)[0];) {
        char word[AN_NAME_MAX + 2];
        if (!next_item(&at, word, sizeof word))
            return an_fail(AN_ERR_INVAL, why, "a stage is empty or too long");
        if (all)
            return an_fail(AN_ERR_INVAL, why, "no stage can come after all");
        if (n == AN_STAGES_MAX - 1 && strcmp(word, "all") != 0)
            return an_fail(AN_ERR_INVAL, why, "there are more than %d stages", AN_STAGES_MAX);
        ret[n] = (an_stage_spec){.kind = AN_STAGE_ALL};
        an_err err = parse_stage(word, &ret[n], why);
        if (err != AN_OK)
            return err;
        all = ret[n++].kind == AN_STAGE_ALL;
    }
    if (!all)
        ret[n++] = (an_stage_spec){.kind = AN_STAGE_ALL, .text = "all"};
    *ret_n = n;
    return AN_OK;
}
