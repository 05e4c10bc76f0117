/* Reference kernels: elementwise arithmetic. A NaN that goes in comes out, but for sign and step. */
#include "cpu/elementwise.h"

BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, (a) * (b))
BINARY(div, a / b)
UNARY(scale, (p) * (a) + q)
UNARY(exp, exp(a))
UNARY(log, log(a))
UNARY(sqrt, sqrt(a))
UNARY(power, pow(a, p))
UNARY(abs, fabs(a))
UNARY(sign, (a > 0) - (a < 0))
UNARY(step, a > 0)
UNARY(clamp, a<p ? p : a> q ? q : a)
BINARY(clamp_grad, a<p || a> q ? 0 : b)

/* x [N, C, ...] + bias [C] */
KERNEL(bias_add) {
    const struct view *x = &call->in[0], *y = &call->out[0];
    int64_t inner = view_count(x) / (x->shape.dim[0] * x->shape.dim[1]);
    for (int64_t i = 0, n = view_count(y); i < n; i++) {
        int64_t channel = i / inner % x->shape.dim[1];
        OUT(0)[view_offset(y, i)] = (real)((double)IN(0)[view_offset(x, i)] + (double)IN(1)[channel]);
    }
}
