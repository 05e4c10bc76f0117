/* What tells a discriminator how much the images of a batch differ (Karras et al. 2018, section 3). */
#include "graph/node.h"

struct cupel_tensor *cupel_minibatch_std(struct cupel_tensor *x, int64_t group) {
    if (!x) return NULL;
    struct cupel_graph *graph = x->node->graph;
    if (x->shape.rank < 2 || group < 1)
        return graph_fail(graph, "minibatch_std",
                          "the input must be [N, C, ...], and a group at least one image, not %lld",
                          (long long)group);
    const int64_t batch = x->shape.dim[0];
    if (group > batch) group = batch;
    if (batch % group)
        return graph_fail(
            graph, "minibatch_std",
            "a batch of %lld cannot be cut into groups of %lld; choose a batch that is a multiple",
            (long long)batch, (long long)group);
    const int64_t groups = batch / group;
    struct cupel_tensor *members = cupel_reshape(x, &CUPEL_SHAPE(group, groups, -1));
    struct cupel_tensor *centred = cupel_sub(members, cupel_mean(members, 1u << 0, true));
    struct cupel_tensor *variance = cupel_mean(cupel_mul(centred, centred), 1u << 0, false);
    struct cupel_tensor *mean = cupel_mean(cupel_sqrt(cupel_scale(variance, 1, 1e-8)), 1u << 1, false);
    struct cupel_shape channel = x->shape;
    channel.dim[1] = 1;
    const int64_t pixels = cupel_shape_count(&channel) / batch;
    mean =
        cupel_broadcast(cupel_reshape(mean, &CUPEL_SHAPE(1, groups, 1)), &CUPEL_SHAPE(group, groups, pixels));
    return cupel_concat((struct cupel_tensor *[]){x, cupel_reshape(mean, &channel)}, 2, 1);
}
