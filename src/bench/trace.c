#include "bench/trace.h"

#include <stdlib.h>
#include <string.h>

#include "io/text.h"

bool trace_open(struct trace *trace, int calls) {
    trace->start = calloc((size_t)calls + 1, sizeof *trace->start);
    trace->took = calloc((size_t)calls + 1, sizeof *trace->took);
    return trace->start && trace->took;
}

void trace_close(struct trace *trace) {
    free(trace->start);
    free(trace->took);
    *trace = (struct trace){0};
}

void trace_copy(const struct trace *from, struct trace *to, int calls) {
    memcpy(to->start, from->start, (size_t)calls * sizeof *to->start);
    memcpy(to->took, from->took, (size_t)calls * sizeof *to->took);
    to->whole = from->whole;
}

static void add_event(struct buffer *buffer, const struct trace *trace, const struct call *call, int index,
                      enum cupel_bench_part part) {
    char op[120], shape[120];
    node_op_text(call->node, op, sizeof op);
    buffer_text(buffer, ",\n{\"ph\": \"X\", \"pid\": 1, \"name\": ");
    buffer_json_string(buffer, op);
    buffer_format(buffer, ", \"tid\": %d, \"cat\": ", (int)part + 1);
    buffer_json_string(buffer, cupel_bench_part_text(part));
    buffer_text(buffer, ", \"ts\": ");
    buffer_json_number(buffer, 1e6 * trace->start[index]);
    buffer_text(buffer, ", \"dur\": ");
    buffer_json_number(buffer, 1e6 * trace->took[index]);
    buffer_text(buffer, ", \"args\": {\"layer\": ");
    buffer_json_string(buffer, call->node->scope ? call->node->scope : "-");
    buffer_text(buffer, ", \"engine\": ");
    buffer_json_string(buffer, call->engine);
    buffer_text(buffer, ", \"shape\": ");
    buffer_json_string(buffer, cupel_shape_text(&call->out[0].shape, shape, sizeof shape));
    buffer_text(buffer, ", \"gflops\": ");
    const double seconds = trace->took[index];
    buffer_json_number(buffer, seconds > 0 ? ops[call->node->op].flops(call->node) / seconds / 1e9 : 0);
    buffer_text(buffer, "}}");
}

enum cupel_status trace_write(const struct trace *trace, const struct cupel_plan *plan,
                              const enum cupel_bench_part *parts, const char *path,
                              struct cupel_error *error) {
    struct buffer buffer = {0};
    buffer_text(&buffer,
                "{\"traceEvents\": [\n{\"ph\": \"M\", \"pid\": 1, \"name\": \"process_name\", \"args\": "
                "{\"name\": \"one training step\"}}");
    for (int p = 0; p < CUPEL_BENCH_PARTS; p++)
        buffer_format(&buffer,
                      ",\n{\"ph\": \"M\", \"pid\": 1, \"tid\": %d, \"name\": \"thread_name\", \"args\": "
                      "{\"name\": \"%s\"}}",
                      p + 1, cupel_bench_part_text((enum cupel_bench_part)p));
    for (int c = 0; c < plan->n_calls; c++)
        add_event(&buffer, trace, &plan->calls[c], c, parts[plan->calls[c].node->id]);
    buffer_text(&buffer, "\n]}\n");
    const enum cupel_status status = text_write(&buffer, path, error);
    buffer_free(&buffer);
    return status;
}
