/* Reference kernels: bilinear enlarging. The gradient gathers, so that every element of the image is written once. */
#include "cpu/bilinear.h"
#include "cpu/kernel.h"

KERNEL(bilinear) {
    const int64_t *factor = call->node->attr.upsample.factor;
    const struct view *x = &call->in[0], *y = &call->out[0];
    const int64_t height = x->shape.dim[2], width = x->shape.dim[3];
    FOR_EACH4(y->shape.dim, n, c, oh, ow) {
        const struct span rows = bilinear_from(factor[0], oh, height),
                          columns = bilinear_from(factor[1], ow, width);
        double sum = 0;
        for (int64_t h = rows.from; h < rows.to; h++)
            for (int64_t w = columns.from; w < columns.to; w++)
                sum += bilinear_weight(factor[0], oh, h, height) * bilinear_weight(factor[1], ow, w, width) *
                       (double)IN(0)[at4(x, n, c, h, w)];
        OUT(0)[at4(y, n, c, oh, ow)] = (real)sum;
    }
}

KERNEL(bilinear_grad) {
    const int64_t *factor = call->node->attr.upsample.factor;
    const struct view *dy = &call->in[0], *dx = &call->out[0];
    const int64_t height = dx->shape.dim[2], width = dx->shape.dim[3];
    FOR_EACH4(dx->shape.dim, n, c, h, w) {
        const struct span rows = bilinear_over(factor[0], h, dy->shape.dim[2]),
                          columns = bilinear_over(factor[1], w, dy->shape.dim[3]);
        double sum = 0;
        for (int64_t oh = rows.from; oh < rows.to; oh++)
            for (int64_t ow = columns.from; ow < columns.to; ow++)
                sum += bilinear_weight(factor[0], oh, h, height) * bilinear_weight(factor[1], ow, w, width) *
                       (double)IN(0)[at4(dy, n, c, oh, ow)];
        OUT(0)[at4(dx, n, c, h, w)] = (real)sum;
    }
}
