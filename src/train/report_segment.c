/* Of a segmenter's report: classes, and masks beside what they should be. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "train/report.h"
#include "train/setup.h"

enum { MOST_IMAGES = 8 };

static void add_classes(struct report *report) {
    const struct cupel_evaluation *evaluation = &report->result->evaluation;
    struct buffer *page = &report->page;
    buffer_text(page,
                "<h2>Classes</h2>\n<p class='quiet'>IoU: pixels that are of the class and were taken for it, "
                "over those that are either.</p>\n<div class='wide'><table class='matrix'>"
                "<tr><th></th><th>pixels</th><th>IoU</th></tr>\n");
    for (int64_t class = 0; class < evaluation->classes; class ++) {
        int64_t pixels = 0;
        uint8_t colour[3];
        cupel_image_colour((uint8_t) class, colour);
        for (int64_t c = 0; c < evaluation->classes; c++)
            pixels += evaluation->confusion[class * evaluation->classes + c];
        buffer_format(page, "<tr><th class='row'><span style='color:rgb(%d,%d,%d)'>\u25a0</span> ", colour[0],
                      colour[1], colour[2]);
        report_class(report, class);
        buffer_text(page, "</th><td>");
        page_count(page, pixels);
        if (isnan(evaluation->class_iou[class]))
            buffer_text(page, "</td><td></td></tr>\n");
        else
            buffer_format(page, "</td><td>%.2f %%</td></tr>\n", 100 * evaluation->class_iou[class]);
    }
    buffer_text(page, "</table></div>\n");
}

/* A mask in its colours; `pixels` has room for three channels. */
static enum cupel_status add_mask(struct report *report, const uint8_t *mask, const int64_t shape[3],
                                  uint8_t *pixels, struct cupel_error *error) {
    const int64_t plane = shape[1] * shape[2];
    const struct cupel_image image = {3, (int)shape[1], (int)shape[2], pixels};
    for (int64_t i = 0; i < plane; i++) {
        uint8_t colour[3];
        cupel_image_colour(mask[i], colour);
        for (int c = 0; c < 3; c++) pixels[c * plane + i] = colour[c];
    }
    return report_picture(report, &image, error);
}

static enum cupel_status add_images(struct report *report, const struct cupel_dataset *dataset,
                                    uint8_t *pixels, struct cupel_error *error) {
    const struct cupel_evaluation *evaluation = &report->result->evaluation;
    const int64_t plane = dataset->shape[1] * dataset->shape[2];
    for (int64_t i = 0; i < evaluation->mask_count && i < dataset->test.count && i < MOST_IMAGES; i++) {
        buffer_text(&report->page, "<div class='card'>");
        CUPEL_TRY(report_sample(report, dataset, i, error));
        CUPEL_TRY(add_mask(report, dataset->test.masks + i * plane, dataset->shape, pixels, error));
        CUPEL_TRY(add_mask(report, evaluation->masks + i * plane, dataset->shape, pixels, error));
        buffer_format(&report->page, "<span class='quiet'>image %" PRId64 "</span></div>\n", i);
    }
    return CUPEL_OK;
}

enum cupel_status report_masks(struct report *report, struct cupel_error *error) {
    if (!report->result->evaluation.count) return CUPEL_OK;
    const struct cupel_dataset_spec spec = setup_spec(report->model, &report->options->run);
    struct cupel_dataset dataset;
    add_classes(report);
    CUPEL_TRY(cupel_dataset_open(&spec, &dataset, error));
    buffer_text(&report->page,
                "<h2>Masks</h2>\n<p class='quiet'>Test images, from above: image, mask, what was "
                "predicted.</p>\n<div class='cards'>\n");
    uint8_t *pixels = malloc(3 * (size_t)(dataset.shape[1] * dataset.shape[2]));
    const enum cupel_status status = pixels ? add_images(report, &dataset, pixels, error)
                                            : cupel_fail(error, CUPEL_NOMEM, "no memory for the report");
    buffer_text(&report->page, "</div>\n");
    free(pixels);
    cupel_dataset_free(&dataset);
    return status;
}
