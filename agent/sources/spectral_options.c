/* What the configuration of a spectral source says. */
#include <string.h>

#include "agent/sources/spectral_internal.h"
#include "doors/yaml.h"

const an_option an_spectral_options[] = {
    {"of", AN_OPTION_MAP, 0, 0, NULL, "the source of the signals, with its own options"},
    {"rate_hz", AN_OPTION_REAL, 0.001, 1e7, NULL, "its rows per second"},
    {"frame", AN_OPTION_INT, AN_SPECTRAL_FRAME_MIN, AN_FFT_MAX, "1024",
     "rows of a frame: even, a product of 2, 3 and 5"},
    {"hop", AN_OPTION_INT, 0, AN_FFT_MAX, "0", "rows from one frame to the next; 0: a frame"},
    {"window", AN_OPTION_TEXT, 0, 0, "hann", "hann, hamming, blackman or none"},
    {"channels", AN_OPTION_LIST, 0, 0, "", "sensors to take; all but the speed if not given"},
    {"bands", AN_OPTION_LIST, 0, 0, "", "bands: {from: Hz, to: Hz}"},
    {"log_bands", AN_OPTION_INT, 0, AN_SPECTRAL_BANDS_MAX, "0",
     "instead: so many bands of equal width on a logarithmic scale"},
    {"log_from", AN_OPTION_REAL, 0.001, 1e7, "10", "where they begin, Hz"},
    {"log_to", AN_OPTION_REAL, 0, 1e7, "0", "where they end, Hz; 0: half the rate"},
    {"envelope", AN_OPTION_MAP, 0, 0, "", "the band of which the envelope is taken: {from: Hz, to: Hz}"},
    {"envelope_bands", AN_OPTION_LIST, 0, 0, "", "bands of the envelope: {from: Hz, to: Hz}"},
    {"mel", AN_OPTION_INT, 0, AN_SPECTRAL_MEL_MAX, "0", "triangles on the mel scale"},
    {"mel_from", AN_OPTION_REAL, 0, 1e7, "20", "where they begin, Hz"},
    {"mel_to", AN_OPTION_REAL, 0, 1e7, "0", "where they end, Hz; 0: half the rate"},
    {"orders", AN_OPTION_LIST, 0, 0, "", "multiples of the turning speed"},
    {"order_width", AN_OPTION_REAL, 0.001, 0.5, "0.1",
     "what belongs to one, on both sides, in turning speeds"},
    {"speed_sensor", AN_OPTION_TEXT, 0, 0, "", "the sensor of the turning speed"},
    {"speed_unit", AN_OPTION_TEXT, 0, 0, "rpm", "rpm or hz"},
    {NULL, AN_OPTION_TEXT, 0, 0, NULL, NULL},
};

static an_err read_band(const an_node *map, an_band *ret, an_note *why)
{
    static const char *const keys[] = {"from", "to", NULL};
    an_err err = an_node_only_keys(map, keys, why);
    if (!err)
        err = an_node_need_num(map, "from", 0, 1e7, &ret->from, why);
    if (!err)
        err = an_node_need_num(map, "to", 0, 1e7, &ret->to, why);
    return err;
}

static an_err read_bands(const an_node *list, an_band *ret, size_t *ret_n, an_note *why)
{
    an_err err = AN_OK;
    if (an_node_count(list) > AN_SPECTRAL_BANDS_MAX)
        return an_node_fail(list, why, "at most %d bands", AN_SPECTRAL_BANDS_MAX);
    *ret_n = an_node_count(list);
    for (size_t i = 0; i < *ret_n && !err; i++)
        err = read_band(an_node_at(list, i), &ret[i], why);
    return err;
}

static an_err read_lists(spectral *s, const an_node *map, an_note *why)
{
    an_spectral_conf *c = &s->conf;
    const an_node *orders = an_node_get(map, "orders"), *envelope = an_node_get(map, "envelope");
    an_err err = read_bands(an_node_get(map, "bands"), s->lists.bands, &c->n_bands, why);
    if (!err)
        err = read_bands(an_node_get(map, "envelope_bands"), s->lists.envelope_bands, &c->n_envelope_bands,
                         why);
    if (!err && envelope)
        err = read_band(envelope, &c->envelope, why);
    if (!err && an_node_count(orders) > AN_SPECTRAL_ORDERS_MAX)
        err = an_node_fail(orders, why, "orders: at most %d", AN_SPECTRAL_ORDERS_MAX);
    c->n_orders = err ? 0 : an_node_count(orders);
    for (size_t i = 0; i < c->n_orders && !err; i++)
        err = an_node_num(an_node_at(orders, i), 0.001, 1e4, &s->lists.orders[i], why);
    c->bands = s->lists.bands;
    c->envelope_bands = s->lists.envelope_bands;
    c->orders = s->lists.orders;
    return err;
}

