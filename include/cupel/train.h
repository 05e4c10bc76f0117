/* Training a model, and using what was trained.
 *
 * cupel_train        trains the model of a model file on its data set
 * cupel_evaluate     measures trained weights on the test split
 * cupel_predict      class probabilities of images
 * cupel_segment      masks of images
 * cupel_dump         some training steps on a given batch, every intermediate value written to a file
 * cupel_rehearse     compiles a step without data, for looking at its plan
 * cupel_history_load the curves of a run, read back from its output directory
 *
 * What a task has no use for, such as class probabilities of a gan, is refused with CUPEL_UNSUPPORTED. Nothing here prints,
 * exits or installs a signal handler: progress goes to callbacks, and a flag given by the caller stops a run.
 */
#ifndef CUPEL_TRAIN_H
#define CUPEL_TRAIN_H

#include <signal.h>

#include "cupel/data.h"
#include "cupel/model.h"
#include "cupel/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is common to all of them ---- */

/* Where to run and what to replace of the model file. Zero-initialised it means: as the model file says, on
 * the best device. */
struct cupel_run_options {
    const char *device; /* as for cupel_device_open; NULL: "auto" */
    int threads;        /* 0: one for each core */
    const char *
        precision; /* "f32", "tf32", "bf16" or "f16"; NULL: as cupel_device_precision has it. One that the device
                              does not compute in is CUPEL_UNSUPPORTED */
    bool deterministic; /* the same bits in every run, even where that is slower; the processor's devices
                              always give them as long as the number of threads stays the same */
    const char *data;   /* NULL: the model's data.path */
    bool
        skip_bad; /* leave out files of a folder that are no whole images; otherwise the first one is an error */
    bool
        stream; /* as `stream: true` of the model's data: leave images in their files, or at least in the host's
                              memory, and send each batch; results are the same */
    int64_t batch; /* images in a batch; 0: the model's */
    bool has_seed; /* whether `seed` replaces the model's */
    uint64_t seed; /* below 2^63 */
    /* Gets a sentence worth showing, such as how many files of a folder were left out, on the caller's thread; NULL: nobody
     * does. */
    void (*note)(void *context, const char *text);
    void *note_context; /* handed to it */
};

/* ---- training ---- */

/* How a GAN's two sides stand. Outputs are the discriminator's for one image; scores are their means, as probabilities for the
 * losses nonsaturating and minimax. */
struct cupel_gan_point {
    double
        discriminator_loss; /* the mean loss on real images and that on generated ones, added, and the penalty */
    double generator_loss;
    double code_loss;               /* of InfoGAN's head; otherwise 0 */
    double real_score;              /* D(x) */
    double fake_score, after_score; /* D(G(z)) before and after the discriminator's update */
    double real_accuracy,
        fake_accuracy; /* part of the outputs on the right side of the middle between the targets */
    double discriminator_gradient, generator_gradient; /* Euclidean norms, before clipping */
    double generator_weights;                          /* Euclidean norm */
    double discriminator_rate;                         /* learning rate of that step */
};

/* A line of the training curve: means since the line before it. */
struct cupel_training_point {
    int64_t step;  /* steps done */
    int64_t epoch; /* the epoch that they ended in, from 1 */
    double loss;   /* classify, segment: as trained on, with label smoothing */
    double
        accuracy; /* classify, segment: 0 to 1, on the augmented training batches, of mixtures by the larger part, of
                        the pixels that have a class */
    struct cupel_gan_point gan; /* gan */
    double rate;                /* learning rate of that step, of a gan's generator */
    double images_per_second;   /* evaluations and checkpoints not counted */
    double data_wait;           /* part of that time, 0 to 1, in which the step waited for its images */
    double time;                /* seconds that the run has taken, resumed parts together */
};

