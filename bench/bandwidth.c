/* How fast kernels that only move memory move it: GB/s of single ops on large tensors.
 *
 *     bandwidth [DEVICE [MIB]]
 *
 * Each op is run as chains of two lengths, not fused, in plans of their own, and the difference of their times is what the links
 * between take: launches, the wait for the end and conversions at the ends cancel. Prints one JSON line an op. Bytes
 * are those that any kernel for the op must move: batchnorm reads its input twice and writes once, its gradient reads two
 * tensors twice. DEVICE is cuda, MIB the size of one f32 tensor, 256, unless said otherwise. */
#include <cupel/cupel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHORT = 2, LONG = 8, WARM_UPS = 3, RUNS = 5, TIMES = 7 };

struct test {
    const char *name;
    /* Appends one op to a chain that has come to x; `other` is another tensor of its shape. */
    struct cupel_tensor *(*link)(struct cupel_tensor *x, struct cupel_tensor *other, int index);
    int tensors;   /* read and written by one link */
    bool pair;     /* the link reads `other`, which is NULL else */
    bool states;   /* of states, which are f32 in every precision */
    bool gradient; /* what differentiating a link takes beside the link */
};

static struct cupel_shape shape_of(int64_t mib) {
    return (struct cupel_shape){4, {mib * 4, 64, 32, 32}};
}

static struct cupel_tensor *state(struct cupel_graph *graph, const char *what, int index,
                                  const struct cupel_shape *shape, double value) {
    char name[40];
    snprintf(name, sizeof name, "%s%d", what, index);
    const struct cupel_init init = {CUPEL_INIT_CONSTANT, value, 0};
    return cupel_state(graph, name, CUPEL_F32, shape, &init);
}

#define LINK(name, expression)                                                                               \
    static struct cupel_tensor *link_##name(struct cupel_tensor *x, struct cupel_tensor *other, int index) { \
        (void)other, (void)index;                                                                            \
        return expression;                                                                                   \
    }
LINK(relu, cupel_relu(x))
LINK(gelu, cupel_gelu(x))
LINK(add, cupel_add(x, other))
LINK(bias_add, cupel_bias_add(x, state(cupel_tensor_graph(x), "bias", index, &CUPEL_SHAPE(64), 0.1)))

static struct cupel_tensor *link_batchnorm(struct cupel_tensor *x, struct cupel_tensor *other, int index) {
    (void)other;
    struct cupel_graph *graph = cupel_tensor_graph(x);
    const struct cupel_shape channels = CUPEL_SHAPE(64);
    return cupel_batchnorm(
        x, state(graph, "weight", index, &channels, 1), state(graph, "bias", index, &channels, 0),
        state(graph, "mean", index, &channels, 0), state(graph, "variance", index, &channels, 1), 0.1, 1e-5);
}

static struct cupel_tensor *link_adam(struct cupel_tensor *x, struct cupel_tensor *other, int index) {
    (void)other, (void)index;
    struct cupel_graph *graph = cupel_tensor_graph(x);
    const struct cupel_shape *shape = cupel_tensor_shape(x), one = CUPEL_SHAPE(1);
    const struct cupel_init first = {CUPEL_INIT_CONSTANT, 1, 0};
    const struct cupel_adam adam = {0.9, 0.999, 1e-8, 0, false};
    state(graph, "moment", 1, shape, 0);
    state(graph, "moment", 2, shape, 0);
    return cupel_adam(x, cupel_state_latest(graph, "moment1"), cupel_state_latest(graph, "moment2"),
                      state(graph, "gradient", 0, shape, 0.01), state(graph, "rate", 0, &one, 1e-3),
                      cupel_state(graph, "step", CUPEL_I64, &one, &first), &adam);
}

static const struct test tests[] = {
    {"relu", link_relu, .tensors = 2},
    {"gelu", link_gelu, .tensors = 2},
    {"add", link_add, .tensors = 3, .pair = true},
    {"bias_add", link_bias_add, .tensors = 2},
    {"batchnorm", link_batchnorm, .tensors = 3},
    {"batchnorm_grad", link_batchnorm, .tensors = 5, .gradient = true},
    {"adam", link_adam, .tensors = 7, .states = true},
};

