/* Backends: where the calls of a plan run. */
#ifndef CUPEL_PLAN_BACKEND_H
#define CUPEL_PLAN_BACKEND_H

#include "cupel/plan.h"
#include "graph/node.h"

/* A tensor as a kernel sees it. Strides count elements, one for each dimension of the logical shape. */
struct view {
    void *data;
    enum cupel_dtype dtype;
    struct cupel_shape shape;
    int64_t stride[CUPEL_MAX_RANK];
};

struct call;
typedef void (*kernel_fn)(struct call *call);

/* One step of a plan: a kernel and its arguments. Inputs and outputs are never NULL and never overlap but
 * where the op table allows it; outputs are not initialised. */
struct call {
    const struct node *node;
    kernel_fn kernel;
    const char *engine; /* who runs it, for the plan's printout */
    struct view *in, *out;
    int n_in, n_out;
    void *workspace; /* workspace_bytes of scratch memory, aligned to 64 bytes */
    size_t workspace_bytes;
    void *prepared; /* what the backend's prepare made; freed by release */
    void (*release)(void *prepared);
    struct cupel_device *device;
    enum cupel_precision precision;
    bool deterministic;       /* the same bits in every run */
    struct cupel_error error; /* set by a kernel that fails */
};

struct backend {
    const char *name;
    bool merges;         /* plans make one node of several: an OP_chain or OP_batch is faster than they are */
    unsigned precisions; /* bit i: can compute in enum cupel_precision i */
    /* What is missing here for one of those, to be put behind "does not compute in P here: "; NULL: nothing. */
    const char *(*lacks)(enum cupel_precision precision);
    /* Which of a node's tensors its kernel takes in 16 bits, as enum op_half says it; their layouts are settled. NULL: all that
     * the op table has. */
    unsigned (*half)(const struct node *node);
    enum layout (*layout)(const struct cupel_graph *graph); /* that suits the graph best; NULL: LAYOUT_ROWS */
    enum cupel_status (*open)(struct cupel_device *device, struct cupel_error *error);
    void (*close)(struct cupel_device *device);
    /* Lines about what it runs on: versions of drivers and libraries, or why they are missing; asked for with no device
     * open. NULL: nothing to say. */
    void (*describe)(char *text, size_t size);
    void *(*alloc)(struct cupel_device *device,
                   size_t bytes); /* aligned to 64 bytes; NULL when memory is out */
    void (*free)(struct cupel_device *device, void *data);
    enum cupel_status (*upload)(struct cupel_device *device, void *to, const void *from, size_t bytes,
                                struct cupel_error *error);
    enum cupel_status (*download)(struct cupel_device *device, void *to, const void *from, size_t bytes,
                                  struct cupel_error *error);
    enum cupel_status (*fill)(struct cupel_device *device, void *data, int byte, size_t bytes,
                              struct cupel_error *error);
    /* Memory of the host that send copies from; NULL: malloc's. */
    void *(*pin)(struct cupel_device *device, size_t bytes);
    void (*unpin)(struct cupel_device *device, void *data);
    /* Copies pinned memory. It may return before the copy is done: what runs later comes after it, and `from` must stay as it
     * is until the next send has returned, or until synchronise. NULL: upload does it. */
    enum cupel_status (*send)(struct cupel_device *device, void *to, const void *from, size_t bytes,
                              struct cupel_error *error);
    /* Bytes that could still be allocated; NULL: not known, take it for enough. */
    size_t (*room)(struct cupel_device *device);
    enum cupel_status (*synchronise)(struct cupel_device *device, struct cupel_error *error);
    /* Chooses kernel, engine and workspace_bytes of a call whose views are complete but for their data. */
    enum cupel_status (*prepare)(struct cupel_device *device, struct call *call, struct cupel_error *error);
    /* NULL where there is nothing to be won: what kernels called between begin and end would do is recorded instead, for
     * replay to do it all at once any number of times. All but forget may fail. */
    enum cupel_status (*record_begin)(struct cupel_device *device, struct cupel_error *error);
    /* What is recorded next goes to a lane, 0 or 1, in which things keep their order; `wait` >= 0: also after the mark of
     * that number. record_mark marks the end of the lane so far. Lane 0 is where a recording begins. */
    enum cupel_status (*record_lane)(struct cupel_device *device, int lane, int wait,
                                     struct cupel_error *error);
    enum cupel_status (*record_mark)(struct cupel_device *device, int mark, struct cupel_error *error);
    enum cupel_status (*record_end)(struct cupel_device *device, void **recording, struct cupel_error *error);
    enum cupel_status (*replay)(struct cupel_device *device, void *recording, struct cupel_error *error);
    void (*forget)(struct cupel_device *device, void *recording);
    /* Times what is enqueued between the two, by the device's own clock. NULL where calls return when they are done: the
     * processor's clock will do. */
    enum cupel_status (*time_begin)(struct cupel_device *device, struct cupel_error *error);
    enum cupel_status (*time_end)(struct cupel_device *device, double *seconds, struct cupel_error *error);
    /* Names what runs between the two, for profilers of the device; ranges may lie in ranges. NULL: there are none. */
    void (*range_begin)(const char *name);
    void (*range_end)(void);
};

struct cupel_device {
    const struct backend *backend;
    int index; /* which of several alike: 1 for cuda:1 */
    int threads;
    enum cupel_precision
        precision; /* to train in unless told otherwise; open sets it where that is not f32 */
    char description[300];
    void *own; /* the backend's */
};

/* CUPEL_UNSUPPORTED unless the device can compute in the precision. */
enum cupel_status device_check_precision(const struct cupel_device *device, enum cupel_precision precision,
                                         struct cupel_error *error);

extern const struct backend backend_reference, backend_cpu;

static inline int64_t view_count(const struct view *view) {
    return cupel_shape_count(&view->shape);
}

/* Offset in elements of an element of a 4-dimensional view. */
static inline int64_t at4(const struct view *view, int64_t n, int64_t c, int64_t h, int64_t w) {
    return n * view->stride[0] + c * view->stride[1] + h * view->stride[2] + w * view->stride[3];
}

#endif
