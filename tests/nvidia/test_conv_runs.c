/* What is done around cuDNN's kernels: with a library in cuDNN's place that multiplies on the host. It poisons its
 * workspace, so that nothing else may lie there. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/nvidia/conv.h"
#include "subject.h"

/* ---- a convolution of strided numbers ---- */

struct side {
    double *number;
    const int64_t *dim, *stride;
};

static double *at(const struct side *side, int64_t a, int64_t b, int64_t c, int64_t d) {
    return side->number + a * side->stride[0] + b * side->stride[1] + c * side->stride[2] +
           d * side->stride[3];
}

/* Adds every product of two of image (x), weight (w) and result (y) to the third. */
static void convolve(enum op_id op, const struct cupel_conv *conv, struct side x, struct side w,
                     struct side y) {
    const int64_t outputs = w.dim[0] / conv->groups;
    for (int64_t n = 0; n < x.dim[0]; n++)
        for (int64_t o = 0; o < w.dim[0]; o++)
            for (int64_t i = 0; i < w.dim[1]; i++)
                for (int64_t k = 0; k < w.dim[2] * w.dim[3]; k++)
                    for (int64_t p = 0; p < y.dim[2] * y.dim[3]; p++) {
                        const int64_t kh = k / w.dim[3], kw = k % w.dim[3], h = p / y.dim[3],
                                      v = p % y.dim[3], c = o / outputs * w.dim[1] + i,
                                      row = h * conv->stride[0] - conv->pad[0] + kh * conv->dilation[0],
                                      column = v * conv->stride[1] - conv->pad[1] + kw * conv->dilation[1];
                        if (row < 0 || row >= x.dim[2] || column < 0 || column >= x.dim[3]) continue;
                        double *image = at(&x, n, c, row, column), *weight = at(&w, o, i, kh, kw),
                               *result = at(&y, n, o, h, v);
                        if (op == OP_conv2d)
                            *result += *image * *weight;
                        else if (op == OP_conv2d_image)
                            *image += *result * *weight;
                        else
                            *weight += *image * *result;
                    }
}

static void finish(struct side made, const double *bias, enum activation activation, double slope) {
    for (int64_t n = 0; n < made.dim[0]; n++)
        for (int64_t c = 0; c < made.dim[1]; c++)
            for (int64_t h = 0; h < made.dim[2]; h++)
                for (int64_t w = 0; w < made.dim[3]; w++) {
                    double *x = at(&made, n, c, h, w);
                    *x = number_activated(activation, slope, *x + (bias ? bias[c] : 0));
                }
}

/* ---- the library ---- */

enum { WORKSPACE = 1000 };
static struct cudnn_conv asked; /* what its plans do */
static int groups;
static void *data[PARTY_BIAS + 1], *workspace;
static cudaStream_t stream;

static cudnnStatus_t set_stream(cudnnHandle_t handle, cudaStream_t to) {
    (void)handle;
    stream = to;
    return CUDNN_STATUS_SUCCESS;
}
static const char *error_string(cudnnStatus_t status) {
    (void)status;
    return "the test's library fails";
}
static cudnnStatus_t create(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *descriptor) {
    (void)type;
    *descriptor = malloc(1);
    return CUDNN_STATUS_SUCCESS;
}
static cudnnStatus_t destroy(cudnnBackendDescriptor_t descriptor) {
    free(descriptor);
    return CUDNN_STATUS_SUCCESS;
}
static cudnnStatus_t finalize(cudnnBackendDescriptor_t descriptor) {
    (void)descriptor;
    return CUDNN_STATUS_SUCCESS;
}
static cudnnStatus_t set(cudnnBackendDescriptor_t of, cudnnBackendAttributeName_t name,
                         cudnnBackendAttributeType_t type, int64_t count, const void *values) {
    (void)of;
    (void)type;
    static int64_t ids[4];
    if (name == CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)
        memcpy(ids, values, (size_t)count * sizeof *ids);
    else if (name == CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)
        for (int64_t i = 0; i < count; i++) data[ids[i]] = ((void *const *)values)[i];
    else if (name == CUDNN_ATTR_VARIANT_PACK_WORKSPACE)
        workspace = *(void *const *)values;
    return CUDNN_STATUS_SUCCESS;
}
static cudnnStatus_t get(cudnnBackendDescriptor_t of, cudnnBackendAttributeName_t name,
                         cudnnBackendAttributeType_t type, int64_t room, int64_t *count, void *values) {
    (void)of;
    (void)type;
    (void)room;
    *count = 0;
    if (name != CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) return CUDNN_STATUS_SUCCESS;
    *count = 1;
    *(int64_t *)values = WORKSPACE;
    return CUDNN_STATUS_SUCCESS;
}

