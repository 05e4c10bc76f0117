/* Batches: what gathers images, converts and moves them becomes one node on devices that want it so, with the same bits. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "plan/plan.h"

enum { ROWS = 11, BATCH = 5, C = 3, H = 6, W = 7, IMAGE = C * H * W, COUNT = BATCH * IMAGE, RUNS = 3 };

static void need_emu(void) {
    struct cupel_device *device = NULL;
    struct cupel_error error = {0};
    const bool there = cupel_device_open("emu", 1, &device, &error) == CUPEL_OK;
    cupel_device_close(device);
    if (!there) cr_skip_test("%s", error.message);
}
TestSuite(plan_batch, .init = need_emu);

static struct cupel_tensor *pixels(struct bench *bench, int64_t rows) {
    static uint8_t bytes[ROWS * IMAGE];
    for (int i = 0; i < ROWS * IMAGE; i++) bytes[i] = (uint8_t)(i * 37 + i / 97);
    return cupel_constant(bench->graph, CUPEL_U8, &CUPEL_SHAPE(rows, C, H, W), bytes);
}

static struct cupel_tensor *cursor_of(struct bench *bench) {
    return cupel_state(bench->graph, "cursor", CUPEL_I64, &CUPEL_SHAPE(1), NULL);
}

static struct cupel_tensor *gather(struct bench *bench) {
    static const int32_t order[] = {3, 0, 10, 7, 7, 1, 9};
    return cupel_gather(pixels(bench, ROWS), cupel_constant(bench->graph, CUPEL_I32, &CUPEL_SHAPE(7), order),
                        cursor_of(bench), BATCH);
}

static struct cupel_tensor *channels(struct bench *bench, float first) {
    const float values[C] = {first, first + 0.1f, first + 0.3f};
    return cupel_constant(bench->graph, CUPEL_F32, &CUPEL_SHAPE(C), values);
}

static struct cupel_tensor *convert(struct bench *bench, struct cupel_tensor *x) {
    return cupel_convert(x, channels(bench, 0.3f), channels(bench, 0.2f));
}

static struct cupel_tensor *rng_of(struct bench *bench) {
    return cupel_rng(bench->graph);
}

typedef void (*build_fn)(struct bench *bench, struct cupel_tensor **out);

/* RUNS runs of a plan, in which cursor and seed go on: output 0 of each. Returns how many nodes there are of each op. */
static void run(build_fn build, const struct cupel_plan_options *options, float values[RUNS][COUNT],
                int nodes[OP_COUNT]) {
    struct bench bench = bench_open("emu");
    struct cupel_tensor *out[4] = {NULL};
    int count = 0;
    build(&bench, out);
    out[0] = cupel_abs(out[0]); /* reads 16 bits where it can */
    if (!cupel_state_latest(bench.graph, "cursor")) cursor_of(&bench);
    cupel_advance(cupel_state_latest(bench.graph, "cursor"), BATCH);
    cupel_advance(rng_of(&bench), 1);
    while (count < 4 && out[count]) count++;
    bench_compile(&bench, out, count, options);
    memset(nodes, 0, OP_COUNT * sizeof *nodes);
    for (int c = 0; c < bench.plan->n_calls; c++) nodes[bench.plan->calls[c].node->op]++;
    for (int r = 0; r < RUNS; r++) {
        bench_run(&bench);
        cr_assert_eq(cupel_plan_read(bench.plan, 0, values[r], COUNT * sizeof(float), &bench.error), CUPEL_OK,
                     "%s", bench.error.message);
    }
    bench_close(&bench);
}

/* Merged or not, in each layout and precision, the numbers are the same; merged there are so many batches, and of the ops
 * that they are made of so many are left. */
static void expect(build_fn build, int batches, int left) {
    static const enum cupel_layout layouts[] = {CUPEL_LAYOUT_NCHW, CUPEL_LAYOUT_NHWC};
    static const enum cupel_precision precisions[] = {CUPEL_PRECISION_F32, CUPEL_PRECISION_BF16,
                                                      CUPEL_PRECISION_F16};
    static float merged[RUNS][COUNT], plain[RUNS][COUNT];
    for (int way = 0; way < 6; way++) {
        int nodes[OP_COUNT];
        struct cupel_plan_options options = {.layout = layouts[way % 2],
                                             .precision = precisions[way / 2],
                                             .everywhere = true,
                                             .debug = way == 0};
        run(build, &options, merged, nodes);
        const int rest = nodes[OP_gather] + nodes[OP_convert] + nodes[OP_random_flip] +
                         nodes[OP_random_crop] + nodes[OP_cutout];
        cr_expect_eq(nodes[OP_batch], batches, "way %d: %d batches", way, nodes[OP_batch]);
        cr_expect_eq(rest, left, "way %d: %d nodes are left", way, rest);
        options.nofuse = true;
        run(build, &options, plain, nodes);
        cr_expect_eq(nodes[OP_batch], 0);
        cr_expect_eq(memcmp(merged, plain, sizeof plain), 0, "way %d: other numbers", way);
        cr_expect_neq(memcmp(plain[0], plain[1], sizeof plain[0]), 0, "way %d: every run is the same", way);
    }
}