static an_err read_log_bands(spectral *s, const an_node *map, an_note *why)
{
    int64_t n = 0;
    double from = 0, to = 0;
    an_err err = an_option_int(an_spectral_options, map, "log_bands", &n, why);
    if (!err)
        err = an_option_real(an_spectral_options, map, "log_from", &from, why);
    if (!err)
        err = an_option_real(an_spectral_options, map, "log_to", &to, why);
    if (err || n == 0)
        return err;
    to = to > 0 ? to : s->conf.rate_hz / 2;
    if (s->conf.n_bands > 0)
        return an_node_fail(an_node_get(map, "log_bands"), why, "log_bands: there are bands already");
    if (!(from < to))
        return an_node_fail(an_node_get(map, "log_bands"), why, "log_bands: from %g Hz to %g Hz", from, to);
    an_bands_log(s->lists.bands, (size_t)n, from, to);
    s->lists.bands[n - 1].to = to;
    s->conf.n_bands = (size_t)n;
    return AN_OK;
}

static an_err read_texts(spectral *s, const an_node *map, an_note *why)
{
    const char *window = NULL, *unit = NULL;
    an_err err = an_option_text(an_spectral_options, map, "window", &window, why);
    if (!err)
        err = an_option_text(an_spectral_options, map, "speed_sensor", &s->speed, why);
    if (!err)
        err = an_option_text(an_spectral_options, map, "speed_unit", &unit, why);
    if (err)
        return err;
    unsigned w = 0;
    while (w < AN_WINDOWS && strcmp(window, an_window_name((an_window)w)) != 0)
        w++;
    if (w == AN_WINDOWS)
        return an_node_fail(an_node_get(map, "window"), why,
                            "window: \"%s\": must be hann, hamming, blackman or none", window);
    s->conf.window = (an_window)w;
    if (strcmp(unit, "rpm") != 0 && strcmp(unit, "hz") != 0)
        return an_node_fail(an_node_get(map, "speed_unit"), why, "speed_unit: \"%s\": must be rpm or hz",
                            unit);
    s->speed_hz = strcmp(unit, "rpm") == 0 ? 1.0 / 60 : 1;
    if (s->conf.n_orders > 0 && !s->speed[0])
        return an_node_fail(an_node_get(map, "orders"), why,
                            "orders: \"speed_sensor\" must name the sensor of the speed");
    return AN_OK;
}

an_err an_spectral_options_read(spectral *s, const an_node *map, an_note *why)
{
    an_spectral_conf *c = &s->conf;
    int64_t frame = 0, hop = 0, mel = 0;
    *c = (an_spectral_conf)AN_SPECTRAL_CONF_DEFAULT;
    an_err err = read_lists(s, map, why);
    if (err || (err = an_option_real(an_spectral_options, map, "rate_hz", &c->rate_hz, why)) ||
        (err = an_option_int(an_spectral_options, map, "frame", &frame, why)) ||
        (err = an_option_int(an_spectral_options, map, "hop", &hop, why)) ||
        (err = an_option_int(an_spectral_options, map, "mel", &mel, why)) ||
        (err = an_option_real(an_spectral_options, map, "mel_from", &c->mel_range.from, why)) ||
        (err = an_option_real(an_spectral_options, map, "mel_to", &c->mel_range.to, why)) ||
        (err = an_option_real(an_spectral_options, map, "order_width", &c->order_width, why)))
        return err;
    c->frame = (size_t)frame;
    c->mel = (size_t)mel;
    if (c->mel_range.to <= 0)
        c->mel_range.to = c->rate_hz / 2;
    s->hop = hop > 0 ? (size_t)hop : c->frame;
    if (s->hop > c->frame)
        return an_node_fail(an_node_get(map, "hop"), why,
                            "hop: longer than a frame, rows would be passed over");
    if ((err = read_log_bands(s, map, why)))
        return err;
    return read_texts(s, map, why);
}
