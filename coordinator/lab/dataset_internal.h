/* dataset_internal.h - what the files that read data sets share.  See dataset.h. */
#ifndef AN_COORDINATOR_LAB_DATASET_INTERNAL_H
#define AN_COORDINATOR_LAB_DATASET_INTERNAL_H

#include "base/file.h"
#include "coordinator/lab/dataset.h"

void an_lab_table_conf(const an_lab_layout *l, an_table_conf *ret);

/* an_lab_data_read of the layout SEGMENTS. */
an_err an_lab_segments_read(const an_lab_layout *l, const char *dir, an_lab_data *ret, an_note *why);

#endif
