/* Devices, stores and plans: where a graph runs.
 *
 * device   a backend that has been opened, such as the processor with two threads
 * store    the named state of one run on one device: parameters, moments, statistics, counters, data set
 * plan     a graph compiled for a device: order, memory and kernels settled, ready to run any number of times
 *
 * Plans that share a store share state by name: a training plan and an evaluation plan read the same
 * parameters. */
#ifndef CUPEL_PLAN_H
#define CUPEL_PLAN_H

#include <stdio.h>

#include "cupel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cupel_device;
struct cupel_store;
struct cupel_plan;

/* Opens a device by name: "reference", "cpu", "cuda" (or "cuda:1" for the second GPU), "emu", or "auto" (the fastest that
 * this machine has); close it with cupel_device_close. `threads` is for the processor's devices, 1 to 1024; 0 means one for each core.
 * CUPEL_INVALID for an unknown name, with the known ones in the message; CUPEL_UNSUPPORTED for a device that
 * this build or machine has not, with the reason. */
enum cupel_status cupel_device_open(const char *name, int threads, struct cupel_device **device,
                                    struct cupel_error *error);
/* Closes the device, whose stores and plans must be gone. NULL is allowed. */
void cupel_device_close(struct cupel_device *device);

/* Bytes that can still be allocated on the device; SIZE_MAX when it cannot tell. */
size_t cupel_device_room(struct cupel_device *device);

/* Memory of the host from which the device can be sent things while it works; NULL when there is none left. Free it with
 * cupel_device_unpin, before the device is closed. */
void *cupel_device_pin(struct cupel_device *device, size_t bytes);
void cupel_device_unpin(struct cupel_device *device, void *data);

/* One line about the device: processor, threads, libraries; and its name. Both live as long as the device. */
const char *cupel_device_describe(const struct cupel_device *device);
const char *cupel_device_name(const struct cupel_device *device);

/* Writes one line for every device that this build knows: available or why not. */
void cupel_devices_print(FILE *file);

/* An empty store whose random initial values come from `seed`. The device must outlive it. NULL when memory
 * is out. */
struct cupel_store *cupel_store_new(struct cupel_device *device, uint64_t seed);

/* Frees the store and all state in it; plans that use it must be gone. NULL is allowed. */
void cupel_store_free(struct cupel_store *store);

/* One entry of a store. `part` tells parts of a range from whole states. */
struct cupel_store_entry {
    const char *name;
    enum cupel_dtype dtype;
    struct cupel_shape shape;
    bool part;
};

/* Number of entries, states and parts, and the one at 0 <= index < count in the order in which plans
 * declared them. Its name belongs to the store. */
int cupel_store_count(const struct cupel_store *store);
struct cupel_store_entry cupel_store_entry(const struct cupel_store *store, int index);

/* Copies a state or part to or from the host, row-major; `bytes` must be its exact size. cupel_store_zero
 * fills it with zeros. CUPEL_INVALID for an unknown name or another size. */
enum cupel_status cupel_store_read(struct cupel_store *store, const char *name, void *data, size_t bytes,
                                   struct cupel_error *error);
enum cupel_status cupel_store_write(struct cupel_store *store, const char *name, const void *data,
                                    size_t bytes, struct cupel_error *error);
enum cupel_status cupel_store_zero(struct cupel_store *store, const char *name, struct cupel_error *error);

/* Copies to the first `bytes` bytes of a state. Plans that run later see them; copying goes on beside what runs now, where the
 * device can. `from` is memory of cupel_device_pin, and must stay as it is until the next cupel_store_send or
 * cupel_store_settle returns. CUPEL_INVALID for an unknown name or when they do not fit. */
enum cupel_status cupel_store_send(struct cupel_store *store, const char *name, const void *from,
                                   size_t bytes, struct cupel_error *error);
/* Waits until the device has all that was sent. */
enum cupel_status cupel_store_settle(struct cupel_store *store, struct cupel_error *error);

/* Bytes held by the store on its device. */
size_t cupel_store_bytes(const struct cupel_store *store);

/* How 4-dimensional tensors lie in memory, outermost dimension first; what programs read and write is always
 * NCHW. */
enum cupel_layout {
    CUPEL_LAYOUT_BEST, /* what the device does this graph fastest in */
    CUPEL_LAYOUT_NCHW,
    CUPEL_LAYOUT_NHWC,
    CUPEL_LAYOUT_CHWN,
};

