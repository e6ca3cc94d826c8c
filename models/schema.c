/* What a stream must look like. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "models/bundle.h"
#include "models/bundle_internal.h"

/* A well-formed UTF-8 sequence at p: its length, else 0.  Overlong forms, surrogates and what
 * lies beyond U+10FFFF are none (RFC 3629). */
static size_t utf8_len(const unsigned char *p)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

bool an_text_is_clean(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        size_t n = utf8_len(p);
        if (n == 0 || *p < 0x20 || *p == 0x7f)
            return false;
        p += n;
    }
    return true;
}

an_err an_schema_check(const an_schema *s, an_note *why)
{
    if (s->n < 1 || s->n > AN_PREP_FEATURES_MAX || s->window < 1 || s->window > AN_PREP_WINDOW_MAX)
        return an_fail(AN_ERR_INVAL, why, "a schema has 1..%d sensors and windows of 1..%d rows",
                       AN_PREP_FEATURES_MAX, AN_PREP_WINDOW_MAX);
    if (!(s->rate_hz >= 0.0 && s->rate_hz <= 1e9))
        return an_fail(AN_ERR_INVAL, why, "a rate is 0..1e9 Hz");
    for (uint32_t i = 0; i < s->n; i++) {
        const an_sensor *sensor = &s->sensors[i];
        if (sensor->name[0] == '\0' || !an_text_is_clean(sensor->name) || !an_text_is_clean(sensor->unit))
            return an_fail(AN_ERR_INVAL, why, "sensor %u: name or unit is not a clean text", i);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(s->sensors[j].name, sensor->name) == 0)
                return an_fail(AN_ERR_INVAL, why, "two sensors are named \"%s\"", sensor->name);
    }
    return AN_OK;
}

static bool take_text(char *out, size_t size, const char *from)
{
    size_t len = strlen(from);
    if (len >= size)
        return false;
    memcpy(out, from, len + 1);
    return true;
}

an_err an_schema_new(an_schema *ret, const char *const *names, const char *const *units, uint32_t n,
                     double rate_hz, uint32_t window, an_note *why)
{
    an_schema s = {.n = n, .rate_hz = rate_hz, .window = window};
    if (n > AN_PREP_FEATURES_MAX)
        return an_fail(AN_ERR_INVAL, why, "more than %d sensors", AN_PREP_FEATURES_MAX);
    s.sensors = an_alloc(n, sizeof *s.sensors);
    if (!s.sensors)
        return AN_ERR_NOMEM;
    an_err err = AN_OK;
    for (uint32_t i = 0; i < n && err == AN_OK; i++)
        if (!take_text(s.sensors[i].name, sizeof s.sensors[i].name, names[i]) ||
            !take_text(s.sensors[i].unit, sizeof s.sensors[i].unit, units && units[i] ? units[i] : ""))
            err = an_fail(AN_ERR_INVAL, why, "sensor %u: name or unit is too long", i);
    if (err == AN_OK)
        err = an_schema_check(&s, why);
    if (err == AN_OK)
        *ret = s;
    else
        an_schema_done(&s);
    return err;
}

an_err an_schema_copy(an_schema *ret, const an_schema *from)
{
    an_schema s = *from;
    s.sensors = an_alloc(from->n, sizeof *s.sensors);
    if (!s.sensors)
        return AN_ERR_NOMEM;
    memcpy(s.sensors, from->sensors, from->n * sizeof *s.sensors);
    *ret = s;
    return AN_OK;
}

void an_schema_done(an_schema *s)
{
    if (!s)
        return;
    an_free(s->sensors);
    *s = (an_schema){0};
}

void an_schema_hash(an_hash *ret, const an_schema *s)
{
    /* Every text with its terminator, so that no two schemas run together to the same bytes. */
    uint8_t number[4];
    an_hasher h;
    an_hasher_init(&h);
    an_hasher_add(&h, "andon schema 1", 15);
    an_put_u32(number, s->n);
    an_hasher_add(&h, number, sizeof number);
    for (uint32_t i = 0; i < s->n; i++) {
        an_hasher_add(&h, s->sensors[i].name, strlen(s->sensors[i].name) + 1);
        an_hasher_add(&h, s->sensors[i].unit, strlen(s->sensors[i].unit) + 1);
    }
    uint64_t bits;
    double rate = s->rate_hz + 0.0; /* -0 is 0 */
    memcpy(&bits, &rate, sizeof bits);
    an_put_u32(number, (uint32_t)bits);
    an_hasher_add(&h, number, sizeof number);
    an_put_u32(number, (uint32_t)(bits >> 32));
    an_hasher_add(&h, number, sizeof number);
    an_put_u32(number, s->window);
    an_hasher_add(&h, number, sizeof number);
    an_hasher_end(&h, ret);
}

an_err an_schema_match(const an_schema *want, const an_schema *have, an_note *why)
{
    for (uint32_t i = 0; i < want->n && i < have->n; i++) {
        const an_sensor *w = &want->sensors[i], *h = &have->sensors[i];
        if (strcmp(w->name, h->name) != 0)
            return an_fail(AN_ERR_INVAL, why, "sensor %u is \"%.90s\", the version wants \"%.90s\"", i,
                           h->name, w->name);
        if (strcmp(w->unit, h->unit) != 0)
            return an_fail(AN_ERR_INVAL, why, "sensor \"%.90s\" comes in \"%s\", the version wants \"%s\"",
                           w->name, h->unit, w->unit);
    }
    if (want->n > have->n)
        return an_fail(AN_ERR_INVAL, why, "sensor \"%.90s\" is missing", want->sensors[have->n].name);
    if (have->n > want->n)
        return an_fail(AN_ERR_INVAL, why, "sensor \"%.90s\" is unknown to the version",
                       have->sensors[want->n].name);
    if (want->rate_hz < have->rate_hz || want->rate_hz > have->rate_hz)
        return an_fail(AN_ERR_INVAL, why, "the stream has %g Hz, the version wants %g Hz", have->rate_hz,
                       want->rate_hz);
    if (want->window != have->window)
        return an_fail(AN_ERR_INVAL, why, "windows are %u rows, the version wants %u", have->window,
                       want->window);
    return AN_OK;
}
