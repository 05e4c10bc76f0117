/* cupel sample: images out of a trained generator. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "cupel/gan.h"
#include "cupel/image.h"
#include "cupel/weights.h"

enum { SIDE = 8, MOST_IMAGES = 1 << 20 }; /* of the grid, by default */

struct sheet {
    const struct arguments *arguments;
    const struct cupel_model *model;
    int64_t rows, columns;
    bool gridded;   /* by --grid */
    int64_t chosen; /* the class of --label; -1 */
    struct cupel_latents latents;
    uint8_t *images;
    struct cupel_error *error;
};

static enum cupel_status refuse(const struct sheet *sheet, const char *message) {
    return cupel_fail(sheet->error, CUPEL_INVALID, "%s", message);
}

/* ---- what is asked for ---- */

static enum cupel_status read_grid(struct sheet *sheet) {
    const char *text = sheet->arguments->grid;
    int used = 0;
    if (!text) return CUPEL_OK;
    if (strspn(text, "0123456789x") != strlen(text) || strlen(text) > 15 ||
        sscanf(text, "%" SCNd64 "x%" SCNd64 "%n", &sheet->rows, &sheet->columns, &used) != 2 || text[used] ||
        sheet->rows < 1 || sheet->columns < 1 || sheet->rows > MOST_IMAGES / sheet->columns)
        return cupel_fail(
            sheet->error, CUPEL_INVALID,
            "--grid: '%.80s' is no grid; write rows x columns, such as 4x10, of at most %d images", text,
            MOST_IMAGES);
    sheet->gridded = true;
    return CUPEL_OK;
}

/* A class by its number, or by its name, which an InfoGAN's categories do not have. */
static enum cupel_status read_label(struct sheet *sheet) {
    const char *text = sheet->arguments->label;
    const int64_t classes = cupel_latents_classes(sheet->model);
    const struct cupel_network *generator = cupel_model_role(sheet->model, CUPEL_ROLE_GENERATOR);
    sheet->chosen = -1;
    if (!text) return CUPEL_OK;
    if (!classes)
        return cupel_fail(sheet->error, CUPEL_INVALID, "--label: the generator of %s knows no classes",
                          cupel_model_name(sheet->model));
    const char *const *names =
        cupel_network_takes_label(generator) ? cupel_model_data(sheet->model)->class_names : NULL;
    if (strspn(text, "0123456789") == strlen(text) && strlen(text) < 10 && atoll(text) < classes)
        sheet->chosen = atoll(text);
    for (int64_t c = 0; names && c < classes; c++)
        if (!strcmp(names[c], text)) sheet->chosen = c;
    if (sheet->chosen >= 0) return CUPEL_OK;
    const char *nearest = names ? cupel_nearest(text, names, (size_t)classes, sizeof *names) : NULL;
    return cupel_fail(
        sheet->error, CUPEL_INVALID, "--label: '%.80s' is no class; %s%s%sthere are 0 to %" PRId64, text,
        nearest ? "did you mean '" : "", nearest ? nearest : "", nearest ? "'? " : "", classes - 1);
}

static enum cupel_status check(const struct sheet *sheet) {
    const struct arguments *arguments = sheet->arguments;
    if (arguments->vector && (arguments->interpolate || arguments->latents))
        return refuse(sheet, "--vector names its latents itself; leave out --interpolate and --latents");
    if (arguments->seed >= 0 && (arguments->vector || arguments->latents))
        return refuse(sheet, "--seed: these latents are not drawn; leave it out");
    if (arguments->count && (arguments->vector || arguments->interpolate))
        return refuse(sheet, "--n: the number of images follows from the rest; leave it out, or use --grid");
    if (arguments->single && arguments->grid && !arguments->interpolate)
        return refuse(sheet, "--grid: with --single there is no grid; say how many images by --n");
    return CUPEL_OK;
}

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Chooses the grid for `count` images, 0 for as many as it holds by default. With classes each has a row. */
static void choose_grid(struct sheet *sheet, int64_t count) {
    const int64_t classes = sheet->chosen < 0 ? cupel_latents_classes(sheet->model) : 0;
    if (sheet->gridded) return;
    sheet->rows = classes ? classes : SIDE;
    sheet->columns = SIDE;
    if (!count) return;
    if (!classes)
        for (sheet->rows = 1; sheet->rows * sheet->rows < count;) sheet->rows++;
    if (sheet->rows > count) sheet->rows = count;
    sheet->columns = divide_up(count, sheet->rows);
    sheet->rows = divide_up(count, sheet->columns);
}