/* A line of the evaluation curve. */
struct cupel_evaluation_point {
    int64_t step, epoch; /* as above */
    bool validation;     /* measured on the validation split; otherwise on the test split */
    double loss;         /* mean of the model's loss, with its label smoothing */
    double accuracy;     /* 0 to 1; segment: of pixels that have a class */
    double top5;         /* classify: 0 to 1: the label is among the five largest outputs */
    double iou;          /* segment: 0 to 1, as in cupel_evaluation */
    double time;
};

/* How varied a GAN's images are, and how close to real ones: measured on the grid that a run makes of the same noise again and
 * again. Both are quotients of Euclidean distances between images and tend to 1 where the generator has learnt all there is. */
struct cupel_sample_point {
    int64_t step, epoch;
    double
        diversity; /* mean distance of two generated images over that of two real ones, in a conditional model of the same class */
    double
        nearest; /* mean distance of a generated image to the nearest of 512 training images, over that of one of those to
                       the nearest of the others; far below 1: copies */
    double time;
};

/* What can go wrong with a GAN's training. */
enum cupel_warning {
    CUPEL_WARNING_DISCRIMINATOR, /* it tells real from generated images without fail */
    CUPEL_WARNING_COLLAPSE,      /* all generated images are alike */
    CUPEL_WARNING_VANISHING,     /* the generator gets no gradient */
    CUPEL_WARNING_NAN,           /* a number is infinite or NaN, and the run ended */
    CUPEL_WARNINGS
};
/* "discriminator too strong", "collapse", "vanishing generator gradient", "NaN"; and what to try. */
const char *cupel_warning_name(enum cupel_warning warning);
const char *cupel_warning_advice(enum cupel_warning warning);

enum { CUPEL_TENSOR_ROOM = 200 };

/* A warning's beginning or end; there is one of each for an episode, however long. */
struct cupel_warning_point {
    int64_t step, epoch;
    enum cupel_warning warning;
    bool over;
    double value; /* the mean, over 100 steps or more, that raised it or ended it */
    char tensor
        [CUPEL_TENSOR_ROOM]; /* of NaN: where the first such number was, as "gradient of generator.up1.weight" */
    double time;
};

/* How far a run is. */
struct cupel_progress {
    struct cupel_training_point point;
    bool logged;         /* the point is one of metrics.jsonl; otherwise it is only for a live display */
    int64_t steps;       /* of the whole run */
    int64_t epochs;      /* of the whole run, the last one possibly cut short by `steps` */
    int64_t epoch_steps; /* steps of one epoch */
    double data_wait;    /* part of the time, 0 to 1, in which the device waited for data */
    double eta;          /* seconds to go */
};

/* Callbacks, each of which may be NULL; they run on the caller's thread, between two steps. `progress` comes
 * for every line of metrics.jsonl and a few times a second besides. */
struct cupel_watcher {
    void *context; /* handed to the callbacks */
    void (*progress)(void *context, const struct cupel_progress *progress);
    void (*evaluated)(void *context, const struct cupel_evaluation_point *point);
};

/* `out` names the directory that takes the run's files; it is made if need be. NULL: nothing is written.
 *
 *   metrics.jsonl                    one object a line, see docs/formats.md; cupel_history_load reads it
 *   events.out.tfevents.*            the same for TensorBoard
 *   checkpoint.safetensors           everything that a run needs to go on; written at the end of each
 *                                    epoch, every checkpoint_steps steps, and when the run ends or is
 *                                    stopped
 *   checkpoint.previous.safetensors  the one before it, should that one be damaged
 *   best.safetensors                 the weights with the best accuracy (segment: mean IoU) so far on the
 *                                    validation split, or on the test split of a model without one
 *   healthy.safetensors              of a gan: the last checkpoint that was written while no warning was
 *                                    active
 *   samples/NNNNNN.png               of a gan: images that its generator, with averaged weights if there
 *                                    are any, makes after so many steps, always of the same noise
 *
 * The files of an earlier run are replaced, unless `resume` goes on with it. */
