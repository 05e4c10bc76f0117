/* Of a GAN's report: samples, warnings, curves. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "io/file.h"
#include "train/path.h"
#include "train/report.h"

void report_gan_tiles(struct report *report) {
    const struct cupel_history *history = &report->history;
    size_t warnings = 0;
    for (size_t i = 0; i < history->warning_count; i++) warnings += !history->warnings[i].over;
    report_tile(report, warnings == 1 ? "warning" : "warnings", 0, "", (double)warnings);
    if (!history->sample_count) return;
    const struct cupel_sample_point *last = &history->samples[history->sample_count - 1];
    if (isfinite(last->diversity)) report_tile(report, "diversity of samples", 2, "", last->diversity);
    if (isfinite(last->nearest)) report_tile(report, "distance to real images", 2, "", last->nearest);
}

/* ---- samples ---- */

enum { MOST_GRIDS = 25, MOST_BYTES = 1 << 26 };

static const char strip_head[] =
    "<style>.strip{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:12px}"
    ".strip.live{display:block;max-width:640px}.strip img{width:100%;image-rendering:pixelated;"
    "border-radius:6px;display:block}.strip figcaption{font-size:13px;color:var(--quiet);padding:6px 4px "
    "0}.strip input{width:100%;margin:0 0 8px}</style>\n"
    "<h2>Samples</h2>\n<p class='quiet'>What the generator makes of the same noise, as training goes on. "
    "Diversity is the mean distance of two images over that of two real ones; distance to real images is "
    "that to the nearest of 512 training images, over what they have among themselves.</p>\n"
    "<div class='strip'>\n<input type='range' min='0' max='0' value='0' hidden aria-label='grid of "
    "samples'>\n";

/* Shows one grid at a time; without it all of them stand side by side. */
static const char strip_script[] =
    "</div>\n<script>\n(function () {\n"
    "  var strip = document.querySelector('.strip'), slider = strip.querySelector('input');\n"
    "  var grids = strip.querySelectorAll('figure');\n"
    "  function show() {\n"
    "    for (var i = 0; i < grids.length; i++) grids[i].hidden = i !== Number(slider.value);\n  }\n"
    "  slider.max = slider.value = grids.length - 1;\n  slider.hidden = grids.length < 2;\n"
    "  slider.oninput = show;\n  strip.classList.add('live');\n  show();\n})();\n</script>\n";

static void add_grid(struct report *report, const struct cupel_sample_point *sample, const unsigned char *png,
                     size_t size) {
    struct buffer *page = &report->page;
    buffer_format(page, "<figure><img alt='samples after step %" PRId64 "' src='data:image/png;base64,",
                  sample->step);
    buffer_base64(page, png, size);
    buffer_text(page, "'><figcaption>step ");
    page_count(page, sample->step);
    if (isfinite(sample->diversity)) buffer_format(page, ", diversity %.3g", sample->diversity);
    if (isfinite(sample->nearest)) buffer_format(page, ", distance to real images %.3g", sample->nearest);
    buffer_text(page, "</figcaption></figure>\n");
}

/* Adds the grids, of a long run some at equal distances; a file that is gone is left out. */
static enum cupel_status add_strip(struct report *report, struct cupel_error *error) {
    const struct cupel_history *history = &report->history;
    const size_t count = history->sample_count, shown = count < MOST_GRIDS ? count : MOST_GRIDS;
    if (!count) return CUPEL_OK;
    buffer_text(&report->page, strip_head);
    for (size_t i = 0; i < shown; i++) {
        const struct cupel_sample_point *sample = &history->samples[(i + 1) * count / shown - 1];
        char path[PATH_ROOM], name[40];
        unsigned char *png;
        size_t size;
        snprintf(name, sizeof name, "samples/%06" PRId64 ".png", sample->step);
        CUPEL_TRY(path_join(path, report->options->out, name, error));
        if (file_read(path, MOST_BYTES, &png, &size, NULL)) continue;
        add_grid(report, sample, png, size);
        free(png);
    }
    buffer_text(&report->page, strip_script);
    return CUPEL_OK;
}

/* ---- warnings ---- */

/* The step at which a warning was over; -1 when it was not. */
static int64_t end_of(const struct cupel_history *history, size_t warning) {
    for (size_t i = warning + 1; i < history->warning_count; i++)
        if (history->warnings[i].warning == history->warnings[warning].warning && history->warnings[i].over)
            return history->warnings[i].step;
    return -1;
}