static void build_whole(struct bench *bench, struct cupel_tensor **out) {
    struct cupel_tensor *images = convert(bench, gather(bench));
    images = cupel_random_crop(cupel_random_flip(images, rng_of(bench), 0.5), rng_of(bench), 2);
    out[0] = cupel_cutout(images, rng_of(bench), 4);
}
Test(plan_batch, images_are_gathered_converted_and_moved_at_once) {
    expect(build_whole, 1, 0);
}

static void build_crop_first(struct bench *bench, struct cupel_tensor **out) {
    struct cupel_tensor *images = convert(bench, gather(bench));
    out[0] = cupel_random_flip(cupel_random_crop(images, rng_of(bench), 3), rng_of(bench), 0.5);
}
Test(plan_batch, moves_keep_their_order) {
    expect(build_crop_first, 1, 0);
}

static void build_unmoved(struct bench *bench, struct cupel_tensor **out) {
    out[0] = convert(bench, gather(bench));
}
Test(plan_batch, images_need_not_be_moved) {
    expect(build_unmoved, 1, 0);
}

static void build_staged(struct bench *bench, struct cupel_tensor **out) {
    out[0] = cupel_random_crop(convert(bench, pixels(bench, BATCH)), rng_of(bench), 2);
}
Test(plan_batch, images_need_not_be_gathered) {
    expect(build_staged, 1, 0);
}

/* The fourth move, and all that is drawn by another state. */
static void build_four_moves(struct bench *bench, struct cupel_tensor **out) {
    struct cupel_tensor *other = cupel_state(bench->graph, "other", CUPEL_I64, &CUPEL_SHAPE(2), NULL);
    struct cupel_tensor *images = cupel_random_flip(convert(bench, gather(bench)), rng_of(bench), 0.5);
    images = cupel_random_crop(cupel_random_crop(images, rng_of(bench), 1), rng_of(bench), 1);
    images = cupel_cutout(images, rng_of(bench), 3);
    out[0] = images;
    out[1] = cupel_random_flip(cupel_random_crop(convert(bench, pixels(bench, BATCH)), other, 1),
                               rng_of(bench), 0.5);
}
Test(plan_batch, what_does_not_fit_is_left) {
    expect(build_four_moves, 2, 2);
}

/* Bytes, converted numbers and numbers half way, each with a second reader. */
static void build_shared(struct bench *bench, struct cupel_tensor **out) {
    struct cupel_tensor *bytes = gather(bench), *images = convert(bench, bytes);
    struct cupel_tensor *flipped = cupel_random_flip(images, rng_of(bench), 0.5);
    out[0] = cupel_random_crop(flipped, rng_of(bench), 2);
    out[1] = flipped;
    out[2] = images;
    out[3] = bytes;
}
Test(plan_batch, what_others_read_is_kept) {
    expect(build_shared, 0, 4);
}

/* The mean is made of the cursor's new version, so a gather that reads the old one cannot wait for it. */
static void build_late(struct bench *bench, struct cupel_tensor **out) {
    static const float means[2][C] = {{0.1f, 0.2f, 0.3f}, {0.4f, 0.5f, 0.6f}};
    static const int32_t order[] = {0, 1};
    struct cupel_tensor *images = gather(bench), *cursor = cupel_advance(cursor_of(bench), 1);
    struct cupel_tensor *mean =
        cupel_gather(cupel_constant(bench->graph, CUPEL_F32, &CUPEL_SHAPE(2, C), means),
                     cupel_constant(bench->graph, CUPEL_I32, &CUPEL_SHAPE(2), order), cursor, 1);
    mean = cupel_reshape(mean, &CUPEL_SHAPE(C));
    out[0] = cupel_random_flip(cupel_convert(images, mean, channels(bench, 0.2f)), rng_of(bench), 0.5);
}
Test(plan_batch, only_what_is_there_from_the_start_is_waited_for) {
    expect(build_late, 1, 2);
}

Test(plan_batch, a_batch_whose_inputs_do_not_fit_is_refused) {
    static const struct {
        struct batch batch;
        int n_in;
    } bad[] = {{{.moves = 4}, 4}, {{.moves = -1}, 4}, {{.moves = 1}, 3}, {{.gathers = true, .count = 2}, 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bench bench = bench_open("reference");
        struct cupel_tensor *in[] = {pixels(&bench, BATCH), channels(&bench, 0), channels(&bench, 1),
                                     rng_of(&bench)};
        cr_expect_null(node_add_list(OP_batch, in, bad[i].n_in, &(union attr){.batch = bad[i].batch}));
        bench_close(&bench);
    }
}
