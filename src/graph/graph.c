/* The append-only graph: memory, nodes, states, sticky errors. */
#include "cupel/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/node.h"

const struct op ops[OP_COUNT] = {
#define OP(name, ...) [OP_##name] = {#name, __VA_ARGS__},
#include "graph/ops.def"
#undef OP
};

struct cupel_graph *cupel_graph_new(enum cupel_dtype real) {
    if (real != CUPEL_F32 && real != CUPEL_F64) return NULL;
    struct cupel_graph *graph = calloc(1, sizeof *graph);
    if (graph) graph->real = real;
    return graph;
}

void cupel_graph_free(struct cupel_graph *graph) {
    if (!graph) return;
    cupel_heap_free(&graph->heap);
    free(graph->nodes);
    free(graph->states);
    free(graph);
}

const struct cupel_error *cupel_graph_error(const struct cupel_graph *graph) {
    return &graph->error;
}

enum cupel_dtype cupel_graph_real(const struct cupel_graph *graph) {
    return graph->real;
}

void *graph_alloc(struct cupel_graph *graph, size_t bytes) {
    void *data = cupel_heap_alloc(&graph->heap, 1, bytes);
    if (!data) cupel_fail(&graph->error, CUPEL_NOMEM, "no memory for %zu bytes of graph", bytes);
    return data;
}

const char *graph_text(struct cupel_graph *graph, const char *text) {
    const char *copy = text ? cupel_heap_text(&graph->heap, "%s", text) : NULL;
    if (text && !copy) cupel_fail(&graph->error, CUPEL_NOMEM, "no memory for the text '%s'", text);
    return copy;
}

/* Texts repeat from node to node, so the last one is kept rather than copied again. */
static void set_text(struct cupel_graph *graph, const char **slot, const char *text) {
    if (!text)
        *slot = NULL;
    else if (!*slot || strcmp(*slot, text) != 0)
        *slot = graph_text(graph, text);
}

void cupel_graph_place(struct cupel_graph *graph, const char *place) {
    set_text(graph, &graph->place, place);
}

void cupel_graph_scope(struct cupel_graph *graph, const char *scope) {
    set_text(graph, &graph->scope, scope);
}

const struct cupel_shape *cupel_tensor_shape(const struct cupel_tensor *tensor) {
    return &tensor->shape;
}

enum cupel_dtype cupel_tensor_dtype(const struct cupel_tensor *tensor) {
    return tensor->dtype;
}

struct cupel_graph *cupel_tensor_graph(const struct cupel_tensor *tensor) {
    return tensor->node->graph;
}

/* ---- errors ---- */

static void fail_at(struct cupel_graph *graph, const char *place, const char *op, const char *scope,
                    const char *message, const char *inputs) {
    cupel_fail(&graph->error, CUPEL_INVALID, "%s%s%s%s%s%s: %s%s%s", place ? place : "", place ? ": " : "",
               op, scope ? " (" : "", scope ? scope : "", scope ? ")" : "", message,
               *inputs ? "; inputs: " : "", inputs);
}

