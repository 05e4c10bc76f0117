/* Data sets of every format: opening, statistics, freeing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/data.h"
#include "data/folder.h"
#include "data/formats.h"
#include "data/source.h"

static const struct {
    const char *name;
    dataset_opener *open;
} formats[] = {
    {"idx", idx_open},       {"cifar10", cifar10_open}, {"cifar100", cifar100_open},
    {"folder", folder_open}, {"npy", npy_open},
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

enum cupel_status cupel_dataset_open(const struct cupel_dataset_spec *spec, struct cupel_dataset *dataset,
                                     struct cupel_error *error) {
    *dataset = (struct cupel_dataset){0};
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (strcmp(spec->format, formats[i].name) != 0) continue;
        enum cupel_status status = formats[i].open(spec, dataset, error);
        if (status) cupel_dataset_free(dataset);
        return status;
    }
    char known[80];
    for (size_t i = 0, used = 0; i < N_FORMATS; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", formats[i].name);
    return cupel_fail(error, CUPEL_INVALID, "%s: the data format `%s` is unknown; known: %s", spec->path,
                      spec->format, known);
}

void cupel_dataset_statistics(const struct cupel_dataset *dataset, double *mean, double *deviation) {
    int64_t plane = dataset->shape[1] * dataset->shape[2];
    for (int64_t c = 0; c < dataset->shape[0]; c++) {
        /* Whole numbers: exact, and far from overflow for any set that fits in memory. */
        uint64_t sum = 0, squares = 0;
        for (int64_t n = 0; n < dataset->train.count; n++) {
            const uint8_t *pixels = dataset->train.images + (n * dataset->shape[0] + c) * plane;
            for (int64_t i = 0; i < plane; i++) {
                sum += pixels[i];
                squares += (uint64_t)pixels[i] * pixels[i];
            }
        }
        double count = (double)dataset->train.count * (double)plane;
        double average = (double)sum / count;
        double variance = (double)squares / count - average * average;
        mean[c] = average / 255;
        deviation[c] = sqrt(variance > 0 ? variance : 0) / 255;
    }
}

void cupel_dataset_free(struct cupel_dataset *dataset) {
    struct cupel_dataset_split *const splits[] = {&dataset->train, &dataset->test};
    for (int i = 0; i < 2; i++) {
        free(splits[i]->images);
        free(splits[i]->labels);
        free(splits[i]->masks);
        if (splits[i]->source) splits[i]->source->free(splits[i]->source);
    }
    *dataset = (struct cupel_dataset){0};
}

enum cupel_status cupel_dataset_class_names(const struct cupel_dataset_spec *spec,
                                            struct cupel_class_names *names, struct cupel_error *error) {
    *names = (struct cupel_class_names){0};
    if (spec->masks || strcmp(spec->format, "folder") != 0) return CUPEL_OK;
    const enum cupel_status status = folder_class_names(spec->path, names, error);
    if (status) cupel_class_names_free(names);
    return status;
}

void cupel_class_names_free(struct cupel_class_names *names) {
    for (int64_t i = 0; i < names->count; i++) free(names->names[i]);
    free(names->names);
    *names = (struct cupel_class_names){0};
}
