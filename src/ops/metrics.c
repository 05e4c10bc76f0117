/* Metrics of classification, counted on the device. */
#include "ops/check.h"

bool infer_correct(struct node *node) {
    const long long k = (long long)node->attr.number.n;
    if (!check_logits(node)) return false;
    if (k < 1) return node_fail(node, "k must be at least 1, not %lld", k);
    return node_out(node, node->in[0]->dtype, &CUPEL_SCALAR);
}

bool infer_confusion(struct node *node) {
    if (!check_logits(node)) return false;
    const int64_t classes = node->in[0]->shape.dim[1];
    return node_out(node, CUPEL_I32, &CUPEL_SHAPE(classes, classes));
}

/* One comparison a logit. */
double flops_metric(const struct node *node) {
    return (double)tensor_count(node->in[0]);
}

struct cupel_tensor *cupel_correct(struct cupel_tensor *logits, struct cupel_tensor *labels, int k) {
    return NODE_ADD(correct, ATTR(number, .n = k), logits, labels);
}

struct cupel_tensor *cupel_confusion(struct cupel_tensor *logits, struct cupel_tensor *labels) {
    return NODE_ADD(confusion, NULL, logits, labels);
}
