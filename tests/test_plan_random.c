/* Random graphs, run with everything that a plan does to save memory and time and without it: the results
 * must be the same bits. The graphs mix what shares memory (aliases, parts, packs, new versions of states,
 * results over inputs) with what fuses and what wants a layout of its own. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "philox.h"

/* A tensor that later nodes may read. */
struct value {
    struct cupel_tensor *tensor;
    int version; /* of the range, when it lies in the range's own memory; else -1 */
    int depends; /* the newest version of the range that went into it */
};

enum { MAX_VALUES = 40, MAX_OUTPUTS = 4, SIZE = 64 };

/* One graph in the making. Most tensors have SIZE elements, so that they can become each other's shape. */
struct world {
    struct cupel_graph *graph;
    struct philox philox;
    uint64_t drawn;
    struct value values[MAX_VALUES];
    int count;
    struct value range; /* the newest version of the flat state that parts are taken from */
    int states;         /* made so far, for names */
};

static int draw(struct world *world, int bound) {
    return (int)(philox_word(&world->philox, world->drawn++) % (uint32_t)bound);
}

/* Mostly one of the newest: few nodes are left out of the plan then. */
static struct value any(struct world *world) {
    int newest = draw(world, 4) ? 4 : world->count;
    return world->values[world->count - 1 - draw(world, newest)];
}

/* A value of SIZE elements. */
static struct value any_full(struct world *world) {
    struct value value = any(world);
    while (cupel_shape_count(cupel_tensor_shape(value.tensor)) != SIZE) value = any(world);
    return value;
}

static struct cupel_tensor *new_state(struct world *world, const struct cupel_shape *shape, double centre) {
    char name[16];
    snprintf(name, sizeof name, "s%d", world->states++);
    return cupel_state(world->graph, name, CUPEL_F32, shape,
                       &(struct cupel_init){CUPEL_INIT_NORMAL, centre, 0.5});
}

static void add_value(struct world *world, struct cupel_tensor *tensor, int version, int depends) {
    if (world->count < MAX_VALUES) world->values[world->count++] = (struct value){tensor, version, depends};
}

/* Whether a kernel can read both: what reads an old version of the range has to run before the next one is
 * made, so it cannot also depend on that. */
static bool together(const struct value *a, const struct value *b) {
    int depends = a->depends > b->depends ? a->depends : b->depends;
    return (a->version < 0 || depends <= a->version) && (b->version < 0 || depends <= b->version);
}

/* Adds the result of a kernel that read a and b. */
static void add_result(struct world *world, struct cupel_tensor *tensor, const struct value *a,
                       const struct value *b) {
    add_value(world, tensor, -1, a->depends > b->depends ? a->depends : b->depends);
}

/* ---- shapes ---- */

static const struct cupel_shape forms[] = {
    {4, {2, 2, 4, 4}}, {4, {16, 1, 2, 2}}, {4, {1, 4, 4, 4}}, {4, {4, 1, 4, 4}},
    {2, {8, 8}},       {2, {4, 16}},       {1, {SIZE}},       {3, {2, 4, 8}},
};
enum { IMAGES = 4, FORMS = sizeof forms / sizeof *forms };

static struct value reshaped(struct value value, const struct cupel_shape *shape) {
    value.tensor = cupel_reshape(value.tensor, shape);
    return value;
}

static struct value any_image(struct world *world) {
    struct value value = any_full(world);
    return cupel_tensor_shape(value.tensor)->rank == 4 ? value : reshaped(value, &forms[draw(world, IMAGES)]);
}

static void move_reshape(struct world *world) {
    struct value value = reshaped(any_full(world), &forms[draw(world, FORMS)]);
    add_value(world, value.tensor, value.version, value.depends);
}

static void move_slice(struct world *world) {
    struct value x = any(world);
    struct cupel_shape shape = *cupel_tensor_shape(x.tensor), whole = shape;
    int64_t start[CUPEL_MAX_RANK] = {0};
    if (!shape.rank) return;
    int axis = draw(world, shape.rank);
    shape.dim[axis] = 1 + draw(world, (int)shape.dim[axis]);
    start[axis] = draw(world, (int)(whole.dim[axis] - shape.dim[axis]) + 1);
    struct cupel_tensor *slice = cupel_slice(x.tensor, start, &shape);
    add_result(world, draw(world, 2) ? slice : cupel_pad(slice, start, &whole), &x, &x);
}

