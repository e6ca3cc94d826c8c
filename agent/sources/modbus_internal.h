/* modbus_internal.h - what the files of the source modbus share: its configuration, and what is asked of a slave.
 *
 * A line is a TCP address or a serial device: one thread, one master.  A slave is one unit id on a line, and one
 * port of the tags.
 *
 * Threads: a line and its slaves belong to the line's thread while that runs; the counters to any. */
#ifndef AN_AGENT_SOURCES_MODBUS_INTERNAL_H
#define AN_AGENT_SOURCES_MODBUS_INTERNAL_H

#include <stdatomic.h>

#include "agent/device.h"
#include "agent/tags_conf.h"
#include "doors/modbus.h"

#define MODBUS_INVALID_MAX 8
#define MODBUS_SCANS_MAX 16
#define MODBUS_HOST_MAX 256

typedef enum modbus_kind {
    MODBUS_BOOL,
    MODBUS_INT16,
    MODBUS_UINT16,
    MODBUS_INT32,
    MODBUS_UINT32,
    MODBUS_INT64,
    MODBUS_UINT64,
    MODBUS_FLOAT32,
    MODBUS_FLOAT64
} modbus_kind;

/* Where byte A, the highest of a number, is: ABCD as in the standard, CDAB with the low register first ... */
typedef enum modbus_order { MODBUS_ABCD, MODBUS_DCBA, MODBUS_BADC, MODBUS_CDAB } modbus_order;

typedef struct modbus_tag {
    uint32_t tag; /* number among the tags of the source */
    an_modbus_table table;
    int address;
    modbus_kind kind;
    modbus_order order;
    int bit; /* of a register that is read as a BOOL; -1: is it other than 0? */
    double invalid[MODBUS_INVALID_MAX];
    size_t n_invalid;
} modbus_tag;

int modbus_tag_size(const modbus_tag *t); /* registers or bits */
/* NaN if it is one, or one of the values that stand for "none". */
double modbus_tag_value(const modbus_tag *t, const uint16_t *words);

/* One question: n registers or bits, and the tags that are in them. */
typedef struct modbus_block {
    an_modbus_table table;
    int address, n;
    size_t first, count; /* of plan's tags */
    unsigned refused;    /* times in a row */
    unsigned skip;       /* polls that leave it out */
} modbus_block;

typedef struct modbus_plan {
    modbus_tag *tags; /* (n) in order of table and address */
    size_t n;
    modbus_block *blocks; /* (n_blocks) of n that fit */
    size_t n_blocks;
} modbus_plan;

/* Sorts tags, which the plan takes, and joins what lies no more than gap apart.  Errors: NOMEM, then tags is still the
 * caller's. */
an_err modbus_plan_make(modbus_plan *p, modbus_tag *tags, size_t n, int gap, int words_max, int bits_max);
void modbus_plan_done(modbus_plan *p);
/* Makes two questions of one.  False: it cannot be parted. */
bool modbus_plan_split(modbus_plan *p, size_t block);

typedef struct modbus_scan {
    an_modbus_table table;
    int from, to;
} modbus_scan;

typedef struct modbus_slave {
    char name[AN_SOURCE_NAME_MAX];
    int unit;
    int64_t timeout_ms, poll_ms;
    size_t line, port;
    modbus_plan plan;
    modbus_scan scans[MODBUS_SCANS_MAX];
    size_t n_scans;

    int64_t due_ms;   /* monotonic */
    unsigned fails;   /* polls in a row */
    atomic_bool lost; /* its tags have been told so; any thread may ask */
} modbus_slave;

struct modbus_state;
typedef struct modbus_line {
    char host[MODBUS_HOST_MAX]; /* or the path of a serial device */
    char service[8];            /* "": serial */
    int64_t baud, data_bits, stop_bits;
    char parity;
    int64_t timeout_ms; /* the longest of its slaves' */
    struct modbus_state *state;
    an_modbus *link;
    an_device *device;
} modbus_line;

enum {
    MODBUS_POLLS,
    MODBUS_READS,
    MODBUS_EXCEPTIONS,
    MODBUS_TIMEOUTS,
    MODBUS_GARBLED,
    MODBUS_SPLITS,
    MODBUS_OVERRUNS,
    MODBUS_SLAVES_LOST,
    MODBUS_COUNTERS
};

typedef struct modbus_state {
    an_tags_conf conf;
    an_tags *tags;
    an_tag *items; /* (n) */
    an_tag_name *names;
    size_t n;
    modbus_slave *slaves;
    size_t n_slaves;
    modbus_line *lines;
    size_t n_lines;
    int64_t retry_max_ms;
    atomic_uint_fast64_t counters[MODBUS_COUNTERS];
} modbus_state;

/* Fills s, zeroed, from the source's mapping; opens nothing.  browse: tags may be missing.
 * Errors: INVAL, NOMEM; s must be given to done in any case. */
an_err modbus_conf_read(modbus_state *s, const an_node *conf, bool browse, an_note *why);
void modbus_conf_done(modbus_state *s);
/* Sets the line's link.  Errors: INVAL, NOMEM. */
an_err modbus_line_new(modbus_line *l, an_note *why);

an_err modbus_browse(const an_node *conf, int64_t for_ms, an_source_seen say, void *ctx, an_note *why);

#endif
