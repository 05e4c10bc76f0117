/* Benchmarks that run: on what, in which shapes, and what the program makes of them. Nothing here depends on how long things
 * take. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "judges.h"
#include "program.h"
#include "training.h"

/* ---- shapes ---- */

struct wanted {
    const struct node *node;
    bool found;
};

static bool same_but_batch(const struct cupel_shape *a, const struct cupel_shape *b, int from) {
    if (a->rank != b->rank) return false;
    for (int d = from; d < a->rank; d++)
        if (a->dim[d] != b->dim[d]) return false;
    return true;
}

static void look(void *context, const struct subject *subject, const struct node *node) {
    struct wanted *wanted = context;
    (void)subject;
    if (node->backward || node->op != wanted->node->op) return;
    const bool update = node->op == OP_adam;
    bool same = same_but_batch(&node->in[0]->shape, &wanted->node->in[0]->shape, update ? 0 : 1);
    if (node->n_in > 1 && !update)
        same = same && same_but_batch(&node->in[1]->shape, &wanted->node->in[1]->shape, 0);
    wanted->found = wanted->found || same;
}

static bool is_heavy(const struct node *node) {
    static const enum op_id heavy[] = {OP_conv2d,  OP_conv2d_image, OP_linear,
                                       OP_maxpool, OP_batchnorm,    OP_adam};
    for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++)
        if (node->op == heavy[i] && !node->backward) return true;
    return false;
}

static void expect_shapes(const char *file, const char *prefix) {
    char path[400], text[120];
    snprintf(path, sizeof path, "%s/models/%s", CUPEL_SOURCE_DIR, file);
    struct cupel_error error = {0};
    struct cupel_model *model;
    struct cupel_rehearsal rehearsal;
    const struct cupel_run_options options = {.device = "reference", .batch = 2};
    cr_assert_eq(cupel_model_read(path, NULL, 0, &model, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_rehearse(model, &options, true, &rehearsal, &error), CUPEL_OK, "%s", error.message);
    int count = 0;
    for (int c = 0; c < rehearsal.plan->n_calls; c++) {
        struct wanted wanted = {.node = rehearsal.plan->calls[c].node};
        if (!is_heavy(wanted.node)) continue;
        for (int i = 0; i < sized_count(); i++) {
            const struct subject subject = sized_subject(i);
            struct subject_survey survey = {.visit = look, .context = &wanted};
            if (strncmp(subject.name, prefix, strlen(prefix))) continue;
            cr_assert_eq(subject_survey(&subject, 2, 0, &survey, &error), CUPEL_OK, "%s", error.message);
        }
        cr_expect(wanted.found, "%s has a %s of %s that is not timed", file, ops[wanted.node->op].name,
                  cupel_shape_text(&wanted.node->in[0]->shape, text, sizeof text));
        count++;
    }
    cr_expect(count >= 6, "%d", count);
    cupel_rehearsal_free(&rehearsal);
    cupel_model_free(model);
}

Test(bench_run, every_heavy_shape_of_the_models_is_timed) {
    expect_shapes("lenet5.yaml", "lenet5/");
    expect_shapes("dcgan64.yaml", "dcgan64/");
    expect_shapes("resnet18.yaml", "resnet18/");
    expect_shapes("vgg16.yaml", "vgg16/");
}

Test(bench_run, sized_subjects_can_be_built_in_every_size) {
    for (int i = 0; i < sized_count(); i++) {
        const struct subject subject = sized_subject(i);
        double before = 1e300;
        for (int shrink = 0; shrink <= 8; shrink++) {
            struct subject_survey survey = {0};
            struct cupel_error error = {0};
            cr_assert_eq(subject_survey(&subject, 2, shrink, &survey, &error), CUPEL_OK, "%s", error.message);
            cr_expect(survey.flops + survey.elements <= before, "%s halved %d times", subject.name, shrink);
            before = survey.flops + survey.elements;
        }
        cr_expect(before <= 1e9, "%s: the smallest takes %g", subject.name, before);
        for (int j = 0; j < i; j++) cr_expect_str_neq(sized_subject(j).name, subject.name);
    }
}

/* ---- verifying ---- */

/* x + x on one device, x + x + 1 on the other. */
static void build_wrong(const struct subject *subject, int64_t batch, int shrink, struct draft *draft) {
    (void)subject, (void)batch, (void)shrink;
    static int times;
    struct cupel_tensor *x = cupel_state(draft->graph, "in0", CUPEL_F32, &CUPEL_SHAPE(5), NULL);
    draft->in[draft->n_in++] = x;
    draft->out[draft->n_out++] = cupel_scale(cupel_add(x, x), 1, times++ ? 1e-3 : 0);
}

static void *values(const struct subject *subject, int i, const struct cupel_tensor *tensor) {
    (void)subject;
    return random_values(tensor, (uint64_t)i);
}

Test(bench_run, wrong_results_are_not_timed) {
    const struct subject subject = {.name = "bad", .op = OP_COUNT, .build = build_wrong, .values = values};
    struct cupel_device *device;
    struct cupel_error error = {0};
    const struct cupel_plan_options options = {0};
    char text[80];
    cr_assert_eq(cupel_device_open("cpu", 1, &device, NULL), CUPEL_OK);
    cr_expect_eq(subject_verify(&subject, device, &options, text, sizeof text, &error), CUPEL_FAILED);
    cr_expect(strstr(error.message, "bad: output 0 is off by "), "%s", error.message);
    cupel_device_close(device);
}

Test(bench_run, random_numbers_are_not_zero_and_differ) {
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    const struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(1000), NULL);
    float *a = random_values(x, 1), *b = random_values(x, 2);
    int same = 0, negative = 0;
    for (int i = 0; i < 1000; i++) {
        cr_expect(a[i] * a[i] >= 0.0024f && a[i] * a[i] <= 1.0001f, "%g", (double)a[i]);
        same += a[i] == b[i];
        negative += a[i] < 0;
    }
    cr_expect(same < 5 && negative > 400 && negative < 600, "%d same, %d negative", same, negative);
    free(a);
    free(b);
    cupel_graph_free(graph);
}

