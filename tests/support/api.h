/* api.h - the API on a hub without sockets, with a store in a folder of its own and a clock that stands.
 *
 * Threads: belongs to one thread. */
#ifndef AN_TEST_API_H
#define AN_TEST_API_H

#include "base/clock.h"
#include "base/file.h"
#include "coordinator/api/api.h"

typedef struct an_test_api {
    char dir[AN_PATH_MAX];
    an_clock_fake clock;
    an_store *store;
    an_hub *hub;
    an_api *api;
    uint8_t keys[3][64];
    unsigned people; /* 2: as approve.people */
} an_test_api;

/* *f is zeroed by the caller, but for people.  Fails the test. */
void an_test_api_open(an_test_api *f);
void an_test_api_again(an_test_api *f); /* as a coordinator that has been started again */
void an_test_api_close(an_test_api *f);

/* As `who`.  The answer belongs to the caller (an_api_answer_done). */
an_api_answer an_test_api_ask(an_test_api *f, const an_who *who, const char *method, const char *path,
                              const char *body, const char *idem);
/* Fails the test unless the answer has this status, this text in it and the type that goes with the status.  path is
 * that below /api/v1. */
void an_test_api_expect(an_test_api *f, const an_who *who, const char *method, const char *path,
                        const char *body, unsigned status, const char *says);
/* Appends a record as the hub does.  Fails the test. */
void an_test_api_record(an_test_api *f, const char *kind, const char *subject, const char *actor,
                        const char *body);
/* An approved site with line "l" and all that a site says, by its own words: an alarm, raised and cleared, a drift, a
 * report, counts and a look at this version of the model "pumps".  id: another one for each site. */
void an_test_api_site(an_test_api *f, const char *name, unsigned id, const char *version);
an_who an_test_who(const char *name, an_role role, const char *site); /* site "": all */

#endif