struct cupel_train_options {
    struct cupel_run_options run;
    int64_t epochs, steps; /* 0: the model's; the run ends with whichever comes first */
    const char *out;       /* see above */
    bool resume;           /* go on from the checkpoint in `out` */
    const char *init;      /* a safetensors file whose tensors replace the parameters' initial values */
    const char *const *
        init_skip; /* patterns (as of a shell: * ? []) of names of tensors, `init_skip_count` of them, that keep
                                     their initial values, whatever the file has; a note lists them */
    int init_skip_count;
    int64_t checkpoint_steps; /* 0: only at the end of each epoch */
    int64_t
        log_steps; /* steps between two training lines; 0: a hundredth of the run, 1 to 50. An epoch's last step has a
                          line too */
    int64_t
        sample_steps; /* of a gan: steps between two grids of samples/; 0: a twentieth of the run. The last step has one too
                           */
    const volatile sig_atomic_t *stop; /* when it is set, the step under way is finished, a checkpoint is
                                          written and the run ends; NULL: never */
    struct cupel_watcher watcher;
};

/* A test image that got the wrong class. */
struct cupel_mistake {
    int64_t index; /* in the test split */
    int32_t label, predicted;
    float probability; /* of the predicted class */
};

/* What was measured on a split; free it with cupel_evaluation_free. */
struct cupel_evaluation {
    int64_t count;               /* samples, each counted once; 0: nothing was measured */
    double loss, accuracy, top5; /* segment: accuracy of the pixels that have a class; top5 0 */
    int64_t classes;
    int64_t
        *confusion; /* [classes, classes]: entry [label][predicted] counts the samples; segment: the pixels */
    double *
        class_iou; /* segment: [classes], pixels in both of what a class is and what was taken for it over pixels in either
                           (intersection over union, Jaccard); NaN where there is neither. NULL of other tasks */
    double iou; /* segment: its mean over the classes that have one */
    uint8_t
        *masks; /* segment: predicted ones of the first `mask_count` samples, [mask_count, height, width] */
    int64_t mask_count;
    struct cupel_mistake *mistakes; /* the most confident ones, most confident first */
    int64_t mistake_count;
};

void cupel_evaluation_free(struct cupel_evaluation *evaluation);

/* How a run ended. Zero-initialise it, free what it holds with cupel_train_result_free. */
struct cupel_train_result {
    int64_t step, epoch;  /* reached; epochs are counted from 1 */
    bool stopped;         /* by the flag */
    bool early;           /* by `early_stopping` */
    bool failed;          /* by a number that was infinite or NaN */
    double best_accuracy; /* of the evaluations that best.safetensors is chosen by; segment: mean IoU */
    struct cupel_evaluation evaluation; /* of the test split, when it was measured last */
};
void cupel_train_result_free(struct cupel_train_result *result);

/* Trains the model. The order of the images is a Philox permutation of (seed, epoch); the validation split,
 * if the model asks for one, is taken out of the training images by the seed. A resumed run repeats the
 * interrupted one bit by bit on the same device and number of threads.
 *
 * With `ema`, evaluations and best.safetensors use the averaged weights.
 *
 * CUPEL_INVALID: the data set is missing, damaged or does not fit the model; a checkpoint or the file of
 * `init` is missing, damaged or does not fit (all names that do not are listed); an option is impossible.
 * CUPEL_FAILED: the loss or a parameter became infinite or NaN; the message names the step, and the
 * checkpoint from before it stays. Of a gan the steps since that checkpoint are then repeated, and the message also names the
 * network, layer and tensor in which the first such number appeared. `result` has the step then, and nothing else. */
enum cupel_status cupel_train(const struct cupel_model *model, const struct cupel_train_options *options,
                              struct cupel_train_result *result, struct cupel_error *error);

/* ---- using what was trained ---- */

/* The following take `weights`, a safetensors file with the parameters and running statistics by name: any
 * file of cupel_train, or a PyTorch state_dict saved with the names that the model gives. Of a checkpoint
 * with averaged weights the average is used. Numbers of f64, f16 and bf16 become f32, which is noted. CUPEL_INVALID, the names
 * listed (of many the first 20 of a kind), unless it has each tensor in its shape. */

