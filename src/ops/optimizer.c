/* Optimizers: ops that give parameters and moments their next versions. Inputs: the states that change, the
 * gradient, the rate and, where it counts, the step; behind them, where there is one, the number that permits the update. */
#include <math.h>

#include "graph/node.h"

static bool infer_optimizer(struct node *node) {
    int states = ops[node->op].updates;
    const struct cupel_tensor *parameter = node->in[0];
    if (!is_real(parameter)) return node_fail(node, "the parameter must be floating-point");
    for (int i = 1; i <= states; i++)
        if (node->in[i]->dtype != parameter->dtype ||
            !cupel_shape_equal(&node->in[i]->shape, &parameter->shape))
            return node_fail(node, "the %s must have the parameter's shape and dtype",
                             i < states ? "moments" : "gradient");
    const struct cupel_tensor *rate = node->in[states + 1];
    if (rate->dtype != parameter->dtype || tensor_count(rate) != 1)
        return node_fail(node, "the rate must be one %s number", cupel_dtype_text(parameter->dtype));
    for (int i = states + 2; i < ops[node->op].min_in; i++)
        if (node->in[i]->dtype != CUPEL_I64 || tensor_count(node->in[i]) != 1)
            return node_fail(node, "the step must be one i64 number");
    const struct cupel_tensor *go = node->n_in > ops[node->op].min_in ? node->in[node->n_in - 1] : rate;
    if (go->dtype != parameter->dtype || tensor_count(go) != 1)
        return node_fail(node, "what permits the update must be one %s number",
                         cupel_dtype_text(parameter->dtype));
    for (int i = 0; i < states; i++)
        if (!node_out(node, parameter->dtype, &parameter->shape)) return false;
    return true;
}

/* Appends the op, of which `go`, the last of `in`, may be NULL. */
static struct cupel_tensor *add(enum op_id op, struct cupel_tensor *const *in, const union attr *attr) {
    const int count = ops[op].max_in;
    return node_add_list(op, in, in[count - 1] ? count : count - 1, attr);
}
#define ADD(op, attr, ...) add(OP_##op, (struct cupel_tensor *[]){__VA_ARGS__}, attr)

/* Whether a parameter is at least 0 and below `end`. */
static bool check_range(struct node *node, const char *name, double value, double end) {
    if (value >= 0 && value < end) return true;
    return node_fail(node, "%s must be at least 0 and below %g, not %g", name, end, value);
}

static double flops_per_element(const struct node *node, double each, double weight_decay) {
    return (each + (weight_decay != 0 ? 2 : 0)) * (double)tensor_count(node->in[0]);
}

/* ---- stochastic gradient descent ---- */

bool infer_sgd(struct node *node) {
    const struct cupel_sgd *sgd = &node->attr.sgd;
    if (sgd->nesterov && sgd->momentum == 0) return node_fail(node, "nesterov needs a momentum above 0");
    return check_range(node, "momentum", sgd->momentum, INFINITY) &&
           check_range(node, "weight_decay", sgd->weight_decay, INFINITY) && infer_optimizer(node);
}

struct cupel_tensor *cupel_sgd(struct cupel_tensor *parameter, struct cupel_tensor *velocity,
                               struct cupel_tensor *gradient, struct cupel_tensor *rate,
                               struct cupel_tensor *go, const struct cupel_sgd *sgd) {
    if (sgd->momentum == 0) return ADD(sgd, &(union attr){.sgd = *sgd}, parameter, gradient, rate, go);
    if (parameter && !velocity)
        return graph_fail(parameter->node->graph, "sgd_momentum", "a momentum needs a velocity");
    return ADD(sgd_momentum, &(union attr){.sgd = *sgd}, parameter, velocity, gradient, rate, go);
}

double flops_sgd(const struct node *node) {
    return flops_per_element(node, 2 * node->n_out + (node->attr.sgd.nesterov ? 2 : 0),
                             node->attr.sgd.weight_decay);
}

/* ---- Adam and AdamW ---- */

bool infer_adam(struct node *node) {
    const struct cupel_adam *adam = &node->attr.adam;
    return check_range(node, "beta1", adam->beta1, 1) && check_range(node, "beta2", adam->beta2, 1) &&
           check_range(node, "eps", adam->eps, INFINITY) &&
           check_range(node, "weight_decay", adam->weight_decay, INFINITY) && infer_optimizer(node);
}

struct cupel_tensor *cupel_adam(struct cupel_tensor *parameter, struct cupel_tensor *moment1,
                                struct cupel_tensor *moment2, struct cupel_tensor *gradient,
                                struct cupel_tensor *rate, struct cupel_tensor *step, struct cupel_tensor *go,
                                const struct cupel_adam *adam) {
    return ADD(adam, &(union attr){.adam = *adam}, parameter, moment1, moment2, gradient, rate, step, go);
}

double flops_adam(const struct node *node) {
    return flops_per_element(node, 14, node->attr.adam.weight_decay);
}

/* ---- RMSProp ---- */

bool infer_rmsprop(struct node *node) {
    const struct cupel_rmsprop *rmsprop = &node->attr.rmsprop;
    return check_range(node, "alpha", rmsprop->alpha, 1) &&
           check_range(node, "eps", rmsprop->eps, INFINITY) &&
           check_range(node, "weight_decay", rmsprop->weight_decay, INFINITY) && infer_optimizer(node);
}

struct cupel_tensor *cupel_rmsprop(struct cupel_tensor *parameter, struct cupel_tensor *square,
                                   struct cupel_tensor *gradient, struct cupel_tensor *rate,
                                   struct cupel_tensor *go, const struct cupel_rmsprop *rmsprop) {
    return ADD(rmsprop, &(union attr){.rmsprop = *rmsprop}, parameter, square, gradient, rate, go);
}

double flops_rmsprop(const struct node *node) {
    return flops_per_element(node, 9, node->attr.rmsprop.weight_decay);
}

/* ---- Adagrad ---- */

bool infer_adagrad(struct node *node) {
    const struct cupel_adagrad *adagrad = &node->attr.adagrad;
    return check_range(node, "eps", adagrad->eps, INFINITY) &&
           check_range(node, "weight_decay", adagrad->weight_decay, INFINITY) && infer_optimizer(node);
}

struct cupel_tensor *cupel_adagrad(struct cupel_tensor *parameter, struct cupel_tensor *square,
                                   struct cupel_tensor *gradient, struct cupel_tensor *rate,
                                   struct cupel_tensor *go, const struct cupel_adagrad *adagrad) {
    return ADD(adagrad, &(union attr){.adagrad = *adagrad}, parameter, square, gradient, rate, go);
}

double flops_adagrad(const struct node *node) {
    return flops_per_element(node, 7, node->attr.adagrad.weight_decay);
}

/* ---- gradient clipping ---- */

bool infer_clip_norm(struct node *node) {
    double limit = node->attr.number.a;
    if (!(limit > 0)) return node_fail(node, "the limit must be above 0, not %g", limit);
    return infer_same(node);
}

struct cupel_tensor *cupel_clip_norm(struct cupel_tensor *gradient, double limit) {
    return NODE_ADD(clip_norm, ATTR(number, .a = limit), gradient);
}

double flops_clip_norm(const struct node *node) {
    return 3 * flops_each(node);
}
