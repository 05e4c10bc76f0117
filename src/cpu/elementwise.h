/* How elementwise reference kernels are written: y = EXPRESSION of a, of b, and of the node's numbers p and
 * q. */
#ifndef CUPEL_CPU_ELEMENTWISE_H
#define CUPEL_CPU_ELEMENTWISE_H

#include "cpu/kernel.h"

#define UNARY(name, expression)                                                    \
    KERNEL(name) {                                                                 \
        const double p = call->node->attr.number.a, q = call->node->attr.number.b; \
        (void)p, (void)q;                                                          \
        for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {           \
            const double a = IN(0)[i];                                             \
            OUT(0)[i] = (real)(expression);                                        \
        }                                                                          \
    }
#define BINARY(name, expression)                                                   \
    KERNEL(name) {                                                                 \
        const double p = call->node->attr.number.a, q = call->node->attr.number.b; \
        (void)p, (void)q;                                                          \
        for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {           \
            const double a = IN(0)[i], b = IN(1)[i];                               \
            OUT(0)[i] = (real)(expression);                                        \
        }                                                                          \
    }

#endif
