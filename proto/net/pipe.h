/* pipe.h - how threads meet: pipes that carry small messages, and actors that live at the end
 * of one.
 *
 *     static void worker(an_pipe *pipe, void *arg)
 *     {
 *         an_err err = prepare(arg);
 *         an_actor_ready(pipe, err, NULL);       an_actor_start returns with this
 *         if (err != AN_OK) return;
 *         while (an_pipe_wait(pipe, -1) == AN_OK)
 *             if (an_pipe_recv(pipe, &job, sizeof job, &len) == AN_ERR_CANCELLED) break;
 *     }
 *     an_actor_start(net, worker, arg, &actor, &why);
 *     an_pipe_send(an_actor_pipe(actor), &job, sizeof job);
 *     an_actor_stop(actor);                      asks it to end, and joins
 *
 * What is behind a pointer that is sent belongs to the receiver from then on.
 *
 * Threads: one thread owns one end. */
#ifndef AN_NET_PIPE_H
#define AN_NET_PIPE_H

#include "net/net.h"

typedef struct an_pipe an_pipe;

/* Two connected ends.  Errors: NOMEM, IO. */
an_err an_pipe_pair(an_net *net, an_pipe *ret[static 2]);
void an_pipe_close(an_pipe *pipe); /* NULL is fine */

/* len >= 1.  Never blocks.  Errors: AGAIN some 2000 messages wait already, or the other end
 * was closed a while ago (what is sent just after the closing is lost); NOMEM; IO. */
an_err an_pipe_send(an_pipe *pipe, const void *bytes, size_t len);

/* Errors: AGAIN nothing there; LIMIT longer than max, dropped; CANCELLED the actor is asked to
 * stop (said again at every later call); IO. */
an_err an_pipe_recv(an_pipe *pipe, void *ret_bytes, size_t max, size_t *ret_len);

/* Waits for something to receive; -1 waits for ever.  Errors: AGAIN, IO. */
an_err an_pipe_wait(an_pipe *pipe, int64_t timeout_ms);

typedef struct an_actor an_actor;
typedef void (*an_actor_main)(an_pipe *pipe, void *arg);

/* Starts the thread and waits until it said an_actor_ready.  All signals are blocked in it.
 * Errors: what the thread said; NOMEM; IO; STATE it ended without a word. */
an_err an_actor_start(an_net *net, an_actor_main main, void *arg, an_actor **ret, an_note *why);
void an_actor_ready(an_pipe *pipe, an_err err, const an_note *why); /* in the thread, once */
an_pipe *an_actor_pipe(an_actor *actor);                            /* the starter's end; borrowed */
void an_actor_stop(an_actor *actor);                                /* NULL is fine */

#endif
