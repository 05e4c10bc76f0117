/* Segmentation: a class for each pixel, from files to masks. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/image.h"
#include "files.h"
#include "io/file.h"
#include "train/checkpoint.h"
#include "training.h"

enum { SIDE = 32, IMAGES = 60 };

/* ---- a set: circles and squares under noise; classes: neither, circle, square ---- */

static uint32_t noise;

static uint32_t draw_below(uint32_t bound) {
    noise = noise * 1664525 + 1013904223;
    return (noise >> 8) % bound;
}

/* A frame without class surrounds shapes of one kind in each half. */
static void draw_shapes(uint8_t *pixels, uint8_t *mask) {
    memset(mask, 0, SIDE * SIDE);
    for (int shape = 0; shape < 2; shape++) {
        const int radius = 4 + (int)draw_below(3), kind = 1 + (int)draw_below(2);
        const int row = 8 + (int)draw_below(SIDE - 16), column = 8 + 16 * shape - 1 + (int)draw_below(3);
        for (int i = 0; i < SIDE * SIDE; i++) {
            const int down = i / SIDE - row, right = i % SIDE - column;
            const bool inside = kind == 1 ? down * down + right * right <= radius * radius
                                          : abs(down) < radius && abs(right) < radius;
            if (inside) mask[i] = (uint8_t)kind;
        }
    }
    for (int i = 0; i < SIDE; i++) mask[i] = CUPEL_NO_CLASS;
    for (int i = 0; i < SIDE * SIDE; i++) {
        static const int light[] = {60, 150, 200};
        pixels[i] = (uint8_t)((mask[i] == CUPEL_NO_CLASS ? 0 : light[mask[i]]) + (int)draw_below(40));
    }
}

/* The directory of the set, written on first use. */
static const char *shapes(void) {
    static char *directory;
    if (directory) return directory;
    directory = temporary_path("shapes");
    noise = 1;
    cr_assert_eq(directory_make(inside(directory, "images"), NULL), CUPEL_OK);
    cr_assert_eq(directory_make(inside(directory, "masks"), NULL), CUPEL_OK);
    for (int i = 0; i < IMAGES; i++) {
        uint8_t pixels[SIDE * SIDE], mask[SIDE * SIDE];
        char name[40];
        draw_shapes(pixels, mask);
        snprintf(name, sizeof name, "images/%02d.png", i);
        cr_assert_eq(cupel_image_write(inside(directory, name), &(struct cupel_image){1, SIDE, SIDE, pixels},
                                       NULL, 0, NULL),
                     CUPEL_OK);
        snprintf(name, sizeof name, "masks/%02d.png", i);
        cr_assert_eq(
            cupel_image_write_mask(inside(directory, name), &(struct cupel_image){1, SIDE, SIDE, mask}, NULL),
            CUPEL_OK);
    }
    return directory;
}

/* A U-Net of one level. */
static struct cupel_model *model_of(const char *train, const char *data) {
    struct cupel_error error = {0};
    struct cupel_model *model;
    char *text;
    const int length =
        asprintf(&text,
                 "task: segment\n"
                 "data: {format: folder, path: %s, shape: [1, 32, 32], classes: 3,\n"
                 "       normalize: {mean: [0.4], std: [0.2]}%s}\n"
                 "networks:\n"
                 "  net:\n"
                 "    input: image\n"
                 "    layers: [conv: {name: one, out: 8, kernel: 3, pad: 1}, relu: {name: near},\n"
                 "             maxpool: {kernel: 2}, conv: {out: 16, kernel: 3, pad: 1}, relu,\n"
                 "             conv: {out: 16, kernel: 3, pad: 1}, relu,\n"
                 "             deconv: {name: up, out: 8, kernel: 2, stride: 2},\n"
                 "             concat: {from: [near, up]}, conv: {out: 8, kernel: 3, pad: 1}, relu,\n"
                 "             conv: {out: 3, kernel: 1}]\n"
                 "train: {batch: 9, %s}\n",
                 shapes(), data, train);
    cr_assert_gt(length, 0);
    const enum cupel_status status =
        cupel_model_read_text("shapes.yaml", text, (size_t)length, NULL, 0, &model, &error);
    cr_assert_eq(status, CUPEL_OK, "%s", error.message);
    free(text);
    return model;
}

