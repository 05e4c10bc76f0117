/* Measuring a split: every sample once. */
#ifndef CUPEL_TRAIN_EVALUATE_H
#define CUPEL_TRAIN_EVALUATE_H

#include "train/classify.h"

struct evaluator {
    struct samples samples;
    const int32_t *order;           /* of the samples, for a feed; NULL: all, as they lie */
    int64_t batch;                  /* of the full plan */
    struct cupel_plan *full, *rest; /* NULL when no batch is of that size */
};

/* Compiles the plans for full batches and for the remainder. `average`: of the averaged weights. */
enum cupel_status evaluator_open(const struct setup *setup, const struct samples *samples, bool average,
                                 struct evaluator *evaluator, struct cupel_error *error);
void evaluator_close(struct evaluator *evaluator);

/* Measures the whole split; at most `mistakes` wrong answers, or masks, are returned. */
enum cupel_status evaluator_run(struct setup *setup, const struct evaluator *evaluator, int64_t mistakes,
                                struct cupel_evaluation *evaluation, struct cupel_error *error);

#endif
