/* Weights divided by their largest singular value, found by the power method (Miyato et al. 2018). */
#include <float.h>

#include "graph/node.h"

/* The weight as a matrix whose rows go along `axis`. */
static struct cupel_tensor *as_matrix(struct cupel_tensor *weight, int axis) {
    int order[CUPEL_MAX_RANK] = {axis};
    for (int i = 0, at = 1; i < weight->shape.rank; i++)
        if (i != axis) order[at++] = i;
    const int64_t rows = weight->shape.dim[axis];
    if (axis != 0) weight = cupel_transpose(weight, order);
    return cupel_reshape(weight, &CUPEL_SHAPE(rows, -1));
}

/* x divided by its length, or by eps if that is larger. */
static struct cupel_tensor *unit(struct cupel_tensor *x, double eps) {
    struct cupel_tensor *length = cupel_sqrt(cupel_sum(cupel_mul(x, x), CUPEL_ALL_AXES, true));
    return cupel_div(x, cupel_clamp(length, eps, FLT_MAX));
}

static struct cupel_tensor *as_column(struct cupel_tensor *x) {
    return cupel_reshape(x, &CUPEL_SHAPE(-1, 1));
}

struct cupel_tensor *cupel_spectral_norm(struct cupel_tensor *weight, struct cupel_tensor *u,
                                         struct cupel_tensor *v, int axis, double eps, bool training) {
    if (!weight || !u || !v) return NULL;
    struct cupel_graph *graph = weight->node->graph;
    if (axis < 0 || axis >= weight->shape.rank || !(eps > 0))
        return graph_fail(graph, "spectral_norm", "axis %d or eps %g is not possible", axis, eps);
    const int64_t rows = weight->shape.dim[axis], columns = tensor_count(weight) / rows;
    if (!cupel_shape_equal(&u->shape, &CUPEL_SHAPE(rows)) ||
        !cupel_shape_equal(&v->shape, &CUPEL_SHAPE(columns)))
        return graph_fail(graph, "spectral_norm", "u must be [%lld] and v [%lld]", (long long)rows,
                          (long long)columns);
    struct cupel_tensor *matrix = as_matrix(weight, axis);
    if (training) {
        struct cupel_tensor *back = cupel_matmul(matrix, as_column(u), true, false);
        v = cupel_assign(v, cupel_reshape(unit(back, eps), &CUPEL_SHAPE(columns)));
    }
    struct cupel_tensor *image = cupel_matmul(matrix, as_column(v), false, false);
    if (training) u = cupel_assign(u, cupel_reshape(unit(image, eps), &CUPEL_SHAPE(rows)));
    return cupel_div(weight, cupel_sum(cupel_mul(as_column(u), image), CUPEL_ALL_AXES, false));
}
