#include "data/decode.h"

#include <omp.h>
#include <string.h>

#include "data/masks.h"

int decode_threads(int asked) {
    return asked > 0 ? asked : omp_get_max_threads();
}

/* `mask`, unless NULL, gets the file's. */
static enum cupel_status decode_pair(const struct cupel_dataset_spec *spec, const int64_t shape[3],
                                     const struct listed *file, uint8_t *to, uint8_t *mask,
                                     struct cupel_error *error) {
    struct cupel_image image;
    const int height = (int)shape[1], width = (int)shape[2];
    const char *path = file->path;
    CUPEL_TRY(cupel_image_read(path, (int)shape[0], &image, error));
    enum cupel_status status = CUPEL_OK;
    if (image.height == height && image.width == width)
        memcpy(to, image.pixels, (size_t)(shape[0] * shape[1] * shape[2]));
    else if (spec->resize)
        status = cupel_image_cover(&image, height, width, to, error);
    else
        status = cupel_fail(error, CUPEL_UNSUPPORTED,
                            "%s: is %d pixels wide and %d high, but %d x %d are expected; correct `shape` "
                            "under `data`, or add `resize: true` to scale and cut images",
                            path, image.width, image.height, width, height);
    if (status == CUPEL_OK && mask) status = mask_decode(spec, file, &image, height, width, mask, error);
    cupel_image_free(&image);
    return status;
}

enum cupel_status decode_file(const int64_t shape[3], bool resize, const char *path, uint8_t *to,
                              struct cupel_error *error) {
    const struct cupel_dataset_spec spec = {.resize = resize};
    return decode_pair(&spec, shape, &(struct listed){.path = (char *)path}, to, NULL, error);
}

/* The failure of the earliest file, whichever thread comes first. */
struct failure {
    int64_t index;
    struct cupel_error error;
};

static void note(struct failure *failure, int64_t index, const struct cupel_error *error) {
#pragma omp critical(decode)
    if (index < failure->index) {
        failure->error = *error;
#pragma omp atomic write
        failure->index = index;
    }
}

enum cupel_status decode_files(const struct cupel_dataset_spec *spec, const int64_t shape[3],
                               const struct listed *const *files, int64_t count, uint8_t *images,
                               uint8_t *masks, bool *bad, struct cupel_error *first,
                               struct cupel_error *error) {
    const int64_t pixels = shape[0] * shape[1] * shape[2];
    struct failure fatal = {count}, skipped = {count};
#pragma omp parallel for schedule(dynamic, 4) num_threads(decode_threads(spec->threads))
    for (int64_t i = 0; i < count; i++) {
        struct cupel_error reason = {0};
        int64_t end;
        bad[i] = false;
#pragma omp atomic read
        end = fatal.index;
        if (i > end) continue; /* an earlier file has ended it all */
        uint8_t *mask = masks ? masks + i * shape[1] * shape[2] : NULL;
        const enum cupel_status status =
            decode_pair(spec, shape, files[i], images + i * pixels, mask, &reason);
        if (!status) continue;
        bad[i] = spec->skip_bad && (status == CUPEL_INVALID || status == CUPEL_IO);
        note(bad[i] ? &skipped : &fatal, i, &reason);
    }
    if (fatal.index < count) return cupel_fail(error, fatal.error.status, "%s", fatal.error.message);
    if (skipped.index < count && !first->status) *first = skipped.error;
    return CUPEL_OK;
}
