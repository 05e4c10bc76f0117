/* Choosing between ways to serve a call: by a clock that the tests set, and remembered in a file. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/tune.h"
#include "cupel/ops.h"
#include "cupel/plan.h"
#include "files.h"

/* Ways are "own 3" and "other 1": the number is the time that they take; what they hold is counted. */
static int held, prepared, timed;
static const char *own_ways[5], *other_ways[5];

static void nothing(struct call *call) {
    (void)call;
}

static void let_go(void *what) {
    free(what);
    held--;
}

static enum cupel_status prepare(struct call *call, const char *name, struct cupel_error *error) {
    prepared++;
    if (strstr(name, "refuses")) return cupel_fail(error, CUPEL_UNSUPPORTED, "%s is refused", name);
    call->kernel = nothing;
    call->prepared = strdup(name);
    call->engine = call->prepared;
    call->release = let_go;
    call->workspace_bytes = 64;
    held++;
    return CUPEL_OK;
}

static int list(const char *const *names, struct tune_way *ways, int room) {
    int count = 0;
    for (; count < room && names[count]; count++)
        snprintf(ways[count].name, sizeof ways[count].name, "%s", names[count]);
    return count;
}
static int list_own(const struct call *call, struct tune_way *ways, int room) {
    (void)call;
    return list(own_ways, ways, room);
}
static int list_other(const struct call *call, struct tune_way *ways, int room) {
    (void)call;
    return list(other_ways, ways, room);
}
static const struct tune_source own = {"own", list_own, prepare}, other = {"other", list_other, prepare};
static const struct tune_source *const sources[] = {&own, &other};
static const struct tune_question question = {"op", sources, 2};

static enum cupel_status watch(struct call *call, double *seconds, struct cupel_error *error) {
    timed++;
    *seconds = atof(strrchr(call->engine, ' '));
    return *seconds > 0 ? CUPEL_OK : cupel_fail(error, CUPEL_NOMEM, "no time is known");
}

struct subject {
    struct view in, out;
    struct call call;
};

static void subject_make(struct subject *subject, int64_t n) {
    *subject = (struct subject){.in = {.shape = CUPEL_SHAPE(n, 2), .stride = {2, 1}},
                                .out = {.shape = CUPEL_SHAPE(n), .stride = {1}}};
    subject->call = (struct call){.in = &subject->in, .out = &subject->out, .n_in = 1, .n_out = 1};
}

/* Asks for a way, checks its name and lets it go. */
static void expect_way(struct tune_table *table, tune_timer timer, int64_t n, const char *name) {
    struct subject subject;
    struct cupel_error error = {0};
    subject_make(&subject, n);
    cr_assert_eq(tune_choose(table, timer, &subject.call, &question, &error), CUPEL_OK, "%s", error.message);
    cr_expect_str_eq(subject.call.engine, name);
    cr_expect_eq(held, 1, "%d ways are held", held);
    subject.call.release(subject.call.prepared);
}

static void offer(const char *a, const char *b, const char *c) {
    own_ways[0] = a;
    own_ways[1] = b;
    other_ways[0] = c;
}

Test(tune, the_fastest_way_is_chosen_and_not_timed_again) {
    struct tune_table *table = tune_open(NULL);
    offer("own 3", "own 2", "other 2.5");
    expect_way(table, watch, 1, "own 2");
    cr_expect_eq(timed, 3);
    expect_way(table, watch, 1, "own 2");
    cr_expect_eq(timed, 3);
    expect_way(table, watch, 5, "own 2"); /* another shape is another question */
    cr_expect_eq(timed, 6);
    tune_close(table);
}

Test(tune, without_times_the_first_that_serves_is_taken) {
    struct tune_table *table = tune_open(NULL);
    offer("own refuses", "own 9", "other 1");
    expect_way(table, NULL, 1, "own 9");
    expect_way(table, NULL, 1, "own 9");
    cr_expect_eq(timed, 0);
    struct subject subject;
    subject_make(&subject, 2);
    subject.call.deterministic = true;
    cr_assert_eq(tune_choose(table, watch, &subject.call, &question, NULL), CUPEL_OK);
    cr_expect_str_eq(subject.call.engine, "own 9");
    cr_expect_eq(timed, 0, "a deterministic call was timed");
    let_go(subject.call.prepared);
    tune_close(table);
}

