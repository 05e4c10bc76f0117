/* report.html: what a run did, as one page that loads nothing else. */
#include "cupel/report.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/data.h"
#include "cupel/version.h"
#include "io/file.h"
#include "io/image.h"
#include "train/page.h"
#include "train/path.h"
#include "train/setup.h"

/* What the page is made from. */
struct report {
    const struct cupel_model *model;
    const struct cupel_train_options *options;
    const struct cupel_train_result *result;
    struct cupel_history history;
    struct buffer page;
};

static const char head[] =
    "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n"
    "<meta name='viewport' content='width=device-width, initial-scale=1'>\n<style>\n"
    ":root{--paper:#fff;--ink:#1c2330;--quiet:#667085;--rule:#e3e7ee;--card:#f6f8fb;--train:#2563eb;"
    "--test:#d9480f;--rate:#7c3aed;--heat:37,99,235;--wrong:217,72,15}\n"
    "@media (prefers-color-scheme:dark){:root{--paper:#12161d;--ink:#e6eaf2;--quiet:#93a0b5;--rule:#2a3240;"
    "--card:#1a202b;--train:#6ea0ff;--test:#ff9257;--rate:#b794ff;--heat:96,150,255;--wrong:255,146,87}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:32px 24px "
    "64px;background:var(--paper);"
    "color:var(--ink);font:15px/1.5 system-ui,'DejaVu Sans',sans-serif}\n"
    "h1{font-size:28px;margin:0}h2{font-size:19px;margin:40px 0 12px;padding-bottom:6px;"
    "border-bottom:1px solid var(--rule)}.quiet{color:var(--quiet)}p{margin:4px 0 12px}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px;margin:20px "
    "0}.tile{background:var(--card);border-radius:10px;"
    "padding:12px 18px}.tile b{display:block;font-size:22px}.tile span{color:var(--quiet);"
    "font-size:13px}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:16px}figure{margin:0;"
    "background:var(--card);border-radius:10px;padding:8px}svg{display:block;width:100%;height:auto}\n"
    "svg text{font-size:12px;fill:var(--quiet)}svg .title{font-size:14px;font-weight:600;fill:var(--ink)}"
    ".grid{stroke:var(--rule)}.axis{stroke:var(--quiet)}.line{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".train{stroke:var(--train)}.test{stroke:var(--test)}.rate{stroke:var(--rate)}.mark{stroke:none}"
    ".mark.train{fill:var(--train)}.mark.test{fill:var(--test)}.mark.rate{fill:var(--rate)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse}.matrix td,.matrix th{min-width:44px;height:30px;"
    "padding:2px 6px;text-align:center;font-size:13px;font-weight:400;border:1px solid var(--paper)}"
    ".matrix th{color:var(--quiet)}.matrix th.row{text-align:right;white-space:nowrap}"
    ".facts td{padding:3px 18px 3px 0;vertical-align:top}.facts td:first-child{color:var(--quiet)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(128px,1fr));gap:12px}.card{"
    "background:var(--card);border-radius:10px;padding:10px;font-size:13px;line-height:1.4}.card "
    "img{width:100%;"
    "image-rendering:pixelated;border-radius:6px;display:block;margin-bottom:6px}.card b{color:var(--test)}\n"
    "pre{background:var(--card);border-radius:10px;padding:14px "
    "18px;overflow-x:auto;font-size:13px;line-height:1.45}"
    "</style>\n";

/* The name of a class, or its number where the model gives no names. */
static void add_class(struct report *report, int64_t class) {
    const struct cupel_data_settings *data = cupel_model_data(report->model);
    if (data->class_names)
        page_text(&report->page, data->class_names[class]);
    else
        buffer_format(&report->page, "%" PRId64, class);
}

/* The model's name: its file without directories and ending. */
static void add_title(struct report *report) {
    const char *name = cupel_model_name(report->model), *slash = strrchr(name, '/');
    char title[200];
    snprintf(title, sizeof title, "%s", slash ? slash + 1 : name);
    char *dot = strrchr(title, '.');
    if (dot && dot != title) *dot = '\0';
    page_text(&report->page, title);
}

static void add_tile(struct report *report, const char *what, int decimals, const char *unit, double value) {
    buffer_text(&report->page, "<div class='tile'><b>");
    if (decimals)
        buffer_format(&report->page, "%.*f", decimals, value);
    else
        page_count(&report->page, llround(value));
    buffer_format(&report->page, "%s</b><span>%s</span></div>\n", unit, what);
}

