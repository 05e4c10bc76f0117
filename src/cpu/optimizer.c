/* Reference kernels: optimizers. Element by element in the order of operations of torch.optim, rounding to
 * `real` after each; factors that are the same for all elements are computed in double. Outputs may be the
 * memory of their inputs. */
#include "cpu/kernel.h"

/* The gradient with the L2 penalty's, which is left out when there is none. */
static real penalised(real gradient, real parameter, double decay) {
    return decay != 0 ? gradient + (real)decay * parameter : gradient;
}

/* Whether the update is permitted: by the input behind the others, where there is one. */
static bool goes(const struct call *call) {
    return call->n_in == ops[call->node->op].min_in || *IN(call->n_in - 1) != 0;
}

KERNEL(sgd) {
    if (!goes(call)) return;
    const struct cupel_sgd *sgd = &call->node->attr.sgd;
    const real rate = *IN(2);
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++)
        OUT(0)[i] = IN(0)[i] - rate * penalised(IN(1)[i], IN(0)[i], sgd->weight_decay);
}

KERNEL(sgd_momentum) {
    if (!goes(call)) return;
    const struct cupel_sgd *sgd = &call->node->attr.sgd;
    const real rate = *IN(3), momentum = (real)sgd->momentum;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {
        real p = IN(0)[i], g = penalised(IN(2)[i], p, sgd->weight_decay);
        real v = momentum * IN(1)[i] + g;
        OUT(1)[i] = v;
        OUT(0)[i] = p - rate * (sgd->nesterov ? g + momentum * v : v);
    }
}

KERNEL(adam) {
    if (!goes(call)) return;
    const struct cupel_adam *adam = &call->node->attr.adam;
    const double rate = *IN(4), step = (double)(*(const int64_t *)call->in[5].data + 1);
    const real keep1 = (real)(1 - adam->beta1), beta2 = (real)adam->beta2, keep2 = (real)(1 - adam->beta2);
    const real size = (real)(rate / (1 - pow(adam->beta1, step))), eps = (real)adam->eps;
    const real correction = (real)sqrt(1 - pow(adam->beta2, step));
    const real shrink = (real)(adam->decoupled ? 1 - rate * adam->weight_decay : 1);
    const double penalty = adam->decoupled ? 0 : adam->weight_decay;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {
        real p = IN(0)[i] * shrink, g = penalised(IN(3)[i], p, penalty);
        real m = IN(1)[i] + keep1 * (g - IN(1)[i]);
        real v = IN(2)[i] * beta2 + keep2 * g * g;
        OUT(1)[i] = m;
        OUT(2)[i] = v;
        OUT(0)[i] = p - size * m / ((real)sqrt((double)v) / correction + eps);
    }
}

KERNEL(rmsprop) {
    if (!goes(call)) return;
    const struct cupel_rmsprop *rmsprop = &call->node->attr.rmsprop;
    const real rate = *IN(3), eps = (real)rmsprop->eps;
    const real alpha = (real)rmsprop->alpha, keep = (real)(1 - rmsprop->alpha);
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {
        real p = IN(0)[i], g = penalised(IN(2)[i], p, rmsprop->weight_decay);
        real v = IN(1)[i] * alpha + keep * g * g;
        OUT(1)[i] = v;
        OUT(0)[i] = p - rate * g / ((real)sqrt((double)v) + eps);
    }
}

KERNEL(adagrad) {
    if (!goes(call)) return;
    const struct cupel_adagrad *adagrad = &call->node->attr.adagrad;
    const real rate = *IN(3), eps = (real)adagrad->eps;
    for (int64_t i = 0, n = view_count(&call->out[0]); i < n; i++) {
        real p = IN(0)[i], g = penalised(IN(2)[i], p, adagrad->weight_decay);
        real v = IN(1)[i] + g * g;
        OUT(1)[i] = v;
        OUT(0)[i] = p - rate * g / ((real)sqrt((double)v) + eps);
    }
}

KERNEL(clip_norm) {
    int64_t n = view_count(&call->out[0]);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)IN(0)[i] * (double)IN(0)[i];
    double factor = call->node->attr.number.a / (sqrt(sum) + 1e-6);
    for (int64_t i = 0; i < n; i++) OUT(0)[i] = factor < 1 ? (real)factor * IN(0)[i] : IN(0)[i];
}
