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

KERNEL(beta) {
    struct philox philox = draws(call);
    const float alpha = (float)call->node->attr.random.a;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++)
        OUT(0)[i] = (real)philox_beta(philox_words(&philox, (uint64_t)i), alpha);
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

static void move_images(const struct call *call) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const int64_t *dim = x->shape.dim;
    const struct image_move move = node_move(call->node);
    const size_t size = cupel_dtype_size(x->dtype);
    for (int64_t n = 0; n < dim[0]; n++) {
        struct moved_image moved;
        move_image(&moved, &move, call->in[1].data, n, (int)dim[2], (int)dim[3]);
        for (int64_t i = 0; i < dim[1] * dim[2] * dim[3]; i++) {
            int w = (int)(i % dim[3]), h = (int)(i / dim[3] % dim[2]);
            const int64_t c = i / dim[3] / dim[2];
            char *to = (char *)y->data + (size_t)at4(y, n, c, h, w) * size;
            if (moved_from(&moved, (int)dim[2], (int)dim[3], &h, &w))
                memcpy(to, (const char *)x->data + (size_t)at4(x, n, c, h, w) * size, size);
            else
                memset(to, 0, size);
        }
    }
}

KERNEL(random_flip) {
    move_images(call);
}

KERNEL(random_crop) {
    move_images(call);
}

KERNEL(cutout) {
    move_images(call);
}
