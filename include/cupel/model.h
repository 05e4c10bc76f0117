/* Model files: one YAML file is one experiment, its data, networks and training. docs/formats.md lists the
 * keys.
 *
 * Reading checks everything that can be known without data: keys, types, bounds, the names that layers refer
 * to, and every shape, by building each network once for one sample. What is wrong is reported as
 * CUPEL_INVALID with the line quoted:
 *
 *     lenet5.yaml:12:28: unknown key of conv 'kernal'; did you mean 'kernel'? (known: ...)
 *                   - conv: {out: 6, kernal: 5}
 *                                    ^
 *
 * Everything that is returned belongs to the model and lives as long as it. */
#ifndef CUPEL_MODEL_H
#define CUPEL_MODEL_H

#include "cupel/data.h"
#include "cupel/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cupel_model;
struct cupel_network;

enum cupel_task {
    CUPEL_TASK_CLASSIFY,
    CUPEL_TASK_GAN,
    CUPEL_TASK_SEGMENT, /* a class for each pixel; its labels are masks */
};

enum cupel_data_format {
    CUPEL_DATA_IDX,
    CUPEL_DATA_CIFAR10,
    CUPEL_DATA_CIFAR100,
    CUPEL_DATA_FOLDER,
    CUPEL_DATA_NPY,
};

/* As in model files and in cupel_dataset_spec: "cifar10". */
const char *cupel_data_format_text(enum cupel_data_format format);

/* `data: {augment: ...}`: what is done to training images once they are normalised, in this order. */
struct cupel_augment_settings {
    bool flip;      /* mirror every other image, at random */
    int64_t crop;   /* shift by up to so many pixels; 0: off */
    bool resamples; /* `rotate`, `translate` or `scale` is given: what is not leaves images as they are */
    struct cupel_affine affine;
    bool fills; /* what comes into the image is `fill`, a pixel from 0 to 1; otherwise the mean colour */
    double fill;
    bool recolours; /* `color_jitter` is given */
    struct cupel_jitter jitter;
    int64_t cutout; /* the side of a square that becomes the mean colour, in pixels; 0: off */
    double mixup;   /* alpha of the Beta that the share in a mixture is drawn from; 0: off */
};

/* `data:`. Pixels are divided by 255, then normalised as (x - mean[c]) / deviation[c]. */
struct cupel_data_settings {
    enum cupel_data_format format;
    const char *path;
    struct cupel_shape shape; /* of one image: [C, H, W] */
    bool resize;              /* `resize: true`: scale and cut a folder's images of another size */
    const char *cache;        /* `cache: DIR`: where a folder's decoded images are kept; NULL: nowhere */
    enum cupel_stream
        stream;       /* `stream: auto`: whether images stay in their files, or in the host's memory */
    int64_t workers;  /* `workers: 4`: threads that read and decode images; 0: one for each core */
    int64_t prefetch; /* `prefetch: 2`: batches that are read ahead of the step */
    int64_t classes;  /* 0: the data has no labels that matter */
    const char *const *class_names; /* one for each class; NULL unless `class_names` is given */
    const double *mean, *deviation; /* C values each; 0 and 1 unless `normalize` is given */
    struct cupel_augment_settings augment;
    double validation_fraction; /* `validation: 0.1`: part of the training images held out; 0: none */
    int64_t validation_count;   /* `validation: 5000`: the same as a number of images; 0: none */
};

enum cupel_loss {
    CUPEL_LOSS_CROSS_ENTROPY, /* classify, and segment: the mean over the pixels that have a class */
    CUPEL_LOSS_DICE, /* segment: 1 - the soft Dice coefficient, mean over the classes (Milletari et al. 2016, V-Net) */
    CUPEL_LOSS_CROSS_ENTROPY_DICE, /* segment: the first + `dice_weight` times the second */
    CUPEL_LOSS_NONSATURATING,      /* gan: Goodfellow et al. 2014, the generator maximises log D(G(z)) */
    CUPEL_LOSS_MINIMAX,            /* gan: the same paper's saturating form */
    CUPEL_LOSS_LEAST_SQUARES,      /* gan: Mao et al. 2017 */
    CUPEL_LOSS_HINGE,              /* gan: Lim and Ye 2017 */
    CUPEL_LOSS_WASSERSTEIN,        /* gan: Arjovsky et al. 2017 */
};

