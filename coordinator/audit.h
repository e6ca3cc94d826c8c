/* audit.h - reads a journal record by record and checks all that can be checked of it alone.
 *
 *     an_audit *a = NULL;
 *     err = an_audit_new(&a);
 *     for each record, from seq 1 on: err = an_audit_record(a, &record, &why);
 *     printf("%llu records\n", an_audit_look(a)->records);
 *     an_audit_free(a);
 *
 * Checked are the chain of hashes (store.h), and every signature that the journal itself holds: release
 * statements, delegations and revocations under the release root of that time, rotations of the root from the
 * first one on, and the countersigns of sites under the statement key that they had then.  A release by a delegation
 * that was revoked before, or had expired, is none.  So who has only the
 * coordinator can neither write a report of a site nor a release of an offline root into a journal.  What is
 * believed: the first root and the keys that sites came with, which are to be compared with what people know.
 *
 * Pure: no store, no clock; it works on an export without a coordinator.
 *
 * Threads: belongs to one thread. */
#ifndef AN_COORDINATOR_AUDIT_H
#define AN_COORDINATOR_AUDIT_H

#include "base/buf.h"
#include "base/err.h"
#include "coordinator/store.h"

typedef struct an_audit an_audit;

typedef struct an_audit_counts {
    uint64_t records;
    an_hash chain;          /* of the last one */
    uint64_t reports;       /* countersigned by their site */
    uint64_t reports_plain; /* of before sites countersigned */
    uint64_t releases;      /* each under the root or a delegation of it */
    uint64_t delegations, revocations, rotations;
    uint64_t withheld; /* records of an export whose body is a secret: there is its hash in place of it */
} an_audit_counts;

an_err an_audit_new(an_audit **ret); /* Errors: NOMEM */
void an_audit_free(an_audit *a);

/* The next record, with its chain.  Errors: PROTO it is missing, changed, or says what its statement does not;
 * AUTH a signature does not hold; NOMEM.  After an error the audit is over. */
an_err an_audit_record(an_audit *a, const an_record *r, an_note *why);
/* The next one is of an export and its body is left out, but for its hash. */
an_err an_audit_withheld(an_audit *a, const an_record *r, const an_hash *body, an_note *why);
const an_audit_counts *an_audit_look(const an_audit *a);

/* ---- an export: a line of JSON for each record ----
 *
 * {"seq":1,"time_ms":...,"kind":"...","subject":"...","actor":"...","idem":null,"body":"{...}","chain":"..."}
 *
 * body is the record's own text, byte by byte, as the chain needs it; null: withheld, and then "body_hash" is the
 * hash of it. */
#define AN_AUDIT_LINE_MAX ((size_t)8 << 20)

/* Appends the line with its end.  Errors: LIMIT, NOMEM. */
an_err an_audit_line(const an_record *r, bool withheld, an_buf *out);
/* Reads one line, without its end, and checks it as an_audit_record does.  Errors: as there. */
an_err an_audit_take(an_audit *a, const char *line, size_t len, an_note *why);

#endif