#define ADAM "optimizer: {adam: {lr: 0.01}}"

static struct cupel_dataset open_shapes(void) {
    const struct cupel_dataset_spec spec = {
        .format = "folder", .path = shapes(), .shape = {1, SIDE, SIDE}, .classes = 3, .masks = true};
    struct cupel_dataset set;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_OK, "%s", error.message);
    return set;
}

/* What masks score by hand. */
static double mean_iou(const uint8_t *masks, const uint8_t *wanted, int64_t count, double iou[3],
                       double *accuracy) {
    int64_t both[3] = {0}, either[3] = {0}, right = 0, all = 0;
    for (int64_t i = 0; i < count; i++) {
        if (wanted[i] == CUPEL_NO_CLASS) continue;
        all++;
        right += masks[i] == wanted[i];
        both[wanted[i]] += masks[i] == wanted[i];
        either[wanted[i]]++;
        either[masks[i]] += masks[i] != wanted[i];
    }
    double sum = 0;
    for (int c = 0; c < 3; c++) sum += iou[c] = (double)both[c] / (double)either[c];
    *accuracy = (double)right / (double)all;
    return sum / 3;
}

static void check_evaluation(const struct cupel_model *model, const char *weights) {
    struct cupel_dataset set = open_shapes();
    struct cupel_evaluation evaluation;
    struct cupel_error error = {0};
    const int64_t pixels = set.test.count * SIDE * SIDE;
    uint8_t *masks = malloc((size_t)pixels);
    double iou[3], accuracy;
    cr_assert_eq(cupel_segment(model, &plainly, weights, set.test.images, set.test.count, masks, &error),
                 CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_evaluate(model, &plainly, weights, 4, &evaluation, &error), CUPEL_OK, "%s",
                 error.message);
    cr_expect_float_eq(evaluation.iou, mean_iou(masks, set.test.masks, pixels, iou, &accuracy), 1e-12);
    cr_expect_float_eq(evaluation.accuracy, accuracy, 1e-12);
    for (int c = 0; c < 3; c++) cr_expect_float_eq(evaluation.class_iou[c], iou[c], 1e-12);
    cr_expect_eq(evaluation.mask_count, 4);
    cr_expect_arr_eq(evaluation.masks, masks, 4 * SIDE * SIDE);
    cr_expect_null(evaluation.mistakes);
    cupel_evaluation_free(&evaluation);
    cupel_dataset_free(&set);
    free(masks);
}

static void learns(const char *loss) {
    char settings[200], *out = temporary_path("run");
    snprintf(settings, sizeof settings, "loss: %s, epochs: 30, " ADAM, loss);
    struct cupel_model *model = model_of(settings, "");
    struct cupel_train_result result =
        train(model, &(struct cupel_train_options){.run = plainly, .out = out}, CUPEL_OK, NULL);
    cr_expect_gt(result.evaluation.iou, 0.8, "%s: mean IoU %g after %lld steps", loss, result.evaluation.iou,
                 (long long)result.step);
    cr_expect_geq(result.best_accuracy, result.evaluation.iou);
    check_evaluation(model, inside(out, CHECKPOINT_LAST));
    struct cupel_history history;
    cr_assert_eq(cupel_history_load(inside(out, "metrics.jsonl"), &history, NULL), CUPEL_OK);
    const struct cupel_evaluation_point *last = &history.evaluations[history.evaluation_count - 1];
    cr_expect_float_eq(last->iou, result.evaluation.iou, 1e-8);
    cr_expect_float_eq(last->accuracy, result.evaluation.accuracy, 1e-8);
    const struct cupel_training_point *point = &history.training[history.training_count - 1];
    cr_expect(point->accuracy > 0.9 && point->accuracy <= 1.0001, "%g", point->accuracy);
    size_t size;
    char *lines = read_whole(inside(out, "metrics.jsonl"), &size);
    cr_expect(strstr(lines, "\"test_class_iou\":[0."), "%s", lines);
    free(lines);
    cupel_history_free(&history);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    free(out);
}

