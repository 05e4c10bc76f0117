/* What batch and layer normalisation share.
 *
 * Both subtract the mean of a group of elements, divide by the group's deviation and then scale and shift by
 * parameters: y = z weight + bias with z = (x - mean) invstd. They differ only in which axes make a group and
 * along which axes the parameters repeat. Each has a row NAME_grad with inputs x, weight, mean, invstd, dy
 * and outputs dx, dweight, dbias, a function of just these: what depends on x through mean and invstd reaches
 * x through the outputs mean and invstd of the first row. */
#ifndef CUPEL_OPS_NORM_H
#define CUPEL_OPS_NORM_H

#include "graph/node.h"

struct norm {
    unsigned group;  /* the axes of one group of elements */
    unsigned repeat; /* the axes along which weight and bias repeat */
};

/* Reshapes a value per group or per parameter so that it broadcasts over x: size 1 along `axes`. */
struct cupel_tensor *norm_spread(struct cupel_tensor *value, const struct cupel_tensor *x, unsigned axes);

/* The gradient of a node whose inputs from `first` on are x, weight, bias and whose outputs begin with y,
 * mean, invstd; `grad_op` is its NAME_grad. */
void norm_grad(const struct node *node, int first, enum op_id grad_op, const struct norm *norm,
               struct cupel_tensor *const *dy, const bool *need, struct cupel_tensor **dx);

/* The gradient of a NAME_grad node. */
void norm_grad_grad(const struct node *node, const struct norm *norm, struct cupel_tensor *const *g,
                    const bool *need, struct cupel_tensor **dx);

/* Checks the inputs of a NAME_grad node against statistics of shape `stat` and declares its outputs. */
bool norm_infer_grad(struct node *node, const struct cupel_shape *stat);

#endif
