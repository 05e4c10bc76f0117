/* What a check found, for other programs. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "io/text.h"

static enum cupel_status save(struct buffer *text, const char *path, struct cupel_error *error) {
    const enum cupel_status status = text_write(text, path, error);
    buffer_free(text);
    return status;
}

/* ---- JSON ---- */

static void add_key(struct buffer *text, const char *key) {
    const char last = text->size ? text->data[text->size - 1] : '{';
    if (last != '{' && last != '[') buffer_text(text, ",");
    buffer_json_string(text, key);
    buffer_text(text, ":");
}

static void add_text(struct buffer *text, const char *key, const char *value) {
    add_key(text, key);
    buffer_json_string(text, value);
}

static void add_number(struct buffer *text, const char *key, double value) {
    add_key(text, key);
    buffer_json_number(text, value);
}

static void add_list(struct buffer *text, const char *key, const int64_t *numbers, int count) {
    add_key(text, key);
    buffer_text(text, "[");
    for (int i = 0; i < count; i++) buffer_format(text, "%s%" PRId64, i ? "," : "", numbers[i]);
    buffer_text(text, "]");
}

static void add_item(struct buffer *text, const struct cupel_check_item *item) {
    buffer_text(text, "{");
    add_text(text, "op", item->op);
    add_text(text, "layer", item->layer);
    add_text(text, "place", item->place);
    add_text(text, "engine", item->engine);
    add_text(text, "verdict", cupel_check_verdict_text(item->verdict));
    add_number(text, "output", item->output);
    add_text(text, "dtype", cupel_dtype_text(item->dtype));
    add_list(text, "shape", item->shape.dim, item->shape.rank);
    add_number(text, "error", item->error);
    add_number(text, "worst", item->worst);
    add_number(text, "ulp", item->ulp);
    add_list(text, "index", item->index, item->shape.rank);
    add_number(text, "got", item->got);
    add_number(text, "expected", item->expected);
    add_number(text, "tolerance", item->tolerance);
    add_text(text, "note", item->note);
    add_text(text, "saved", item->saved);
    buffer_text(text, "}\n");
}

static void add_point(struct buffer *text, const struct cupel_check_point *point) {
    buffer_text(text, "{");
    add_number(text, "step", (double)point->step);
    add_text(text, "name", point->name);
    add_number(text, "got", point->got);
    add_number(text, "expected", point->expected);
    add_number(text, "error", point->error);
    add_text(text, "worst", point->worst);
    buffer_text(text, "}\n");
}

enum cupel_status cupel_check_save_json(const struct cupel_check *check, const char *path,
                                        struct cupel_error *error) {
    struct buffer text = {0};
    buffer_text(&text, "{");
    add_text(&text, "title", check->title);
    add_text(&text, "device", check->device);
    add_text(&text, "against", check->against);
    add_text(&text, "precision", check->precision);
    add_text(&text, "inputs", check->inputs);
    add_number(&text, "count", check->count);
    add_number(&text, "failed", check->failed);
    add_number(&text, "ill", check->ill);
    add_number(&text, "skipped", check->skipped);
    add_number(&text, "step_tolerance", check->step_tolerance);
    add_number(&text, "first_beyond", (double)check->first_beyond);
    add_text(&text, "steps_note", check->steps_note);
    add_key(&text, "items");
    buffer_text(&text, "[");
    for (int i = 0; i < check->count; i++) {
        buffer_text(&text, i ? "," : "\n");
        add_item(&text, &check->items[i]);
    }
    buffer_text(&text, "]");
    add_key(&text, "points");
    buffer_text(&text, "[");
    for (int i = 0; i < check->point_count; i++) {
        buffer_text(&text, i ? "," : "\n");
        add_point(&text, &check->points[i]);
    }
    buffer_text(&text, "]}\n");
    return save(&text, path, error);
}

/* ---- JUnit ---- */

/* Adds a quoted attribute. XML has no way to say control characters. */
static void add_attribute(struct buffer *text, const char *name, const char *value) {
    buffer_format(text, " %s=\"", name);
    for (; *value; value++) {
        const unsigned char c = (unsigned char)*value;
        if (c == '<')
            buffer_text(text, "&lt;");
        else if (c == '&')
            buffer_text(text, "&amp;");
        else if (c == '"')
            buffer_text(text, "&quot;");
        else if (c == '\n' || c == '\t')
            buffer_format(text, "&#%d;", c);
        else
            buffer_add(text, c < 0x20 ? "?" : value, 1);
    }
    buffer_text(text, "\"");
}

static void add_case(struct buffer *text, const struct cupel_check_item *item, int place) {
    char name[300], message[700];
    snprintf(name, sizeof name, "%d %s %s", place, item->op, item->layer);
    buffer_text(text, "  <testcase");
    add_attribute(text, "classname", item->op);
    add_attribute(text, "name", name);
    if (item->verdict != CUPEL_CHECK_FAILED) {
        buffer_text(text, "/>\n");
        return;
    }
    snprintf(message, sizeof message, "error %.3g, tolerance %.3g; %.9g instead of %.9g%s%s", item->error,
             item->tolerance, item->got, item->expected, *item->note ? "; " : "", item->note);
    buffer_text(text, "><failure");
    add_attribute(text, "message", message);
    add_attribute(text, "type", "difference");
    buffer_text(text, "/></testcase>\n");
}

enum cupel_status cupel_check_save_junit(const struct cupel_check *check, const char *path,
                                         struct cupel_error *error) {
    struct buffer text = {0};
    char name[400];
    const bool steps = check->point_count > 0, steps_failed = *check->steps_note;
    snprintf(name, sizeof name, "%s in %s on %s against %s", check->title, check->precision, check->device,
             check->against);
    buffer_text(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites><testsuite");
    add_attribute(&text, "name", name);
    buffer_format(&text, " tests=\"%d\" failures=\"%d\" errors=\"0\" skipped=\"0\">\n", check->count + steps,
                  check->failed + steps_failed);
    for (int i = 0; i < check->count; i++) add_case(&text, &check->items[i], i);
    if (steps) {
        buffer_text(&text, "  <testcase classname=\"steps\" name=\"steps\">");
        if (steps_failed) {
            buffer_text(&text, "<failure");
            add_attribute(&text, "message", check->steps_note);
            add_attribute(&text, "type", "difference");
            buffer_text(&text, "/>");
        }
        buffer_text(&text, "</testcase>\n");
    }
    buffer_text(&text, "</testsuite></testsuites>\n");
    return save(&text, path, error);
}
