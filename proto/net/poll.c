#include "net/poll.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>

#include "net/net_internal.h"

static void *socket_of(const an_wait *item)
{
    if (item->server)
        return an_server_socket(item->server);
    if (item->client)
        return an_client_socket(item->client);
    return item->pipe ? an_pipe_socket(item->pipe) : NULL;
}

an_err an_poll(an_wait *items, size_t n, int64_t timeout_ms)
{
    zmq_pollitem_t polls[AN_POLL_MAX];
    assert(n <= AN_POLL_MAX);
    for (size_t i = 0; i < n; i++) {
        void *socket = socket_of(&items[i]);
        int events = ZMQ_POLLIN | (items[i].want_send ? ZMQ_POLLOUT : 0);
        polls[i] = (zmq_pollitem_t){.socket = socket, .fd = items[i].fd, .events = (short)events};
        items[i].ready = false;
    }
    long wait = timeout_ms < 0 ? -1 : timeout_ms > INT_MAX ? INT_MAX : (long)timeout_ms;
    int rc = zmq_poll(polls, (int)n, wait);
    if (rc < 0)
        return errno == EINTR ? AN_ERR_AGAIN : AN_ERR_IO;
    for (size_t i = 0; i < n; i++)
        items[i].ready = polls[i].revents != 0;
    return rc > 0 ? AN_OK : AN_ERR_AGAIN;
}