static void move_transpose(struct world *world) {
    struct value x = any(world);
    int order[CUPEL_MAX_RANK], rank = cupel_tensor_shape(x.tensor)->rank;
    for (int i = 0; i < rank; i++) order[i] = i;
    if (rank < 2) return;
    order[0] = draw(world, rank);
    order[order[0]] = 0;
    add_result(world, cupel_transpose(x.tensor, order), &x, &x);
}

static void move_concat(struct world *world) {
    struct value a = any_full(world), b = any_full(world);
    const struct cupel_shape *shape = cupel_tensor_shape(a.tensor);
    if (!together(&a, &b)) return;
    struct cupel_tensor *both[] = {a.tensor, cupel_reshape(b.tensor, shape)};
    add_result(world, cupel_concat(both, 2, draw(world, shape->rank)), &a, &b);
}

/* One to three tensors, the same one perhaps more than once. */
static void move_pack(struct world *world) {
    struct value a = any(world), b = any(world);
    if (!together(&a, &b)) return;
    struct cupel_tensor *list[] = {a.tensor, b.tensor, draw(world, 2) ? a.tensor : b.tensor};
    struct cupel_tensor *pack = cupel_pack(list, 1 + draw(world, 3));
    if (draw(world, 2) && cupel_tensor_shape(pack)->dim[0] >= SIZE)
        pack = cupel_slice(pack, &(int64_t){0}, &CUPEL_SHAPE(SIZE));
    add_result(world, pack, &a, &b);
}

/* ---- arithmetic ---- */

static void move_unary(struct world *world) {
    struct value x = any(world);
    struct cupel_tensor *(*const plain[])(struct cupel_tensor *) = {
        cupel_relu, cupel_tanh, cupel_sigmoid, cupel_gelu, cupel_abs, cupel_softplus, cupel_flatten};
    int which = draw(world, 10);
    struct cupel_tensor *y = which < 7    ? plain[which](x.tensor)
                             : which == 7 ? cupel_scale(x.tensor, -0.75, 0.25)
                             : which == 8 ? cupel_leaky_relu(x.tensor, 0.1)
                                          : cupel_clamp(x.tensor, -1, 1);
    if (which == 6)
        add_value(world, y, x.version, x.depends);
    else
        add_result(world, y, &x, &x);
}

static void move_binary(struct world *world) {
    struct value a = any_full(world), b = any_full(world);
    if (!together(&a, &b)) return;
    struct cupel_tensor *other = cupel_reshape(b.tensor, cupel_tensor_shape(a.tensor));
    switch (draw(world, 3)) {
    case 0:
        add_result(world, cupel_add(a.tensor, other), &a, &b);
        return;
    case 1:
        add_result(world, cupel_sub(a.tensor, other), &a, &b);
        return;
    default:
        add_result(world, cupel_clamp(cupel_mul(a.tensor, other), -3, 3), &a, &b);
    }
}

/* x less its mean over some axes: a reduction and a broadcast. */
static void move_centre(struct world *world) {
    struct value x = any(world);
    unsigned axes = (unsigned)draw(world, 1 << cupel_tensor_shape(x.tensor)->rank);
    struct cupel_tensor *part =
        draw(world, 2) ? cupel_mean(x.tensor, axes, true) : cupel_max(x.tensor, axes, true);
    add_result(world, cupel_sub(x.tensor, part), &x, &x);
}

static void move_softmax(struct world *world) {
    struct value x = any(world);
    int rank = cupel_tensor_shape(x.tensor)->rank;
    if (rank) add_result(world, cupel_softmax(x.tensor, draw(world, rank)), &x, &x);
}

static void move_dropout(struct world *world) {
    struct value x = any(world);
    add_result(world, cupel_dropout(x.tensor, cupel_rng(world->graph), 0.25), &x, &x);
}

/* ---- layers ---- */

/* Three convolutions in four end in an activation that can be fused. */
static struct cupel_tensor *activated(struct world *world, struct cupel_tensor *x) {
    int which = draw(world, 4);
    return which == 0 ? cupel_relu(x) : which == 1 ? cupel_tanh(x) : which == 2 ? cupel_sigmoid(x) : x;
}

static void move_conv(struct world *world) {
    struct value x = any_image(world);
    int64_t channels = cupel_tensor_shape(x.tensor)->dim[1];
    struct cupel_conv conv = {.pad = {1, 1}};
    struct cupel_tensor *weight = new_state(world, &CUPEL_SHAPE(channels, channels, 3, 3), 0);
    struct cupel_tensor *bias = draw(world, 2) ? new_state(world, &CUPEL_SHAPE(channels), 0) : NULL;
    struct cupel_tensor *y = draw(world, 2) ? cupel_conv2d(x.tensor, weight, bias, &conv)
                                            : cupel_deconv2d(x.tensor, weight, bias, &conv);
    if (draw(world, 3) == 0) add_result(world, y, &x, &x); /* read by others, so not to be fused */
    add_result(world, activated(world, y), &x, &x);
}

