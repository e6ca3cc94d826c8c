/* modbus.h - the door to libmodbus: reads and writes of a Modbus TCP or RTU line as its master.
 *
 *     const an_modbus_conf conf = {.host = "10.0.0.7", .port = "502"};
 *     err = an_modbus_new(&conf, &m, &why);
 *     err = an_modbus_connect(m, 1000, &why);
 *     err = an_modbus_read(m, &(an_modbus_ask){.unit = 1, .table = AN_MODBUS_HOLDING, .address = 100, .n = 2,
 *                                              .timeout_ms = 500}, words, &exception, &why);
 *     an_modbus_free(m);
 *
 * An exchange takes timeout_ms at most, however slowly an answer comes.  What a slave says too late must not be taken
 * for the answer to the next question: after a failed exchange on a serial line, the line is heard until it is quiet
 * before anything else is asked; a TCP connection is not used again.
 *
 * Only in builds with AN_MODBUS.
 *
 * Threads: one for each an_modbus. */
#ifndef AN_DOORS_MODBUS_H
#define AN_DOORS_MODBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AN_MODBUS_WORDS_MAX 125 /* of one read */
#define AN_MODBUS_BITS_MAX 2000
#define AN_MODBUS_NO_ADDRESS 2 /* the exception "illegal data address" */

typedef enum an_modbus_table {
    AN_MODBUS_COIL,
    AN_MODBUS_DISCRETE,
    AN_MODBUS_HOLDING,
    AN_MODBUS_INPUT
} an_modbus_table;

typedef struct an_modbus_conf {
    const char *host, *port; /* TCP; host NULL: serial */
    const char *serial;      /* path of the device */
    int baud;
    char parity; /* 'N', 'E' or 'O' */
    int data_bits, stop_bits;
} an_modbus_conf;

typedef struct an_modbus an_modbus;

/* Opens nothing yet.  Errors: INVAL, NOMEM. */
an_err an_modbus_new(const an_modbus_conf *conf, an_modbus **ret, an_note *why);
void an_modbus_free(an_modbus *m); /* NULL is fine */

/* Errors: IO. */
an_err an_modbus_connect(an_modbus *m, int64_t timeout_ms, an_note *why);
void an_modbus_disconnect(an_modbus *m);
bool an_modbus_connected(const an_modbus *m); /* no longer so after a failed exchange over TCP */

typedef struct an_modbus_ask {
    int unit; /* 0..247, with TCP also 255 */
    an_modbus_table table;
    int address, n;
    int64_t timeout_ms;
} an_modbus_ask;

/* ret: (ask->n) registers, or bits as 0 and 1.
 * Errors: REFUSED the slave says so with *ret_exception; AGAIN no answer in time, also from behind a gateway; PROTO an answer that is none;
 * IO the line itself has failed; INVAL unit, n or address out of bounds. */
an_err an_modbus_read(an_modbus *m, const an_modbus_ask *ask, uint16_t *ret, int *ret_exception,
                      an_note *why);
/* values: (ask->n) at most 123, or 1968 coils.  table: COIL or HOLDING.  Errors: as read; after AGAIN, PROTO and IO
 * nobody knows whether it was done. */
an_err an_modbus_write(an_modbus *m, const an_modbus_ask *ask, const uint16_t *values, int *ret_exception,
                       an_note *why);

#endif