Test(tune, ways_that_fail_are_left_out) {
    struct tune_table *table = tune_open(NULL);
    offer("own refuses", "own 0", "other 4");
    expect_way(table, watch, 1, "other 4");
    other_ways[0] = "other 0"; /* nothing can be timed: the first that serves */
    expect_way(table, watch, 2, "own 0");
    offer("own refuses", NULL, "other refuses");
    struct subject subject;
    struct cupel_error error = {0};
    subject_make(&subject, 3);
    cr_expect_eq(tune_choose(table, watch, &subject.call, &question, &error), CUPEL_UNSUPPORTED);
    cr_expect(strstr(error.message, "own refuses is refused"), "%s", error.message);
    cr_expect_eq(held, 0);
    tune_close(table);
}

Test(tune, choices_outlive_the_program) {
    char *path = temporary_path("some/folder/plans.json");
    offer("own 3", "own 2", "other 2.5");
    struct tune_table *table = tune_open(path), *second = tune_open(path);
    expect_way(table, watch, 1, "own 2");
    expect_way(second, watch, 2, "own 2"); /* as by a second process: it keeps what the first wrote */
    tune_close(table);
    tune_close(second);
    timed = 0;
    table = tune_open(path);
    expect_way(table, watch, 1, "own 2");
    expect_way(table, watch, 2, "own 2");
    cr_expect_eq(timed, 0, "a remembered way was timed again");
    expect_way(table, NULL, 1,
               "own 3"); /* where nothing is to be timed, times of earlier runs do not count */
    tune_close(table);
    free(path);
}

Test(tune, a_damaged_file_is_written_anew) {
    static const char *const damaged[] = {
        "",
        "{\"cupel\": \"" CUPEL_VERSION "\", \"choices\": {",
        "[1, 2]",
        "{\"cupel\": \"" CUPEL_VERSION "\", \"choices\": [3]}",
        "{\"cupel\": 7, \"choices\": {}}",
        "{\"cupel\": \"0.0.0\", \"choices\": {\"op t0:1x2/2,1 -> t0:1/1 p0\": \"other 2.5\"}}",
        "{\"cupel\": \"" CUPEL_VERSION "\", \"choices\": {\"op t0:1x2/2,1 -> t0:1/1 p0\": \"nobody 1\"}}",
        "{\"cupel\": \"" CUPEL_VERSION "\", \"choices\": {\"op t0:1x2/2,1 -> t0:1/1 p0\": \"own refuses\"}}",
        "{\"cupel\": \"" CUPEL_VERSION "\", \"choices\": {\"op t0:1x2/2,1 -> t0:1/1 p0\": 5}}",
    };
    char *path = temporary_path("plans.json");
    offer("own 3", "own 2", "other 2.5");
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        spill(path, damaged[i], strlen(damaged[i]));
        struct tune_table *table = tune_open(path);
        expect_way(table, watch, 1, "own 2");
        cr_expect_eq(timed, 3, "%s: %d timed", damaged[i], timed);
        tune_close(table);
        timed = 0;
        table = tune_open(path);
        expect_way(table, watch, 1, "own 2");
        cr_expect_eq(timed, 0, "%s was not mended", damaged[i]);
        tune_close(table);
    }
    /* And one that says what the others would say, were they whole: the key is what it seems to be. */
    static const char whole[] = "{\"cupel\": \"" CUPEL_VERSION
                                "\", "
                                "\"choices\": {\"op t0:1x2/2,1 -> t0:1/1 p0\": \"other 2.5\"}}";
    spill(path, whole, sizeof whole - 1);
    struct tune_table *table = tune_open(path);
    expect_way(table, watch, 1, "other 2.5");
    tune_close(table);
    free(path);
}