/* ---- latents ---- */

/* Latents of the file of --latents, or new ones: `count` of them, 0 for what the file or the grid has. */
static enum cupel_status take_latents(struct sheet *sheet, int64_t count, struct cupel_latents *latents) {
    const struct arguments *arguments = sheet->arguments;
    if (!arguments->latents) {
        const uint64_t seed =
            (uint64_t)(arguments->seed < 0 ? cupel_model_train(sheet->model)->seed : arguments->seed);
        return cupel_latents_draw(sheet->model, seed, count, latents, sheet->error);
    }
    CUPEL_TRY(cupel_latents_load(arguments->latents, latents, sheet->error));
    if (count > latents->count)
        return cupel_fail(sheet->error, CUPEL_INVALID,
                          "%s: has %" PRId64 " latents, but %" PRId64 " are asked for", arguments->latents,
                          latents->count, count);
    if (count) latents->count = count;
    return CUPEL_OK;
}

/* Gives latents their classes: those of --label, else those of a file, else a row each. */
static void set_classes(const struct sheet *sheet, struct cupel_latents *latents, int64_t columns) {
    const bool drawn = !sheet->arguments->latents && !sheet->arguments->vector;
    if (sheet->chosen < 0 && drawn) cupel_latents_class_rows(sheet->model, latents, columns);
    for (int64_t i = 0; sheet->chosen >= 0 && i < latents->count; i++)
        cupel_latents_set_class(sheet->model, latents, i, sheet->chosen);
}

static enum cupel_status interpolate(struct sheet *sheet) {
    struct cupel_latents ends = {0};
    choose_grid(sheet, 0);
    enum cupel_status status = take_latents(sheet, 2 * sheet->rows, &ends);
    if (status == CUPEL_OK) {
        set_classes(sheet, &ends, 2); /* a pair is a row */
        status = cupel_latents_interpolate(sheet->model, &ends, sheet->rows, sheet->columns, &sheet->latents,
                                           sheet->error);
    }
    cupel_latents_free(&ends);
    return status;
}

static enum cupel_status make_latents(struct sheet *sheet) {
    const struct arguments *arguments = sheet->arguments;
    if (arguments->interpolate) return interpolate(sheet);
    if (arguments->vector) {
        CUPEL_TRY(cupel_latents_vector(arguments->vector, &sheet->latents, sheet->error));
        if (!sheet->gridded) {
            sheet->rows = 1;
            sheet->columns = sheet->latents.count;
        }
    } else {
        int64_t count = arguments->count;
        choose_grid(sheet, count);
        if (!count && (sheet->gridded || !arguments->latents)) count = sheet->rows * sheet->columns;
        CUPEL_TRY(take_latents(sheet, count, &sheet->latents));
        choose_grid(sheet, sheet->latents.count);
    }
    set_classes(sheet, &sheet->latents, sheet->columns);
    return CUPEL_OK;
}

/* ---- files ---- */

/* "a/b" of "a/b.png", or all of a name with another ending. */
static int stem_of(const char *path) {
    const size_t length = strlen(path);
    return (int)(length > 4 && !strcmp(path + length - 4, ".png") ? length - 4 : length);
}

static enum cupel_status write_picture(const struct sheet *sheet, const char *path, const uint8_t *images,
                                       int64_t count, int64_t rows, int64_t columns,
                                       const struct cupel_image_text *texts, size_t text_count) {
    struct cupel_image picture;
    CUPEL_TRY(cupel_image_grid(images, &cupel_model_data(sheet->model)->shape, count, rows, columns, &picture,
                               sheet->error));
    const enum cupel_status status = cupel_image_write(path, &picture, texts, text_count, sheet->error);
    cupel_image_free(&picture);
    return status;
}

