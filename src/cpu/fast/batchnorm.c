/* Batch normalisation, in one pass for sums over each channel and one that applies them.
 *
 * Whatever the layout, memory is *runs* of as many elements of one channel as the channels' stride says, the channels in
 * turn. Runs of one element (channels innermost) are worked on in rows of all channels. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "cpu/fast/fast.h"
#include "cpu/fast/half.h"

/* What an activation makes of a number, or of a gradient: `below` times it where `sign` is not above 0. */
static inline float cut(float sign, float number, float below) {
    const float scaled = below * number, low = below == 0 ? 0 : scaled;
    return sign <= 0 ? low : number;
}

/* What the call's activation multiplies numbers below 0 by. */
static float factor_below(const struct call *call) {
    const int activation = call->node->attr.norm.activation;
    return activation == ACTIVATION_NONE   ? 1
           : activation == ACTIVATION_RELU ? 0
                                           : (float)call->node->attr.norm.slope;
}

/* What a pass goes over. */
struct field {
    int64_t channels, run; /* elements of one channel that follow one another; 1: rows of all channels */
    int64_t units;         /* runs, or rows */
    bool half;             /* x, z and y are bf16; what there is for each channel is f32 */
};

static struct field field_of(const struct view *x) {
    struct field field = {.channels = x->shape.dim[1], .run = x->stride[1], .half = is_half(x)};
    field.units = view_count(x) / (field.run == 1 ? field.channels : field.run);
    return field;
}

/* Where a thread's share of the units begins; the next thread's is where it ends. */
static int64_t share(const struct field *field, int thread) {
    return field->units * thread / omp_get_num_threads();
}

/* ---- sums ---- */

enum { STRIP = 64, ROWS = 64, RUN = 1024 };

/* The two sums that a pass makes of each channel. */
struct sums {
    double a, b;
};

/* Adds to each channel's sums, over some units, `A` and `B` of element i of x and z and channel c's p to s. Few rows at a
 * time are summed in single precision. */
