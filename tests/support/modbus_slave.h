/* modbus_slave.h - a Modbus slave in a process of its own, made of libmodbus's server side, and a serial line of
 * pseudo-terminals for several of them.
 *
 *     an_part_add("slave", an_slave_main);                       in main
 *     an_slave s;
 *     an_slave_init(&s, "tcp", 0, 1);      an_slave_start(&s);
 *     atomic_store(&s.shared->mute, 1);
 *     an_slave_done(&s);
 *
 * Its holding registers: 0-1 uint32, which grows by one with each answer that has them, and goes on after a restart; the
 * others as an_slave_main sets them; SLAVE_HOLE .. SLAVE_HOLE + 9 do not exist, nor does what is beyond 200.
 *
 * Threads: one; the line has its own. */
#ifndef AN_TEST_MODBUS_SLAVE_H
#define AN_TEST_MODBUS_SLAVE_H

#include <stdatomic.h>

#include "tests/support/process.h"

#define SLAVE_HOLE 100
/* Holding registers that move with each answer that has one of them. */
#define SLAVE_HEAT 30     /* 20 +- 2, float32 CDAB */
#define SLAVE_POSITION 32 /* +-50, int16 */
#define SLAVE_LEVEL 33    /* 300 +- 100 */

typedef struct an_slave_shared {
    atomic_uint count;     /* register 0-1 */
    atomic_uint served;    /* answers */
    atomic_int mute;       /* 1: no answers */
    atomic_int exception;  /* other than 0: the answer to everything */
    atomic_int garble;     /* 1: random bytes in place of answers, of any length */
    atomic_int delay_once; /* ms before the next answer */
} an_slave_shared;

typedef struct an_slave {
    an_slave_shared *shared;
    char file[64], port[16], unit[16], kind[8];
    char path[64]; /* of its terminal */
    an_process process;
} an_slave;

int an_slave_main(int argc, char **argv);

/* kind "tcp": port is where it listens, 0 a free one; "rtu": path must be set before start. */
void an_slave_init(an_slave *s, const char *kind, int port, int unit);
void an_slave_start(an_slave *s); /* returns when it listens */
void an_slave_kill(an_slave *s);
void an_slave_done(an_slave *s);

#define RTU_SLAVES_MAX 4
/* What the master says is heard by the slave that it is for, what a slave says by the master.  Their units are
 * first, first + 1 ... */
typedef struct an_rtu_line an_rtu_line;
an_rtu_line *an_rtu_line_new(int first, size_t slaves);
void an_rtu_line_free(an_rtu_line *l);
const char *an_rtu_line_master(const an_rtu_line *l); /* path for the agent */
const char *an_rtu_line_slave(const an_rtu_line *l, size_t i);
void an_rtu_line_forget(an_rtu_line *l, size_t i); /* what a slave that is not there has not heard */

#endif
