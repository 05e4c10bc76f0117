/* Rows and the header: what is said of nodes beside their times. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "cupel/version.h"

const char *cupel_bench_part_text(enum cupel_bench_part part) {
    static const char *const texts[CUPEL_BENCH_PARTS] = {"forward", "backward", "optimizer", "data"};
    return (unsigned)part < CUPEL_BENCH_PARTS ? texts[part] : "?";
}

const char *cupel_bench_verdict_text(enum cupel_bench_verdict verdict) {
    static const char *const texts[] = {"", "within noise", "faster", "SLOWER"};
    return (unsigned)verdict < sizeof texts / sizeof *texts ? texts[verdict] : "?";
}

void cupel_bench_free(struct cupel_bench *bench) {
    free(bench->rows);
    *bench = (struct cupel_bench){0};
}

enum cupel_status bench_add(struct cupel_bench *bench, const struct cupel_bench_row *row,
                            struct cupel_error *error) {
    if ((bench->count & (bench->count - 1)) == 0) { /* full when it is a power of two */
        const size_t room = bench->count ? 2 * (size_t)bench->count : 1;
        struct cupel_bench_row *rows = realloc(bench->rows, room * sizeof *rows);
        if (!rows) return cupel_fail(error, CUPEL_NOMEM, "no memory for %zu rows", room);
        bench->rows = rows;
    }
    bench->rows[bench->count++] = *row;
    return CUPEL_OK;
}

const struct cupel_bench_row *bench_find(const struct cupel_bench *bench, const char *name) {
    for (int i = 0; i < bench->count; i++)
        if (strcmp(bench->rows[i].name, name) == 0) return &bench->rows[i];
    return NULL;
}

void bench_describe(struct cupel_bench *bench, const char *title, struct cupel_device *device,
                    enum cupel_precision precision) {
    *bench = (struct cupel_bench){.threads = device->threads, .shift = 1};
    snprintf(bench->title, sizeof bench->title, "%s", title);
    snprintf(bench->version, sizeof bench->version, "cupel %s", cupel_version());
    snprintf(bench->commit, sizeof bench->commit, "%s", cupel_commit());
    snprintf(bench->device, sizeof bench->device, "%s", device->backend->name);
    snprintf(bench->precision, sizeof bench->precision, "%s", cupel_precision_text(precision));
    char more[4000] = "";
    if (device->backend->describe) device->backend->describe(more, sizeof more);
    more[strcspn(more, "\n")] = 0;
    snprintf(bench->description, sizeof bench->description, "%.200s%s%.90s", device->description,
             *more ? "; " : "", more);
}

/* ---- rows ---- */

/* Small integers, such as counters, are of no interest beside images. */
static void shapes_text(const struct call *call, char *text, size_t size) {
    size_t used = 0;
    for (int i = 0; i <= call->n_in && used < size; i++) {
        char one[120];
        if (i < call->n_in && call->in[i].dtype == CUPEL_I64 && view_count(&call->in[i]) <= 2) continue;
        const struct view *view = i < call->n_in ? &call->in[i] : &call->out[0];
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s%s", used ? " " : "",
                             i == call->n_in ? "-> " : "", cupel_shape_text(&view->shape, one, sizeof one));
    }
}

static const char *layout_text(const struct node *node) {
    static const char *const texts[] = {"NCHW", "NHWC", "CHWN"};
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i].shape.rank == 4) return texts[node->out[i].layout];
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i]->shape.rank == 4) return texts[node->in[i]->layout];
    return "rows";
}

void row_name(const struct node *node, const char *name, enum cupel_bench_part part, char *text,
              size_t size) {
    char op[60];
    node_op_text(node, op, sizeof op);
    snprintf(text, size, "%.80s %s %s", name, cupel_bench_part_text(part), op);
}