/* What plans compute with; states stay f32. TF32 rounds what products multiply to 10 bits of fraction. In BF16 and F16
 * convolutions and products of matrices from 2^25 FLOPs on, and what lies between them, store and multiply 16-bit
 * numbers; smaller ones, sums, losses, gradients of parameters and updates stay f32. On cpu, BF16 needs a processor with
 * AVX512_BF16, and convolutions of few channels, which are faster in f32, stay so; those of
 * 3 x 3 with stride 1 store images in it but multiply f32. */
enum cupel_precision { CUPEL_PRECISION_F32, CUPEL_PRECISION_TF32, CUPEL_PRECISION_BF16, CUPEL_PRECISION_F16 };

/* "f32", "tf32", "bf16" or "f16"; and the precision of such a name, CUPEL_INVALID for another. */
const char *cupel_precision_text(enum cupel_precision precision);
enum cupel_status cupel_precision_read(const char *text, enum cupel_precision *precision,
                                       struct cupel_error *error);

/* The precision that a device trains in unless told otherwise: BF16 on cuda where the GPU has it (from compute capability
 * 8.0 on), F32 elsewhere. */
enum cupel_precision cupel_device_precision(const struct cupel_device *device);

struct cupel_plan_options {
    bool debug;  /* no memory reuse; poison every tensor with NaN before each run, frame it with guard bands
                    and check them */
    bool nofuse; /* keep every node as built, for comparing node by node */
    enum cupel_layout layout;
    enum cupel_precision precision;
    bool everywhere;    /* 16 bits in every op that can, even where nothing is won by it */
    bool deterministic; /* the same bits in every run, even where that is slower */
};

/* Compiles what `outputs[0..count)` need, and every node that changes a state, into a plan on the store's
 * device, which must outlive it; the graph may be freed. States that the store does not have yet are created
 * and filled. `options` may be NULL. The outputs can be read after each run; other tensors share memory and
 * cannot. An output that is a state, a part or a version of one is read as the run left the state.
 *
 * The graph's own error comes first. CUPEL_INVALID: a node needs both an old version of a state and something
 * made from a newer one, or the store has another state of a name; CUPEL_UNSUPPORTED: the device has no
 * kernel for a node or cannot compute in the precision; CUPEL_NOMEM says how much memory was missing. *plan is then NULL. */
enum cupel_status cupel_compile(struct cupel_store *store, struct cupel_graph *graph,
                                struct cupel_tensor *const *outputs, int count,
                                const struct cupel_plan_options *options, struct cupel_plan **plan,
                                struct cupel_error *error);
/* NULL is allowed. */
void cupel_plan_free(struct cupel_plan *plan);

/* Runs every step once. Fails with what a kernel reports, such as CUPEL_INVALID for a label that is no class;
 * states then hold whatever the steps before it left. In debug mode CUPEL_FAILED names a kernel that wrote
 * outside its tensors. */
enum cupel_status cupel_run(struct cupel_plan *plan, struct cupel_error *error);

/* Copies output `index` of the compile call to the host, row-major; `bytes` must be its exact size, else
 * CUPEL_INVALID. */
enum cupel_status cupel_plan_read(struct cupel_plan *plan, int index, void *data, size_t bytes,
                                  struct cupel_error *error);

/* What a plan costs. FLOPs count a multiply-add as two. */
struct cupel_plan_stats {
    int nodes;           /* that run a kernel */
    double flops;        /* of one run */
    double bytes;        /* read and written by the kernels of one run */
    size_t arena_bytes;  /* tensors and workspaces, after reuse */
    size_t tensor_bytes; /* the same without reuse */
    size_t state_bytes;  /* states that the plan touches */
};
struct cupel_plan_stats cupel_plan_stats(const struct cupel_plan *plan);

/* Prints the plan: one line a node in running order with op, scope, shape, engine, offset, FLOPs and
 * bytes. */
void cupel_plan_print(const struct cupel_plan *plan, FILE *file);

/* Runs the plan `runs` times, at least once, and prints the mean time of each node, slowest first. */
enum cupel_status cupel_plan_profile(struct cupel_plan *plan, int runs, FILE *file,
                                     struct cupel_error *error);

#ifdef __cplusplus
}
#endif
#endif
