/* cupel sample, and cupel eval of a GAN. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cupel/gan.h"
#include "cupel/image.h"
#include "program.h"
#include "training.h"

#define GAN(data, generator, discriminator)                                                       \
    "task: gan\n"                                                                                 \
    "data: {format: idx, path: data, shape: [1, 8, 8], normalize: {mean: [0.5], std: [0.5]}" data \
    "}\n"                                                                                         \
    "networks:\n"                                                                                 \
    "  generator:\n"                                                                              \
    "    input: {noise: [4, 1, 1]}\n"                                                             \
    "    layers: [" generator                                                                     \
    "deconv: {out: 6, kernel: 4}, batchnorm, relu,\n"                                             \
    "             deconv: {out: 1, kernel: 4, stride: 2, pad: 1}, tanh]\n"                        \
    "  discriminator: {input: image, layers: [" discriminator                                     \
    "flatten, linear: {out: 1}]}\n"                                                               \
    "train: {optimizer: {adam: {lr: 0.05}}, batch: 16, steps: 3}\n"

static const char plain[] = GAN("", "", ""),
                  labelled[] = GAN(", classes: 4, class_names: [one, two, three, four]",
                                   "embedding: {out: 4, from: label}, reshape: {shape: [4, 1, 1]}, "
                                   "concat: {from: [input, reshape1]}, ",
                                   "");

static void expect_text(const char *text, const char *part) {
    cr_expect(strstr(text, part), "'%s' is missing in: %s", part, text);
}

static void succeed(const char *arguments) {
    struct outcome outcome = run_cupel(arguments);
    cr_assert_eq(outcome.status, 0, "%s: status %d, signal %d: %s", arguments, outcome.status, outcome.signal,
                 outcome.err);
}

/* Trains a GAN file into `g`. */
static void prepare(const char *text) {
    work_directory();
    work_file("g.yaml", text);
    succeed("train g.yaml --out g --threads 1");
}

#define WITH "--weights g/checkpoint.safetensors --threads 1 "

static void expect_size(const char *name, int rows, int columns) {
    struct cupel_image image;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_image_read(work_path(name), 0, &image, &error), CUPEL_OK, "%s", error.message);
    cr_expect(image.height == 10 * rows - 2 && image.width == 10 * columns - 2, "%s: %d x %d", name,
              image.height, image.width);
    cupel_image_free(&image);
}

static struct cupel_latents latents_of(const char *name) {
    struct cupel_latents latents;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_latents_load(work_path(name), &latents, &error), CUPEL_OK, "%s", error.message);
    return latents;
}

static bool same(const char *a, const char *b) {
    size_t size_a, size_b;
    char *bytes_a = read_whole(work_path(a), &size_a), *bytes_b = read_whole(work_path(b), &size_b);
    const bool equal = size_a == size_b && memcmp(bytes_a, bytes_b, size_a) == 0;
    free(bytes_a);
    free(bytes_b);
    return equal;
}

