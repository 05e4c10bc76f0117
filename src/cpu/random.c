/* Reference kernels: ops that draw random numbers. All draws are made in f32 arithmetic, whatever `real` is,
 * so that every backend and precision gets the same numbers. Elements are counted in logical row-major order.
 */
#include "cpu/kernel.h"
#include "philox.h"

/* The node's draws of this step: the last input holds seed and step. */
static struct philox draws(const struct call *call) {
    const int64_t *rng = call->in[call->n_in - 1].data;
    return philox_start((uint64_t)rng[0], PHILOX_OPS, call->node->attr.random.stream, (uint64_t)rng[1]);
}

KERNEL(uniform) {
    struct philox philox = draws(call);
    float low = (float)call->node->attr.random.a,
          range = (float)(call->node->attr.random.b - call->node->attr.random.a);
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++)
        OUT(0)[i] = (real)fmaf(range, philox_unit(philox_word(&philox, (uint64_t)i)), low);
}

KERNEL(normal) {
    struct philox philox = draws(call);
    float mean = (float)call->node->attr.random.a, deviation = (float)call->node->attr.random.b;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i += 4) {
        struct philox_floats normals = philox_normals(philox_words(&philox, (uint64_t)i / 4));
        for (int j = 0; j < 4 && i + j < n; j++)
            OUT(0)[i + j] = (real)fmaf(deviation, normals.value[j], mean);
    }
}

KERNEL(dropout) {
    struct philox philox = draws(call);
    const double p = call->node->attr.random.a;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {
        bool keep = philox_unit(philox_word(&philox, (uint64_t)i)) >= (float)p;
        double x = IN(0)[view_offset(&call->in[0], i)];
        OUT(0)[view_offset(&call->out[0], i)] = keep ? (real)(x / (1 - p)) : 0;
    }
}

/* Sets y[n, c, h, w] to x[n, c, h + down, w + right], or x[n, c, h, W - 1 - w] when mirrored; zero outside
 * the image. */
static void move_image(const struct call *call, int64_t n, int64_t down, int64_t right, bool mirror) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const int64_t *dim = x->shape.dim;
    size_t size = cupel_dtype_size(x->dtype);
    for (int64_t i = 0; i < dim[1] * dim[2] * dim[3]; i++) {
        int64_t w = i % dim[3], h = i / dim[3] % dim[2], c = i / dim[3] / dim[2];
        int64_t from_h = h + down, from_w = mirror ? dim[3] - 1 - w : w + right;
        char *to = (char *)y->data + (size_t)at4(y, n, c, h, w) * size;
        if (from_h < 0 || from_h >= dim[2] || from_w < 0 || from_w >= dim[3])
            memset(to, 0, size);
        else
            memcpy(to, (const char *)x->data + (size_t)at4(x, n, c, from_h, from_w) * size, size);
    }
}

/* One draw an image. */
KERNEL(random_flip) {
    struct philox philox = draws(call);
    const float p = (float)call->node->attr.random.a;
    for (int64_t n = 0; n < call->in[0].shape.dim[0]; n++)
        move_image(call, n, 0, 0, philox_unit(philox_word(&philox, (uint64_t)n)) < p);
}

/* A shift from -pad to pad: the high half of word * (2 pad + 1). */
static int64_t shift(uint32_t word, int pad) {
    return (int64_t)((uint64_t)word * (2 * (uint32_t)pad + 1) >> 32) - pad;
}

/* Two draws an image: down and right. */
KERNEL(random_crop) {
    struct philox philox = draws(call);
    const int pad = call->node->attr.random.pad, sign = call->node->attr.random.back ? -1 : 1;
    for (int64_t n = 0; n < call->in[0].shape.dim[0]; n++) {
        int64_t down = shift(philox_word(&philox, 2 * (uint64_t)n), pad);
        int64_t right = shift(philox_word(&philox, 2 * (uint64_t)n + 1), pad);
        move_image(call, n, sign * down, sign * right, false);
    }
}