/* Both operands are computed tensors. */
static void move_linear(struct world *world) {
    struct value x = any_full(world), weight = any_full(world);
    if (!together(&x, &weight)) return;
    struct cupel_tensor *y = cupel_linear(cupel_reshape(x.tensor, &CUPEL_SHAPE(8, 8)),
                                          cupel_reshape(weight.tensor, &CUPEL_SHAPE(8, 8)), NULL);
    add_result(world, activated(world, cupel_scale(y, 0.125, 0)), &x, &weight);
}

/* Weight and bias may be the input, of which the result must not take the memory then. */
static void move_layernorm(struct world *world) {
    struct value x = any_full(world), weight = any_full(world);
    if (!together(&x, &weight)) return;
    struct cupel_tensor *flat = cupel_reshape(weight.tensor, &CUPEL_SHAPE(SIZE));
    struct cupel_tensor *y =
        cupel_layernorm(cupel_reshape(x.tensor, &CUPEL_SHAPE(1, SIZE)), flat, flat, 1e-5);
    add_result(world, y, &x, &weight);
}

static void move_pool(struct world *world) {
    struct value x = any_image(world);
    struct cupel_pool pool = {.kernel = {2, 2}, .stride = {1 + draw(world, 2), 1}, .pad = {1, 1}};
    add_result(world, draw(world, 2) ? cupel_maxpool(x.tensor, &pool) : cupel_avgpool(x.tensor, &pool), &x,
               &x);
}

static void move_batchnorm(struct world *world) {
    struct value x = any_image(world);
    const struct cupel_shape shape = CUPEL_SHAPE(cupel_tensor_shape(x.tensor)->dim[1]);
    struct cupel_tensor *weight = new_state(world, &shape, 1), *bias = new_state(world, &shape, 0),
                        *mean = new_state(world, &shape, 0), *variance = new_state(world, &shape, 9);
    add_result(world, cupel_batchnorm(x.tensor, weight, bias, mean, variance, 0.1, 1e-3), &x, &x);
}

/* ---- states ---- */

static void move_part(struct world *world) {
    struct value range = world->range;
    int64_t offset = 16 * draw(world, 3);
    add_value(world, cupel_part(range.tensor, NULL, offset, &CUPEL_SHAPE(4, 4), NULL), range.version,
              range.depends);
}

static void move_update(struct world *world) {
    struct value *range = &world->range, by = any_full(world);
    if (!together(range, &by)) return;
    const struct cupel_sgd sgd = {.momentum = 0.5};
    const int64_t first = 16 * draw(world, 4), most = SIZE - first;
    const struct cupel_shape shape = CUPEL_SHAPE(draw(world, 2) ? most : 1 + draw(world, (int)most));
    cupel_state(world->graph, "velocity", CUPEL_F32, &CUPEL_SHAPE(SIZE), NULL);
    struct cupel_tensor *velocity = cupel_state_latest(world->graph, "velocity"), *old = range->tensor,
                        *flat = cupel_reshape(by.tensor, &CUPEL_SHAPE(SIZE)), *changed;
    if (draw(world, 2)) { /* a part alone */
        old = cupel_part(old, NULL, first, &shape, NULL);
        velocity = cupel_part(velocity, NULL, first, &shape, NULL);
        /* What lies in the range itself must not overlap its own new place. */
        const int64_t from = by.version >= 0 ? first : draw(world, (int)(SIZE - shape.dim[0]) + 1);
        flat = cupel_part(flat, NULL, from, &shape, NULL);
    }
    switch (draw(world, 4)) {
    case 0:
        changed = cupel_assign(old, flat);
        break;
    case 1:
        changed = cupel_assign_add(old, flat);
        break;
    case 2:
        changed = cupel_ema(old, flat, 0.9);
        break;
    default:
        changed = cupel_sgd(old, velocity, flat, cupel_fill(world->graph, &CUPEL_SCALAR, 0.1), NULL, &sgd);
    }
    range->tensor = cupel_state_latest(world->graph, "range");
    range->depends = ++range->version;
    add_value(world, changed, range->version, range->depends);
    if (changed != range->tensor) add_value(world, range->tensor, range->version, range->depends);
}

