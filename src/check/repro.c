/* Saving a node with its numbers, and running it again. */
#include "check/repro.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plan/plan.h"

#define DESCRIPTION "cupel.check"
enum { VERSION = 1, MOST_INPUTS = 4096 };
static const char *const layouts[] = {
    [LAYOUT_ROWS] = "NCHW", [LAYOUT_CHANNELS_LAST] = "NHWC", [LAYOUT_BATCH_LAST] = "CHWN"};
static const enum cupel_layout plan_layouts[] = {CUPEL_LAYOUT_NCHW, CUPEL_LAYOUT_NHWC, CUPEL_LAYOUT_CHWN};
enum { LAYOUTS = 3 };

/* ---- saving ---- */

static void write_text(struct buffer *text, const char *key, const char *value) {
    buffer_json_string(text, key);
    buffer_text(text, ":");
    buffer_json_string(text, value);
    buffer_text(text, ",");
}

static void write_types(struct buffer *text, const char *key, const struct operand *operands, int count,
                        bool with_layouts) {
    buffer_json_string(text, key);
    buffer_text(text, ":[");
    for (int i = 0; i < count; i++)
        buffer_format(text, "%s\"%s\"", i ? "," : "",
                      with_layouts ? layouts[operands[i].layout] : cupel_dtype_text(operands[i].stored));
    buffer_text(text, "],");
}

static void describe(const struct judge *judge, const struct single *single, const struct evidence *evidence,
                     const struct cupel_check_item *item, struct buffer *text) {
    const int layout = single->layout == CUPEL_LAYOUT_NHWC   ? LAYOUT_CHANNELS_LAST
                       : single->layout == CUPEL_LAYOUT_CHWN ? LAYOUT_BATCH_LAST
                                                             : LAYOUT_ROWS;
    buffer_format(text, "{\"version\":%d,", VERSION);
    write_text(text, "cupel", CUPEL_VERSION);
    write_text(text, "device", judge->device->backend->name);
    write_text(text, "against", judge->against->backend->name);
    write_text(text, "engine", item->engine);
    write_text(text, "layer", item->layer);
    write_text(text, "place", item->place);
    write_text(text, "note", item->note);
    write_text(text, "precision", cupel_precision_text(judge->plan.precision));
    write_text(text, "layout", layouts[layout]);
    buffer_format(text, "\"deterministic\":%s,\"to_rows\":%s,\"tolerance\":",
                  judge->plan.deterministic ? "true" : "false", single->to_rows ? "true" : "false");
    buffer_json_number(text, item->tolerance);
    buffer_text(text, ",\"inputs\":[");
    for (int i = 0; i < single->n_in; i++) buffer_format(text, "%s%d", i ? "," : "", single->input[i]);
    buffer_text(text, "],");
    write_types(text, "input_types", single->operands, single->n_operands, false);
    write_types(text, "input_layouts", single->operands, single->n_operands, true);
    write_types(text, "output_types", evidence->expected, evidence->n_out, false);
    write_text(text, "op", ops[single->op].name);
    buffer_text(text, "\"attributes\":");
    attributes_write(single->op, &single->attr, text);
    buffer_text(text, "}");
}

static enum cupel_status add_operands(struct cupel_weights *file, const char *what,
                                      const struct operand *operands, int count, struct cupel_error *error) {
    for (int i = 0; i < count; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s/%d", what, i);
        if (operands[i].data)
            CUPEL_TRY(cupel_weights_add(file, name, operands[i].dtype, &operands[i].shape, operands[i].data,
                                        error));
    }
    return CUPEL_OK;
}