/* What a network does in its task. The settings of updates are indexed by it; `classify` and `segment` have one network, of
 * role 0. */
enum cupel_role {
    CUPEL_ROLE_CLASSIFIER = 0,
    CUPEL_ROLE_GENERATOR = 0,
    CUPEL_ROLE_DISCRIMINATOR = 1,
    CUPEL_ROLE_CODE = 2, /* InfoGAN's head on the discriminator, which guesses the generator's code */
    CUPEL_ROLES = 3,
};

enum cupel_optimizer {
    CUPEL_OPTIMIZER_SGD,
    CUPEL_OPTIMIZER_ADAM,
    CUPEL_OPTIMIZER_ADAMW,
    CUPEL_OPTIMIZER_RMSPROP,
    CUPEL_OPTIMIZER_ADAGRAD,
};

/* `train: {optimizer: ...}`; defaults are those of torch.optim. Only the member of the kind is filled. */
struct cupel_optimizer_settings {
    enum cupel_optimizer kind;
    double rate; /* lr */
    struct cupel_sgd sgd;
    struct cupel_adam adam; /* of adam and adamw */
    struct cupel_rmsprop rmsprop;
    struct cupel_adagrad adagrad;
};

enum cupel_schedule {
    CUPEL_SCHEDULE_CONSTANT,
    CUPEL_SCHEDULE_STEP,   /* times `gamma` after every `every` epochs */
    CUPEL_SCHEDULE_COSINE, /* half a cosine from lr to `min_lr` over the run (Loshchilov and Hutter 2017) */
    CUPEL_SCHEDULE_ONE_CYCLE, /* torch.optim.lr_scheduler.OneCycleLR, cosine, over the run */
    CUPEL_SCHEDULE_PLATEAU,   /* times `factor` after `patience` epochs without a better evaluation loss */
};

/* `train: {schedule: ...}`. Only what belongs to the kind is filled. */
struct cupel_schedule_settings {
    enum cupel_schedule kind;
    int64_t every; /* epochs */
    double gamma;
    double min_lr;
    double max_lr;
    double rise;             /* part of the run in which the rate rises: pct_start */
    double div_factor;       /* the first rate is max_lr / div_factor */
    double final_div_factor; /* the last one is the first / final_div_factor */
    double factor;
    int64_t patience; /* epochs */
};

/* `train:` of a gan. In each step the discriminator is updated `discriminator_steps` times, each with images and noise of its
 * own, then the generator once, with the last noise. */
struct cupel_gan_settings {
    double noisy_labels; /* part of the discriminator's targets that are swapped, at random */
    double noise,
        noise_steps; /* `instance_noise: {std, steps}`: standard deviation of what is added to all images that the
                                    discriminator sees, falling linearly to 0 over `noise_steps` (Sonderby et al. 2017);
                                    noise_steps 0: it stays */
    int64_t discriminator_steps;
    double
        gradient_penalty; /* weight of E (|dD/dx| - 1)^2 between real and generated images (Gulrajani et al. 2017) */
    double
        clip_weights; /* limit of each discriminator weight's size after an update (Arjovsky et al. 2017); 0: none */
    int64_t categories,
        continuous; /* `infogan`: the last numbers of the noise are a code, a choice among `categories` as 0s
                                       and one 1, then `continuous` numbers from -1 to 1 (Chen et al. 2016); both 0: none */
    double code_weight, continuous_weight; /* of the two parts' losses */
};

