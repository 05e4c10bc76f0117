/* Engines of the convolutions: ways to compute one, of which the first that fits is used, or the fastest where somebody
 * measures them. */
#ifndef CUPEL_CUDA_CONV_H
#define CUPEL_CUDA_CONV_H

#include "conv_kernels.h"

#include "cuda/cuda.h"

struct conv_engine {
    const char *name;                      /* for the plan's printout */
    bool (*fits)(const struct call *call); /* can it serve the call? */
    bool (*suits)(
        const struct call *call); /* where it fits, should it without further knowledge? NULL: yes */
    size_t (*workspace)(const struct call *call); /* bytes; NULL for none */
    void (*run)(struct call *call);
};

/* Of an op's call, conv2d, conv2d_image or conv2d_weight: NULL-terminated, in the order in which they should be tried. The
 * last fits every call. */
const struct conv_engine *const *conv_engines(const struct call *call);

/* The engines (conv_edge.c, conv_gemm.c, conv_columns.c, conv_direct.c). */
extern const struct conv_engine conv_edge, conv_columns, conv_tensor_large, conv_tensor_small,
    conv_simt_large, conv_simt_small, conv_direct_places, conv_direct_image, conv_direct_weight;

/* Whether the call's tensors have so few elements that kernels may count them in 32 bits. */
bool conv_is_small(const struct call *call);

/* Makes the call use the engine. */
void conv_use(struct call *call, const struct conv_engine *engine);

/* Makes the call use the fastest of the engines and of those of other libraries (conv_ways.c). */
enum cupel_status conv_choose(struct call *call, struct cupel_error *error);

/* The call in the kernels' words. */
struct kernel_conv conv_of(const struct call *call);

/* The views of the image side, the place side and the weight, whichever of them is the result. */
struct conv_views {
    const struct view *x, *y, *weight;
};
struct conv_views conv_views(const struct call *call);

/* For engines: the bias or NULL. */
static inline const float *conv_bias(const struct call *call) {
    return call->n_in > 2 ? call->in[2].data : NULL;
}

#endif