static enum cupel_dtype type_of(const struct cudnn_tensor *tensor) {
    return tensor->type == CUDNN_DATA_FLOAT ? CUPEL_F32 : CUPEL_BF16;
}
static int64_t count_of(const struct cudnn_tensor *tensor) {
    return tensor->dim[0] * tensor->dim[1] * tensor->dim[2] * tensor->dim[3];
}
static struct side read_side(const struct cudnn_tensor *tensor, const void *from) {
    return (struct side){numbers_read(from, count_of(tensor), type_of(tensor)), tensor->dim, tensor->stride};
}

static cudnnStatus_t execute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                             cudnnBackendDescriptor_t pack) {
    (void)handle;
    (void)plan;
    (void)pack;
    cr_expect_eq((uintptr_t)workspace % 256, 0, "the workspace is not aligned");
    cr_assert_eq(cudaMemsetAsync(workspace, 0xff, WORKSPACE, stream), cudaSuccess);
    cr_assert_eq(cudaStreamSynchronize(stream), cudaSuccess);
    const struct cudnn_tensor *made = asked.op == OP_conv2d         ? &asked.result
                                      : asked.op == OP_conv2d_image ? &asked.image
                                                                    : &asked.weight;
    const enum cudnn_party id = asked.op == OP_conv2d         ? PARTY_RESULT
                                : asked.op == OP_conv2d_image ? PARTY_IMAGE
                                                              : PARTY_WEIGHT;
    struct side x = read_side(&asked.image, data[PARTY_IMAGE]),
                w = read_side(&asked.weight, data[PARTY_WEIGHT]),
                y = read_side(&asked.result, data[PARTY_RESULT]),
                result = asked.op == OP_conv2d         ? y
                         : asked.op == OP_conv2d_image ? x
                                                       : w;
    double *bias = asked.bias ? numbers_read(data[PARTY_BIAS], made->dim[1], CUPEL_F32) : NULL;
    const struct cupel_conv conv = {.stride = {(int)asked.stride[0], (int)asked.stride[1]},
                                    .pad = {(int)asked.pad[0], (int)asked.pad[1]},
                                    .dilation = {(int)asked.dilation[0], (int)asked.dilation[1]},
                                    .groups = groups};
    for (int64_t i = 0; i < count_of(made); i++) result.number[i] = 0;
    convolve(asked.op, &conv, x, w, y);
    finish(result, bias, asked.activation, asked.slope);
    numbers_write(data[id], result.number, count_of(made), type_of(made));
    free(x.number);
    free(w.number);
    free(y.number);
    free(bias);
    return CUDNN_STATUS_SUCCESS;
}

static const struct cudnn library = {.cudnnSetStream = set_stream,
                                     .cudnnGetErrorString = error_string,
                                     .cudnnBackendCreateDescriptor = create,
                                     .cudnnBackendDestroyDescriptor = destroy,
                                     .cudnnBackendFinalize = finalize,
                                     .cudnnBackendSetAttribute = set,
                                     .cudnnBackendGetAttribute = get,
                                     .cudnnBackendExecute = execute};

/* ---- the tests ---- */

static struct view view_make(const int64_t dim[4], bool nhwc, enum cupel_dtype type) {
    const int64_t n = dim[0], c = dim[1], h = dim[2], w = dim[3];
    struct view view = {.dtype = type, .shape = CUPEL_SHAPE(n, c, h, w)};
    const int64_t last[] = {h * w * c, 1, w * c, c}, first[] = {c * h * w, h * w, w, 1};
    memcpy(view.stride, nhwc ? last : first, sizeof last);
    return view;
}

struct trial {
    enum op_id op;
    enum conv_way way;
    enum cupel_dtype in, out;
    bool nhwc, bias;
    enum activation activation;
    int kernel, groups;
};

