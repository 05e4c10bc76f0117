/* Alignment that NVIDIA's engines count on. */
#ifndef CUPEL_CUDA_NVIDIA_ALIGN_H
#define CUPEL_CUDA_NVIDIA_ALIGN_H

#include "plan/backend.h"

/* Whether all that the node reads is aligned to 16 bytes. Memory of plans and states is, and so are parts where models
 * place them, but not wherever they may be placed. */
static inline bool nvidia_aligned(const struct node *node) {
    for (int i = 0; i < node->n_in; i++) {
        const struct cupel_tensor *tensor = node->in[i];
        int64_t offset = 0;
        for (const struct node *from = tensor->node; from->op == OP_part || from->op == OP_reshape;
             from = from->in[0]->node)
            if (from->op == OP_part) offset += from->attr.state.offset;
        if (offset * (int64_t)cupel_dtype_size(tensor->dtype) % 16) return false;
    }
    return true;
}

#endif
