#include "doors/modbus.h"

#include <errno.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <string.h>
#include <sys/select.h>

#include "base/clock.h"
#include "base/mem.h"

#define QUIET_MS 20 /* longer than a pause within an answer, adapters' buffers included */
#define WRITE_WORDS_MAX 123
#define WRITE_BITS_MAX 1968

struct an_modbus {
    modbus_t *link;
    bool serial;
    bool open;
    bool noisy; /* an answer may still be on its way */
};

static an_err set_timeout(an_modbus *m, int64_t ms)
{
    const uint32_t s = (uint32_t)(ms / 1000), us = (uint32_t)(ms % 1000) * 1000;
    /* Without a time for each byte the one for the whole answer holds. */
    return ms > 0 && modbus_set_response_timeout(m->link, s, us) == 0 &&
                   modbus_set_byte_timeout(m->link, 0, 0) == 0
               ? AN_OK
               : AN_ERR_INVAL;
}

an_err an_modbus_new(const an_modbus_conf *conf, an_modbus **ret, an_note *why)
{
    an_modbus *m = an_alloc(1, sizeof *m);
    if (!m)
        return AN_ERR_NOMEM;
    m->serial = conf->host == NULL;
    m->link = m->serial
                  ? modbus_new_rtu(conf->serial, conf->baud, conf->parity, conf->data_bits, conf->stop_bits)
                  : modbus_new_tcp_pi(conf->host, conf->port);
    if (!m->link) {
        const int error = errno;
        an_free(m);
        return error == ENOMEM ? AN_ERR_NOMEM
                               : an_fail(AN_ERR_INVAL, why, "%s: no address of a Modbus line",
                                         conf->host ? conf->host : conf->serial);
    }
    modbus_set_error_recovery(m->link, MODBUS_ERROR_RECOVERY_NONE);
    *ret = m;
    return AN_OK;
}

void an_modbus_free(an_modbus *m)
{
    if (!m)
        return;
    an_modbus_disconnect(m);
    modbus_free(m->link);
    an_free(m);
}

an_err an_modbus_connect(an_modbus *m, int64_t timeout_ms, an_note *why)
{
    an_modbus_disconnect(m);
    if (set_timeout(m, timeout_ms) != AN_OK)
        return AN_ERR_INVAL;
    if (modbus_connect(m->link) != 0)
        return an_fail(AN_ERR_IO, why, "%s", modbus_strerror(errno));
    m->open = true;
    m->noisy = m->serial; /* whatever was said while nobody listened */
    if (modbus_get_socket(m->link) < FD_SETSIZE)
        return AN_OK;
    an_modbus_disconnect(m);
    return an_fail(AN_ERR_IO, why, "too many files are open for libmodbus");
}

void an_modbus_disconnect(an_modbus *m)
{
    if (m->open)
        modbus_close(m->link);
    m->open = false;
}

bool an_modbus_connected(const an_modbus *m)
{
    return m->open;
}

/* Until nobody has said anything for a while, but no longer than an answer may take. */
static void hear_out(an_modbus *m, int64_t most_ms)
{
    const an_clock *clock = an_clock_system();
    const int64_t end = clock->mono_ms(clock) + most_ms;
    struct pollfd item = {.fd = modbus_get_socket(m->link), .events = POLLIN};
    modbus_flush(m->link);
    while (clock->mono_ms(clock) < end && poll(&item, 1, QUIET_MS) > 0 && (item.revents & POLLIN))
        modbus_flush(m->link);
    m->noisy = false;
}