static void subject_make(struct subject *subject, const struct trial *trial) {
    const struct cupel_conv conv = {
        .stride = {2, 1}, .pad = {1, 0}, .dilation = {1, 2}, .groups = trial->groups};
    const int kernel = trial->kernel;
    const int64_t image[] = {2, 6, 7, 8}, weight[] = {8, 6 / trial->groups, kernel, kernel},
                  result[] = {2, 8, (7 + 2 - kernel) / 2 + 1, 8 - 2 * (kernel - 1)};
    *subject = (struct subject){.node = {.op = trial->op, .n_in = trial->bias ? 3 : 2}};
    subject->node.attr.conv.conv = conv;
    subject->node.attr.conv.activation = (int)trial->activation;
    subject->node.attr.conv.slope = 0.25;
    const enum op_id op = trial->op;
    const int n_in = subject->node.n_in;
    subject->view[op == OP_conv2d_image ? n_in : 0] =
        view_make(image, trial->nhwc, op == OP_conv2d_image ? trial->out : trial->in);
    subject->view[op == OP_conv2d_weight ? n_in : 1] =
        view_make(weight, false, op == OP_conv2d_weight ? trial->out : trial->in);
    subject->view[op == OP_conv2d         ? n_in
                  : op == OP_conv2d_image ? 0
                                          : 1] =
        view_make(result, trial->nhwc, op == OP_conv2d ? trial->out : trial->in);
    if (trial->bias)
        subject->view[2] =
            (struct view){.dtype = CUPEL_F32, .shape = CUPEL_SHAPE(op == OP_conv2d ? 8 : 6), .stride = {1}};
    subject_start(subject);
}

static struct side side_of(const struct view *view) {
    return (struct side){numbers_read(view->data, view_count(view), view->dtype), view->shape.dim,
                         view->stride};
}

/* What the call's output should be, from its own views. */
static struct side expected(const struct subject *subject, const struct trial *trial) {
    const struct view *in = subject->call.in, *out = subject->call.out;
    struct side a = side_of(&in[0]), b = side_of(&in[1]), made = side_of(out);
    double *bias = trial->bias ? numbers_read(in[2].data, view_count(&in[2]), CUPEL_F32) : NULL;
    for (int64_t i = 0; i < view_count(out); i++) made.number[i] = 0;
    const struct cupel_conv *conv = &subject->node.attr.conv.conv;
    if (trial->op == OP_conv2d)
        convolve(trial->op, conv, a, b, made);
    else if (trial->op == OP_conv2d_image)
        convolve(trial->op, conv, made, b, a);
    else
        convolve(trial->op, conv, a, made, b);
    finish(made, bias, trial->activation, 0.25);
    free(a.number);
    free(b.number);
    free(bias);
    return made;
}

static void judge(const struct trial *trial) {
    struct subject subject;
    struct cupel_error error = {0};
    const struct cudnn_target target = {.library = &library, .handle = (cudnnHandle_t)&library};
    const struct cudnn_choice choice = {.engine = 3, .n_knobs = 1, .knob = {{2, 5}}};
    char name[TUNE_NAME];
    subject_make(&subject, trial);
    groups = trial->groups;
    conv_way_write(trial->way, &choice, name, sizeof name);
    cr_assert(conv_describe(&subject.call, trial->way, &asked), "%s does not apply", name);
    cr_assert_eq(conv_prepare(&target, &subject.call, name, &error), CUPEL_OK, "%s", error.message);
    struct side right = expected(&subject, trial);
    subject_run(&subject);
    const struct view *out = subject.call.out;
    double *got = numbers_read(out->data, view_count(out), out->dtype), worst = 0;
    for (int64_t i = 0; i < view_count(out); i++) {
        const double off = fabs(got[i] - right.number[i]);
        worst = off <= worst ? worst : off; /* a NaN is worst */
    }
    const bool coarse = trial->in != CUPEL_F32 || trial->out != CUPEL_F32;
    cr_expect_lt(worst, coarse ? 0.2 : 1e-5, "op %d, %s, %s, bias %d, activation %d: off by %g",
                 (int)trial->op, name, trial->nhwc ? "NHWC" : "NCHW", trial->bias, (int)trial->activation,
                 worst);
    free(got);
    free(right.number);
    subject_end(&subject);
}

static void judge_layouts(struct trial trial) {
    for (int nhwc = 0; nhwc < 2; nhwc++)
        for (int kernel = 1; kernel <= 3; kernel += 2)
            for (int g = 1; g <= 2; g++) {
                trial.nhwc = nhwc;
                trial.kernel = kernel;
                trial.groups = g;
                judge(&trial);
            }
}