/* ---- the program ---- */

static void expect_text(const char *text, const char *part) {
    cr_expect(strstr(text, part), "'%s' is missing in: %s", part, text);
}

Test(bench_run, ops_are_timed_and_compared) {
    struct outcome outcome = run_cupel(
        "bench ops --device cpu --threads 1 --seconds 0.002 --filter '^(relu|adam|confusion)/' --json "
        "b.json");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    expect_text(outcome.out, "ops in f32 on cpu (");
    expect_text(outcome.out, "measured: copying ");
    expect_text(outcome.out, "roof/product forward matmul");
    expect_text(outcome.out, "relu/ragged forward relu ");
    expect_text(outcome.out, "adam/one optimizer adam ");
    cr_expect(!strstr(outcome.out, "FAILED") && !strstr(outcome.out, "lenet5"), "%s", outcome.out);
    size_t size;
    char *text = read_whole(work_path("b.json"), &size);
    cJSON *root = cJSON_ParseWithLength(text, size);
    const cJSON *rows = cJSON_GetObjectItem(root, "rows"), *row;
    cr_assert(cJSON_GetArraySize(rows) > 10);
    cJSON_ArrayForEach(row, rows) {
        const cJSON *hot = cJSON_GetObjectItem(row, "hot"), *cold = cJSON_GetObjectItem(row, "cold");
        cr_expect_eq(cJSON_GetObjectItem(hot, "passes")->valueint, 5);
        cr_expect(cJSON_GetObjectItem(hot, "best")->valuedouble > 0);
        cr_expect(cJSON_GetObjectItem(hot, "low")->valuedouble <=
                  cJSON_GetObjectItem(hot, "high")->valuedouble);
        cr_expect(cJSON_GetObjectItem(cold, "median")->valuedouble > 0);
    }
    cJSON_Delete(root);
    free(text);
    outcome =
        run_cupel("bench ops --device cpu --threads 2 --seconds 0.002 --filter '^relu/' --compare b.json");
    cr_expect_eq(outcome.status, 2);
    expect_text(outcome.err, "one was measured with 2 threads, the other with 1");
}

