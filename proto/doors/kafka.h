/* kafka.h - the door to librdkafka: a producer that waits until the brokers have what it sends.
 *
 *     const an_kafka_conf conf = {.brokers = "10.0.0.7:9092", .timeout_ms = 5000};
 *     err = an_kafka_open(&conf, &k, &why);                     reaches for nothing yet
 *     err = an_kafka_send(k, "alarms", messages, n, &taken, &why);
 *     an_kafka_close(k);
 *
 * Idempotent, acknowledged by all replicas in sync: what the library itself sends again comes once and in order.  After
 * an error what was sent may still arrive; close it then and open another one.
 *
 * Threads: one thread per an_kafka; the library has threads of its own. */
#ifndef AN_DOORS_KAFKA_H
#define AN_DOORS_KAFKA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct an_kafka an_kafka;

typedef struct an_kafka_conf {
    const char *brokers;   /* HOST:PORT,HOST:PORT */
    const char *security;  /* NULL: "plaintext"; "ssl", "sasl_ssl" */
    const char *ca_file;   /* NULL: the system's */
    const char *mechanism; /* of sasl_ssl: "PLAIN", "SCRAM-SHA-256" ... */
    const char *user, *password;
    int64_t timeout_ms; /* for one send, retries included; at least 100 */
} an_kafka_conf;

typedef struct an_kafka_message {
    const char *key; /* messages of one key keep their order */
    const void *value;
    size_t len;
    const char *type; /* header content-type */
} an_kafka_message;

/* Errors: INVAL a setting (why says which), UNSUPPORTED the library lacks it, NOMEM. */
an_err an_kafka_open(const an_kafka_conf *conf, an_kafka **ret, an_note *why);
/* *ret_taken: so many of the first are acknowledged, on failure too.
 * Errors: AGAIN not in time; IO; AUTH; LIMIT the brokers or the library find the one after them too large. */
an_err an_kafka_send(an_kafka *k, const char *topic, const an_kafka_message *messages, size_t n,
                     size_t *ret_taken, an_note *why);
/* Does not wait for what was not acknowledged.  NULL is fine. */
void an_kafka_close(an_kafka *k);

#endif