/* `train:`. The run ends after `epochs` or `steps`, whichever comes first. */
struct cupel_train_settings {
    enum cupel_loss loss;
    double label_smoothing; /* gan: of the real images' target alone */
    double dice_weight;     /* of the second part of cross_entropy_dice */
    struct cupel_optimizer_settings optimizer[CUPEL_ROLES];
    struct cupel_schedule_settings schedule[CUPEL_ROLES];
    struct cupel_gan_settings gan;
    int64_t warmup;         /* steps over which the rate rises linearly to the schedule's; 0: none */
    int64_t batch;          /* images */
    int64_t epochs, steps;  /* 0: no limit; one of them is set */
    double clip_norm;       /* limit of the gradient's Euclidean norm; 0: none */
    double clip_value;      /* limit of each gradient element's size; 0: none */
    double ema;             /* decay of the moving average of the weights, of a gan's generator's; 0: none */
    int64_t early_stopping; /* `{patience: N}`: stop after N evaluations without a better loss; 0: never */
    bool drop_last;         /* leave out the last, smaller batch of an epoch */
    int64_t seed;
};

/* Reads a model file. `settings[0..count)` are overrides such as "train.epochs=3", applied in order before
 * anything is checked; a message about one names it as `--set train.epochs=3`. On success *model is the
 * caller's, to be freed with cupel_model_free; otherwise it is NULL. CUPEL_INVALID for a file that cannot be
 * read or is wrong. */
enum cupel_status cupel_model_read(const char *path, const char *const *settings, int count,
                                   struct cupel_model **model, struct cupel_error *error);

/* The same from `length` bytes of text; `name` stands for the file in messages. */
enum cupel_status cupel_model_read_text(const char *name, const char *text, size_t length,
                                        const char *const *settings, int count, struct cupel_model **model,
                                        struct cupel_error *error);

/* NULL is allowed. Graphs built from the model stay valid. */
void cupel_model_free(struct cupel_model *model);

/* The file's name as it was given, and its text with `*length` bytes, overrides not applied. */
const char *cupel_model_name(const struct cupel_model *model);
const char *cupel_model_text(const struct cupel_model *model, size_t *length);

/* The overrides that were applied, in order; `*count` of them. */
const char *const *cupel_model_overrides(const struct cupel_model *model, int *count);

enum cupel_task cupel_model_task(const struct cupel_model *model);
const struct cupel_data_settings *cupel_model_data(const struct cupel_model *model);
const struct cupel_train_settings *cupel_model_train(const struct cupel_model *model);

/* The networks in file order: `classify` and `segment` have one, `gan` has "generator", "discriminator" and, for InfoGAN,
 * "code". NULL for an index or name that is none. */
const struct cupel_network *cupel_model_network(const struct cupel_model *model, int index);
const struct cupel_network *cupel_model_network_named(const struct cupel_model *model, const char *name);

/* The network of a role: of a gan the one with the role's name, "generator", "discriminator" or "code"; of a classifier its
 * only one. NULL where the model has none. */
const struct cupel_network *cupel_model_role(const struct cupel_model *model, enum cupel_role role);

/* ---- networks ----
 *
 * The parameters of a network lie in one flat state, its range, which has the network's name; stores know
 * each part as NETWORK.LAYER.PARAMETER ("net.conv1.weight"), in PyTorch's layout. Running statistics are
 * states of their own ("net.bn1.running_mean"). A typical training step:
 *
 *     parts = cupel_network_parts(network, graph, NULL);
 *     logits = cupel_network_forward(network, parts, images, NULL, true, NULL);
 *     gradient = cupel_parts_grad(parts, cupel_cross_entropy(logits, labels, 0, -100), NULL);
 *     cupel_adam(parts->range, moment1, moment2, gradient, rate, step, NULL, &adam);                */

