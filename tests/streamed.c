#include "streamed.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect_split(const struct cupel_dataset *set, const struct cupel_dataset_split *split,
                         const struct cupel_dataset *streamed, const struct cupel_dataset_split *other) {
    const size_t bytes = (size_t)(set->shape[0] * set->shape[1] * set->shape[2]);
    struct cupel_error error = {0};
    uint8_t *image = malloc(bytes);
    cr_assert_eq(other->count, split->count);
    cr_assert_eq(!other->labels, !split->labels);
    cr_assert(!other->images || !other->source, "images are in two places");
    for (int64_t i = 0; i < split->count; i++) {
        if (split->labels) cr_expect_eq(other->labels[i], split->labels[i], "label %lld", (long long)i);
        cr_assert_eq(cupel_dataset_read(streamed, other, i, image, &error), CUPEL_OK, "%s", error.message);
        cr_expect(!memcmp(image, split->images + (size_t)i * bytes, bytes), "image %lld differs",
                  (long long)i);
    }
    free(image);
}

void expect_streamed(const struct cupel_dataset_spec *spec, const struct cupel_dataset *set) {
    struct cupel_dataset_spec asked = *spec;
    struct cupel_dataset streamed;
    struct cupel_error error = {0};
    asked.stream = CUPEL_STREAM_ALWAYS;
    cr_assert_eq(cupel_dataset_open(&asked, &streamed, &error), CUPEL_OK, "%s", error.message);
    cr_expect_eq(memcmp(streamed.shape, set->shape, sizeof set->shape), 0);
    cr_expect_eq(streamed.classes, set->classes);
    cr_expect_eq(streamed.skipped, set->skipped);
    cr_expect_str_eq(streamed.first_skipped.message, set->first_skipped.message);
    expect_split(set, &set->train, &streamed, &streamed.train);
    expect_split(set, &set->test, &streamed, &streamed.test);
    cupel_dataset_free(&streamed);
}