enum cupel_status repro_save(const char *directory, const struct judge *judge, const struct single *single,
                             const struct evidence *evidence, int place, struct cupel_check_item *item,
                             struct cupel_error *error) {
    struct cupel_weights file = {0};
    struct buffer text = {0};
    char name[200];
    snprintf(name, sizeof name, "%03d-%.60s-%.60s.safetensors", place, item->op, item->layer);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-+", *c)) *c = '_';
    describe(judge, single, evidence, item, &text);
    snprintf(item->saved, sizeof item->saved, "%.190s/%.200s", directory, name);
    char *path = NULL;
    enum cupel_status status = CUPEL_NOMEM;
    if (!text.failed && asprintf(&path, "%s/%s", directory, name) > 0)
        status = cupel_weights_set_metadata(&file, DESCRIPTION, text.data, error);
    else
        cupel_fail(error, status, "no memory to save a node");
    if (status == CUPEL_OK)
        status = add_operands(&file, "input", single->operands, single->n_operands, error);
    if (status == CUPEL_OK)
        status = add_operands(&file, "expected", evidence->expected, evidence->n_out, error);
    if (status == CUPEL_OK) status = add_operands(&file, "got", evidence->got, evidence->n_out, error);
    if (status == CUPEL_OK) status = cupel_weights_save(&file, path, error);
    free(path);
    buffer_free(&text);
    cupel_weights_free(&file);
    return status;
}

/* ---- loading ---- */

/* A node out of a file. */
struct repro {
    const char *path;
    struct cupel_weights file;
    cJSON *json;
    struct single single;
    int *input;
    struct operand *operands;
    enum cupel_dtype stored[OP_MAX_OUT];
    int n_out;
    enum cupel_precision precision;
    bool deterministic;
    double tolerance;
};

static enum cupel_status refuse(const struct repro *repro, const char *what, struct cupel_error *error) {
    return cupel_fail(error, CUPEL_INVALID,
                      "%s: %s; the file is damaged or was not saved by `cupel check --save-repro`",
                      repro->path, what);
}

static const char *text_at(const struct repro *repro, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(repro->json, key));
    return text ? text : "";
}

/* The place of a text in a list; -1 when it is not there. */
static int find_text(const char *text, const char *const *list, int count) {
    for (int i = 0; text && i < count; i++)
        if (strcmp(text, list[i]) == 0) return i;
    return -1;
}

static const char *text_in(const struct repro *repro, const char *key, int i) {
    return cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(repro->json, key), i));
}

static int count_of(const struct repro *repro, const char *key) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(repro->json, key);
    return cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
}

/* What a tensor of this type on the host may be stored as. */
static bool read_stored(const char *text, enum cupel_dtype dtype, enum cupel_dtype *stored) {
    static const char *const types[] = {
#define X(name, text, bytes) [CUPEL_##name] = text,
        CUPEL_DTYPES(X)
#undef X
    };
    const int found = find_text(text, types, sizeof types / sizeof *types);
    if (found < 0 || dtype == CUPEL_F64 || dtype == CUPEL_BF16 || dtype == CUPEL_F16) return false;
    *stored = (enum cupel_dtype)found;
    return *stored == dtype || (dtype == CUPEL_F32 && (*stored == CUPEL_BF16 || *stored == CUPEL_F16));
}

