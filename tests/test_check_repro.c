/* Saved nodes: what a check saves can be run again, and files that lie are refused. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "check/repro.h"
#include "files.h"
#include "judges.h"
#include "training.h"

/* ---- attributes ---- */

static void expect_same(const struct node *node, const char *name) {
    struct buffer text = {0};
    union attr read;
    struct cupel_error error = {0};
    attributes_write(node->op, &node->attr, &text);
    cJSON *json = cJSON_Parse(text.data);
    cr_assert(json, "%s: %s", name, text.data);
    cr_assert_eq(attributes_read("file", node->op, json, &read, &error), CUPEL_OK, "%s: %s: %s", name,
                 error.message, text.data);
    union attr wrote = node->attr;
    /* What lies behind a bool came with the case's struct, whatever it was. */
    const struct {
        const char *op;
        size_t last, next;
    } gaps[] = {
        {"pool", offsetof(union attr, pool.pool.exclude_pad), offsetof(union attr, pool.pool.divisor)},
        {"sgd", offsetof(union attr, sgd.nesterov), sizeof(struct cupel_sgd)},
        {"adam", offsetof(union attr, adam.decoupled), sizeof(struct cupel_adam)},
    };
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        const size_t from = gaps[i].last + sizeof(bool);
        if (strstr(ops[node->op].name, gaps[i].op)) memset((char *)&wrote + from, 0, gaps[i].next - from);
    }
    cr_expect_eq(memcmp(&read, &wrote, sizeof read), 0, "%s, %s: %s", ops[node->op].name, name, text.data);
    cJSON_Delete(json);
    buffer_free(&text);
}

/* Every attribute that some case of the case table uses comes back. */
Test(check_repro, attributes_come_back) {
    int nodes = 0;
    for (int op = 0; op < OP_COUNT; op++)
        for (const struct op_case *one = case_rows[op].cases; one->name; one++) {
            struct trial trial;
            trial_build(&trial, one, "reference", CUPEL_F32);
            for (int n = 0; n < trial.graph->n_nodes; n++) {
                const struct node *node = trial.graph->nodes[n];
                if (ops[node->op].flags & (OP_ALIAS | OP_SOURCE)) continue;
                expect_same(node, one->name);
                nodes++;
            }
            trial_free(&trial);
        }
    cr_expect_gt(nodes, 500);
}

