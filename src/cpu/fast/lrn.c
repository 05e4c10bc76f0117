/* Local response normalisation of images in patches: all channels of some elements that lie together, or of one pixel where the
 * channels do. A patch's terms are laid out as channels of `lanes` elements, so that the channel d behind is d lanes behind. */
#include <omp.h>

#include "cpu/fast/fast.h"
#include "cpu/fast/formula.h"

#define IN(i) ((const float *)call->in[i].data + patch->at)
#define OUT(i) ((float *)call->out[i].data + patch->at)

struct patch {
    int64_t at; /* offset in all tensors */
    int64_t channels, lanes;
    int64_t rows, width, stride; /* of the runs in the tensors that make it */
    float *term, *sum;           /* rows * width */
};

/* Runs of a kilobyte and more: channels lie far apart. */
enum { PATCH = 32768, LEAST_LANES = 16 };

/* Elements of each channel in a patch. */
static int64_t lanes_of(const struct view *x) {
    const int64_t step = x->stride[1], fit = PATCH / x->shape.dim[1] / LEAST_LANES * LEAST_LANES;
    const int64_t lanes = fit > LEAST_LANES ? fit : LEAST_LANES;
    return lanes < step ? lanes : step;
}

/* sum = that of the terms of the channels from `before` before to `after` behind. */
static void sum_near(const struct patch *patch, int64_t before, int64_t after) {
    const int64_t last = patch->channels - 1, all = patch->rows * patch->width;
    float *restrict sum = patch->sum;
    for (int64_t i = 0; i < all; i++) sum[i] = 0;
    for (int64_t d = before < last ? -before : -last; d <= (after < last ? after : last); d++) {
        const int64_t shift = d * patch->lanes, from = d < 0 ? -shift : 0, to = d > 0 ? all - shift : all;
        const float *restrict term = patch->term + shift;
#pragma omp simd
        for (int64_t i = from; i < to; i++) sum[i] += term[i];
    }
}

#define INLINE static inline __attribute__((always_inline))

/* scale^-beta; `usual`: for a beta of 3/4, which takes roots alone and becomes vector code. */
INLINE float power_of(float scale, float beta, const bool usual) {
    const float root = 1 / sqrtf(scale);
    return usual ? root * sqrtf(root) : exp_fast(-beta * log_fast(scale));
}

INLINE void normalise_as(const struct call *call, const struct patch *patch, const bool usual) {
    const struct cupel_lrn *lrn = &call->node->attr.lrn;
    const float factor = (float)(lrn->alpha / (double)lrn->size), beta = (float)lrn->beta, k = (float)lrn->k;
    for (int64_t r = 0; r < patch->rows; r++) {
        const float *restrict x = IN(0) + r * patch->stride;
        float *restrict term = patch->term + r * patch->width;
#pragma omp simd
        for (int64_t i = 0; i < patch->width; i++) term[i] = x[i] * x[i];
    }
    sum_near(patch, lrn->size / 2, (lrn->size - 1) / 2);
    for (int64_t r = 0; r < patch->rows; r++) {
        const float *restrict x = IN(0) + r * patch->stride, *restrict sum = patch->sum + r * patch->width;
        float *restrict y = OUT(0) + r * patch->stride, *restrict scale = OUT(1) + r * patch->stride;
#pragma omp simd
        for (int64_t i = 0; i < patch->width; i++) {
            scale[i] = k + factor * sum[i];
            y[i] = x[i] * power_of(scale[i], beta, usual);
        }
    }
}

INLINE void go_back_as(const struct call *call, const struct patch *patch, const bool usual) {
    const struct cupel_lrn *lrn = &call->node->attr.lrn;
    const float slope = (float)(2 * lrn->alpha * lrn->beta / (double)lrn->size), beta = (float)lrn->beta;
    for (int64_t r = 0; r < patch->rows; r++) {
        const float *restrict y = IN(0) + r * patch->stride, *restrict scale = IN(1) + r * patch->stride,
                              *restrict dy = IN(2) + r * patch->stride;
        float *restrict term = patch->term + r * patch->width;
#pragma omp simd
        for (int64_t i = 0; i < patch->width; i++) term[i] = dy[i] * y[i] / scale[i];
    }
    sum_near(patch, (lrn->size - 1) / 2, lrn->size / 2);
    for (int64_t r = 0; r < patch->rows; r++) {
        const float *restrict y = IN(0) + r * patch->stride, *restrict scale = IN(1) + r * patch->stride,
                              *restrict dy = IN(2) + r * patch->stride,
                              *restrict sum = patch->sum + r * patch->width;
        float *restrict dx = OUT(0) + r * patch->stride;
#pragma omp simd
        for (int64_t i = 0; i < patch->width; i++) {
            const float power = power_of(scale[i], beta, usual);
            dx[i] = dy[i] * power - slope * (y[i] / power) * sum[i];
        }
    }
}

static void normalise(const struct call *call, const struct patch *patch) {
    if (call->node->attr.lrn.beta == 0.75)
        normalise_as(call, patch, true);
    else
        normalise_as(call, patch, false);
}

static void go_back(const struct call *call, const struct patch *patch) {
    if (call->node->attr.lrn.beta == 0.75)
        go_back_as(call, patch, true);
    else
        go_back_as(call, patch, false);
}

static void for_each_patch(struct call *call, void (*make)(const struct call *, const struct patch *)) {
    const struct view *x = &call->in[0];
    const int64_t channels = x->shape.dim[1], step = x->stride[1], lanes = lanes_of(x),
                  strips = (step + lanes - 1) / lanes, outer = view_count(x) / (channels * step);
    float *workspace = call->workspace;
#pragma omp parallel for schedule(static) \
    num_threads(call->device->threads) if (view_count(x) > FAST_SERIAL_HEAVY)
    for (int64_t unit = 0; unit < outer * strips; unit++) {
        const int64_t first = unit % strips * lanes, left = step - first;
        struct patch patch = {.at = unit / strips * channels * step + first,
                              .channels = channels,
                              .lanes = left < lanes ? left : lanes,
                              .rows = step > 1 ? channels : 1,
                              .stride = step};
        patch.width = step > 1 ? patch.lanes : channels;
        patch.term = workspace + channels * lanes * 2 * omp_get_thread_num();
        patch.sum = patch.term + channels * lanes;
        make(call, &patch);
    }
}

/* Whether all tensors lie in one layout. */
static bool alike(const struct call *call) {
    bool alike = true;
    for (int i = 1; i < call->n_in; i++) alike = alike && call->in[i].stride[1] == call->in[0].stride[1];
    for (int i = 0; i < call->n_out; i++) alike = alike && call->out[i].stride[1] == call->in[0].stride[1];
    return alike;
}

#define LRN(name, make)                                                                      \
    static void run_##name(struct call *call) {                                              \
        for_each_patch(call, make);                                                          \
    }                                                                                        \
    enum cupel_status fast_##name(struct call *call, struct cupel_error *error) {            \
        const int64_t patch = call->in[0].shape.dim[1] * lanes_of(&call->in[0]);             \
        (void)error;                                                                         \
        if (!alike(call)) return CUPEL_OK;                                                   \
        call->workspace_bytes = (size_t)(patch * 2 * call->device->threads) * sizeof(float); \
        call->kernel = run_##name;                                                           \
        call->engine = "cpu";                                                                \
        return CUPEL_OK;                                                                     \
    }
LRN(lrn, normalise)
LRN(lrn_grad, go_back)