static enum cupel_status read_operands(struct repro *repro, struct cupel_error *error) {
    struct single *single = &repro->single;
    const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(repro->json, "inputs");
    single->n_in = count_of(repro, "inputs");
    single->n_operands = count_of(repro, "input_types");
    if (single->n_in < 1 || single->n_in > MOST_INPUTS || single->n_operands > single->n_in ||
        count_of(repro, "input_layouts") != single->n_operands)
        return refuse(repro, "its inputs are no list", error);
    repro->input = calloc((size_t)single->n_in, sizeof *repro->input);
    repro->operands = calloc((size_t)single->n_in, sizeof *repro->operands);
    if (!repro->input || !repro->operands)
        return cupel_fail(error, CUPEL_NOMEM, "%s: no memory to read it", repro->path);
    for (int i = 0; i < single->n_operands; i++) {
        char name[40];
        snprintf(name, sizeof name, "input/%d", i);
        const struct cupel_weight *weight = cupel_weights_find(&repro->file, name);
        const int layout = find_text(text_in(repro, "input_layouts", i), layouts, LAYOUTS);
        struct operand *operand = &repro->operands[i];
        if (!weight || layout < 0 || (layout != LAYOUT_ROWS && weight->shape.rank != 4) ||
            !read_stored(text_in(repro, "input_types", i), weight->dtype, &operand->stored))
            return refuse(repro, "an input is missing, or of an impossible type", error);
        operand->dtype = weight->dtype;
        operand->shape = weight->shape;
        operand->data = weight->data;
        operand->layout = (enum layout)layout;
    }
    for (int i = 0; i < single->n_in; i++) {
        const cJSON *index = cJSON_GetArrayItem(inputs, i);
        const double value = cJSON_IsNumber(index) ? index->valuedouble : -1;
        if (!(value >= 0 && value < single->n_operands) || value != floor(value))
            return refuse(repro, "an input has no number that there is", error);
        repro->input[i] = (int)value;
    }
    single->input = repro->input;
    single->operands = repro->operands;
    return CUPEL_OK;
}

/* Places in an image are taken as they come by the ops that read them, because only maxpool makes them. */
static bool places_are_valid(const struct repro *repro, const struct cupel_shape *image) {
    const struct single *single = &repro->single;
    if (single->op != OP_maxpool_grad && single->op != OP_maxpool_pick) return true;
    const struct operand *places = &repro->operands[repro->input[1]];
    const int64_t count = cupel_shape_count(&places->shape), end = image->dim[2] * image->dim[3];
    for (int64_t i = 0; i < count; i++) {
        const int32_t place = ((const int32_t *)places->data)[i];
        if (place < 0 || place >= end) return false;
    }
    return true;
}

/* Lets the op look at inputs and attributes, and compares what it would make with what was saved. */
static enum cupel_status check_node(struct repro *repro, struct cupel_graph *graph,
                                    struct cupel_error *error) {
    const struct single *single = &repro->single;
    struct cupel_tensor *in[MOST_INPUTS];
    for (int i = 0; i < single->n_in; i++) {
        const struct operand *operand = &repro->operands[repro->input[i]];
        char name[24];
        snprintf(name, sizeof name, "in%d", repro->input[i]);
        in[i] = cupel_state(graph, name, operand->dtype, &operand->shape, NULL);
    }
    const struct cupel_tensor *made = node_add(graph, single->op, in, single->n_in, &single->attr);
    if (!made) return cupel_fail(error, CUPEL_INVALID, "%s: %s", repro->path, graph->error.message);
    repro->n_out = made->node->n_out;
    if (count_of(repro, "output_types") != repro->n_out)
        return refuse(repro, "it has another number of outputs than its op", error);
    for (int i = 0; i < repro->n_out; i++) {
        char name[40];
        const struct cupel_tensor *out = &made->node->out[i];
        for (int k = 0; k < 2; k++) {
            snprintf(name, sizeof name, "%s/%d", k ? "got" : "expected", i);
            const struct cupel_weight *saved = cupel_weights_find(&repro->file, name);
            if (k && !saved) continue; /* it did not run */
            if (!saved || saved->dtype != out->dtype || !cupel_shape_equal(&saved->shape, &out->shape))
                return refuse(repro, "an output is missing, or not as the op makes it", error);
        }
        if (!read_stored(text_in(repro, "output_types", i), out->dtype, &repro->stored[i]))
            return refuse(repro, "an output has an impossible type", error);
    }
    const struct cupel_shape *image = single->op == OP_maxpool_pick ? &in[0]->shape : &made->shape;
    return places_are_valid(repro, image) ? CUPEL_OK : refuse(repro, "a place lies outside its image", error);
}