static const enum op_id products[] = {OP_conv2d, OP_conv2d_image};

Test(conv_runs, whole) {
    for (int p = 0; p < 2; p++) {
        judge_layouts((struct trial){.op = products[p], .way = CONV_WHOLE});
        judge_layouts((struct trial){.op = products[p], .way = CONV_WHOLE, .bias = true});
        judge_layouts((struct trial){.op = products[p],
                                     .way = CONV_WHOLE,
                                     .in = CUPEL_BF16,
                                     .out = CUPEL_BF16,
                                     .bias = true,
                                     .activation = ACTIVATION_LEAKY_RELU});
    }
    judge_layouts((struct trial){.op = OP_conv2d_weight, .way = CONV_WHOLE});
    judge_layouts(
        (struct trial){.op = OP_conv2d_weight, .way = CONV_WHOLE, .in = CUPEL_BF16, .out = CUPEL_BF16});
}

Test(conv_runs, last_steps_apart) {
    static const enum activation all[] = {ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_LEAKY_RELU,
                                          ACTIVATION_SIGMOID, ACTIVATION_TANH};
    for (int p = 0; p < 2; p++)
        for (int a = 0; a < 5; a++)
            for (int bias = a == 0; bias < 2; bias++) {
                struct trial trial = {
                    .op = products[p], .way = CONV_APART, .bias = bias, .activation = all[a]};
                judge_layouts(trial);
                trial.in = trial.out = CUPEL_BF16;
                judge_layouts(trial);
            }
}

Test(conv_runs, narrow_results_become_f32) {
    judge_layouts((struct trial){.op = OP_conv2d_weight, .way = CONV_NARROW, .in = CUPEL_BF16});
    judge_layouts((struct trial){.op = OP_conv2d, .way = CONV_NARROW, .in = CUPEL_BF16});
    judge_layouts((struct trial){.op = OP_conv2d_image, .way = CONV_NARROW, .in = CUPEL_BF16});
}

Test(conv_runs, ways_that_do_not_apply) {
    struct subject subject;
    struct cudnn_conv conv;
    const struct trial plain = {.op = OP_conv2d, .kernel = 3, .groups = 1};
    subject_make(&subject, &plain);
    cr_expect(conv_describe(&subject.call, CONV_WHOLE, &conv));
    cr_expect_not(conv_describe(&subject.call, CONV_APART, &conv));
    cr_expect_not(conv_describe(&subject.call, CONV_NARROW, &conv));
    subject.source = (struct node){.op = OP_part, .in = (struct cupel_tensor *[]){&subject.tensor[3]}};
    subject.tensor[3].node = &(struct node){.op = OP_state};
    subject.source.attr.state.offset = 4; /* of f32: 16 bytes */
    cr_expect(conv_describe(&subject.call, CONV_WHOLE, &conv));
    subject.source.attr.state.offset = 3;
    cr_expect_not(conv_describe(&subject.call, CONV_WHOLE, &conv), "a part that is not aligned");
    subject.source.attr.state.offset = 0;
    subject.view[0].stride[3] = 2; /* a gap */
    cr_expect_not(conv_describe(&subject.call, CONV_WHOLE, &conv));
    subject_end(&subject);
}

Test(conv_runs, names_that_are_none) {
    static const char *const wrong[] = {"",
                                        "cudnn",
                                        "cudnn whole",
                                        "cudnn part 3",
                                        "cudnn whole 3 4",
                                        "cudnn whole 3 4=",
                                        "cudnn whole 3 4=5 more",
                                        "cupel direct",
                                        "cudnn whole 1 1=1 2=2 3=3 4=4 5=5 6=6 7=7 8=8 9=9 10=10 11=11 12=12 "
                                        "13=13 14=14 15=15 16=16 17=17"};
    enum conv_way way;
    struct cudnn_choice choice;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(conv_way_read(wrong[i], &way, &choice), "%s", wrong[i]);
    cr_expect(conv_way_read("cudnn narrow -7 4=-5", &way, &choice));
    cr_expect(way == CONV_NARROW && choice.engine == -7 && choice.n_knobs == 1 && choice.knob[0].type == 4 &&
              choice.knob[0].value == -5);
}
