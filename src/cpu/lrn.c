/* Reference kernels: local response normalisation. */
#include "cpu/kernel.h"

/* The channels from `before` before c to `after` behind it, as far as there are any. */
#define FOR_EACH_NEAR(j, c, before, after, channels)                                    \
    for (int64_t j = (c) > (before) ? (c) - (before) : 0,                               \
                 end_##j = (channels) - (c) > (after) ? (c) + (after) + 1 : (channels); \
         j < end_##j; j++)

KERNEL(lrn) {
    const struct cupel_lrn *lrn = &call->node->attr.lrn;
    const struct view *x = &call->in[0], *y = &call->out[0], *s = &call->out[1];
    const int64_t before = lrn->size / 2, after = (lrn->size - 1) / 2;
    FOR_EACH4(x->shape.dim, n, c, h, w) {
        double sum = 0;
        FOR_EACH_NEAR(j, c, before, after, x->shape.dim[1]) {
            const double value = (double)IN(0)[at4(x, n, j, h, w)];
            sum += value * value;
        }
        const double scale = lrn->k + lrn->alpha / (double)lrn->size * sum;
        OUT(1)[at4(s, n, c, h, w)] = (real)scale;
        OUT(0)[at4(y, n, c, h, w)] = (real)((double)IN(0)[at4(x, n, c, h, w)] * pow(scale, -lrn->beta));
    }
}

/* Channel c takes part in the sums of those from which it is not too far: the window is turned round. */
KERNEL(lrn_grad) {
    const struct cupel_lrn *lrn = &call->node->attr.lrn;
    const struct view *y = &call->in[0], *s = &call->in[1], *dy = &call->in[2], *dx = &call->out[0];
    const int64_t before = (lrn->size - 1) / 2, after = lrn->size / 2;
    FOR_EACH4(y->shape.dim, n, c, h, w) {
        double sum = 0;
        FOR_EACH_NEAR(j, c, before, after, y->shape.dim[1])
        sum += (double)IN(2)[at4(dy, n, j, h, w)] * (double)IN(0)[at4(y, n, j, h, w)] /
               (double)IN(1)[at4(s, n, j, h, w)];
        const double power = pow((double)IN(1)[at4(s, n, c, h, w)], -lrn->beta),
                     x = (double)IN(0)[at4(y, n, c, h, w)] / power;
        const double slope = 2 * lrn->alpha * lrn->beta / (double)lrn->size;
        OUT(0)[at4(dx, n, c, h, w)] = (real)((double)IN(2)[at4(dy, n, c, h, w)] * power - slope * x * sum);
    }
}