Test(segment, learns_by_cross_entropy) {
    learns("cross_entropy");
}

Test(segment, learns_by_dice) {
    learns("dice");
}

Test(segment, learns_by_both) {
    learns("cross_entropy_dice");
}

/* ---- resuming ---- */

static void same_files(const char *a, const char *b) {
    size_t size, other;
    char *one = read_whole(a, &size), *two = read_whole(b, &other);
    cr_expect(size == other && memcmp(one, two, size) == 0, "%s and %s differ", a, b);
    free(one);
    free(two);
}

Test(segment, resumed_is_the_same_as_at_once) {
    char *whole = temporary_path("whole"), *parts = temporary_path("parts");
    struct cupel_model *model = model_of("loss: cross_entropy_dice, epochs: 9, drop_last: false, " ADAM,
                                         ", augment: {flip: true, crop: 3}, validation: 10");
    struct cupel_train_options options = {
        .run = plainly, .steps = 20, .out = parts, .log_steps = 1, .checkpoint_steps = 10};
    train_and_be_killed(model, options);
    options.resume = true;
    struct cupel_train_result resumed = train(model, &options, CUPEL_OK, NULL);
    options.resume = false;
    options.out = whole;
    struct cupel_train_result once = train(model, &options, CUPEL_OK, NULL);
    cr_expect_eq(resumed.evaluation.iou, once.evaluation.iou);
    same_files(inside(whole, CHECKPOINT_LAST), inside(parts, CHECKPOINT_LAST));
    same_files(inside(whole, CHECKPOINT_BEST), inside(parts, CHECKPOINT_BEST));
    cupel_train_result_free(&resumed);
    cupel_train_result_free(&once);
    cupel_model_free(model);
    free(whole);
    free(parts);
}

/* ---- masks move as images do ---- */