#define SUMS(name, A, B)                                                                                     \
    INLINE void name##_of(const struct field *field, const void *restrict x, const void *restrict z,         \
                          const float *restrict p, const float *restrict q, const float *restrict r,         \
                          const float *restrict s, float below, int64_t from, int64_t to, struct sums *sums, \
                          const bool half) {                                                                 \
        (void)z, (void)q, (void)r, (void)s, (void)below;                                                     \
        if (field->run > 1) {                                                                                \
            for (int64_t unit = from; unit < to; unit++) {                                                   \
                const int64_t c = unit % field->channels, end = (unit + 1) * field->run;                     \
                for (int64_t first = unit * field->run; first < end; first += RUN) {                         \
                    const int64_t last = first + RUN < end ? first + RUN : end;                              \
                    float a = 0, b = 0;                                                                      \
                    _Pragma("omp simd reduction(+ : a, b)") for (int64_t i = first; i < last; i++) {         \
                        a += A;                                                                              \
                        b += B;                                                                              \
                    }                                                                                        \
                    sums[c].a += (double)a;                                                                  \
                    sums[c].b += (double)b;                                                                  \
                }                                                                                            \
            }                                                                                                \
            return;                                                                                          \
        }                                                                                                    \
        for (int64_t strip = 0; strip < field->channels; strip += STRIP) {                                   \
            const int64_t count = field->channels - strip < STRIP ? field->channels - strip : STRIP;         \
            for (int64_t first = from; first < to; first += ROWS) {                                          \
                float a[STRIP] = {0}, b[STRIP] = {0};                                                        \
                for (int64_t row = first; row < first + ROWS && row < to; row++)                             \
                    for (int64_t k = 0; k < count; k++) {                                                    \
                        const int64_t c = strip + k, i = row * field->channels + c;                          \
                        a[k] += A;                                                                           \
                        b[k] += B;                                                                           \
                    }                                                                                        \
                for (int64_t k = 0; k < count; k++) {                                                        \
                    sums[strip + k].a += (double)a[k];                                                       \
                    sums[strip + k].b += (double)b[k];                                                       \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void name(const struct field *field, const void *x, const void *z, const float *p,                \
                     const float *q, const float *r, const float *s, float below, int64_t from, int64_t to,  \
                     struct sums *sums) {                                                                    \
        if (field->half)                                                                                     \
            name##_of(field, x, z, p, q, r, s, below, from, to, sums, true);                                 \
        else                                                                                                 \
            name##_of(field, x, z, p, q, r, s, below, from, to, sums, false);                                \
    }
#define X get(x, i, half)
#define Z get(z, i, half)
/* Of differences from p, which is near the mean, so that nothing is lost when they are squared. */
SUMS(sum_squares, X - p[c], (X - p[c]) * (X - p[c]))
/* Of the gradient z, and of its product with the normalised x. */
SUMS(sum_gradient, Z, Z *((X - p[c]) * q[c]))
/* The same behind an activation of (x - p) r + s. */
#define CUT cut((X - p[c]) * r[c] + s[c], Z, below)
SUMS(sum_cut_gradient, CUT, CUT *((X - p[c]) * q[c]))

/* Adds up the threads' sums of a channel. */
static struct sums total(const struct sums *own, int threads, int64_t channels, int64_t c) {
    struct sums total = {0};
    for (int t = 0; t < threads; t++) {
        total.a += own[t * channels + c].a;
        total.b += own[t * channels + c].b;
    }
    return total;
}

/* ---- what is done to each element ---- */

/* y = EXPRESSION of element i of x and z and channel c's p, q, r, s and t, over some units. */
#define MAP(name, expression)                                                                             \
    INLINE void name##_of(const struct field *field, const void *x, const void *z, const float *p,        \
                          const float *q, const float *r, const float *s, const float *t, float below,    \
                          int64_t from, int64_t to, void *y, const bool half) {                           \
        (void)z, (void)s, (void)t, (void)below;                                                           \
        for (int64_t unit = from; unit < to; unit++) {                                                    \
            if (field->run > 1) {                                                                         \
                const int64_t c = unit % field->channels;                                                 \
                _Pragma("omp simd") for (int64_t i = unit * field->run; i < (unit + 1) * field->run; i++) \
                    put(y, i, expression, half);                                                          \
            } else {                                                                                      \
                _Pragma("omp simd") for (int64_t c = 0; c < field->channels; c++) {                       \
                    const int64_t i = unit * field->channels + c;                                         \
                    put(y, i, expression, half);                                                          \
                }                                                                                         \
            }                                                                                             \
        }                                                                                                 \
    }                                                                                                     \
    static void name(const struct field *field, const void *x, const void *z, const float *p,             \
                     const float *q, const float *r, const float *s, const float *t, float below,         \
                     int64_t from, int64_t to, void *y) {                                                 \
        if (field->half)                                                                                  \
            name##_of(field, x, z, p, q, r, s, t, below, from, to, y, true);                              \
        else                                                                                              \
            name##_of(field, x, z, p, q, r, s, t, below, from, to, y, false);                             \
    }
MAP(normalise, (X - p[c]) * q[c] + r[c])
MAP(normalise_cut, cut((X - p[c]) * q[c] + r[c], (X - p[c]) * q[c] + r[c], below))
MAP(put_back, Z *q[c] + (X - p[c]) * r[c] + s[c])
MAP(put_back_cut, cut((X - p[c]) * q[c] + t[c], Z, below) * q[c] + (X - p[c]) * r[c] + s[c])

#define IN(i) ((const float *)call->in[i].data)
#define OUT(i) ((float *)call->out[i].data)

/* Workspace: the threads' sums, then `vectors` numbers for each channel. */
static size_t workspace(const struct call *call, int64_t channels, int64_t vectors) {
    return (size_t)channels *
           ((size_t)call->device->threads * sizeof(struct sums) + (size_t)vectors * sizeof(float));
}

/* The median of some of a channel's elements, spread over all of it. Differences from it stay small, so that single precision
 * sums them well, even where a few elements are far out; those would pull a mean with them. */
static float typical(const struct field *field, const void *x, int64_t c) {
    enum { SAMPLES = 15 };
    const int64_t size = field->units * field->run / (field->run == 1 ? 1 : field->channels);
    const int samples = size < SAMPLES ? (int)size : SAMPLES;
    float sorted[SAMPLES] = {0};
    for (int k = 0; k < samples; k++) {
        const int64_t place = k * size / samples;
        const int64_t i = (place / field->run * field->channels + c) * field->run + place % field->run;
        const float value = get(x, i, field->half);
        int at = k;
        for (; at > 0 && sorted[at - 1] > value; at--) sorted[at] = sorted[at - 1];
        sorted[at] = value;
    }
    return sorted[samples / 2];
}

static void run_batchnorm(struct call *call) {
    const struct field field = field_of(&call->in[2]);
    const int64_t channels = field.channels;
    const double momentum = call->node->attr.norm.momentum, eps = call->node->attr.norm.eps,
                 size = (double)view_count(&call->in[2]) / (double)channels;
    const float below = factor_below(call);
    struct sums *own = call->workspace;
    float *slope = (float *)(own + call->device->threads * channels), *pilot = slope + channels;
    for (int64_t c = 0; c < channels; c++) pilot[c] = typical(&field, call->in[2].data, c);
#pragma omp parallel num_threads(call->device->threads) if (view_count(&call->in[2]) > FAST_SERIAL_HEAVY)
    {
        const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        const int64_t from = share(&field, thread), to = share(&field, thread + 1);
        memset(own + thread * channels, 0, (size_t)channels * sizeof *own);
        sum_squares(&field, call->in[2].data, NULL, pilot, NULL, NULL, NULL, 1, from, to,
                    own + thread * channels);
#pragma omp barrier
#pragma omp for schedule(static)
        for (int64_t c = 0; c < channels; c++) {
            const struct sums sums = total(own, threads, channels, c);
            const double mean = (double)pilot[c] + sums.a / size,
                         square = fmax(sums.b - sums.a * sums.a / size, 0),
                         invstd = 1 / sqrt(square / size + eps);
            slope[c] = (float)(invstd * (double)IN(3)[c]);
            OUT(1)[c] = (float)mean;
            OUT(2)[c] = (float)invstd;
            OUT(3)[c] = (float)((1 - momentum) * (double)IN(0)[c] + momentum * mean);
            OUT(4)[c] = (float)((1 - momentum) * (double)IN(1)[c] + momentum * square / (size - 1));
        }
        (below == 1 ? normalise : normalise_cut)(&field, call->in[2].data, NULL, OUT(1), slope, IN(4), NULL,
                                                 NULL, below, from, to, call->out[0].data);
    }
}

static void run_batchnorm_grad(struct call *call) {
    const struct field field = field_of(&call->in[0]);
    const int64_t channels = field.channels;
    const double size = (double)view_count(&call->in[0]) / (double)channels;
    const float below = factor_below(call), *const bias = below == 1 ? NULL : IN(5);
    struct sums *own = call->workspace;
    float *of_dy = (float *)(own + call->device->threads * channels), *of_x = of_dy + channels,
          *shift = of_x + channels;
    for (int64_t c = 0; c < channels; c++) of_dy[c] = (float)((double)IN(1)[c] * (double)IN(3)[c]);
#pragma omp parallel num_threads(call->device->threads) if (view_count(&call->in[0]) > FAST_SERIAL_HEAVY)
    {
        const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        const int64_t from = share(&field, thread), to = share(&field, thread + 1);
        memset(own + thread * channels, 0, (size_t)channels * sizeof *own);
        (below == 1 ? sum_gradient : sum_cut_gradient)(&field, call->in[0].data, call->in[4].data, IN(2),
                                                       IN(3), of_dy, bias, below, from, to,
                                                       own + thread * channels);
#pragma omp barrier
#pragma omp for schedule(static)
        for (int64_t c = 0; c < channels; c++) {
            const struct sums sums = total(own, threads, channels, c);
            const double invstd = (double)IN(3)[c], slope = (double)IN(1)[c] * invstd;
            of_x[c] = (float)(-slope * invstd * sums.b / size);
            shift[c] = (float)(-slope * sums.a / size);
            OUT(1)[c] = (float)sums.b;
            OUT(2)[c] = (float)sums.a;
        }
        (below == 1 ? put_back : put_back_cut)(&field, call->in[0].data, call->in[4].data, IN(2), of_dy, of_x,
                                               shift, bias, below, from, to, call->out[0].data);
    }
}

static void run_batchnorm_eval(struct call *call) {
    const struct field field = field_of(&call->in[0]);
    const float below = factor_below(call);
    float *slope = call->workspace;
    for (int64_t c = 0; c < field.channels; c++)
        slope[c] = (float)((double)IN(1)[c] / sqrt((double)IN(4)[c] + call->node->attr.norm.eps));
#pragma omp parallel num_threads(call->device->threads) if (view_count(&call->in[0]) > FAST_SERIAL_HEAVY)
    {
        const int thread = omp_get_thread_num();
        (below == 1 ? normalise : normalise_cut)(&field, call->in[0].data, NULL, IN(3), slope, IN(2), NULL,
                                                 NULL, below, share(&field, thread),
                                                 share(&field, thread + 1), call->out[0].data);
    }
}

/* Image tensors of one layout. */
static bool same_strides(const struct view *a, const struct view *b) {
    return memcmp(a->stride, b->stride, (size_t)a->shape.rank * sizeof *a->stride) == 0;
}

#define PREPARE(name, x, other, vectors)                                                      \
    enum cupel_status fast_##name(struct call *call, struct cupel_error *error) {             \
        (void)error;                                                                          \
        if (!same_strides(&call->in[x], &call->out[0]) || !same_strides(&call->in[x], other)) \
            return CUPEL_OK;                                                                  \
        call->workspace_bytes = workspace(call, call->in[x].shape.dim[1], vectors);           \
        call->kernel = run_##name;                                                            \
        call->engine = "cpu";                                                                 \
        return CUPEL_OK;                                                                      \
    }
PREPARE(batchnorm, 2, &call->out[0], 2)
PREPARE(batchnorm_grad, 0, &call->in[4], 3)
PREPARE(batchnorm_eval, 0, &call->out[0], 1)
