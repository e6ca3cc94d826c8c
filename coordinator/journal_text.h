/* journal_text.h - a record of the journal as one plain line for people.
 *
 *     char line[AN_JOURNAL_LINE_MAX];
 *     if (an_journal_text(line, record) == AN_OK)
 *         puts(line);
 *
 *     2026-03-09 10:14  site plant-a approved by user/admin (fingerprint 3f2a 99c1)
 *
 * The sentence of a kind is its row in journal_text.def; a kind without a row, or a record
 * whose body lacks what its sentence needs, is shown as kind, subject, actor and `key=value`
 * pairs. Times are UTC.  Hashes and keys are cut to their first 12 digits.  The line holds no
 * control characters whatever the record holds, and is cut with "..." where it would be too
 * long.
 *
 * Threads: pure; call from anywhere. */
#ifndef AN_COORDINATOR_JOURNAL_TEXT_H
#define AN_COORDINATOR_JOURNAL_TEXT_H

#include "base/err.h"
#include "coordinator/store.h"

#define AN_JOURNAL_LINE_MAX 512

/* A body that is not JSON is no error; the line says so.  Errors: NOMEM (out is then ""). */
an_err an_journal_text(char out[static AN_JOURNAL_LINE_MAX], const an_record *record);

#endif
