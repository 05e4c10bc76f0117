/* Of a classifier's report, of images or pixels: curves, confusion matrix, mistakes. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "cupel/data.h"
#include "io/image.h"
#include "train/report.h"
#include "train/setup.h"

void report_classify_tiles(struct report *report) {
    const struct cupel_train_result *result = report->result;
    const struct cupel_evaluation *evaluation = &result->evaluation;
    if (evaluation->count) {
        const bool segments = evaluation->class_iou;
        report_tile(report, "test accuracy", 2, " %", 100 * evaluation->accuracy);
        if (segments) report_tile(report, "test mean IoU", 2, " %", 100 * evaluation->iou);
        report_tile(report, segments ? "best mean IoU while training" : "best accuracy while training", 2,
                    " %", 100 * result->best_accuracy);
        if (!segments && evaluation->classes > 5)
            report_tile(report, "test top-5 accuracy", 2, " %", 100 * evaluation->top5);
        report_tile(report, segments ? "test loss" : "test loss (nats)", 4, "", evaluation->loss);
    }
}

void report_class(struct report *report, int64_t class) {
    if (report->names.count)
        page_text(&report->page, report->names.names[class]);
    else
        buffer_format(&report->page, "%" PRId64, class);
}

static void add_charts(struct report *report, bool segments) {
#define LINE(member) CURVE_TRAINING, offsetof(struct cupel_training_point, member)
#define EVALUATION(of, member) of, offsetof(struct cupel_evaluation_point, member)
    const struct curve loss[] = {{"training", "train", LINE(loss), 1},
                                 {"test", "test", EVALUATION(CURVE_TEST, loss), 1},
                                 {"validation", "rate", EVALUATION(CURVE_VALIDATION, loss), 1}};
    const struct curve accuracy[] = {{"training", "train", LINE(accuracy), 100},
                                     {"test", "test", EVALUATION(CURVE_TEST, accuracy), 100},
                                     {"validation", "rate", EVALUATION(CURVE_VALIDATION, accuracy), 100}};
    const struct curve rate = {"training", "rate", LINE(rate), 1};
    const struct curve speed = {"training", "train", LINE(images_per_second), 1};
    buffer_text(&report->page, "<h2>Curves</h2>\n<div class='charts'>\n");
    const struct curve iou[] = {{"test", "test", EVALUATION(CURVE_TEST, iou), 100},
                                {"validation", "rate", EVALUATION(CURVE_VALIDATION, iou), 100}};
    report_chart(report, "Loss", segments ? "loss" : "cross entropy (nats)", loss, 3);
    report_chart(report, "Accuracy", "accuracy (%)", accuracy, 3);
    if (segments) report_chart(report, "Mean IoU", "mean IoU (%)", iou, 2);
    report_chart(report, "Learning rate", "learning rate", &rate, 1);
    report_chart(report, "Speed", "images per second", &speed, 1);
    buffer_text(&report->page, "</div>\n");
}

/* ---- confusion matrix ---- */

enum { MAX_MATRIX = 40, MAX_PAIRS = 20 };

static void add_matrix_row(struct report *report, const struct cupel_evaluation *evaluation, int64_t label) {
    const int64_t *row = evaluation->confusion + label * evaluation->classes;
    struct buffer *page = &report->page;
    int64_t total = 0;
    for (int64_t c = 0; c < evaluation->classes; c++) total += row[c];
    buffer_text(page, "<tr><th class='row'>");
    report_class(report, label);
    buffer_text(page, "</th>");
    for (int64_t c = 0; c < evaluation->classes; c++) {
        double part = total ? (double)row[c] / (double)total : 0;
        buffer_format(page, "<td style='background:rgba(var(--%s),%.3f)%s'>", c == label ? "heat" : "wrong",
                      c == label ? 0.85 * part : fmin(1, 3 * part),
                      c == label && part > 0.5 ? ";color:#fff" : "");
        if (row[c]) page_count(page, row[c]);
        buffer_text(page, "</td>");
    }
    buffer_format(page, "<td>%.1f %%</td></tr>\n", total ? 100.0 * (double)row[label] / (double)total : 0);
}

