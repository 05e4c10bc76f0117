#include "training.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "io/file.h"

const char *inside(const char *directory, const char *name) {
    static char paths[8][4096];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

char *read_whole(const char *path, size_t *size) {
    unsigned char *bytes;
    struct cupel_error error = {0};
    cr_assert_eq(file_read(path, 1 << 26, &bytes, size, &error), CUPEL_OK, "%s", error.message);
    char *text = malloc(*size + 1);
    memcpy(text, bytes, *size);
    text[*size] = '\0';
    free(bytes);
    return text;
}

static void put32(unsigned char *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void write_split(const char *directory, const char *prefix, uint32_t count, uint32_t noise) {
    enum { IMAGE = TINY_SIDE * TINY_SIDE };
    char name[64];
    unsigned char *images = calloc(16 + count * IMAGE, 1), *labels = calloc(8 + count, 1);
    put32(images, 0x803);
    put32(images + 4, count);
    put32(images + 8, TINY_SIDE);
    put32(images + 12, TINY_SIDE);
    put32(labels, 0x801);
    put32(labels + 4, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t label = (i * 7 + i / 5) % TINY_CLASSES;
        labels[8 + i] = (unsigned char)label;
        for (uint32_t p = 0; p < IMAGE; p++) {
            uint32_t quarter = 2 * (p / TINY_SIDE >= TINY_SIDE / 2) + (p % TINY_SIDE >= TINY_SIDE / 2);
            noise = noise * 1664525 + 1013904223;
            images[16 + i * IMAGE + p] = (unsigned char)((noise >> 24) / 2 + (quarter == label ? 90 : 0));
        }
    }
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
    spill(inside(directory, name), images, 16 + count * IMAGE);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    spill(inside(directory, name), labels, 8 + count);
    free(images);
    free(labels);
}

const char *tiny_set(void) {
    static char *directory;
    if (directory) return directory;
    struct cupel_error error = {0};
    directory = temporary_path("tiny");
    cr_assert_eq(directory_make(directory, &error), CUPEL_OK, "%s", error.message);
    write_split(directory, "train", TINY_TRAIN, 1);
    write_split(directory, "t10k", TINY_TEST, 2);
    return directory;
}

static struct cupel_model *model_of(const char *layers, const char *train, const char *data) {
    struct cupel_error error = {0};
    struct cupel_model *model;
    char *text;
    int length = asprintf(&text,
                          "task: classify\n"
                          "data: {format: idx, path: %s, shape: [1, 8, 8], classes: 4,\n"
                          "       normalize: {mean: [0.3], std: [0.2]}%s}\n"
                          "networks:\n"
                          "  net:\n"
                          "    input: image\n"
                          "    layers: [%s, flatten, linear: {out: 4}]\n"
                          "train: {batch: 16, %s}\n",
                          tiny_set(), data, layers, train);
    cr_assert_gt(length, 0);
    enum cupel_status status =
        cupel_model_read_text("tiny.yaml", text, (size_t)length, NULL, 0, &model, &error);
    cr_assert_eq(status, CUPEL_OK, "%s", error.message);
    free(text);
    return model;
}

struct cupel_model *tiny_model(const char *train, const char *data) {
    return model_of(
        "conv: {out: 4, kernel: 3, pad: 1}, batchnorm, relu, maxpool: {kernel: 2}, dropout: {p: 0.2}", train,
        data);
}

struct cupel_model *wide_model(const char *train) {
    return model_of("flatten, linear: {out: 1024}, relu, linear: {out: 1024}, relu", train, "");
}

struct cupel_model *tiny_gan(enum tiny_kind kind, const char *train) {
    static const struct {
        const char *data, *generator, *discriminator, *networks, *train;
    } parts[] = {
        [TINY_PLAIN] = {"", "", "", "", ""},
        [TINY_LABELS] = {", classes: 4",
                         "embedding: {out: 8, from: label}, reshape: {shape: [8, 1, 1]}, "
                         "concat: {from: [input, reshape1]}, ",
                         ", conv: {name: seen, out: 8, kernel: 1}, embedding: {out: 64, from: label}, "
                         "reshape: {shape: [1, 8, 8]}, concat: {from: [seen, reshape1]}",
                         "", ""},
        [TINY_CODE] = {"", "", "",
                       "  code: {input: {layer: discriminator.flatten1}, layers: [linear: {out: 5}]}\n",
                       ", infogan: {categories: 4, continuous: 1}"},
    };
    struct cupel_error error = {0};
    struct cupel_model *model;
    char *text;
    int length =
        asprintf(&text,
                 "task: gan\n"
                 "data: {format: idx, path: %s, shape: [1, 8, 8], normalize: {mean: [0.4], std: [0.5]}%s}\n"
                 "networks:\n"
                 "  generator:\n"
                 "    input: {noise: [8, 1, 1]}\n"
                 "    layers: [%sdeconv: {out: 6, kernel: 4}, batchnorm, relu,\n"
                 "             deconv: {out: 1, kernel: 4, stride: 2, pad: 1}, tanh]\n"
                 "  discriminator:\n"
                 "    input: image\n"
                 "    layers: [dropout: {p: 0.1}%s, flatten, linear: {out: 1}]\n"
                 "%s"
                 "train: {batch: 16, %s%s}\n",
                 tiny_set(), parts[kind].data, parts[kind].generator, parts[kind].discriminator,
                 parts[kind].networks, train, parts[kind].train);
    cr_assert_gt(length, 0);
    enum cupel_status status =
        cupel_model_read_text("gan.yaml", text, (size_t)length, NULL, 0, &model, &error);
    cr_assert_eq(status, CUPEL_OK, "%s", error.message);
    free(text);
    return model;
}

struct cupel_train_result train(const struct cupel_model *model, const struct cupel_train_options *options,
                                enum cupel_status expected, struct cupel_error *error) {
    struct cupel_train_result result;
    struct cupel_error own = {0};
    if (!error) error = &own;
    *error = (struct cupel_error){0};
    enum cupel_status status = cupel_train(model, options, &result, error);
    cr_assert_eq(status, expected, "status %d: %s", status, error->message);
    return result;
}

const struct cupel_run_options plainly = {.device = "cpu", .threads = 1};

const char *trained(const struct cupel_model *model, const char *name) {
    char *out = temporary_path(name);
    struct cupel_train_result result =
        train(model, &(struct cupel_train_options){.run = plainly, .out = out}, CUPEL_OK, NULL);
    cupel_train_result_free(&result);
    const char *path = inside(out, "checkpoint.safetensors");
    free(out);
    return path;
}

struct cupel_latents draw(const struct cupel_model *model, uint64_t seed, int64_t count) {
    struct cupel_latents latents;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_latents_draw(model, seed, count, &latents, &error), CUPEL_OK, "%s", error.message);
    return latents;
}

uint8_t *images_of(const struct cupel_model *model, const struct cupel_run_options *options,
                   const char *weights, enum cupel_batchnorm_mode mode, const struct cupel_latents *latents) {
    struct cupel_error error = {0};
    uint8_t *images =
        malloc((size_t)latents->count * (size_t)cupel_shape_count(&cupel_model_data(model)->shape));
    cr_assert_eq(cupel_sample(model, options, weights, mode, latents, images, &error), CUPEL_OK, "%s",
                 error.message);
    return images;
}

static void kill_at_13(void *context, const struct cupel_progress *progress) {
    (void)context;
    if (progress->point.step == 13) raise(SIGKILL);
}

void train_and_be_killed(const struct cupel_model *model, struct cupel_train_options options) {
    options.watcher.progress = kill_at_13;
    pid_t child = fork();
    if (child == 0) {
        struct cupel_train_result result;
        cupel_train(model, &options, &result, NULL);
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the run ended before step 13");
}
