/* Any bytes as what a Modbus TCP slave answers: an error, or exactly the registers that were asked for.  The first
 * byte says what is asked; with its top bit the transaction's number is the right one. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doors/modbus.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

static int listener(char port[static 8])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 4) == 0);
    must(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    snprintf(port, 8, "%d", ntohs(at.sin_port));
    return fd;
}

static void reply(int at, const uint8_t *data, size_t size, bool numbered)
{
    uint8_t bytes[1024];
    const size_t n = size < sizeof bytes ? size : sizeof bytes;
    const struct linger now = {.l_onoff = 1}; /* leaves no ended connections behind */
    const int fd = accept(at, NULL, NULL);
    memcpy(bytes, data, n);
    if (numbered && n >= 2)
        bytes[0] = 0, bytes[1] = 1;
    must(fd >= 0 && (n == 0 || send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n));
    shutdown(fd, SHUT_WR);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    static int before = -1;
    if (before >= 0)
        close(before);
    before = fd; /* until the answer was read */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int at = -1;
    static char port[8];
    uint16_t words[AN_MODBUS_BITS_MAX + 1];
    an_modbus *m = NULL;
    int exception = 0;
    if (size < 2)
        return 0;
    if (at < 0)
        at = listener(port);
    const an_modbus_conf conf = {.host = "127.0.0.1", .port = port};
    const an_modbus_table table = (an_modbus_table)(data[0] & 3);
    const an_modbus_ask ask = {
        .unit = 1, .table = table, .n = 1 + data[1] % AN_MODBUS_WORDS_MAX, .timeout_ms = 1000};
    memset(words, 0xA5, sizeof words);
    must(an_modbus_new(&conf, &m, NULL) == AN_OK);
    must(an_modbus_connect(m, 1000, NULL) == AN_OK);
    reply(at, data + 2, size - 2, data[0] & 0x80);
    const an_err err = an_modbus_read(m, &ask, words, &exception, NULL);
    must(words[ask.n] == 0xA5A5); /* never more than was asked for */
    must((err == AN_ERR_REFUSED) == (exception != 0));
    must(err == AN_OK || err == AN_ERR_REFUSED || err == AN_ERR_AGAIN || !an_modbus_connected(m));
    an_modbus_free(m);
    return 0;
}
