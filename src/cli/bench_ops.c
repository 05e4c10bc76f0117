#include "cli/bench_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "judge.h"

/* ---- cases as subjects ---- */

static struct cupel_tensor *add_input(struct cupel_graph *graph, const struct case_input *in, int index) {
    static const enum cupel_dtype dtypes[] = {
        [CASE_LABELS] = CUPEL_I32, [CASE_I64] = CUPEL_I64, [CASE_U8] = CUPEL_U8, [CASE_RNG] = CUPEL_I64};
    char name[16];
    snprintf(name, sizeof name, "in%d", index);
    if (in->kind == CASE_RNG) return cupel_rng(graph);
    return cupel_state(graph, name, in->kind < CASE_LABELS ? CUPEL_F32 : dtypes[in->kind], &in->shape, NULL);
}

static void build_case(const struct subject *subject, int64_t batch, int shrink, struct draft *draft) {
    const struct op_case *one = subject->what;
    (void)batch, (void)shrink;
    draft->n_in = case_inputs(one);
    for (int i = 0; i < draft->n_in; i++) draft->in[i] = add_input(draft->graph, &one->in[i], i);
    one->build(one, draft->in, draft->out);
    while (draft->n_out < CASE_MAX_OUT && draft->out[draft->n_out]) draft->n_out++;
}

static void *values_of_case(const struct subject *subject, int i, const struct cupel_tensor *tensor) {
    const struct op_case *one = subject->what;
    double *values = case_values(&one->in[i], &tensor->shape, (uint64_t)i);
    void *data = values ? case_data(tensor, values) : NULL;
    free(values);
    return data;
}

static struct subject case_subject(enum op_id op, const struct op_case *one) {
    struct subject subject = {.what = one,
                              .op = op,
                              .tolerance = one->tolerance,
                              .half = one->half,
                              .fuses = op == OP_chain || op == OP_batch, /* plans make them */
                              .build = build_case,
                              .values = values_of_case};
    snprintf(subject.name, sizeof subject.name, "%s/%s", case_rows[op].op, one->name);
    return subject;
}

enum cupel_status bench_ops(const struct cupel_bench_options *options, bool verify, struct cupel_bench *bench,
                            struct cupel_error *error) {
    int count = sized_count(), cases = 0;
    for (int op = 0; op < OP_COUNT; op++)
        for (const struct op_case *one = case_rows[op].cases; one->name; one++) cases++;
    struct subject *subjects = malloc((size_t)(count + cases) * sizeof *subjects);
    if (!subjects) return cupel_fail(error, CUPEL_NOMEM, "no memory for %d cases", cases);
    for (int i = 0; i < count; i++) subjects[i] = sized_subject(i);
    for (int op = 0; op < OP_COUNT; op++)
        for (const struct op_case *one = case_rows[op].cases; one->name; one++)
            subjects[count++] = case_subject((enum op_id)op, one);
    const enum cupel_status status = bench_subjects(subjects, count, options, 1, verify, bench, error);
    free(subjects);
    if (status) cupel_bench_free(bench);
    return status;
}
