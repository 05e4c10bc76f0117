/* A plan's inside. Compiling goes through the files of this folder in this order: layout, schedule, prepare,
 * memory, run. */
#ifndef CUPEL_PLAN_PLAN_H
#define CUPEL_PLAN_PLAN_H

#include "plan/backend.h"

enum memory_kind { MEMORY_ARENA, MEMORY_STATE, MEMORY_CONSTANT };

/* Where a tensor lies; one for each tensor of the plan's graph. A tensor shares the memory of its `root`, at
 * `offset` bytes; the other members are the root's. */
struct home {
    int root; /* a tensor's id; its own for a root */
    size_t offset;
    enum memory_kind kind;
    int first, last; /* calls from and to which the memory is in use; n_calls: read by the host after a run */
    size_t bytes;
    size_t place; /* offset in the arena or among the constants */
    char *data;
};

/* Where a call goes when a run is recorded. */
struct lane {
    int lane; /* 0 or 1 */
    int wait; /* the call of the other lane that must be done before it; -1: none but those waited for earlier */
    bool marked; /* some call of the other lane waits for it */
};

struct cupel_plan {
    struct cupel_device *device;
    struct cupel_store *store;
    struct cupel_graph *graph; /* the plan's own */
    struct cupel_plan_options options;
    struct cupel_tensor **outputs;
    int n_outputs;
    struct call *calls; /* in running order; nodes that run no kernel have none */
    int n_calls;
    struct view *views; /* all calls' */
    struct home *homes;
    size_t *workspace_place; /* by call */
    char *arena, *constants;
    size_t arena_bytes, tensor_bytes, constant_bytes;
    bool ran;             /* once at least */
    void *recording;      /* of a run, where the backend can replay one */
    struct lane *lanes;   /* by call, for recording */
    unsigned char poison; /* what debug mode fills memory with */
};

/* Where the tensor's memory begins: follows homes[].root. */
const struct home *plan_home(const struct cupel_plan *plan, const struct cupel_tensor *tensor,
                             size_t *offset);

/* Gives each tensor of the graph its layout and inserts relayout nodes where two ops differ (layout.c). */
enum cupel_status plan_layout(struct cupel_graph *graph, enum layout layout, struct cupel_error *error);
/* Makes tensors 16-bit where the op table allows it and it is of use, with casts between those and the others
 * (precision.c). Nothing to do for f32 and tf32. */
enum cupel_status plan_precision(struct cupel_plan *plan, struct cupel_error *error);
/* Orders the graph's nodes so that each comes after what it reads and before what replaces a state that it
 * reads; of the orders tried, the one that needs least memory (schedule.c). */
enum cupel_status plan_schedule(struct cupel_graph *graph, struct cupel_error *error);
/* Settles homes[], workspace_place[] and arena_bytes (memory.c). */
enum cupel_status plan_memory(struct cupel_plan *plan, struct cupel_error *error);

/* Settles lanes[]; calls are bound to memory (lanes.c). */
enum cupel_status plan_lanes(struct cupel_plan *plan, struct cupel_error *error);

/* Guard bands, poison (debug.c). Plans start with POISON: 0xFF in every byte is NaN in each floating-point type. */
enum { GUARD_BYTES = 64, POISON = 0xFF };
enum cupel_status debug_start(struct cupel_plan *plan, struct cupel_error *error);
enum cupel_status debug_after(struct cupel_plan *plan, int position, struct cupel_error *error);

/* The memory of a state, created and filled when the store does not have it (store.c). */
enum cupel_status store_bind(struct cupel_store *store, const struct node *state, char **data,
                             struct cupel_error *error);
/* Makes a named part of a state known; its range has been bound. */
enum cupel_status store_bind_part(struct cupel_store *store, const struct node *part,
                                  struct cupel_error *error);
struct cupel_device *store_device(const struct cupel_store *store);

/* Writes the op's name; a chain's is those of its steps: "mul+add+relu" (print.c). */
void node_op_text(const struct node *node, char *text, size_t size);

/* Bytes of the call's inputs and outputs (print.c). */
double call_bytes(const struct call *call);

/* A view of a tensor, its data not yet known. */
struct view view_of(const struct cupel_tensor *tensor);

/* Copies row-major elements to `data`, which lies as the view says (run.c). */
void view_from_rows(const struct view *view, const void *rows, void *data);

#endif
