/* Loading tensors of a file into the store by name, and collecting them from it. */
#ifndef CUPEL_TRAIN_LOAD_H
#define CUPEL_TRAIN_LOAD_H

#include "cupel/weights.h"
#include "train/misfits.h"
#include "train/update.h"

enum load_mode {
    LOAD_PLAIN,  /* the parameters */
    LOAD_AVERAGE /* their average, of a file that has one */
};

/* Loads parameters and running statistics from a file; plans that declare them have been compiled. Where the model has one network, a
 * name may lack its name ("conv1.weight"), as in PyTorch. Numbers of f64, f16 and bf16 are converted, which is noted.
 * CUPEL_INVALID: the message lists every tensor that is missing, unexpected or of another shape. */
enum cupel_status load_weights(struct setup *setup, const char *path, enum load_mode mode,
                               struct cupel_error *error);

/* The same for a run's initial values: what a pattern of `skip` matches keeps those of the model, which is noted. CUPEL_INVALID also
 * when a pattern matches nothing. */
enum cupel_status load_initial(struct setup *setup, const char *path, const char *const *skip, int skip_count,
                               struct cupel_error *error);

/* The same in parts, for files that hold more. Each load_ function claims tensors of the file and notes what
 * does not fit; load_end lists all of it, and the tensors that nobody claimed, and frees what the load holds.
 */
struct load {
    struct setup *setup;
    const char *path;
    const struct cupel_weights *file;
    bool *claimed; /* one for each tensor of the file */
    struct misfits misfits;
    char prefix[100];        /* of names in the file that are the model's but for that; "" */
    const char *const *skip; /* patterns of names; NULL: they cannot be given */
    int skip_count;
    struct buffer skipped; /* names of the model's tensors that patterns matched */
    int skipped_count;
    int converted; /* tensors */
    enum cupel_dtype converted_from;
};
enum cupel_status load_start(struct load *load, struct setup *setup, const char *path,
                             const struct cupel_weights *file, struct cupel_error *error);
/* Parts of a range of the network: tensors called PREFIX.PARAMETER into the state PREFIX.NETWORK; prefix "": PARAMETER, into
 * the network's own range. */
enum cupel_status load_range(struct load *load, const struct learner *learner, const char *prefix,
                             struct cupel_error *error);
/* Running statistics of all networks. */
enum cupel_status load_statistics(struct load *load, struct cupel_error *error);
/* One tensor of exactly this shape and type, into host memory. */
void load_value(struct load *load, const char *name, enum cupel_dtype dtype, int64_t count, void *data);
enum cupel_status load_end(struct load *load, enum cupel_status status, struct cupel_error *error);

/* The name of a state with a range of the network: that of load_range. */
const char *state_name(const struct learner *learner, const char *prefix, char name[NAME_ROOM]);

/* "PREFIX.NAME", or for the prefix "" the name, in memory that the caller frees; NULL without any. */
char *prefixed_name(const char *prefix, const char *name);

/* Whether an entry of the store is a running statistic of a network. */
bool is_statistic(const struct setup *setup, const struct cupel_store_entry *entry);

/* Adds the parts of the state `name`, a range of the network, under their names (behind PREFIX), or every running statistic of
 * the networks. `finite` (may be NULL) is cleared when a number is infinite or NaN. */
enum cupel_status collect_range(struct setup *setup, const struct learner *learner, const char *name,
                                const char *prefix, struct cupel_weights *file, bool *finite,
                                struct cupel_error *error);
enum cupel_status collect_statistics(struct setup *setup, const char *prefix, struct cupel_weights *file,
                                     struct cupel_error *error);

#endif
