/* Checks that linear, convolution and pooling ops share. Each fails the node with a message and returns
 * false. */
#ifndef CUPEL_OPS_CHECK_H
#define CUPEL_OPS_CHECK_H

#include "graph/node.h"

/* Inputs 0 to count - 1 must have `rank` dimensions and one floating-point dtype. */
bool check_inputs(struct node *node, int count, int rank);

/* Input 2, where there is one, must be [channels] of input 0's dtype. */
bool check_bias(struct node *node, int64_t channels);

/* The last input must be the state that cupel_rng returns. */
bool check_rng(struct node *node);

/* Input 0 must be logits [N, C], [N, C, L] or [N, C, H, W], input 1 labels, i32, of the same shape without the classes. */
bool check_logits(struct node *node);

/* A kernel that slides along one axis of an image. */
struct window {
    int64_t size, kernel;
    int stride, pad, dilation;
    bool ceil; /* a last window that leaves the padded image counts, unless it starts beyond the image */
};
/* Sets the number of the window's places along `axis`, 0 the vertical: (W - F + 2P)/S + 1. */
bool check_window(struct node *node, int axis, const struct window *window, int64_t *places);

#endif