static void add_matrix(struct report *report) {
    const struct cupel_evaluation *evaluation = &report->result->evaluation;
    if (!evaluation->count || evaluation->classes > MAX_MATRIX) return;
    struct buffer *page = &report->page;
    buffer_format(
        page,
        "<h2>Confusion matrix</h2>\n<p class='quiet'>Test %s: a row for what one is, a column for what "
        "it was taken for. Blue is right, orange is wrong; shades are parts of the row.</p>\n"
        "<div class='wide'><table class='matrix'><tr><th></th>",
        evaluation->class_iou ? "pixels" : "images");
    for (int64_t c = 0; c < evaluation->classes; c++) {
        buffer_text(page, "<th>");
        report_class(report, c);
        buffer_text(page, "</th>");
    }
    buffer_text(page, "<th>right</th></tr>\n");
    for (int64_t label = 0; label < evaluation->classes; label++) add_matrix_row(report, evaluation, label);
    buffer_text(page, "</table></div>\n");
}

/* ---- mistakes ---- */

enum cupel_status report_picture(struct report *report, const struct cupel_image *image,
                                 struct cupel_error *error) {
    struct buffer png = {0};
    enum cupel_status status = image_encode("report.html", image, NULL, 0, &png, error);
    if (status == CUPEL_OK) {
        buffer_text(&report->page, "<img alt='' src='data:image/png;base64,");
        buffer_base64(&report->page, png.data, png.size);
        buffer_text(&report->page, "'>");
    }
    buffer_free(&png);
    return status;
}

enum cupel_status report_sample(struct report *report, const struct cupel_dataset *dataset, int64_t index,
                                struct cupel_error *error) {
    uint8_t *pixels = malloc((size_t)(dataset->shape[0] * dataset->shape[1] * dataset->shape[2]));
    if (!pixels) return cupel_fail(error, CUPEL_NOMEM, "no memory for an image of the report");
    const struct cupel_image image = {.channels = (int)dataset->shape[0],
                                      .height = (int)dataset->shape[1],
                                      .width = (int)dataset->shape[2],
                                      .pixels = pixels};
    enum cupel_status status = cupel_dataset_read(dataset, &dataset->test, index, pixels, error);
    if (status == CUPEL_OK) status = report_picture(report, &image, error);
    free(pixels);
    return status;
}

static enum cupel_status add_card(struct report *report, const struct cupel_dataset *dataset,
                                  const struct cupel_mistake *mistake, struct cupel_error *error) {
    struct buffer *page = &report->page;
    if (mistake->index < 0 || mistake->index >= dataset->test.count) return CUPEL_OK;
    buffer_text(page, "<div class='card'>");
    CUPEL_TRY(report_sample(report, dataset, mistake->index, error));
    buffer_text(page, "<b>");
    report_class(report, mistake->predicted);
    buffer_format(page, "</b> %.1f&nbsp;%%<br>is ", 100.0 * (double)mistake->probability);
    report_class(report, mistake->label);
    buffer_format(page, "<br><span class='quiet'>image %" PRId64 "</span></div>\n", mistake->index);
    return CUPEL_OK;
}

static enum cupel_status add_mistakes(struct report *report, struct cupel_error *error) {
    const struct cupel_evaluation *evaluation = &report->result->evaluation;
    if (!evaluation->mistake_count) return CUPEL_OK;
    struct cupel_dataset_spec spec = setup_spec(report->model, &report->options->run);
    struct cupel_dataset dataset;
    spec.stream = CUPEL_STREAM_ALWAYS; /* a few of them are shown */
    CUPEL_TRY(cupel_dataset_open(&spec, &dataset, error));
    buffer_text(&report->page,
                "<h2>Most confident mistakes</h2>\n<p class='quiet'>Test images with the class "
                "they were taken for, its probability, and what they are.</p>\n"
                "<div class='cards'>\n");
    enum cupel_status status = CUPEL_OK;
    for (int64_t i = 0; i < evaluation->mistake_count && status == CUPEL_OK; i++)
        status = add_card(report, &dataset, &evaluation->mistakes[i], error);
    buffer_text(&report->page, "</div>\n");
    cupel_dataset_free(&dataset);
    return status;
}

enum cupel_status report_classify(struct report *report, struct cupel_error *error) {
    const bool segments = cupel_model_task(report->model) == CUPEL_TASK_SEGMENT;
    add_charts(report, segments);
    add_matrix(report);
    return segments ? report_masks(report, error) : add_mistakes(report, error);
}
