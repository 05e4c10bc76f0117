/* The graphs of classification, of images and of pixels: a training step, an evaluation step, and what they are made of. */
#ifndef CUPEL_TRAIN_CLASSIFY_H
#define CUPEL_TRAIN_CLASSIFY_H

#include "train/batch.h"
#include "train/update.h"

/* What a training step adds up in TRAIN_METRICS: the loss, right answers / batch, finite losses; and an evaluation step in
 * EVAL_METRICS. */
enum { METRIC_LOSS, METRIC_CORRECT, METRIC_THIRD, METRICS };
#define EVAL_METRICS \
    "eval.metrics" /* sums over the samples: loss, right answers, label among the first five */
/* Of pixels only the loss: there may be more than f32 can count. */
static inline int evaluation_metrics(const struct setup *setup) {
    return setup_segments(setup) ? METRIC_LOSS + 1 : METRICS;
}
#define EVAL_CONFUSION "eval.confusion" /* i32 [classes, classes] */

/* Tensors of a training step; the arrays, which may be NULL, have room for all layers and parameters. */
struct training {
    struct cupel_tensor *logits, *loss;
    struct cupel_tensor **activations, **gradients;
};

/* Appends a training step for images of the graph's type, [batch, data.shape], and their targets: forward, loss,
 * backward, optimizer, averaging, and the step's count. `epoch_steps` is the size of the table of rates. */
void training_append(const struct setup *setup, struct cupel_graph *graph, struct cupel_tensor *images,
                     const struct targets *targets, int64_t epoch_steps, struct training *training);

/* How many answers are right, a real scalar; to a mixture it is the label of its larger part. */
struct cupel_tensor *training_right(struct cupel_tensor *logits, const struct targets *targets);

/* Compiles a training step on the next `batch` samples. */
enum cupel_status training_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                                   int64_t epoch_steps, struct cupel_plan **plan, struct cupel_error *error);

/* What steps have added up, as a line of the training curve. */
void training_point(const float *sums, double steps, struct cupel_training_point *point);

/* Compiles an evaluation step on the next `batch` samples; its output is the probabilities f32 [batch,
 * classes], or the logits of the pixels, [batch, classes, H, W]. `average` takes the averaged weights. */
enum cupel_status evaluation_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                                     bool average, struct cupel_plan **plan, struct cupel_error *error);

/* The forward pass of images in the state PREDICT_IMAGES, u8 [batch, data.shape], whose output has `width` numbers of each: the
 * probabilities of the classes, or the classifier's features, which are what goes into its last layer with weights, or the logits
 * of the pixels, [classes, H, W]. */
#define PREDICT_IMAGES "predict.images"
enum prediction_kind { PREDICT_CLASSES, PREDICT_FEATURES, PREDICT_LOGITS };
struct prediction {
    struct cupel_plan *plan;
    int64_t batch, width;
};
enum cupel_status prediction_compile(const struct setup *setup, int64_t batch, enum prediction_kind kind,
                                     struct prediction *prediction, struct cupel_error *error);

/* Runs it on all images, u8 [count, data.shape]; `outputs` is f32 [count, width]. */
enum cupel_status prediction_run(struct setup *setup, const struct prediction *prediction,
                                 const uint8_t *images, int64_t count, float *outputs,
                                 struct cupel_error *error);

#endif