void row_describe(const struct call *call, const char *name, enum cupel_bench_part part,
                  struct cupel_bench_row *row) {
    *row = (struct cupel_bench_row){.part = part,
                                    .flops = ops[call->node->op].flops(call->node),
                                    .bytes = call_bytes(call),
                                    .workspace = call->workspace_bytes};
    node_op_text(call->node, row->op, sizeof row->op);
    row_name(call->node, name, part, row->name, sizeof row->name);
    shapes_text(call, row->shape, sizeof row->shape);
    const struct view *first = call->n_in ? &call->in[0] : &call->out[0];
    snprintf(row->dtype, sizeof row->dtype, "%s", cupel_dtype_text(first->dtype));
    snprintf(row->layout, sizeof row->layout, "%s", layout_text(call->node));
    snprintf(row->engine, sizeof row->engine, "%s", call->engine ? call->engine : "-");
}

void row_number(const struct cupel_bench *bench, struct cupel_bench_row *row) {
    int same = 1;
    const size_t length = strlen(row->name);
    for (int i = bench->count - 1; i >= 0; i--)
        if (strncmp(bench->rows[i].name, row->name, length) == 0 &&
            (!bench->rows[i].name[length] || bench->rows[i].name[length] == '#'))
            same++;
    if (same > 1) snprintf(row->name + length, sizeof row->name - length, "#%d", same);
}

void row_rate(const struct cupel_bench *bench, struct cupel_bench_row *row) {
    const double seconds = row->cold.samples ? row->cold.median : row->hot.median;
    if (!(seconds > 0)) return;
    const double memory = bench->copy_rate > 0 ? row->bytes / bench->copy_rate : 0;
    const double compute = bench->product_rate > 0 ? row->flops / bench->product_rate : 0;
    const double least = memory > compute ? memory : compute;
    row->gflops = row->flops / seconds / 1e9;
    row->gbytes = row->bytes / seconds / 1e9;
    row->roof = least / seconds;
    snprintf(row->bound, sizeof row->bound, "%s",
             bench->launch > least ? "launch"
             : memory > compute    ? "memory"
                                   : "compute");
}

/* ---- parts of a step ---- */

static bool handles_data(enum op_id op) {
    return op == OP_gather || op == OP_convert || op == OP_batch || op == OP_random_flip ||
           op == OP_random_crop || op == OP_cutout || op == OP_random_affine || op == OP_color_jitter;
}

/* Whether nothing but states changes. */
static bool only_updates(const struct node *node) {
    return ops[node->op].updates && ops[node->op].updates == node->n_out;
}

enum cupel_bench_part node_part(const struct node *node) {
    const bool gradient = strstr(ops[node->op].name, "_grad") || node->op == OP_conv2d_weight;
    return node->backward || gradient ? CUPEL_BENCH_BACKWARD
           : only_updates(node)       ? CUPEL_BENCH_OPTIMIZER
                                      : CUPEL_BENCH_FORWARD;
}

/* A node that the gradient pass did not emit belongs to the optimizer when it changes states and makes nothing else, or when it
 * works on a gradient; what reads a state's new version, such as a generator's pass through an updated discriminator, does
 * not for that. */
static enum cupel_bench_part part_of(const struct node *node, const enum cupel_bench_part *parts) {
    if (node->backward) return CUPEL_BENCH_BACKWARD;
    if (only_updates(node)) return CUPEL_BENCH_OPTIMIZER;
    if (handles_data(node->op)) return CUPEL_BENCH_DATA;
    const bool moves = node->op == OP_relayout || node->op == OP_cast;
    for (int i = 0; i < node->n_in; i++) {
        const struct node *maker = tensor_version(node->in[i])->node;
        if (ops[maker->op].flags & OP_SOURCE || only_updates(maker)) continue;
        const enum cupel_bench_part part = parts[maker->id];
        if (part == CUPEL_BENCH_BACKWARD || part == CUPEL_BENCH_OPTIMIZER) return CUPEL_BENCH_OPTIMIZER;
        if (part == CUPEL_BENCH_DATA && moves) return part;
    }
    return CUPEL_BENCH_FORWARD;
}

enum cupel_bench_part *plan_parts(const struct cupel_plan *plan) {
    const struct cupel_graph *graph = plan->graph;
    enum cupel_bench_part *parts = calloc((size_t)graph->n_nodes + 1, sizeof *parts);
    for (int n = 0; parts && n < graph->n_nodes; n++)
        parts[graph->nodes[n]->id] = part_of(graph->nodes[n], parts);
    return parts;
}