/* Conversions to 16 bits and back are not what is asked for, chains are made as in a model's plan. */
Test(bench_run, kernels_are_timed_in_16_bits) {
    need_device("emu");
    struct outcome outcome =
        run_cupel("bench ops --device emu --precision bf16 --seconds 0.001 --filter '^chain/made '");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    expect_text(outcome.out, "Times on emu are those of the emulator");
    expect_text(outcome.out, "chain/made forward scale+mul+tanh+sub+mul ");
    cr_expect(!strstr(outcome.out, " cast"), "%s", outcome.out);
}

Test(bench_run, a_file_of_impossible_times_makes_the_program_fail) {
    need_device("emu"); /* timed by its own clock, so that no sample counts as disturbed */
    const char *command =
        "bench ops --device emu --threads 1 --seconds 0.002 --filter '^relu/one' --json b.json";
    struct outcome outcome = run_cupel(command);
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    struct cupel_bench bench;
    cr_assert_eq(cupel_bench_load(work_path("b.json"), &bench, NULL), CUPEL_OK);
    for (int i = 0; i < bench.count; i++) {
        struct cupel_bench_time *hot = &bench.rows[i].hot;
        const double times = strncmp(bench.rows[i].name, "relu", 4) == 0 ? 1e-6 : 1;
        hot->fastest *= times, hot->low *= times, hot->quarter *= times, hot->high *= times;
    }
    cr_assert_eq(cupel_bench_save(&bench, work_path("fast.json"), NULL), CUPEL_OK);
    cupel_bench_free(&bench);
    outcome = run_cupel(
        "bench ops --device emu --threads 1 --seconds 0.002 --filter '^relu/one' --compare fast.json");
    cr_expect_eq(outcome.status, 1, "%s", outcome.err);
    expect_text(outcome.out, "against fast.json: all together ");
    expect_text(outcome.out, "SLOWER ");
    expect_text(outcome.out, "  relu/one forward relu\n1 slower");
}