static void add_warning(struct report *report, size_t index) {
    const struct cupel_warning_point *warning = &report->history.warnings[index];
    const int64_t end = end_of(&report->history, index);
    struct buffer *page = &report->page;
    buffer_text(page, "<tr><td>step ");
    page_count(page, warning->step);
    if (end >= 0) {
        buffer_text(page, " to ");
        page_count(page, end);
    } else if (warning->warning != CUPEL_WARNING_NAN) {
        buffer_text(page, " to the end");
    }
    buffer_text(page, "</td><td><b>");
    page_text(page, cupel_warning_name(warning->warning));
    buffer_text(page, "</b></td><td>");
    if (isfinite(warning->value)) buffer_format(page, "%.4g", warning->value);
    page_text(page, warning->tensor);
    buffer_text(page, "</td><td>");
    page_text(page, cupel_warning_advice(warning->warning));
    buffer_text(page, "</td></tr>\n");
}

static void add_warnings(struct report *report) {
    const struct cupel_history *history = &report->history;
    buffer_text(&report->page, "<h2>Health</h2>\n");
    if (!history->warning_count) {
        buffer_text(&report->page, "<p class='quiet'>No warning was given.</p>\n");
        return;
    }
    buffer_text(&report->page, "<table class='facts'>\n");
    for (size_t i = 0; i < history->warning_count; i++)
        if (!history->warnings[i].over) add_warning(report, i);
    buffer_text(&report->page, "</table>\n");
}

/* ---- curves ---- */

static void add_charts(struct report *report) {
#define LINE(member) CURVE_TRAINING, offsetof(struct cupel_training_point, member)
#define SAMPLE(member) CURVE_SAMPLES, offsetof(struct cupel_sample_point, member)
    const enum cupel_loss loss = cupel_model_train(report->model)->loss;
    const bool logit = loss == CUPEL_LOSS_NONSATURATING || loss == CUPEL_LOSS_MINIMAX;
    const size_t sides = cupel_model_role(report->model, CUPEL_ROLE_CODE) ? 3 : 2;
    const struct curve losses[] = {{"discriminator", "train", LINE(gan.discriminator_loss), 1},
                                   {"generator", "test", LINE(gan.generator_loss), 1},
                                   {"code", "rate", LINE(gan.code_loss), 1}};
    const struct curve scores[] = {{"D(x)", "train", LINE(gan.real_score), 1},
                                   {"D(G(z))", "test", LINE(gan.fake_score), 1},
                                   {"D(G(z)) after", "rate", LINE(gan.after_score), 1}};
    const struct curve accuracies[] = {{"real", "train", LINE(gan.real_accuracy), 100},
                                       {"generated", "test", LINE(gan.fake_accuracy), 100}};
    const struct curve gradients[] = {{"discriminator", "train", LINE(gan.discriminator_gradient), 1},
                                      {"generator", "test", LINE(gan.generator_gradient), 1}};
    const struct curve samples[] = {{"diversity", "train", SAMPLE(diversity), 1},
                                    {"nearest real", "test", SAMPLE(nearest), 1}};
    const struct curve weights = {"generator", "test", LINE(gan.generator_weights), 1};
    const struct curve rates[] = {{"discriminator", "train", LINE(gan.discriminator_rate), 1},
                                  {"generator", "test", LINE(rate), 1}};
    const struct curve speed = {"training", "train", LINE(images_per_second), 1};
    buffer_text(&report->page, "<h2>Curves</h2>\n<div class='charts'>\n");
    report_chart(report, "Losses", "loss", losses, sides);
    report_chart(report, "Discriminator", logit ? "probability of being real" : "output", scores, 3);
    report_chart(report, "Accuracy of the discriminator", "accuracy (%)", accuracies, 2);
    report_chart(report, "Samples against real images", "quotient of distances", samples, 2);
    report_chart(report, "Gradients", "Euclidean norm", gradients, 2);
    report_chart(report, "Weights of the generator", "Euclidean norm", &weights, 1);
    report_chart(report, "Learning rates", "learning rate", rates, 2);
    report_chart(report, "Speed", "images per second", &speed, 1);
    buffer_text(&report->page, "</div>\n");
}

enum cupel_status report_gan(struct report *report, struct cupel_error *error) {
    CUPEL_TRY(add_strip(report, error));
    add_warnings(report);
    add_charts(report);
    return CUPEL_OK;
}
