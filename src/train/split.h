/* The data set in the store: training, validation and test samples. */
#ifndef CUPEL_TRAIN_SPLIT_H
#define CUPEL_TRAIN_SPLIT_H

#include "cupel/data.h"
#include "train/classify.h"

/* Which training images are trained on and which are held out; each list is in ascending order. */
struct division {
    int32_t *train, *validation;
    int64_t train_count, validation_count;
};

/* Holds `held` of `count` images out, chosen by the seed. Free it with division_free. */
enum cupel_status division_make(int64_t count, int64_t held, uint64_t seed, struct division *division,
                                struct cupel_error *error);
void division_free(struct division *division);

/* Reads the model's data set. It has labels, and the model's shape and classes. Bad files that are left out are noted. */
enum cupel_status split_open(const struct setup *setup, struct cupel_dataset *dataset,
                             struct cupel_error *error);

/* The images that `validation:` of the model holds out of `count`. CUPEL_INVALID when none would be left. */
enum cupel_status split_held(const struct setup *setup, int64_t count, int64_t *held,
                             struct cupel_error *error);

/* The three splits as names of states. */
struct samples split_train(const struct division *division);
struct samples split_validation(const struct division *division);
struct samples split_test(int64_t count);

/* Decides whether the images of a split go to the device or are sent by a feed, which is opened then: when the device has no room
 * for them, when they are not in memory, or when `stream` asks for it. To be called before plans are compiled; `split` must outlive
 * them. What a feed sends is noted, under the split's `name`. */
enum cupel_status split_place(struct setup *setup, const char *name, const struct cupel_dataset_split *split,
                              struct samples *samples, struct cupel_error *error);

/* Turns masks of a data set into those of the store: see struct samples. */
void split_shift(uint8_t *masks, int64_t count);

/* Copies labels and, unless a feed sends them, images into the store's states, which plans have declared, and
 * frees what was copied on the host. */
enum cupel_status split_upload(struct setup *setup, const struct samples *samples,
                               struct cupel_dataset_split *split, struct cupel_error *error);

/* Sets the rows that make up a split, in order, and its cursor. `rows` NULL: all of them, as they lie. */
enum cupel_status split_order(struct setup *setup, const struct samples *samples, const int32_t *rows,
                              int64_t cursor, struct cupel_error *error);

#endif
