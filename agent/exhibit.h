/* exhibit.h - what an alarm of an image was raised for, as small PNG files beside the log: its heat map, and, if the site wants
 * that, the image as the model saw it.  They stay at the site; sinks send the boxes, which are numbers.
 *
 *     DATA/pictures/cam-1-7.map.png      grey, 128: few normal images come to it, 0: nothing, white: many times that
 *     DATA/pictures/cam-1-7.png          with `keep: images`
 *     DATA/pictures/pump-1-7.advice.json what may be moved, where that is asked for (advised.h)
 *     DATA/pictures/pump-1-7.signal.json of other lines: what its sensors did (trace.h), where there is a screen to show it
 *
 *     an_exhibit *e = an_exhibit_new("cam-1", 7, &seen, true);
 *     err = an_exhibits_keep(exhibits, e, &why);
 *     an_exhibit_free(e);
 *
 * Threads: an an_exhibits belongs to one; the rest is pure, or reads files that are whole. */
#ifndef AN_AGENT_EXHIBIT_H
#define AN_AGENT_EXHIBIT_H

#include "agent/alarm_record.h"
#include "agent/pipeline.h"
#include "base/buf.h"
#include "base/file.h"

enum { AN_KEEP_NOTHING, AN_KEEP_MAPS, AN_KEEP_IMAGES };

typedef struct an_exhibit {
    char name[AN_ALARM_PICTURE_MAX]; /* "cam-1-7" */
    size_t height, width, channels;
    uint8_t *map;   /* (height, width) */
    uint8_t *image; /* (height, width, channels); NULL: not kept */
    char *signal;   /* JSON, and neither map nor image; NULL: of an image */
    bool advice;    /* signal is advice */
} an_exhibit;

/* NULL: out of memory. */
an_exhibit *an_exhibit_new(const char *line, uint64_t alarm, const an_seen *seen, bool with_image);
an_exhibit *an_exhibit_of_signal(const char *line, uint64_t alarm,
                                 char *text); /* takes text, also if it fails */
an_exhibit *an_exhibit_of_advice(const char *line, uint64_t alarm, char *text); /* likewise */
void an_exhibit_free(an_exhibit *e);

typedef struct an_exhibits an_exhibits;
/* dir: the data folder.  Errors: IO, NOMEM. */
an_err an_exhibits_open(const char *dir, uint64_t quota_bytes, an_exhibits **ret, an_note *why);
void an_exhibits_close(an_exhibits *x); /* NULL is fine */
/* In place of an earlier one of the same alarm.  Beyond the quota the oldest go.  Errors: IO, NOMEM. */
an_err an_exhibits_keep(an_exhibits *x, const an_exhibit *e, an_note *why);

/* name: as in a record.  Errors: INVAL it is no such name, LIMIT. */
an_err an_exhibit_path(char ret[static AN_PATH_MAX], const char *dir, const char *name, bool map,
                       an_note *why);
/* Appends the signal of an alarm.  Errors: INVAL; NOTFOUND none, or no more; LIMIT, IO, NOMEM. */
an_err an_exhibit_signal(const char *dir, const char *name, an_buf *ret, an_note *why);
an_err an_exhibit_advice(const char *dir, const char *name, an_buf *ret, an_note *why); /* likewise */
/* What was kept of it; the caller's.  Errors: INVAL; NOTFOUND nothing any more; PROTO damaged; IO, NOMEM. */
an_err an_exhibit_read(const char *dir, const char *name, an_exhibit **ret, an_note *why);
/* Appends a PNG for people: the image, grey where none was kept, redder where the map is above 1. */
an_err an_exhibit_overlay(const an_exhibit *e, an_buf *ret);

#endif
