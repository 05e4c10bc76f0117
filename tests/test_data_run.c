/* Images from files, from the command line to a trained network. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "cupel/image.h"
#include "files.h"
#include "io/file.h"
#include "program.h"

static void make_directory(const char *name) {
    cr_assert_eq(directory_make(work_path(name), NULL), CUPEL_OK);
}

/* An image with a bright part that depends on `kind`. */
static void add_image(const char *name, int width, int height, int kind) {
    uint8_t *pixels = malloc((size_t)(3 * width * height));
    for (int i = 0; i < 3 * width * height; i++)
        pixels[i] = (uint8_t)(i % width * 2 / width == kind % 2 ? 220 + i % 7 : 20 + i % 11);
    const struct cupel_image image = {3, height, width, pixels};
    struct cupel_error error = {0};
    cr_assert_eq(cupel_image_write(work_path(name), &image, NULL, 0, &error), CUPEL_OK, "%s", error.message);
    free(pixels);
}

static void add_images(const char *directory, int count, int width, int height, int kind) {
    char name[80];
    make_directory(directory);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%03d.png", directory, i);
        add_image(name, width, height, kind);
    }
}

static const char classify[] =
    "task: classify\n"
    "data: {format: folder, path: pictures, shape: [1, 8, 8], resize: true, classes: 2}\n"
    "networks: {net: {input: image, layers: [flatten, linear: {out: 2}]}}\n"
    "train: {optimizer: {adam: {lr: 0.01}}, batch: 8, epochs: 4}\n";

Test(data_run, a_classifier_learns_a_folder) {
    work_directory();
    make_directory("pictures");
    add_images("pictures/left", 30, 12, 9, 0);
    add_images("pictures/right", 30, 8, 8, 1);
    work_file("f.yaml", classify);
    work_file("pictures/left/010.png", "this is no image");
    struct outcome outcome = run_cupel("train f.yaml --device cpu --threads 2");
    cr_assert_eq(outcome.status, 2);
    cr_assert(strstr(outcome.err, "cupel: pictures/left/010.png: is no PNG or JPEG image\n"), "%s",
              outcome.err);
    outcome = run_cupel("train f.yaml --device cpu --threads 2 --skip-bad");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect(strstr(outcome.err, "note: 1 bad file is left out; the first: pictures/left/010.png: is no"),
              "%s", outcome.err);
    cr_expect(strstr(outcome.out, "test accuracy 100.00 %, loss "), "%s", outcome.out);
    cr_expect(strstr(outcome.out, ", on 6 images\n"), "%s", outcome.out);
    outcome = run_cupel("eval f.yaml --weights runs/f/best.safetensors --skip-bad --device cpu");
    cr_expect(outcome.status == 0 && strstr(outcome.out, "accuracy  100.00 %"), "%s", outcome.err);
    cr_expect(strstr(outcome.out, "    1  right                   3   100.00 %"), "%s", outcome.out);
    cr_expect(strstr(outcome.err, "note: 1 bad file is left out; the first: pictures/left/010.png: is no"),
              "%s", outcome.err);
    outcome =
        run_cupel("predict f.yaml --weights runs/f/best.safetensors pictures/left/000.png --device cpu");
    cr_expect(outcome.status == 0 && strstr(outcome.out, "pictures/left/000.png\n"), "%s", outcome.err);
    const char *first = strchr(outcome.out, '\n');
    cr_expect(first && strstr(first, " %  left\n") &&
                  strstr(first, " %  left\n") < strstr(first, " %  right\n"),
              "%s", outcome.out);
    outcome = run_shell(
        "$CUPEL predict f.yaml --weights runs/f/best.safetensors --set data.path=gone "
        "pictures/left/000.png --device cpu && grep -c '<th>left</th><th>right</th>' runs/f/report.html");
    cr_expect(outcome.status == 0 && strstr(outcome.out, " %  0\n"), "%s%s", outcome.out, outcome.err);
    outcome = run_cupel(
        "train f.yaml --set data.resize=false --set data.shape=[1,8,9] --device cpu --out other --skip-bad");
    cr_expect(outcome.status == 2 && strstr(outcome.err, "left/000.png: is 12 pixels wide and 9 high, but"),
              "%s", outcome.err);
}

Test(data_run, too_few_images_leave_none_for_testing) {
    work_directory();
    make_directory("pictures");
    add_images("pictures/a", 9, 8, 8, 0);
    add_images("pictures/b", 9, 8, 8, 1);
    work_file("f.yaml", classify);
    const struct outcome outcome = run_cupel("train f.yaml --device cpu");
    cr_expect(outcome.status == 2 && strstr(outcome.err, "cupel: pictures: the set has no test images"), "%s",
              outcome.err);
}

