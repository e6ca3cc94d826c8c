/* records.h - the kinds of records the journal knows: the rows of records.def.
 *
 *     const an_record_kind *kind = an_record_kind_find("site.approved");
 *     if (kind)
 *         printf("%s: %s\n", kind->name, kind->meaning);
 *
 * Threads: everything here is immutable; call from anywhere. */
#ifndef AN_COORDINATOR_RECORDS_H
#define AN_COORDINATOR_RECORDS_H

#include <stddef.h>

typedef struct an_record_kind {
    const char *name;    /* "round.opened" */
    const char *subject; /* what the record's subject names: "round" */
    const char *fields;  /* of the JSON body, separated by blanks; 'name?' may be absent */
    const char *meaning;
} an_record_kind;

#define AN_RECORD(name, subject, fields, meaning) +1
enum {
    AN_RECORD_KINDS = 0
#include "coordinator/records.def"
};
#undef AN_RECORD

const an_record_kind *an_record_kind_find(const char *name); /* NULL: no such kind */
const an_record_kind *an_record_kind_at(size_t i);           /* the table in order; NULL past its end */

#endif
