/* The two devices of the processor: `reference`, plain loops in one thread, and `cpu`, the same table with
 * its heavy ops replaced by threaded kernels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/processor.h"
#include "cpu/fast/batched.h"
#include "cpu/fast/cast.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/fast.h"
#include "cpu/fast/winograd.h"
#include "plan/plan.h"

#define OP(name, ...) void reference_f32_##name(struct call *call), reference_f64_##name(struct call *call);
#define OP_VIEW(...)
#include "graph/ops.def"
#undef OP
#undef OP_VIEW

#define OP_VIEW(name, ...)
static const struct {
    kernel_fn f32, f64;
} reference[OP_COUNT] = {
#define OP(name, ...) [OP_##name] = {reference_f32_##name, reference_f64_##name},
#include "graph/ops.def"
#undef OP
};

static const struct {
    fast_prepare_fn prepare;
    bool half; /* takes the tensors that the op table allows it in bf16 */
} fast[OP_COUNT] = {
#define FAST(name) [OP_##name] = {fast_##name, false},
#define FAST_HALF(name) [OP_##name] = {fast_##name, true},
#include "cpu/fast/fast.def"
#undef FAST
};

static void describe(struct cupel_device *device, const char *how) {
    char name[128];
    processor_name(name, sizeof name);
    snprintf(device->description, sizeof device->description, "%s, %d thread%s, %s", name, device->threads,
             device->threads == 1 ? "" : "s", how);
}

static enum cupel_status reference_open(struct cupel_device *device, struct cupel_error *error) {
    (void)error;
    device->threads = 1;
    describe(device, "plain loops");
    return CUPEL_OK;
}

static enum cupel_status cpu_open(struct cupel_device *device, struct cupel_error *error) {
    CUPEL_TRY(fast_open(device, error));
    describe(device, fast_library());
    return CUPEL_OK;
}

static void reference_close(struct cupel_device *device) {
    (void)device;
}

static void *host_alloc(struct cupel_device *device, size_t bytes) {
    (void)device;
    size_t room = (bytes + 63) / 64 * 64;
    return room >= bytes ? aligned_alloc(64, room ? room : 64) : NULL;
}

static void host_free(struct cupel_device *device, void *data) {
    (void)device;
    free(data);
}

static enum cupel_status host_copy(struct cupel_device *device, void *to, const void *from, size_t bytes,
                                   struct cupel_error *error) {
    (void)device, (void)error;
    memcpy(to, from, bytes);
    return CUPEL_OK;
}

static enum cupel_status host_fill(struct cupel_device *device, void *data, int byte, size_t bytes,
                                   struct cupel_error *error) {
    (void)device, (void)error;
    memset(data, byte, bytes);
    return CUPEL_OK;
}

static enum cupel_status host_synchronise(struct cupel_device *device, struct cupel_error *error) {
    (void)device, (void)error;
    return CUPEL_OK;
}

static enum cupel_status reference_prepare(struct cupel_device *device, struct call *call,
                                           struct cupel_error *error) {
    (void)device, (void)error;
    enum op_id op = call->node->op;
    call->kernel = call->node->graph->real == CUPEL_F64 ? reference[op].f64 : reference[op].f32;
    call->engine = "reference";
    return CUPEL_OK;
}

static enum cupel_status cpu_prepare(struct cupel_device *device, struct call *call,
                                     struct cupel_error *error) {
    if (call->node->graph->real != CUPEL_F32)
        return cupel_fail(error, CUPEL_UNSUPPORTED,
                          "device cpu computes in f32; use device reference for f64");
    const fast_prepare_fn prepare = fast[call->node->op].prepare;
    if (prepare) CUPEL_TRY(prepare(call, error));
    if (call->kernel) return CUPEL_OK;
    CUPEL_TRY(reference_prepare(device, call, error));
    return cast_wanted(call) ? cast_around(call, error) : CUPEL_OK;
}

/* What a convolution takes in bf16: nothing where a kernel of our own for f32 is faster, and not the weight where one is that reads
 * and writes bf16 but multiplies f32. */
