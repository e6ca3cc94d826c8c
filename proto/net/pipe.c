/* pipe.c - PAIR sockets over inproc.
 *
 * A message of no bytes means "stop".  A thread whose main function returned goes on draining
 * its pipe until that message comes, so the stop can always be delivered and the join always
 * ends.
 *
 * Each pair shares a counter that a sender adds to (release) before, and a receiver reads
 * (acquire) after, a message passes.  libzmq orders memory well enough on its own; the counter
 * says so to ThreadSanitizer, which cannot look into libzmq. */
#include "net/pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/net_internal.h"
#include "net/poll.h"

#define PIPE_HWM 1000

typedef struct shared {
    atomic_uint_fast64_t passed;
    atomic_int ends;
} shared;

struct an_pipe {
    an_net *net;
    void *socket;
    shared *both;
    bool stopped;    /* the stop message came */
    bool said_ready; /* of an actor's own end */
};

static an_err end_open(an_net *net, shared *both, const char *name, bool binds, an_pipe **ret)
{
    an_err err = AN_ERR_NOMEM;
    an_pipe *p = an_alloc(1, sizeof *p);
    if (!p)
        return err;
    p->net = net;
    p->both = both;
    atomic_fetch_add(&both->ends, 1);
    if (!(p->socket = an_socket_open(net, ZMQ_PAIR)))
        goto out;
    err = AN_ERR_IO;
    if (!an_socket_int(p->socket, ZMQ_SNDHWM, PIPE_HWM) || !an_socket_int(p->socket, ZMQ_RCVHWM, PIPE_HWM) ||
        !an_socket_int(p->socket, ZMQ_LINGER, 0) ||
        (binds ? zmq_bind(p->socket, name) : zmq_connect(p->socket, name)) != 0)
        goto out;
    *ret = p;
    p = NULL;
    err = AN_OK;
out:
    an_pipe_close(p);
    return err;
}

an_err an_pipe_pair(an_net *net, an_pipe *ret[static 2])
{
    char name[64];
    an_pipe *ends[2] = {NULL, NULL};
    shared *both = an_alloc(1, sizeof *both);
    if (!both)
        return AN_ERR_NOMEM;
    atomic_init(&both->passed, 0);
    atomic_init(&both->ends, 1); /* this call holds it until both ends do */
    snprintf(name, sizeof name, "inproc://pipe-%" PRIuFAST64, atomic_fetch_add(&net->next_pipe, 1));
    an_err err = end_open(net, both, name, true, &ends[0]);
    if (err == AN_OK)
        err = end_open(net, both, name, false, &ends[1]);
    if (err == AN_OK) {
        ret[0] = ends[0];
        ret[1] = ends[1];
    } else {
        an_pipe_close(ends[0]);
    }
    if (atomic_fetch_sub(&both->ends, 1) == 1)
        an_free(both);
    return err;
}

void an_pipe_close(an_pipe *pipe)
{
    if (!pipe)
        return;
    an_socket_close(pipe->net, pipe->socket);
    if (atomic_fetch_sub(&pipe->both->ends, 1) == 1)
        an_free(pipe->both);
    an_free(pipe);
}

void *an_pipe_socket(an_pipe *pipe)
{
    return pipe->socket;
}

static an_err put(an_pipe *pipe, const void *bytes, size_t len, int flags)
{
    int rc;
    atomic_fetch_add_explicit(&pipe->both->passed, 1, memory_order_release);
    do
        rc = zmq_send(pipe->socket, bytes, len, flags);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return AN_OK;
    return errno == EAGAIN ? AN_ERR_AGAIN : errno == ENOMEM ? AN_ERR_NOMEM : AN_ERR_IO;
}

an_err an_pipe_send(an_pipe *pipe, const void *bytes, size_t len)
{
    return len == 0 ? AN_ERR_INVAL : put(pipe, bytes, len, ZMQ_DONTWAIT);
}