/* The gradient of one value for another. Before any update alone: later, the old versions that it needs may
 * be gone. */
static void move_gradient(struct world *world) {
    struct value y = any(world), x = any(world);
    struct cupel_tensor *gradient;
    if (world->range.version > 0) return;
    if (cupel_grad(y.tensor, NULL, &x.tensor, 1, &gradient) == CUPEL_OK)
        add_result(world, cupel_clamp(gradient, -3, 3), &x, &y);
}

static void (*const moves[])(struct world *) = {
    move_reshape, move_slice,     move_transpose, move_concat,  move_pack,     move_unary,  move_unary,
    move_binary,  move_centre,    move_softmax,   move_dropout, move_conv,     move_linear, move_layernorm,
    move_pool,    move_batchnorm, move_part,      move_update,  move_gradient,
};
enum { MOVES = sizeof moves / sizeof *moves, KINDS = 6 };

/* Builds the graph of a seed; returns how many outputs it has. */
static int build(struct world *world, int seed, struct cupel_tensor **outputs) {
    const struct cupel_init init = {CUPEL_INIT_NORMAL, 0, 1};
    *world = (struct world){.graph = cupel_graph_new(CUPEL_F32),
                            .philox = philox_start((uint64_t)seed, PHILOX_SHUFFLE, 1, 0)};
    world->range.tensor = cupel_state(world->graph, "range", CUPEL_F32, &CUPEL_SHAPE(SIZE), &init);
    add_value(world, world->range.tensor, 0, 0);
    add_value(world, cupel_part(world->range.tensor, "range.a", 0, &CUPEL_SHAPE(3, 5), &init), 0, 0);
    add_value(world, new_state(world, &CUPEL_SHAPE(2, 2, 4, 4), 0), -1, 0);
    add_value(world, new_state(world, &CUPEL_SHAPE(8, 8), 0), -1, 0);
    float constant[SIZE];
    for (int i = 0; i < SIZE; i++) constant[i] = (float)(i % 7) / 4 - 1;
    add_value(world, cupel_constant(world->graph, CUPEL_F32, &CUPEL_SHAPE(4, 16), constant), -1, 0);
    /* Few kinds of moves a graph: they meet each other more often then. */
    int kinds[KINDS];
    for (int i = 0; i < KINDS; i++) kinds[i] = draw(world, MOVES);
    for (int steps = 6 + draw(world, 30); steps > 0; steps--) {
        moves[kinds[draw(world, KINDS)]](world);
        const struct cupel_error *error = cupel_graph_error(world->graph);
        cr_assert_eq(error->status, CUPEL_OK, "seed %d: %s", seed, error->message);
    }
    int count = 1 + draw(world, MAX_OUTPUTS);
    outputs[0] = world->values[world->count - 1].tensor;
    for (int i = 1; i < count; i++) outputs[i] = any(world).tensor;
    return count;
}

/* ---- running ---- */

/* Everything that two runs of a graph leave: the outputs of both, and then the states. */
struct result {
    float *values;
    size_t count, room;
};

static float *result_room(struct result *result, size_t count) {
    if (result->count + count > result->room) {
        result->room = 2 * (result->count + count);
        result->values = realloc(result->values, result->room * sizeof *result->values);
    }
    result->count += count;
    return result->values + result->count - count;
}

static void read_outputs(struct cupel_plan *plan, struct cupel_tensor *const *outputs, int count,
                         struct result *result, struct cupel_error *error) {
    for (int i = 0; i < count; i++) {
        size_t n = (size_t)cupel_shape_count(cupel_tensor_shape(outputs[i]));
        cupel_plan_read(plan, i, result_room(result, n), n * sizeof(float), error);
    }
}

static void read_states(struct cupel_store *store, struct result *result, struct cupel_error *error) {
    for (int i = 0; i < cupel_store_count(store); i++) {
        struct cupel_store_entry entry = cupel_store_entry(store, i);
        size_t n = (size_t)cupel_shape_count(&entry.shape);
        if (entry.dtype == CUPEL_F32)
            cupel_store_read(store, entry.name, result_room(result, n), n * sizeof(float), error);
    }
}

