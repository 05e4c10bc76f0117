#include "subject.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Small multiples of 1/4 are the same in all types, so that bf16 alone stands for 16 bits. */
static float from_bf16(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}
static uint16_t to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return isnan(x) ? 0x7fff : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

double *numbers_read(const void *data, int64_t count, enum cupel_dtype type) {
    const size_t size = cupel_dtype_size(type);
    double *numbers = malloc((size_t)count * sizeof *numbers);
    char *copy = malloc((size_t)count * size);
    cr_assert_eq(cudaMemcpy(copy, data, (size_t)count * size, cudaMemcpyDeviceToHost), cudaSuccess);
    for (int64_t i = 0; i < count; i++)
        numbers[i] =
            type == CUPEL_F32 ? (double)((float *)copy)[i] : (double)from_bf16(((uint16_t *)copy)[i]);
    free(copy);
    return numbers;
}

void numbers_write(void *data, const double *numbers, int64_t count, enum cupel_dtype type) {
    const size_t size = cupel_dtype_size(type);
    char *copy = malloc((size_t)count * size);
    for (int64_t i = 0; i < count; i++)
        if (type == CUPEL_F32)
            ((float *)copy)[i] = (float)numbers[i];
        else
            ((uint16_t *)copy)[i] = to_bf16((float)numbers[i]);
    cr_assert_eq(cudaMemcpy(data, copy, (size_t)count * size, cudaMemcpyHostToDevice), cudaSuccess);
    free(copy);
}

double number_activated(enum activation activation, double slope, double x) {
    switch (activation) {
    case ACTIVATION_RELU:
        return x < 0 ? 0 : x;
    case ACTIVATION_LEAKY_RELU:
        return x > 0 ? x : slope * x;
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-x));
    case ACTIVATION_TANH:
        return tanh(x);
    case ACTIVATION_NONE:
        break;
    }
    return x;
}

void subject_start(struct subject *subject) {
    unsigned state = 1;
    const int n_in = subject->node.n_in;
    subject->source.op = OP_state;
    for (int i = 0; i <= n_in; i++) {
        struct view *view = &subject->view[i];
        const int64_t count = view_count(view);
        double *numbers = malloc((size_t)count * sizeof *numbers);
        for (int64_t k = 0; k < count; k++) {
            state = state * 1664525 + 1013904223;
            numbers[k] = i < n_in ? ((int)(state >> 24) % 9 - 4) / 4.0 : NAN;
        }
        cr_assert_eq(cudaMalloc(&view->data, (size_t)count * cupel_dtype_size(view->dtype)), cudaSuccess);
        numbers_write(view->data, numbers, count, view->dtype);
        free(numbers);
        subject->tensor[i] = (struct cupel_tensor){
            .node = i < n_in ? &subject->source : &subject->node, .dtype = view->dtype, .shape = view->shape};
        if (i < n_in) subject->in[i] = &subject->tensor[i];
    }
    subject->node.in = subject->in;
    subject->own = (struct cuda_device){.architecture = 90, .multiprocessors = 132};
    cr_assert_eq(cudaStreamCreateWithFlags(&subject->own.stream, cudaStreamNonBlocking), cudaSuccess);
    subject->device.own = &subject->own;
    subject->call = (struct call){.node = &subject->node,
                                  .in = subject->view,
                                  .out = &subject->view[n_in],
                                  .n_in = n_in,
                                  .n_out = 1,
                                  .device = &subject->device};
}

void subject_run(struct subject *subject) {
    struct call *call = &subject->call;
    if (call->workspace_bytes) cr_assert_eq(cudaMalloc(&call->workspace, call->workspace_bytes), cudaSuccess);
    call->kernel(call);
    cr_assert_eq(call->error.status, CUPEL_OK, "%s: %s", call->engine, call->error.message);
    cr_assert_eq(cudaStreamSynchronize(subject->own.stream), cudaSuccess);
}

void subject_end(struct subject *subject) {
    if (subject->call.release) subject->call.release(subject->call.prepared);
    for (int i = 0; i <= subject->node.n_in; i++) cudaFree(subject->view[i].data);
    if (subject->call.workspace) cudaFree(subject->call.workspace);
    cudaStreamDestroy(subject->own.stream);
}
