/* The graphs of classification: a training step, an evaluation step, and what they are made of. */
#ifndef CUPEL_TRAIN_CLASSIFY_H
#define CUPEL_TRAIN_CLASSIFY_H

#include "train/setup.h"

/* A split as states of the store: `images` u8 [rows, C, H, W] and `labels` i32 [rows] may hold more than the
 * split, whose samples are the rows order[0..count). The cursor, i64 [1], is the place in `order` of the next
 * batch.
 *
 * Images that the device has no room for stay on the host: `images` then has room for one batch, which is
 * staged before each run. */
struct samples {
    const char *images, *labels, *order, *cursor;
    int64_t rows, count;
    const uint8_t *staged;      /* all images of the split's data set, or NULL when the device has them */
    const int32_t *staged_rows; /* `order` on the host; NULL: all, as they lie */
};
#define STAGED_IMAGES "data.batch"

/* Where the steps add up what they measure: f32 [3]. */
enum { METRIC_LOSS, METRIC_CORRECT, METRIC_THIRD, METRICS };
#define TRAIN_METRICS "train.metrics" /* sums of the loss, of right answers / batch, and of finite losses */
#define EVAL_METRICS \
    "eval.metrics" /* sums over the samples: loss, right answers, label among the first five */
#define EVAL_CONFUSION "eval.confusion" /* i32 [classes, classes] */

/* The rates of an epoch's steps, f32 [steps], and their numbers, i32 [steps]: step s trains with rates[s mod
 * steps]. */
#define SCHEDULE_RATES "schedule.rates"
#define SCHEDULE_ORDER "schedule.order"

/* In f16: what the loss is multiplied by, f32 [1], and the steps whose gradient was finite since that changed last, and in
 * all, i64 [2]. */
#define LOSS_SCALE "loss_scale"
#define LOSS_SCALE_COUNTS "loss_scale.counts"

/* The states of the optimizer, each as large as the network's range. */
enum { MAX_MOMENTS = 2 };
int moment_count(const struct cupel_optimizer_settings *optimizer);
/* "optimizer.moment1": the state is called "optimizer.moment1.NETWORK", a parameter's part in a file
 * "optimizer.moment1.PARAMETER". */
const char *moment_name(const struct cupel_optimizer_settings *optimizer, int index);

/* Writes "PREFIX.NETWORK", the name of a range beside the parameters', into `name` of NAME_ROOM bytes. */
enum { NAME_ROOM = 400 };
const char *range_name(const struct setup *setup, const char *prefix, char *name);
#define EMA_PREFIX "ema"

/* Tensors of a training step; the arrays, which may be NULL, have room for all layers and parameters. */
struct training {
    struct cupel_tensor *logits, *loss;
    struct cupel_tensor **activations, **gradients;
};

/* Appends a training step for images of the graph's type, [batch, data.shape], and labels: forward, loss,
 * backward, optimizer, averaging, and the step's count. `epoch_steps` is the size of the table of rates. */
void training_append(const struct setup *setup, struct cupel_graph *graph, struct cupel_tensor *images,
                     struct cupel_tensor *labels, int64_t epoch_steps, struct training *training);

/* Compiles a training step on the next `batch` samples. */
enum cupel_status training_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                                   int64_t epoch_steps, struct cupel_plan **plan, struct cupel_error *error);

/* Compiles an evaluation step on the next `batch` samples; its output is the probabilities f32 [batch,
 * classes]. `average` takes the averaged weights. */
enum cupel_status evaluation_compile(const struct setup *setup, const struct samples *samples, int64_t batch,
                                     bool average, struct cupel_plan **plan, struct cupel_error *error);

/* Compiles the forward pass of images in the state PREDICT_IMAGES, u8 [batch, data.shape]; output as above.
 */
#define PREDICT_IMAGES "predict.images"
enum cupel_status prediction_compile(const struct setup *setup, int64_t batch, struct cupel_plan **plan,
                                     struct cupel_error *error);

#endif
