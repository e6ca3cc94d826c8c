/* Templates: the first whose {words} are all known is filled in. */
#include "agent/reason.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "msg/msg.h"

#define WORD_MAX 160

static const char *const main_templates[] = {
    ("{sensor} {value}, {sigma} σ {side} what the other sensors suggest ({expected}), since {since} ({share} "
     "of the score)"),
    "{sensor} {value}, since {since} ({share} of the score)",
    "{sensor}, since {since} ({share} of the score)",
    "Score {score} times the threshold",
};
static const char *const also_templates[] = {
    "; also {second} ({second_share}) and {third} ({third_share})",
    "; also {second} ({second_share})",
};
static const char *const near_templates[] = {"; nearest normal window {near}"};
static const char *const image_templates[] = {
    "{shape} at {place}, {extent} px, {peak} times what is usual there",
    "No single place of the image stands out, score {score} times the threshold",
};
static const char *const also_image_templates[] = {"; also at {second_place}, {second_extent} px"};
static const char *const near_image_templates[] = {"; nearest normal image {near}"};

typedef struct speaker {
    const an_reason *r;
    const char *const *names, *const *units;
} speaker;

void an_reason_number(char ret[static 24], double value, double scale)
{
    const double digits = scale > 0 && isfinite(scale) ? 1 - floor(log10(scale)) : 3;
    const int decimals = (int)fmax(fmin(digits, 6), 0);
    if (fabs(value) >= 1e9 || !isfinite(value))
        snprintf(ret, 24, "%.4g", value);
    else
        snprintf(ret, 24, "%.*f", decimals, value);
    if (strspn(ret, "-0.") == strlen(ret) && ret[0] == '-') /* no "-0.0" */
        memmove(ret, ret + 1, strlen(ret));
}

static bool say_number(char *ret, const speaker *s, const an_reason_part *p, double value)
{
    char number[24];
    const char *unit = s->units ? s->units[p->sensor] : NULL;
    if (!isfinite(value))
        return false;
    an_reason_number(number, value, p->scale);
    snprintf(ret, WORD_MAX, "%s%s%.60s", number, unit && unit[0] ? " " : "", unit ? unit : "");
    return true;
}

static bool say_share(char *ret, double share)
{
    snprintf(ret, WORD_MAX, "%.0f %%", 100 * share);
    return share >= 0.005;
}

/* The time of the day, with the day if it is another than that of the alarm. */
static bool say_time(char *ret, int64_t ms, int64_t alarm_ms)
{
    char text[25], alarm[25];
    an_time_text(text, ms);
    an_time_text(alarm, alarm_ms);
    if (strncmp(text, alarm, 10) == 0)
        snprintf(ret, WORD_MAX, "%.8s UTC", text + 11);
    else
        snprintf(ret, WORD_MAX, "%.10s %.8s UTC", text, text + 11);
    return true;
}

static bool say_name(char *ret, const speaker *s, size_t part)
{
    if (part >= s->r->n)
        return false;
    an_text_set(ret, WORD_MAX, s->names[s->r->parts[part].sensor]);
    return ret[0] != '\0';
}

static bool say_sigma(char *ret, double sigma)
{
    const double far = fabs(sigma);
    if (far > AN_REASON_SIGMA_MOST)
        snprintf(ret, WORD_MAX, "more than %.0f", AN_REASON_SIGMA_MOST);
    else
        snprintf(ret, WORD_MAX, "%.1f", far);
    return far >= 0.5; /* nearer, and it is not what the alarm is about */
}

static bool say_extent(char *ret, const an_reason *r, size_t box)
{
    if (box >= r->n_boxes)
        return false;
    snprintf(ret, WORD_MAX, "%u x %u", r->boxes[box].width, r->boxes[box].height);
    return true;
}

static bool say_place(char *ret, const an_reason *r, size_t box)
{
    if (box >= r->n_boxes)
        return false;
    snprintf(ret, WORD_MAX, "%s", an_reason_place(&r->boxes[box], r->image_width, r->image_height));
    return true;
}

