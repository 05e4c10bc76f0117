/* The inside of a model: what was read, and the networks as lists of layers with every name resolved. */
#ifndef CUPEL_MODEL_INTERNAL_H
#define CUPEL_MODEL_INTERNAL_H

#include "cupel/model.h"
#include "model/expression.h"
#include "model/fields.h"

struct builder;
struct layer;

/* Stand for the network's input and for the class labels among the indices of layers. */
enum { NETWORK_INPUT = -1, NETWORK_LABEL = -2 };

/* The arguments of all layers; each kind's fields say which of them it has. */
struct layer_arguments {
    const char *name;
    const struct cupel_yaml_item *from, *init_item;
    int64_t out, kernel[2], stride[2], pad[2], dilation[2], groups, output_pad[2], factor[2], size[2], group;
    bool bias, affine, spectral_norm, ceil_mode, count_include_pad;
    int mode;
    double momentum, eps, slope, alpha, beta, k, p, value, auxiliary;
    struct cupel_shape shape;
};

struct layer {
    const struct layer_kind *kind;
    const char *name;                   /* "conv1", in a block "res1.conv1" */
    const char *path;                   /* "net.conv1" */
    const char *place;                  /* "lenet5.yaml:12:9" */
    const struct cupel_yaml_item *item; /* its word in the file, for messages */
    int *inputs;                        /* layers before it, NETWORK_INPUT or NETWORK_LABEL */
    int input_count;
    bool has_init;
    bool frozen;            /* all of its parameters are */
    struct cupel_init init; /* of the weight */
    struct layer_arguments arguments;
};

/* One row of the table of layers. */
struct layer_kind {
    const char *word;
    const struct cupel_field *fields;
    size_t field_count;
    int least, most;  /* inputs; both 0: one */
    bool takes_label; /* its input may be the class labels, I32 [N] (`from: label`) */
    /* Appends the layer's nodes for the inputs `x`; NULL with the graph's error set when it cannot. */
    struct cupel_tensor *(*build)(struct builder *builder, const struct layer *layer,
                                  struct cupel_tensor **x);
    struct cupel_tensor *(*apply)(struct cupel_tensor *x); /* instead of build, for an op without arguments */
};
extern const struct layer_kind layer_kinds[];
extern const size_t layer_kind_count;

struct cupel_network {
    const char *name;
    const struct cupel_model *model;
    const struct cupel_yaml_item *item; /* its key in the file */
    bool noise;                         /* the input is noise rather than data */
    bool labels;                        /* a layer looks at the class labels */
    const struct cupel_network *source; /* the network whose layer is the input; NULL: none is */
    int source_layer;
    struct cupel_shape input; /* of one sample, without N */
    struct layer *layers;
    int layer_count;
    /* What network_probe finds. */
    struct cupel_layer_info *infos; /* one for each layer */
    struct cupel_parameter *parameters;
    int parameter_count;
    int64_t range;           /* elements that the parameters occupy together */
    const char **statistics; /* names of the states that are not trained, "net.bn1.running_mean" */
    int statistic_count;
};

/* What is known while a network becomes nodes. A probe finds out the parameters; later builds use parts of a
 * range. */
struct builder {
    const struct cupel_network *network;
    struct cupel_network *probed; /* NULL unless this is a probe; the next two belong to it */
    struct cupel_heap *heap;
    int parameter_room, statistic_room;
    struct cupel_graph *graph;
    struct cupel_tensor *x, *labels; /* what goes in; labels may be NULL */
    const struct layer *layer;
    const struct cupel_parts *parts;
    int next;      /* parameter */
    bool trains;   /* the pass is one of training */
    bool training; /* the layer's mode */
};

/* The layer's next parameter. */
struct cupel_tensor *builder_parameter(struct builder *builder, const char *name,
                                       const struct cupel_shape *shape, const struct cupel_init *init);

/* The newest version of a state of the layer that is not trained. */
struct cupel_tensor *builder_statistic(struct builder *builder, const char *name,
                                       const struct cupel_shape *shape, const struct cupel_init *init);

enum { MAX_IMAGE_SIDE = 1 << 16 };

/* The words of `task:`. */
enum { TASKS = CUPEL_TASK_SEGMENT + 1 };
extern const char *const task_words[TASKS];

/* What a gan calls its networks, by role. */
extern const char *const role_words[CUPEL_ROLES];

struct cupel_model {
    struct cupel_yaml yaml; /* its heap holds everything below too */
    const char **overrides;
    int override_count;
    int64_t image_size;             /* 0: not given */
    const struct binding *bindings; /* `image_size` and `parameters`, for expressions */
    enum cupel_task task;
    struct cupel_data_settings data;
    struct cupel_train_settings train;
    const struct cupel_yaml_item *freeze, *groups; /* of `train`; NULL: none */
    struct cupel_network *networks;
    int network_count;
    const struct cupel_network *suspect; /* the one that is being read or checked */
};

/* Whether a layer of the network has a state of that name that is not trained, whatever a plan makes of the layer. */
bool network_has_statistic(const struct cupel_network *network, const char *name);

/* Turns the tree that was read into settings and networks, after the overrides. */
enum cupel_status model_interpret(struct cupel_model *model, const char *const *settings, int count,
                                  struct cupel_error *error);

/* Adds to the message about a model that makes no sense at its image size the shapes that were made, and the
 * nearest sizes at which it would. */
void size_explain(const struct cupel_model *model, struct cupel_error *error);

/* Read `data:` and `train:`; the task is known. */
enum cupel_status data_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                            struct cupel_error *error);
enum cupel_status augment_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                               struct cupel_error *error);
enum cupel_status train_read(struct cupel_model *model, const struct cupel_yaml_item *item,
                             struct cupel_error *error);

/* Reads `freeze:` and `groups:` of `train` into the networks' parameters. */
enum cupel_status groups_read(struct cupel_model *model, struct cupel_error *error);

/* Reads a layer's `init:`. */
enum cupel_status init_read(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                            struct cupel_init *init, struct cupel_error *error);

/* Reads `networks:` and `blocks:` (which may be NULL): layers, names, inputs. The data settings are known. */
enum cupel_status networks_read(struct cupel_model *model, const struct cupel_yaml_item *networks,
                                const struct cupel_yaml_item *blocks, struct cupel_error *error);

/* Builds the network once for one sample, to find its parameters and what each layer makes and costs, and to
 * report shapes that do not fit at their line; the `infos` of the layers before that are filled. */
enum cupel_status network_probe(struct cupel_model *model, struct cupel_network *network,
                                struct cupel_error *error);

#endif