static enum cupel_status read_settings(struct repro *repro, struct cupel_error *error) {
    const cJSON *tolerance = cJSON_GetObjectItemCaseSensitive(repro->json, "tolerance"),
                *version = cJSON_GetObjectItemCaseSensitive(repro->json, "version");
    struct single *single = &repro->single;
    int op = 0;
    if (!cJSON_IsNumber(version) || version->valuedouble != VERSION)
        return refuse(repro, "it has no description, or one of another version", error);
    while (op < OP_COUNT && strcmp(ops[op].name, text_at(repro, "op")) != 0) op++;
    if (op == OP_COUNT || ops[op].flags & (OP_ALIAS | OP_SOURCE))
        return refuse(repro, "it names no op that runs", error);
    single->op = (enum op_id)op;
    const int layout = find_text(text_at(repro, "layout"), layouts, LAYOUTS);
    if (layout < 0 || cupel_precision_read(text_at(repro, "precision"), &repro->precision, NULL))
        return refuse(repro, "its layout or precision is none", error);
    single->layout = plan_layouts[layout];
    single->to_rows =
        op == OP_relayout && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(repro->json, "to_rows"));
    repro->deterministic = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(repro->json, "deterministic"));
    repro->tolerance = cJSON_IsNumber(tolerance) ? tolerance->valuedouble : 0;
    if (!(repro->tolerance > 0 && repro->tolerance < 1e30))
        return refuse(repro, "its tolerance is none", error);
    return attributes_read(repro->path, single->op,
                           cJSON_GetObjectItemCaseSensitive(repro->json, "attributes"), &single->attr, error);
}

static void repro_close(struct repro *repro) {
    cJSON_Delete(repro->json);
    cupel_weights_free(&repro->file);
    free(repro->input);
    free(repro->operands);
}

static enum cupel_status repro_open(const char *path, struct repro *repro, struct cupel_error *error) {
    *repro = (struct repro){.path = path};
    CUPEL_TRY(cupel_weights_load(path, &repro->file, error));
    const char *text = cupel_weights_metadata(&repro->file, DESCRIPTION);
    repro->json = text ? cJSON_Parse(text) : NULL;
    CUPEL_TRY(read_settings(repro, error));
    CUPEL_TRY(read_operands(repro, error));
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    const enum cupel_status status = graph ? check_node(repro, graph, error)
                                           : cupel_fail(error, CUPEL_NOMEM, "%s: no memory to read it", path);
    cupel_graph_free(graph);
    return status;
}

/* ---- running ---- */

/* Says so when the trusted device does not give what it gave then. */
static void compare_saved(const struct repro *repro, const struct evidence *evidence,
                          struct cupel_check_item *item) {
    for (int i = 0; i < evidence->n_out && !*item->note; i++) {
        char name[40];
        snprintf(name, sizeof name, "expected/%d", i);
        const struct operand *now = &evidence->expected[i];
        const struct cupel_weight *then = cupel_weights_find(&repro->file, name);
        const struct measure m =
            measure_arrays(now->data, then->data, now->dtype, now->stored, cupel_shape_count(&now->shape));
        if (!measure_passes(&m, now->dtype, item->tolerance))
            snprintf(item->note, sizeof item->note,
                     "the trusted device itself is off by %.2g from what it gave when the file was saved",
                     m.error);
    }
}

static enum cupel_status judge_repro(const struct repro *repro, const struct judge *judge,
                                     struct cupel_check *check, struct cupel_error *error) {
    struct cupel_check_item item = {.engine = "-"};
    struct evidence evidence;
    const struct node node = {.op = repro->single.op, .attr = repro->single.attr};
    CUPEL_TRY(device_check_precision(judge->device, judge->plan.precision, error));
    node_op_text(&node, item.op, sizeof item.op);
    snprintf(item.layer, sizeof item.layer, "%.119s", text_at(repro, "layer"));
    snprintf(item.place, sizeof item.place, "%.199s", text_at(repro, "place"));
    snprintf(item.saved, sizeof item.saved, "%.399s", repro->path);
    enum cupel_status status =
        judge_node(judge, &repro->single, repro->stored, true, &item, &evidence, error);
    if (status == CUPEL_OK) compare_saved(repro, &evidence, &item);
    if (status == CUPEL_OK) status = check_add(check, &item, error);
    evidence_free(&evidence);
    return status;
}