#define NARROW " --device cpu --batch 4 --steps 2 --set parameters.ngf=2 --set parameters.ndf=2"

Test(data_run, gans_train_on_a_flat_folder) {
    work_directory();
    add_images("faces", 6, 80, 70, 0);
    const struct outcome outcome =
        run_cupel("train " CUPEL_SOURCE_DIR "/models/dcgan64.yaml --data faces" NARROW);
    cr_expect_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect(strstr(outcome.out, "checkpoint runs/dcgan64/checkpoint.safetensors"), "%s", outcome.out);
}

Test(data_run, gans_train_on_cifar10) {
    static uint8_t records[4][3073];
    work_directory();
    make_directory("cifar-10");
    for (int i = 1; i <= 5; i++) {
        char name[60];
        snprintf(name, sizeof name, "cifar-10/data_batch_%d.bin", i);
        for (int j = 0; j < 4; j++) memset(records[j], i, sizeof records[j]);
        spill(work_path(name), records, sizeof records);
    }
    const struct outcome outcome =
        run_cupel("train " CUPEL_SOURCE_DIR "/models/dcgan32.yaml --data cifar-10" NARROW);
    cr_expect_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect(strstr(outcome.out, "checkpoint runs/dcgan32/checkpoint.safetensors"), "%s", outcome.out);
}

Test(data_run, a_scan_tells_what_is_there) {
    work_directory();
    struct outcome outcome = run_cupel("data scan data");
    cr_expect_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect(strstr(outcome.out,
                     "data\n\nformat    idx\nimages    100 for training, 37 for testing\nclasses   4\n"),
              "%s", outcome.out);
    cr_expect(strstr(outcome.out, "size      8 wide, 8 high\ncolours   137 gray, 0 RGB\nbad       0\n"), "%s",
              outcome.out);
    make_directory("pictures");
    make_directory("pictures/none");
    add_images("pictures/left", 20, 12, 9, 0);
    add_images("pictures/right", 31, 8, 10, 1);
    work_file("pictures/left/010.png", "this is no image");
    work_file("pictures/right/000.png", "");
    work_file("pictures/right/notes.txt", "yes");
    outcome = run_cupel("data scan pictures --threads 2");
    cr_expect_eq(outcome.status, 1, "%s", outcome.err);
    static const char *const lines[] = {
        "format    folder\nimages    44 for training, 5 for testing\nclasses   3\n",
        "\n      0  left                             17 for training          2 for testing\n",
        "\n      1  none                              0 for training          0 for testing   no images",
        "\n      2  right                            27 for training          3 for testing\n",
        "\nsizes     2 different ones, 8 to 12 wide, 9 to 10 high\n",
        "\ncolours   0 gray, 49 RGB\nothers    1 files that are passed over\nbad       2\n",
        "\n  pictures/left/010.png: is no PNG or JPEG image\n"
        "  pictures/right/000.png: is no PNG or JPEG image\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect(strstr(outcome.out, lines[i]), "no '%s' in %s", lines[i], outcome.out);
}

Test(data_run, a_scan_finds_the_format) {
    static const struct {
        const char *path, *expected;
    } cases[] = {
        {CUPEL_SOURCE_DIR "/tests/golden/arrays.npz",
         "format    npy\nimages    6 for training, 2 for testing\n"},
        {"c100", "format    cifar100\nimages    1 for training, 1 for testing\nclasses   100\n"},
        {"flat", "format    folder\nimages    3 for training, 0 for testing\nsize      5 wide, 4 high\n"},
        {"splits", "format    folder\nimages    1 for training, 2 for testing\nsizes     2 different"},
    };
    static const uint8_t record[3074];
    work_directory();
    make_directory("c100");
    spill(work_path("c100/train.bin"), record, sizeof record);
    spill(work_path("c100/test.bin"), record, sizeof record);
    add_images("flat", 3, 5, 4, 0);
    make_directory("splits");
    add_images("splits/train", 1, 5, 4, 0);
    add_images("splits/val", 2, 5, 6, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[200];
        snprintf(command, sizeof command, "data scan %s", cases[i].path);
        const struct outcome outcome = run_cupel(command);
        cr_expect(outcome.status == 0 && strstr(outcome.out, cases[i].expected), "%s%s", outcome.out,
                  outcome.err);
    }
}