an_err an_pipe_recv(an_pipe *pipe, void *ret_bytes, size_t max, size_t *ret_len)
{
    int rc;
    if (pipe->stopped)
        return AN_ERR_CANCELLED;
    do
        rc = zmq_recv(pipe->socket, ret_bytes, max, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return errno == EAGAIN ? AN_ERR_AGAIN : AN_ERR_IO;
    (void)atomic_load_explicit(&pipe->both->passed, memory_order_acquire);
    if (rc == 0) {
        pipe->stopped = true;
        return AN_ERR_CANCELLED;
    }
    if ((size_t)rc > max)
        return AN_ERR_LIMIT;
    if (ret_len)
        *ret_len = (size_t)rc;
    return AN_OK;
}

an_err an_pipe_wait(an_pipe *pipe, int64_t timeout_ms)
{
    an_wait item = {.pipe = pipe};
    return pipe->stopped ? AN_OK : an_poll(&item, 1, timeout_ms);
}

struct an_actor {
    an_pipe *ours, *theirs;
    an_actor_main main;
    void *arg;
    pthread_t thread;
    bool runs;
};

typedef struct ready {
    an_err err;
    an_note why;
} ready;

void an_actor_ready(an_pipe *pipe, an_err err, const an_note *why)
{
    ready r = {.err = err};
    if (why)
        r.why = *why;
    pipe->said_ready = true;
    (void)put(pipe, &r, sizeof r, 0);
}

static void *actor_run(void *arg)
{
    an_actor *actor = arg;
    an_pipe *pipe = actor->theirs;
    uint8_t rest;
    actor->main(pipe, actor->arg);
    if (!pipe->said_ready)
        an_actor_ready(pipe, AN_ERR_STATE, NULL);
    while (!pipe->stopped) {
        (void)an_pipe_wait(pipe, -1);
        if (an_pipe_recv(pipe, &rest, sizeof rest, NULL) == AN_ERR_IO)
            break;
    }
    an_pipe_close(pipe);
    return NULL;
}

/* A thread that took a signal would run its handler in the middle of libzmq. */
static int create_unsignalled(pthread_t *ret, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(ret, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

an_err an_actor_start(an_net *net, an_actor_main main, void *arg, an_actor **ret, an_note *why)
{
    an_err err = AN_ERR_NOMEM;
    an_pipe *ends[2];
    ready r = {.err = AN_ERR_STATE};
    size_t len;
    an_actor *actor = an_alloc(1, sizeof *actor);

    if (!actor)
        goto out;
    if ((err = an_pipe_pair(net, ends)) != AN_OK)
        goto out;
    actor->ours = ends[0];
    actor->theirs = ends[1];
    actor->main = main;
    actor->arg = arg;
    int rc = create_unsignalled(&actor->thread, actor_run, actor);
    if (rc != 0) {
        err = an_fail(AN_ERR_IO, why, "cannot start a thread: %s", strerror(rc));
        an_pipe_close(actor->theirs);
        goto out;
    }
    actor->runs = true;
    do
        err = an_pipe_wait(actor->ours, -1);
    while (err == AN_ERR_AGAIN);
    if (err == AN_OK)
        err = an_pipe_recv(actor->ours, &r, sizeof r, &len);
    if (err == AN_OK && (err = r.err) != AN_OK && why)
        *why = r.why;
    if (err != AN_OK)
        goto out;
    *ret = actor;
    actor = NULL;
out:
    an_actor_stop(actor);
    return err;
}

an_pipe *an_actor_pipe(an_actor *actor)
{
    return actor->ours;
}

void an_actor_stop(an_actor *actor)
{
    if (!actor)
        return;
    if (actor->runs) {
        (void)put(actor->ours, "", 0, 0);
        pthread_join(actor->thread, NULL);
    }
    an_pipe_close(actor->ours);
    an_free(actor);
}
