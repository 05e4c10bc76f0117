/* cupel predict: the classes of images. */
#include <stdlib.h>
#include <string.h>

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

static enum cupel_status predict(const struct cupel_model *model, const struct arguments *arguments,
                                 uint8_t *pixels, float *probabilities, struct cupel_error *error) {
    const struct cupel_data_settings *data = cupel_model_data(model);
    struct cupel_run_options options = run_options(arguments);
    for (int i = 0; i < arguments->image_count; i++)
        CUPEL_TRY(
            read_image(arguments->images[i], data, pixels + i * cupel_shape_count(&data->shape), error));
    CUPEL_TRY(cupel_predict(model, &options, arguments->weights, pixels, arguments->image_count,
                            probabilities, error));
    struct cupel_class_names names;
    cupel_class_names(model, &options, &names);
    for (int i = 0; i < arguments->image_count; i++)
        print_classes(&names, data->classes, arguments->images[i], probabilities + i * data->classes);
    cupel_class_names_free(&names);
    return CUPEL_OK;
}

int command_predict(const struct arguments *arguments) {
    struct cupel_model *model;
    struct cupel_error error = {0};
    if (model_open(arguments, &model, &error)) return complain_error(&error);
    const struct cupel_data_settings *data = cupel_model_data(model);
    enum cupel_status status = CUPEL_OK;
    uint8_t *pixels = calloc((size_t)arguments->image_count, (size_t)cupel_shape_count(&data->shape));
    float *probabilities =
        calloc((size_t)arguments->image_count, (size_t)(data->classes ? data->classes : 1) * sizeof(float));
    if (data->shape.dim[0] != 1 && data->shape.dim[0] != 3)
        status = cupel_fail(&error, CUPEL_UNSUPPORTED,
                            "%s: its images have %d channels; images of files have 1 or 3",
                            cupel_model_name(model), (int)data->shape.dim[0]);
    else if (!pixels || !probabilities)
        status = cupel_fail(&error, CUPEL_NOMEM, "no memory for %d images", arguments->image_count);
    else
        status = predict(model, arguments, pixels, probabilities, &error);
    free(pixels);
    free(probabilities);
    cupel_model_free(model);
    return status ? complain_error(&error) : EXIT_DONE;
}
