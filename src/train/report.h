/* The parts of report.html. */
#ifndef CUPEL_TRAIN_REPORT_H
#define CUPEL_TRAIN_REPORT_H

#include "cupel/data.h"
#include "cupel/image.h"
#include "cupel/report.h"
#include "train/page.h"

/* What the page is made from. */
struct report {
    const struct cupel_model *model;
    const struct cupel_train_options *options;
    const struct cupel_train_result *result;
    struct cupel_history history;
    struct cupel_class_names names;
    struct buffer page;
};

/* A number with its name, at the top. */
void report_tile(struct report *report, const char *what, int decimals, const char *unit, double value);

/* A number of the history's points, times `scale`, over the steps. Numbers of evaluations and samples have marks. */
struct curve {
    const char *name, *style;
    enum { CURVE_TRAINING, CURVE_TEST, CURVE_VALIDATION, CURVE_SAMPLES } of;
    size_t offset; /* in the point */
    double scale;
};

/* A chart of at most 3 curves, of which those behind the first are left out where nothing was measured. */
void report_chart(struct report *report, const char *title, const char *unit, const struct curve *curves,
                  size_t count);

/* The name of a class, or its number where the model gives no names. */
void report_class(struct report *report, int64_t class);

/* An image, which the page then holds; and one of the test split. */
enum cupel_status report_picture(struct report *report, const struct cupel_image *image,
                                 struct cupel_error *error);
enum cupel_status report_sample(struct report *report, const struct cupel_dataset *dataset, int64_t index,
                                struct cupel_error *error);

/* Of a segmenter: a table of the classes, and test images with their masks and the predicted ones. */
enum cupel_status report_masks(struct report *report, struct cupel_error *error);

/* What a task adds: tiles, and everything between them and the facts. */
void report_classify_tiles(struct report *report);
enum cupel_status report_classify(struct report *report, struct cupel_error *error);
void report_gan_tiles(struct report *report);
enum cupel_status report_gan(struct report *report, struct cupel_error *error);

#endif