bool node_fail(struct node *node, const char *format, ...) {
    char message[600], inputs[600] = "", shape[120];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t used = 0;
    for (int i = 0; i < node->n_in && used < sizeof inputs; i++) {
        const struct cupel_tensor *in = node->in[i];
        int wrote = snprintf(inputs + used, sizeof inputs - used, "%s%s %s", i ? ", " : "",
                             cupel_dtype_text(in->dtype), cupel_shape_text(&in->shape, shape, sizeof shape));
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    fail_at(node->graph, node->place, ops[node->op].name, node->scope, message, inputs);
    return false;
}

struct cupel_tensor *graph_fail(struct cupel_graph *graph, const char *op, const char *format, ...) {
    char message[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fail_at(graph, graph->place, op, graph->scope, message, "");
    return NULL;
}

/* ---- nodes ---- */

bool node_out(struct node *node, enum cupel_dtype dtype, const struct cupel_shape *shape) {
    struct cupel_error error = {0};
    if (cupel_shape_check(shape, dtype, &error) != CUPEL_OK)
        return node_fail(node, "result: %s", error.message);
    struct cupel_tensor *out = &node->out[node->n_out];
    *out = (struct cupel_tensor){.node = node, .index = node->n_out++, .dtype = dtype, .shape = *shape};
    return true;
}

bool graph_push(struct cupel_graph *graph, struct node *node) {
    if (graph->n_nodes == graph->node_room) {
        int room = graph->node_room ? 2 * graph->node_room : 64;
        struct node **nodes = realloc(graph->nodes, (size_t)room * sizeof *nodes);
        if (!nodes) {
            cupel_fail(&graph->error, CUPEL_NOMEM, "no memory for node %d", graph->n_nodes);
            return false;
        }
        graph->nodes = nodes;
        graph->node_room = room;
    }
    node->id = graph->n_nodes;
    graph->nodes[graph->n_nodes++] = node;
    return true;
}

bool graph_append(struct cupel_graph *graph, struct node *node) {
    for (int i = 0; i < node->n_out; i++) node->out[i].id = graph->n_tensors++;
    return graph_push(graph, node);
}

/* The entry of the state that `tensor` is the newest version of, or -1. */
static int state_entry(const struct cupel_graph *graph, const struct cupel_tensor *tensor) {
    for (int i = 0; i < graph->n_states; i++)
        if (graph->states[i].latest == tensor) return i;
    return -1;
}

/* A state has one line of versions: only the newest can be replaced, or a part of it. */
static bool check_updates(struct node *node) {
    const int64_t step = cupel_part_span(&CUPEL_SCALAR); /* kernels count on aligned memory */
    for (int i = 0; i < ops[node->op].updates; i++) {
        for (int j = 0; j < i; j++)
            if (tensor_version(node->in[j]) == tensor_version(node->in[i]))
                return node_fail(node, "inputs %d and %d must be different states", j, i);
        int64_t offset;
        const struct cupel_tensor *root = tensor_root(node->in[i], &offset);
        if (offset % step != 0)
            return node_fail(node,
                             "input %d is a part at %lld; one that is changed begins at a multiple of %lld",
                             i, (long long)offset, (long long)step);
        if (state_entry(node->graph, tensor_version(node->in[i])) >= 0) continue;
        if (root->node->op != OP_state) return node_fail(node, "input %d must be a state", i);
        return node_fail(
            node,
            "input %d must be the newest version of state '%s'; use what the node that changed it last "
            "returned (cupel_state_latest)",
            i, root->node->attr.state.name);
    }
    return true;
}

/* Makes what a node returned for a state, or for a part of it, the state's newest version. */
static bool replace_version(struct cupel_graph *graph, struct cupel_tensor *old, struct cupel_tensor *made) {
    struct cupel_tensor *version = tensor_version(old);
    if (old != version)
        return node_add(graph, OP_whole, (struct cupel_tensor *[]){version, made}, 2, NULL) != NULL;
    graph->states[state_entry(graph, version)].latest = made;
    return true;
}

struct node *node_make(struct cupel_graph *graph, enum op_id op, struct cupel_tensor *const *in, int n_in,
                       const union attr *attr) {
    struct node *node = graph_alloc(graph, sizeof *node);
    struct cupel_tensor **inputs =
        node ? graph_alloc(graph, (size_t)n_in * sizeof(struct cupel_tensor *)) : NULL;
    if (!inputs) return NULL;
    if (n_in) memcpy(inputs, in, (size_t)n_in * sizeof *inputs);
    *node = (struct node){.graph = graph,
                          .op = op,
                          .in = inputs,
                          .n_in = n_in,
                          .place = graph->place,
                          .scope = graph->scope,
                          .backward = graph->backward};
    if (attr) node->attr = *attr;
    return node;
}

struct cupel_tensor *node_add(struct cupel_graph *graph, enum op_id op, struct cupel_tensor *const *in,
                              int n_in, const union attr *attr) {
    if (graph->error.status != CUPEL_OK) return NULL;
    const struct op *row = &ops[op];
    if (n_in < row->min_in || (row->max_in >= 0 && n_in > row->max_in))
        return graph_fail(graph, row->name, "takes at least %d inputs, not %d", row->min_in, n_in);
    for (int i = 0; i < n_in; i++) {
        if (!in[i]) return graph_fail(graph, row->name, "input %d is NULL", i);
        if (in[i]->node->graph != graph)
            return graph_fail(graph, row->name, "input %d belongs to another graph", i);
    }
    struct node *node = node_make(graph, op, in, n_in, attr);
    if (!node || !row->infer(node) || !check_updates(node) || !graph_append(graph, node)) return NULL;
    for (int i = 0; i < row->updates; i++)
        if (!replace_version(graph, node->in[i], &node->out[node->n_out - row->updates + i])) return NULL;
    return &node->out[0];
}

struct cupel_tensor *node_add_list(enum op_id op, struct cupel_tensor *const *in, int n_in,
                                   const union attr *attr) {
    for (int i = 0; i < n_in; i++)
        if (in[i]) return node_add(in[i]->node->graph, op, in, n_in, attr);
    return NULL;
}

const struct cupel_tensor *tensor_root(const struct cupel_tensor *tensor, int64_t *offset) {
    int64_t distance = 0;
    for (;;) {
        const struct node *node = tensor->node;
        const struct op *row = &ops[node->op];
        int update = tensor->index - (node->n_out - row->updates);
        if (row->flags & OP_ALIAS) {
            if (node->op == OP_part) distance += node->attr.state.offset;
            tensor = node->in[0];
        } else if (update >= 0 && row->updates) {
            tensor = node->in[update];
        } else {
            break;
        }
    }
    if (offset) *offset = distance;
    return tensor;
}

/* ---- sources ---- */

bool infer_state(struct node *node) {
    return node_out(node, node->attr.state.dtype, &node->attr.state.shape);
}

static bool remember_state(struct cupel_graph *graph, struct cupel_tensor *state) {
    if (graph->n_states == graph->state_room) {
        int room = graph->state_room ? 2 * graph->state_room : 16;
        void *states = realloc(graph->states, (size_t)room * sizeof *graph->states);
        if (!states) {
            cupel_fail(&graph->error, CUPEL_NOMEM, "no memory for state %d", graph->n_states);
            return false;
        }
        graph->states = states;
        graph->state_room = room;
    }
    graph->states[graph->n_states].state = state;
    graph->states[graph->n_states++].latest = state;
    return true;
}

struct cupel_tensor *cupel_state(struct cupel_graph *graph, const char *name, enum cupel_dtype dtype,
                                 const struct cupel_shape *shape, const struct cupel_init *init) {
    if (graph->error.status != CUPEL_OK) return NULL;
    for (int i = 0; i < graph->n_states; i++) {
        struct cupel_tensor *state = graph->states[i].state;
        if (strcmp(state->node->attr.state.name, name) != 0) continue;
        if (state->dtype != dtype || !cupel_shape_equal(&state->shape, shape))
            return graph_fail(graph, "state", "'%s' is declared twice, with different shapes or dtypes",
                              name);
        return state;
    }
    union attr attr = {.state = {.name = graph_text(graph, name), .dtype = dtype, .shape = *shape}};
    if (init) attr.state.init = *init;
    struct cupel_tensor *state = attr.state.name ? node_add(graph, OP_state, NULL, 0, &attr) : NULL;
    return state && remember_state(graph, state) ? state : NULL;
}

struct cupel_tensor *cupel_state_latest(struct cupel_graph *graph, const char *name) {
    for (int i = 0; i < graph->n_states; i++)
        if (strcmp(graph->states[i].state->node->attr.state.name, name) == 0) return graph->states[i].latest;
    return NULL;
}

struct cupel_tensor *cupel_constant(struct cupel_graph *graph, enum cupel_dtype dtype,
                                    const struct cupel_shape *shape, const void *data) {
    if (graph->error.status != CUPEL_OK) return NULL;
    struct cupel_error error = {0};
    if (cupel_shape_check(shape, dtype, &error) != CUPEL_OK)
        return graph_fail(graph, "constant", "%s", error.message);
    size_t bytes = (size_t)cupel_shape_count(shape) * cupel_dtype_size(dtype);
    void *copy = graph_alloc(graph, bytes);
    if (!copy) return NULL;
    memcpy(copy, data, bytes);
    union attr attr = {.state = {.dtype = dtype, .shape = *shape, .data = copy}};
    return node_add(graph, OP_constant, NULL, 0, &attr);
}

struct cupel_tensor *cupel_fill(struct cupel_graph *graph, const struct cupel_shape *shape, double value) {
    double f64 = value;
    float f32 = (float)value;
    const void *one = graph->real == CUPEL_F64 ? (const void *)&f64 : &f32;
    return cupel_broadcast(cupel_constant(graph, graph->real, &CUPEL_SCALAR, one), shape);
}
