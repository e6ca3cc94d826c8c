#include "coordinator/vitals.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/meters.h"

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

static int64_t age_of(const atomic_int_least64_t *at)
{
    const int64_t then = atomic_load(at), age = mono() - then;
    return age > 0 ? age : 0;
}

void an_vitals_turned(an_vitals *v)
{
    atomic_store_explicit(&v->turned_ms, mono(), memory_order_relaxed);
}

bool an_vitals_alive(const an_vitals *v)
{
    const an_store_figures *store = atomic_load(&v->store);
    return atomic_load(&v->turned_ms) == 0 || age_of(&v->turned_ms) < v->stall_ms ||
           (store && atomic_load(&store->read_ms) && age_of(&store->read_ms) < v->stall_ms);
}

const char *an_vitals_unready(const an_vitals *v)
{
    if (!atomic_load(&v->active))
        return "standby";
    if (!an_vitals_alive(v))
        return "stalled";
    return atomic_load(&v->store_ok) ? NULL : "store";
}

bool an_vitals_probe(const an_vitals *v, const an_http_request *http, an_http_reply *reply)
{
    const bool health = strcmp(http->path, "/healthz") == 0;
    if (!health && strcmp(http->path, "/readyz") != 0)
        return false;
    const char *why = health ? (an_vitals_alive(v) ? NULL : "stalled") : an_vitals_unready(v);
    const bool read = strcmp(http->method, "GET") == 0 || strcmp(http->method, "HEAD") == 0;
    reply->status = !read ? 405 : why ? 503 : 200;
    reply->type = "text/plain";
    reply->fixed = !read ? "GET" : why ? why : "ok";
    reply->body_len = strlen(reply->fixed);
    if (an_http_reply_header(reply, "Cache-Control", "no-store") !=
        AN_OK) /* a proxy between shall not remember it */
        reply->status = 500;
    return true;
}

void an_vitals_asked(an_vitals *v, const an_http_request *http, unsigned status, uint64_t ns)
{
    const size_t route = an_api_route_find(http->method, http->path);
    const size_t class = status >= 100 && status < 600 ? status / 100 - 1 : AN_VITALS_CLASSES - 1;
    an_tick_add(&v->requests[route][class], 1);
    an_times_add(&v->latency[route], an_times_short, ns / 1000);
    if (status == 401 || status == 429)
        an_tick_add(&v->denied, 1);
}

/* ---- its share of the page ---- */

static an_api_route_info route_of(size_t i)
{
    an_api_route_info r = {.method = "", .pattern = "other"};
    (void)an_api_route_at(i, &r);
    return r;
}

static uint64_t asked(const an_vitals *v, size_t route)
{
    uint64_t n = 0;
    for (size_t k = 0; k < AN_VITALS_CLASSES; k++)
        n += an_tick_get(&v->requests[route][k]);
    return n;
}

/* Routes that nobody has asked are left out. */
static void put_http(const an_vitals *v, an_meter_page *p)
{
    static const char *const classes[AN_VITALS_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    for (size_t i = 0; i < AN_VITALS_ROUTES; i++)
        for (size_t k = 0; k < AN_VITALS_CLASSES && asked(v, i); k++)
            if (an_tick_get(&v->requests[i][k]) || k == 1 || k == AN_VITALS_CLASSES - 1)
                an_meter_count(p, AN_CM_REQUESTS, an_tick_get(&v->requests[i][k]),
                               AN_LABELS(route_of(i).method, route_of(i).pattern, classes[k]));
    for (size_t i = 0; i < AN_VITALS_ROUTES; i++)
        if (asked(v, i))
            an_meter_times(p, AN_CM_LATENCY, &v->latency[i], an_times_short,
                           AN_LABELS(route_of(i).method, route_of(i).pattern));
    an_meter_count(p, AN_CM_DENIED, an_tick_get(&v->denied), NULL);
}

void an_vitals_meters(const an_vitals *v, an_meter_page *p, const char *data)
{
    static const char *const channels[AN_VITALS_CHANNELS] = {"control", "bulk"};
    const bool active = atomic_load(&v->active);
    an_meter_count(p, AN_CM_ACTIVE, active, NULL);
    if (active) {
        an_meter_put(p, AN_CM_TURN_AGE, (double)age_of(&v->turned_ms) / 1000, NULL);
        an_meter_count(p, AN_CM_EPOCH, atomic_load(&v->epoch), NULL);
        an_meter_put(p, AN_CM_LEASE_AGE, (double)age_of(&v->kept_ms) / 1000, NULL);
    }
    for (size_t i = 0; i < AN_VITALS_CHANNELS; i++)
        an_meter_count(p, AN_CM_BYTES, an_tick_get(&v->bytes_in[i]), AN_LABELS("in", channels[i]));
    for (size_t i = 0; i < AN_VITALS_CHANNELS; i++)
        an_meter_count(p, AN_CM_BYTES, an_tick_get(&v->bytes_out[i]), AN_LABELS("out", channels[i]));
    an_meter_count(p, AN_CM_REFUSED, an_tick_get(&v->refused), NULL);
    put_http(v, p);
    an_meter_process(p, AN_CM_BUILD, data);
}