static enum cupel_status run_repro(const struct repro *repro, const struct cupel_check_options *options,
                                   struct cupel_check *check, struct cupel_error *error) {
    struct cupel_device *device = NULL, *against = NULL;
    const char *name = options->run.device ? options->run.device : text_at(repro, "device");
    const char *trusted = options->against ? options->against : text_at(repro, "against");
    CUPEL_TRY(cupel_device_open(name, options->run.threads, &device, error));
    enum cupel_status status = cupel_device_open(trusted, options->run.threads, &against, error);
    if (status == CUPEL_OK) {
        const struct judge judge = {
            .device = device,
            .against = against,
            .plan = {.precision = repro->precision,
                     .deterministic = options->run.deterministic || repro->deterministic},
            .tolerance = options->tolerance > 0 ? options->tolerance : repro->tolerance,
            .repeat = options->repeat};
        snprintf(check->device, sizeof check->device, "%s", cupel_device_name(device));
        snprintf(check->against, sizeof check->against, "%s", cupel_device_name(against));
        snprintf(check->precision, sizeof check->precision, "%s", cupel_precision_text(repro->precision));
        status = judge_repro(repro, &judge, check, error);
    }
    cupel_device_close(device);
    cupel_device_close(against);
    return status;
}

static enum cupel_status run_file(const char *path, const struct cupel_check_options *options,
                                  struct cupel_check *check, struct cupel_error *error) {
    struct repro repro;
    enum cupel_status status = repro_open(path, &repro, error);
    if (status == CUPEL_OK) status = run_repro(&repro, options, check, error);
    repro_close(&repro);
    return status;
}

static int is_repro(const struct dirent *entry) {
    static const char ending[] = ".safetensors";
    const size_t length = strlen(entry->d_name), end = strlen(ending);
    return length > end && strcmp(entry->d_name + length - end, ending) == 0;
}

static enum cupel_status run_directory(const char *path, const struct cupel_check_options *options,
                                       struct cupel_check *check, struct cupel_error *error) {
    struct dirent **names;
    const int count = scandir(path, &names, is_repro, alphasort);
    enum cupel_status status = CUPEL_OK;
    if (count < 0) return cupel_fail(error, CUPEL_INVALID, "%s: the directory cannot be read", path);
    if (count == 0)
        status = cupel_fail(error, CUPEL_INVALID, "%s: there are no .safetensors files in it", path);
    for (int i = 0; i < count; i++) {
        char *file = NULL;
        if (status == CUPEL_OK && asprintf(&file, "%s/%s", path, names[i]->d_name) < 0)
            status = cupel_fail(error, CUPEL_NOMEM, "%s: no memory to read it", path);
        if (status == CUPEL_OK) status = run_file(file, options, check, error);
        free(file);
        free(names[i]);
    }
    free(names);
    return status;
}

enum cupel_status cupel_check_repro(const char *path, const struct cupel_check_options *options,
                                    struct cupel_check *check, struct cupel_error *error) {
    struct stat file;
    *check = (struct cupel_check){.title = "Saved nodes"};
    CUPEL_TRY(options_check(options, error));
    snprintf(check->inputs, sizeof check->inputs, "%.380s", path);
    const bool directory = stat(path, &file) == 0 && S_ISDIR(file.st_mode);
    const enum cupel_status status = (directory ? run_directory : run_file)(path, options, check, error);
    if (status) cupel_check_free(check);
    return status;
}