Test(check_repro, wrong_attributes_are_refused) {
    static const struct {
        enum op_id op;
        const char *text, *message;
    } cases[] = {
        {OP_relu, "{\"a\":1,\"b\":0}", "'n' of relu is missing"},
        {OP_relu, "{\"a\":1,\"b\":0,\"n\":0.5}", "'n' of relu is no possible value"},
        {OP_relu, "{\"a\":\"x\",\"b\":0,\"n\":0}", "'a' of relu is no possible value"},
        {OP_relu, "{\"a\":1,\"b\":0,\"n\":0,\"m\":1}", "has 3 attributes, not 4"},
        {OP_relu, "[]", "missing"},
        {OP_bilinear, "{\"factor\":[0,1]}", "no possible value"},
        {OP_bilinear, "{\"factor\":[1]}", "no possible value"},
        {OP_bilinear, "{\"factor\":[1,1e300]}", "no possible value"},
        {OP_batchnorm, "{\"momentum\":0,\"eps\":0,\"activation\":9,\"slope\":0}", "'activation'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        union attr attr;
        struct cupel_error error = {0};
        cJSON *json = cJSON_Parse(cases[i].text);
        cr_expect_eq(attributes_read("file", cases[i].op, json, &attr, &error), CUPEL_INVALID);
        cr_expect(strstr(error.message, cases[i].message), "%s", error.message);
        cJSON_Delete(json);
    }
}

Test(check_repro, infinite_attributes) {
    const struct node node = {.op = OP_clamp, .attr = {.number = {.a = -INFINITY, .b = INFINITY}}};
    expect_same(&node, "clamp");
}

/* ---- files ---- */

/* Saves what a check that lets nothing pass finds in the small model on cpu; the directory has a file for each node. */
static const char *save_nodes(struct cupel_check *check) {
    struct cupel_model *model = tiny_model("epochs: 1, optimizer: {adam: {lr: 0.01}}", "");
    struct cupel_error error = {0};
    const char *directory = temporary_path("repro");
    const struct cupel_check_options options = {
        .run = {.device = "cpu", .threads = 1}, .tolerance = 1e-12, .steps = 1, .save = directory};
    cr_assert_eq(cupel_check_model(model, &options, check, &error), CUPEL_OK, "%s", error.message);
    cupel_model_free(model);
    return directory;
}

/* The first item that was saved. */
static const struct cupel_check_item *first_saved(const struct cupel_check *check) {
    for (int i = 0; i < check->count; i++)
        if (*check->items[i].saved) return &check->items[i];
    cr_assert(false, "nothing was saved");
    return NULL;
}

Test(check_repro, saved_nodes_run_again) {
    struct cupel_check check, again;
    struct cupel_error error = {0};
    const char *directory = save_nodes(&check);
    cr_assert_gt(check.failed, 0);
    const struct cupel_check_options options = {.run = {.threads = 1}};
    cr_assert_eq(cupel_check_repro(directory, &options, &again, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(again.count, check.failed);
    cr_expect_eq(again.failed, check.failed, "the tolerance is the file's");
    cr_expect_str_eq(again.device, "cpu");
    int found = 0;
    for (int i = 0; i < check.count; i++) {
        const struct cupel_check_item *was = &check.items[i];
        if (was->verdict != CUPEL_CHECK_FAILED) continue;
        const struct cupel_check_item *is = &again.items[found++];
        cr_expect_str_eq(is->op, was->op);
        cr_expect_str_eq(is->layer, was->layer);
        cr_expect_str_eq(is->place, was->place);
        cr_expect_eq(is->got, was->got);
        cr_expect_eq(is->expected, was->expected);
        cr_expect_eq(is->error, was->error);
    }
    cupel_check_free(&again);
    const struct cupel_check_options other = {.run = {.device = "reference"}, .tolerance = 1e-5};
    cr_assert_eq(cupel_check_repro(first_saved(&check)->saved, &other, &again, &error), CUPEL_OK);
    cr_expect_eq(again.count, 1);
    cr_expect_eq(again.failed, 0);
    cr_expect_str_empty(again.items[0].note, "%s", again.items[0].note);
    cupel_check_free(&again);
    cupel_check_free(&check);
}

/* Changes a file: replaces a text of its description, or drops or reshapes a tensor, and expects a refusal. */
static void expect_refused(const char *path, const char *from, const char *to, const char *tensor,
                           const char *message) {
    struct cupel_weights file = {0}, changed = {0};
    struct cupel_error error = {0};
    struct cupel_check check;
    cr_assert_eq(cupel_weights_load(path, &file, &error), CUPEL_OK);
    const char *text = cupel_weights_metadata(&file, "cupel.check");
    char *whole = strdup(text), *at = from ? strstr(whole, from) : whole, *made;
    cr_assert(at, "there is no '%s' in %s", from, text);
    cr_assert_gt(asprintf(&made, "%.*s%s%s", (int)(at - whole), whole, to, at + (from ? strlen(from) : 0)),
                 0);
    cr_assert_eq(cupel_weights_set_metadata(&changed, "cupel.check", made, &error), CUPEL_OK);
    for (size_t i = 0; i < file.count; i++) {
        const struct cupel_weight *weight = &file.tensors[i];
        if (tensor && strcmp(weight->name, tensor) == 0) continue;
        cupel_weights_add(&changed, weight->name, weight->dtype, &weight->shape, weight->data, &error);
    }
    const char *other = temporary_path("changed.safetensors");
    cr_assert_eq(cupel_weights_save(&changed, other, &error), CUPEL_OK, "%s", error.message);
    cr_expect_eq(cupel_check_repro(other, &(struct cupel_check_options){0}, &check, &error), CUPEL_INVALID,
                 "'%s' for '%s' is taken", to, from);
    cr_expect(strstr(error.message, message) && strstr(error.message, "changed.safetensors"), "%s",
              error.message);
    cupel_weights_free(&file);
    cupel_weights_free(&changed);
    free(whole);
    free(made);
}

/* Saves a node by itself; the item gets the path. */
static void save_one(const struct single *single, const struct evidence *evidence,
                     struct cupel_check_item *item) {
    struct judge judge = {0};
    struct cupel_error error = {0};
    const char *directory = temporary_path("one");
    const struct cupel_check_options options = {.save = directory};
    cr_assert_eq(cupel_device_open("cpu", 1, &judge.device, &error), CUPEL_OK);
    judge.against = judge.device;
    cr_assert_eq(options_check(&options, &error), CUPEL_OK);
    cr_assert_eq(repro_save(directory, &judge, single, evidence, 7, item, &error), CUPEL_OK, "%s",
                 error.message);
    cupel_device_close(judge.device);
}

static const char *save_convolution(void) {
    static float x[50], weight[54], y[75];
    static struct cupel_check_item item = {.op = "conv2d", .layer = "net.conv1", .tolerance = 1e-5};
    static const int input[] = {0, 1};
    static const struct operand operands[] = {
        {CUPEL_F32, CUPEL_F32, {4, {1, 2, 5, 5}}, x, LAYOUT_CHANNELS_LAST},
        {CUPEL_F32, CUPEL_F32, {4, {3, 2, 3, 3}}, weight, LAYOUT_ROWS}};
    struct single single = {.op = OP_conv2d,
                            .n_in = 2,
                            .input = input,
                            .n_operands = 2,
                            .operands = operands,
                            .layout = CUPEL_LAYOUT_NHWC};
    single.attr.conv.conv = (struct cupel_conv){{1, 1}, {1, 1}, {1, 1}, 1, {0, 0}};
    const struct evidence evidence = {
        .n_out = 1, .expected = {{CUPEL_F32, CUPEL_F32, CUPEL_SHAPE(1, 3, 5, 5), y, LAYOUT_ROWS}}};
    save_one(&single, &evidence, &item);
    struct cupel_check check;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_check_repro(item.saved, &(struct cupel_check_options){0}, &check, &error), CUPEL_OK,
                 "%s", error.message);
    cr_assert_eq(check.failed, 0);
    cupel_check_free(&check);
    return item.saved;
}

Test(check_repro, files_that_lie_are_refused) {
    const char *path = save_convolution();
    expect_refused(path, "\"version\":1", "\"version\":2", NULL, "another version");
    expect_refused(path, "{", "", NULL, "no description");
    expect_refused(path, "\"op\":\"conv2d\"", "\"op\":\"conv3d\"", NULL, "names no op");
    expect_refused(path, "\"op\":\"conv2d\"", "\"op\":\"reshape\"", NULL, "names no op");
    expect_refused(path, "\"op\":\"conv2d\"", "\"op\":\"linear\"", NULL, "linear");
    expect_refused(path, "\"op\":\"conv2d\"", "\"op\":\"matmul\"", NULL, "attribute");
    expect_refused(path, "\"pad\":[1,1]", "\"pad\":[0,0]", NULL, "not as the op makes it");
    expect_refused(path, "\"pad\":[1,1]", "\"pad\":[-1,0]", NULL,
                   "attribute 'pad' of conv2d is no possible value");
    expect_refused(path, "\"stride\":[1,1]", "\"stride\":[1,1,1]", NULL, "attribute 'stride'");
    expect_refused(path, "\"groups\":1", "\"groups\":3", NULL, "divisible by groups");
    expect_refused(path, "\"inputs\":[0,", "\"inputs\":[9,", NULL, "no number that there is");
    expect_refused(path, "\"inputs\":[0,", "\"inputs\":[-1,", NULL, "no number that there is");
    expect_refused(path, "\"inputs\":[", "\"inputs\":[0,0,0,0,", NULL, "conv2d");
    expect_refused(path, "\"inputs\":[", "\"other\":[", NULL, "inputs are no list");
    expect_refused(path, "\"input_types\":[\"f32\"", "\"input_types\":[\"i32\"", NULL, "impossible type");
    expect_refused(path, "\"output_types\":[\"f32\"", "\"output_types\":[\"f64\"", NULL, "impossible type");
    expect_refused(path, "\"output_types\":[", "\"output_types\":[\"f32\",", NULL, "number of outputs");
    expect_refused(path, "\"precision\":\"f32\"", "\"precision\":\"f99\"", NULL, "precision");
    expect_refused(path, "\"layout\":\"", "\"layout\":\"X", NULL, "layout");
    expect_refused(path, "\"tolerance\":1e-05", "\"tolerance\":0", NULL, "tolerance");
    expect_refused(path, "{", "{", "input/1", "input is missing");
    expect_refused(path, "{", "{", "expected/0", "output is missing");
}

/* Kernels take maxpool's places as they come, so a file's must lie in the image. */
Test(check_repro, places_outside_an_image_are_refused) {
    static float dy[] = {1, 2};
    static int32_t places[] = {3, 99};
    static const int input[] = {0, 1};
    const struct operand operands[] = {{CUPEL_F32, CUPEL_F32, CUPEL_SHAPE(1, 1, 1, 2), dy, LAYOUT_ROWS},
                                       {CUPEL_I32, CUPEL_I32, CUPEL_SHAPE(1, 1, 1, 2), places, LAYOUT_ROWS}};
    struct single single = {.op = OP_maxpool_grad,
                            .n_in = 2,
                            .input = input,
                            .n_operands = 2,
                            .operands = operands,
                            .layout = CUPEL_LAYOUT_NCHW};
    single.attr.pool.pool = (struct cupel_pool){.kernel = {2, 2}, .stride = {2, 2}};
    single.attr.pool.image[0] = 2;
    single.attr.pool.image[1] = 4;
    static float dx[8];
    const struct evidence evidence = {
        .n_out = 1, .expected = {{CUPEL_F32, CUPEL_F32, CUPEL_SHAPE(1, 1, 2, 4), dx, LAYOUT_ROWS}}};
    struct cupel_error error = {0};
    struct cupel_check check;
    struct cupel_check_item item = {.op = "maxpool_grad", .layer = "net.<pool>/..", .tolerance = 1e-5};
    const struct cupel_check_options options = {.steps = 0};
    save_one(&single, &evidence, &item);
    cr_expect(strstr(item.saved, "/007-maxpool_grad-net._pool__...safetensors"), "%s", item.saved);
    cr_expect_eq(cupel_check_repro(item.saved, &options, &check, &error), CUPEL_INVALID);
    cr_expect(strstr(error.message, "a place lies outside its image"), "%s", error.message);
    places[1] = 7;
    error = (struct cupel_error){0};
    save_one(&single, &evidence, &item);
    cr_assert_eq(cupel_check_repro(item.saved, &options, &check, &error), CUPEL_OK, "%s", error.message);
    cr_expect(strstr(check.items[0].note, "the trusted device itself is off"), "%s", check.items[0].note);
    cupel_check_free(&check);
}

Test(check_repro, what_is_no_file) {
    struct cupel_check check;
    struct cupel_error error = {0};
    cr_expect_eq(cupel_check_repro("/nowhere", &(struct cupel_check_options){0}, &check, &error),
                 CUPEL_INVALID);
    cr_expect(strstr(error.message, "/nowhere"), "%s", error.message);
    error = (struct cupel_error){0};
    cr_expect_eq(cupel_check_repro("/proc/self/fdinfo", &(struct cupel_check_options){0}, &check, &error),
                 CUPEL_INVALID);
    cr_expect(strstr(error.message, "no .safetensors files"), "%s", error.message);
}
