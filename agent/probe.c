#include "agent/probe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "agent/meters.h"
#include "base/clock.h"
#include "base/mem.h"

struct an_probe {
    int64_t stall_ms;
    atomic_int_least64_t turned_ms; /* monotonic; 0: not yet */
    pthread_mutex_t lock;           /* of what follows; held for a copy */
    an_buf page;
    const char *unready;
};

static int64_t mono(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

an_err an_probe_new(int64_t stall_ms, an_probe **ret)
{
    an_probe *p = an_alloc(1, sizeof *p);
    if (!p)
        return AN_ERR_NOMEM;
    p->stall_ms = stall_ms;
    p->unready = "starting";
    pthread_mutex_init(&p->lock, NULL);
    an_buf_init(&p->page, AN_METER_PAGE_MAX);
    *ret = p;
    return AN_OK;
}

void an_probe_free(an_probe *p)
{
    if (!p)
        return;
    an_buf_done(&p->page);
    pthread_mutex_destroy(&p->lock);
    an_free(p);
}

void an_probe_turned(an_probe *p)
{
    atomic_store_explicit(&p->turned_ms, mono(), memory_order_relaxed);
}

void an_probe_tell(an_probe *p, const char *unready, an_buf *page)
{
    pthread_mutex_lock(&p->lock);
    const an_buf before = p->page;
    p->page = *page;
    p->unready = unready;
    pthread_mutex_unlock(&p->lock);
    *page = before;
    an_buf_done(page);
    an_buf_init(page, AN_METER_PAGE_MAX);
}

static void put_page(an_probe *p, int64_t age_ms, an_http_reply *reply)
{
    an_buf out;
    an_meter_page meters;
    an_buf_init(&out, AN_METER_PAGE_MAX);
    an_meter_begin(&meters, an_agent_meters, AN_AGENT_METERS, &out);
    an_meter_put(&meters, AN_AM_TURN_AGE, (double)age_ms / 1000, NULL);
    pthread_mutex_lock(&p->lock);
    an_buf_put(&out, p->page.data, p->page.len);
    pthread_mutex_unlock(&p->lock);
    if (an_meter_end(&meters) != AN_OK) {
        an_buf_done(&out);
        return;
    }
    reply->status = 200;
    reply->type = AN_METER_TYPE;
    reply->body = out.data;
    reply->body_len = out.len;
}

static void put_word(unsigned status, const char *word, an_http_reply *reply)
{
    reply->status = status;
    reply->type = "text/plain";
    reply->fixed = word;
    reply->body_len = strlen(word);
}

bool an_probe_is(const char *path)
{
    return strcmp(path, "/metrics") == 0 || strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0;
}

bool an_probe_answer(an_probe *p, const char *method, const char *path, an_http_reply *reply)
{
    if (!an_probe_is(path))
        return false;
    const int64_t turned = atomic_load(&p->turned_ms), age = turned ? mono() - turned : 0;
    const bool alive = age < p->stall_ms;
    pthread_mutex_lock(&p->lock);
    const char *unready = p->unready;
    pthread_mutex_unlock(&p->lock);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        put_word(405, "GET", reply);
    else if (strcmp(path, "/metrics") == 0)
        put_page(p, age, reply);
    else if (!alive)
        put_word(503, "stalled", reply);
    else if (strcmp(path, "/readyz") == 0 && unready)
        put_word(503, unready, reply);
    else
        put_word(200, "ok", reply);
    return true;
}
