#include "agent/control.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define NOBODY SIZE_MAX
#define GREET_MS 200 /* between two looks whether a coordinator can be reached */
#define LOST_MS 200  /* its queue may be full for a moment */

struct an_control {
    an_control_conf conf;
    an_client *clients[AN_COORDINATORS_MAX]; /* of the coordinator's list; NULL: closed */
    bool unsent[AN_COORDINATORS_MAX];        /* it has not taken `hello` yet */
    an_buf hello;                            /* the last message that went to all */
    size_t settled;                          /* who greeted; NOBODY: all are asked */
    int64_t unready_ms;                      /* since when it takes nothing; 0: it does */
};

static an_err open_client(const an_control *c, size_t i, an_client **ret, an_note *why)
{
    const an_coordinator *k = c->conf.coordinator;
    const an_client_conf conf = {.port = AN_PORT_CONTROL,
                                 .endpoint = k->control[i],
                                 .server_key = k->link_key,
                                 .link_public = c->conf.id->link_public,
                                 .link_secret = c->conf.id->link_secret};
    return an_client_open(c->conf.net, &conf, ret, why);
}

an_err an_control_open(const an_control_conf *conf, an_control **ret, an_note *why)
{
    an_control *c = an_alloc(1, sizeof *c);
    if (!c)
        return AN_ERR_NOMEM;
    c->conf = *conf;
    c->settled = NOBODY;
    an_buf_init(&c->hello, AN_MSG_CONTROL_MAX);
    an_err err = open_client(c, 0, &c->clients[0], why);
    if (err != AN_OK) {
        an_control_close(c);
        return err;
    }
    an_control_greet(c);
    *ret = c;
    return AN_OK;
}

void an_control_close(an_control *c)
{
    for (size_t i = 0; c && i < AN_COORDINATORS_MAX; i++)
        an_client_close(c->clients[i]);
    if (c)
        an_buf_done(&c->hello);
    an_free(c);
}

/* Whoever connects only now is told, too. */
static an_err say_hello(an_control *c)
{
    an_err ret = AN_ERR_AGAIN;
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++) {
        if (!c->clients[i] || !c->unsent[i])
            continue;
        an_err err = an_client_send(c->clients[i], c->hello.data, c->hello.len, NULL, 0);
        c->unsent[i] = err == AN_ERR_AGAIN;
        if (err == AN_OK || ret == AN_ERR_AGAIN)
            ret = err; /* one that took it is enough */
    }
    return ret;
}

an_err an_control_send(an_control *c, const void *bytes, size_t len)
{
    if (c->settled != NOBODY)
        return an_client_send(c->clients[c->settled], bytes, len, NULL, 0);
    an_buf_clear(&c->hello);
    an_buf_put(&c->hello, bytes, len);
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++)
        c->unsent[i] = true;
    an_err err = an_buf_err(&c->hello);
    return err == AN_OK ? say_hello(c) : err;
}

an_err an_control_recv(an_control *c, an_in *in, size_t *ret_from)
{
    an_err ret = AN_ERR_AGAIN;
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++) {
        if (!c->clients[i])
            continue;
        an_err err = an_client_recv(c->clients[i], in);
        *ret_from = i;
        if (err == AN_OK || err == AN_ERR_PROTO)
            return err;
        ret = err == AN_ERR_AGAIN ? ret : err;
    }
    return ret;
}

bool an_control_settle(an_control *c, size_t from)
{
    if (c->settled != NOBODY)
        return c->settled == from;
    c->settled = from;
    an_buf_clear(&c->hello);
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++) {
        if (i == from)
            continue;
        an_client_close(c->clients[i]);
        c->clients[i] = NULL;
    }
    return true;
}

void an_control_greet(an_control *c)
{
    c->settled = NOBODY;
    for (size_t i = 0; i < c->conf.coordinator->n_control; i++) {
        an_note why = {{0}};
        if (!c->clients[i] && open_client(c, i, &c->clients[i], &why) != AN_OK)
            an_log(AN_LOG_WARN, "coordinator_not_asked", "endpoint=%s why=\"%s\"",
                   c->conf.coordinator->control[i], why.text);
    }
    an_err err = c->hello.len > 0 ? say_hello(c) : AN_OK;
    (void)err; /* the session says it again */
}

bool an_control_is_lost(an_control *c)
{
    const int64_t now = an_clock_system()->mono_ms(an_clock_system());
    if (c->settled == NOBODY || an_client_is_ready(c->clients[c->settled]))
        c->unready_ms = 0;
    else if (c->unready_ms == 0)
        c->unready_ms = now;
    return c->unready_ms != 0 && now - c->unready_ms >= LOST_MS;
}

int64_t an_control_deadline(const an_control *c)
{
    if (c->settled == NOBODY)
        return an_clock_system()->mono_ms(an_clock_system()) + GREET_MS;
    return c->unready_ms ? c->unready_ms + LOST_MS : INT64_MAX;
}

an_err an_control_relink(an_control *c, an_note *why)
{
    an_client *opened[AN_COORDINATORS_MAX] = {NULL};
    an_err err = AN_OK;
    for (size_t i = 0; i < c->conf.coordinator->n_control && err == AN_OK; i++)
        err = open_client(c, i, &opened[i], why);
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++) {
        an_client_close(err == AN_OK ? c->clients[i] : opened[i]);
        c->clients[i] = err == AN_OK ? opened[i] : c->clients[i];
    }
    if (err == AN_OK) {
        c->settled = NOBODY;
        an_buf_clear(&c->hello); /* it speaks of the former keys */
    }
    return err;
}

bool an_control_learn(an_control *c, const an_msg_welcome *w)
{
    an_coordinator *k = c->conf.coordinator;
    char list[AN_COORDINATORS_MAX][AN_ENDPOINT_MAX];
    size_t n = 1;
    if (c->settled == NOBODY || w->n_coordinators == 0)
        return false;
    memcpy(list[0], k->control[c->settled], sizeof list[0]);
    for (size_t i = 0; i < w->n_coordinators && n < AN_COORDINATORS_MAX; i++)
        if (strncmp(w->coordinators[i].control, "tcp://", 6) == 0 &&
            strcmp(w->coordinators[i].control, list[0]) != 0)
            memcpy(list[n++], w->coordinators[i].control, sizeof list[0]);
    bool same = n == k->n_control;
    for (size_t i = 0; i < n && same; i++)
        same = strcmp(list[i], k->control[i]) == 0;
    if (same)
        return false;
    an_client *spoken_to = c->clients[c->settled];
    c->clients[c->settled] = NULL;
    c->clients[0] = spoken_to;
    c->settled = 0;
    memcpy(k->control, list, n * sizeof *list);
    k->n_control = n;
    return true;
}

size_t an_control_wait(an_control *c, an_wait *items)
{
    size_t n = 0;
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++)
        if (c->clients[i])
            items[n++] = (an_wait){.client = c->clients[i]};
    return n;
}
