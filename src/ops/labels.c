/* Labels of pixels: from bytes of masks, and to ones and zeros. */
#include <math.h>

#include "graph/node.h"

enum { MOST_CLASSES = 1 << 24 };

bool infer_mask_labels(struct node *node) {
    const struct cupel_shape *x = &node->in[0]->shape;
    if (node->in[0]->dtype != CUPEL_U8 || x->rank != 4 || x->dim[1] != 1)
        return node_fail(node, "input 0 must be masks, u8 [N, 1, H, W]");
    return node_out(node, CUPEL_I32, &CUPEL_SHAPE(x->dim[0], x->dim[2], x->dim[3]));
}

struct cupel_tensor *cupel_mask_labels(struct cupel_tensor *masks) {
    return NODE_ADD(mask_labels, NULL, masks);
}

bool infer_one_hot(struct node *node) {
    const struct cupel_shape *labels = &node->in[0]->shape;
    const double classes = node->attr.number.a;
    if (node->in[0]->dtype != CUPEL_I32 || labels->rank < 1 || labels->rank > 3)
        return node_fail(node, "the labels must be i32 [N], [N, L] or [N, H, W]");
    if (!(classes >= 1 && classes <= MOST_CLASSES && classes == floor(classes)))
        return node_fail(node, "there must be 1 to %d classes, not %g", MOST_CLASSES, classes);
    struct cupel_shape shape = {.rank = labels->rank + 1, .dim = {labels->dim[0], (int64_t)classes}};
    for (int i = 1; i < labels->rank; i++) shape.dim[i + 1] = labels->dim[i];
    return node_out(node, node->graph->real, &shape);
}

struct cupel_tensor *cupel_one_hot(struct cupel_tensor *labels, int64_t classes, int ignore) {
    return NODE_ADD(one_hot, ATTR(number, .a = (double)classes, .n = ignore), labels);
}
