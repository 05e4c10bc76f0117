/* Training on images that stay in their files: as on those in memory, bit by bit. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/image.h"
#include "files.h"
#include "golden.h"
#include "io/file.h"
#include "judge.h"
#include "program.h"
#include "train/checkpoint.h"
#include "training.h"

/* ---- a folder of images ---- */

enum { IMAGES = 56 }; /* of each of two classes; the tenth ones are for testing */

static void add_image(const char *path, int kind, int number) {
    enum { WIDTH = 12, HEIGHT = 9 };
    uint8_t pixels[WIDTH * HEIGHT];
    uint32_t noise = (uint32_t)(number * 2 + kind);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        noise = noise * 1664525 + 1013904223;
        pixels[i] = (uint8_t)((noise >> 24) / 2 + (i % WIDTH * 2 / WIDTH == kind ? 100 : 0));
    }
    const struct cupel_image image = {1, HEIGHT, WIDTH, pixels};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_image_write(path, &image, NULL, 0, &error), CUPEL_OK, "%s", error.message);
}

/* Fills a directory that is there. */
static void fill(const char *path) {
    static const char *const classes[] = {"left", "right"};
    char *directory = strdup(path); /* which may be one of the last few of inside() */
    for (int kind = 0; kind < 2; kind++) {
        cr_assert_eq(directory_make(inside(directory, classes[kind]), NULL), CUPEL_OK);
        for (int i = 0; i < IMAGES; i++) {
            char name[40];
            snprintf(name, sizeof name, "%s/%03d.png", classes[kind], i);
            add_image(inside(directory, name), kind, i);
        }
    }
    free(directory);
}

static const char *folder(void) {
    static char *path;
    if (path) return path;
    path = temporary_path("pictures");
    cr_assert_eq(directory_make(path, NULL), CUPEL_OK);
    fill(path);
    return path;
}

static const char everything[] = "epochs: 3, drop_last: false, warmup: 5, optimizer: {adam: {lr: 0.01}}";

/* `train` besides the batch of 16; `data` besides the usual. */
static struct cupel_model *folder_model(const char *train, const char *data) {
    struct cupel_error error = {0};
    struct cupel_model *model;
    char *text;
    cr_assert_gt(
        asprintf(&text,
                 "task: classify\n"
                 "data: {format: folder, path: %s, shape: [1, 8, 8], resize: true, classes: 2,\n"
                 "       normalize: {mean: [0.3], std: [0.2]}%s}\n"
                 "networks: {net: {input: image, layers: [conv: {out: 4, kernel: 3}, batchnorm, relu,\n"
                 "                                        dropout: {p: 0.2}, flatten, linear: {out: 2}]}}\n"
                 "train: {batch: 16, %s}\n",
                 folder(), data, train),
        0);
    cr_assert_eq(cupel_model_read_text("folder.yaml", text, strlen(text), NULL, 0, &model, &error), CUPEL_OK,
                 "%s", error.message);
    free(text);
    return model;
}

/* ---- the same numbers ---- */