/* Images per second over the whole run: the mean of the lines of training. */
static double mean_speed(const struct cupel_history *history) {
    double sum = 0;
    for (size_t i = 0; i < history->training_count; i++) sum += history->training[i].images_per_second;
    return sum / (double)history->training_count;
}

static void add_summary(struct report *report) {
    const struct cupel_train_result *result = report->result;
    const struct cupel_evaluation *evaluation = &result->evaluation;
    const struct cupel_history *history = &report->history;
    struct buffer *page = &report->page;
    buffer_text(page, "<h1>");
    add_title(report);
    buffer_format(page, "</h1>\n<p class='quiet'>%s after %" PRId64 " step%s. Cupel %s.</p>\n",
                  result->stopped ? "Stopped"
                  : result->early ? "Ended early, because the loss no longer fell,"
                                  : "Trained to the end,",
                  result->step, result->step == 1 ? "" : "s", cupel_version());
    buffer_text(page, "<div class='tiles'>\n");
    if (evaluation->count) {
        add_tile(report, "test accuracy", 2, " %", 100 * evaluation->accuracy);
        add_tile(report, "best accuracy while training", 2, " %", 100 * result->best_accuracy);
        if (evaluation->classes > 5) add_tile(report, "test top-5 accuracy", 2, " %", 100 * evaluation->top5);
        add_tile(report, "test loss (nats)", 4, "", evaluation->loss);
    }
    add_tile(report, "epochs", 0, "", (double)result->epoch);
    if (history->training_count) {
        add_tile(report, "seconds", 1, "", history->training[history->training_count - 1].time);
        add_tile(report, "images per second", 0, "", mean_speed(history));
    }
    buffer_text(page, "</div>\n");
}

/* ---- curves ---- */

/* Which number of a point to draw, times `scale`. */
struct column {
    size_t offset;
    double scale;
};

/* The values of one curve: x then y in one allocation, or NULL. */
static double *training_values(const struct cupel_history *history, struct column column) {
    size_t count = history->training_count;
    double *values = calloc(2 * count + 1, sizeof *values);
    for (size_t i = 0; values && i < count; i++) {
        values[i] = (double)history->training[i].step;
        values[count + i] =
            *(const double *)((const char *)&history->training[i] + column.offset) * column.scale;
    }
    return values;
}

static double *evaluation_values(const struct cupel_history *history, bool validation, struct column column,
                                 size_t *count) {
    size_t n = 0;
    for (size_t i = 0; i < history->evaluation_count; i++)
        n += history->evaluations[i].validation == validation;
    double *values = calloc(2 * n + 1, sizeof *values);
    size_t at = 0;
    for (size_t i = 0; values && i < history->evaluation_count; i++) {
        const struct cupel_evaluation_point *point = &history->evaluations[i];
        if (point->validation != validation) continue;
        values[at] = (double)point->step;
        values[n + at++] = *(const double *)((const char *)point + column.offset) * column.scale;
    }
    *count = n;
    return values;
}

/* A chart of one training column and, unless `evaluation` is NULL, of what evaluations measured. */
static void add_chart(struct report *report, const char *title, const char *unit, const char *style,
                      struct column training, const struct column *evaluation) {
    const struct cupel_history *history = &report->history;
    struct series series[3];
    double *values[3] = {training_values(history, training)};
    size_t count = 1;
    series[0] = (struct series){
        "training", style, values[0], values[0] + history->training_count, history->training_count, false};
    for (int validation = 0; evaluation && validation < 2; validation++) {
        size_t n;
        double *v = evaluation_values(history, validation, *evaluation, &n);
        values[count] = v;
        if (n && v)
            series[count++] = (struct series){
                validation ? "validation" : "test", validation ? "rate" : "test", v, v + n, n, true};
        else
            free(v);
    }
    bool failed = !values[0];
    if (!failed) page_chart(&report->page, &(struct chart){title, "step", unit, series, count});
    report->page.failed |= failed;
    for (size_t i = 0; i < count; i++) free(values[i]);
}

static void add_charts(struct report *report) {
    const struct column evaluated[] = {{offsetof(struct cupel_evaluation_point, loss), 1},
                                       {offsetof(struct cupel_evaluation_point, accuracy), 100}};
    buffer_text(&report->page, "<h2>Curves</h2>\n<div class='charts'>\n");
    add_chart(report, "Loss", "cross entropy (nats)", "train",
              (struct column){offsetof(struct cupel_training_point, loss), 1}, &evaluated[0]);
    add_chart(report, "Accuracy", "accuracy (%)", "train",
              (struct column){offsetof(struct cupel_training_point, accuracy), 100}, &evaluated[1]);
    add_chart(report, "Learning rate", "learning rate", "rate",
              (struct column){offsetof(struct cupel_training_point, rate), 1}, NULL);
    add_chart(report, "Speed", "images per second", "train",
              (struct column){offsetof(struct cupel_training_point, images_per_second), 1}, NULL);
    buffer_text(&report->page, "</div>\n");
}