/* One element of the chain's end, whose reading waits for all of it. */
static struct cupel_tensor *build(const struct test *test, struct cupel_graph *graph, int length, int64_t mib,
                                  bool gradient) {
    const struct cupel_shape shape = shape_of(mib), one = {4, {1, 1, 1, 1}};
    struct cupel_tensor *start = state(graph, "x", 0, &shape, 1), *x = start, *slope;
    struct cupel_tensor *other = test->pair ? cupel_relu(start) : NULL;
    for (int i = 0; i < length; i++) x = test->link(x, other, i);
    if (gradient) {
        if (cupel_grad(x, state(graph, "upstream", 0, &shape, 1), &start, 1, &slope) != CUPEL_OK) return NULL;
        x = slope;
    }
    return cupel_slice(x, (const int64_t[4]){0}, &one);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median time of one run. */
static enum cupel_status time_runs(struct cupel_plan *plan, double *seconds, struct cupel_error *error) {
    double times[TIMES];
    float value;
    for (int i = 0; i < WARM_UPS; i++) CUPEL_TRY(cupel_run(plan, error));
    CUPEL_TRY(cupel_plan_read(plan, 0, &value, sizeof value, error));
    for (int t = 0; t < TIMES; t++) {
        const double start = now();
        for (int r = 0; r < RUNS; r++) CUPEL_TRY(cupel_run(plan, error));
        CUPEL_TRY(cupel_plan_read(plan, 0, &value, sizeof value, error));
        times[t] = (now() - start) / RUNS;
    }
    qsort(times, TIMES, sizeof *times, ascending);
    *seconds = times[TIMES / 2];
    return CUPEL_OK;
}

static enum cupel_status time_chain(const struct test *test, struct cupel_device *device, int length,
                                    int64_t mib, enum cupel_precision precision, bool gradient,
                                    double *seconds, struct cupel_error *error) {
    const struct cupel_plan_options options = {.precision = precision, .everywhere = true, .nofuse = true};
    struct cupel_store *store = cupel_store_new(device, 1);
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_plan *plan = NULL;
    enum cupel_status status = CUPEL_NOMEM;
    if (store && graph) {
        struct cupel_tensor *end = build(test, graph, length, mib, gradient);
        status = cupel_compile(store, graph, &end, 1, &options, &plan, error);
    }
    if (status == CUPEL_OK) status = time_runs(plan, seconds, error);
    cupel_plan_free(plan);
    cupel_graph_free(graph);
    cupel_store_free(store);
    return status;
}

static enum cupel_status time_link(const struct test *test, struct cupel_device *device, int64_t mib,
                                   enum cupel_precision precision, bool gradient, double *seconds,
                                   struct cupel_error *error) {
    double few = 0, many = 0;
    CUPEL_TRY(time_chain(test, device, SHORT, mib, precision, gradient, &few, error));
    CUPEL_TRY(time_chain(test, device, LONG, mib, precision, gradient, &many, error));
    *seconds = (many - few) / (LONG - SHORT);
    return CUPEL_OK;
}

static enum cupel_status measure(const struct test *test, struct cupel_device *device, int64_t mib,
                                 enum cupel_precision precision, struct cupel_error *error) {
    double seconds = 0, beside = 0;
    CUPEL_TRY(time_link(test, device, mib, precision, test->gradient, &seconds, error));
    if (test->gradient) CUPEL_TRY(time_link(test, device, mib, precision, false, &beside, error));
    seconds -= beside;
    const bool half = precision != CUPEL_PRECISION_F32;
    const double bytes = (double)test->tensors * (double)mib * (1 << 20) / (half ? 2 : 1);
    printf("{\"kernel\": \"%s\", \"type\": \"%s\", \"bytes\": %.0f, \"seconds\": %.9f, \"gb_per_s\": %.1f}\n",
           test->name, half ? "bf16" : "f32", bytes, seconds, bytes / seconds / 1e9);
    fflush(stdout);
    return CUPEL_OK;
}

int main(int count, char **words) {
    const char *name = count > 1 ? words[1] : "cuda";
    const int64_t mib = count > 2 ? strtoll(words[2], NULL, 10) : 256;
    struct cupel_error error = {0};
    struct cupel_device *device;
    if (mib < 1 || cupel_device_open(name, 0, &device, &error)) {
        fprintf(stderr, "%s\n", mib < 1 ? "usage: bandwidth [DEVICE [MIB]]" : error.message);
        return 1;
    }
    int failed = 0;
    const bool half = strcmp(name, "cpu") != 0 && strcmp(name, "reference") != 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        for (int p = 0; p <= (half && !tests[i].states); p++) {
            const enum cupel_precision precision = p ? CUPEL_PRECISION_BF16 : CUPEL_PRECISION_F32;
            if (measure(&tests[i], device, mib, precision, &error) == CUPEL_OK) continue;
            fprintf(stderr, "%s: %s\n", tests[i].name, error.message);
            failed++;
        }
    }
    cupel_device_close(device);
    return failed > 0;
}
