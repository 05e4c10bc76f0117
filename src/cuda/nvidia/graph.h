/* Convolutions as graphs of operations of cuDNN's backend interface, and the engines that execute them. */
#ifndef CUPEL_CUDA_NVIDIA_GRAPH_H
#define CUPEL_CUDA_NVIDIA_GRAPH_H

#include "cuda/nvidia/library.h"
#include "plan/backend.h"

/* Where plans are made: for the device of a handle or, without any device, for one that is described by its
 * properties (cuDNN 9.8 and later). The other is NULL. */
struct cudnn_target {
    const struct cudnn *library;
    cudnnHandle_t handle;
    cudnnBackendDescriptor_t properties;
};

/* Tensors and filters: N, C, H, W and O, C / groups, kh, kw. */
struct cudnn_tensor {
    int64_t dim[4], stride[4];
    cudnnDataType_t type;
};

/* Tensors go by these numbers where their memory is named. */
enum cudnn_party { PARTY_IMAGE = 1, PARTY_WEIGHT, PARTY_RESULT, PARTY_BIAS };

/* One of the three products of image, weight and result: op says which of them is made of the other two. */
struct cudnn_conv {
    enum op_id op; /* OP_conv2d, OP_conv2d_image, OP_conv2d_weight */
    struct cudnn_tensor image, weight, result;
    int64_t stride[2], pad[2], dilation[2];
    bool bias; /* one f32 for each channel of what is made */
    enum activation activation;
    double slope;
};

/* What is allowed to engines. */
struct cudnn_rules {
    bool tensor_cores;     /* of f32 numbers they keep what TF32 keeps */
    bool nondeterministic; /* sums in an order that changes from run to run */
};

/* An engine and how its knobs are set; the same numbers mean the same in every run of a version of cuDNN. */
enum { CUDNN_KNOBS = 16 };
struct cudnn_choice {
    int64_t engine;
    int n_knobs;
    struct {
        int64_t type, value;
    } knob[CUDNN_KNOBS];
};

/* Finds engines for the convolution that keep the rules, those that should be fastest first: what heuristics name or, if
 * none of that keeps the rules, what the fallback does. Writes at most `room` and returns how many. */
int cudnn_conv_choices(const struct cudnn_target *target, const struct cudnn_conv *conv,
                       const struct cudnn_rules *rules, struct cudnn_choice *choices, int room);

/* An engine made ready for a convolution. */
struct cudnn_plan;

/* CUPEL_UNSUPPORTED when the engine does not serve the convolution, breaks the rules or cannot be made ready. */
enum cupel_status cudnn_plan_make(const struct cudnn_target *target, const struct cudnn_conv *conv,
                                  const struct cudnn_rules *rules, const struct cudnn_choice *choice,
                                  struct cudnn_plan **plan, struct cupel_error *error);
/* NULL is allowed. */
void cudnn_plan_free(struct cudnn_plan *plan);

/* Bytes of workspace that an execution needs, aligned to 256. */
size_t cudnn_plan_workspace(const struct cudnn_plan *plan);

/* Executes the plan on a stream; `data` holds the tensors by enum cudnn_party. */
enum cupel_status cudnn_plan_execute(const struct cudnn_plan *plan, cudaStream_t stream,
                                     void *const data[PARTY_BIAS + 1], void *workspace,
                                     struct cupel_error *error);

/* Descriptions of devices that are not there, as cuDNN writes them for those that are (JSON). The descriptor is to be
 * destroyed with the library's function; NULL when cuDNN does not take the text. */
cudnnBackendDescriptor_t cudnn_properties(const struct cudnn *library, const char *json);

#endif
