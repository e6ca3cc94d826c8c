#include "agent/control.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define NOBODY SIZE_MAX
#define GREET_MS 200 /* between two looks whether a coordinator can be reached */
#define LOST_MS 200  /* its queue may be full for a moment */
#define LOOK_MS 1000 /* between two looks whether the connection is there: that it goes wakes nobody */

struct an_control {
    an_control_conf conf;
    an_client *clients[AN_COORDINATORS_MAX]; /* of the coordinator's list; NULL: closed */
    uint64_t told[AN_COORDINATORS_MAX];      /* the link over which the last HELLO went; 0: none yet */
    size_t settled;                          /* who greeted; NOBODY: all are asked */
    uint64_t link;                           /* ... and over which link */
    int64_t unready_ms;                      /* since when it takes nothing; 0: it does */
    int64_t look_ms;                         /* when to look again */
};

static int64_t now_ms(void)
{
    return an_clock_system()->mono_ms(an_clock_system());
}

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

/* What cannot be opened is tried again at the next call. */
static void ask_all(an_control *c)
{
    c->settled = NOBODY;
    for (size_t i = 0; i < c->conf.coordinator->n_control; i++) {
        an_note why = {{0}};
        if (c->clients[i])
            continue;
        c->told[i] = 0;
        if (open_client(c, i, &c->clients[i], &why) != AN_OK)
            an_log(AN_LOG_WARN, "coordinator_not_asked", "endpoint=%s why=\"%s\"",
                   c->conf.coordinator->control[i], why.text);
    }
}

an_err an_control_open(const an_control_conf *conf, an_control **ret, an_note *why)
{
    an_control *c = an_alloc(1, sizeof *c);
    if (!c)
        return AN_ERR_NOMEM;
    c->conf = *conf;
    c->settled = NOBODY;
    an_err err = open_client(c, 0, &c->clients[0], why);
    if (err != AN_OK) {
        an_control_close(c);
        return err;
    }
    ask_all(c);
    *ret = c;
    return AN_OK;
}

void an_control_close(an_control *c)
{
    for (size_t i = 0; c && i < AN_COORDINATORS_MAX; i++)
        an_client_close(c->clients[i]);
    an_free(c);
}

/* Has this one not heard the HELLO of this session over the connection that it has now? */
static bool is_new(const an_control *c, size_t i)
{
    return c->clients[i] && an_client_link(c->clients[i]) != c->told[i] && an_client_is_ready(c->clients[i]);
}

static bool any_new(const an_control *c)
{
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++)
        if (is_new(c, i))
            return true;
    return false;
}

/* A HELLO is for whoever has not heard one; if all have, nobody has answered, and all hear it again.  It goes only where
 * a connection stands from end to end, so that it is neither lost with one that breaks nor said twice over one. */
static an_err say_hello(an_control *c, const void *bytes, size_t len)
{
    const bool again = !any_new(c);
    an_err ret = AN_ERR_AGAIN;
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++) {
        const uint64_t link = c->clients[i] ? an_client_link(c->clients[i]) : 0;
        if (link == 0 || !(again || is_new(c, i)))
            continue;
        an_err err = an_client_send(c->clients[i], bytes, len, NULL, 0);
        if (err != AN_ERR_AGAIN)
            c->told[i] = link;
        if (err == AN_OK || ret == AN_ERR_AGAIN)
            ret = err; /* one that took it is enough */
    }
    return ret;
}

an_err an_control_send(an_control *c, const void *bytes, size_t len)
{
    return c->settled == NOBODY ? say_hello(c, bytes, len)
                                : an_client_send(c->clients[c->settled], bytes, len, NULL, 0);
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
    c->link = an_client_link(c->clients[from]);
    c->unready_ms = 0;
    for (size_t i = 0; i < AN_COORDINATORS_MAX; i++) {
        if (i == from)
            continue;
        an_client_close(c->clients[i]);
        c->clients[i] = NULL;
    }
    return true;
}

bool an_control_greet(an_control *c)
{
    ask_all(c);
    c->look_ms = now_ms() + GREET_MS;
    return any_new(c);
}

bool an_control_is_lost(an_control *c)
{
    const int64_t now = now_ms();
    if (c->settled == NOBODY)
        return false;
    const an_client *cli = c->clients[c->settled];
    if (an_client_is_ready(c->clients[c->settled]))
        c->unready_ms = 0;
    else if (c->unready_ms == 0)
        c->unready_ms = now;
    c->look_ms = c->unready_ms ? c->unready_ms + LOST_MS : now + LOOK_MS;
    if (an_client_link(cli) == c->link && (c->unready_ms == 0 || now < c->look_ms))
        return false;
    ask_all(c);
    return true;
}

int64_t an_control_deadline(const an_control *c)
{
    return c->look_ms;
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
        memset(c->told, 0, sizeof c->told);
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
    c->told[0] = c->told[c->settled];
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
