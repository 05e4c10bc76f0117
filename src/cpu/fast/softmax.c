/* Softmax and cross entropy along contiguous rows, in vectors; other axes are left to the reference kernels. */
#include "cpu/fast/fast.h"
#include "cpu/fast/formula.h"

#define IN(i) ((const float *)call->in[i].data)
#define OUT(i) ((float *)call->out[i].data)

static float largest_of(const float *x, int64_t count) {
    float largest = x[0];
#pragma omp simd reduction(max : largest)
    for (int64_t i = 0; i < count; i++) largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* to[i] = exp(x[i] - shift); returns the sum. */
static float exp_row(const float *x, float shift, int64_t count, float *to) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) {
        to[i] = exp_fast(x[i] - shift);
        sum += to[i];
    }
    return sum;
}

/* Runs `body` for each row of `size` elements from element `at`. */
#define FOR_EACH_ROW(at, size)                                                                           \
    const int64_t size = call->in[0].shape.dim[call->in[0].shape.rank - 1];                              \
    const int64_t all = view_count(&call->in[0]);                                                        \
    const int threads = call->device->threads;                                                           \
    _Pragma("omp parallel for schedule(static) num_threads(threads) if (all > FAST_SERIAL_HEAVY)") for ( \
        int64_t at = 0; at < all; at += size)

static void run_softmax(struct call *call) {
    const float *x = IN(0);
    float *y = OUT(0);
    FOR_EACH_ROW(at, size) {
        const float factor = 1 / exp_row(x + at, largest_of(x + at, size), size, y + at);
        for (int64_t i = at; i < at + size; i++) y[i] *= factor;
    }
}

static void run_softmax_grad(struct call *call) {
    const float *y = IN(0), *dy = IN(1);
    float *dx = OUT(0);
    FOR_EACH_ROW(at, size) {
        float dot = 0;
#pragma omp simd reduction(+ : dot)
        for (int64_t i = at; i < at + size; i++) dot += y[i] * dy[i];
#pragma omp simd
        for (int64_t i = at; i < at + size; i++) dx[i] = y[i] * (dy[i] - dot);
    }
}

static void run_log_softmax(struct call *call) {
    const float *x = IN(0);
    float *y = OUT(0);
    FOR_EACH_ROW(at, size) {
        const float largest = largest_of(x + at, size);
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = at; i < at + size; i++) sum += exp_fast(x[i] - largest);
        const float log_sum = log_fast(sum);
#pragma omp simd
        for (int64_t i = at; i < at + size; i++) y[i] = (x[i] - largest) - log_sum;
    }
}

static void run_log_softmax_grad(struct call *call) {
    const float *y = IN(0), *dy = IN(1);
    float *dx = OUT(0);
    FOR_EACH_ROW(at, size) {
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = at; i < at + size; i++) sum += dy[i];
#pragma omp simd
        for (int64_t i = at; i < at + size; i++) dx[i] = dy[i] - exp_fast(y[i]) * sum;
    }
}

/* ---- cross entropy of logits [N, C] ---- */

/* Number of labels that count. Fails the call when one of them is no class. */
static int64_t count_labels(struct call *call) {
    const int32_t *label = call->in[1].data;
    const int64_t classes = call->in[0].shape.dim[1], ignore = call->node->attr.number.n;
    int64_t count = 0;
    for (int64_t i = 0; i < call->in[0].shape.dim[0]; i++) {
        if (label[i] == ignore) continue;
        if (label[i] < 0 || label[i] >= classes)
            cupel_fail(&call->error, CUPEL_INVALID, "label %lld is %d, which is none of the %lld classes",
                       (long long)i, (int)label[i], (long long)classes);
        count++;
    }
    return count;
}

static void run_cross_entropy(struct call *call) {
    const int64_t rows = call->in[0].shape.dim[0], classes = call->in[0].shape.dim[1],
                  count = count_labels(call);
    const int32_t *label = call->in[1].data;
    const float *x = IN(0);
    const double smoothing = call->node->attr.number.a;
    double loss = 0;
    if (call->error.status) return;
    for (int64_t row = 0; row < rows; row++, x += classes) {
        if (label[row] == call->node->attr.number.n) continue;
        const float largest = largest_of(x, classes);
        float sum = 0, rest = 0;
#pragma omp simd reduction(+ : sum, rest)
        for (int64_t c = 0; c < classes; c++) {
            sum += exp_fast(x[c] - largest);
            rest += x[c] - largest;
        }
        const double log_sum = (double)log_fast(sum);
        loss += (1 - smoothing) * (log_sum - ((double)x[label[row]] - (double)largest));
        /* A class ruled out by a logit of minus infinity costs nothing unless it is wanted. */
        if (smoothing != 0) loss += smoothing * (log_sum - (double)rest / (double)classes);
    }
    *OUT(0) = (float)(loss / (double)count);
}

static void run_cross_entropy_grad(struct call *call) {
    const int64_t rows = call->in[0].shape.dim[0], classes = call->in[0].shape.dim[1],
                  count = count_labels(call);
    const int32_t *label = call->in[1].data;
    const double smoothing = call->node->attr.number.a;
    const float factor = (float)((double)*IN(2) / (double)count), off = (float)(smoothing / (double)classes),
                on = (float)(1 - smoothing);
    const int threads = call->device->threads;
    if (call->error.status) return;
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * classes > FAST_SERIAL_HEAVY)
    for (int64_t row = 0; row < rows; row++) {
        const float *x = IN(0) + row * classes;
        float *to = OUT(0) + row * classes;
        const bool counts = label[row] != call->node->attr.number.n;
        const float scale = 1 / exp_row(x, largest_of(x, classes), classes, to);
        for (int64_t c = 0; c < classes; c++) to[c] = counts ? factor * (to[c] * scale - off) : 0;
        if (counts) to[label[row]] -= factor * on;
    }
}

#define ALONG_ROWS (call->node->attr.shape.axis[0] == call->in[0].shape.rank - 1)
FAST_PREPARE(softmax, ALONG_ROWS)
FAST_PREPARE(softmax_grad, ALONG_ROWS)
FAST_PREPARE(log_softmax, ALONG_ROWS)
FAST_PREPARE(log_softmax_grad, ALONG_ROWS)
FAST_PREPARE(cross_entropy, call->in[0].shape.rank == 2)
FAST_PREPARE(cross_entropy_grad, call->in[0].shape.rank == 2)