Test(cli_sample, a_seed_gives_the_same_bytes_and_a_grid_its_size) {
    prepare(plain);
    struct outcome outcome = run_cupel("sample g.yaml " WITH "--out a.png --seed 5");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect_str_eq(outcome.out, "64 images, in a.png\nlatents   a.latents.safetensors\n");
    succeed("sample g.yaml " WITH "--out b.png --seed 5");
    succeed("sample g.yaml " WITH "--out c.png --seed 6");
    cr_expect(same("a.png", "b.png") && same("a.latents.safetensors", "b.latents.safetensors"));
    cr_expect(!same("a.png", "c.png"));
    expect_size("a.png", 8, 8);
    succeed("sample g.yaml " WITH "--out c.png --latents a.latents.safetensors");
    cr_expect(same("a.png", "c.png"), "the same latents");
    succeed("sample g.yaml " WITH "--out c.png --seed 5 --batchnorm batch");
    cr_expect(!same("a.png", "c.png"), "the statistics of the batch");
    static const struct {
        const char *flags;
        int rows, columns;
        int64_t count;
    } rows[] = {{"--grid 2x7", 2, 7, 14},
                {"--n 10", 4, 3, 10},
                {"--n 1", 1, 1, 1},
                {"--n 9", 3, 3, 9},
                {"--n 5 --grid 2x4", 2, 4, 5},
                {"--latents a.latents.safetensors --n 3", 2, 2, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char arguments[200];
        snprintf(arguments, sizeof arguments, "sample g.yaml " WITH "--out d.png %s", rows[i].flags);
        succeed(arguments);
        expect_size("d.png", rows[i].rows, rows[i].columns);
        struct cupel_latents latents = latents_of("d.latents.safetensors");
        cr_expect_eq(latents.count, rows[i].count, "%s", rows[i].flags);
        cupel_latents_free(&latents);
    }
}

Test(cli_sample, the_picture_tells_where_it_comes_from) {
    prepare(plain);
    succeed("sample g.yaml " WITH "--out a.png --seed 5 --n 2 --single");
    uint32_t checksum;
    char weights[24];
    cr_assert_eq(cupel_file_checksum(work_path("g/checkpoint.safetensors"), &checksum, NULL), CUPEL_OK);
    snprintf(weights, sizeof weights, "crc32:%08x", checksum);
    const char *const texts[][2] = {{"seed", "5"}, {"model", "g.yaml"}, {"weights", weights}};
    for (int image = 0; image < 2; image++) {
        const char *name = image ? "a-0001.png" : "a-0000.png";
        expect_size(name, 1, 1);
        for (int i = 0; i < 3; i++) {
            char *value;
            cr_assert_eq(cupel_image_read_text(work_path(name), texts[i][0], &value, NULL), CUPEL_OK);
            cr_assert(value, "%s", texts[i][0]);
            cr_expect_str_eq(value, texts[i][1]);
            free(value);
        }
    }
    cr_expect(access(work_path("a.png"), F_OK) && access(work_path("a-0002.png"), F_OK));
    struct cupel_latents latents = latents_of("a.latents.safetensors");
    cr_expect(latents.count == 2 && latents.seed == 5);
    cupel_latents_free(&latents);
}

Test(cli_sample, rows_go_from_latent_to_latent) {
    prepare(plain);
    succeed("sample g.yaml " WITH "--out ends.png --grid 2x2 --seed 3");
    succeed("sample g.yaml " WITH "--out drawn.png --interpolate --grid 2x5 --seed 3");
    succeed("sample g.yaml " WITH
            "--out loaded.png --interpolate --grid 2x5 --latents ends.latents.safetensors");
    expect_size("drawn.png", 2, 5);
    cr_expect(same("drawn.png", "loaded.png"));
    struct cupel_latents ends = latents_of("ends.latents.safetensors"),
                         walks = latents_of("drawn.latents.safetensors");
    for (int i = 0; i < 4; i++) {
        const float *end = walks.noise + 4 * (i / 2 * 5 + i % 2 * 4);
        for (int j = 0; j < 4; j++) cr_expect_float_eq(end[j], ends.noise[4 * i + j], 1e-6);
    }
    cupel_latents_free(&ends);
    cupel_latents_free(&walks);
}

Test(cli_sample, latents_are_added_up) {
    prepare(plain);
    succeed("sample g.yaml " WITH "--out a.png --n 6");
    succeed("sample g.yaml " WITH
            "--out v.png --vector 'a.latents.safetensors:0 - a.latents.safetensors:1-2 + "
            "a.latents.safetensors:5'");
    expect_size("v.png", 1, 4);
    struct cupel_latents a = latents_of("a.latents.safetensors"), v = latents_of("v.latents.safetensors");
    for (int i = 0; i < 4; i++)
        cr_expect_float_eq(v.noise[12 + i],
                           a.noise[i] - (a.noise[4 + i] + a.noise[8 + i]) / 2 + a.noise[20 + i], 1e-5);
    cupel_latents_free(&a);
    cupel_latents_free(&v);
    char *seed;
    cr_assert_eq(cupel_image_read_text(work_path("v.png"), "seed", &seed, NULL), CUPEL_OK);
    cr_expect_null(seed);
}

static void expect_labels(const char *flags, int count, const int32_t *expected) {
    char arguments[200];
    snprintf(arguments, sizeof arguments, "sample g.yaml " WITH "--out l.png %s", flags);
    succeed(arguments);
    struct cupel_latents latents = latents_of("l.latents.safetensors");
    cr_assert_eq(latents.count, count, "%s: %d", flags, (int)latents.count);
    for (int i = 0; i < count; i++) cr_expect_eq(latents.labels[i], expected[i], "%s: label %d", flags, i);
    cupel_latents_free(&latents);
}

Test(cli_sample, each_class_has_a_row_unless_one_is_chosen) {
    prepare(labelled);
    int32_t rows[32];
    for (int i = 0; i < 32; i++) rows[i] = i / 8;
    expect_labels("", 32, rows);
    expect_size("l.png", 4, 8);
    expect_labels("--grid 3x2", 6, (const int32_t[]){0, 0, 1, 1, 2, 2});
    expect_labels("--n 8", 8, (const int32_t[]){0, 0, 1, 1, 2, 2, 3, 3});
    expect_labels("--n 2", 2, (const int32_t[]){0, 1});
    expect_labels("--label 2 --n 3", 3, (const int32_t[]){2, 2, 2});
    expect_labels("--label two --n 2", 2, (const int32_t[]){1, 1});
    expect_labels("--interpolate --grid 2x3", 6, (const int32_t[]){0, 0, 0, 1, 1, 1});
    expect_labels("--grid 4x1", 4, (const int32_t[]){0, 1, 2, 3});
    succeed("sample g.yaml " WITH "--out m.png --grid 4x1");
    expect_labels("--latents m.latents.safetensors --grid 2x2", 4, (const int32_t[]){0, 1, 2, 3});
    expect_labels("--latents m.latents.safetensors --label four", 4, (const int32_t[]){3, 3, 3, 3});
    expect_labels("--vector 'm.latents.safetensors:2 + m.latents.safetensors:1'", 3,
                  (const int32_t[]){2, 1, 2});
}

Test(cli_sample, mistakes_are_named_and_exit_with_2) {
    prepare(labelled);
    succeed("sample g.yaml " WITH "--out a.png --n 4");
    static const struct {
        const char *flags, *message;
    } rows[] = {
        {"--grid 3", "cupel: --grid: '3' is no grid; write rows x columns"},
        {"--grid 3x", "cupel: --grid: '3x' is no grid"},
        {"--grid 0x3", "is no grid"},
        {"--grid 3x4x5", "is no grid"},
        {"--grid ' 3x4'", "is no grid"},
        {"--grid 2000x2000", "is no grid"},
        {"--grid 2x2 --n 5", "cupel: 5 images do not fit in a grid of 2 rows and 2 columns"},
        {"--grid 2x2 --single", "cupel: --grid: with --single there is no grid"},
        {"--label 4", "cupel: --label: '4' is no class; there are 0 to 3"},
        {"--label five", "cupel: --label: 'five' is no class"},
        {"--label thre", "cupel: --label: 'thre' is no class; did you mean 'three'? there are 0 to 3"},
        {"--label=-1", "cupel: --label: '-1' is no class"},
        {"--n 5 --latents a.latents.safetensors",
         "a.latents.safetensors: has 4 latents, but 5 are asked for"},
        {"--interpolate --grid 3x3 --latents a.latents.safetensors", "has 4 latents, but 6 are asked for"},
        {"--interpolate --grid 3x1", "a row has 2 steps or more"},
        {"--interpolate --n 4", "cupel: --n: the number of images follows from the rest"},
        {"--vector a:0 --interpolate", "cupel: --vector names its latents itself"},
        {"--vector a:0 --seed 3", "cupel: --seed: these latents are not drawn"},
        {"--vector 'a.latents.safetensors:7'",
         "cupel: vector, column 23: there is no row 7; the file has rows 0 to 3\n"
         "    a.latents.safetensors:7\n"
         "                          ^\n"},
        {"--latents none", "cupel: none: No such file"},
        {"--latents g/checkpoint.safetensors", "these are no latents"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char arguments[300];
        snprintf(arguments, sizeof arguments, "sample g.yaml " WITH "--out x.png %s", rows[i].flags);
        struct outcome outcome = run_cupel(arguments);
        cr_expect_eq(outcome.status, 2, "%s: status %d", rows[i].flags, outcome.status);
        expect_text(outcome.err, rows[i].message);
        cr_expect(access(work_path("x.png"), F_OK), "%s", rows[i].flags);
    }
    work_file("g.yaml", plain);
    expect_text(run_cupel("sample g.yaml " WITH "--out x.png --label 0").err,
                "the generator of g.yaml knows no classes");
    expect_text(run_cupel("sample g.yaml " WITH "--out x.png").err, "its tensors are not those of g.yaml");
}

Test(cli_sample, eval_of_a_gan_prints_its_quality) {
    prepare(plain);
    succeed("train m.yaml --out c --threads 1");
    struct outcome outcome =
        run_cupel("eval g.yaml " WITH "--n 50 --features m.yaml --features-weights c/best.safetensors");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    double distance, precision, recall;
    cr_expect_eq(
        sscanf(outcome.out,
               "g.yaml with g/checkpoint.safetensors: 50 generated and 37 test images, by 64 features of "
               "m.yaml with c/best.safetensors\n\nfrechet_distance %lf\nprecision %lf\nrecall %lf\n",
               &distance, &precision, &recall),
        3, "%s", outcome.out);
    cr_expect_gt(distance, 0);
    static const char *const missing[] = {"", "--features m.yaml", "--features-weights c/best.safetensors"};
    for (int i = 0; i < 3; i++) {
        char arguments[200];
        snprintf(arguments, sizeof arguments, "eval g.yaml " WITH "%s", missing[i]);
        outcome = run_cupel(arguments);
        cr_expect_eq(outcome.status, 2);
        expect_text(outcome.err, "name a model by --features and its weights by --features-weights");
    }
}
