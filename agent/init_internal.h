/* init_internal.h - the parts of the verb init: init.c (the way through), init_ask.c (questions), init_look.c (values),
 * init_judge.c (what they are), init_write.c (the file), and a row for each kind of source: init_kinds.c, init_files.c,
 * init_modbus.c, init_mqtt.c, init_opcua.c, init_sql.c, init_cameras.c. */
#ifndef AN_AGENT_INIT_INTERNAL_H
#define AN_AGENT_INIT_INTERNAL_H

#include "agent/init.h"
#include "agent/init_judge.h"
#include "agent/source.h"
#include "base/buf.h"
#include "base/file.h"
#include "doors/yaml.h"

#define INIT_OPTIONS_MAX 48
#define INIT_VALUE_MAX 1024
#define INIT_AT_MAX 700
#define INIT_KEPT_ROWS 256
#define INIT_TEXT_MAX ((size_t)1 << 20) /* as long as a configuration may be */
#define INIT_NOTES_MAX 16

/* One option of the source. */
typedef struct init_option {
    char key[40];
    char value[INIT_VALUE_MAX]; /* as YAML */
    char note[120];             /* why; "" */
    bool device;                /* modbus: of its device */
    bool given;                 /* by a person: nothing changes it */
} init_option;

typedef struct init_tag {
    char name[AN_SOURCE_NAME_MAX]; /* of the sensor */
    char unit[16];                 /* "" if unknown */
    char at[INIT_AT_MAX];          /* further keys of the tag, as YAML; "": the name is all */
    char note[120];
    char why[AN_INIT_WHY_MAX]; /* not taken, and why; "": taken */
    an_init_stats stats;
} init_tag;

struct init_kind;
typedef struct init {
    const an_init_opts *opts;
    const struct init_kind *kind;
    const an_source_type *type;
    char where[AN_PATH_MAX];
    init_option options[INIT_OPTIONS_MAX];
    size_t n_options;
    init_tag *tags;
    size_t n_tags, tags_cap;
    char notes[INIT_NOTES_MAX][160]; /* said to the person, and written at the top of the source */
    size_t n_notes;

    /* Of the last look. */
    uint64_t rows;
    int64_t step_ms;    /* median time between two rows; 0: unknown */
    int64_t image_rows; /* rows up to the first one that is no continuation: of an image */
    bool folder;        /* of files, each of which begins anew */
    int64_t stretch;    /* rows of the longest one without a break; 0: no break was seen */
    float *kept;        /* (INIT_KEPT_ROWS, n_tags) the first rows */
    size_t n_kept, width;
} init;

typedef struct init_kind {
    const char *name;
    const char *key;      /* the option that `where` is; NULL: find says it */
    const char *question; /* what it asks */
    /* Fills options, and tags where they must be named.  NULL: what was given is all. */
    an_err (*find)(init *w, an_note *why);
    /* After a look: makes other tags of what was seen; *ret_again: look at them.  NULL: nothing. */
    an_err (*refine)(init *w, bool *ret_again, an_note *why);
    /* The tags that are taken (kept_only) or all, as lines of the source's mapping.  NULL: it cannot choose among them. */
    void (*put_tags)(const init *w, an_buf *b, const char *indent, bool kept_only);
    bool window_is_rows; /* a window is one image */
} init_kind;
const init_kind *init_kind_find(const char *name);

/* init_files.c, ... */
an_err init_csv_find(init *w, an_note *why);
an_err init_csv_refine(init *w, bool *ret_again, an_note *why);
an_err init_images_find(init *w, an_note *why);
an_err init_wav_find(init *w, an_note *why);
an_err init_modbus_find(init *w, an_note *why);
an_err init_modbus_refine(init *w, bool *ret_again, an_note *why);
void init_modbus_put(const init *w, an_buf *b, const char *indent, bool kept_only);
an_err init_mqtt_find(init *w, an_note *why);
an_err init_mqtt_refine(init *w, bool *ret_again, an_note *why);
an_err init_opcua_find(init *w, an_note *why);
an_err init_opcua_refine(init *w, bool *ret_again, an_note *why);
an_err init_sql_find(init *w, an_note *why);
an_err init_camera_find(init *w, an_note *why);

/* ---- what they share ---- */

/* Sets an option, unless a person has given it.  value is YAML; init_quote makes it of a text. */
void init_set(init *w, const char *key, const char *value, const char *note);
const init_option *init_get(const init *w, const char *key); /* NULL: not set */
void init_quote(char *out, size_t cap, const char *text);
void init_note(init *w, const char *fmt, ...) AN_PRINTF(2, 3);
/* A zeroed one at the end; NULL: no more memory, or too many.  Names are made unique and printable. */
init_tag *init_tag_add(init *w, const char *name);
size_t init_tags_kept(const init *w);

/* init_ask.c: *ret is what a person says, or dflt; dflt NULL: it must be said.  Errors: INVAL, IO. */
an_err init_ask(const init *w, const char *question, const char *flag, const char *dflt, char *ret,
                size_t cap, an_note *why);

/* init_write.c: the source's mapping (with `type:`), each line behind indent. */
void init_put_source(const init *w, an_buf *b, const char *indent, bool kept_only);
an_err init_put_file(const init *w, an_buf *b, const char *site, const char *data, const char *line,
                     const char *model);

/* init_look.c.  Parses what init_put_source makes.  Errors: INVAL, NOMEM. */
an_err init_doc(const init *w, bool kept_only, an_yaml **ret, an_note *why);
/* Opens the source as it stands and looks at its values; without tags, they are made of its sensors.
 * Errors: as an_source_open. */
an_err init_look(init *w, int64_t for_ms, an_note *why);
/* A time between two rows that misses no change of the fastest tag, and is no less than 100 ms; it becomes step_ms. */
int64_t init_step(init *w);
/* Opens the source with the tags that are taken until a row comes.  Errors: NOTFOUND none came. */
an_err init_try(init *w, int64_t for_ms, an_note *why);
/* Takes rows of an open source for at most for_ms: see says whether it has enough.  A file that ends for now is waited for
 * only if it has fewer than `least`. */
an_err init_rows(an_source *src, int64_t for_ms, uint64_t least, bool (*see)(void *ctx, const an_batch *b),
                 void *ctx, an_note *why);

#endif
