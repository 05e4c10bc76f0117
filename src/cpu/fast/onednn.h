/* oneDNN primitives as kernels of calls. */
#ifndef CUPEL_CPU_ONEDNN_H
#define CUPEL_CPU_ONEDNN_H

#include <dnnl.h>

#include "plan/backend.h"

/* The device's engine and stream. */
struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

/* One argument of a primitive: a view of the call, or the primitive's own copy of it in the layout that it
 * wants. */
struct onednn_argument {
    int name; /* DNNL_ARG_... */
    const struct view *view;
    dnnl_memory_desc_t plain;         /* of the view */
    const dnnl_memory_desc_t *wanted; /* by the primitive */
    bool written;
};

/* Makes the call run a primitive, with reorders where an argument is wanted in another layout than its
 * view's. */
enum cupel_status onednn_prepare(struct call *call, const_dnnl_primitive_desc_t description,
                                 const struct onednn_argument *arguments, int count,
                                 struct cupel_error *error);

/* The type of the view's numbers. */
dnnl_data_type_t onednn_type(const struct view *view);

/* Attributes of a primitive that works in the call's workspace; `activates`: and applies the node's activation to its result.
 * The caller destroys them. */
dnnl_status_t onednn_attributes(const struct call *call, bool activates, dnnl_primitive_attr_t *attributes);

/* The kernel of such a call. */
void onednn_run(struct call *call);

/* Returns from the calling function with an error when a oneDNN call fails. */
#define ONEDNN_TRY(expression)                                                                     \
    do {                                                                                           \
        dnnl_status_t onednn_status = (expression);                                                \
        if (onednn_status != dnnl_success)                                                         \
            return cupel_fail(error, CUPEL_DEVICE, "oneDNN status %d from %s", (int)onednn_status, \
                              #expression);                                                        \
    } while (0)

#endif