static an_err judge(an_modbus *m, int *ret_exception, an_note *why)
{
    const int error = errno;
    if (error == EMBXGPATH || error == EMBXGTAR) /* a gateway speaks for a slave that is not there */
        return an_fail(AN_ERR_AGAIN, why, "%s", modbus_strerror(error));
    if (error > MODBUS_ENOBASE && error < EMBXGPATH) {
        *ret_exception = error - MODBUS_ENOBASE;
        return an_fail(AN_ERR_REFUSED, why, "%s", modbus_strerror(error));
    }
    if (m->serial)
        m->noisy = true;
    else
        an_modbus_disconnect(m);
    if (error == ETIMEDOUT)
        return an_fail(AN_ERR_AGAIN, why, "no answer in time");
    if (error >= MODBUS_ENOBASE && error <= EMBBADSLAVE)
        return an_fail(AN_ERR_PROTO, why, "%s", modbus_strerror(error));
    return an_fail(AN_ERR_IO, why, "%s", modbus_strerror(error));
}

static an_err begin(an_modbus *m, const an_modbus_ask *ask, int n_max, an_note *why)
{
    if (ask->n < 1 || ask->n > n_max || ask->address < 0 || ask->address + ask->n > 65536)
        return an_fail(AN_ERR_INVAL, why, "%d from %d: out of bounds", ask->n, ask->address);
    if (!m->open)
        return an_fail(AN_ERR_IO, why, "not connected");
    if (modbus_set_slave(m->link, ask->unit) != 0 || set_timeout(m, ask->timeout_ms) != AN_OK)
        return an_fail(AN_ERR_INVAL, why, "unit %d: out of bounds", ask->unit);
    if (m->noisy)
        hear_out(m, ask->timeout_ms);
    return AN_OK;
}

static bool holds_bits(an_modbus_table table)
{
    return table == AN_MODBUS_COIL || table == AN_MODBUS_DISCRETE;
}

an_err an_modbus_read(an_modbus *m, const an_modbus_ask *ask, uint16_t *ret, int *ret_exception, an_note *why)
{
    uint8_t bits[AN_MODBUS_BITS_MAX];
    const bool flags = holds_bits(ask->table);
    *ret_exception = 0;
    an_err err = begin(m, ask, flags ? AN_MODBUS_BITS_MAX : AN_MODBUS_WORDS_MAX, why);
    if (err)
        return err;
    errno = 0;
    const int n =
        ask->table == AN_MODBUS_COIL       ? modbus_read_bits(m->link, ask->address, ask->n, bits)
        : ask->table == AN_MODBUS_DISCRETE ? modbus_read_input_bits(m->link, ask->address, ask->n, bits)
        : ask->table == AN_MODBUS_HOLDING  ? modbus_read_registers(m->link, ask->address, ask->n, ret)
                                           : modbus_read_input_registers(m->link, ask->address, ask->n, ret);
    if (n != ask->n)
        return judge(m, ret_exception, why);
    for (int i = 0; flags && i < n; i++)
        ret[i] = bits[i] != 0;
    return AN_OK;
}

an_err an_modbus_write(an_modbus *m, const an_modbus_ask *ask, const uint16_t *values, int *ret_exception,
                       an_note *why)
{
    uint8_t bits[WRITE_BITS_MAX];
    const bool flags = ask->table == AN_MODBUS_COIL;
    *ret_exception = 0;
    if (!flags && ask->table != AN_MODBUS_HOLDING)
        return an_fail(AN_ERR_INVAL, why, "only coils and holding registers can be written");
    an_err err = begin(m, ask, flags ? WRITE_BITS_MAX : WRITE_WORDS_MAX, why);
    if (err)
        return err;
    for (int i = 0; flags && i < ask->n; i++)
        bits[i] = values[i] != 0;
    errno = 0;
    int n;
    if (ask->n == 1) /* the functions for one are those that simple devices have */
        n = flags ? modbus_write_bit(m->link, ask->address, bits[0])
                  : modbus_write_register(m->link, ask->address, values[0]);
    else
        n = flags ? modbus_write_bits(m->link, ask->address, ask->n, bits)
                  : modbus_write_registers(m->link, ask->address, ask->n, values);
    return n == ask->n ? AN_OK : judge(m, ret_exception, why);
}