/* Words of images; false: not known. */
static bool say_of_image(char *ret, const an_reason *r, const char *word)
{
    if (strcmp(word, "place") == 0)
        return say_place(ret, r, 0);
    if (strcmp(word, "second_place") == 0)
        return say_place(ret, r, 1);
    if (strcmp(word, "extent") == 0)
        return say_extent(ret, r, 0);
    if (strcmp(word, "second_extent") == 0)
        return say_extent(ret, r, 1);
    if (r->n_boxes == 0)
        return false;
    if (strcmp(word, "shape") == 0)
        return snprintf(ret, WORD_MAX, "%s", an_reason_shape(&r->boxes[0], r->image_width, r->image_height)) >
               0;
    return strcmp(word, "peak") == 0 && snprintf(ret, WORD_MAX, "%.3g", r->boxes[0].peak) > 0;
}

/* ret: (WORD_MAX).  False: not known. */
static bool say(char *ret, const speaker *s, const char *word)
{
    const an_reason *r = s->r;
    const an_reason_part *p = &r->parts[0];
    if (strcmp(word, "score") == 0)
        return snprintf(ret, WORD_MAX, "%.1f", r->score) > 0 && isfinite(r->score);
    if (strcmp(word, "near") == 0)
        return r->has_near && say_time(ret, r->near_ms, r->time_ms);
    if (strcmp(word, "second") == 0)
        return say_name(ret, s, 1);
    if (strcmp(word, "second_share") == 0)
        return r->n > 1 && say_share(ret, r->parts[1].share) && r->parts[1].share >= 0.1;
    if (strcmp(word, "third") == 0)
        return say_name(ret, s, 2);
    if (strcmp(word, "third_share") == 0)
        return r->n > 2 && say_share(ret, r->parts[2].share) && r->parts[2].share >= 0.1;
    if (r->of_image)
        return say_of_image(ret, r, word);
    if (r->n == 0)
        return false;
    if (strcmp(word, "sensor") == 0)
        return say_name(ret, s, 0);
    if (strcmp(word, "value") == 0)
        return say_number(ret, s, p, p->value);
    if (strcmp(word, "expected") == 0)
        return say_number(ret, s, p, p->expected);
    if (strcmp(word, "sigma") == 0)
        return say_sigma(ret, p->sigma);
    if (strcmp(word, "side") == 0)
        return snprintf(ret, WORD_MAX, "%s", p->sigma > 0 ? "above" : "below") > 0;
    if (strcmp(word, "since") == 0)
        return say_time(ret, p->since_ms, r->time_ms);
    return strcmp(word, "share") == 0 && say_share(ret, p->share);
}

/* Appends a filled template to text (AN_REASON_TEXT).  False: a word of it is not known, nothing is changed. */
static bool fill(char *text, const speaker *s, const char *template)
{
    char out[4 * AN_REASON_TEXT], word[32], said[WORD_MAX];
    size_t at = 0;
    while (*template) {
        const size_t plain = strcspn(template, "{");
        const char *end = template[plain] ? strchr(template + plain, '}') : NULL;
        at += (size_t)snprintf(out + at, sizeof out - at, "%.*s", (int)plain, template);
        if (!end)
            break;
        snprintf(word, sizeof word, "%.*s", (int)(end - (template + plain + 1)), template + plain + 1);
        if (!say(said, s, word))
            return false;
        at += (size_t)snprintf(out + at, sizeof out - at, "%s", said);
        if (at >= sizeof out)
            return false;
        template = end + 1;
    }
    const size_t have = strlen(text);
    an_text_set(text + have, AN_REASON_TEXT - have, out);
    return true;
}

static bool fill_first(char *text, const speaker *s, const char *const *templates, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fill(text, s, templates[i]))
            return true;
    return false;
}

#define N_OF(list) (sizeof(list) / sizeof *(list))

void an_reason_text(char ret[static AN_REASON_TEXT], const an_reason *r, const char *const *names,
                    const char *const *units)
{
    const speaker s = {r, names, units};
    memset(ret, 0, AN_REASON_TEXT);
    if (r->of_image) {
        (void)fill_first(ret, &s, image_templates, N_OF(image_templates));
        (void)fill_first(ret, &s, also_image_templates, N_OF(also_image_templates));
        (void)fill_first(ret, &s, near_image_templates, N_OF(near_image_templates));
    } else {
        (void)fill_first(ret, &s, main_templates, N_OF(main_templates));
        (void)fill_first(ret, &s, also_templates, N_OF(also_templates));
        (void)fill_first(ret, &s, near_templates, N_OF(near_templates));
    }
    const size_t have = strlen(ret);
    if (have > 0 && have + 1 < AN_REASON_TEXT)
        ret[have] = '.';
}