static enum cupel_status write_pictures(const struct sheet *sheet, const struct cupel_image_text *texts,
                                        size_t text_count) {
    const char *out = sheet->arguments->out;
    const int64_t count = sheet->latents.count,
                  pixels = cupel_shape_count(&cupel_model_data(sheet->model)->shape);
    if (!sheet->arguments->single)
        return write_picture(sheet, out, sheet->images, count, sheet->rows, sheet->columns, texts,
                             text_count);
    for (int64_t i = 0; i < count; i++) {
        char *path;
        if (asprintf(&path, "%.*s-%04" PRId64 ".png", stem_of(out), out, i) < 0)
            return cupel_fail(sheet->error, CUPEL_NOMEM, "no memory for a file name");
        const enum cupel_status status =
            write_picture(sheet, path, sheet->images + i * pixels, 1, 1, 1, texts, text_count);
        free(path);
        if (status) return status;
    }
    return CUPEL_OK;
}

static enum cupel_status write_latents(const struct sheet *sheet) {
    const char *out = sheet->arguments->out;
    char *path;
    if (asprintf(&path, "%.*s.latents.safetensors", stem_of(out), out) < 0)
        return cupel_fail(sheet->error, CUPEL_NOMEM, "no memory for a file name");
    const enum cupel_status status = cupel_latents_save(&sheet->latents, path, sheet->error);
    if (status == CUPEL_OK)
        printf("%s images, %s%s\nlatents   %s\n", count_text(sheet->latents.count),
               sheet->arguments->single ? "each in a file beside " : "in ", out, path);
    free(path);
    return status;
}

static enum cupel_status write_all(const struct sheet *sheet) {
    char software[40], weights[24], seed[24];
    uint32_t checksum;
    CUPEL_TRY(cupel_file_checksum(sheet->arguments->weights, &checksum, sheet->error));
    snprintf(software, sizeof software, "cupel %s", cupel_version());
    snprintf(weights, sizeof weights, "crc32:%08" PRIx32, checksum);
    snprintf(seed, sizeof seed, "%" PRId64, sheet->latents.seed);
    const struct cupel_image_text texts[] = {{"Software", software},
                                             {"model", cupel_model_name(sheet->model)},
                                             {"weights", weights},
                                             {"seed", seed}};
    CUPEL_TRY(write_pictures(sheet, texts, sheet->latents.seed < 0 ? 3 : 4));
    return write_latents(sheet);
}

/* ---- the command ---- */

static enum cupel_status sample(struct sheet *sheet) {
    const struct arguments *arguments = sheet->arguments;
    const struct cupel_data_settings *data = cupel_model_data(sheet->model);
    const struct cupel_run_options options = run_options(arguments);
    const bool batch = arguments->batchnorm && !strcmp(arguments->batchnorm, "batch");
    CUPEL_TRY(check(sheet));
    CUPEL_TRY(read_grid(sheet));
    CUPEL_TRY(read_label(sheet));
    CUPEL_TRY(make_latents(sheet));
    sheet->images = calloc((size_t)sheet->latents.count, (size_t)cupel_shape_count(&data->shape));
    if (!sheet->images)
        return cupel_fail(sheet->error, CUPEL_NOMEM, "no memory for %s images",
                          count_text(sheet->latents.count));
    CUPEL_TRY(cupel_sample(sheet->model, &options, arguments->weights,
                           batch ? CUPEL_BATCHNORM_BATCH : CUPEL_BATCHNORM_RUNNING, &sheet->latents,
                           sheet->images, sheet->error));
    return write_all(sheet);
}

int command_sample(const struct arguments *arguments) {
    struct cupel_model *model;
    struct cupel_error error = {0};
    if (model_open(arguments, &model, &error)) return complain_error(&error);
    struct sheet sheet = {.arguments = arguments, .model = model, .error = &error};
    const enum cupel_status status = sample(&sheet);
    cupel_latents_free(&sheet.latents);
    free(sheet.images);
    cupel_model_free(model);
    return status ? complain_error(&error) : EXIT_DONE;
}
