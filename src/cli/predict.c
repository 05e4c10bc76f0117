/* cupel predict: the classes of images, or of their pixels. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/common.h"
#include "cupel/image.h"

enum { MOST_SHOWN = 5 };

/* Reads one image into `pixels`, in the shape that the model takes. */
static enum cupel_status read_image(const char *path, const struct cupel_data_settings *data, uint8_t *pixels,
                                    struct cupel_error *error) {
    const struct cupel_shape *shape = &data->shape;
    struct cupel_image image;
    int channels = (int)shape->dim[0], height = (int)shape->dim[1], width = (int)shape->dim[2];
    CUPEL_TRY(cupel_image_read(path, channels, &image, error));
    enum cupel_status status = CUPEL_OK;
    if (image.height == height && image.width == width)
        memcpy(pixels, image.pixels, (size_t)channels * (size_t)height * (size_t)width);
    else if (data->resize)
        status = cupel_image_cover(&image, height, width, pixels, error);
    else
        status = cupel_fail(error, CUPEL_INVALID,
                            "%s: is %d pixels wide and %d high, the model takes %d by %d; scale it, or let "
                            "the model file say "
                            "`resize: true`",
                            path, image.width, image.height, width, height);
    cupel_image_free(&image);
    return status;
}

static void print_classes(const struct cupel_class_names *names, int64_t classes, const char *path,
                          const float *probabilities) {
    int64_t shown[MOST_SHOWN];
    int count = classes < MOST_SHOWN ? (int)classes : MOST_SHOWN;
    printf("%s\n", path);
    for (int i = 0; i < count; i++) {
        shown[i] = -1;
        for (int64_t c = 0; c < classes; c++) {
            bool taken = false;
            for (int j = 0; j < i; j++) taken |= shown[j] == c;
            if (!taken && (shown[i] < 0 || probabilities[c] > probabilities[shown[i]])) shown[i] = c;
        }
        printf("  %6.2f %%  %s\n", 100.0 * (double)probabilities[shown[i]], class_text(names, shown[i]));
    }
}

static enum cupel_status read_images(const struct cupel_model *model, const struct arguments *arguments,
                                     uint8_t *pixels, struct cupel_error *error) {
    const struct cupel_data_settings *data = cupel_model_data(model);
    for (int i = 0; i < arguments->image_count; i++)
        CUPEL_TRY(
            read_image(arguments->images[i], data, pixels + i * cupel_shape_count(&data->shape), error));
    return CUPEL_OK;
}

static enum cupel_status predict(const struct cupel_model *model, const struct arguments *arguments,
                                 uint8_t *pixels, float *probabilities, struct cupel_error *error) {
    const struct cupel_data_settings *data = cupel_model_data(model);
    struct cupel_run_options options = run_options(arguments);
    if (arguments->out)
        return cupel_fail(error, CUPEL_INVALID, "--out is for masks, which %s does not make; leave it out",
                          cupel_model_name(model));
    CUPEL_TRY(read_images(model, arguments, pixels, error));
    CUPEL_TRY(cupel_predict(model, &options, arguments->weights, pixels, arguments->image_count,
                            probabilities, error));
    struct cupel_class_names names;
    cupel_class_names(model, &options, &names);
    for (int i = 0; i < arguments->image_count; i++)
        print_classes(&names, data->classes, arguments->images[i], probabilities + i * data->classes);
    cupel_class_names_free(&names);
    return CUPEL_OK;
}

/* ---- masks ---- */

/* The file of an image's mask: its name, ending in .png. */
static enum cupel_status mask_path(const char *directory, const char *image, char path[PATH_MAX],
                                   struct cupel_error *error) {
    const char *slash = strrchr(image, '/'), *name = slash ? slash + 1 : image, *dot = strrchr(name, '.');
    const int stem = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    if (snprintf(path, PATH_MAX, "%s/%.*s.png", directory, stem, name) < PATH_MAX) return CUPEL_OK;
    return cupel_fail(error, CUPEL_INVALID, "%s: the path of its mask is too long", image);
}