/* ---- confusion matrix ---- */

enum { MAX_MATRIX = 40, MAX_PAIRS = 20 };

static void add_matrix_row(struct report *report, const struct cupel_evaluation *evaluation, int64_t label) {
    const int32_t *row = evaluation->confusion + label * evaluation->classes;
    struct buffer *page = &report->page;
    int64_t total = 0;
    for (int64_t c = 0; c < evaluation->classes; c++) total += row[c];
    buffer_text(page, "<tr><th class='row'>");
    add_class(report, label);
    buffer_text(page, "</th>");
    for (int64_t c = 0; c < evaluation->classes; c++) {
        double part = total ? row[c] / (double)total : 0;
        buffer_format(page, "<td style='background:rgba(var(--%s),%.3f)%s'>", c == label ? "heat" : "wrong",
                      c == label ? 0.85 * part : fmin(1, 3 * part),
                      c == label && part > 0.5 ? ";color:#fff" : "");
        if (row[c]) page_count(page, row[c]);
        buffer_text(page, "</td>");
    }
    buffer_format(page, "<td>%.1f %%</td></tr>\n", total ? 100.0 * row[label] / (double)total : 0);
}

static void add_matrix(struct report *report) {
    const struct cupel_evaluation *evaluation = &report->result->evaluation;
    if (!evaluation->count || evaluation->classes > MAX_MATRIX) return;
    struct buffer *page = &report->page;
    buffer_text(page,
                "<h2>Confusion matrix</h2>\n<p class='quiet'>Test images: a row for what an image is, a "
                "column for what it was taken for. Blue is right, orange is wrong; shades are parts of the "
                "row.</p>\n<div class='wide'><table class='matrix'><tr><th></th>");
    for (int64_t c = 0; c < evaluation->classes; c++) {
        buffer_text(page, "<th>");
        add_class(report, c);
        buffer_text(page, "</th>");
    }
    buffer_text(page, "<th>right</th></tr>\n");
    for (int64_t label = 0; label < evaluation->classes; label++) add_matrix_row(report, evaluation, label);
    buffer_text(page, "</table></div>\n");
}

/* ---- mistakes ---- */

static enum cupel_status add_picture(struct report *report, const struct cupel_dataset *dataset,
                                     int64_t index, struct cupel_error *error) {
    int64_t pixels = dataset->shape[0] * dataset->shape[1] * dataset->shape[2];
    const struct cupel_image image = {.channels = (int)dataset->shape[0],
                                      .height = (int)dataset->shape[1],
                                      .width = (int)dataset->shape[2],
                                      .pixels = dataset->test.images + index * pixels};
    struct buffer png = {0};
    enum cupel_status status = image_encode("report.html", &image, NULL, 0, &png, error);
    if (status == CUPEL_OK) {
        buffer_text(&report->page, "<img alt='' src='data:image/png;base64,");
        buffer_base64(&report->page, png.data, png.size);
        buffer_text(&report->page, "'>");
    }
    buffer_free(&png);
    return status;
}

static enum cupel_status add_card(struct report *report, const struct cupel_dataset *dataset,
                                  const struct cupel_mistake *mistake, struct cupel_error *error) {
    struct buffer *page = &report->page;
    if (mistake->index < 0 || mistake->index >= dataset->test.count) return CUPEL_OK;
    buffer_text(page, "<div class='card'>");
    CUPEL_TRY(add_picture(report, dataset, mistake->index, error));
    buffer_text(page, "<b>");
    add_class(report, mistake->predicted);
    buffer_format(page, "</b> %.1f&nbsp;%%<br>is ", 100.0 * (double)mistake->probability);
    add_class(report, mistake->label);
    buffer_format(page, "<br><span class='quiet'>image %" PRId64 "</span></div>\n", mistake->index);
    return CUPEL_OK;
}

