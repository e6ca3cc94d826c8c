/* job_internal.h - what job.c and job_deliver.c share.  See job.h. */
#ifndef AN_AGENT_JOB_INTERNAL_H
#define AN_AGENT_JOB_INTERNAL_H

#include "agent/job.h"
#include "agent/residual.h"
#include "agent/variates.h"
#include "sum/payload.h"

/* <local_dir>/<layout hash>.<what>: what the site keeps between rounds of a layout. */
an_err an_job_local_path(const an_job *job, const an_hash *layout, const char *what,
                         char out[static AN_PATH_MAX]);

/* What the site has kept back of earlier updates, if the plan's encoding keeps anything back. */
an_err an_job_residual_open(const an_job *job, an_residual *ret, an_note *why);

/* What the site corrects its training by, if the plan says so (variates.h); kept before the update is offered. */
an_err an_job_variates_open(const an_job *job, const an_bundle *base, an_variates *ret, an_note *why);
an_err an_job_variates_keep(an_job *job, an_variates *c, an_note *why);

/* To the update's file; of a secure sum to the session, for it is not masked yet.  Takes the vector then.
 * The residual is durable before the file is there. */
an_err an_job_deliver(an_job *job, const an_payload_facts *facts, uint32_t **vector, an_residual *r,
                      an_note *why);

/* job_memory.c: bytes at most.  b: the version that is trained, calibrated or judged; files: before it is read. */
an_err an_job_memory_files(const an_job *job, uint64_t *ret, an_note *why);
an_err an_job_memory(const an_job *job, const an_site_data *d, const an_bundle *b, uint64_t *ret,
                     an_note *why);
/* b NULL: of the files alone.  Errors: REFUSED more than job->memory_left, and those of reading. */
an_err an_job_fits(const an_job *job, const an_site_data *d, const an_bundle *b, an_note *why);

#endif
