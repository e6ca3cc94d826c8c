/* writeback_conf.h - what is configured of the write-back: the controller, the addresses that may be written, the people.
 *
 * Threads: plain data. */
#ifndef AN_AGENT_WRITEBACK_CONF_H
#define AN_AGENT_WRITEBACK_CONF_H

#include "agent/options.h"
#include "agent/writeback.h"
#include "base/file.h"
#include "msg/bounds.h"

#define AN_WB_TARGETS_MAX 32
#define AN_WB_PEOPLE_MAX 16

typedef enum an_wb_type { AN_WB_MODBUS, AN_WB_MQTT } an_wb_type;
extern const char *const an_wb_type_names[]; /* ended by NULL */

#define AN_WB_TOPIC_MAX 256

typedef struct an_wb_place {
    char name[AN_NAME_MAX], line[AN_NAME_MAX];
    bool coil; /* else a holding register */
    int address;
    char topic[AN_WB_TOPIC_MAX]; /* of MQTT, in place of both */
    an_severity severity;        /* the least that makes it bad */
    int64_t deadline_ms;
    an_wb_target target;
} an_wb_place;

typedef struct an_wb_conf {
    bool there; /* false: nothing is configured, nothing is ever written */
    an_wb_type type;
    const an_node *node; /* borrowed from the document: options of the connection to a broker */
    char heartbeat_topic[AN_WB_TOPIC_MAX],
        acknowledge[AN_WB_TOPIC_MAX]; /* MQTT; the second "": the broker's word is enough */
    char host[256], port[8];          /* Modbus, as what follows */
    int unit, heartbeat, sequence;    /* the last two are holding registers */
    int64_t timeout_ms, period_ms;
    bool dry_run;
    an_wb_people people;
    struct {
        char name[AN_NAME_MAX];
        const char *key_file; /* borrowed from the document */
    } persons[AN_WB_PEOPLE_MAX];
    size_t n_persons;
    an_wb_place places[AN_WB_TARGETS_MAX];
    size_t n;
} an_wb_conf;

extern const an_option an_wb_options[], an_wb_mqtt_options[]; /* the second where type is mqtt */
extern const an_option an_wb_place_options[], an_wb_mqtt_place_options[], an_wb_person_options[];

/* node NULL: nothing is configured.  Errors: INVAL. */
an_err an_wb_conf_read(const an_node *node, an_wb_conf *ret,
                       bool (*is_line)(const void *ctx, const char *name), const void *ctx, an_note *why);

#endif