static enum cupel_status add_mistakes(struct report *report, struct cupel_error *error) {
    const struct cupel_evaluation *evaluation = &report->result->evaluation;
    if (!evaluation->mistake_count) return CUPEL_OK;
    const struct cupel_dataset_spec spec = setup_spec(report->model, &report->options->run);
    struct cupel_dataset dataset;
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

/* ---- facts ---- */

static void add_fact(struct report *report, const char *what, const char *value) {
    buffer_format(&report->page, "<tr><td>%s</td><td>", what);
    page_text(&report->page, value);
    buffer_text(&report->page, "</td></tr>\n");
}

static void add_number(struct report *report, const char *what, int64_t value) {
    buffer_format(&report->page, "<tr><td>%s</td><td>", what);
    page_count(&report->page, value);
    buffer_text(&report->page, "</td></tr>\n");
}

static int64_t parameters(const struct cupel_model *model) {
    int64_t sum = 0;
    const struct cupel_network *network;
    for (int n = 0; (network = cupel_model_network(model, n)); n++) {
        int count;
        const struct cupel_layer_info *layers = cupel_network_layers(network, &count);
        for (int i = 0; i < count; i++) sum += layers[i].parameters;
    }
    return sum;
}

/* Devices describe themselves only when open. One that is gone by now is called by its name. */
/* The device and what it computed in. */
static void add_device(struct report *report) {
    const struct cupel_run_options *run = &report->options->run;
    const char *name = run->device ? run->device : "auto", *precision = run->precision;
    struct cupel_device *device;
    char text[400];
    snprintf(text, sizeof text, "%s", name);
    if (cupel_device_open(name, run->threads, &device, NULL) == CUPEL_OK) {
        snprintf(text, sizeof text, "%s: %s", cupel_device_name(device), cupel_device_describe(device));
        if (!precision) precision = cupel_precision_text(cupel_device_precision(device));
        cupel_device_close(device);
    }
    add_fact(report, "device", text);
    add_fact(report, "precision", precision ? precision : "the device's own");
}

static void add_facts(struct report *report) {
    const struct cupel_train_settings *train = cupel_model_train(report->model);
    const struct cupel_run_options *run = &report->options->run;
    const struct cupel_train_result *result = report->result;
    buffer_text(&report->page, "<h2>How it was made</h2>\n<table class='facts'>\n");
    add_fact(report, "model file", cupel_model_name(report->model));
    add_number(report, "parameters", parameters(report->model));
    add_fact(report, "data set", run->data ? run->data : cupel_model_data(report->model)->path);
    add_device(report);
    buffer_format(&report->page, "<tr><td>seed</td><td>%" PRIu64 "</td></tr>\n",
                  run->has_seed ? run->seed : (uint64_t)train->seed);
    add_number(report, "batch", run->batch ? run->batch : train->batch);
    add_number(report, "steps", result->step);
    if (report->options->init) add_fact(report, "initial weights", report->options->init);
    int count;
    const char *const *overrides = cupel_model_overrides(report->model, &count);
    for (int i = 0; i < count; i++) add_fact(report, "--set", overrides[i]);
    buffer_text(&report->page, "</table>\n<h2>Model file</h2>\n<pre>");
    size_t length;
    page_text(&report->page, cupel_model_text(report->model, &length));
    buffer_text(&report->page, "</pre>\n");
}

static enum cupel_status write_page(struct report *report, struct cupel_error *error) {
    char path[PATH_ROOM];
    CUPEL_TRY(path_join(path, report->options->out, "metrics.jsonl", error));
    CUPEL_TRY(cupel_history_load(path, &report->history, error));
    buffer_text(&report->page, head);
    buffer_text(&report->page, "<title>");
    add_title(report);
    buffer_text(&report->page, "</title></head><body>\n");
    add_summary(report);
    add_charts(report);
    add_matrix(report);
    CUPEL_TRY(add_mistakes(report, error));
    add_facts(report);
    buffer_text(&report->page, "</body></html>\n");
    if (report->page.failed) return cupel_fail(error, CUPEL_NOMEM, "no memory for the report");
    CUPEL_TRY(path_join(path, report->options->out, "report.html", error));
    const struct iovec part = {report->page.data, report->page.size};
    return file_write(path, &part, 1, error);
}

enum cupel_status cupel_report_write(const struct cupel_model *model,
                                     const struct cupel_train_options *options,
                                     const struct cupel_train_result *result, struct cupel_error *error) {
    struct report report = {.model = model, .options = options, .result = result};
    /* Numbers in CSS and SVG have decimal points, whatever the program's locale. */
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    enum cupel_status status = write_page(&report, error);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    cupel_history_free(&report.history);
    buffer_free(&report.page);
    return status;
}