Test(segment, masks_are_flipped_and_shifted_as_images_are) {
    enum { N = 7, H = 9, W = 11, PLANE = H * W };
    struct cupel_error error = {0};
    struct cupel_device *device;
    cr_assert_eq(cupel_device_open("cpu", 1, &device, &error), CUPEL_OK, "%s", error.message);
    struct cupel_store *store = cupel_store_new(device, 5);
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_tensor *rng = cupel_rng(graph),
                        *images = cupel_state(graph, "images", CUPEL_F32, &CUPEL_SHAPE(N, 3, H, W), NULL),
                        *masks = cupel_state(graph, "masks", CUPEL_U8, &CUPEL_SHAPE(N, 1, H, W), NULL);
    struct cupel_tensor *moved = cupel_random_crop(cupel_random_flip(images, rng, 0.5), rng, 3);
    moved = cupel_cutout(moved, rng, 3);
    struct cupel_tensor *outputs[] = {moved, cupel_mask_labels(cupel_move_alike(masks, moved))};
    struct cupel_plan *plan;
    cr_assert_eq(cupel_compile(store, graph, outputs, 2, NULL, &plan, &error), CUPEL_OK, "%s", error.message);
    static float pixels[N * 3 * PLANE], images_moved[N * 3 * PLANE];
    static uint8_t bytes[N * PLANE];
    static int32_t labels[N * PLANE];
    for (int n = 0; n < N; n++)
        for (int i = 0; i < PLANE; i++) {
            bytes[n * PLANE + i] = (uint8_t)(1 + i);
            for (int c = 0; c < 3; c++) pixels[(n * 3 + c) * PLANE + i] = (float)(1 + i);
        }
    cr_assert_eq(cupel_store_write(store, "images", pixels, sizeof pixels, &error), CUPEL_OK);
    cr_assert_eq(cupel_store_write(store, "masks", bytes, sizeof bytes, &error), CUPEL_OK);
    cr_assert_eq(cupel_run(plan, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_plan_read(plan, 0, images_moved, sizeof images_moved, &error), CUPEL_OK);
    cr_assert_eq(cupel_plan_read(plan, 1, labels, sizeof labels, &error), CUPEL_OK);
    int outside = 0, moves = 0;
    for (int n = 0; n < N; n++)
        for (int i = 0; i < PLANE; i++) {
            const int label = labels[n * PLANE + i];
            cr_expect_eq(label, (int)images_moved[(n * 3 + 1) * PLANE + i] - 1);
            outside += label == -1;
            moves += label != i;
        }
    cr_expect(outside > 0 && moves > 0);
    cupel_plan_free(plan);
    cupel_graph_free(graph);
    cupel_store_free(store);
    cupel_device_close(device);
}

/* ---- model files ---- */

Test(segment, networks_have_the_published_sizes) {
    static const struct {
        const char *file;
        int64_t parameters; /* of tests/zoo_torch.py, which builds what the papers say */
    } sizes[] = {{"unet", 31030658}, {"segnet", 29449355}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct cupel_model *model;
        struct cupel_error error = {0};
        char path[400];
        int count;
        snprintf(path, sizeof path, "%s/models/%s.yaml", CUPEL_SOURCE_DIR, sizes[i].file);
        cr_assert_eq(cupel_model_read(path, NULL, 0, &model, &error), CUPEL_OK, "%s", error.message);
        const struct cupel_layer_info *layers = cupel_network_layers(cupel_model_network(model, 0), &count);
        int64_t sum = 0;
        for (int j = 0; j < count; j++) sum += layers[j].parameters;
        cr_expect_eq(sum, sizes[i].parameters, "%s has %lld", sizes[i].file, (long long)sum);
        cupel_model_free(model);
    }
}

static void refuse(const char *from, const char *to, const char *expected) {
    static const char good[] =
        "task: segment\n"
        "data: {format: npy, path: x, shape: [1, 8, 8], classes: 3}\n"
        "networks: {net: {input: image, layers: [conv: {out: 3, kernel: 1}]}}\n"
        "train: {loss: dice, optimizer: {adam: {}}, batch: 4, epochs: 1}\n";
    char text[1000];
    const char *at = strstr(good, from);
    struct cupel_model *model;
    struct cupel_error error = {0};
    cr_assert_not_null(at, "%s", from);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    const enum cupel_status status =
        cupel_model_read_text("m.yaml", text, strlen(text), NULL, 0, &model, &error);
    cr_expect_eq(status, *expected ? CUPEL_INVALID : CUPEL_OK, "%s: %s", to, error.message);
    cr_expect(strstr(error.message, expected), "expected %s, got %s", expected, error.message);
    cupel_model_free(model);
}

Test(segment, model_files_that_make_no_sense_are_refused) {
    refuse("", "", "");
    refuse("npy", "idx",
           "m.yaml:2:16: 'idx' has a class for each image, but task segment needs one for each pixel");
    refuse("classes: 3", "classes: 256", "task segment has at most 255 classes, not 256");
    refuse(", classes: 3", "", "task segment needs the key 'classes'");
    refuse("classes: 3",
           "classes: 3, augment: {flip: true, crop: 2, cutout: 3, color_jitter: {contrast: 0.2}}", "");
    refuse("classes: 3", "classes: 3, augment: {rotate: 10}", "'rotate' does not move masks along");
    refuse("classes: 3", "classes: 3, augment: {mixup: 0.2}", "'mixup' belongs to task classify");
    refuse("classes: 3", "classes: 3, cache: there", "the cache has no place for masks");
    refuse("out: 3", "out: 2",
           "the network ends in [2, 8, 8] for each image; the pixels of data.shape in data.classes");
    refuse("kernel: 1", "kernel: 3", "classes need [3, 8, 8]");
    refuse("input: image", "input: {noise: [1, 8, 8]}", "task segment looks at images");
    refuse("loss: dice", "loss: hinge", "cross_entropy_dice");
    refuse("loss: dice", "loss: dice, label_smoothing: 0.1", "the loss has no targets to smooth");
    refuse("loss: dice", "loss: dice, dice_weight: 2", "'dice_weight' belongs to `loss: cross_entropy_dice`");
    refuse("loss: dice", "loss: cross_entropy_dice, dice_weight: 2, label_smoothing: 0.1", "");
}