static struct result run(int seed, struct cupel_device *device, const struct cupel_plan_options *options) {
    struct world world;
    struct cupel_tensor *outputs[MAX_OUTPUTS];
    struct cupel_plan *plan = NULL;
    struct cupel_error error = {0};
    struct result result = {0};
    int count = build(&world, seed, outputs);
    struct cupel_store *store = cupel_store_new(device, (uint64_t)seed);
    if (cupel_compile(store, world.graph, outputs, count, options, &plan, &error) == CUPEL_OK) {
        /* Devices that record a run do it in the second one and repeat it in the third. */
        for (int i = 0; i < 3 && cupel_run(plan, &error) == CUPEL_OK; i++)
            read_outputs(plan, outputs, count, &result, &error);
        read_states(store, &result, &error);
    }
    cr_assert_eq(error.status, CUPEL_OK, "seed %d on %s: %s", seed, cupel_device_name(device), error.message);
    cupel_plan_free(plan);
    cupel_store_free(store);
    cupel_graph_free(world.graph);
    return result;
}

static void expect_same_bits(const struct result *a, const struct result *b, int seed, const char *what) {
    cr_assert_eq(a->count, b->count);
    size_t at = 0;
    while (at < a->count && memcmp(&a->values[at], &b->values[at], sizeof(float)) == 0) at++;
    cr_expect_eq(at, a->count, "seed %d, %s: value %zu of %zu is %.9g, not %.9g", seed, what, at, a->count,
                 at < a->count ? (double)a->values[at] : 0, at < a->count ? (double)b->values[at] : 0);
}

static void expect_close(const struct result *a, const struct result *b, int seed, const char *what) {
    double difference = 0, norm = 1e-2; /* what is left of a cancellation may be noise */
    cr_assert_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        double gap = (double)a->values[i] - (double)b->values[i];
        difference += gap * gap;
        norm += (double)b->values[i] * (double)b->values[i];
    }
    cr_expect(difference <= 1e-8 * norm, "seed %d, %s: off by %.3g of %.3g", seed, what, sqrt(difference),
              sqrt(norm));
}

enum { SEEDS = 2000, DEVICE_SEEDS = 300 };

static struct cupel_device *opened(const char *name) {
    struct cupel_device *device = NULL;
    struct cupel_error error = {0};
    need_device(name);
    cr_assert_eq(cupel_device_open(name, 2, &device, &error), CUPEL_OK, "%s", error.message);
    return device;
}

static const enum cupel_layout layouts[] = {CUPEL_LAYOUT_NCHW, CUPEL_LAYOUT_NHWC, CUPEL_LAYOUT_CHWN};

/* The reference kernels add in one order whatever the layout, so all of its plans agree to the bit. */
Test(plan_random, reuse_and_layouts_change_no_bit_on_reference) {
    struct cupel_device *device = opened("reference");
    for (int seed = 0; seed < SEEDS; seed++) {
        struct result plain = run(seed, device, &(struct cupel_plan_options){.debug = true});
        struct result reused = run(seed, device, NULL);
        struct result laid = run(seed, device, &(struct cupel_plan_options){.layout = layouts[1 + seed % 2]});
        struct result unfused = run(seed, device, &(struct cupel_plan_options){.nofuse = true});
        expect_same_bits(&reused, &plain, seed, "reuse");
        expect_same_bits(&laid, &plain, seed, seed % 2 ? "CHWN" : "NHWC");
        expect_close(&unfused, &plain, seed, "not fused");
        free(plain.values);
        free(reused.values);
        free(laid.values);
        free(unfused.values);
    }
    cupel_device_close(device);
}

/* Nor does memory reuse, or doing independent calls at the same time, on any device; and what it computes is what the
 * reference does. */
static void judge_device(const char *name, const enum cupel_layout *among, int n_layouts) {
    struct cupel_device *device = opened(name), *reference = opened("reference");
    for (int seed = 0; seed < DEVICE_SEEDS; seed++) {
        const enum cupel_layout layout = among[seed % n_layouts];
        struct result oracle = run(seed, reference, NULL);
        struct result plain =
            run(seed, device, &(struct cupel_plan_options){.debug = true, .layout = layout});
        struct result reused = run(seed, device, &(struct cupel_plan_options){.layout = layout});
        expect_same_bits(&reused, &plain, seed, "reuse");
        expect_close(&plain, &oracle, seed, name);
        free(oracle.values);
        free(plain.values);
        free(reused.values);
    }
    cupel_device_close(device);
    cupel_device_close(reference);
}

Test(plan_random, cpu_follows_reference) {
    judge_device("cpu", layouts, 3);
}

Test(plan_random, emu_follows_reference) {
    judge_device("emu", layouts, 2);
}

Test(plan_random, cuda_follows_reference) {
    judge_device("cuda", layouts, 2);
}
