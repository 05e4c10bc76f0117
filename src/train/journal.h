/* What a run writes down as it goes: metrics.jsonl and TensorBoard events. */
#ifndef CUPEL_TRAIN_JOURNAL_H
#define CUPEL_TRAIN_JOURNAL_H

#include "cupel/train.h"

struct journal;

#define JOURNAL_FILE "metrics.jsonl"

/* Opens the journal of a run in `directory`, which exists. `step` is the one that the run goes on from: lines
 * about later steps, which a killed run left, are removed. With step 0 the journal begins anew. `*time` gets
 * the seconds of the last line that stays. `kinds` are the numbers that the run has: of classification, of a gan, of a gan's
 * code. */
enum { JOURNAL_CLASSIFY = 1, JOURNAL_GAN = 2, JOURNAL_CODE = 4 };
enum cupel_status journal_open(const char *directory, int64_t step, unsigned kinds, struct journal **journal,
                               double *time, struct cupel_error *error);

enum cupel_status journal_training(struct journal *journal, const struct cupel_training_point *point,
                                   struct cupel_error *error);
/* The point, and of the evaluation that it tells of what points have no place for: the IoU of each class. */
enum cupel_status journal_evaluation(struct journal *journal, const struct cupel_evaluation_point *point,
                                     const struct cupel_evaluation *evaluation, struct cupel_error *error);

enum cupel_status journal_sample(struct journal *journal, const struct cupel_sample_point *point,
                                 struct cupel_error *error);
enum cupel_status journal_warning(struct journal *journal, const struct cupel_warning_point *point,
                                  struct cupel_error *error);

/* NULL is allowed. */
void journal_close(struct journal *journal);

#endif
