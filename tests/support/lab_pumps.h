/* lab_pumps.h - simulated pumps cut into windows, for tests that run a whole federation in the laboratory.
 *
 *     an_lab_pumps *p = an_lab_pumps_new(3, 600);      three sites, so many rows each
 *     conf.sites = p->sites;  spec.sensors = p->data.names ...
 *     an_lab_pumps_free(p);
 *
 * Threads: one. */
#ifndef AN_TESTS_LAB_PUMPS_H
#define AN_TESTS_LAB_PUMPS_H

#include "coordinator/lab/dataset.h"
#include "coordinator/lab/federation.h"

#define AN_LAB_PUMPS_MAX 9
#define AN_LAB_PUMPS_WINDOW 2 /* rows of a window */

typedef struct an_lab_pumps {
    an_lab_data data;
    size_t n;
    an_lab_cut cuts[AN_LAB_PUMPS_MAX];
    an_federation_site sites[AN_LAB_PUMPS_MAX]; /* (n) they borrow from this */
    an_calibrate_opts calibrate;
} an_lab_pumps;

extern const char an_lab_pumps_arch[]; /* a small autoencoder of such windows */

an_lab_pumps *an_lab_pumps_new(size_t n, size_t rows); /* a failure is the test's */
void an_lab_pumps_free(an_lab_pumps *p);

#endif