/* Measures the weights on the test split; `mistakes` is the most of them, or of a segmenter's masks, to return. */
enum cupel_status cupel_evaluate(const struct cupel_model *model, const struct cupel_run_options *options,
                                 const char *weights, int64_t mistakes, struct cupel_evaluation *evaluation,
                                 struct cupel_error *error);

/* Class probabilities, [count, data.classes], of `count` images, [count, data.shape] with pixels from 0 to
 * 255. */
enum cupel_status cupel_predict(const struct cupel_model *model, const struct cupel_run_options *options,
                                const char *weights, const uint8_t *images, int64_t count,
                                float *probabilities, struct cupel_error *error);

/* The names of the model's classes: those that the model file gives, otherwise those of the directories of its folder of images,
 * where that can be listed and has as many. Free them with cupel_class_names_free. */
void cupel_class_names(const struct cupel_model *model, const struct cupel_run_options *options,
                       struct cupel_class_names *names);

/* The classes of the pixels, [count, height, width], of images as for cupel_predict, of a model of task segment. */
enum cupel_status cupel_segment(const struct cupel_model *model, const struct cupel_run_options *options,
                                const char *weights, const uint8_t *images, int64_t count, uint8_t *masks,
                                struct cupel_error *error);

/* Runs `steps` training steps on one batch from the safetensors file `batch`, with `image` f32 [N,
 * data.shape], already normalised, and `label` i32 or i64 [N], of task segment [N, H, W] with CUPEL_NO_CLASS where a pixel has no
 * class, and writes to the safetensors file `out`:
 *   loss/loss                     f32 [steps]
 *   act/NETWORK.LAYER             result of every layer in the first step
 *   grad/PARAMETER                gradient of every parameter in the first step, before clipping
 *   param/NAME                    every parameter and running statistic after the last step
 * No data set is needed. The batch size is N; a schedule sees a run of one epoch with `steps` steps; nothing
 * is augmented. `weights` NULL starts from the model's initial values. */
enum cupel_status cupel_dump(const struct cupel_model *model, const struct cupel_run_options *options,
                             const char *weights, const char *batch, int64_t steps, const char *out,
                             struct cupel_error *error);

/* ---- looking before training ---- */

/* A compiled step together with what it runs on. It holds random numbers for images and can be run and
 * profiled (cupel_plan_profile), but learns nothing. */
struct cupel_rehearsal {
    struct cupel_device *device;
    struct cupel_store *store;
    struct cupel_plan *plan;
};

/* Compiles one training step (or, unless `training`, one evaluation step) of the model for the options'
 * batch. Reads no data. Free it with cupel_rehearsal_free. */
enum cupel_status cupel_rehearse(const struct cupel_model *model, const struct cupel_run_options *options,
                                 bool training, struct cupel_rehearsal *rehearsal, struct cupel_error *error);
void cupel_rehearsal_free(struct cupel_rehearsal *rehearsal);

/* ---- looking back ---- */

/* The curves of a run. Zero-initialise it, free it with cupel_history_free. */
struct cupel_history {
    struct cupel_training_point *training;
    size_t training_count;
    struct cupel_evaluation_point *evaluations;
    size_t evaluation_count;
    struct cupel_sample_point *samples;
    size_t sample_count;
    struct cupel_warning_point *warnings;
    size_t warning_count;
};

/* Reads a run's metrics.jsonl. CUPEL_INVALID when there is none, or when a line is no such object (the
 * message names it); a last line that was not finished is left out. Values that JSON cannot say (NaN) come
 * back as NaN. */
enum cupel_status cupel_history_load(const char *path, struct cupel_history *history,
                                     struct cupel_error *error);
void cupel_history_free(struct cupel_history *history);

#ifdef __cplusplus
}
#endif
#endif