Test(bench_run, bad_arguments_are_refused) {
    static const struct {
        const char *arguments, *message;
    } wrong[] = {
        {"bench", "which model? Name a model file"},
        {"bench ops --filter '['", "the filter '[' is no regular expression"},
        {"bench ops --device cpu --filter nothing-like-this",
         "the filter 'nothing-like-this' matches nothing"},
        {"bench ops --seconds 0", "--seconds: '0' is no number above 0"},
        {"bench ops --seconds 1x", "--seconds: '1x' is no number"},
        {"bench ops --trace t.json", "--trace is for a model's step"},
        {"bench ops --rounds 0", "--rounds"},
        {"bench m.yaml --rounds 3", "--rounds and --unverified are for ops"},
        {"bench ops --device cpu --filter '^relu/one' --compare nowhere.json", "nowhere.json: No such file"},
        {"bench m.yaml --compare m.yaml", "m.yaml: is no JSON object"},
        {"bench ops --device cpu --precision f16", "device cpu does not compute in f16"},
        {"bench nowhere.yaml", "nowhere.yaml"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct outcome outcome = run_cupel(wrong[i].arguments);
        cr_expect_eq(outcome.status, 2, "%s: status %d", wrong[i].arguments, outcome.status);
        expect_text(outcome.err, wrong[i].message);
    }
}

Test(bench_run, a_step_is_timed_in_parts) {
    struct outcome outcome =
        run_cupel("bench m.yaml --device cpu --threads 1 --seconds 0.02 --json s.json --trace t.json");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    expect_text(outcome.out, "one step of ");
    expect_text(outcome.out, " images/s\n");
    struct cupel_bench bench;
    cr_assert_eq(cupel_bench_load(work_path("s.json"), &bench, NULL), CUPEL_OK);
    for (int p = 0; p < CUPEL_BENCH_PARTS; p++) cr_expect(bench.parts[p] > 0, "part %d", p);
    cr_expect(bench.batch > 0 && bench.images_per_second > 0 && bench.step.passes == 5);
    int seen = 0;
    for (int i = 0; i < bench.count; i++) {
        const struct cupel_bench_row *row = &bench.rows[i];
        static const struct {
            const char *op;
            enum cupel_bench_part part;
        } known[] = {{"linear", CUPEL_BENCH_FORWARD},
                     {"cross_entropy", CUPEL_BENCH_FORWARD},
                     {"cross_entropy_grad", CUPEL_BENCH_BACKWARD},
                     {"convert", CUPEL_BENCH_DATA},
                     {"gather", CUPEL_BENCH_DATA},
                     {"advance", CUPEL_BENCH_OPTIMIZER},
                     {"pack", CUPEL_BENCH_OPTIMIZER},
                     {"adam", CUPEL_BENCH_OPTIMIZER},
                     {"sgd", CUPEL_BENCH_OPTIMIZER}};
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (strcmp(row->op, known[k].op) == 0) {
                seen++;
                cr_expect_eq(row->part, known[k].part, "%s is %s", row->op, cupel_bench_part_text(row->part));
            }
        for (int j = 0; j < i; j++) cr_expect_str_neq(bench.rows[j].name, row->name);
    }
    cr_expect(seen >= 6, "%d", seen);
    size_t size;
    char *text = read_whole(work_path("t.json"), &size);
    cJSON *root = cJSON_ParseWithLength(text, size);
    const cJSON *event;
    int events = 0;
    double end = 0;
    cJSON_ArrayForEach(event, cJSON_GetObjectItem(root, "traceEvents")) {
        const cJSON *start = cJSON_GetObjectItem(event, "ts");
        if (!start) continue;
        cr_expect(start->valuedouble >= end, "an event begins before the one before it ends");
        end = start->valuedouble + cJSON_GetObjectItem(event, "dur")->valuedouble - 1e-3; /* nine digits */
        events++;
    }
    cr_expect_eq(events, bench.count);
    cJSON_Delete(root);
    free(text);
    cupel_bench_free(&bench);
}

#ifdef CUPEL_NVTX_TOOL
Test(bench_run, profilers_see_ranges) {
    need_device("emu");
    work_file("ranges.txt", "");
    setenv("RANGES", work_path("ranges.txt"), 1);
    setenv("NVTX_INJECTION64_PATH", CUPEL_NVTX_TOOL, 1);
    struct outcome outcome = run_cupel("bench m.yaml --device emu --threads 1 --batch 2 --seconds 0.001");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    size_t size;
    char *text = read_whole(work_path("ranges.txt"), &size);
    expect_text(text, "step\n");
    expect_text(text, "\nforward\n  ");
    expect_text(text, "\n  net.fc forward linear\n");
    expect_text(text, "\nbackward\n  ");
    expect_text(text, "\noptimizer\n  ");
    cr_expect(!strstr(text, "\n    "), "a range of a node was not closed");
    free(text);
}
#endif

/* The generator's pass through the updated discriminator is forward, though it comes after gradients. */
Test(bench_run, a_gan_has_forward_nodes_behind_the_first_update) {
    static const char gan[] =
        "task: gan\ndata: {format: idx, path: /data, shape: [1, 4, 4]}\nnetworks:\n"
        "  generator: {input: {noise: [8, 1, 1]}, layers: [deconv: {out: 1, kernel: 4}, tanh]}\n"
        "  discriminator: {input: image, layers: [flatten, linear: {out: 1}]}\n"
        "train: {optimizer: adam, batch: 8, steps: 9, loss: hinge}\n";
    struct cupel_model *model;
    struct cupel_rehearsal rehearsal;
    const struct cupel_run_options options = {.device = "cpu", .threads = 1};
    cr_assert_eq(cupel_model_read_text("m.yaml", gan, strlen(gan), NULL, 0, &model, NULL), CUPEL_OK);
    cr_assert_eq(cupel_rehearse(model, &options, true, &rehearsal, NULL), CUPEL_OK);
    enum cupel_bench_part *parts = plan_parts(rehearsal.plan);
    int linear = 0, updates = 0;
    for (int c = 0; c < rehearsal.plan->n_calls; c++) {
        const struct node *node = rehearsal.plan->calls[c].node;
        linear += node->op == OP_linear && parts[node->id] == CUPEL_BENCH_FORWARD;
        updates += node->op == OP_adam && parts[node->id] == CUPEL_BENCH_OPTIMIZER;
    }
    cr_expect_eq(linear, 3, "%d", linear); /* real, fake, and fake again */
    cr_expect_eq(updates, 2, "%d", updates);
    free(parts);
    cupel_rehearsal_free(&rehearsal);
    cupel_model_free(model);
}
