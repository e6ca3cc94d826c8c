/* card.h - a model card: what is known of a version, as Markdown for people, from facts alone.
 *
 *     an_buf text;
 *     an_buf_init(&text, AN_CARD_MAX);
 *     err = an_card_text(facts, &text);
 *
 * facts is what GET /versions/{hash} gives as "facts" (api/api_facts.c).  What is absent there is said to be not
 * known; nothing is made up.  The same facts give the same bytes.  After Mitchell et al. 2019, "Model Cards for
 * Model Reporting", with the parts that a journal can answer.
 *
 * Threads: pure. */
#ifndef AN_COORDINATOR_CARD_H
#define AN_COORDINATOR_CARD_H

#include "base/buf.h"
#include "doors/json.h"

#define AN_CARD_MAX ((size_t)256 << 10)

an_err an_card_text(const an_jval *facts, an_buf *out); /* Errors: LIMIT, NOMEM */

#endif
