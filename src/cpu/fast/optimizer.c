/* Optimizers: one pass over the range, in threads. What is the same for all elements is computed in double.
 */
#include <math.h>

#include "cpu/fast/fast.h"

#define IN(i) ((const float *)call->in[i].data)
#define OUT(i) ((float *)call->out[i].data)

/* Runs `body` for each element i. Outputs may be the memory of their inputs, element for element. */
#define FOR_EACH(i)                                  \
    const int64_t count = view_count(&call->out[0]); \
    const int threads = call->device->threads;       \
    FAST_FOR(i, count, threads, FAST_SERIAL_HEAVY)

/* Whether the update is permitted: by the input behind the others, where there is one. */
static bool goes(const struct call *call) {
    return call->n_in == ops[call->node->op].min_in || *IN(call->n_in - 1) != 0;
}

#define PREPARE(name)                                                             \
    enum cupel_status fast_##name(struct call *call, struct cupel_error *error) { \
        (void)error;                                                              \
        call->kernel = run_##name;                                                \
        call->engine = "cpu";                                                     \
        return CUPEL_OK;                                                          \
    }

static void run_sgd(struct call *call) {
    if (!goes(call)) return;
    const float rate = *IN(2), decay = (float)call->node->attr.sgd.weight_decay;
    const float *p = IN(0), *g = IN(1);
    float *to = OUT(0);
    FOR_EACH(i) to[i] = p[i] - rate * (g[i] + decay * p[i]);
}
PREPARE(sgd)

static void run_sgd_momentum(struct call *call) {
    if (!goes(call)) return;
    const struct cupel_sgd *sgd = &call->node->attr.sgd;
    const float rate = *IN(3), momentum = (float)sgd->momentum, decay = (float)sgd->weight_decay;
    /* With Nesterov's momentum the step is g + momentum v, else v. */
    const float of_g = sgd->nesterov ? 1 : 0, of_v = sgd->nesterov ? momentum : 1;
    const float *p = IN(0), *v = IN(1), *gradient = IN(2);
    float *to = OUT(0), *to_v = OUT(1);
    FOR_EACH(i) {
        const float g = gradient[i] + decay * p[i], moved = momentum * v[i] + g;
        to_v[i] = moved;
        to[i] = p[i] - rate * (of_g * g + of_v * moved);
    }
}
PREPARE(sgd_momentum)

static void run_adam(struct call *call) {
    if (!goes(call)) return;
    const struct cupel_adam *adam = &call->node->attr.adam;
    const double rate = (double)*IN(4), step = (double)(*(const int64_t *)call->in[5].data + 1);
    const float keep1 = (float)(1 - adam->beta1), beta2 = (float)adam->beta2,
                keep2 = (float)(1 - adam->beta2);
    const float size = (float)(rate / (1 - pow(adam->beta1, step))), eps = (float)adam->eps;
    const float correction = (float)sqrt(1 - pow(adam->beta2, step));
    const float shrink = (float)(adam->decoupled ? 1 - rate * adam->weight_decay : 1);
    const float decay = (float)(adam->decoupled ? 0 : adam->weight_decay);
    const float *parameter = IN(0), *m = IN(1), *v = IN(2), *gradient = IN(3);
    float *to = OUT(0), *to_m = OUT(1), *to_v = OUT(2);
    FOR_EACH(i) {
        const float p = parameter[i] * shrink, g = gradient[i] + decay * p;
        const float first = m[i] + keep1 * (g - m[i]), second = v[i] * beta2 + keep2 * g * g;
        to_m[i] = first;
        to_v[i] = second;
        to[i] = p - size * first / (sqrtf(second) / correction + eps);
    }
}
PREPARE(adam)

static void run_rmsprop(struct call *call) {
    if (!goes(call)) return;
    const struct cupel_rmsprop *rmsprop = &call->node->attr.rmsprop;
    const float rate = *IN(3), eps = (float)rmsprop->eps, decay = (float)rmsprop->weight_decay;
    const float alpha = (float)rmsprop->alpha, keep = (float)(1 - rmsprop->alpha);
    const float *p = IN(0), *v = IN(1), *gradient = IN(2);
    float *to = OUT(0), *to_v = OUT(1);
    FOR_EACH(i) {
        const float g = gradient[i] + decay * p[i], square = v[i] * alpha + keep * g * g;
        to_v[i] = square;
        to[i] = p[i] - rate * g / (sqrtf(square) + eps);
    }
}
PREPARE(rmsprop)

static void run_adagrad(struct call *call) {
    if (!goes(call)) return;
    const struct cupel_adagrad *adagrad = &call->node->attr.adagrad;
    const float rate = *IN(3), eps = (float)adagrad->eps, decay = (float)adagrad->weight_decay;
    const float *p = IN(0), *v = IN(1), *gradient = IN(2);
    float *to = OUT(0), *to_v = OUT(1);
    FOR_EACH(i) {
        const float g = gradient[i] + decay * p[i], square = v[i] + g * g;
        to_v[i] = square;
        to[i] = p[i] - rate * g / (sqrtf(square) + eps);
    }
}
PREPARE(adagrad)

static void run_ema(struct call *call) {
    const float decay = (float)call->node->attr.number.a, keep = (float)(1 - call->node->attr.number.a);
    const float *value = IN(1);
    float *average = OUT(0);
    FOR_EACH(i) average[i] = decay * average[i] + keep * value[i];
}
PREPARE(ema)