/* All that training left must be the same, but for the model file's text. */
static void expect_same_tensors(const char *a, const char *b) {
    struct cupel_weights one = {0}, two = {0};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_weights_load(inside(a, CHECKPOINT_LAST), &one, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_weights_load(inside(b, CHECKPOINT_LAST), &two, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(one.count, two.count);
    for (size_t i = 0; i < one.count; i++) {
        const struct cupel_weight *x = &one.tensors[i], *y = cupel_weights_find(&two, x->name);
        cr_assert(y && x->bytes == y->bytes, "%s", x->name);
        cr_expect_eq(memcmp(x->data, y->data, x->bytes), 0, "%s of %s and %s differ", x->name, a, b);
    }
    cupel_weights_free(&one);
    cupel_weights_free(&two);
}

/* The notes of a run. */
struct notes {
    char text[2000];
};

static void take_note(void *context, const char *text) {
    struct notes *notes = context;
    const size_t used = strlen(notes->text);
    snprintf(notes->text + used, sizeof notes->text - used, "%s\n", text);
}

/* Trains on the folder into a directory of that name. */
static struct cupel_train_result run(const char *device, const char *data, const char *name,
                                     struct notes *notes) {
    struct cupel_model *model = folder_model(everything, data);
    const struct cupel_train_options options = {
        .run = {.device = device, .threads = 1, .note = notes ? take_note : NULL, .note_context = notes},
        .out = temporary_path(name),
        .log_steps = 1};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cupel_model_free(model);
    return result;
}

#define AUGMENTED                                                                                            \
    ", validation: 20, augment: {flip: true, crop: 1, rotate: 10, color_jitter: {brightness: 0.2}, cutout: " \
    "3, mixup: 0.2}"

/* Training, validation and test; the last batches of all three are smaller. */
static void compare_ways(const char *device) {
    static const char *const ways[] = {
        ", stream: true, workers: 1, prefetch: 1" AUGMENTED, ", stream: true, workers: 2" AUGMENTED,
        ", stream: true, workers: 5, prefetch: 7" AUGMENTED, ", stream: true, cache: %s" AUGMENTED,
        ", stream: true, cache: %s, workers: 3" AUGMENTED,
    };
    need_device(device);
    struct cupel_train_result resident = run(device, ", stream: false" AUGMENTED, "resident", NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct notes notes = {""};
        char data[300], name[40];
        const char *cache = temporary_path("cache");
        const char *mark = strstr(ways[i], "%s");
        snprintf(data, sizeof data, "%.*s%s%s", (int)(mark ? mark - ways[i] : 0), ways[i], mark ? cache : "",
                 mark ? mark + 2 : ways[i]);
        snprintf(name, sizeof name, "streamed%zu", i);
        struct cupel_train_result streamed = run(device, data, name, &notes);
        cr_expect(strstr(notes.text, "the 102 training images, 0.006528 MB, stay in their files"), "%s",
                  notes.text);
        cr_expect(strstr(notes.text, "the 10 test images, "), "%s", notes.text);
        cr_expect_eq(streamed.evaluation.loss, resident.evaluation.loss);
        cr_expect_eq(streamed.evaluation.count, 10);
        expect_same_tensors(temporary_path("resident"), temporary_path(name));
        cupel_train_result_free(&streamed);
    }
    cupel_train_result_free(&resident);
}

Test(stream, whatever_reads_the_images_training_is_the_same_on_reference) {
    compare_ways("reference");
}

Test(stream, whatever_reads_the_images_training_is_the_same_on_cpu) {
    compare_ways("cpu");
}

Test(stream, whatever_reads_the_images_training_is_the_same_on_emu) {
    compare_ways("emu");
}

Test(stream, gans_train_alike_from_files_and_from_memory) {
    static const char *const names[] = {"resident", "streamed"};
    char *out[2];
    for (int i = 0; i < 2; i++) {
        struct cupel_model *model =
            tiny_gan(TINY_LABELS, "epochs: 2, discriminator_steps: 2, optimizer: {adam: {lr: 0.001}}");
        struct cupel_run_options options = plainly;
        options.stream = i == 1;
        out[i] = temporary_path(names[i]);
        struct cupel_train_result result =
            train(model, &(struct cupel_train_options){.run = options, .out = out[i], .sample_steps = 3},
                  CUPEL_OK, NULL);
        cupel_train_result_free(&result);
        cupel_model_free(model);
    }
    expect_same_tensors(out[0], out[1]);
    struct cupel_history history[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(cupel_history_load(inside(out[i], "metrics.jsonl"), &history[i], NULL), CUPEL_OK);
    cr_assert(history[0].sample_count == history[1].sample_count && history[0].sample_count);
    cr_expect_eq(history[0].samples[0].nearest, history[1].samples[0].nearest); /* to images from the files */
    for (int i = 0; i < 2; i++) cupel_history_free(&history[i]);
}

Test(stream, weights_are_measured_alike) {
    struct cupel_evaluation evaluations[2];
    struct cupel_train_result result = run("cpu", ", stream: false", "run", NULL);
    cupel_train_result_free(&result);
    for (int i = 0; i < 2; i++) {
        struct cupel_error error = {0};
        struct cupel_model *model = folder_model(everything, i ? ", stream: true" : ", stream: false");
        const char *weights = inside(temporary_path("run"), CHECKPOINT_LAST);
        cr_assert_eq(cupel_evaluate(model, &(struct cupel_run_options){.device = "cpu", .batch = 4}, weights,
                                    5, &evaluations[i], &error),
                     CUPEL_OK, "%s", error.message);
        cupel_model_free(model);
    }
    cr_expect_eq(evaluations[0].loss, evaluations[1].loss);
    cr_expect_eq(evaluations[1].count, 10);
    cr_expect_eq(evaluations[0].mistake_count, evaluations[1].mistake_count);
    cr_expect_eq(memcmp(evaluations[0].confusion, evaluations[1].confusion, 4 * sizeof(int32_t)), 0);
    for (int i = 0; i < 2; i++) cupel_evaluation_free(&evaluations[i]);
}

/* ---- going on ---- */

Test(stream, killed_and_resumed_is_the_same_as_at_once) {
    struct cupel_model *model = folder_model(everything, ", stream: true, workers: 2" AUGMENTED);
    struct cupel_train_options options = {
        .run = plainly, .epochs = 4, .out = temporary_path("parts"), .log_steps = 1, .checkpoint_steps = 10};
    train_and_be_killed(model, options);
    options.resume = true;
    struct cupel_train_result resumed = train(model, &options, CUPEL_OK, NULL);
    options.resume = false;
    options.out = temporary_path("whole");
    struct cupel_train_result once = train(model, &options, CUPEL_OK, NULL);
    cr_expect_eq(resumed.evaluation.loss, once.evaluation.loss);
    expect_same_tensors(temporary_path("parts"), temporary_path("whole"));
    cupel_train_result_free(&resumed);
    cupel_train_result_free(&once);
    cupel_model_free(model);
}

static void raise_at_9(void *context, const struct cupel_progress *progress) {
    if (progress->point.step == 9) *(volatile sig_atomic_t *)context = 1;
}

Test(stream, a_run_that_is_stopped_amid_an_epoch_goes_on_as_if_it_had_not_been) {
    volatile sig_atomic_t flag = 0;
    struct cupel_model *model = folder_model(everything, ", stream: true, prefetch: 4");
    struct cupel_train_options options = {.run = plainly,
                                          .out = temporary_path("parts"),
                                          .log_steps = 1,
                                          .stop = &flag,
                                          .watcher = {(void *)&flag, raise_at_9, NULL}};
    struct cupel_train_result result = train(model, &options, CUPEL_OK, NULL);
    cr_expect(result.stopped && result.step == 9);
    cupel_train_result_free(&result);
    options.stop = NULL;
    options.resume = true;
    result = train(model, &options, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    result = run("cpu", ", stream: false", "whole", NULL);
    cupel_train_result_free(&result);
    expect_same_tensors(temporary_path("parts"), temporary_path("whole"));
    cupel_model_free(model);
}

/* ---- waiting ---- */

Test(stream, lines_tell_how_long_the_step_waited_for_images) {
    struct cupel_history history;
    struct cupel_train_result result = run("cpu", ", stream: true, workers: 1, prefetch: 1", "run", NULL);
    double most = 0;
    cupel_train_result_free(&result);
    cr_assert_eq(cupel_history_load(inside(temporary_path("run"), "metrics.jsonl"), &history, NULL),
                 CUPEL_OK);
    for (size_t i = 0; i < history.training_count; i++) {
        cr_expect(history.training[i].data_wait >= 0 && history.training[i].data_wait <= 1, "%g",
                  history.training[i].data_wait);
        most = fmax(most, history.training[i].data_wait);
    }
    cr_expect_gt(most, 0, "no batch was ever waited for, not even the first");
    cupel_history_free(&history);
}

/* ---- bad files, from the command line ---- */

static const char classify[] =
    "task: classify\n"
    "data: {format: folder, path: pictures, shape: [1, 8, 8], resize: true, classes: 2}\n"
    "networks: {net: {input: image, layers: [flatten, linear: {out: 2}]}}\n"
    "train: {optimizer: {adam: {lr: 0.01}}, batch: 8, epochs: 2}\n";

static void make_work(void) {
    work_directory();
    work_file("f.yaml", classify);
    cr_assert_eq(directory_make(work_path("pictures"), NULL), CUPEL_OK);
    fill(work_path("pictures"));
}

/* A JPEG image without its end, in the place of a good file. */
static void cut_one(const char *name) {
    struct cupel_weights golden = golden_load("images.safetensors");
    const struct cupel_weight *bytes = golden_find(&golden, "jpeg-rgb", "file");
    spill(work_path(name), bytes->data, bytes->bytes - 40);
    cupel_weights_free(&golden);
}

Test(stream, a_cut_image_ends_the_run_when_it_is_met_or_is_left_out_from_the_start) {
    make_work();
    cut_one("pictures/right/020.png");
    struct outcome outcome = run_cupel("train f.yaml --device cpu --threads 2 --stream --out met");
    cr_expect_eq(outcome.status, 2);
    cr_expect(
        strstr(outcome.err, "cupel: pictures/right/020.png: the JPEG image cannot be read: the file is cut"),
        "%s", outcome.err);
    static const char *const ways[] = {"--set data.stream=false --out a", "--stream --out b",
                                       "--stream --set data.cache=kept --out c",
                                       "--stream --set data.cache=kept --out d"};
    char first[200] = "";
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char command[200];
        snprintf(command, sizeof command, "train f.yaml --device cpu --threads 2 --skip-bad %s", ways[i]);
        outcome = run_cupel(command);
        cr_assert_eq(outcome.status, 0, "%s: %s", ways[i], outcome.err);
        cr_expect(
            strstr(outcome.err, "note: 1 bad file is left out; the first: pictures/right/020.png: the JPEG"),
            "%s", outcome.err);
        const char *accuracy = strstr(outcome.out, "\ntest accuracy");
        cr_assert_not_null(accuracy, "%s", outcome.out);
        if (!i) snprintf(first, sizeof first, "%.*s", (int)strcspn(accuracy + 1, "\n") + 1, accuracy);
        cr_expect_eq(strncmp(accuracy, first, strlen(first)), 0, "%s: %s, not %s", ways[i], accuracy, first);
    }
}

Test(stream, an_image_that_is_cut_in_the_test_split_is_named) {
    make_work();
    cut_one("pictures/right/009.png"); /* the tenth */
    const struct outcome outcome = run_cupel("train f.yaml --device cpu --stream");
    cr_expect(outcome.status == 2 &&
                  strstr(outcome.err, "cupel: pictures/right/009.png: the JPEG image cannot"),
              "%d %s", outcome.status, outcome.err);
}

Test(stream, settings_that_make_no_sense_are_refused) {
    static const struct {
        const char *setting, *expected;
    } cases[] = {
        {"data.stream=perhaps", "unknown stream 'perhaps'; (known: false, auto, true)"},
        {"data.workers=0", "'workers' is '0'; it must be a whole number from 1 to 1024"},
        {"data.prefetch=0", "'prefetch' is '0'; it must be a whole number from 1 to 1024"},
    };
    work_directory();
    work_file("f.yaml", classify);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[120];
        snprintf(command, sizeof command, "train f.yaml --device cpu --set %s", cases[i].setting);
        const struct outcome outcome = run_cupel(command);
        cr_expect(outcome.status == 2 && strstr(outcome.err, cases[i].expected), "%s: %s", cases[i].setting,
                  outcome.err);
    }
}

/* ---- which sets ---- */

Test(stream, sets_are_left_in_their_files_when_they_are_too_large) {
    const size_t bytes = 2 * IMAGES * 64; /* of the whole set */
    struct cupel_dataset_spec spec = {.format = "folder",
                                      .path = folder(),
                                      .shape = {1, 8, 8},
                                      .resize = true,
                                      .stream = CUPEL_STREAM_AUTO};
    for (int large = 0; large < 3; large++) {
        struct cupel_dataset set;
        struct cupel_error error = {0};
        spec.memory = large == 2 ? 0 : 4 * bytes - (size_t)large; /* 0: this machine's, which is enough */
        cr_assert_eq(cupel_dataset_open(&spec, &set, &error), CUPEL_OK, "%s", error.message);
        cr_expect_eq(set.train.source != NULL, large == 1);
        cr_expect_eq(set.train.images == NULL, large == 1);
        cupel_dataset_free(&set);
    }
}
