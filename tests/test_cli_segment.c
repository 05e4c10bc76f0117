/* Segmentation from the command line: training, measuring, masks of images. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/image.h"
#include "files.h"
#include "io/file.h"
#include "program.h"

/* Images whose bright side is class 1. */
static void add_pair(int index) {
    uint8_t pixels[64], numbers[64];
    char name[40];
    for (int i = 0; i < 64; i++) {
        numbers[i] = (uint8_t)((i % 8 < 4) == index % 2);
        pixels[i] = (uint8_t)(numbers[i] ? 200 + i % 9 : 30 + i % 7);
    }
    snprintf(name, sizeof name, "cells/images/%02d.png", index);
    cr_assert_eq(cupel_image_write(work_path(name), &(struct cupel_image){1, 8, 8, pixels}, NULL, 0, NULL),
                 CUPEL_OK);
    snprintf(name, sizeof name, "cells/masks/%02d.png", index);
    cr_assert_eq(cupel_image_write_mask(work_path(name), &(struct cupel_image){1, 8, 8, numbers}, NULL),
                 CUPEL_OK);
}

static void begin(void) {
    work_directory();
    cr_assert_eq(directory_make(work_path("cells/images"), NULL), CUPEL_OK);
    cr_assert_eq(directory_make(work_path("cells/masks"), NULL), CUPEL_OK);
    for (int i = 0; i < 40; i++) add_pair(i);
    work_file(
        "s.yaml",
        "task: segment\n"
        "data: {format: folder, path: cells, shape: [1, 8, 8], classes: 2, class_names: [dark, bright]}\n"
        "networks: {net: {input: image, layers: [conv: {out: 2, kernel: 1}]}}\n"
        "train: {loss: cross_entropy_dice, optimizer: {adam: {lr: 0.1}}, batch: 12, epochs: 20}\n");
}

#define HAS(text, expected) cr_expect(strstr(text, expected), "no '%s' in:\n%s", expected, text)

Test(cli_segment, from_a_folder_to_masks, .init = begin, .timeout = 300) {
    struct outcome outcome = run_cupel("train s.yaml --device cpu --threads 1");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    HAS(outcome.out, "accuracy 100.00 %  mean IoU 100.00 %");
    HAS(outcome.out, "\ntest accuracy 100.00 %, mean IoU 100.00 %, loss 0.");
    outcome = run_cupel("eval s.yaml --weights runs/s/best.safetensors --device cpu");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    HAS(outcome.out, "mean IoU  100.00 %");
    HAS(outcome.out, "class                     pixels   accuracy        IoU   most often taken for");
    HAS(outcome.out, "    1  bright                128   100.00 %   100.00 %");
    HAS(outcome.out, "a row for what a pixel is");
    outcome = run_cupel(
        "predict s.yaml --weights runs/s/best.safetensors --device cpu --out made cells/images/00.png "
        "cells/images/01.png");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect_str_eq(outcome.out, "made/00.png\nmade/01.png\n");
    struct cupel_image mask;
    cr_assert_eq(cupel_image_read_mask(work_path("made/01.png"), &mask, NULL), CUPEL_OK);
    for (int i = 0; i < 64; i++) cr_expect_eq(mask.pixels[i], i % 8 < 4);
    cupel_image_free(&mask);
    size_t size;
    unsigned char *report;
    cr_assert_eq(file_read(work_path("runs/s/report.html"), 1 << 26, &report, &size, NULL), CUPEL_OK);
    char *text = strndup((const char *)report, size);
    HAS(text, "test mean IoU");
    HAS(text, "<h2>Masks</h2>");
    HAS(text, "bright</th><td>128</td><td>100.00 %</td>");
    int images = 0;
    for (const char *at = text; (at = strstr(at, "<img ")); at++) images++;
    cr_expect_eq(images, 3 * 4);
    free(text);
    free(report);
}

Test(cli_segment, mistakes_of_predict, .init = begin) {
    static const char *const rows[][2] = {
        {"predict s.yaml --weights x cells/images/00.png",
         "s.yaml makes masks; name a directory for them with --out DIR"},
        {"predict s.yaml --weights x --out cells/images cells/images/00.png",
         "cells/images/00.png: its mask would take its place; choose another --out"},
        {"predict s.yaml --weights x --out made cells/images/00.png cells/masks/00.png",
         "cells/images/00.png and cells/masks/00.png would both get the mask made/00.png"},
        {"predict m.yaml --weights x --out made cells/images/00.png",
         "--out is for masks, which m.yaml does not make"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct outcome outcome = run_cupel(rows[i][0]);
        cr_expect_eq(outcome.status, 2, "%s", rows[i][0]);
        HAS(outcome.err, rows[i][1]);
    }
}