static enum cupel_status check_names(const struct arguments *arguments, struct cupel_error *error) {
    char path[PATH_MAX], other[PATH_MAX];
    for (int i = 0; i < arguments->image_count; i++) {
        CUPEL_TRY(mask_path(arguments->out, arguments->images[i], path, error));
        for (int j = 0; j < i; j++) {
            CUPEL_TRY(mask_path(arguments->out, arguments->images[j], other, error));
            if (!strcmp(path, other))
                return cupel_fail(error, CUPEL_INVALID,
                                  "%s and %s would both get the mask %s; name one of them at a time",
                                  arguments->images[j], arguments->images[i], path);
        }
        if (!strcmp(path, arguments->images[i]))
            return cupel_fail(error, CUPEL_INVALID, "%s: its mask would take its place; choose another --out",
                              path);
    }
    return CUPEL_OK;
}

/* Writes a mask for each image. */
static enum cupel_status segment(const struct cupel_model *model, const struct arguments *arguments,
                                 uint8_t *pixels, uint8_t *masks, struct cupel_error *error) {
    const int64_t *dim = cupel_model_data(model)->shape.dim;
    struct cupel_run_options options = run_options(arguments);
    if (!arguments->out)
        return cupel_fail(error, CUPEL_INVALID, "%s makes masks; name a directory for them with --out DIR",
                          cupel_model_name(model));
    CUPEL_TRY(check_names(arguments, error));
    CUPEL_TRY(read_images(model, arguments, pixels, error));
    CUPEL_TRY(
        cupel_segment(model, &options, arguments->weights, pixels, arguments->image_count, masks, error));
    if (mkdir(arguments->out, 0777) && errno != EEXIST)
        return cupel_fail(error, CUPEL_INVALID, "%s: %s", arguments->out, strerror(errno));
    for (int i = 0; i < arguments->image_count; i++) {
        const struct cupel_image mask = {1, (int)dim[1], (int)dim[2], masks + i * dim[1] * dim[2]};
        char path[PATH_MAX];
        CUPEL_TRY(mask_path(arguments->out, arguments->images[i], path, error));
        CUPEL_TRY(cupel_image_write_mask(path, &mask, error));
        printf("%s\n", path);
    }
    return CUPEL_OK;
}

int command_predict(const struct arguments *arguments) {
    struct cupel_model *model;
    struct cupel_error error = {0};
    if (model_open(arguments, &model, &error)) return complain_error(&error);
    const struct cupel_data_settings *data = cupel_model_data(model);
    enum cupel_status status = CUPEL_OK;
    uint8_t *pixels = calloc((size_t)arguments->image_count, (size_t)cupel_shape_count(&data->shape));
    const bool segments = cupel_model_task(model) == CUPEL_TASK_SEGMENT;
    const size_t made = segments        ? (size_t)(data->shape.dim[1] * data->shape.dim[2])
                        : data->classes ? (size_t)data->classes * sizeof(float)
                                        : 1;
    void *predicted = calloc((size_t)arguments->image_count, made); /* masks or probabilities */
    if (data->shape.dim[0] != 1 && data->shape.dim[0] != 3)
        status = cupel_fail(&error, CUPEL_UNSUPPORTED,
                            "%s: its images have %d channels; images of files have 1 or 3",
                            cupel_model_name(model), (int)data->shape.dim[0]);
    else if (!pixels || !predicted)
        status = cupel_fail(&error, CUPEL_NOMEM, "no memory for %d images", arguments->image_count);
    else
        status = segments ? segment(model, arguments, pixels, predicted, &error)
                          : predict(model, arguments, pixels, predicted, &error);
    free(pixels);
    free(predicted);
    cupel_model_free(model);
    return status ? complain_error(&error) : EXIT_DONE;
}
