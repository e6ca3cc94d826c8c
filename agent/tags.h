/* tags.h - values of many tags, brought by the threads of devices, made into rows.
 *
 *     device thread -- put put flush --> port --\
 *     device thread -- put put flush --> port ---+--> an_tags_next (the line's thread) --> rows
 *     device thread -- lost -----------> port --/
 *
 * A port is a ring with one writer and one reader.  When it is full the writer waits, so that nothing
 * is lost between a device and a row; a slow line holds up the device's thread, which stops asking or
 * lets the broker keep what comes.
 *
 * Rows come in one of two ways:
 *
 *   step_ms 0   a row for each message (what is put between two flushes), with its time.  Tags that it
 *               does not bring keep their value.  When nothing comes for idle_ms there is a row all the
 *               same, with the time of the clock, so that what is stale or out of reach is seen.
 *   step_ms n   a row at each multiple of n.  The last value of a tag in (t - n, t] stands in row t, else the
 *               one before it is kept.  A row is closed when every port that is reached has said something
 *               later than t, or settle_ms after t: a dead device holds up nobody.  What comes later
 *               than its row is counted, and stands in the next one if nothing newer is there.
 *
 * A kept value becomes STALE, and NaN, when it is older than stale_ms; UNREACHED when its port was lost.
 * A tag of which nothing was ever heard is UNREACHED.
 *
 *     an_tags_new(&conf, &tags);
 *     thread:  an_tags_put(tags, port, 3, time_ms, 17.5, AN_VALUE_GOOD);
 *              an_tags_flush(tags, port, time_ms);
 *     line:    err = an_tags_next(tags, &batch, &wait_ms);      an_tags_fd(tags): readable when there is more
 *
 * Threads: put, part, flush and lost of a port belong to one thread; next, save, restore and free to the
 * line's; stop and counters to any. */
#ifndef AN_AGENT_TAGS_H
#define AN_AGENT_TAGS_H

#include <stdbool.h>

#include "agent/source.h"

#define AN_TAGS_PORTS_MAX 64
#define AN_TAGS_QUEUE_MAX (1u << 20)

typedef struct an_tag {
    double scale, offset; /* value = what is put * scale + offset */
    double deadband;      /* a value that differs by less from the kept one changes nothing; 0: none */
    uint32_t port;        /* whose tag it is */
} an_tag;

typedef struct an_tags_conf {
    const an_tag *tags; /* (n) copied */
    size_t n;           /* 1 .. AN_SOURCE_WIDTH_MAX */
    size_t ports;       /* 1 .. AN_TAGS_PORTS_MAX */
    size_t queue;       /* values that wait in a port, at least; a message must fit in */
    int64_t step_ms;
    int64_t settle_ms; /* 0: step_ms */
    int64_t stale_ms;  /* 0: never */
    int64_t idle_ms;   /* 0: 1 s */
    int64_t skew_ms;   /* with a step, a time further from the clock is replaced by the clock's; 0: never */
    const an_clock *clock;
} an_tags_conf;

typedef struct an_tags an_tags;

/* Errors: INVAL a count or time out of bounds, NOMEM, IO no descriptor. */
an_err an_tags_new(const an_tags_conf *conf, an_tags **ret);
void an_tags_free(an_tags *t); /* after the devices' threads have ended */

/* From a device's thread.  False: stopping; what was put does not count.  value is taken for NaN if it is not
 * finite or quality is neither GOOD nor UNCERTAIN.  tag must be of the port. */
bool an_tags_put(an_tags *t, size_t port, uint32_t tag, int64_t time_ms, double value,
                 an_value_quality quality);
bool an_tags_part(an_tags *t, size_t port, const char *id);   /* of the message that is being put */
bool an_tags_flush(an_tags *t, size_t port, int64_t time_ms); /* the message is complete */
bool an_tags_lost(an_tags *t, size_t port,
                  int64_t time_ms); /* its tags are out of reach until they are put again */

/* From now on no writer waits, and put says false. */
void an_tags_stop(an_tags *t);

/* As an_source_type's next: OK, or AGAIN with *ret_wait_ms. */
an_err an_tags_next(an_tags *t, an_batch *ret, int64_t *ret_wait_ms);
int an_tags_fd(const an_tags *t);

/* The number of the next row and the time of the last one; values are asked for anew. */
void an_tags_save(const an_tags *t, an_buf *ret);
an_err an_tags_restore(an_tags *t, an_reader *in); /* PROTO */

/* values, replaced (another value of the same step came after), late, unchanged (within the deadband), not_good,
 * skewed, waits (a port was full), losses.  Returns how many. */
size_t an_tags_counters(const an_tags *t, an_source_counter *ret);

#endif
