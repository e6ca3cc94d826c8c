/* The weighted mean (FedAvg, McMahan et al. 2017): what a sum gives, too.  It bears no hostile site. */
#include "coordinator/rule_internal.h"

const an_rule an_rule_mean = {
    .name = "mean",
    .meaning = "the weighted mean; one hostile site can make anything of it",
    .weighted = true,
    .least = an_rule_least_one,
    .combine = an_rule_sum,
};