/* One parameter. */
struct cupel_parameter {
    const char *name; /* "net.conv1.weight" */
    struct cupel_shape shape;
    int64_t offset; /* in the range, in elements */
    struct cupel_init init;
    bool frozen;         /* by `train: {freeze: ...}`: it gets no gradient and stays as it is */
    double rate_scale;   /* of its learning rate to its network's, by `train: {groups: ...}`: else 1 */
    double weight_decay; /* of its group; negative: the optimizer's */
};

/* One layer, for summaries. */
struct cupel_layer_info {
    const char *name;          /* "net.conv1" */
    const char *type;          /* "conv" */
    struct cupel_shape output; /* of one sample, without N */
    int64_t parameters;        /* numbers to train */
    double flops;              /* of one sample forward in evaluation mode; a multiply-add counts two */
    int line;                  /* in the model file */
};

/* Parameters of a network in a graph, as parts of one version of a range. Belongs to the graph. */
struct cupel_parts {
    const struct cupel_network *network;
    struct cupel_tensor *range;
    struct cupel_tensor **part; /* in the order of cupel_network_parameters */
    int count;
};

const char *cupel_network_name(const struct cupel_network *network);

/* Shape of one sample going in and coming out, without N; and whether what goes in is noise. */
struct cupel_shape cupel_network_input(const struct cupel_network *network);
struct cupel_shape cupel_network_output(const struct cupel_network *network);
bool cupel_network_takes_noise(const struct cupel_network *network);

/* Whether a layer of the network looks at the class labels (`from: label`). */
bool cupel_network_takes_label(const struct cupel_network *network);

/* Where the network's input is made, when the file says `input: {layer: discriminator.conv2}`: *other is the
 * network that has the layer, earlier in the file, and the result is the layer's index among
 * cupel_network_layers of that. -1 and NULL for a network with an input of its own. */
int cupel_network_source(const struct cupel_network *network, const struct cupel_network **other);

/* The layers in file order, blocks written out, and the parameters in theirs; `*count` of them. */
const struct cupel_layer_info *cupel_network_layers(const struct cupel_network *network, int *count);
const struct cupel_parameter *cupel_network_parameters(const struct cupel_network *network, int *count);

/* Elements of the range, gaps included (cupel_part_span). The numbers to train are the sum over the
 * layers. */
int64_t cupel_network_range(const struct cupel_network *network);

/* Parts of the newest version of the network's own range, which is declared with its initial values if the
 * graph has none yet; or of `range`, a state of as many elements or a version of one, such as averaged
 * weights, whose parts get no names. Ask once for each version: gradients are taken for the parts that the
 * forward pass used. On an error NULL, and the graph holds the message. */
const struct cupel_parts *cupel_network_parts(const struct cupel_network *network, struct cupel_graph *graph,
                                              struct cupel_tensor *range);

/* Appends the network's nodes for `x`, [N, input shape], and returns the output, [N, output shape]. `labels`,
 * the classes of the N samples as I32 [N], is looked at only by a network that takes labels, and may be NULL
 * for others. In training mode batchnorm uses the batch and moves its running statistics, each pass from where the one
 * before it left them, and dropout draws; otherwise neither does. A layer all of whose parameters are frozen works as
 * otherwise. `activations`, unless NULL, gets the result
 * of every layer in the order of cupel_network_layers. NULL passes through; on an error NULL, and the graph
 * holds the message. */
struct cupel_tensor *cupel_network_forward(const struct cupel_network *network,
                                           const struct cupel_parts *parts, struct cupel_tensor *x,
                                           struct cupel_tensor *labels, bool training,
                                           struct cupel_tensor **activations);

/* The gradient of a scalar `loss` with respect to the weights, as one range of those that are not frozen. `gradients`, unless
 * NULL, gets each parameter's own, NULL for frozen ones. NULL passes through; on an error NULL, and the graph holds the message. */
struct cupel_tensor *cupel_parts_grad(const struct cupel_parts *parts, struct cupel_tensor *loss,
                                      struct cupel_tensor **gradients);

#ifdef __cplusplus
}
#endif
#endif