Test(tune, a_file_that_cannot_be_written_does_no_harm) {
    offer("own 3", "own 2", "other 2.5");
    struct tune_table *table = tune_open("/proc/none/plans.json");
    expect_way(table, watch, 1, "own 2");
    expect_way(table, watch, 1, "own 2");
    cr_expect_eq(timed, 3);
    tune_close(table);
}

Test(tune, keys_tell_calls_apart) {
    struct subject a, b;
    char key[300], second[300], cut[8];
    subject_make(&a, 3);
    tune_key(&a.call, "op", key, sizeof key);
    tune_key(&a.call, "op", cut, sizeof cut);
    cr_expect_eq(strncmp(key, cut, sizeof cut - 1), 0);
#define DIFFERS(change)                             \
    subject_make(&b, 3);                            \
    change;                                         \
    tune_key(&b.call, "op", second, sizeof second); \
    cr_expect_str_neq(key, second, "despite " #change)
    DIFFERS(b.in.stride[0] = 4);
    DIFFERS(b.out.dtype = CUPEL_BF16);
    DIFFERS(b.in.shape.dim[1] = 3);
    DIFFERS(b.call.precision = CUPEL_PRECISION_TF32);
    DIFFERS(b.call.deterministic = true);
    subject_make(&b, 3);
    tune_key(&b.call, "op", second, sizeof second);
    cr_expect_str_eq(key, second);
    tune_key(&b.call, "another", second, sizeof second);
    cr_expect_str_neq(key, second);
}

Test(tune, the_file_lies_in_the_cache) {
    char path[100];
    setenv("XDG_CACHE_HOME", "/cache", 1);
    tune_path("NVIDIA H200/9.19", path, sizeof path);
    cr_expect_str_eq(path, "/cache/cupel/plans-NVIDIA-H200-9.19.json");
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", "/home/a", 1);
    tune_path("x", path, sizeof path);
    cr_expect_str_eq(path, "/home/a/.cache/cupel/plans-x.json");
    tune_path("x", path, 20);
    cr_expect_str_eq(path, "");
    unsetenv("HOME");
    tune_path("x", path, sizeof path);
    cr_expect_str_eq(path, "");
}

/* The device's clock takes time by CUDA graphs and events, which the emulator has as well, though its times mean nothing. */
Test(tune, a_device_times_what_it_serves) {
    char *cache = temporary_path("cache"), *file;
    struct cupel_device *device;
    struct cupel_error error = {0};
    setenv("CUPEL_TUNE", "1", 1);
    setenv("XDG_CACHE_HOME", cache, 1);
    if (cupel_device_open("emu", 1, &device, &error) != CUPEL_OK) cr_skip_test("%s", error.message);
    struct cupel_store *store = cupel_store_new(device, 1);
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_plan *plan;
    const struct cupel_conv conv = {.pad = {1, 1}};
    struct cupel_tensor *x = cupel_state(graph, "x", CUPEL_F32, &CUPEL_SHAPE(2, 3, 5, 4), NULL),
                        *weight = cupel_state(graph, "weight", CUPEL_F32, &CUPEL_SHAPE(4, 3, 3, 3), NULL),
                        *y = cupel_conv2d(x, weight, NULL, &conv);
    cr_assert_eq(cupel_compile(store, graph, &y, 1, NULL, &plan, &error), CUPEL_OK, "%s", error.message);
    cr_assert_eq(cupel_run(plan, &error), CUPEL_OK, "%s", error.message);
    cr_assert_gt(asprintf(&file, "%s/cupel/plans-Cupel-emulator.json", cache), 0);
    FILE *kept = fopen(file, "r");
    cr_assert_not_null(kept, "%s", file);
    fclose(kept);
    free(file);
    cupel_plan_free(plan);
    cupel_graph_free(graph);
    cupel_store_free(store);
    cupel_device_close(device);
    free(cache);
}
