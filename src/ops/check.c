/* Checks of shapes that several op families share. */
#include "ops/check.h"

bool check_inputs(struct node *node, int count, int rank) {
    for (int i = 0; i < count; i++) {
        if (node->in[i]->shape.rank != rank)
            return node_fail(node, "input %d must have %d dimensions", i, rank);
        if (!is_real(node->in[i]) || node->in[i]->dtype != node->in[0]->dtype)
            return node_fail(node, "inputs must have one floating-point dtype");
    }
    return true;
}

bool check_bias(struct node *node, int64_t channels) {
    if (node->n_in < 3) return true;
    const struct cupel_tensor *bias = node->in[2];
    if (bias->dtype != node->in[0]->dtype || !cupel_shape_equal(&bias->shape, &CUPEL_SHAPE(channels)))
        return node_fail(node, "the bias must be [%lld]", (long long)channels);
    return true;
}

bool check_logits(struct node *node) {
    const struct cupel_tensor *logits = node->in[0], *labels = node->in[1];
    const int rank = logits->shape.rank;
    if (!is_real(logits) || rank < 2 || rank > 4)
        return node_fail(node, "the logits must be floating-point [N, C] or [N, C, H, W]");
    bool fits = labels->dtype == CUPEL_I32 && labels->shape.rank == rank - 1;
    for (int i = 0; fits && i < rank - 1; i++)
        fits = labels->shape.dim[i] == logits->shape.dim[i == 0 ? 0 : i + 1];
    if (!fits)
        return node_fail(node, "the labels must be i32 with the logits' shape less the axis of classes");
    return true;
}

bool check_window(struct node *node, int axis, const struct window *window, int64_t *places) {
    const char *name = axis == 0 ? "height" : "width";
    const int stride = window->stride, pad = window->pad, dilation = window->dilation;
    if (window->kernel < 1 || stride < 1 || pad < 0 || dilation < 1)
        return node_fail(node,
                         "%s: kernel %lld, stride %d and dilation %d must be at least 1, pad %d at least 0",
                         name, (long long)window->kernel, stride, dilation, pad);
    /* No product or sum of these can leave 128 bits, so the formula needs no other guard. */
    const __int128 field = (__int128)dilation * (window->kernel - 1) + 1;
    const __int128 room = window->size - field + 2 * (__int128)pad + (window->ceil ? stride - 1 : 0);
    if (room < 0) {
        const long long shown = field > INT64_MAX ? INT64_MAX : (long long)field;
        return node_fail(
            node,
            "%s: (W - F + 2P)/S + 1 = (%lld - %lld + 2*%d)/%d + 1 is below 1; the kernel%s is larger "
            "than the padded image",
            name, (long long)window->size, shown, pad, stride,
            dilation > 1 ? ", spread by its dilation," : "");
    }
    __int128 count = room / stride + 1;
    if (window->ceil && (count - 1) * stride >= (__int128)window->size + pad) count--;
    if (count > INT64_MAX) return node_fail(node, "%s: (W - F + 2P)/S + 1 is too large", name);
    *places = (int64_t)count;
    return true;
}