static unsigned conv_half(const struct node *node, unsigned half) {
    struct view in[3], out = view_of(&node->out[0]);
    const struct call call = {.node = node, .in = in, .out = &out, .n_in = node->n_in, .n_out = 1};
    for (int i = 0; i < node->n_in; i++) {
        in[i] = view_of(node->in[i]);
        in[i].dtype = CUPEL_F32; /* whatever its maker has been made to write */
    }
    if (batched_fits(&call) || columns_pay(&call)) return 0;
    in[0].dtype = CUPEL_BF16;
    return winograd_pays(&call) && node->op != OP_conv2d_weight ? half & ~(unsigned)HALF(2, 0) : half;
}

/* oneDNN's products write bf16 only of bf16. */
static unsigned cpu_half(const struct node *node) {
    const unsigned half = fast[node->op].half ? ops[node->op].half : 0;
    if ((half & HALF_HEAVY) != HALF_HEAVY) return half;
    return (half & HALF_CONV) == HALF_CONV ? conv_half(node, half) : half | HALF_CONV;
}

static const char *cpu_lacks(enum cupel_precision precision) {
    return precision == CUPEL_PRECISION_BF16 && !fast_has_bf16() ? "the processor has no AVX512_BF16" : NULL;
}

static void cpu_describe(char *text, size_t size) {
    snprintf(text, size, "%s",
             fast_has_bf16() ? "computes in f32, and in bf16 by AVX512_BF16"
                             : "computes in f32; for bf16 the processor has no AVX512_BF16");
}

/* Whether a convolution runs well with the batch innermost, and whether channels innermost would leave vectors partly
 * empty. */
static bool suits_batch_last(const struct node *node, bool *channels_fit) {
    const bool weight = node->op == OP_conv2d_weight;
    const struct cupel_tensor *from = node->in[0], *to = weight ? node->in[1] : &node->out[0];
    const int64_t *kernel = (weight ? &node->out[0] : node->in[1])->shape.dim + 2, a = from->shape.dim[1],
                  b = to->shape.dim[1];
    const int64_t window = (a > b ? a : b) * kernel[0] * kernel[1];
    *channels_fit = a % 16 == 0 && b % 16 == 0;
    return from->shape.dim[0] % 16 == 0 && node->attr.conv.conv.groups == 1 && window <= 1024;
}

/* Batch last for networks most of whose work is convolutions of few or odd numbers of channels, which our own kernels do
 * best; channels last for the others, which oneDNN does. */
static enum layout cpu_layout(const struct cupel_graph *graph) {
    double fitting = 0, other = 0;
    for (int n = 0; n < graph->n_nodes; n++) {
        const struct node *node = graph->nodes[n];
        bool channels_fit;
        if (node->op != OP_conv2d && node->op != OP_conv2d_image && node->op != OP_conv2d_weight) continue;
        if (!suits_batch_last(node, &channels_fit)) return LAYOUT_CHANNELS_LAST;
        *(channels_fit ? &fitting : &other) += ops[node->op].flops(node);
    }
    return other > fitting ? LAYOUT_BATCH_LAST : LAYOUT_CHANNELS_LAST;
}

/* Both work in the host's memory, and at once. */
#define HOST_MEMORY                                                                                        \
    .alloc = host_alloc, .free = host_free, .upload = host_copy, .download = host_copy, .fill = host_fill, \
    .synchronise = host_synchronise

const struct backend backend_reference = {
    .name = "reference",
    .open = reference_open,
    .close = reference_close,
    .prepare = reference_prepare,
    HOST_MEMORY,
};

const struct backend backend_cpu = {
    .name = "cpu",
    .precisions = 1u << CUPEL_PRECISION_F32 | 1u << CUPEL_PRECISION_BF16,
    .lacks = cpu_lacks,
    .half = cpu_half,
    .layout = cpu_layout,
    .describe = cpu_describe,
    .open = cpu_open,
    .close = fast_close,
    .prepare = cpu_prepare,
    HOST_MEMORY,
};
