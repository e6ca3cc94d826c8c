/* A controller that is written over Modbus TCP: value, then sequence; the heartbeat is a register, too. */
#include "agent/actuator.h"
#include "base/mem.h"
#include "doors/modbus.h"

typedef struct modbus_actuator {
    const an_wb_conf *conf;
    an_modbus *link;
} modbus_actuator;

static an_err open_modbus(const an_wb_conf *conf, const char *site, void **ret, an_note *why)
{
    const an_modbus_conf link = {.host = conf->host, .port = conf->port};
    modbus_actuator *a = an_alloc(1, sizeof *a);
    (void)site;
    if (!a)
        return AN_ERR_NOMEM;
    a->conf = conf;
    an_err err = an_modbus_new(&link, &a->link, why);
    if (err == AN_OK)
        *ret = a;
    else
        an_free(a);
    return err;
}

static void close_modbus(void *ctx)
{
    modbus_actuator *a = ctx;
    if (a)
        an_modbus_free(a->link);
    an_free(a);
}

static an_err put(modbus_actuator *a, bool coil, int address, uint16_t value, an_note *why)
{
    int exception = 0;
    const an_modbus_ask ask = {.unit = a->conf->unit,
                               .table = coil ? AN_MODBUS_COIL : AN_MODBUS_HOLDING,
                               .address = address,
                               .n = 1,
                               .timeout_ms = a->conf->timeout_ms};
    an_err err = an_modbus_connected(a->link) ? AN_OK : an_modbus_connect(a->link, a->conf->timeout_ms, why);
    return err ? err : an_modbus_write(a->link, &ask, &value, &exception, why);
}

static an_err write_modbus(void *ctx, const an_actuator_write *w, an_note *why)
{
    modbus_actuator *a = ctx;
    const an_wb_place *p = &a->conf->places[w->place];
    an_err err = put(a, p->coil, p->address, w->value, why);
    return err ? err : put(a, false, a->conf->sequence, (uint16_t)w->sequence, why);
}

static an_err beat_modbus(void *ctx, uint64_t n, int64_t now_ms, an_note *why)
{
    modbus_actuator *a = ctx;
    (void)now_ms;
    return put(a, false, a->conf->heartbeat, (uint16_t)n, why);
}

static bool connected_modbus(const void *ctx)
{
    const modbus_actuator *a = ctx;
    return an_modbus_connected(a->link);
}

static void disconnect_modbus(void *ctx)
{
    modbus_actuator *a = ctx;
    an_modbus_disconnect(a->link);
}

const an_actuator_type an_actuator_modbus = {.name = "modbus",
                                             .open = open_modbus,
                                             .close = close_modbus,
                                             .write = write_modbus,
                                             .beat = beat_modbus,
                                             .connected = connected_modbus,
                                             .disconnect = disconnect_modbus};
