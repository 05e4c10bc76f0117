/* Addresses that kernels and libraries count on: multiples of 16 bytes. Memory of plans and states lies so, and so do parts
 * where models place them, but not wherever they may be placed. */
#ifndef CUPEL_CUDA_ALIGN_H
#define CUPEL_CUDA_ALIGN_H

#include "plan/backend.h"

/* Whether input i of the node lies so. */
static inline bool cuda_aligned(const struct node *node, int i) {
    int64_t offset = 0;
    for (const struct node *from = node->in[i]->node; from->op == OP_part || from->op == OP_reshape;
         from = from->in[0]->node)
        if (from->op == OP_part) offset += from->attr.state.offset;
    return offset * (int64_t)cupel_dtype_size(node->in[i]->dtype) % 16 == 0;
}

static inline bool cuda_all_aligned(const struct node *node) {
    for (int i = 0; i < node->n_in; i++)
        if (!cuda_aligned(node, i)) return false;
    return true;
}

/* Makes a call that is prepared copy inputs of floating-point numbers that do not lie so to its workspace first, unless its
 * kernels look at addresses themselves. */
enum cupel_status cuda_align(struct call *call, struct cupel_error *error);

#endif
