/* report.html: what a run did, as one page that loads nothing else. */
#include "train/report.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cupel/version.h"
#include "io/text.h"
#include "train/journal.h"
#include "train/path.h"

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

/* The model's name: its file without directories and ending. */
static void add_title(struct report *report) {
    const char *name = cupel_model_name(report->model), *slash = strrchr(name, '/');
    char title[200];
    snprintf(title, sizeof title, "%s", slash ? slash + 1 : name);
    char *dot = strrchr(title, '.');
    if (dot && dot != title) *dot = '\0';
    page_text(&report->page, title);
}

void report_tile(struct report *report, const char *what, int decimals, const char *unit, double value) {
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

static void add_summary(struct report *report, bool gan) {
    const struct cupel_train_result *result = report->result;
    const struct cupel_history *history = &report->history;
    struct buffer *page = &report->page;
    buffer_text(page, "<h1>");
    add_title(report);
    buffer_format(page, "</h1>\n<p class='quiet'>%s after %" PRId64 " step%s. Cupel %s.</p>\n",
                  result->failed    ? "Failed"
                  : result->stopped ? "Stopped"
                  : result->early   ? "Ended early, because the loss no longer fell,"
                                    : "Trained to the end,",
                  result->step, result->step == 1 ? "" : "s", cupel_version());
    buffer_text(page, "<div class='tiles'>\n");
    (gan ? report_gan_tiles : report_classify_tiles)(report);
    report_tile(report, "epochs", 0, "", (double)result->epoch);
    if (history->training_count) {
        report_tile(report, "seconds", 1, "", history->training[history->training_count - 1].time);
        report_tile(report, "images per second", 0, "", mean_speed(history));
    }
    buffer_text(page, "</div>\n");
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

/* The device and what it computed in. Devices describe themselves only when open; one that is gone by now is called by its
 * name. */
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
    const bool gan = cupel_model_task(report->model) == CUPEL_TASK_GAN;
    CUPEL_TRY(path_join(path, report->options->out, JOURNAL_FILE, error));
    CUPEL_TRY(cupel_history_load(path, &report->history, error));
    buffer_text(&report->page, head);
    buffer_text(&report->page, "<title>");
    add_title(report);
    buffer_text(&report->page, "</title></head><body>\n");
    add_summary(report, gan);
    CUPEL_TRY((gan ? report_gan : report_classify)(report, error));
    add_facts(report);
    buffer_text(&report->page, "</body></html>\n");
    CUPEL_TRY(path_join(path, report->options->out, "report.html", error));
    return text_write(&report->page, path, error);
}

enum cupel_status cupel_report_write(const struct cupel_model *model,
                                     const struct cupel_train_options *options,
                                     const struct cupel_train_result *result, struct cupel_error *error) {
    struct report report = {.model = model, .options = options, .result = result};
    /* Numbers in CSS and SVG have decimal points, whatever the program's locale. */
    cupel_class_names(model, &options->run, &report.names);
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    enum cupel_status status = write_page(&report, error);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    cupel_history_free(&report.history);
    cupel_class_names_free(&report.names);
    buffer_free(&report.page);
    return status;
}
