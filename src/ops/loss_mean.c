/* Losses that are means or sums of elementwise ops. */
#include "graph/node.h"

/* x - target; NULL when they differ in shape, for a loss does not broadcast. */
static struct cupel_tensor *difference(const char *loss, struct cupel_tensor *x,
                                       struct cupel_tensor *target) {
    char of_x[120], of_target[120];
    if (x && target && !cupel_shape_equal(&x->shape, &target->shape))
        return graph_fail(x->node->graph, loss, "the prediction is %s but the target %s",
                          cupel_shape_text(&x->shape, of_x, sizeof of_x),
                          cupel_shape_text(&target->shape, of_target, sizeof of_target));
    return cupel_sub(x, target);
}

struct cupel_tensor *cupel_mse(struct cupel_tensor *x, struct cupel_tensor *target) {
    return cupel_mean(cupel_power(difference("mse", x, target), 2), CUPEL_ALL_AXES, false);
}

struct cupel_tensor *cupel_l1(struct cupel_tensor *x, struct cupel_tensor *target) {
    return cupel_mean(cupel_abs(difference("l1", x, target)), CUPEL_ALL_AXES, false);
}

struct cupel_tensor *cupel_kl_gaussian(struct cupel_tensor *mean, struct cupel_tensor *log_var) {
    if (!mean || !log_var) return NULL;
    if (!cupel_shape_equal(&mean->shape, &log_var->shape) || mean->shape.rank < 1) {
        char of_mean[120], of_var[120];
        return graph_fail(mean->node->graph, "kl_gaussian",
                          "mean and log variance must both be [N, ...], not %s and %s",
                          cupel_shape_text(&mean->shape, of_mean, sizeof of_mean),
                          cupel_shape_text(&log_var->shape, of_var, sizeof of_var));
    }
    struct cupel_tensor *logs = cupel_sub(cupel_scale(log_var, 1, 1), cupel_exp(log_var));
    struct cupel_tensor *sum = cupel_sum(cupel_sub(logs, cupel_power(mean, 2)), CUPEL_ALL_AXES, false);
    return cupel_scale(sum, -0.5 / (double)mean->shape.dim[0], 0);
}

struct cupel_tensor *cupel_dice(struct cupel_tensor *logits, struct cupel_tensor *labels, int ignore,
                                double eps) {
    if (!logits || !labels) return NULL;
    if (logits->shape.rank < 2 || logits->shape.rank > 4)
        return graph_fail(logits->node->graph, "dice",
                          "the logits must be [N, C], [N, C, L] or [N, C, H, W]");
    const unsigned all_but_classes = ((1u << logits->shape.rank) - 1) & ~2u;
    struct cupel_tensor *softmax = cupel_softmax(logits, 1),
                        *target = cupel_one_hot(labels, logits->shape.dim[1], ignore);
    /* What is to be ignored is of no class. */
    struct cupel_tensor *counted = cupel_mul(softmax, cupel_sum(target, 2, true));
    struct cupel_tensor *both = cupel_sum(cupel_mul(softmax, target), all_but_classes, false);
    struct cupel_tensor *squares = cupel_add(cupel_sum(cupel_mul(softmax, counted), all_but_classes, false),
                                             cupel_sum(target, all_but_classes, false));
    struct cupel_tensor *dice = cupel_div(cupel_scale(both, 2, eps), cupel_scale(squares, 1, eps));
    return cupel_scale(cupel_mean(dice, CUPEL_ALL_AXES, false), -1, 1);
}
