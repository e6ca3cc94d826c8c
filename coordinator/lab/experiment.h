/* experiment.h - a described experiment: which model, how to read the data, how to train and to
 * judge.  Widths and names are not in the file; they come from the data.
 *
 *     experiment: asd
 *     task: detect                      a row of tasks.def (tasks.h); says what data, target and figures are
 *     model: |                          architecture (models/model.h)
 *       model: asd
 *       ...
 *     from: backbone.onnx               what the model begins with: an ONNX file or a version, beside this file
 *     detector: pca                     how a window is scored; without a model it is one that sites make of sums
 *     data: {layout: folders, train: train.csv, test: test.csv, labels: test_label.csv}
 *     prep: {window: 5}
 *     train: {rounds: 10, epochs: 1, batch: 64, lr: 0.001}
 *     personal: {epochs: 5, lr: 0.001}
 *     threshold: "target_far:0.01"
 *     tradeoff: ["target_far:0.1"]    policies whose figures are told beside (tradeoff.h)
 *     seeds: [1]
 *     arms: all                         or federation: without local and pooled
 *     policy: {rule: median}            of the federation, over what the rows above say
 *     hostile: {sites: 2, attack: sign_flip, by: 1}
 *
 * The arms, all with the same preprocessing, the same training code and as many passes over the
 * data in total:
 *
 *     local         each site alone
 *     pooled        all data in one place, thresholds at each site
 *     federated     the shared version as the hub promotes it, with the overlay that each
 *                   site's session made: scaler and threshold without labels
 *     personalised  the same version, tuned further at the site
 *
 * Threads: data only. */
#ifndef AN_COORDINATOR_LAB_EXPERIMENT_H
#define AN_COORDINATOR_LAB_EXPERIMENT_H

#include "coordinator/lab/dataset.h"
#include "coordinator/lab/hostile.h"
#include "coordinator/lab/judge.h"
#include "doors/yaml.h"
#include "models/threshold.h"

#define AN_LAB_SEEDS_MAX 32
#define AN_LAB_BOARD_MAX 32
#define AN_LAB_POLICY_MAX 16
#define AN_LAB_TRADEOFF_MAX 32

typedef struct an_lab_board_row { /* what others reported, for comparison */
    const char *name;
    const char *part; /* of the data; NULL: all of it */
    an_lab_figures figures;
} an_lab_board_row;

typedef struct an_experiment {
    an_yaml *doc; /* texts are borrowed from it */
    an_hash text; /* of the file, without comments and seeds */
    const char *name, *about;
    const char *arch;     /* NULL: no network, the detector is all of it */
    const char *detector; /* NULL: as usual */
    char *arch_file;      /* owned: the text of a model file, or NULL */
    char *from;           /* owned: path of what it begins with, or NULL: by lot */
    const struct an_lab_task *task;
    const an_node *data, *target; /* as they stand in the file, for the task; borrowed from doc */
    an_lab_layout layout;         /* of the task detect */
    uint32_t window, stride, smooth;
    const an_node *prep; /* with its steps, which name sensors of the data; borrowed from doc */
    const char *missing; /* NULL: as usual */
    bool site_scaler;
    uint32_t rounds, epochs, batch;
    const char *schedule;             /* constant, cosine */
    double lr, clip_norm, weight_cap; /* weight_cap 0: the largest site's windows */
    double server_lr, server_momentum;
    double holdout;
    uint32_t holdout_min; /* with fewer held-out windows a threshold comes from the fitted ones */
    uint32_t personal_epochs;
    double personal_lr, personal_l2sp;
    bool personal_all;    /* all parameters, else those marked local */
    bool personal_series; /* an overlay for each series, made anew where it begins */
    const char *threshold;
    const char *tradeoff[AN_LAB_TRADEOFF_MAX];
    size_t n_tradeoff;
    bool federation_only; /* without the arms local and pooled */
    bool pooled_scores;   /* figures over all scores together, else the mean over sites */
    bool worst_part;      /* figures of the part of the data that does worst */
    int64_t seeds[AN_LAB_SEEDS_MAX];
    size_t n_seeds;
    size_t cold_sites; /* 0: none; so many sites, each in turn, keep cold_keep of their rows */
    double cold_keep;
    const char *policy[AN_LAB_POLICY_MAX][2]; /* more rows of the model's policy: key and value */
    size_t n_policy;
    size_t hostile_sites; /* the first so many by name are hostile; 0: none */
    an_hostile hostile;
    an_lab_board_row board[AN_LAB_BOARD_MAX];
    size_t n_board;
} an_experiment;

/* Errors: INVAL with file, line and column; NOTFOUND, IO, PROTO, NOMEM. */
an_err an_experiment_load(const char *path, an_experiment *ret, an_note *why);
/* dir: where a model file named in the text is looked for. */
an_err an_experiment_parse(const char *text, size_t len, const char *name, const char *dir,
                           an_experiment *ret, an_note *why);
/* More than the file says.  Both are borrowed.  Errors: LIMIT; INVAL no such attack. */
an_err an_experiment_policy(an_experiment *e, const char *key, const char *value, an_note *why);
an_err an_experiment_hostile(an_experiment *e, size_t sites, const char *attack, double by, an_note *why);
void an_experiment_done(an_experiment *e);

#endif
