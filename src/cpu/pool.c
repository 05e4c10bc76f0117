/* Reference kernels: pooling. Gradients gather, so that every element of the image is written once. */
#include "cpu/kernel.h"
#include "cpu/window.h"

/* ---- max ---- */

KERNEL(maxpool) {
    const union attr *attr = &call->node->attr;
    const struct view *x = &call->in[0], *y = &call->out[0];
    int32_t *argmax = call->out[1].data;
    FOR_EACH4(y->shape.dim, n, c, oh, ow) {
        const struct span rows = window_span(attr, 0, oh, x->shape.dim[2]),
                          columns = window_span(attr, 1, ow, x->shape.dim[3]);
        int64_t best_h = rows.from, best_w = columns.from;
        real best = IN(0)[at4(x, n, c, best_h, best_w)];
        for (int64_t h = rows.from; h < rows.to; h++)
            for (int64_t w = columns.from; w < columns.to; w++) {
                const real value = IN(0)[at4(x, n, c, h, w)];
                if (!(value > best) && !isnan(value)) continue;
                best = value;
                best_h = h;
                best_w = w;
            }
        OUT(0)[at4(y, n, c, oh, ow)] = best;
        argmax[at4(&call->out[1], n, c, oh, ow)] = (int32_t)(best_h * x->shape.dim[3] + best_w);
    }
}

KERNEL(maxpool_grad) {
    const union attr *attr = &call->node->attr;
    const struct view *dy = &call->in[0], *dx = &call->out[0];
    const int32_t *argmax = call->in[1].data;
    FOR_EACH4(dx->shape.dim, n, c, h, w) {
        const struct span rows = places_over(attr, 0, h, dy->shape.dim[2]),
                          columns = places_over(attr, 1, w, dy->shape.dim[3]);
        double sum = 0;
        for (int64_t oh = rows.from; oh < rows.to; oh++)
            for (int64_t ow = columns.from; ow < columns.to; ow++)
                if (argmax[at4(&call->in[1], n, c, oh, ow)] == h * dx->shape.dim[3] + w)
                    sum += (double)IN(0)[at4(dy, n, c, oh, ow)];
        OUT(0)[at4(dx, n, c, h, w)] = (real)sum;
    }
}

KERNEL(maxpool_pick) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    const int32_t *argmax = call->in[1].data;
    FOR_EACH4(y->shape.dim, n, c, oh, ow) {
        const int32_t from = argmax[at4(&call->in[1], n, c, oh, ow)];
        OUT(0)[at4(y, n, c, oh, ow)] = IN(0)[at4(x, n, c, from / x->shape.dim[3], from % x->shape.dim[3])];
    }
}

/* ---- average ---- */

KERNEL(avgpool) {
    const union attr *attr = &call->node->attr;
    const struct view *x = &call->in[0], *y = &call->out[0];
    FOR_EACH4(y->shape.dim, n, c, oh, ow) {
        const struct span rows = window_span(attr, 0, oh, x->shape.dim[2]),
                          columns = window_span(attr, 1, ow, x->shape.dim[3]);
        double sum = 0;
        for (int64_t h = rows.from; h < rows.to; h++)
            for (int64_t w = columns.from; w < columns.to; w++) sum += (double)IN(0)[at4(x, n, c, h, w)];
        OUT(0)[at4(y, n, c, oh, ow)] = (real)(sum / (double)(rows.divisor * columns.divisor));
    }
}

KERNEL(avgpool_grad) {
    const union attr *attr = &call->node->attr;
    const struct view *dy = &call->in[0], *dx = &call->out[0];
    const int64_t *image = dx->shape.dim + 2;
    FOR_EACH4(dx->shape.dim, n, c, h, w) {
        const struct span rows = places_over(attr, 0, h, dy->shape.dim[2]),
                          columns = places_over(attr, 1, w, dy->shape.dim[3]);
        double sum = 0;
        for (int64_t oh = rows.from; oh < rows.to; oh++)
            for (int64_t ow = columns.from; ow < columns.to; ow++)
                sum += (double)IN(0)[at4(dy, n, c, oh, ow)] /
                       (double)(window_span(attr, 0, oh, image[0]).divisor *
                                window_span(attr, 1, ow, image[1]).divisor);
        OUT(0)[at4(dx, n, c, h, w)] = (real)sum;
    }
}
