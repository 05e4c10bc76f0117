/* A multilayer perceptron on a graph built by hand: is a point inside the circle?
 *
 *     build/examples/mlp
 *
 * One graph holds the whole step: the forward pass, the loss, the gradients that cupel_grad adds, and the
 * update of the parameters. It is compiled once and run two thousand times. */
#include <cupel/cupel.h>
#include <stdio.h>

enum { POINTS = 256, HIDDEN = 16, STEPS = 2000, REPORT = 200 };

/* A layer's weight [out, in] and bias [out], two states with PyTorch's initial values. */
static void add_layer(struct cupel_graph *graph, const char *weight, const char *bias, int64_t in,
                      int64_t out, struct cupel_tensor **parameters) {
    const struct cupel_init init = {CUPEL_INIT_KAIMING_UNIFORM, 2.2360679775, 0};
    parameters[0] = cupel_state(graph, weight, CUPEL_F32, &CUPEL_SHAPE(out, in), &init);
    parameters[1] = cupel_state(graph, bias, CUPEL_F32, &CUPEL_SHAPE(out), NULL);
}

/* The points lie on a grid over [-1, 1] x [-1, 1]; the label says which are inside the circle. */
static void make_points(float *points, int32_t *labels) {
    for (int i = 0; i < POINTS; i++) {
        float x = (float)(i % 16) / 7.5f - 1, y = (float)(i / 16) / 7.5f - 1;
        points[2 * i] = x;
        points[2 * i + 1] = y;
        labels[i] = x * x + y * y < 0.5f;
    }
}

/* Appends one step of gradient descent and returns the loss before it. */
static struct cupel_tensor *build(struct cupel_graph *graph) {
    static float points[2 * POINTS];
    static int32_t labels[POINTS];
    struct cupel_tensor *parameters[4], *gradients[4];
    make_points(points, labels);
    struct cupel_tensor *x = cupel_constant(graph, CUPEL_F32, &CUPEL_SHAPE(POINTS, 2), points);
    struct cupel_tensor *label = cupel_constant(graph, CUPEL_I32, &CUPEL_SHAPE(POINTS), labels);
    add_layer(graph, "hidden.weight", "hidden.bias", 2, HIDDEN, parameters);
    add_layer(graph, "output.weight", "output.bias", HIDDEN, 2, parameters + 2);

    struct cupel_tensor *hidden = cupel_tanh(cupel_linear(x, parameters[0], parameters[1]));
    struct cupel_tensor *logits = cupel_linear(hidden, parameters[2], parameters[3]);
    struct cupel_tensor *loss = cupel_cross_entropy(logits, label, 0, -100);

    cupel_grad(loss, NULL, parameters, 4, gradients);
    for (int i = 0; i < 4; i++)
        cupel_assign(parameters[i], cupel_sub(parameters[i], cupel_scale(gradients[i], 0.5, 0)));
    return loss;
}

static enum cupel_status train(struct cupel_device *device, struct cupel_graph *graph,
                               struct cupel_store *store, struct cupel_error *error) {
    struct cupel_tensor *loss = build(graph);
    struct cupel_plan *plan;
    CUPEL_TRY(cupel_compile(store, graph, &loss, 1, NULL, &plan, error));
    enum cupel_status status = CUPEL_OK;
    printf("on %s\n", cupel_device_describe(device));
    for (int step = 0; step <= STEPS && status == CUPEL_OK; step++) {
        float value = 0;
        status = cupel_run(plan, error);
        if (status == CUPEL_OK && step % REPORT == 0) {
            status = cupel_plan_read(plan, 0, &value, sizeof value, error);
            printf("step %4d  loss %.4f\n", step, (double)value);
        }
    }
    cupel_plan_free(plan);
    return status;
}

int main(void) {
    struct cupel_error error = {0};
    struct cupel_device *device;
    if (cupel_device_open("auto", 0, &device, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    struct cupel_graph *graph = cupel_graph_new(CUPEL_F32);
    struct cupel_store *store = cupel_store_new(device, 1); /* initial values from seed 1 */
    enum cupel_status status = graph && store ? train(device, graph, store, &error) : CUPEL_NOMEM;
    if (status) fprintf(stderr, "%s\n", error.message);
    cupel_store_free(store);
    cupel_graph_free(graph);
    cupel_device_close(device);
    return status != CUPEL_OK;
}
